"""103 (Early Hints): those of servers are passed on, those of the configuration are sent before the server has
answered, to whoever can be known to take them. And what else a route says of its answers: HSTS, times of its own."""

import contextlib
import socket
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
import h2.exceptions
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin
from test_h2_combinations import ask_h1, ask_h2, h1_origin, h2_origin, answers
from tidegate import command
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

LINKS = ["</app.css>; rel=preload; as=style", "</app.js>; rel=preload; as=script"]
BACKS = {"h1": h1_origin, "h2c": h2_origin}
NAVIGATES = [("Sec-Fetch-Mode", "navigate")]


class Held:
    """A server that answers when it is told to."""

    def __init__(self, back):
        self.go = threading.Event()
        self.origin = H2Origin(serve(self._h2)) if back == "h2c" else Origin(self._h1)

    def _h1(self, connection):
        while True:
            connection.read_request()
            assert self.go.wait(20)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _h2(self, connection, request):
        assert self.go.wait(20)
        with contextlib.suppress(h2.exceptions.ProtocolError):  # the gateway may have given it up by now
            connection.respond(request.stream, 200, [], b"ok")


@pytest.fixture(name="held", params=["h1", "h2c"])
def _held(request, start):
    held = Held(request.param)
    held.gateway = start({"sites": [{"hosts": ["*"], "routes": [{"backend": "up", "early_hints": LINKS}]}],
                          "backends": [{"name": "up", "servers": [held.origin.address], "protocol": request.param}]})
    yield held
    held.go.set()
    held.origin.close(check=False)


def test_hints_come_before_the_server_has_answered_over_h1(held):
    with Connection(held.gateway.address) as client:
        client.send(request_bytes(fields=NAVIGATES))
        head = client.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 103 ") and head.lower().count(b"\r\nlink: ") == 2
        assert LINKS[0].encode() in head
        held.go.set()
        response = client.read_response()
        assert response.status == 200 and response.body == b"ok"


def test_hints_come_before_the_server_has_answered_over_h2(held):
    with Client(held.gateway.address) as client:
        stream = client.start("/", "GET")
        client.wait_for(lambda: client.streams[stream].interim, "the hints")
        held.go.set()
        response = client.wait(stream)
        assert response.status == 200
        assert [dict(one)[":status"] for one in response.interim] == ["103"]
        assert LINKS[-1] in str(response.interim[0])


@pytest.mark.parametrize("method, fields", [("GET", []), ("GET", [("Sec-Fetch-Mode", "cors")]), ("HEAD", NAVIGATES),
                                            ("POST", NAVIGATES)])
def test_who_may_not_know_them_gets_none(held, method, fields):
    held.go.set()
    answer = ask_h1(held.gateway, "/", method, b"x" if method == "POST" else None, fields, None)
    assert answer.status == 200 and answer.interim == []


def test_http_1_0_gets_none(held):
    held.go.set()
    with socket.create_connection(held.gateway.address, 20) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\nHost: a.example\r\nSec-Fetch-Mode: navigate\r\n\r\n")
        data = b""
        while piece := sock.recv(65536):
            data += piece
    assert data.startswith(b"HTTP/1.1 200 ") and b" 103 " not in data


@pytest.mark.parametrize("ask", [ask_h1, ask_h2])
@pytest.mark.parametrize("back", ["h1", "h2c"])
def test_those_of_servers_are_passed_on(start, ask, back):
    with BACKS[back](answers) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": {"servers": [origin.address], "protocol": back}}]})
        assert ask(gateway, "/interim", "GET", None, [], None).interim == [103]


@pytest.mark.parametrize("ask", [ask_h1, ask_h2])
def test_hsts_is_told_over_https_alone_and_in_place_of_the_servers(start, ask):
    def says(target, body):
        del target, body
        return 200, [("strict-transport-security", "max-age=1")], b"", [], []

    with h1_origin(says) as origin:
        gateway = start({"trusted_proxies": ["127.0.0.0/8"], "sites": [{
            "hosts": ["shop.example"], "hsts": {"max_age": "730d", "subdomains": True, "preload": True}, "routes": [
                {"match": {"path": "/own"}, "respond": {}},
                {"match": {"path": "/off"}, "respond": {}, "hsts": "off"},
                {"match": {"path": "/short"}, "respond": {}, "hsts": {"max_age": "0s"}},
                {"match": {"path": "/up"}, "backend": origin.address}]}]})

        def told(path, proto="https"):
            answer = ask(gateway, path, "GET", None, [("X-Forwarded-Proto", proto)], None)
            return answer.fields.get("strict-transport-security")

        whole = "max-age=63072000; includeSubDomains; preload"
        assert [told("/own"), told("/up"), told("/none")] == [whole] * 3
        assert told("/own", "http") is None and told("/off") is None and told("/short") == "max-age=0"


@pytest.mark.parametrize("ask", [ask_h1, ask_h2])
@pytest.mark.parametrize("back", ["h1", "h2c"])
def test_a_route_has_times_of_its_own(start, ask, back):
    held = Held(back)
    with held.origin:
        backend = {"servers": [held.origin.address], "protocol": back}
        gateway = start({"sites": [{"hosts": ["shop.example"], "routes": [
            {"match": {"path": "/soon"}, "backend": "up", "timeouts": {"response": "50ms"}},
            {"match": {"path": "/whole"}, "backend": "up", "timeouts": {"request": "50ms"}},
            {"backend": "up"}]}], "backends": [{"name": "up", **backend, "response_timeout": "1h"}]})
        assert ask(gateway, "/soon", "GET", None, [], None).status == 504
        assert ask(gateway, "/whole", "GET", None, [], None).status == 504
        wait_until(lambda: len(gateway.log_entries()) == 2)
        assert sorted(one["reason"] for one in gateway.log_entries()) == ["request_timeout", "response_timeout"]
        held.go.set()
        assert ask(gateway, "/", "GET", None, [], None).status == 200


@pytest.mark.parametrize("idle, ends", [("100ms", True), ("1h", False)])
def test_a_tunnel_of_a_route_may_be_silent_for_as_long_as_it_says(start, idle, ends):
    def script(connection):
        connection.read_until(b"\r\n\r\n")
        connection.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        while data := connection.recv():
            connection.send(data)

    with Origin(script) as origin:
        gateway = start({"timeouts": {"tunnel_idle": "1h" if ends else "100ms"}, "sites": [{"hosts": ["*"], "routes": [
            {"backend": origin.address, "upgrade": ["tcp"], "timeouts": {"tunnel_idle": idle}}]}]})
        with Connection(gateway.address) as client:
            client.send(request_bytes(fields=[("Connection", "Upgrade"), ("Upgrade", "tcp")]))
            assert b" 101 " in client.read_until(b"\r\n\r\n")
            if ends:
                with contextlib.suppress(ConnectionResetError):
                    assert client.read_to_end() == b""
            else:
                client.sock.settimeout(1)
                with pytest.raises((TimeoutError, OSError)):
                    client.read(1)
                client.sock.settimeout(20)
                assert client.exchange(b"still here", 10) == b"still here"


@pytest.mark.parametrize("text, said", [
    ("respond: {}\n        early_hints: [\"</a>\"]", "'early_hints' in a route without 'backend'"),
    ("backend: 127.0.0.1:1\n        early_hints: [/a.css]", "is no value of Link"),
    ("backend: 127.0.0.1:1\n        early_hints: [\"</a\\r\\nX: 1>\"]", "is no value of Link"),
    ("respond: {}\n        timeouts: { body: 1s }", "'timeouts' in a route without 'backend'"),
    ("respond: {}\n        cookies: { secure: on }", "'cookies' in a route without 'backend'"),
    ("backend: 127.0.0.1:1\n        cookies: {}", "stay as they are"),
    ("respond: {}\n        hsts: { preload: true }", "'preload' is for names with 'subdomains'"),
    ("respond: {}\n        hsts: { max_age: 20000d }", "max_age")])
def test_wrong_uses_are_told(tmp_path, text, said):
    path = tmp_path / "t.yaml"
    path.write_text(f"sites:\n  - hosts: [a.example]\n    routes:\n      - match: {{ path: /a }}\n        {text}\n")
    result = command("check", "-c", str(path))
    assert result.returncode == 1 and said in result.stdout + result.stderr
