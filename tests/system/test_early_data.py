"""TLS early data (0-RTT) and RFC 8470: what passes before the handshake is over, and how often."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from client import Connection, open_socket
from h2client import h2_config, h2_connection
from origins import EchoOrigin, Origin, response_bytes
from tidegate import environment
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

HOST = "shop.example"
GOAWAY = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + bytes(8)
GET = f"GET /early HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class Middle:
    """Between client and gateway: passes on what the client sends, keeps it, and holds back what the
    gateway says until it is let go: so long no handshake is over. `holds`: what the client sends
    waits, too."""

    def __init__(self, address=None, holds=False):
        self.address = address
        self.may_send = threading.Event()
        if not holds:
            self.may_send.set()
        self.sent = bytearray()
        self.answered = bytearray()
        self.may_answer = threading.Event()
        self.socks = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self._run, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.may_send.set()
        self.may_answer.set()
        self.listener.close()
        for sock in self.socks:
            sock.close()
        for thread in self.threads:
            thread.join(5)

    def _run(self):
        try:
            client, _ = self.listener.accept()
            self.socks.append(client)
            client.settimeout(30)
            server = None
            if self.address is not None:
                server = open_socket(self.address, 30)
                self.socks.append(server)
                self.threads.append(threading.Thread(target=self._answer, args=(server, client),
                                                     daemon=True))
                self.threads[-1].start()
            while data := client.recv(65536):
                self.sent += data
                if server is not None:
                    self.may_send.wait(30)
                    server.sendall(data)
            if server is not None:
                server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _answer(self, server, client):
        try:
            while data := server.recv(65536):
                self.answered += data
                self.may_answer.wait(30)
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def records(self):
        """The types of the whole TLS records that the client has sent."""
        kinds, at = [], 0
        data = bytes(self.sent)
        while at + 5 <= len(data):
            length = int.from_bytes(data[at + 3:at + 5], "big")
            if at + 5 + length > len(data):
                break
            kinds.append(data[at])
            at += 5 + length
        return kinds


class Client:
    """openssl s_client, which sends early data and then what it is told."""

    def __init__(self, ca, port, *options):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST,
             "-CAfile", str(ca.file), "-verify_return_error", "-ign_eof", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=10)

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def finish(self):
        """All that it printed, once the gateway has closed."""
        return self.process.communicate(timeout=30)[0].decode(errors="replace")


class World:
    def __init__(self, start, ca, shop, folder, origin, timeouts=None, **tls):
        self.ca, self.folder, self.origin = ca, folder, origin
        self.gateway = start({"workers": 4, "timeouts": timeouts or {}, "sites": [
            {"hosts": [HOST], "backend": origin.address,
             "tls": {**shop.settings(), "early_data": True, **tls}}]})
        self.session = folder / "session.pem"
        self.early = folder / "early"

    def visit(self, *options, request=None):
        """A whole visit, for its ticket."""
        with Client(self.ca, self.gateway.port, "-tls1_3", "-sess_out", str(self.session),
                    *options) as client:
            client.send(request or f"GET /first HTTP/1.1\r\nHost: {HOST}\r\n"
                                   "Connection: close\r\n\r\n".encode())
            return client.finish()

    def send_early(self, data, *options, port=None):
        self.early.write_bytes(data)
        return Client(self.ca, port or self.gateway.port, "-tls1_3", "-sess_in", str(self.session),
                      "-early_data", str(self.early), *options)

    def requests(self, target="/early"):
        return [request for request in self.origin.requests if request.target == target]


@pytest.fixture
def world(start, ca, shop, folder):
    with EchoOrigin() as origin:
        yield World(start, ca, shop, folder, origin)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_requests_pass_before_the_handshake_is_over(world, method):
    assert "Max Early Data: 16384" in world.visit()
    request = GET.replace(b"GET", method.encode())
    with Middle(world.gateway.address) as middle:
        with world.send_early(request, port=middle.port) as client:
            first = wait_until(world.requests, 20, "the request at the server")[0]
            assert first.method == method and first.get("Early-Data") == "1"
            entry = world.gateway.wait_log(target="/early")  # answered, too
            assert entry["early_data"] is True and entry["status"] == 200
            assert not middle.may_answer.is_set()
            middle.may_answer.set()
            # The connection goes on as any other, and without the field.
            client.send(GET.replace(b"/early", b"/late").replace(
                b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            text = client.finish()
    assert "Early data was accepted" in text and text.count("HTTP/1.1 200") == 2
    assert "unexpected eof" not in text
    assert world.requests("/late")[0].get("Early-Data") is None
    assert "early_data" not in world.gateway.wait_log(target="/late")
    assert len(world.requests()) == 1


@pytest.mark.parametrize("head", [
    "POST /early HTTP/1.1\r\nContent-Length: 0\r\n",
    "PUT /early HTTP/1.1\r\nContent-Length: 0\r\n",
    "DELETE /early HTTP/1.1\r\n",
    "BREW /early HTTP/1.1\r\n",
    # No method tells what the bytes of a tunnel will do.
    "GET /early HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
], ids=["POST", "PUT", "DELETE", "unknown", "websocket"])
def test_what_may_change_something_is_too_early(world, head):
    world.visit()
    request = f"{head}Host: {HOST}\r\n\r\n".encode()
    with Middle(world.gateway.address) as middle:
        with world.send_early(request, port=middle.port) as client:
            entry = world.gateway.wait_log(target="/early")
            assert entry["status"] == 425 and entry["reason"] == "too_early"
            middle.may_answer.set()
            # It is what the client repeats now.
            client.send(request.replace(b"\r\n\r\n", b"\r\nX-Again: 1\r\n\r\n"))
            client.send(f"GET /end HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            text = client.finish()
    assert "HTTP/1.1 425 Too Early" in text
    again = wait_until(world.requests, 20, "the request at the server")
    assert [request.get("X-Again") for request in again] == ["1"]
    assert again[0].get("Early-Data") is None


@pytest.mark.parametrize("missing", [0, 1])
def test_too_early_body_is_not_the_next_request(world, missing):
    """The connection goes on behind a body that has come, and ends where the rest of it never comes."""
    world.visit()
    body = b"GET /hidden HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"
    request = (f"POST /early HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body) + missing}\r\n\r\n".encode() + body)
    with Middle(world.gateway.address) as middle:
        with world.send_early(request, port=middle.port) as client:
            assert world.gateway.wait_log(target="/early")["status"] == 425
            middle.may_answer.set()
            if not missing:
                client.send(f"GET /end HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            text = client.finish()
    assert "unexpected eof" not in text
    statuses = re.findall(r"^HTTP/1.1 (\d+)", text, re.MULTILINE)
    assert statuses == (["425"] if missing else ["425", "200"])
    assert not world.requests("/hidden") and not world.requests()


def test_425_of_the_server_reaches_the_client(start, ca, shop, folder):
    def handler(connection):
        while True:
            request = connection.read_request()
            connection.send(response_bytes(425 if request.get("Early-Data") == "1" else 200))

    with Origin(handler) as origin:
        world = World(start, ca, shop, folder, origin)
        world.visit()
        with Middle(world.gateway.address) as middle:
            with world.send_early(GET, port=middle.port) as client:
                assert world.gateway.wait_log(target="/early")["status"] == 425
                middle.may_answer.set()
                client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                text = client.finish()
        assert re.findall(r"^HTTP/1.1 (\d+)", text, re.MULTILINE) == ["425", "200"]


def test_field_of_a_proxy_in_front_stays(world, ca):
    """Whatever our own handshake was like (RFC 8470 section 5.1)."""
    with Connection(world.gateway.address, ca.client_context(), HOST) as client:
        assert client.request(host=HOST, fields=[("Early-Data", "1")]).status == 200
    assert world.origin.requests[0].all("Early-Data") == ["1"]


def test_no_two_fields(world):
    world.visit()
    request = GET.replace(b"\r\n\r\n", b"\r\nEarly-Data: 0\r\nEarly-Data: 1\r\n\r\n")
    with Middle(world.gateway.address) as middle, world.send_early(request, port=middle.port):
        first = wait_until(world.requests, 20, "the request at the server")[0]
    assert first.all("Early-Data") == ["1"]


def test_closing_answer_waits_for_the_handshake(world):
    """close_notify must not come before it, nor be left out."""
    world.visit()
    request = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with Middle(world.gateway.address) as middle:
        with world.send_early(request, port=middle.port) as client:
            assert world.gateway.wait_log(target="/early")["status"] == 200
            middle.may_answer.set()
            text = client.finish()
            assert client.process.returncode == 0
    assert "HTTP/1.1 200" in text and "unexpected eof" not in text


def record_flight(world, request):
    """A client's first flight, caught on the way: it has never arrived."""
    with Middle() as middle, world.send_early(request, port=middle.port):
        # ClientHello, ChangeCipherSpec perhaps, early data; nothing else before an answer.
        wait_until(lambda: 23 in middle.records(), 20, "early data")
        return bytes(middle.sent)


def send_copies(world, flight, count):
    """All at once; waits until the gateway has told the end of each."""
    before = len(world.gateway.log_entries())
    socks = [open_socket(world.gateway.address, 20) for _ in range(count)]
    threads = [threading.Thread(target=sock.sendall, args=(flight,)) for sock in socks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for sock in socks:
        data = b""
        while len(data) < 5 and (more := sock.recv(65536)):
            data += more
        assert data[:1] == b"\x16", "no ServerHello"
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        while sock.recv(65536):
            pass
        sock.close()
    wait_until(lambda: len(world.gateway.log_entries()) >= before + count, 20, "their log lines")


def test_recorded_request_is_answered_once(world):
    """Whichever copy comes first, on whichever worker."""
    world.visit()
    flight = record_flight(world, GET)
    send_copies(world, flight, 16)
    assert len(world.requests()) == 1
    send_copies(world, flight, 4)
    assert len(world.requests()) == 1
    closed = [entry for entry in world.gateway.log_entries() if entry.get("reason") == "closed"]
    assert len(closed) == 19  # they got a handshake, which only the client itself can finish


def test_copy_of_an_answered_request(world):
    world.visit()
    with Middle(world.gateway.address) as middle:
        with world.send_early(GET, port=middle.port) as client:
            wait_until(world.requests, 20, "the request at the server")
            flight = bytes(middle.sent)
            middle.may_answer.set()
            client.send(GET.replace(b"/early", b"/end").replace(
                b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            client.finish()
    send_copies(world, flight, 2)
    assert len(world.requests()) == 1


def test_copy_for_another_gateway(start, ca, shop, folder):
    """Another process has other keys: also the same one after a restart."""
    with EchoOrigin() as origin:
        first = World(start, ca, shop, folder, origin)
        first.visit()
        flight = record_flight(first, GET)
        send_copies(World(start, ca, shop, folder, origin), flight, 2)
        assert not first.requests()


def kill_gateway(gateway):
    """As a crash does; the supervisor starts another process."""
    first = gateway.gateway_pid()
    gateway.may_die = True
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: gateway.gateway_pid() not in (None, first), 20, "another process")
    return first


def test_copy_after_a_crash(world):
    """What the process that is gone took, the next one does not take again."""
    world.visit()
    flight = record_flight(world, GET)
    send_copies(world, flight, 1)
    assert len(world.requests()) == 1
    kill_gateway(world.gateway)
    send_copies(world, flight, 2)
    assert len(world.requests()) == 1


def test_process_after_a_crash_takes_no_early_data_at_first(world):
    """RFC 8446 section 8.2: until nothing that its predecessor may have taken is fresh. The client
    sends its request again, after the handshake."""
    world.visit()
    kill_gateway(world.gateway)
    since = time.monotonic()
    assert "Max Early Data: 16384" in world.visit()
    with world.send_early(GET) as client:
        client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        text = client.finish()
    if time.monotonic() - since < 15:
        assert "Early data was rejected" in text
        assert [r.get("Early-Data") for r in world.requests()] == [None]

    def is_accepted():
        world.visit()
        with world.send_early(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as again:
            again.process.stdin.close()
            again.process.stdin = None
            return "Early data was accepted" in again.finish()
    wait_until(is_accepted, 40, "early data again")
    assert time.monotonic() - since > 14


def test_clients_that_send_none(world, ca):
    """New ones, returning ones, and those without TLS 1.3."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        session = None
        for _ in range(2):
            context = ca.client_context(maximum_version=version)
            with Connection(world.gateway.address, context, HOST) as client:
                assert client.request(method="POST", host=HOST, body=b"x" * 70000).status == 200
                assert client.request(host=HOST).status == 200
                session = client.sock.session
            assert session is not None
    assert not [r for r in world.origin.requests if r.get("Early-Data") is not None]


def test_refused_early_data_is_sent_again(world):
    """Here because a copy was faster. The library drops it, and the connection goes on."""
    world.visit()
    with Middle(world.gateway.address, holds=True) as middle:
        with world.send_early(GET, port=middle.port) as client:
            wait_until(lambda: 23 in middle.records(), 20, "early data")
            send_copies(world, bytes(middle.sent), 1)
            assert len(world.requests()) == 1
            middle.may_send.set()
            middle.may_answer.set()
            client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            text = client.finish()
    assert "Early data was rejected" in text and text.count("HTTP/1.1 200") == 1
    assert [r.get("Early-Data") for r in world.requests()] == ["1", None]


def h2_flight(method):
    """What a client sends at once for one request, and its connection."""
    h2 = h2_connection.H2Connection(h2_config.H2Configuration(client_side=True))
    h2.initiate_connection()
    h2.send_headers(1, [(":method", method), (":scheme", "https"), (":path", "/early"),
                        (":authority", HOST)], end_stream=True)
    return h2.data_to_send()


@pytest.mark.parametrize("method, status", [("GET", 200), ("POST", 425)])
def test_http2(world, method, status):
    world.visit("-alpn", "h2", request=h2_flight("GET") + GOAWAY)
    before = len(world.requests())
    with Middle(world.gateway.address) as middle:
        with world.send_early(h2_flight(method), "-alpn", "h2", port=middle.port):
            entry = wait_until(lambda: [e for e in world.gateway.log_entries()
                                        if e.get("early_data")], 20, "the request")[0]
            assert entry["status"] == status and entry["version"] == "HTTP/2"
            assert entry["method"] == method
    seen = world.requests()[before:]
    assert [request.get("Early-Data") for request in seen] == (["1"] if status == 200 else [])


def test_more_than_the_limit(start, ca, shop, folder):
    with EchoOrigin() as origin:
        world = World(start, ca, shop, folder, origin, early_data_limit="1k")
        assert "Max Early Data: 1024" in world.visit()
        # A client that does not keep to it: its own note of the limit is changed.
        pem = world.session.read_text()
        done = subprocess.run(["openssl", "sess_id", "-in", str(world.session), "-outform", "DER"],
                              capture_output=True, timeout=30, check=True, env=environment())
        der = done.stdout.replace(b"\x02\x02\x04\x00", b"\x02\x02\x7f\xff")
        assert der != done.stdout and pem
        changed = folder / "session.der"
        changed.write_bytes(der)
        subprocess.run(["openssl", "sess_id", "-inform", "DER", "-in", str(changed), "-outform",
                        "PEM", "-out", str(world.session)], timeout=30, check=True,
                       env=environment())
        with Middle(world.gateway.address) as middle:
            big = GET.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 3000 + b"\r\n\r\n")
            with world.send_early(big, port=middle.port):
                entry = world.gateway.wait_log(reason="too_much_early_data")
                assert "early_data_limit" in entry["mend"]
        assert not world.requests()
        assert "HTTP/1.1 200" in world.visit()


def test_client_that_never_finishes(start, ca, shop, folder):
    """It gets its answer, and then as much time as anybody between two requests."""
    with EchoOrigin() as origin:
        world = World(start, ca, shop, folder, origin, timeouts={"keep_alive": "1s"})
        world.visit()
        with open_socket(world.gateway.address, 20) as sock:
            sock.sendall(record_flight(world, GET))
            with contextlib.suppress(ConnectionResetError):
                while sock.recv(65536):
                    pass
        assert len(world.requests()) == 1


def test_shutdown_does_not_wait_for_it(world):
    world.visit()
    with Middle(world.gateway.address) as middle:
        with world.send_early(GET, port=middle.port):
            world.gateway.wait_log(target="/early")
            world.gateway.terminate()
            assert world.gateway.wait_exit() == 0


def test_broken_flights(world):
    """Cut off anywhere, or with something else behind: a request is answered whole or not at all,
    and nothing else is lost (the gateway under test has its sanitizers on)."""
    world.visit()
    whole = record_flight(world, GET)
    step = max(1, len(whole) // 40)
    flights = [whole[:at] for at in range(1, len(whole), step)]
    flights += [whole + tail for tail in (
        bytes(5), b"\x17\x03\x03\x00\x00", b"\x17\x03\x03\x00\x01x", b"\x17\x03\x03\x40\x11",
        b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\x00\x04\x05\x00\x00\x00", b"GET / HTTP/1.1\r\n",
        whole, bytes(range(256)) * 300)]
    for at in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        flights.append(bytes(changed))
    for flight in flights:
        with open_socket(world.gateway.address, 20) as sock, \
                contextlib.suppress(ConnectionResetError, BrokenPipeError):
            sock.sendall(flight)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    assert len(world.requests()) <= 1
    assert "HTTP/1.1 200" in world.visit()
