"""Clients that hold what others need: idle connections at the limit, and slow bodies."""

import threading
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from origins import EchoOrigin, Origin
from waiting import wait_until


def is_open(client):
    if isinstance(client, Client):
        return not client.goaways and client.request().status == 200
    client.send(request_bytes(host="shop.example"))
    return client.read_response().status == 200


def served(gateway, kind):
    client = Connection(gateway.address) if kind == "h1" else Client(gateway.address)
    if kind == "h1":
        assert client.request(host="shop.example").status == 200
    else:
        assert client.request().status == 200
    return client


@pytest.mark.parametrize("kind", ["h1", "h2"])
def test_idle_clients_make_room_for_new_ones_oldest_first(start, kind):
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "x"}}],
                     "limits": {"connections": 8}})
    old = [served(gateway, kind) for _ in range(8)]
    new = [served(gateway, kind) for _ in range(2)]
    if kind == "h1":
        assert old[0].is_closed_by_peer() and old[1].is_closed_by_peer()
    else:
        for client in old[:2]:
            client.wait_closed()
            assert client.goaways[-1][0] == 0
    assert all(is_open(client) for client in [*old[-2:], *new])
    for client in old + new:
        client.close()


@pytest.mark.parametrize("kind", ["h1", "h2"])
def test_clients_with_a_request_in_hand_are_never_ended_for_others(start, kind):
    go_on = threading.Event()

    def handler(connection):
        connection.read_request()
        go_on.wait(20)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "routes": [
            {"match": {"path": "/slow"}, "backend": origin.address}, {"respond": {"body": "x"}}]}],
            "limits": {"connections": 4}})
        busy = []
        for _ in range(4):
            if kind == "h1":
                client = Connection(gateway.address)
                client.send(request_bytes("/slow", host="shop.example"))
            else:
                client = Client(gateway.address)
                client.start("/slow")
            busy.append(client)
        wait_until(lambda: len(origin.connections) == 4)
        waiting = Connection(gateway.address)
        waiting.send(request_bytes(host="shop.example"))
        go_on.set()
        for client in busy:
            if kind == "h1":
                assert client.read_response().body == b"ok"
            else:
                assert client.wait(1).body == b"ok"
        assert waiting.read_response().body == b"x"
        for client in [*busy, waiting]:
            client.close()


# ---- slow bodies ----

@pytest.fixture(name="slow", scope="module")
def _slow(start_for_module):
    with EchoOrigin() as origin:
        gateway = start_for_module({
            "sites": [{"hosts": ["shop.example"], "backend": origin.address}],
            "timeouts": {"body": "1s"}, "limits": {"body_rate": 1000}})
        yield gateway


def drip(send, status, pause, piece, most):
    """Sends a piece now and then until there is an answer, or for `most` pieces."""
    for _ in range(most):
        if status() is not None:
            return
        send(piece)
        time.sleep(pause)


class H1Body:
    def __init__(self, gateway, length):
        self.client = Connection(gateway.address)
        self.client.send(request_bytes("/", "POST", "shop.example", [("Content-Length", length)]))
        self.answer = None

    def send(self, data):
        self.client.send_even_if_refused(data)

    def status(self, wait=0.01):
        if self.answer is None:
            self.client.sock.settimeout(wait)
            try:
                self.answer = self.client.read_response().status
            except TimeoutError:
                pass
        return self.answer

    def close(self):
        self.client.close()


class H2Body:
    def __init__(self, gateway, length):
        self.client = Client(gateway.address)
        self.stream = self.client.start("/", "POST", end=False,
                                        fields=[("content-length", str(length))])

    def send(self, data):
        self.client.data(self.stream, data)

    def status(self, wait=0.01):
        try:
            self.client.pump(wait)
        except TimeoutError:
            pass
        return self.client.streams[self.stream].status

    def close(self):
        self.client.close()


@pytest.mark.parametrize("kind", [H1Body, H2Body])
def test_byte_now_and_then_is_no_body(slow, kind):
    body = kind(slow, 10_000)
    drip(body.send, body.status, 0.2, b"x", 60)
    assert body.status() == 408
    body.close()
    entry = slow.wait_log(status=408, reason="body_too_slow")
    assert "limits.body_rate" in entry["mend"]


@pytest.mark.parametrize("kind", [H1Body, H2Body])
def test_slow_and_steady_body_is_taken(slow, kind):
    body = kind(slow, 20_000)
    drip(body.send, body.status, 0.2, b"x" * 1000, 20)
    assert body.status(10) == 200
    body.close()


@pytest.mark.parametrize("kind", [H1Body, H2Body])
def test_body_as_a_whole_has_a_limit(start, kind):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": origin.address}],
                         "timeouts": {"body": "500ms", "body_total": "2s"}})
        body = kind(gateway, 1_000_000)
        drip(body.send, body.status, 0.1, b"x" * 1000, 100)
        assert body.status() == 408
        body.close()
        assert gateway.wait_log(status=408)["reason"] == "body_total_timeout"


def test_client_that_takes_a_byte_now_and_then_is_let_go(start, folder):
    (folder / "big").write_bytes(b"x" * (16 << 20))
    gateway = start({"sites": [{"hosts": ["*"], "files": {"root": str(folder)}}],
                     "timeouts": {"send": "1s"}, "limits": {"send_rate": "1M"}})
    with Connection(gateway.address, receive_buffer=4096) as client:
        client.send(request_bytes("/big"))
        client.read_head()
        done = threading.Event()

        def sip():
            while not done.wait(0.05):
                client.sock.recv(2048)

        reader = threading.Thread(target=sip, daemon=True)
        reader.start()
        entry = gateway.wait_log(target="/big", seconds=20)
        assert entry["reason"] in ("client_too_slow", "client_stalled")
        done.set()
        reader.join(5)
