"""Upgrade: WebSocket tunnels, and the protocols that do not pass."""

import asyncio
import threading

import pytest

from client import Connection, open_socket, request_bytes
from origins import Origin, response_bytes
from waiting import wait_until


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
            sender = threading.Thread(target=connection.send, args=(big,))
            sender.start()
            assert connection.read(len(big)) == big
            sender.join(10)
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
