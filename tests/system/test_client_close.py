"""`on_client_close`: what becomes of a request whose client ends its connection while it is under way."""

import contextlib
import fcntl
import itertools
import os
import pathlib
import select
import socket
import ssl
import termios
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin
from waiting import wait_until

EVENTS = [("content-type", "text/event-stream")]
NUMBERS = itertools.count()


class Asked:
    """A request as its server sees it."""

    def __init__(self):
        self.is_seen = threading.Event()
        self.is_gone = threading.Event()
        self.go_on = threading.Event()


class Slow:
    """Servers of both versions that answer a request when they are told to; /events/ begin at once. `asked`: by target."""

    def __init__(self):
        self.asked = {}
        self.h1 = Origin(self._h1)
        self.h2 = H2Origin(self._h2)

    def _h1(self, connection):
        while True:
            request = connection.read_head()
            asked = self.asked[request.target]
            if not request.target.startswith("/blocked"):
                connection.read_body(request)
            if request.target.startswith("/events"):
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n")
            asked.is_seen.set()
            while not asked.go_on.is_set():
                if request.target.startswith("/blocked"):
                    # Nothing is read, so the end shows as a reset alone.
                    poll = select.poll()
                    poll.register(connection.sock, select.POLLRDHUP)
                    if not poll.poll(20):
                        continue
                elif not select.select([connection.sock], [], [], 0.02)[0]:
                    continue
                elif connection.recv(1):
                    continue
                asked.is_gone.set()
                return
            if request.target.startswith("/events"):
                connection.send(b"4\r\nlate\r\n0\r\n\r\n")
                continue
            if request.target.startswith("/blocked"):
                connection.read_body(request)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    def _h2(self, connection):
        waiting = {}
        while True:
            connection.poll(0.02)
            while connection.heads:
                request = connection.requests[connection.heads.popleft()]
                if request.get(":path").startswith("/events"):
                    connection.head(request.stream, 200, EVENTS)
                    connection.data(request.stream, b" ")
                waiting[request.stream] = self.asked[request.get(":path")]
                waiting[request.stream].is_seen.set()
            for stream, asked in list(waiting.items()):
                if connection.requests[stream].reset_code is not None:
                    asked.is_gone.set()
                    del waiting[stream]
                elif asked.go_on.is_set():
                    if connection.requests[stream].get(":path").startswith("/events"):
                        connection.data(stream, b"late", end=True)
                    else:
                        connection.respond(stream, 200, [], b"late")
                    del waiting[stream]

    def expect(self, target):
        self.asked[target] = Asked()
        return self.asked[target]

    def close(self):
        self.h1.close(check=False)
        self.h2.close(check=False)


@pytest.fixture(name="slow", scope="module")
def fixture_slow():
    slow = Slow()
    yield slow
    slow.close()


@pytest.fixture(name="gateway", scope="module")
def fixture_gateway(start_for_module, slow, shop):
    """By path: the first part what the server is to do, the second its version, the third the choice."""
    routes = [{"match": {"path": f"/{what}/{back}/{choice}/*"}, "backend": back, "response_limit": "unlimited",
               **({} if choice == "auto" else {"on_client_close": choice})}
              for what in ("wait", "events", "blocked") for back in ("h1", "h2")
              for choice in ("auto", "finish", "abort")]
    return start_for_module({
        "sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve",
                   "routes": [*routes, {"respond": {"body": "x"}}]}],
        "timeouts": {"half_closed": "5m", "body": "5m"},
        "backends": [{"name": "h1", "servers": [slow.h1.address], "response_timeout": "5m"},
                     {"name": "h2", "protocol": "h2c", "servers": [slow.h2.address], "response_timeout": "5m"}]})


class Asker:
    """A client of either version that asks, ends its direction in one of three ways, and may hear on."""

    def __init__(self, gateway, front, layer, tls):
        self.front = front
        self.stream = None
        tls = tls if layer == "tls" else None
        self.client = Connection(gateway.address, tls, "shop.example") if front == "h1" else \
            Client(gateway.address, tls)

    def ask(self, target):
        if self.front == "h1":
            self.client.send(request_bytes(target, host="shop.example"))
        else:
            self.stream = self.client.start(target)

    def end(self, sign):
        sock = self.client.sock
        if sign == "goodbye":
            sock.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                sock.unwrap()
            sock.settimeout(15)
        with socket.socket(fileno=os.dup(sock.fileno())) as bare:
            bare.shutdown(socket.SHUT_WR)

    def hear_beginning(self, is_begun):
        """Of an event stream, and what else is on its way: what a goodbye meets unread is an error to the library."""
        if self.front == "h2":
            if is_begun:
                self.client.wait_for(lambda: self.client.streams[self.stream].body)
            self.client.h2.ping(b"all read")
            self.client.flush()
            self.client.wait_for(lambda: self.client.pings)
        while self.front == "h1" and is_begun and b"1\r\n \r\n" not in self.client.buffer:
            self.client.buffer += self.client.sock.recv(65536)

    def hear(self):
        if self.front == "h1":
            return self.client.read_response().body
        return self.client.wait(self.stream).body

    def close(self):
        self.client.close()


def settle(gateway):
    """What came before this has been looked at: there is one worker."""
    with Connection(gateway.address) as client:
        assert client.request("/", host="shop.example").body == b"x"


def is_awaited(front, sign, choice, what):
    if choice == "auto":
        return front == "h1" and sign == "fin" and what == "wait"
    return choice == "finish"


@pytest.mark.parametrize("layer, sign", [("plain", "fin"), ("tls", "fin"), ("tls", "goodbye")])
@pytest.mark.parametrize("back", ["h1", "h2"])
@pytest.mark.parametrize("front", ["h1", "h2"])
def test_client_that_ends_its_direction(gateway, slow, ca, front, back, layer, sign):
    for what, choice in itertools.product(("wait", "events"), ("auto", "finish", "abort")):
        target = f"/{what}/{back}/{choice}/{next(NUMBERS)}"
        asked = slow.expect(target)
        asker = Asker(gateway, front, layer, ca.client_context())
        asker.ask(target)
        assert asked.is_seen.wait(15)
        asker.hear_beginning(what == "events")
        asker.end(sign)
        if is_awaited(front, sign, choice, what):
            settle(gateway)
            assert not asked.is_gone.is_set()
            asked.go_on.set()
            assert asker.hear().endswith(b"late")
            assert "reason" not in gateway.wait_log(target=target)
        else:
            assert asked.is_gone.wait(15), target
            assert gateway.wait_log(target=target)["reason"] == "client_closed"
        asker.close()


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_finish_lets_a_client_go_that_refuses_what_is_sent(gateway, slow, front):
    """Only then is its going seen: the connection is reset."""
    target = f"/events/h1/finish/{next(NUMBERS)}"
    asked = slow.expect(target)
    asker = Asker(gateway, front, "plain", None)
    asker.ask(target)
    assert asked.is_seen.wait(15)
    asker.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    asker.close()
    assert asked.is_gone.wait(15)
    assert gateway.wait_log(target=target)["reason"] == "client_reset"


def unread_by(gateway, sock):
    """Bytes of the connection that lie in the gateway's socket."""
    ours = f"{sock.getsockname()[1]:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, _, queues = line.split()[1:5]
        if local.endswith(f":{gateway.port:04X}") and remote.endswith(f":{ours}"):
            return int(queues.split(":")[1], 16)
    return 0


def fill(gateway, sock):
    """Sends until the gateway leaves some of it unread, and all of it has arrived."""
    sock.sendall(bytes(1 << 20))
    while True:
        sock.sendall(bytes(65536))
        wait_until(lambda: fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)) == bytes(4))
        settle(gateway)
        settle(gateway)
        if unread_by(gateway, sock):
            return


@pytest.mark.parametrize("layer", ["plain", "tls"])
@pytest.mark.parametrize("choice", ["auto", "finish"])
def test_end_behind_a_body_that_the_server_does_not_take(gateway, slow, ca, layer, choice):
    target = f"/blocked/h1/{choice}/{next(NUMBERS)}"
    asked = slow.expect(target)
    asker = Asker(gateway, "h1", layer, ca.client_context())
    asker.client.send(request_bytes(target, "PUT", host="shop.example",
                                    fields=[("Content-Length", str(1 << 30))]))
    fill(gateway, asker.client.sock)
    asker.end("fin")
    assert gateway.wait_log(target=target)["reason"] == "client_closed_in_body"
    assert asked.is_gone.wait(15)
    asker.close()


def test_whole_body_that_waits_is_awaited(gateway, slow):
    """Behind one in which the server takes nothing."""
    target = f"/blocked/h1/auto/{next(NUMBERS)}"
    asked = slow.expect(target)
    asker = Asker(gateway, "h1", "plain", None)
    size = 3 << 20
    asker.client.send(request_bytes(target, "PUT", host="shop.example", fields=[("Content-Length", str(size))]))
    sender = threading.Thread(target=lambda: asker.client.sock.sendall(bytes(size)))
    sender.start()
    assert asked.is_seen.wait(15)
    asked.go_on.set()
    sender.join()
    asker.end("fin")
    assert asker.hear() == b"late"
    asker.close()


def test_choice_of_the_file_the_site_and_the_route(start, slow):
    """Each in place of the one before."""
    gateway = start({"on_client_close": "abort", "sites": [
        {"hosts": ["file.example"], "backend": "up"},
        {"hosts": ["site.example"], "on_client_close": "finish", "routes": [
            {"match": {"path": "/wait/route/*"}, "backend": "up", "on_client_close": "abort"},
            {"backend": "up"}]}],
        "backends": [{"name": "up", "servers": [slow.h1.address]}]})
    for host, part, is_gone in (("file.example", "x", True), ("site.example", "x", False),
                                ("site.example", "route", True)):
        target = f"/wait/{part}/{next(NUMBERS)}"
        asked = slow.expect(target)
        with Connection(gateway.address) as client:
            client.send(request_bytes(target, host=host))
            assert asked.is_seen.wait(15)
            client.half_close()
            if is_gone:
                assert asked.is_gone.wait(15)
            else:
                asked.go_on.set()
                assert client.read_response().body == b"late"
    wait_until(lambda: len(gateway.log_entries()) == 3)


def endless(connection):
    connection.read_request()
    with contextlib.suppress(OSError):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n")
        for _ in range(30):
            connection.send(bytes(1000000))


def test_a_reset_within_a_long_response_is_told_of(start):
    """A body between two plain connections goes by itself, and what moves it may see the reset first."""
    with Origin(endless) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        for number in range(40):
            with Connection(gateway.address, receive_buffer=4096) as client:
                client.send(request_bytes("/", host="shop.example"))
                if number % 2:
                    client.read(30000)
                client.reset()
        wait_until(lambda: len(gateway.log_entries()) == 40)
        assert {entry.get("reason") for entry in gateway.log_entries()} == {"client_reset"}
