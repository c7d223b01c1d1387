"""The ends of tunnels: all bytes arrive, both ways, whichever side ends first."""

import base64
import hashlib
import socket
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import CANCEL, Client
from h2origin import CODES, H2Origin
from origins import Origin
from tlsbytes import client_hello
from waiting import wait_until

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONG = bytes(range(256)) * 400


def accept(connection):
    request = connection.read_head()
    key = request.get("Sec-WebSocket-Key") or ""
    proof = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    f"Connection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n\r\n".encode())


class H1End:
    """The client's end of a WebSocket over HTTP/1.1."""

    def __init__(self, gateway, tls=None):
        self.client = Connection(gateway.address, tls, "shop.example" if tls else None)
        self.client.send(request_bytes("/", host="shop.example", fields=[
            ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]))
        assert self.client.read_response().status == 101

    def send(self, data):
        self.client.send(data)

    def finish(self):
        self.client.half_close()

    def read_to_end(self):
        return self.client.read_to_end()

    def close(self):
        self.client.close()


class H2End:
    """The same over HTTP/2 (RFC 8441)."""

    def __init__(self, gateway, tls=None):
        self.client = Client(gateway.address, tls)
        self.client.wait_for(lambda: self.client.h2.remote_settings.enable_connect_protocol == 1,
                             "SETTINGS_ENABLE_CONNECT_PROTOCOL")
        self.stream = self.client.send([
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", self.client.scheme),
            (":path", "/"), (":authority", "shop.example"),
            ("sec-websocket-version", "13")], end=False)
        assert self.client.wait_head(self.stream).status == 200

    def send(self, data):
        self.client.data(self.stream, data)

    def finish(self):
        self.client.h2.end_stream(self.stream)
        self.client.flush()

    def read_to_end(self):
        found = self.client.streams[self.stream]
        self.client.wait_for(lambda: found.is_ended or found.reset is not None, "the end")
        assert found.reset is None
        return found.body

    def close(self):
        self.client.close()


ENDS = pytest.mark.parametrize("end", [H1End, H2End], ids=["h1", "h2"])


def site(origin, shop=None, ca=None):
    backend = {"name": "up", "servers": [origin.address]}
    one = {"hosts": ["shop.example"], "backend": "up"}
    if shop is not None:
        backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
        one["tls"] = shop.settings()
    return {"sites": [one], "backends": [backend]}


@ENDS
def test_the_server_ends_first_and_reads_last(start, end):
    """Whatever the client has sent before its own end is read, long after the gateway is done."""
    def handler(connection):
        accept(connection)
        connection.send(LONG)
        connection.half_close()
        assert may_read.wait(20)
        received.append(connection.read_to_end())
        assert not connection.was_reset

    may_read, received = threading.Event(), []
    with Origin(handler) as origin:
        gateway = start(site(origin))
        client = end(gateway)
        assert client.read_to_end() == LONG
        client.send(LONG)
        client.finish()
        entry = gateway.wait_log(target="/")
        assert "reason" not in entry
        may_read.set()
        wait_until(lambda: received)
        assert received == [LONG]
        client.close()


@pytest.mark.parametrize("end,is_tls", [(H1End, False), (H2End, False), (H2End, True)],
                         ids=["h1-plain", "h2-plain", "h2-tls"])
def test_the_client_ends_first(start, ca, shop, end, is_tls):
    def handler(connection):
        accept(connection)
        received.append(connection.read_to_end())
        connection.send(LONG * 10)

    received = []
    with Origin(handler, tls=shop.server_context() if is_tls else None) as origin:
        gateway = start(site(origin, shop, ca) if is_tls else site(origin))
        client = end(gateway, ca.client_context() if is_tls else None)
        client.send(LONG)
        client.finish()
        assert client.read_to_end() == LONG * 10
        wait_until(lambda: received)
        assert received == [LONG]
        client.close()


@ENDS
def test_a_server_that_reads_slowly_gets_all(start, end):
    """Much more than sockets hold waits for it when both sides have ended."""
    def handler(connection):
        accept(connection)
        connection.half_close()
        sizes = 0
        digest = hashlib.sha256()
        assert may_read.wait(20)
        while True:
            data = connection.recv(50000)
            if not data:
                break
            sizes += len(data)
            digest.update(data)
        assert not connection.was_reset
        received.append((sizes, digest.hexdigest()))

    may_read, received = threading.Event(), []
    body = LONG * 80
    with Origin(handler) as origin:
        origin.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        gateway = start(site(origin))
        client = end(gateway)
        assert client.read_to_end() == b""

        def send():
            client.send(body)
            client.finish()

        sender = threading.Thread(target=send)
        sender.start()
        may_read.set()
        sender.join(20)
        wait_until(lambda: received, 20)
        assert received == [(len(body), hashlib.sha256(body).hexdigest())]
        client.close()


def test_passthrough_carries_both_half_closes(start):
    def handler(connection):
        first = connection.read(5)
        connection.send(b"x" * len(LONG))
        connection.half_close()
        assert may_read.wait(20)
        received.append(first + connection.read_to_end())
        assert not connection.was_reset

    may_read, received = threading.Event(), []
    hello = client_hello("bank.example")
    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "passthrough": origin.address}]})
        with Connection(gateway.address) as client:
            client.send(hello)
            assert len(client.read_to_end()) == len(LONG)
            client.send(LONG)
            client.half_close()
            wait_until(lambda: gateway.log_entries(), what="the line of the tunnel")
            may_read.set()
            wait_until(lambda: received)
            assert received == [hello + LONG]


@ENDS
@pytest.mark.parametrize("reads", [True, False], ids=["slow", "stuck"])
def test_what_an_http2_server_has_not_taken_at_the_end(start, end, reads):
    """Both ends have come, and bytes are left that its window does not let out: they wait for a
    server that takes some of them, and for no other longer than timeouts.send."""
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200)
        connection.end(request.stream)
        connection.holds_windows = True
        connection.wait(lambda: len(request.body) >= 65535)
        full.set()
        assert may_read.wait(20)
        while reads and not request.is_whole:
            # Each time a little, and never for as long as the limit.
            connection.h2.increment_flow_control_window(8192)
            connection.h2.increment_flow_control_window(8192, request.stream)
            connection.flush()
            size = len(request.body)
            connection.wait(lambda: request.is_whole or len(request.body) >= size + 8192)
            pause.wait(0.05)
        if not reads:
            codes.append(connection.wait_reset(request.stream))
        received.append(bytes(request.body))
        connection.wait_end()

    full, may_read, pause, received, codes = (
        threading.Event(), threading.Event(), threading.Event(), [], [])
    body = LONG[:90000]
    with H2Origin(script, {CODES.ENABLE_CONNECT_PROTOCOL: 1}) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": "up"}],
                         "timeouts": {"send": "500ms"},
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "protocol": "h2c"}]})
        client = end(gateway)
        assert client.read_to_end() == b""
        client.send(body)
        client.finish()
        assert full.wait(20)
        entry = gateway.wait_log(target="/")
        assert "reason" not in entry and entry["bytes_in"] == len(body)
        may_read.set()
        wait_until(lambda: received, 20)
        assert received == [body if reads else body[:65535]]
        assert codes == ([] if reads else [CANCEL])
        client.close()
