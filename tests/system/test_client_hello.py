"""What a ClientHello asks for, and how it comes: server names that are none, records that do not
belong, extensions without number, and protocols (ALPN) that are not spoken."""

import socket
import ssl
import struct
import subprocess

import pytest

from client import Connection
from origins import EchoOrigin, Origin
from tidegate import environment
from tlsbytes import (ALERT_UNRECOGNIZED_NAME, RECORD_HANDSHAKE, alerts_in, client_hello,
                      handshake_of, records_in, to_records)

SHARES_GATEWAYS = True  # see conftest.start

HOST = "shop.example"
UNEXPECTED_MESSAGE, DECODE_ERROR, NO_APPLICATION_PROTOCOL = 10, 50, 120
ALERT_RECORD = b"\x15\x03\x03\x00\x02\x02\x28"

NO_NAMES = {
    "IPv4": (b"10.0.0.5", "10.0.0.5"),
    "IPv6": (b"2001:db8::1", "2001:db8::1"),
    "port": (b"foo:443", "foo:443"),
    "long label": (b"a" * 64, "a" * 64),
    "long name": (b"abcdefgh." * 28 + b"ab", "abcdefgh." * 28 + "ab"),
    "UTF-8": ("bücher.example".encode(), "b\\xc3\\xbccher.example"),
    "empty label": (b"a..example", "a..example"),
    "dot": (b".", "."),
    "star": (b"*.example", "*.example"),
    "control": (b"a\x01b", "a\\x01b"),
}
no_names = pytest.mark.parametrize("name, shown", NO_NAMES.values(), ids=NO_NAMES.keys())


def with_extensions(hello, more):
    """The same message in records, with more extensions behind its own."""
    body = handshake_of(hello)[4:]
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + struct.unpack_from("!H", body, at)[0]
    at += 1 + body[at]
    extensions = body[at + 2:] + more
    body = body[:at] + struct.pack("!H", len(extensions)) + extensions
    return to_records(b"\x01" + len(body).to_bytes(3, "big") + body, [16384])


def hello_for(name):
    """A ClientHello that asks for these bytes, whatever they are."""
    entry = struct.pack("!BH", 0, len(name)) + name
    return with_extensions(client_hello(None), struct.pack("!HHH", 0, len(entry) + 2, len(entry))
                           + entry)


def answer_to(gateway, *parts):
    """What comes until the gateway waits for the client again, or closes."""
    with Connection(gateway.address) as connection:
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.send(part)
        data = b""
        while not records_in(data):
            more = connection.sock.recv(65536)
            if not more:
                break
            data += more
        return data


@pytest.fixture(scope="module")
def default(start_for_module, ca):
    """A default site that terminates TLS, and a named one."""
    return start_for_module({"timeouts": {"first_byte": "60s"}, "sites": [
        {"hosts": ["*"], "respond": {"body": "the default"},
         "tls": ca.server("default.example").settings()},
        {"hosts": [HOST, "under_score.example"], "respond": {"body": "the shop"},
         "tls": ca.server(HOST, "under_score.example").settings()}]})


def ask(gateway, ca, name):
    """openssl sends as SNI whatever it is given."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", name,
         "-CAfile", str(ca.file), "-quiet", "-ign_eof"], timeout=30, capture_output=True, check=False,
        input=b"GET / HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n", env=environment())
    return done.stdout


@no_names
def test_what_is_no_name_gets_the_default_site(default, ca, name, shown):
    before = len(default.log_entries())
    answer = ask(default, ca, name)
    assert answer.startswith(b"HTTP/1.1 200") and b"the default" in answer
    entry = default.wait_log(lambda _: len(default.log_entries()) > before, sni=shown)
    assert entry["status"] == 200


@pytest.mark.parametrize("name", ["shop.example", "SHOP.example", "shop.example.",
                                  "under_score.example"])
def test_what_is_a_name_gets_its_site(default, ca, name):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{default.port}", "-servername", name,
         "-CAfile", str(ca.file), "-quiet", "-ign_eof"], timeout=30, capture_output=True, check=False,
        input=f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode(),
        env=environment())
    assert b"the shop" in done.stdout


@no_names
def test_what_is_no_name_gets_the_default_backend(start, name, shown):
    """Passed through: every byte as it came."""
    def handler(connection):
        connection.send(b"seen")
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "passthrough": origin.address}]})
        hello = hello_for(name)
        with Connection(gateway.address) as connection:
            connection.send(hello)
            assert connection.sock.recv(4) == b"seen"
        entry = gateway.wait_log(kind="connection")
        assert entry["sni"] == shown and "reason" not in entry
        assert bytes(origin.connections[0].received) == hello


@no_names
def test_what_is_no_name_where_there_is_no_default(start, shop, name, shown):
    gateway = start({"sites": [{"hosts": [HOST], "respond": {"body": "x"},
                                "tls": shop.settings()}]})
    assert alerts_in(answer_to(gateway, hello_for(name))) == [ALERT_UNRECOGNIZED_NAME]
    entry = gateway.wait_log(reason="unusable_server_name")
    assert entry["sni"] == shown and "hosts" in entry["mend"] and entry["refused_by"] == "gateway"


@pytest.mark.parametrize("name", [b"a" * 256, b"abcdefgh." * 40, b"a\x00b"],
                         ids=["label", "name", "NUL"])
def test_names_that_the_library_does_not_take(default, start, name):
    """The default site cannot be given to them; passed through they are left to the server."""
    assert alerts_in(answer_to(default, hello_for(name))) == [ALERT_UNRECOGNIZED_NAME]
    entry = default.wait_log(reason="server_name_not_taken")
    assert "255" in entry["detail"] and len(entry["sni"]) <= 512
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "passthrough": origin.address}]})
        with Connection(gateway.address) as connection:
            connection.send(hello_for(name))
            connection.sock.shutdown(socket.SHUT_WR)
            connection.read_to_end()
        assert "reason" not in gateway.wait_log(kind="connection")


@pytest.mark.parametrize("extension", [
    b"\x00\x00\x00\x00", b"\x00\x00\x00\x02\x00\x00", b"\x00\x00\x00\x05\x00\x03\x00\x00\x00",
    b"\x00\x00\x00\x06\x00\x03\x00\x00\x01a", b"\x00\x00\x00\x07\x00\x05\x00\x00\x01ab",
    b"\x00\x00\x00\x0a\x00\x08\x00\x00\x01a\x00\x00\x01b",
], ids=["empty", "empty list", "empty name", "list too short", "bytes behind", "two names"])
def test_malformed_lists_of_names(default, extension):
    answer = answer_to(default, with_extensions(client_hello(None), extension))
    assert alerts_in(answer) == [DECODE_ERROR]


# ---- records ----


WRONG = {
    "data": b"\x17\x03\x03\x00\x05hello", "alert": ALERT_RECORD, "change cipher": b"\x14\x03\x03\x00\x01\x01",
    "garbage": b"\x00\xff\x00\xff", "text": b"GET / HTTP/1.1\r\n", "one byte": b"\x17",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("segments", [1, 2])
def test_wrong_record_within_a_hello(default, wrong, size, segments):
    """Judged when it comes, not when the rest should have come."""
    hello = to_records(handshake_of(client_hello(HOST)), [size])
    begin = hello[:2 * (size + 5)]
    before = len(default.log_entries())
    if segments == 1:
        answer = answer_to(default, begin + wrong)
    else:
        with Connection(default.address) as connection:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.send(begin)
            connection.sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                connection.sock.recv(1)
            connection.sock.settimeout(20)
            connection.send(wrong)
            answer = connection.read_to_end()
    assert alerts_in(answer) == [UNEXPECTED_MESSAGE]
    default.wait_log(lambda _: len(default.log_entries()) > before, reason="hello_record")


def test_wrong_message_in_the_second_part(default):
    """A length that the message has no room for, one byte at a time."""
    hello = to_records(handshake_of(client_hello(HOST)), [50])
    answer = answer_to(default, hello[:55], b"\x16\x03\x01", b"\x3f", b"\xff")
    assert alerts_in(answer) == [DECODE_ERROR]


@pytest.mark.parametrize("count", [100, 129, 1000, 4000])
def test_as_many_extensions_as_there_is_room_for(default, count):
    more = b"".join(struct.pack("!HH", 0x1000 + i, 0) for i in range(count))
    answer = answer_to(default, with_extensions(client_hello(HOST), more))
    assert records_in(answer)[0][0] == RECORD_HANDSHAKE


def test_more_extensions_than_the_limit(start, shop):
    gateway = start({"limits": {"hello": "4k"}, "sites": [
        {"hosts": [HOST], "respond": {"body": "x"}, "tls": shop.settings()}]})
    more = b"".join(struct.pack("!HH", 0x1000 + i, 0) for i in range(1100))
    assert alerts_in(answer_to(gateway, with_extensions(client_hello(HOST), more))) == [47]
    entry = gateway.wait_log(reason="hello_too_long")
    assert "limits.hello" in entry["mend"]


# ---- protocols ----


@pytest.fixture(scope="module")
def protocols(start_for_module, ca):
    return start_for_module({"sites": [
        {"hosts": [f"{word}.example"], "respond": {"body": "x"},
         "tls": {**ca.server(f"{word}.example").settings(), "protocols": setting}}
        for word, setting in (("h1", "h1"), ("h2", "h2"), ("both", "h2+h1"))]})


def agreed(gateway, ca, host, offered):
    context = ca.client_context()
    if offered:
        context.set_alpn_protocols(offered)
    with Connection(gateway.address, context, host) as connection:
        return connection.sock.selected_alpn_protocol()


@pytest.mark.parametrize("host, offered, result", [
    ("h2", ["h2"], "h2"), ("h2", ["http/1.1", "h2"], "h2"), ("h1", ["h2", "http/1.1"], "http/1.1"),
    ("both", ["http/1.1", "h2"], "h2"), ("both", ["http/1.1"], "http/1.1"), ("both", [], None),
    ("both", ["http/1.0"], "http/1.0"), ("h1", ["http/1.0", "http/1.1"], "http/1.1"),
    ("h1", [], None)])
def test_protocols_that_are_agreed_on(protocols, ca, host, offered, result):
    assert agreed(protocols, ca, f"{host}.example", offered) == result


@pytest.mark.parametrize("host, offered, reason, mend", [
    ("h2", ["http/1.1"], "no_common_protocol", "offer h2"),
    ("h2", ["acme-tls/1"], "no_common_protocol", "offer h2"),
    ("h2", [], "no_protocol_offered", "offer h2"),
    ("h2", ["http/1.0"], "no_common_protocol", "offer h2"),
    ("h1", ["h2"], "no_common_protocol", "offer http/1.1"),
    ("both", ["imap"], "no_common_protocol", "h2 or http/1.1"),
    ("both", [f"x{i}" for i in range(30)], "no_common_protocol", "h2 or http/1.1")])
def test_one_alone_means_alone(protocols, host, offered, reason, mend):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if offered:
        context.set_alpn_protocols(offered)
    before = len(protocols.log_entries())
    answer = answer_to(protocols, client_hello(f"{host}.example", context))
    assert alerts_in(answer) == [NO_APPLICATION_PROTOCOL]
    entry = protocols.wait_log(lambda entry: entry in protocols.log_entries()[before:],
                               reason=reason)
    assert mend in entry["mend"] and entry["refused_by"] == "gateway"


@pytest.mark.parametrize("kind", ["terminates", "passes"])
def test_acme_challenges_go_where_they_are_answered(start, ca, shop, kind):
    """TLS-ALPN-01 (RFC 8737), while the rest of the site's connections go on as ever."""
    def server(answer, protocols):
        context = ca.server(HOST).server_context()
        context.set_alpn_protocols(protocols)

        def handler(connection):
            connection.send(answer)
            connection.half_close()
            connection.wait_end()
        return Origin(handler, tls=context)

    with server(b"challenge", ["acme-tls/1"]) as acme, server(b"rest", ["http/1.1"]) as rest:
        own = {"tls": shop.settings(), "respond": {"body": "rest"}} if kind == "terminates" else \
            {"passthrough": rest.address}
        gateway = start({"sites": [{"hosts": [HOST], "acme_passthrough": acme.address, **own}]})

        def ask_for(protocol):
            context = ca.client_context()
            context.set_alpn_protocols([protocol])
            with Connection(gateway.address, context, HOST) as connection:
                connection.send(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                return connection.sock.selected_alpn_protocol(), connection.read_to_end()

        assert ask_for("acme-tls/1") == ("acme-tls/1", b"challenge")
        assert gateway.wait_log(mode="passthrough")["server"] == acme.address
        protocol, answer = ask_for("http/1.1")
        assert protocol == "http/1.1" and answer.endswith(b"rest")
