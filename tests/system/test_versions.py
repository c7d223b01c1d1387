"""Clients of every age meet sites of every policy: either they agree on a version, or both sides are
told that there is none. The hellos are written by hand, as no library of today would send them."""

import struct

import pytest

from client import Connection, fetch
from origins import Origin
from tidegate import command
from tlsbytes import ALERT_PROTOCOL_VERSION, RECORD_HANDSHAKE, alerts_in, records_in

SSL3, TLS10, TLS11, TLS12, TLS13 = range(0x0300, 0x0305)
GREASE = 0x1a1a
NAMES = {SSL3: "SSL 3.0", TLS10: "1.0", TLS11: "1.1", TLS12: "1.2", TLS13: "1.3"}

# host: what is written, and which versions that means
SITES = {
    "modern.example": ({"policy": "modern"}, TLS13, TLS13),
    "intermediate.example": ({"policy": "intermediate"}, TLS12, TLS13),
    "default.example": ({}, TLS12, TLS13),
    "old.example": ({"policy": "old"}, TLS10, TLS13),
    "only13.example": ({"min_version": "1.3"}, TLS13, TLS13),
    "only12.example": ({"max_version": "1.2"}, TLS12, TLS12),
    "from11.example": ({"min_version": "1.1"}, TLS11, TLS13),
    "old12.example": ({"policy": "old", "min_version": "1.2"}, TLS12, TLS13),
    "old11.example": ({"policy": "old", "max_version": "1.1"}, TLS10, TLS11),
    "only10.example": ({"min_version": "1.0", "max_version": "1.0"}, TLS10, TLS10),
}


@pytest.fixture(scope="module")
def gateway(start_for_module, ca):
    certificates = [ca.server(*SITES).settings(), ca.server(*SITES, kind="rsa").settings()]
    return start_for_module({"sites": [
        {"hosts": [host], "respond": {"body": "hello\n"},
         "tls": {"certificates": certificates, **tls}} for host, (tls, _, _) in SITES.items()]})


def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def numbers(values):
    return b"".join(struct.pack("!H", value) for value in values)


def extensions_for(host, version, versions):
    """versions: what supported_versions lists; None: there is no such extension."""
    name = host.encode()
    out = extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name)
    out += extension(10, b"\x00\x04\x00\x17\x00\x1d") + extension(11, b"\x01\x00")
    if version >= TLS12:
        out += extension(13, b"\x00\x0a\x04\x03\x08\x04\x04\x01\x02\x01\x02\x03")
    if versions is not None:
        out += extension(43, bytes([2 * len(versions)]) + numbers(versions))
        key_share = struct.pack("!HH", 0x1d, 32) + b"\x09" + bytes(31)
        out += extension(51, struct.pack("!H", len(key_share)) + key_share)
    return out


def hello(host, version, versions=None, record=TLS10, suites=()):
    """A ClientHello of that legacy_version in a record of that version; host None: no extensions,
    as in SSL 3.0."""
    suites = [0x1301, 0xc02b, 0xc02f, 0xc009, 0xc013, 0xc00a, 0xc014, 0x002f, 0x0035, *suites]
    extensions = extensions_for(host, version, versions) if host else b""
    body = (struct.pack("!H", version) + bytes(32) + b"\x00"
            + struct.pack("!H", 2 * len(suites)) + numbers(suites) + b"\x01\x00")
    if extensions:
        body += struct.pack("!H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", RECORD_HANDSHAKE, record, len(message)) + message


def ssl2_hello(version):
    """RFC 5246 appendix E.2."""
    specs = b"\x00\xc0\x2f\x00\x00\x2f\x01\x00\x80"
    body = b"\x01" + struct.pack("!HHHH", version, len(specs), 0, 16) + specs + bytes(16)
    return struct.pack("!H", 0x8000 | len(body)) + body


def exchange(gateway, data):
    """The first record that comes back, and how the log names the client."""
    with Connection(gateway.address) as connection:
        connection.send(data)
        received = b""
        while not records_in(received):
            more = connection.sock.recv(65536)
            assert more, f"the end after {received!r}"
            received += more
        return received, connection.local_text()


def answer_to(gateway, data):
    return exchange(gateway, data)[0]


def chosen_version(answer):
    """That of a ServerHello (RFC 8446 section 4.1.3), or None."""
    kind, payload = records_in(answer)[0]
    if kind != RECORD_HANDSHAKE:
        return None
    assert payload[0] == 2
    version = struct.unpack_from("!H", payload, 4)[0]
    at = 4 + 2 + 32
    at += 1 + payload[at] + 3
    at += 2  # the length of the extensions, where there are any
    while at < len(payload):
        kind, length = struct.unpack_from("!HH", payload, at)
        if kind == 43:
            version = struct.unpack_from("!H", payload, at + 4)[0]
        at += 4 + length
    return version


def expect_refusal(gateway, data, reason, **fields):
    answer, client = exchange(gateway, data)
    assert alerts_in(answer) == [ALERT_PROTOCOL_VERSION], answer
    # Another connection may have had the same port before.
    entry = gateway.wait_log(kind="connection", client=client, reason=reason, seconds=20, **fields)
    assert entry["refused_by"] == "gateway"
    assert entry["detail"] and entry["mend"]


def cases():
    """What a client offers, in the two ways of saying it."""
    for version in (TLS10, TLS11, TLS12):
        yield f"up to {NAMES[version]}", version, None, range(SSL3, version + 1)
    for versions in ([TLS13], [TLS13, TLS12], [TLS12], [TLS12, TLS11], [TLS11], [TLS10],
                     [GREASE, TLS13], [GREASE], [0x0305], [SSL3]):
        yield ("lists " + " ".join(f"{v:04x}" for v in versions), TLS12, versions, versions)


@pytest.mark.parametrize("record", [SSL3, TLS10, TLS12], ids=lambda version: f"record {version:04x}")
@pytest.mark.parametrize("host", SITES)
def test_every_client_at_every_site(gateway, host, record):
    _, lowest, highest = SITES[host]
    for name, version, versions, offered in cases():
        data = hello(host, version, versions, record)
        common = [v for v in offered if lowest <= v <= highest]
        if common:
            assert chosen_version(answer_to(gateway, data)) == max(common), name
        else:
            reason = "ssl3_client" if versions == [SSL3] else "no_common_version"
            expect_refusal(gateway, data, reason, sni=host)


def test_a_newer_hello_than_there_is(gateway):
    """legacy_version above 1.2, without a list: as 1.2 (RFC 8446 appendix D)."""
    for version in (TLS13, 0x0305, 0x03ff):
        assert chosen_version(answer_to(gateway, hello("default.example", version))) == TLS12
        expect_refusal(gateway, hello("modern.example", version), "no_common_version",
                       sni="modern.example")


def test_a_needless_fallback(gateway):
    """RFC 7507: the client could do better than this hello, and so can the site."""
    scsv = 0x5600
    answer, client = exchange(gateway, hello("old.example", TLS11, suites=[scsv]))
    assert alerts_in(answer) == [86]
    entry = gateway.wait_log(client=client, seconds=20)
    assert entry["reason"] == "inappropriate_fallback"
    assert chosen_version(answer_to(gateway, hello("old11.example", TLS11, suites=[scsv]))) == TLS11


@pytest.mark.parametrize("record", [SSL3, TLS10])
def test_ssl3(gateway, record):
    """Such a client can say no name: that is not what it is told."""
    expect_refusal(gateway, hello(None, SSL3, record=record), "ssl3_client")
    for host in ("old.example", "modern.example"):
        expect_refusal(gateway, hello(host, SSL3, record=record), "ssl3_client", sni=host)


@pytest.mark.parametrize("version", [0x0002, SSL3, TLS10, TLS12])
def test_ssl2(gateway, version):
    expect_refusal(gateway, ssl2_hello(version), "ssl2_client")


def test_ssl2_in_single_bytes(gateway):
    with Connection(gateway.address) as connection:
        for byte in ssl2_hello(2)[:5]:
            connection.send(bytes([byte]))
        assert alerts_in(connection.read(7)) == [ALERT_PROTOCOL_VERSION]
        client = connection.local_text()
    gateway.wait_log(client=client, reason="ssl2_client", seconds=20)


def test_ssl2_at_a_plain_port(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}]})
    expect_refusal(gateway, ssl2_hello(2), "ssl2_client")
    # What only looks like it for a while is a bad request.
    with Connection(gateway.address) as connection:
        connection.send(b"\x80\x2e\x01\x01\x01\r\n\r\n")
        assert connection.read_response().status == 400


def test_ssl3_and_ssl2_with_a_default_site(start, ca):
    # A hello without extensions leaves RSA key exchange alone, for which the key must be here.
    gateway = start({"key_process": "off", "sites": [{"hosts": ["*"], "respond": {"body": "x"}, "tls": {
        **ca.server("any.example", kind="rsa").settings(), "policy": "old"}}]})
    expect_refusal(gateway, hello(None, SSL3, record=SSL3), "ssl3_client")
    expect_refusal(gateway, ssl2_hello(SSL3), "ssl2_client")
    assert chosen_version(answer_to(gateway, hello(None, TLS10))) == TLS10


# ---- servers that choose what we did not offer ----


def server_hello(version, record):
    extensions = struct.pack("!HHB", 0xff01, 1, 0)
    body = (struct.pack("!H", version) + bytes(32) + b"\x00\xc0\x2f\x00"
            + struct.pack("!H", len(extensions)) + extensions)
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", RECORD_HANDSHAKE, record, len(message)) + message


def answering(data):
    def handler(connection):
        connection.recv()
        connection.send(data)
        connection.wait_end()
    return Origin(handler)


@pytest.mark.parametrize("version", [SSL3, TLS10, TLS11], ids=NAMES.get)
def test_old_servers(start, ca, version):
    with answering(server_hello(version, version)) as server:
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [server.address],
            "tls": {"ca": str(ca.file), "server_name": "api.internal"}}}]})
        assert fetch(gateway.address).status == 502
        assert gateway.wait_log(status=502, seconds=20)["reason"] == "no_common_version"
        done = command("explain", "https://api.internal/", "--connect", server.address, "--ca",
                       str(ca.file))
    assert done.returncode == 1
    assert "[no_common_version]" in done.stdout


def test_a_server_of_1_2_where_1_3_is_wanted(start, ca):
    with answering(server_hello(TLS12, TLS12)) as server:
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [server.address],
            "tls": {"ca": str(ca.file), "server_name": "api.internal",
                    "min_version": "TLSv1.3"}}}]})
        assert fetch(gateway.address).status == 502
        assert gateway.wait_log(status=502, seconds=20)["reason"] == "no_common_version"
