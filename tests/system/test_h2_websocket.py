"""WebSocket over HTTP/2 (RFC 8441): extended CONNECT to a server that speaks HTTP/1.1."""

import base64
import hashlib
import threading

import pytest

from h2client import CANCEL, PROTOCOL_ERROR, Client
from h2origin import CODES, H2Origin
from origins import Origin, response_bytes

SHARES_GATEWAYS = True  # see conftest.start

MIB = 1024 * 1024
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def echo(connection):
    """Accepts every upgrade and echoes; an "!" says goodbye. What was asked goes first."""
    request = connection.read_head()
    if request.get("Upgrade") is None or "/plain" in request.target:
        connection.send(response_bytes(200, [], b"not upgraded"))
        connection.wait_end()
        return
    if "/refused" in request.target:
        connection.send(response_bytes(403, [("Connection", "close")], b"no"))
        return
    assert request.get("Connection").lower() == "upgrade"
    key = request.get("Sec-WebSocket-Key")
    assert len(base64.b64decode(key)) == 16
    proof = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
    accept = {"/unproven": "x", "/case": proof.swapcase(), "/bare": None}.get(request.target, proof)
    line = f"Sec-WebSocket-Accept: {accept}\r\n" if accept else ""
    connection.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {request.get('Upgrade')}\r\n"
                    f"Connection: Upgrade\r\n{line}"
                    "Sec-WebSocket-Protocol: chat\r\n\r\nhi".encode())
    if connection.buffer:
        connection.send(connection.buffer)
    while True:
        data = connection.recv()
        if not data:
            connection.send(b"bye")
            return
        connection.send(data)
        if data.endswith(b"!"):
            return


@pytest.fixture
def origin():
    with Origin(echo) as found:
        yield found


@pytest.fixture
def gateway(start, shop, origin):
    return start({"sites": [{
        "hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve", "routes": [
            {"match": {"path": "/page"}, "respond": {"body": "page"}},
            {"match": {"path": "/closed"}, "backend": origin.address, "upgrade": ["other"]},
            {"match": {"path": "/*"}, "backend": origin.address}]}],
        "timeouts": {"tunnel_idle": "2s", "body": "500ms", "send": "5s"}})


@pytest.fixture
def client(gateway, ca):
    with Client(gateway.address, ca.client_context()) as found:
        yield found


def connect(client, target="/", protocol="websocket"):
    client.wait_for(lambda: client.h2.remote_settings.enable_connect_protocol == 1,
                    "SETTINGS_ENABLE_CONNECT_PROTOCOL")
    stream = client.send([(":method", "CONNECT"), (":protocol", protocol),
                          (":scheme", client.scheme), (":path", target),
                          (":authority", client.host), ("sec-websocket-version", "13")], end=False)
    return stream, client.wait_head(stream)


def wait_body(client, stream, body):
    found = client.streams[stream]
    client.wait_for(lambda: len(found.body) >= len(body), "the echo")
    assert found.body == body


def test_echo_both_ways_and_the_clients_end(gateway, client):
    stream, response = connect(client, "/chat")
    assert response.status == 200
    assert response.get("sec-websocket-protocol") == "chat"
    assert not {"connection", "upgrade", "sec-websocket-accept"} & {n for n, _ in response.fields}
    wait_body(client, stream, b"hi")
    client.data(stream, b"one")
    wait_body(client, stream, b"hione")
    client.data(stream, b"two", end=True)
    assert client.wait(stream).body == b"hionetwobye"
    entry = gateway.wait_log(target="/chat")
    assert entry["status"] == 200 and "reason" not in entry
    assert entry["bytes_in"] == 6 and entry["bytes_out"] == 11


def test_much_data(client):
    stream, response = connect(client)
    assert response.status == 200
    sent = bytes(range(256)) * 16384
    for at in range(0, len(sent), 50000):
        client.data(stream, sent[at:at + 50000])
    wait_body(client, stream, b"hi" + sent)
    client.data(stream, b"", end=True)
    assert client.wait(stream).is_ended


def test_the_servers_end(client):
    stream, _ = connect(client)
    client.data(stream, b"!")
    response = client.wait(stream)
    assert response.body == b"hi!" and response.is_ended


def test_ordinary_requests_beside_it(client):
    stream, _ = connect(client)
    assert client.request("/page").body == b"page"
    client.data(stream, b"x", end=True)
    assert client.wait(stream).body == b"hixbye"


def test_longer_than_the_bodies_deadline(client):
    """timeouts.body is for requests; a tunnel has its own."""
    stream, _ = connect(client)
    with pytest.raises(TimeoutError):
        client.wait_for(lambda: client.pump(timeout=1.0) and False)
    client.data(stream, b"late", end=True)
    assert client.wait(stream).body == b"hilatebye"


def test_idle_tunnel_is_ended(gateway, client):
    stream, _ = connect(client, "/idle")
    assert client.wait(stream).reset is not None
    assert gateway.wait_log(target="/idle")["reason"] == "tunnel_idle_timeout"


def test_cancel_reaches_the_server(start, ca, shop):
    ended = threading.Event()

    def tell(connection):
        try:
            echo(connection)
        finally:
            ended.set()

    with Origin(tell) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": origin.address}]})
        with Client(gateway.address, ca.client_context()) as client:
            stream, _ = connect(client)
            client.reset(stream, CANCEL)
            assert ended.wait(20)
        origin.failures.clear()


def test_plain_port(gateway):
    with Client(gateway.address) as client:
        stream, response = connect(client)
        assert response.status == 200
        client.data(stream, b"!")
        assert client.wait(stream).body == b"hi!"


@pytest.mark.parametrize("target, protocol, status", [
    ("/refused", "websocket", 403),  # the server's answer passes
    ("/plain", "websocket", 502),    # a success without the protocol must not look like one
    ("/unproven", "websocket", 502), ("/case", "websocket", 502), ("/bare", "websocket", 502),
    ("/page", "websocket", 501), ("/closed", "websocket", 501), ("/", "other", 501)])
def test_refusals(client, target, protocol, status):
    stream, response = connect(client, target, protocol)
    assert response.status == status
    assert client.request("/page").status == 200


def test_a_server_that_proves_nothing_is_told_of(gateway, client):
    """It may not know what it has switched to (RFC 6455 section 4.1)."""
    assert connect(client, "/unproven")[1].status == 502
    assert gateway.wait_log(target="/unproven")["reason"] == "bad_websocket_accept"


def test_a_backend_of_http2_alone_is_told_of(start):
    """It never gets an ordinary request in place of the CONNECT that it does not announce."""
    with H2Origin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
            {"name": "up", "servers": [origin.address], "protocol": "h2c"}]})
        with Client(gateway.address) as client:
            assert connect(client, "/chat")[1].status == 501
        entry = gateway.wait_log(target="/chat")
        assert entry["reason"] == "upgrade_needs_h1" and "protocol: auto" in entry["mend"]
        assert not origin.requests()


def tunnel_script(connection):
    """Takes extended CONNECT and echoes; what the client has sent when it ends is told back."""
    request = connection.next_head()
    asked.append(request)
    connection.head(request.stream, 200, [("sec-websocket-protocol", "chat")])
    connection.data(request.stream, b"hi")
    told = 0
    while not request.is_whole:
        connection.pump()
        if len(request.body) > told:
            data = bytes(request.body[told:])
            told = len(request.body)
            connection.data(request.stream, data)
    connection.data(request.stream, b"bye", end=True)
    connection.wait_end()


asked = []


@pytest.mark.parametrize("is_tls", [False, True], ids=["h2c", "h2"])
def test_a_server_that_announces_extended_connect_gets_it(start, ca, shop, is_tls):
    """RFC 8441 on both sides: the same CONNECT, without the key of HTTP/1.1's handshake."""
    asked.clear()
    backend = {"name": "up", "protocol": "h2" if is_tls else "h2c"}
    if is_tls:
        backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
    with H2Origin(tunnel_script, {CODES.ENABLE_CONNECT_PROTOCOL: 1},
                  tls=shop.server_context() if is_tls else None) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{**backend, "servers": [origin.address]}]})
        with Client(gateway.address) as client:
            stream, response = connect(client, "/chat?room=1")
            assert response.status == 200
            assert response.get("sec-websocket-protocol") == "chat"
            wait_body(client, stream, b"hi")
            client.data(stream, b"x" * MIB)
            wait_body(client, stream, b"hi" + b"x" * MIB)
            client.data(stream, b"last", end=True)
            client.wait(stream)
            assert response.body == b"hi" + b"x" * MIB + b"lastbye" and response.reset is None
        request = asked[0]
        assert request.get(":method") == "CONNECT" and request.get(":protocol") == "websocket"
        assert request.get(":path") == "/chat?room=1" and request.get(":authority")
        assert request.get(":scheme") == ("https" if is_tls else "http")
        assert request.get("sec-websocket-key") is None
        assert request.get("sec-websocket-version") == "13"
        assert request.body == b"x" * MIB + b"last"


@pytest.mark.parametrize("status", [403, 404, 302])
def test_a_server_may_refuse_extended_connect(start, status):
    def script(connection):
        request = connection.next_head()
        connection.respond(request.stream, status, [], b"no")
        connection.wait_end()

    with H2Origin(script, {CODES.ENABLE_CONNECT_PROTOCOL: 1}) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
            {"name": "up", "servers": [origin.address], "protocol": "h2c"}]})
        with Client(gateway.address) as client:
            stream, response = connect(client, "/chat")
            client.wait(stream)
            assert response.status == status and response.body == b"no"


def test_malformed(client):
    connect(client)
    stream = client.send([(":method", "CONNECT"), (":protocol", "websocket"),
                          (":authority", "shop.example")], end=False)
    assert client.wait(stream).reset == PROTOCOL_ERROR
