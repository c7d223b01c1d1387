"""Upgrade: WebSocket tunnels, and the protocols that do not pass."""

import asyncio

import pytest

from client import Connection, chunked, fetch, open_socket, request_bytes
from origins import Origin, response_bytes
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start


def proxying(origin, **more):
    return {"sites": [{"hosts": ["*"], "backend": origin.address}], **more}



def upgrade_handler(connection):
    """Accepts any upgrade and echoes; an "!" says goodbye and closes its own direction."""
    request = connection.read_head()
    protocol = request.get("Upgrade")
    if protocol is None:
        connection.send(response_bytes(200, [], b"not upgraded"))
        connection.wait_end()
        return
    connection.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n".encode() + b"hi")
    if connection.buffer:
        connection.send(connection.buffer)
    while True:
        data = connection.recv()
        if not data:
            connection.send(b"bye")
            return
        connection.send(data)
        if data.endswith(b"!"):
            connection.half_close()


def upgrade_request(protocol="websocket", target="/"):
    return request_bytes(target, fields=[("Connection", "Upgrade"), ("Upgrade", protocol),
                                         ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                                         ("Sec-WebSocket-Version", "13")])


def test_websocket_tunnel(start):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request() + b"early")
            response = connection.read_response()
            assert response.status == 101
            assert response.get("Upgrade").lower() == "websocket"
            assert response.get("Connection").lower() == "upgrade"
            assert response.get("Sec-WebSocket-Accept") == "x"
            assert connection.read(7) == b"hiearly"
            big = bytes(range(256)) * 20000
            assert connection.exchange(big, len(big)) == big
            connection.half_close()
            assert connection.read_to_end() == b"bye"
        entry = gateway.wait_log(status=101)
        assert entry["bytes_in"] >= len(big) and entry["bytes_out"] >= len(big)


def test_websocket_half_close_of_the_origin(start):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request())
            assert connection.read_response().status == 101
            connection.send(b"end!")
            assert connection.read_to_end() == b"hiend!"
            connection.send(b"more")
            connection.half_close()
            wait_until(lambda: origin.connections[0].received.endswith(b"more"))


def test_websocket_over_tls(start, ca, shop):
    with Origin(upgrade_handler) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": origin.address}]})
        with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
            connection.send(upgrade_request().replace(b"test.example", b"shop.example"))
            assert connection.read_response().status == 101
            assert connection.read(2) == b"hi"
            connection.send(b"x" * 100000 + b"!")
            assert connection.read(100001) == b"x" * 100000 + b"!"


def test_websocket_refused_by_the_origin(start):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(response_bytes(403, [], b"no", "Forbidden"))

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request())
            assert connection.read_response().status == 403
            assert connection.request().status == 403


def test_real_websocket_library(start):
    """The websockets package on both ends, where it is installed."""
    websockets = pytest.importorskip("websockets")

    async def echo(socket, *_):
        async for message in socket:
            await socket.send(message)

    async def scenario():
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            gateway = start({"sites": [{"hosts": ["*"], "backend": f"127.0.0.1:{port}"}]})
            sock = open_socket(gateway.address)
            sock.setblocking(False)
            async with websockets.connect("ws://test.example/chat", sock=sock) as client:
                for message in ("hello", "\u00e9" * 1000, b"\0" * 300000):
                    await client.send(message)
                    assert await client.recv() == message

    asyncio.run(scenario())


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "chat"])
def test_other_upgrades_are_dropped(start, protocol):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request(protocol))
            response = connection.read_response()
            assert (response.status, response.body) == (200, b"not upgraded")


def test_route_may_name_another_protocol(start):
    with Origin(upgrade_handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/chat"}, "upgrade": ["chat"], "backend": origin.address}]}]})
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request("chat", "/chat"))
            assert connection.read_response().status == 101
            assert connection.read(2) == b"hi"
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request("websocket", "/chat"))
            assert connection.read_response().body == b"not upgraded"


def test_idle_websocket_is_closed_after_tunnel_idle(start):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin, timeouts={"tunnel_idle": "1s"}))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request())
            assert connection.read_response().status == 101
            connection.read(2)
            assert connection.is_closed_by_peer()


# A request that has a body (docker exec), and lists.


def attach_handler(connection):
    """As docker's: takes the body, and then speaks raw TCP."""
    request = connection.read_head()
    assert (request.get("Connection") or "").lower() == "upgrade", request.head
    connection.read_body(request)
    connection.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n"
                    b"Upgrade: tcp\r\n\r\n<" + request.body + b">")
    while True:
        data = connection.buffer or connection.recv()
        connection.buffer = b""
        if not data:
            return
        connection.send(data)


def allowing(origin, *protocols, **backend):
    return {"sites": [{"hosts": ["*"], "routes": [
        {"upgrade": list(protocols), "backend": "up"}]}],
        "backends": [{"name": "up", "servers": [origin.address], **backend}]}


BODIES = {
    "length": ([("Content-Length", "9")], b'{"Tty":1}'),
    "chunked": ([("Transfer-Encoding", "chunked")], chunked(b'{"Tty', b'":1}')),
    "chunked and empty": ([("Transfer-Encoding", "chunked")], chunked()),
    "length 0": ([("Content-Length", "0")], b""),
    "big": ([("Content-Length", "300000")], b"x" * 300000),
}


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_goes_before_the_switch(start, name, in_pieces):
    fields, body = BODIES[name]
    with Origin(attach_handler) as origin:
        gateway = start(allowing(origin, "tcp"))
        head = request_bytes("/exec/1/start", "POST", fields=[
            ("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", "application/json"),
            *fields])
        with Connection(gateway.address) as connection:
            if in_pieces:
                connection.send(head)
                wait_until(lambda: origin.connections and b"\r\n\r\n" in
                           origin.connections[0].received)
                connection.send(body)
            else:
                connection.send(head + body + b"early")
            assert connection.read_response().status == 101
            plain = body if "chunked" not in name else b"" if "empty" in name else b'{"Tty":1}'
            assert connection.read(len(plain) + 2) == b"<" + plain + b">"
            if not in_pieces:
                assert connection.read(5) == b"early"
            connection.send(b"x" * 100000)
            assert connection.read(100000) == b"x" * 100000
        entry = gateway.wait_log(target="/exec/1/start")
        assert entry["status"] == 101 and "reason" not in entry


def test_a_switch_that_comes_before_the_requests_end_waits_for_it(start):
    def handler(connection):
        request = connection.read_head()
        connection.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhi")
        connection.read_body(request)
        connection.send(b"<" + request.body + b">")
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(allowing(origin, "tcp"))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/", "POST", fields=[
                ("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Transfer-Encoding", "chunked")]))
            wait_until(lambda: origin.connections and origin.connections[0].sent.endswith(b"hi"))
            connection.send(chunked(b"body"))
            assert connection.read_response().status == 101
            assert connection.read(8) == b"hi<body>"


def test_a_body_and_no_switch(start):
    def handler(connection):
        while True:
            request = connection.read_request()
            assert request.get("Upgrade") == "tcp"
            connection.send(response_bytes(200, [], request.body))

    with Origin(handler) as origin:
        gateway = start(allowing(origin, "tcp"))
        with Connection(gateway.address) as connection:
            for body in (b"one", b"two"):
                connection.send(request_bytes("/", "POST", fields=[
                    ("Connection", "Upgrade"), ("Upgrade", "tcp")], body=body))
                assert connection.read_response().body == body


@pytest.mark.parametrize("offered, passed, dropped", [
    ("websocket, h2c", "websocket", "h2c"), ("h2c,tcp, websocket", "tcp, websocket", "h2c"),
    (",,h2c,,tcp,", "tcp", "h2c"), ("tcp\r\nUpgrade: h2c", "tcp", "h2c"),
    ("tcp\r\nUpgrade: websocket", "tcp, websocket", ""),
    ("h2c", None, "h2c"), ("TLS/1.0, h2c", None, "TLS/1.0, h2c"), ("tcp, websocket", None, None)])
def test_what_is_allowed_of_a_list_is_offered_and_the_log_has_the_rest(start, offered, passed,
                                                                       dropped):
    def handler(connection):
        request = connection.read_head()
        protocol = (request.get("Upgrade") or "").split(",")[-1].strip()
        if not protocol:
            connection.send(response_bytes(200, [], b"plain"))
        else:
            connection.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\n"
                            "Connection: Upgrade\r\n\r\n".encode())
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(allowing(origin, "websocket", "tcp"))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request(offered, "/list"))
            status = connection.read_response().status
        head = origin.connections[0].received.decode()
        assert status == (200 if passed is None and dropped else 101)
        assert f"Upgrade: {passed or offered}\r\n" in head or (passed is None and dropped)
        entry = gateway.wait_log(target="/list")
        if dropped:
            assert entry["reason"] == "upgrade_dropped" and dropped in entry["detail"]
        else:
            assert "reason" not in entry


def test_an_upgrade_with_a_body_to_a_backend_of_http2_is_dropped_and_logged(start):
    """Extended CONNECT has no body in front of the other protocol."""
    pytest.importorskip("h2")
    from h2origin import H2Origin  # pylint: disable=import-outside-toplevel
    with H2Origin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
            {"name": "up", "servers": [origin.address], "protocol": "h2c"}]})
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/h2", "POST", body=b"{}", fields=[
                ("Connection", "Upgrade"), ("Upgrade", "websocket")]))
            assert connection.read_response().status == 200
        assert gateway.wait_log(target="/h2")["reason"] == "upgrade_dropped"


# What a response offers.


@pytest.mark.parametrize("fields, said", [
    ("Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n", "TLS/1.0, HTTP/1.1"),
    ("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\nUpgrade: websocket\r\n", "TLS/1.0, websocket"),
    ("Upgrade: websocket\r\n", "websocket"),
    ("Connection: close, upgrade\r\nUpgrade: websocket\r\n", "websocket")])
def test_426_keeps_upgrade(start, fields, said):
    """RFC 9110 section 15.5.22: the server must send it."""
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(f"HTTP/1.1 426 Upgrade Required\r\n{fields}Content-Length: 3\r\n\r\n"
                            "no\n".encode())
            if "close" in fields:
                connection.half_close()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            response = connection.request()
            assert (response.status, response.body) == (426, b"no\n")
            assert response.get("Upgrade") == said
            assert response.get("Connection") == "Upgrade"
            response = connection.request(fields=[("Connection", "close")])
            assert response.get("Upgrade") == said
            assert response.get("Connection") == "close, Upgrade"


def test_426_of_a_route_keeps_upgrade(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {
        "status": 426, "fields": {"Upgrade": "websocket"}, "body": "no"}}]})
    response = fetch(gateway.address)
    assert (response.status, response.get("Upgrade")) == (426, "websocket")


@pytest.mark.parametrize("offered, said", [("h2,h2c", None), ("websocket", "websocket"),
                                           ("h2c, websocket", "websocket"), ("a b", None)])
def test_other_responses_offer_what_the_route_allows(start, offered, said):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(response_bytes(200, [("Connection", "Upgrade"), ("Upgrade", offered)],
                                           b"ok"))

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                response = connection.request()
                assert response.body == b"ok" and response.get("Upgrade") == said
                assert response.get("Connection") == (said and "Upgrade")


def test_http2_clients_get_no_upgrade(start):
    pytest.importorskip("h2")
    from h2client import Client  # pylint: disable=import-outside-toplevel

    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\n"
                        b"Upgrade: websocket\r\nContent-Length: 0\r\n\r\n")
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Client(gateway.address) as client:
            response = client.wait(client.start("/", "GET"))
            names = {name.lower() for name, _ in response.fields}
            assert response.status == 426 and not names & {"upgrade", "connection"}
