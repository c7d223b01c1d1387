"""A client's Upgrade of HTTP/1.1 to a backend that is spoken to in HTTP/2: extended CONNECT there
(RFC 8441), 101 here."""

import base64
import hashlib
import os
import signal
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2origin import CODES, H2Origin
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PROOF = base64.b64encode(hashlib.sha1((KEY + MAGIC).encode()).digest()).decode()
ANNOUNCED = {CODES.ENABLE_CONNECT_PROTOCOL: 1}
LONG = bytes(range(256)) * 4096


def asking(target="/chat", upgrade="websocket", method="GET", fields=(), key=KEY, body=None):
    keys = [("Sec-WebSocket-Key", key)] if key else []
    return request_bytes(target, method, "shop.example", [
        ("Connection", "Upgrade"), ("Upgrade", upgrade), *keys,
        ("Sec-WebSocket-Version", "13"), *fields], body)


def echo(connection):
    """Says hi, echoes, and at the client's end says bye."""
    request = connection.next_head()
    connection.head(request.stream, 200, [("sec-websocket-protocol", "chat"),
                                          ("sec-websocket-accept", "forged")])
    connection.data(request.stream, b"hi")
    told = 0
    while not request.is_whole:
        connection.pump()
        if len(request.body) > told:
            data = bytes(request.body[told:])
            told = len(request.body)
            connection.data(request.stream, data)
    connection.data(request.stream, b"bye")
    connection.end(request.stream)
    connection.wait_end()


@pytest.fixture(name="begin", params=["h2c", "h2"])
def _begin(request, start, ca, shop):
    """begin(script): a gateway in front of such a server, and a connected client over plain TCP for
    h2c, and over TLS for h2."""
    made = []

    def begin(script, settings=ANNOUNCED, routes=None, **more):
        is_tls = request.param == "h2"
        backend = {"name": "up", "protocol": request.param}
        if is_tls:
            backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
        origin = H2Origin(script, dict(settings),
                          tls=shop.server_context() if is_tls else None)
        made.append(origin)
        site = {"hosts": ["shop.example"], **(routes or {"backend": "up"})}
        if is_tls:
            site["tls"] = shop.settings()
        gateway = start({"sites": [site], **more,
                         "backends": [{**backend, "servers": [origin.address]}]})
        client = Connection(gateway.address, ca.client_context() if is_tls else None,
                            "shop.example" if is_tls else None)
        made.append(client)
        return gateway, origin, client

    yield begin
    for one in reversed(made):
        one.close()


def test_echo_both_ways_and_the_clients_end(begin):
    gateway, origin, client = begin(echo)
    client.send(asking("/chat?room=1") + b"early")
    response = client.read_head()
    assert response.status == 101 and response.get("Upgrade") == "websocket"
    assert response.get("Connection") == "Upgrade"
    assert response.get("Sec-WebSocket-Accept") == PROOF
    assert response.get("Sec-WebSocket-Protocol") == "chat"
    assert response.get("Transfer-Encoding") is None and response.get("Content-Length") is None
    got = client.read(7)
    assert sorted(got) == sorted(b"hiearly")
    client.send(b"one")
    assert client.read(3) == b"one"
    assert client.exchange(LONG, len(LONG)) == LONG
    if not hasattr(client.sock, "unwrap"):
        client.half_close()
        assert client.read_to_end() == b"bye"
        entry = gateway.wait_log(target="/chat?room=1")
        assert entry["status"] == 101 and "reason" not in entry
        assert entry["bytes_in"] == 8 + len(LONG) and entry["bytes_out"] == 13 + len(LONG)
    request = origin.requests()[0]
    assert request.get(":method") == "CONNECT" and request.get(":protocol") == "websocket"
    assert request.get(":path") == "/chat?room=1" and request.get(":authority") == "shop.example"
    assert request.get("sec-websocket-key") is None and request.get("upgrade") is None
    assert request.get("connection") is None
    assert request.get("sec-websocket-version") == "13"


def test_the_servers_end_comes_first(begin):
    """Half of the tunnel is over; the client's bytes still go to the server."""
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200)
        connection.data(request.stream, LONG)
        connection.end(request.stream)
        connection.wait(lambda: request.is_whole)
        got.append(bytes(request.body))
        connection.wait_end()

    got = []
    gateway, _, client = begin(script)
    client.send(asking())
    assert client.read_head().status == 101
    assert client.read(len(LONG)) == LONG
    with pytest.raises(Exception, match="closed after"):
        client.read(1)
    if hasattr(client.sock, "unwrap"):
        client.sock = client.sock.unwrap() or client.sock  # close_notify both ways
    else:
        client.send(b"last words")
        client.half_close()
        wait_until(lambda: got)
        assert got == [b"last words"]
    assert "reason" not in gateway.wait_log(target="/chat")


def test_a_response_that_ends_with_its_head(begin):
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200, [], end=True)
        connection.wait_end()

    _, _, client = begin(script)
    client.send(asking())
    assert client.read_head().status == 101
    assert client.read_to_end() == b""


@pytest.mark.parametrize("code", [0, 2, 8])
def test_a_reset_ends_the_tunnel(begin, code):
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200)
        connection.data(request.stream, b"hi")
        ready.wait(10)
        connection.reset(request.stream, code)
        connection.wait_end()

    ready = threading.Event()
    gateway, _, client = begin(script)
    client.send(asking())
    assert client.read_head().status == 101
    assert client.read(2) == b"hi"
    ready.set()
    assert client.is_closed_by_peer()
    assert gateway.wait_log(target="/chat")["reason"]


def test_no_error_behind_the_servers_end_ends_the_tunnel(begin):
    """The server has ended, and reads no more (RFC 9113 section 8.1)."""
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200)
        connection.data(request.stream, b"hi")
        connection.end(request.stream)
        connection.reset(request.stream, 0)
        connection.wait_end()

    gateway, _, client = begin(script)
    client.send(asking())
    assert client.read_head().status == 101
    assert client.read(2) == b"hi"
    assert client.is_closed_by_peer()
    assert gateway.wait_log(target="/chat")["status"] == 101


def test_a_client_that_leaves_cancels_the_stream(begin):
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200)
        codes.append(connection.wait_reset(request.stream))
        connection.wait_end()

    codes = []
    gateway, _, client = begin(script)
    client.send(asking())
    assert client.read_head().status == 101
    client.reset()
    wait_until(lambda: codes)
    assert codes == [8]
    assert gateway.wait_log(target="/chat")["reason"].startswith("client_")


@pytest.mark.parametrize("status", [403, 302, 404])
def test_a_server_may_decline_and_the_connection_goes_on(begin, status):
    def script(connection):
        request = connection.next_head()
        connection.respond(request.stream, status, [("location", "/x")], b"no")
        connection.wait(lambda: request.is_whole or request.reset_code is not None)
        ends.append(request.reset_code)
        connection.next_request()
        request = connection.next_request()
        connection.respond(request.stream, 200, [], b"page")
        connection.wait_end()

    ends = []
    _, _, client = begin(script)
    client.send(asking())
    response = client.read_response()
    assert (response.status, response.body) == (status, b"no")
    assert client.request("/page", host="shop.example").body == b"page"
    assert ends == [None]


def test_a_server_that_announces_nothing_is_not_asked(begin):
    gateway, origin, client = begin(None, settings={})
    client.send(asking())
    assert client.read_response().status == 501
    entry = gateway.wait_log(target="/chat")
    assert entry["reason"] == "upgrade_needs_h1" and "protocol: auto" in entry["mend"]
    assert not origin.requests()
    assert client.request("/page", host="shop.example").status == 200


@pytest.mark.parametrize("key", [None, "x", "dGhlIHNhbXBsZSBub25jZQ"])
def test_a_key_is_wanted(begin, key):
    gateway, origin, client = begin(echo)
    client.send(asking(key=key))
    assert client.read_response().status == 400
    assert gateway.wait_log(target="/chat")["reason"] == "bad_websocket_key"
    assert not origin.requests()


def test_other_protocols_and_what_is_none(begin):
    """The first of the protocols that the route allows; with a body, none."""
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200, end=False)
        connection.end(request.stream)
        connection.wait(lambda: request.is_whole)
        request = connection.next_request()
        connection.respond(request.stream, 200, [], b"plain")
        connection.wait_end()

    routes = {"routes": [{"match": {"path": "/*"}, "backend": "up", "upgrade": ["tcp", "other"]}]}
    gateway, origin, client = begin(script, routes=routes)
    with client:
        client.send(asking(upgrade="websocket, tcp, other", key=None))
        response = client.read_head()
        assert response.status == 101 and response.get("Upgrade") == "tcp"
        assert response.get("Sec-WebSocket-Accept") is None
    wait_until(origin.requests)
    assert origin.requests()[0].get(":protocol") == "tcp"
    assert gateway.wait_log(target="/chat")


def test_bytes_of_the_client_that_wait_while_the_server_switches(begin):
    """They are read when what the server sent behind its answer has been, and not into it."""
    def script(connection):
        request = connection.next_head()
        asked.set()
        switch.wait(10)
        connection.h2.send_headers(request.stream, [(":status", "200")])
        connection.h2.send_data(request.stream, b"from the server" * 200)
        connection.flush()
        switched.set()
        while len(request.body) < len(LONG[:8192]):
            connection.pump()
        connection.data(request.stream, request.body)
        connection.wait_end()

    asked, switch, switched = (threading.Event() for _ in range(3))
    gateway, _, client = begin(script)
    client.send(asking())
    assert asked.wait(10)
    os.kill(gateway.gateway_pid(), signal.SIGSTOP)
    client.send(LONG[:8192])
    switch.set()
    assert switched.wait(10)
    os.kill(gateway.gateway_pid(), signal.SIGCONT)
    assert client.read_head().status == 101
    assert client.read(3000) == b"from the server" * 200
    assert client.read(8192) == LONG[:8192]


def test_a_silent_tunnel_ends(begin):
    gateway, _, client = begin(echo, timeouts={"tunnel_idle": "500ms", "body": "100ms"})
    client.send(asking())
    assert client.read_head().status == 101
    assert client.read(2) == b"hi"
    assert client.is_closed_by_peer()
    assert gateway.wait_log(target="/chat")["reason"] == "tunnel_idle_timeout"


def test_a_client_that_reads_nothing_stops_the_server(begin):
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200)
        try:
            while True:
                connection.data(request.stream, b"x" * 65536)
        finally:
            ended.set()

    ended = threading.Event()
    gateway, origin, client = begin(script, timeouts={"send": "500ms"})
    client.send(asking())
    assert client.read_head().status == 101
    entry = gateway.wait_log(target="/chat")
    assert entry["reason"] in ("client_stalled", "client_too_slow")
    assert entry["bytes_out"] < 32 << 20
    assert ended.wait(10)
    assert origin
