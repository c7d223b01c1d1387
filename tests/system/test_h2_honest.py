"""Honest heavy clients of HTTP/2 live: what real ones send at full speed, frame by frame, is no
flood (test_h2_attacks.py has those). Each test fails where the budget mistakes work for one."""

import itertools
import threading

import pytest

from client import open_socket
from h2client import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR,
                      PING, PREFACE, PRIORITY, PRIORITY_UPDATE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                      Client, frame)
from h2origin import H2Origin
from origins import Origin

SHARES_GATEWAYS = True  # see conftest.start

ACK = 1
GET = b"\x82\x86\x84\x01\x01a"  # GET http / of "a", by HPACK's static table
POST = b"\x83\x86\x84\x01\x01a"
GREASE = 0x0B + 0x1F * 3


def number(value):
    return value.to_bytes(4, "big")


class Frames:
    """A connection as frames, without a library: windows are wide open, SETTINGS and PINGs are
    answered."""

    def __init__(self, address, window=2 ** 31 - 1):
        self.sock = open_socket(address, 20)
        self.buffer = bytearray()
        settings = frame(SETTINGS, 0, 0, b"\0\4" + number(window))
        self.send(PREFACE + settings + frame(WINDOW_UPDATE, 0, 0, number(2 ** 31 - 1 - 65535)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def next(self):
        """(kind, flags, stream, payload) of the next frame; the end of the connection fails."""
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    kind, flags = self.buffer[3], self.buffer[4]
                    stream = int.from_bytes(self.buffer[5:9], "big")
                    payload = bytes(self.buffer[9:9 + length])
                    del self.buffer[:9 + length]
                    assert kind != GOAWAY, payload
                    if kind == SETTINGS and not flags & ACK:
                        self.send(frame(SETTINGS, ACK))
                    elif kind == PING and not flags & ACK:
                        self.send(frame(PING, ACK, 0, payload))
                    return kind, flags, stream, payload
            data = self.sock.recv(65536)
            assert data, "the gateway closed the connection"
            self.buffer += data

    def until(self, condition):
        while True:
            found = self.next()
            if condition(*found):
                return found

    def until_end(self, stream):
        return self.until(lambda kind, flags, of, _:
                          of == stream and kind in (DATA, HEADERS) and flags & END_STREAM)


def streams():
    return itertools.count(1, 2)


@pytest.fixture
def small(start):
    """A gateway that answers by itself."""
    return start({"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]})


MESSAGES = 3000


class Turns:
    """A server that sends the next message when it is told to, one chunk each."""

    def __init__(self, messages=MESSAGES):
        self.messages = messages
        self.turn = threading.Semaphore(0)
        self.origin = Origin(self.serve)

    def serve(self, connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(self.messages):
            assert self.turn.acquire(timeout=20)
            connection.send(b"5\r\nhello\r\n")
        connection.send(b"0\r\n\r\n")
        connection.wait_end()


def grpc_go(client, waits):
    """What it sends for a DATA: the connection's window, and a PING while none is out."""
    if waits:
        client.send(frame(WINDOW_UPDATE, 0, 0, number(5)))
        return False
    client.send(frame(WINDOW_UPDATE, 0, 0, number(5)) + frame(PING, 0, 0, b"\2\4\x10\x10\x09\x0e\7\7"))
    return True


def grpc_java(client, waits):
    """Its windows are those of Netty, its PINGs the same."""
    if not waits:
        client.send(frame(PING, 0, 0, number(0) + number(1234)))
    return True


def eager(client, waits):
    """Both windows and a PING, at once, every time."""
    client.send(frame(WINDOW_UPDATE, 0, 0, number(5)) + frame(WINDOW_UPDATE, 0, 1, number(5)) +
                frame(PING, 0, 0, bytes(8)))
    return waits


@pytest.mark.parametrize("manner", [grpc_go, grpc_java, eager])
def test_each_message_is_answered_by_a_ping(start, manner):
    turns = Turns()
    with turns.origin as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Frames(gateway.address, window=2 ** 30) as client:
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
            turns.turn.release()
            waits = False
            seen = 0
            while seen < MESSAGES:
                kind, flags, _, payload = client.next()
                if kind == PING and flags & ACK:
                    waits = False
                elif kind == DATA and payload:
                    seen += 1
                    turns.turn.release()
                    waits = manner(client, waits)
            client.until_end(1)


def test_bytes_one_by_one_both_ways(start):
    """Messages of one byte, as many in each direction, none waiting for another."""
    def echo(connection):
        request = connection.next_head()
        connection.head(request.stream)
        connection.wait(lambda: len(request.body) >= MESSAGES)
        for at in range(MESSAGES):
            connection.data(request.stream, request.body[at:at + 1])
        connection.end(request.stream)
        connection.wait_end()

    with H2Origin(echo) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "b"}],
                         "backends": [{"name": "b", "servers": [origin.address],
                                       "protocol": "h2c"}]})
        with Frames(gateway.address) as client:
            client.send(frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, 0, 1, b"x") * MESSAGES +
                        frame(DATA, END_STREAM, 1))
            got = 0
            while got < MESSAGES:
                kind, _, of, payload = client.next()
                if kind == DATA and of == 1:
                    got += len(payload)
                    client.send(frame(WINDOW_UPDATE, 0, 1, number(1)) * len(payload))


def hung(connection):
    connection.wait_end()


def begun(connection):
    """A response that begins and does not end, to each request."""
    while True:
        request = connection.next_head()
        if request is None:
            return
        connection.head(request.stream)
        connection.data(request.stream, b"x")


@pytest.fixture
def hanging(start):
    with H2Origin(hung) as origin:
        yield start({"sites": [{"hosts": ["*"], "backend": "b"}],
                     "backends": [{"name": "b", "servers": [origin.address], "protocol": "h2c"}]})


def test_calls_whose_deadline_passes(hanging):
    """Sixty calls at a time to a server that hangs, each given up after a while, and again."""
    numbers = streams()
    with Frames(hanging.address) as client:
        for _ in range(15):
            calls = list(itertools.islice(numbers, 60))
            client.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, n, GET) for n in calls) +
                        frame(PING, 0, 0, b"have all"))
            client.until(lambda kind, flags, _, payload: kind == PING and flags & ACK)
            # What passes here is the calls' own deadline.
            threading.Event().wait(0.1)
            client.send(b"".join(frame(RST_STREAM, 0, n, number(CANCEL)) for n in calls) +
                        frame(PING, 0, 0, b"have all"))
            client.until(lambda kind, flags, _, payload: kind == PING and flags & ACK)


def test_responses_that_are_cut_short(start):
    """A client that wants the beginning of each response only."""
    with H2Origin(begun) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "b"}],
                         "backends": [{"name": "b", "servers": [origin.address],
                                       "protocol": "h2c"}]})
        with Frames(gateway.address) as client:
            for n in itertools.islice(streams(), 700):
                client.send(frame(HEADERS, END_HEADERS | END_STREAM, n, GET))
                client.until(lambda kind, flags, of, _, n=n: of == n and kind == DATA)
                client.send(frame(RST_STREAM, 0, n, number(CANCEL)))


def test_resets_that_cross_the_end(small):
    """gRPC clients reset a stream that the server has ended before they did."""
    with Frames(small.address) as client:
        for n in itertools.islice(streams(), 1500):
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, n, GET))
            client.until_end(n)
            client.send(frame(RST_STREAM, 0, n, number(NO_ERROR)))


def long_head(piece):
    """A head with 28 kB of cookies, in frames of so many bytes."""
    block = GET
    for crumb in range(28):
        block += b"\x00\x06cookie" + b"\x7f" + bytes([1000 - 127 & 0x7f | 0x80, 1000 - 127 >> 7])
        block += (b"c%02d=" % crumb).ljust(1000, b"v")
    return [block[at:at + piece] for at in range(0, len(block), piece)]


@pytest.mark.parametrize("piece", [16384, 4096, 1024])
def test_long_heads_on_one_connection(small, piece):
    """Within limits.head the request pays for its CONTINUATIONs."""
    first, *rest, last = long_head(piece)
    requests = 700 if piece == 16384 else 100
    with Frames(small.address) as client:
        for n in itertools.islice(streams(), requests):
            client.send(frame(HEADERS, END_STREAM, n, first) +
                        b"".join(frame(CONTINUATION, 0, n, part) for part in rest) +
                        frame(CONTINUATION, END_HEADERS, n, last))
            client.until_end(n)


COMPANY = {
    "PRIORITY_UPDATE": lambda n: frame(PRIORITY_UPDATE, 0, 0, number(n) + b"u=2, i"),
    "PRIORITY": lambda n: frame(PRIORITY, 0, n, b"\0\0\0\0\x10"),
    "unknown frames": lambda n: frame(GREASE, 0, n, b"grease"),
    "WINDOW_UPDATE": lambda n: frame(WINDOW_UPDATE, 0, n, number(1000)),
    "PING": lambda n: frame(PING, 0, 0, number(n) * 2),
}


@pytest.mark.parametrize("name", COMPANY)
def test_frames_that_come_with_each_request(small, name):
    with Frames(small.address, window=65535) as client:
        for n in itertools.islice(streams(), 3000):
            client.send(frame(HEADERS, END_HEADERS, n, POST) + COMPANY[name](n) +
                        frame(DATA, END_STREAM, n))
            client.until_end(n)


def test_bodies_that_begin_with_an_empty_frame(small):
    with Frames(small.address) as client:
        for n in itertools.islice(streams(), 1000):
            client.send(frame(HEADERS, END_HEADERS, n, POST) + frame(DATA, 0, n) +
                        frame(DATA, END_STREAM, n, b"x"))
            client.until_end(n)


def test_windows_opened_in_small_steps(start):
    """A client that reads a KiB at a time, and gives each back twice."""
    size = 8 * 1024 * 1024

    def big(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        connection.wait_end()

    with Origin(big) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Frames(gateway.address, window=65535) as client:
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
            got = 0
            while got < size:
                kind, _, _, payload = client.next()
                if kind == DATA:
                    got += len(payload)
                    for at in range(0, len(payload), 1024):
                        step = number(len(payload[at:at + 1024]))
                        client.send(frame(WINDOW_UPDATE, 0, 1, step) +
                                    frame(WINDOW_UPDATE, 0, 0, step))


def test_the_budget_is_what_the_configuration_says(start):
    """More for those who want more, less for those who want less."""
    sites = [{"hosts": ["*"], "respond": {"body": "ok"}}]
    gateway = start({"sites": sites, "limits": {"h2_tokens": 400, "h2_tokens_per_second": 1}})
    with Client(gateway.address) as client:
        client.raw(frame(PING, 0, 0, bytes(8)) * 110)
        assert client.wait_goaway()[0] == 11
    assert gateway.wait_log(kind="connection")["reason"] == "h2_ping_flood"
    gateway = start({"sites": sites, "limits": {"h2_tokens": 400000}})
    with Frames(gateway.address) as client:
        for _ in range(20):
            client.send(frame(PING, 0, 0, bytes(8)) * 500)
            for _ in range(500):
                client.until(lambda kind, flags, *_: kind == PING and flags & ACK)
