"""`tls.server_name: client`: servers are asked for, and verified, by the host of each request; no connection and no
session of one name serves another. Over both versions of HTTP on either side."""

import ssl

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, response_bytes
from tidegate import command
from waiting import wait_until

NAMES = ["one.example", "two.example"]


def ask_h1(gateway, host):
    with Connection(gateway.address) as client:
        client.send(request_bytes("/", "GET", host))
        answer = client.read_response("GET")
        return answer.status, answer.body.decode()


def ask_h2(gateway, host):
    with Client(gateway.address) as client:
        answer = client.request("/", host=host)
        return answer.status, bytes(answer.body).decode()


ASKS = {"h1": ask_h1, "h2": ask_h2}


class Server:
    """Has a certificate for each name, and answers with the name that it was asked for in TLS."""

    def __init__(self, ca, protocol):
        self.resumed = []
        self.names = []
        contexts = {name: ca.server(name).server_context() for name in NAMES}
        for context in contexts.values():
            if protocol != "h1":
                context.set_alpn_protocols(["h2"])
        first = ca.server("fallback.example").server_context()

        def on_name(sock, name, context):
            del context
            sock.asked = name
            self.names.append(name)
            if name in contexts:
                sock.context = contexts[name]

        first.sni_callback = on_name
        self.origin = Origin(self.h1, tls=first) if protocol == "h1" else H2Origin(serve(self.h2), tls=first)

    def h1(self, connection):
        self.resumed.append(connection.sock.session_reused)
        while True:
            request = connection.read_request()
            connection.send(response_bytes(200, body=f"{connection.sock.asked} {request.get('Host')}".encode()))

    def h2(self, connection, request):
        self.resumed.append(connection.raw.sock.session_reused)
        connection.respond(request.stream, 200, body=f"{connection.raw.sock.asked} {request.get(':authority')}".encode())


@pytest.fixture(name="world", scope="module", params=["h1-h1", "h1-h2", "h1-auto", "h2-h1", "h2-h2", "h2-auto"])
def _world(request, start_for_module, ca):
    front, protocol = request.param.split("-")
    server = Server(ca, protocol)
    gateway = start_for_module({"workers": 1, "sites": [{"hosts": ["*"], "backend": "pool"}], "backends": [{
        "name": "pool", "servers": [server.origin.address], "protocol": protocol,
        "tls": {"ca": str(ca.file), "server_name": "client"}}]})
    yield lambda host: ASKS[front](gateway, host), server, gateway
    server.origin.close(check=False)


def test_each_name_has_its_connections(world):
    ask, server, _ = world
    for host, name in [("one.example", "one.example"), ("two.example:8443", "two.example"),
                       ("ONE.example.", "one.example"), ("two.example", "two.example"), ("one.example", "one.example")]:
        assert ask(host) == (200, f"{name} {host}")
    assert sorted(server.names) == NAMES  # two connections, which were used again


def test_a_name_without_a_certificate_puts_no_server_out(world):
    ask, _, gateway = world
    for _ in range(4):
        assert ask("evil.test")[0] == 502
        assert ask("192.0.2.1")[0] == 502
    assert gateway.wait_log(status=502)["reason"] == "backend_certificate_wrong_name"
    assert ask("one.example")[0] == 200


def test_a_request_without_a_name_is_refused(world):
    _, _, gateway = world
    with Connection(gateway.address) as client:
        client.send(request_bytes("/", "GET", None, version="HTTP/1.0"))
        assert client.read_response("GET").status == 400
    assert gateway.wait_log(status=400)["reason"] == "no_host"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_kept_by_name(start, ca, version):
    server = Server(ca, "h1")
    with server.origin:
        server.origin.tls.maximum_version = version
        gateway = start({"workers": 1, "sites": [{"hosts": ["*"], "backend": "pool"}], "backends": [{
            "name": "pool", "servers": [server.origin.address], "idle_connections": 0,
            "tls": {"ca": str(ca.file), "server_name": "client"}}]})
        for name in NAMES + NAMES:
            assert ask_h1(gateway, name) == (200, f"{name} {name}")
        assert server.resumed == [False, False, True, True]


def test_checks_ask_by_their_own_host(start, ca):
    server = Server(ca, "h1")
    with server.origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "pool"}], "backends": [{
            "name": "pool", "servers": [server.origin.address], "tls": {"ca": str(ca.file), "server_name": "client"},
            "health_check": {"interval": "100ms", "timeout": "10s", "assume": "down", "http": {"path": "/", "host": "two.example"}}}]})
        wait_until(lambda: ask_h1(gateway, "one.example")[0] == 200)
        assert set(server.names) == {"one.example", "two.example"}


@pytest.mark.parametrize("text, says", [
    ("backends: [{ name: a, servers: [{ address: 127.0.0.1:1, server_name: client }], tls: {} }]", "of one server"),
    ("backends: [{ name: a, servers: [{ address: 127.0.0.1:1, tls: { server_name: client } }], tls: {} }]",
     "of one server"),
    ("listeners: [{ bind: ':1' }, { bind: ':2', tcp: { servers: 127.0.0.1:1, tls: { server_name: client } } }]",
     "of a backend for 'tcp'")])
def test_wrong_uses_are_told(tmp_path, text, says):
    path = tmp_path / "tidegate.yaml"
    path.write_text("sites: [{ hosts: [a.example], respond: {} }]\n" + text + "\n")
    done = command("check", "-c", str(path))
    assert done.returncode != 0 and f"'server_name: client' {says}" in done.stdout + done.stderr
