"""Bytes that are not HTTP: what is inside TLS that ends here (`tcp` of a site), and whatever comes to
a port (`tcp` of a listener): both directions and their ends, who the client is, which server."""

import contextlib
import json
import signal
import socket
import ssl
import struct

import pytest

from client import Connection, fetch, open_socket
from origins import EchoOrigin, Origin, free_port
from tidegate import command
from tlsbytes import WireTls
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 443\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def reverse(connection):
    """Each line comes back, turned round."""
    while True:
        line = connection.read_until(b"\n")
        connection.send(line[:-1][::-1] + b"\n")


def greeter(connection):
    """A server that speaks first, as those of SMTP and MySQL do."""
    connection.send(b"220 ready\r\n")
    assert connection.read_until(b"\n") == b"QUIT\r\n"
    connection.send(b"221 bye\r\n")
    connection.half_close()
    connection.read_to_end()


def count_all(connection):
    connection.send(b"%d bytes" % len(connection.read_to_end()))


def ended(shop, backend, **more):
    """TLS of shop.example ends here, and what is inside goes to the backend."""
    site = {"hosts": ["shop.example"], "tls": shop.settings(), "tcp": backend, **more.pop("site", {})}
    return {"sites": [site, *more.pop("others", [])], **more}


def plain(backend, **listener):
    return {"listeners": [{"bind": "127.0.0.1:0", "tcp": backend, **listener}]}  # no sites are needed


@pytest.fixture(name="kind", params=["tls", "plain"])
def fixture_kind(request, start, ca, shop):
    """How a client gets to the backend: inside TLS that ends at the gateway, or as it is."""

    class Way:
        name = request.param

        def start(self, backend, **more):
            if self.name == "tls":
                config = ended(shop, backend, **more)
            else:
                config = {**plain(backend), **more}
            self.gateway = start(config)
            return self.gateway

        @contextlib.contextmanager
        def connect(self):
            with contextlib.closing(open_socket(self.gateway.address)) as sock:
                yield WireTls(sock, ca.client_context(), "shop.example") if self.name == "tls" \
                    else Bare(sock)
    return Way()


class Bare:
    """The client's end without TLS, as WireTls has it with."""

    def __init__(self, sock):
        self.sock = sock

    def handshake(self):
        pass

    def send(self, data):
        self.sock.sendall(data)

    def recv(self):
        return self.sock.recv(65536)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.recv()
            assert more
            data += more
        return data

    def close_notify(self):
        self.sock.shutdown(socket.SHUT_WR)


def read_to_end(end):
    data = b""
    while more := end.recv():
        data += more
    return data


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# Both directions, and their ends.


def test_bytes_go_both_ways(kind):
    with Origin(reverse) as origin:
        gateway = kind.start({"name": "lines", "servers": [origin.address]})
        with kind.connect() as end:
            end.handshake()
            for text in [b"hello", b"", b"x" * 70000]:
                end.send(text + b"\n")
                assert end.read(len(text) + 1) == text[::-1] + b"\n"
        entry = gateway.wait_log(kind="connection", mode="tcp")
        assert entry["backend"] == "lines" and entry["server"] == origin.address
        assert entry["bytes_in"] > 70000 and entry["bytes_out"] > 70000
        assert entry.get("site") == ("shop.example" if kind.name == "tls" else None)
        assert ("tls" in entry) == (kind.name == "tls")


def test_a_server_may_speak_first(kind):
    with Origin(greeter) as origin:
        kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            assert end.read(11) == b"220 ready\r\n"
            end.send(b"QUIT\r\n")
            assert read_to_end(end) == b"221 bye\r\n"


def test_the_end_of_the_client_is_carried_across(kind):
    with Origin(count_all) as origin:
        kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            end.send(b"y" * 300000)
            end.close_notify()
            assert read_to_end(end) == b"300000 bytes"


def test_the_end_of_the_server_is_carried_across(kind):
    def handler(connection):
        connection.send(b"all I have")
        connection.half_close()
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            assert read_to_end(end) == b"all I have"
            end.send(b"still talking")
            end.close_notify()
            wait_until(lambda: origin.connections[0].is_done)
        assert bytes(origin.connections[0].received) == b"still talking"
        assert "reason" not in gateway.wait_log(mode="tcp")


def test_a_reset_of_the_server_is_carried_across(kind):
    def handler(connection):
        connection.read(1)
        connection.reset()

    with Origin(handler) as origin:
        gateway = kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            end.send(b"x")
            with pytest.raises(ConnectionResetError):
                while end.sock.recv(65536):
                    pass
        assert gateway.wait_log(mode="tcp")["reason"] == "server_reset"


def test_a_reset_of_the_client_is_carried_across(kind):
    seen = []

    def handler(connection):
        connection.read(1)
        try:
            connection.sock.recv(1)
        except ConnectionResetError as failure:
            seen.append(failure)

    with Origin(handler) as origin:
        gateway = kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            end.send(b"x")
            wait_until(lambda: origin.connections and origin.connections[0].received)
            reset(end.sock)
            wait_until(lambda: seen)
        assert gateway.wait_log(mode="tcp")["reason"] == "client_reset"


def test_silence_has_its_time(kind):
    with Origin(reverse) as origin:
        gateway = kind.start(origin.address, timeouts={"tunnel_idle": "300ms"})
        with kind.connect() as end:
            end.handshake()
            end.send(b"a\n")
            assert end.read(2) == b"a\n"
            with contextlib.suppress(ConnectionResetError):
                assert end.sock.recv(65536) == b""
        assert gateway.wait_log(mode="tcp")["reason"] == "tunnel_idle_timeout"


def test_a_connection_goes_on_while_the_gateway_stops(kind):
    with Origin(reverse) as origin:
        gateway = kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            end.send(b"before\n")
            assert end.read(7) == b"erofeb\n"
            gateway.terminate()
            wait_until(lambda: "finishing what runs" in gateway.stderr())
            end.send(b"after\n")
            assert end.read(6) == b"retfa\n"
        gateway.stop()


# Which server.


def test_the_next_server_is_tried(kind):
    dead = f"127.0.0.1:{free_port()}"
    with Origin(greeter) as origin:
        gateway = kind.start({"name": "pair", "servers": [dead, origin.address],
                              "balance": "first"})
        with kind.connect() as end:
            end.handshake()
            assert end.read(11) == b"220 ready\r\n"
        entry = gateway.wait_log(mode="tcp")
        assert [one["server"] for one in entry["tries"]] == [dead, origin.address]
        assert entry["tries"][0]["outcome"] == "server_unreachable"


def test_without_a_server_the_client_is_reset(kind):
    gateway = kind.start(f"127.0.0.1:{free_port()}")
    with pytest.raises((ConnectionResetError, ssl.SSLError)):  # which may come before connect() has returned
        with kind.connect() as end:
            end.handshake()
            end.sock.recv(1)
            end.sock.recv(1)
    assert gateway.wait_log(mode="tcp")["reason"] == "server_unreachable"


def test_a_server_is_checked_before_clients_come(kind):
    port = free_port()
    with Origin(greeter) as origin:
        gateway = kind.start({"name": "pair", "servers": [f"127.0.0.1:{port}", origin.address],
                              "balance": "first", "health_check": {
                                  "tcp": {}, "interval": "100ms", "fall": 1, "rise": 1}})
        gateway.wait_change(server=f"127.0.0.1:{port}")
        with kind.connect() as end:
            end.handshake()
            assert end.read(11) == b"220 ready\r\n"
        assert "tries" not in gateway.wait_log(mode="tcp")


def test_a_full_server_has_a_queue(kind):
    with Origin(reverse) as origin:
        gateway = kind.start({"name": "one", "queue": {"size": 5, "timeout": "5s"}, "servers": [
            {"address": origin.address, "max_connections": 1}]})
        with kind.connect() as first, kind.connect() as second:
            first.handshake()
            first.send(b"ab\n")
            assert first.read(3) == b"ba\n"
            second.handshake()
            second.send(b"cd\n")
            assert len(origin.connections) == 1
            first.close_notify()
            assert read_to_end(first) == b""
            assert second.read(3) == b"dc\n"
        assert gateway.wait_log(mode="tcp")


def test_servers_may_be_unix_sockets(kind, folder):
    with Origin(greeter, path=folder / "db.sock") as origin:
        gateway = kind.start(origin.address)
        with kind.connect() as end:
            end.handshake()
            assert end.read(11) == b"220 ready\r\n"
        assert gateway.wait_log(mode="tcp")["server"] == origin.address


def test_bytes_are_encrypted_again(kind, ca, bank):
    with Origin(greeter, tls=bank.server_context()) as origin:
        kind.start({"name": "bank", "servers": [origin.address],
                    "tls": {"ca": str(ca.file), "server_name": "bank.example"}})
        with kind.connect() as end:
            end.handshake()
            assert end.read(11) == b"220 ready\r\n"
            end.send(b"QUIT\r\n")
            assert read_to_end(end) == b"221 bye\r\n"


# Who the client is.


def tlvs_of(data):
    found = {}
    while data:
        kind, size = struct.unpack("!BH", data[:3])
        found[kind] = data[3:3 + size]
        data = data[3 + size:]
    return found


def read_v2(connection):
    head = connection.read(16)
    assert head[:12] == V2
    return head[12:14], connection.read(struct.unpack("!H", head[14:])[0])


@pytest.mark.parametrize("shown", [True, False])
def test_the_server_is_told_of_tls(start, ca, shop, shown):
    got = []

    def handler(connection):
        got.append(read_v2(connection))
        connection.send(b"thanks")

    settings = {**shop.settings(), "clients": {"verify": "optional", "ca": str(ca.file)}}
    with Origin(handler) as origin:
        gateway = start(ended(shop, {"name": "db", "servers": [origin.address],
                                     "proxy_protocol": "v2_tls"},
                              site={"tls": settings, "alpn": ["mqtt"]}))
        context = ca.client_context(ca.client("robot 7") if shown else None)
        context.set_alpn_protocols(["mqtt"])
        with Connection(gateway.address, context, "shop.example") as connection:
            assert connection.read(6) == b"thanks"
            ports = struct.pack("!HH", connection.sock.getsockname()[1], gateway.port)
            version = connection.sock.version().encode()
    family, body = got[0]
    assert family == b"\x21\x11"
    assert body[:12] == socket.inet_aton("127.0.0.1") * 2 + ports
    tlvs = tlvs_of(body[12:])
    assert tlvs[1] == b"mqtt" and tlvs[2] == b"shop.example"
    client, verify = struct.unpack("!BI", tlvs[0x20][:5])
    inner = tlvs_of(tlvs[0x20][5:])
    assert inner[0x21] == version and inner[0x23].startswith(b"TLS_")
    if shown:
        assert (client, verify, inner[0x22]) == (3, 0, b"robot 7")
    else:
        assert client == 1 and verify != 0 and 0x22 not in inner


def test_clients_without_a_certificate_do_not_reach_the_server(start, ca, shop):
    settings = {**shop.settings(), "clients": {"verify": "required", "ca": str(ca.file)}}
    with Origin(greeter) as origin:
        gateway = start(ended(shop, origin.address, site={"tls": settings}))
        with contextlib.closing(open_socket(gateway.address)) as sock:
            wire = WireTls(sock, ca.client_context(), "shop.example")
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                wire.handshake()
                while wire.tls.read(1):
                    pass
        assert "reason" in gateway.wait_log(kind="connection")
        assert origin.connections == []


# ALPN.


@pytest.mark.parametrize("offered, required, chosen", [
    (["x", "mqtt"], False, "mqtt"), (["amqp", "mqtt"], False, "mqtt"), ([], False, None),
    (["h2", "http/1.1"], False, "no_common_protocol"), ([], True, "no_protocol_offered"),
    (["amqp"], True, "amqp")])
def test_protocols_are_agreed_on(start, ca, shop, offered, required, chosen):
    with Origin(greeter) as origin:
        gateway = start(ended(shop, origin.address,
                              site={"alpn": ["mqtt", "amqp"], "alpn_required": required}))
        context = ca.client_context()
        if offered:
            context.set_alpn_protocols(offered)
        if chosen is not None and chosen.startswith("no_"):
            with pytest.raises(ssl.SSLError, match="NO_APPLICATION_PROTOCOL|no application protocol"):
                Connection(gateway.address, context, "shop.example")
            assert gateway.wait_log(kind="connection")["reason"] == chosen
            assert origin.connections == []
        else:
            with Connection(gateway.address, context, "shop.example") as connection:
                assert connection.read(11) == b"220 ready\r\n"
                assert connection.sock.selected_alpn_protocol() == chosen


def test_without_alpn_nothing_is_agreed_on(start, ca, shop):
    with Origin(greeter) as origin:
        gateway = start(ended(shop, origin.address))
        context = ca.client_context()
        context.set_alpn_protocols(["imap", "h2"])
        with Connection(gateway.address, context, "shop.example") as connection:
            assert connection.read(11) == b"220 ready\r\n"
            assert connection.sock.selected_alpn_protocol() is None


# HTTP beside it.


def test_http_does_not_reach_the_server(start, ca):
    both = ca.server("shop.example", "web.example")
    with Origin(greeter) as origin, EchoOrigin() as web:
        gateway = start(ended(both, origin.address, others=[
            {"hosts": ["web.example"], "tls": both.settings(), "backend": web.address}]))
        assert fetch(gateway.address, host="shop.example").status == 400
        for http in ({}, {"fields": [("X-Forwarded-Proto", "https")]}):
            with Connection(gateway.address, ca.client_context(), "web.example") as connection:
                assert connection.request("/", host="web.example", **http).status == 200
                assert connection.request("/", host="shop.example", **http).status == 421
        assert origin.connections == []


def test_starttls_of_postgres_may_end_here(start, ca, shop):
    def handler(connection):
        size = struct.unpack("!I", connection.read(4))[0]
        assert connection.read(size - 4)[:4] == struct.pack("!I", 3 << 16), "no SSLRequest"
        connection.send(b"R" + struct.pack("!II", 8, 0))

    startup = struct.pack("!I", 3 << 16) + b"user\0somebody\0\0"
    with Origin(handler) as origin:
        gateway = start(ended(shop, origin.address, site={"starttls": "postgres"}))
        for direct in (False, True):
            with contextlib.closing(open_socket(gateway.address)) as sock:
                context = ca.client_context()
                if direct:
                    context.set_alpn_protocols(["postgresql"])
                else:
                    sock.sendall(struct.pack("!II", 8, 80877103))
                    assert sock.recv(1) == b"S"
                wire = WireTls(sock, context, "shop.example")
                wire.handshake()
                assert wire.tls.selected_alpn_protocol() == ("postgresql" if direct else None)
                wire.send(struct.pack("!I", len(startup) + 4) + startup)
                assert wire.read(9)[:1] == b"R"


# A listener's.


def test_a_proxy_header_is_read_before_the_rest(start):
    def handler(connection):
        assert connection.read(len(V1)) == V1
        connection.send(b"220 ready\r\n")
        assert connection.read(5) == b"hello"
        connection.send(b"ok")

    with Origin(handler) as origin:
        gateway = start(plain({"name": "db", "servers": [origin.address], "proxy_protocol": "v1"},
                              proxy_protocol_from=["127.0.0.1/32"]))
        for pieces in ([V1], [V1[:3], V1[3:-1], V1[-1:]], [V1 + b"hello"]):
            with Connection(gateway.address) as connection:
                for piece in pieces:
                    connection.send(piece)
                assert connection.read(11) == b"220 ready\r\n"
                if not pieces[0].endswith(b"hello"):
                    connection.send(b"hello")
                assert connection.read(2) == b"ok"
        assert gateway.wait_log(mode="tcp")["client"] == "192.0.2.1:1111"


@pytest.mark.parametrize("sent, reason", [
    (b"QUIT\r\n" * 10, "proxy_header_missing"), (b"PROXY TCP4 a b 1 2\r\n", "bad_proxy_header"),
    (b"", "idle_without_request"), (b"PROXY ", "first_bytes_timeout")])
def test_whoever_is_to_send_a_proxy_header_must(start, sent, reason):
    with Origin(greeter) as origin:
        gateway = start({**plain(origin.address, proxy_protocol_from=["127.0.0.1/32"]),
                         "timeouts": {"first_byte": "300ms"}})
        with Connection(gateway.address) as connection:
            connection.send(sent)
            assert connection.is_closed_by_peer()
        assert gateway.wait_log(kind="connection")["reason"] == reason
        assert origin.connections == []


def test_a_strangers_proxy_header_is_the_servers_to_read(start):
    def handler(connection):
        assert connection.read(len(V1)) == V1
        connection.send(b"so you say")

    with Origin(handler) as origin:
        gateway = start(plain(origin.address))
        with Connection(gateway.address) as connection:
            connection.send(V1)
            assert connection.read(10) == b"so you say"
        assert gateway.wait_log(mode="tcp")["client"].startswith("127.0.0.1:")


def test_a_source_keeps_its_server(start):
    def handler(connection):
        connection.send(b"%d" % connection.sock.getsockname()[1])

    with Origin(handler) as one, Origin(handler) as two, Origin(handler) as three:
        gateway = start(plain({"name": "db", "balance": "source",
                               "servers": [one.address, two.address, three.address]}))
        seen = set()
        for _ in range(6):
            with Connection(gateway.address) as connection:
                seen.add(connection.read_to_end())
        assert len(seen) == 1


def test_reload_changes_the_server_of_new_connections_alone(start):
    with Origin(reverse) as old, Origin(greeter) as new:
        gateway = start(plain(old.address))
        with Connection(gateway.address) as connection:
            connection.send(b"ab\n")
            assert connection.read(3) == b"ba\n"
            config = json.loads(gateway.config_path.read_text())
            config["listeners"][0]["tcp"] = new.address
            gateway.config_path.write_text(json.dumps(config))
            gateway.process.send_signal(signal.SIGHUP)

            def is_new():
                with Connection(gateway.address) as other:
                    other.send(b"QUIT\r\n")
                    other.half_close()
                    return b"220" in other.read_to_end()
            wait_until(is_new)
            connection.send(b"cd\n")
            assert connection.read(3) == b"dc\n"


# What is said of it beforehand.


def test_route_says_where_bytes_go(folder, shop):
    config = {"listeners": [{"bind": "127.0.0.1:443"}, {"bind": "127.0.0.1:5432", "tcp": "db"}],
              "sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "tcp": "mq",
                         "alpn": ["mqtt"]}, {"hosts": ["web.example"], "respond": {}}],
              "backends": [{"name": "db", "servers": ["127.0.0.1:1"], "proxy_protocol": "v2"},
                           {"name": "mq", "servers": ["127.0.0.1:2"], "tls": {}}]}
    config["backends"][1]["tls"]["server_name"] = "mq.example"
    (folder / "tidegate.yaml").write_text(json.dumps(config))

    def route(*words):
        done = command("route", *words, "--json", "-c", "tidegate.yaml", cwd=folder)
        answer = json.loads(done.stdout)
        return done.returncode, answer["result"], answer.get("backend") or answer.get("reason")

    assert route("tcp://127.0.0.1:5432") == (0, "tcp", "db")
    assert route("http://127.0.0.1:5432/") == (0, "tcp", "db")
    assert route("tls://shop.example") == (0, "tcp", "mq")
    assert route("tls://shop.example", "--alpn", "mqtt") == (0, "tcp", "mq")
    assert route("https://shop.example") == (1, "refused", "no_common_protocol")
    assert route("http://shop.example:443") == (1, "refused", "plain_http_refused")
    assert route("tcp://127.0.0.1:443") == (1, "refused", "request_line")


WRONG = [
    ({"tcp": "127.0.0.1:1"}, "a site with 'tcp' has no 'tls'"),
    ({"tcp": "127.0.0.1:1", "tls": {}, "backend": "127.0.0.1:2"}, "cannot have 'backend'"),
    ({"tcp": "127.0.0.1:1", "tls": {}, "passthrough": "127.0.0.1:2"}, "cannot have 'passthrough'"),
    ({"tcp": "127.0.0.1:1", "tls": {}, "plain_http": "serve"}, "'plain_http' in a site with 'tcp'"),
    ({"tcp": "127.0.0.1:1", "tls": {"protocols": "h2"}}, "'protocols' of 'tls'"),
    ({"tcp": "127.0.0.1:1", "tls": {"early_data": True}}, "'early_data' in a site with 'tcp'"),
    ({"tcp": "127.0.0.1:1", "tls": {}, "alpn_required": True}, "'alpn_required' without 'alpn'"),
    ({"tcp": {"servers": "127.0.0.1:1", "protocol": "h2c"}, "tls": {}}, "with 'protocol'"),
    ({"tcp": {"servers": "127.0.0.1:1", "balance": "sticky"}, "tls": {}}, "'sticky'"),
    ({"respond": {}, "alpn": ["mqtt"]}, "'alpn' in a site without 'tcp'"),
    ({"tls": {}, "tcp": "127.0.0.1:1", "alpn": ["http/2"]}, "h2"),
]


@pytest.mark.parametrize("site, message", WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_in_a_site_is_told(folder, shop, site, message):
    if "tls" in site:
        site = {**site, "tls": {**shop.settings(), **site["tls"]}}
    (folder / "tidegate.yaml").write_text(json.dumps({"sites": [{"hosts": "a.example", **site}]}))
    done = command("check", "-c", "tidegate.yaml", cwd=folder)
    assert done.returncode == 1 and message in done.stderr


@pytest.mark.parametrize("listener, message", [
    ({"tcp": "127.0.0.1:1"}, "has no 'bind'"),
    ({"tcp": "127.0.0.1:1", "bind": ":1", "sites": ["a.example"]}, "cannot have 'sites'"),
    ({"tcp": {"servers": "127.0.0.1:1", "balance": {"hash": "sni"}}, "bind": ":1"}, "hash: sni")])
def test_what_is_wrong_in_a_listener_is_told(folder, listener, message):
    (folder / "tidegate.yaml").write_text(json.dumps(
        {"listeners": [listener], "sites": [{"hosts": "a.example", "respond": {}}]}))
    done = command("check", "-c", "tidegate.yaml", cwd=folder)
    assert done.returncode == 1 and message in done.stderr


# What people are told of a session.


@pytest.fixture(scope="module")
def told(start_for_module, ca, shop):
    """Ports for a server that greets, for none, and for one that resets; and TLS that ends here."""
    with Origin(greeter) as origin, Origin(lambda connection: reset_behind(connection, 1000)) as broken:
        port = {name: free_port() for name in ("greets", "none", "breaks", "tls")}
        bind = {name: f"127.0.0.1:{number}" for name, number in port.items()}
        yield start_for_module({
            "backends": [{"name": "mail", "servers": [origin.address]}],
            "listeners": [
                {"bind": bind["greets"], "tcp": "mail"},
                {"bind": bind["none"], "tcp": {"name": "nobody", "servers": [f"127.0.0.1:{free_port()}"]}},
                {"bind": bind["breaks"], "tcp": {"name": "broken", "servers": [broken.address]}},
                {"bind": bind["tls"]}],
            "sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "tcp": "mail"}]}), bind, origin.address


def reset_behind(connection, count):
    connection.send(b"x" * count)
    connection.read(4)
    connection.reset()


def explain(gateway, *args):
    done = command("explain", "-c", str(gateway.config_path), *args)
    return done.returncode, done.stdout + done.stderr


def test_explain_tells_which_server_and_how_many_bytes(told):
    gateway, bind, server = told
    code, text = explain(gateway, f"tcp://{bind['greets']}", "--data", "QUIT\r\n")
    assert code == 0, text
    for said in ("220 ready\\r\\n", "221 bye\\r\\n", "outcome", "backend", f"{server}", "6 from the client, 20 to it",
                 "in order", "sent 20 bytes; the other side ended the connection"):
        assert said in " ".join(text.split()), text


def test_explain_tells_of_a_session_inside_tls(told, ca):
    gateway, bind, server = told
    code, text = explain(gateway, "tls://shop.example", "--connect", bind["tls"], "--ca", str(ca.file), "--data", "QUIT\r\n")
    assert code == 0, text
    assert "221 bye" in text and "shop.example" in text and server in text and "HTTP" not in text


@pytest.mark.parametrize("kind, data, said", [
    ("none", "x", ["nobody", "[no_answer_closed]", "ended          server_unreachable", "what to do"]),
    ("breaks", "bye!", ["broken", "Failed.", "ended          server_reset"]),
])
def test_explain_tells_why_a_session_ended(told, kind, data, said):
    gateway, bind, _ = told
    code, text = explain(gateway, f"tcp://{bind[kind]}", "--data", data)
    assert code == 1, text
    for one in said:
        assert one in text, text


def test_explain_ends_a_session_in_which_nothing_more_comes(told):
    gateway, bind, _ = told
    code, text = explain(gateway, f"tcp://{bind['greets']}")
    assert code == 0 and "sent 11 bytes; nothing more came for a second" in " ".join(text.split()), text


def test_route_knows_a_port_alone(told):
    gateway, bind, server = told
    port = bind["greets"].rpartition(":")[2]
    done = command("route", "-c", str(gateway.config_path), f"tcp://:{port}")
    assert done.returncode == 0 and "=> relayed to 'mail'" in done.stdout and server in done.stdout
    assert command("route", "-c", str(gateway.config_path), "tcp://:0").returncode == 2
