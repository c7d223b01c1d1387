"""Floods and games of HTTP/2: each ends with ENHANCE_YOUR_CALM or is waited out, and costs a bounded
amount of memory; others are served meanwhile."""

import contextlib
import itertools
import re
import time

import pytest

from client import open_socket
from h2client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY,
                      HEADERS, PING, PREFACE, PRIORITY, PRIORITY_UPDATE, PROTOCOL_ERROR,
                      RST_STREAM, SETTINGS, WINDOW_UPDATE, Client, frame)
from origins import EchoOrigin, Origin
from tidegate import command

SHARES_GATEWAYS = True  # see conftest.start

MIB = 1024 * 1024
STREAM_CLOSED = 5
GROWTH_BYTES = 24 * MIB
GET = b"\x82\x86\x84\x01\x01a"  # GET http / of "a", by HPACK's static table


@pytest.fixture
def origin():
    with EchoOrigin() as found:
        yield found


@pytest.fixture
def gateway(start, origin):
    return start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/echo"}, "respond": {"body": "ok"}},
        {"match": {"path": "/*"}, "backend": origin.address}]}],
        "timeouts": {"send": "3s", "body": "3s", "head": "3s"}})


def open_stream(number, end=True):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), number, GET)


def rapid_reset(number):
    return b"".join(open_stream(n, False) + frame(RST_STREAM, 0, n, b"\0\0\0\x08")
                    for n in range(number * 100 + 1, number * 100 + 101, 2))


def bad_requests(number):
    """Each is malformed: the gateway resets them, one by one (the "made you reset" attack)."""
    return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, n, b"\x82")
                    for n in range(number * 100 + 1, number * 100 + 101, 2))


def bad_windows(number):
    """WINDOW_UPDATE of 0 on a stream makes the gateway reset it."""
    return b"".join(open_stream(n, False) + frame(WINDOW_UPDATE, 0, n, bytes(4))
                    for n in range(number * 100 + 1, number * 100 + 101, 2))


def window_overflows(number):
    """Each stream is reset for its window, with a request under way ("made you reset" again)."""
    return b"".join(open_stream(n, False) + frame(WINDOW_UPDATE, 0, n, b"\x7f\xff\xff\xff")
                    for n in range(number * 100 + 1, number * 100 + 101, 2))


def empty_data(number):
    return (open_stream(1, False) if number == 0 else b"") + frame(DATA, 0, 1) * 100


def padded_empty_data(number):
    return (open_stream(1, False) if number == 0 else b"") + frame(DATA, 8, 1, b"\x05" + bytes(5)) * 100


def finished(number, then):
    """A stream that is over, and what comes for it nevertheless."""
    return open_stream(1, False) + frame(RST_STREAM, 0, 1, b"\0\0\0\x08") if number == 0 else then


def reset(number, then):
    """The same of one that the gateway has reset, for a malformed head."""
    return frame(HEADERS, END_HEADERS, 1, b"\x82") if number == 0 else then


def continuation(number):
    return frame(HEADERS, 0, 1, b"\x82") if number == 0 else frame(CONTINUATION, 0, 1, b"") * 100


def long_continuation(number):
    if number == 0:
        return frame(HEADERS, END_STREAM, 1, GET)
    return frame(CONTINUATION, 0, 1, (b"\x00\x01x\x7f\x00" + b"v" * 127) * 100)


FLOODS = {
    "rapid reset": rapid_reset,
    "malformed requests": bad_requests,
    "window updates of zero": bad_windows,
    "window overflows": window_overflows,
    "empty DATA": empty_data,
    "padded empty DATA": padded_empty_data,
    "empty CONTINUATION": continuation,
    "long CONTINUATION": long_continuation,
    "SETTINGS": lambda _: frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64") * 100,
    "empty SETTINGS": lambda _: frame(SETTINGS) * 100,
    "SETTINGS acknowledgements": lambda _: frame(SETTINGS, 1) * 100,
    "PING": lambda _: frame(PING, 0, 0, bytes(8)) * 100,
    "PING acknowledgements": lambda _: frame(PING, 1, 0, bytes(8)) * 100,
    "PRIORITY": lambda n: b"".join(frame(PRIORITY, 0, 2 * (100 * n + i) + 1, b"\0\0\0\0\x10")
                                   for i in range(100)),
    "PRIORITY_UPDATE": lambda n: frame(PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1") * 100,
    "WINDOW_UPDATE": lambda _: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\x01") * 100,
    "unknown frames": lambda _: frame(0x77, 0, 0, b"x") * 100,
    "late HEADERS": lambda n: finished(n, open_stream(1) * 100),
    "late empty HEADERS": lambda n: finished(n, frame(HEADERS, END_HEADERS, 1) * 100),
    "late DATA": lambda n: reset(n, frame(DATA, 0, 1) * 50000),
    "DATA after the end": lambda n: finished(n, frame(DATA, 0, 1) * 100),
    "resets of a stream that has gone":
        lambda n: finished(n, frame(RST_STREAM, 0, 1, b"\0\0\0\x08") * 100),
    "many SETTINGS in one": lambda _: frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64" * 100),
}
# Each of these would be an error of its own, whatever their number: the first one ends it.
ERRORS = ("window updates of zero", "SETTINGS acknowledgements", "late HEADERS",
          "late empty HEADERS", "DATA after the end")
NAMES = {
    "rapid reset": "h2_reset_flood", "malformed requests": "h2_malformed_flood",
    "window overflows": "h2_malformed_flood",
    "empty DATA": "h2_empty_data_flood", "padded empty DATA": "h2_empty_data_flood",
    "empty CONTINUATION": "h2_continuation_flood", "long CONTINUATION": "h2_continuation_flood",
    "SETTINGS": "h2_settings_flood", "empty SETTINGS": "h2_settings_flood",
    "PING": "h2_ping_flood", "PING acknowledgements": "h2_ping_flood",
    "PRIORITY": "h2_priority_flood", "PRIORITY_UPDATE": "h2_priority_flood",
    "WINDOW_UPDATE": "h2_window_flood", "unknown frames": "h2_frame_flood",
    "late DATA": "h2_late_data_flood", "resets of a stream that has gone": "h2_reset_flood",
    "many SETTINGS in one": "h2_flood",
}


class Raw:
    """A connection whose answers are only looked through for a GOAWAY."""

    def __init__(self, address, start=frame(SETTINGS)):
        self.sock = open_socket(address, 20)
        self.sock.sendall(PREFACE + start)
        self.buffer = self.taken = b""
        self.goaway = None
        self.is_closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def read(self, timeout):
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return
        except OSError:
            data = b""
        self.is_closed = not data
        self.buffer += data
        self.taken += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            if self.buffer[3] == GOAWAY:
                self.goaway = int.from_bytes(self.buffer[13:17], "big")
            self.buffer = self.buffer[9 + length:]

    def read_to_end(self):
        deadline = time.monotonic() + 20
        while not self.is_closed:
            assert time.monotonic() < deadline, "the gateway does not close"
            self.read(1)

    def flood(self, make, limit=64 * MIB):
        """Sends until the gateway has had enough."""
        sent = 0
        for number in itertools.count():
            data = make(number)
            self.sock.settimeout(20)
            try:
                self.sock.sendall(data)
            except OSError:
                return
            sent += len(data)
            assert sent < limit, f"the gateway took {sent} bytes"
            self.read(0.001)
            if self.is_closed or self.goaway is not None:
                return


def others_are_served(gateway):
    with Client(gateway.address) as client:
        assert client.request("/echo").body == b"ok"


@pytest.mark.parametrize("name", FLOODS)
def test_flood(gateway, name):
    others_are_served(gateway)
    before = gateway.rss_bytes()
    with Raw(gateway.address) as client:
        client.flood(FLOODS[name], 128 * MIB)
        client.read_to_end()
        assert client.goaway in (None, *((PROTOCOL_ERROR, STREAM_CLOSED) if name in ERRORS
                                         else (ENHANCE_YOUR_CALM,)))
        others_are_served(gateway)
        assert gateway.rss_bytes() - before < GROWTH_BYTES
    entry = gateway.wait_log(lambda entry: entry["kind"] == "connection")
    assert entry["reason"].startswith("h2_"), entry
    assert entry["bytes_in"] < (120 if name == "late DATA" else 8) * MIB


@pytest.mark.parametrize("name", [name for name in FLOODS if name not in ERRORS])
def test_flood_is_named(gateway, name):
    """By GOAWAY with ENHANCE_YOUR_CALM to a client that listens, and in the log."""
    with Raw(gateway.address) as client:
        client.flood(FLOODS[name], 128 * MIB)
        client.read_to_end()
        assert client.goaway in (None, ENHANCE_YOUR_CALM)  # a RST may have overtaken it
    entry = gateway.wait_log(lambda entry: entry["kind"] == "connection")
    assert entry["reason"] == NAMES[name] and entry["mend"]


def test_what_is_free_pays_for_nothing_else(start):
    """A client that is sent many frames has PINGs and windows for nothing, but resets and PINGs
    without end cost what they cost."""
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}],
                     "limits": {"streams": 10000}})

    def busy(flood):
        def make(number):
            first = number * 200 + 1
            return (b"".join(open_stream(n) for n in range(first, first + 100, 2)) + flood(number))
        return make

    def resets(number):
        first = number * 200 + 101
        return b"".join(open_stream(n, False) + frame(RST_STREAM, 0, n, b"\0\0\0\x08")
                        for n in range(first, first + 100, 2))

    for flood, reason in ((resets, "h2_reset_flood"),
                          (lambda _: FLOODS["PING"](0) * 3, "h2_ping_flood"),
                          (lambda _: FLOODS["WINDOW_UPDATE"](0) * 5, "h2_window_flood")):
        with Raw(gateway.address) as client:
            client.flood(busy(flood))
            client.read_to_end()
        gateway.wait_log(kind="connection", reason=reason)


def test_floods_are_counted(start, folder):
    control = folder / "control.sock"
    gateway = start({"control": str(control), "sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/*"}, "respond": {"body": "ok"}}]}]})
    for name in ("PING", "PING", "empty CONTINUATION"):
        with Raw(gateway.address) as client:
            client.flood(FLOODS[name])
            client.read_to_end()
    text = command("status", "--handshakes", "--socket", str(control)).stdout
    assert re.search(r"\b2\b.*h2_ping_flood", text), text
    assert re.search(r"\b1\b.*h2_continuation_flood", text), text


def test_rapid_reset_does_not_reach_the_origin_for_good(gateway, origin):
    with Raw(gateway.address) as client:
        client.flood(rapid_reset)
    gateway.wait_log(lambda entry: entry["kind"] == "connection")
    assert len(origin.connections) < 1000


def test_hpack_bomb(gateway):
    """One entry of 4000 bytes, then references to it: a few KiB become many MiB."""
    others_are_served(gateway)
    before = gateway.rss_bytes()
    with Raw(gateway.address) as client:
        block = GET + b"\x40\x01x" + b"\x7f\xa1\x1e" + b"v" * 4000
        client.sock.sendall(frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
        bomb = GET + b"\xbe" * 16000
        client.flood(lambda number: frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 3, bomb))
        client.read_to_end()
        assert gateway.rss_bytes() - before < GROWTH_BYTES
    entry = gateway.wait_log(lambda entry: entry["kind"] == "connection")
    assert entry["reason"] == "h2_head_flood"
    assert gateway.wait_log(status=431)["reason"] == "head_too_large"
    others_are_served(gateway)


def test_cookie_crumbs_cost_little(gateway):
    """A byte each on the wire (RFC 9113 section 8.2.3 has no bound): a hundred heads, held open."""
    others_are_served(gateway)
    before = gateway.rss_bytes()
    with Raw(gateway.address) as client:
        first = b"\x83\x86\x84\x01\x01a" + b"\x60\x00"  # POST, and "cookie: " to be remembered
        client.sock.sendall(frame(HEADERS, END_HEADERS, 1, first))
        again = first[:6] + b"\xbe" * 3000
        client.sock.sendall(b"".join(frame(HEADERS, END_HEADERS, 2 * i + 1, again)
                                     for i in range(1, 100)) + frame(PING, 0, 0, b"are here"))
        while b"are here" not in client.taken:
            client.read(20)
            assert not client.is_closed
        assert gateway.rss_bytes() - before < GROWTH_BYTES
    others_are_served(gateway)


def test_zero_windows_held_open(start):
    """Many streams of a client that opens no window: they are given up after timeouts.send."""
    def big(connection):
        connection.read_head()
        with contextlib.suppress(OSError):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + bytes(8000000))
        connection.wait_end()

    with Origin(big) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}],
                         "timeouts": {"send": "2s"}})
        with Client(gateway.address, acks=False, window=0) as client:
            before = gateway.rss_bytes()
            streams = [client.start("/big") for _ in range(60)]
            client.wait_for(lambda: all(client.streams[s].fields for s in streams), "heads")
            assert gateway.rss_bytes() - before < 60 * 500 * 1024
            client.wait_for(lambda: all(client.streams[s].reset is not None for s in streams),
                            "all given up")
        assert gateway.wait_log(target="/big")["reason"] == "client_stalled"


def test_data_dribble(start):
    """CVE-2019-9511: a body is asked for byte by byte, each a frame of its own."""
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x" * 60000}}]})
    with Raw(gateway.address, frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0") + open_stream(1)) as client:
        for _ in range(30000):  # each one waits for its byte, so that no two become one frame
            try:
                client.sock.sendall(frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\x01"))
            except OSError:
                break
            client.read(20)
            if client.goaway is not None:
                break
        client.read_to_end()
        assert client.goaway in (None, ENHANCE_YOUR_CALM)
    entry = gateway.wait_log(lambda entry: entry["kind"] == "connection")
    assert entry["reason"] == "h2_window_flood"


def test_small_messages_are_no_dribble(start):
    """Nor is a client that gives each frame's window back at once."""
    def stream(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for i in range(4000):
            connection.send(b"data: %d\n\n" % i)
            if i % 16 == 0:
                time.sleep(0.001)

    with Origin(stream) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Client(gateway.address) as client:
            for _ in range(3):
                found = client.request("/events")
                assert found.body.endswith(b"data: 3999\n\n") and found.is_ended


def test_client_that_reads_nothing(start):
    def big(connection):
        connection.read_head()
        with contextlib.suppress(OSError):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 80000000\r\n\r\n"
                            + bytes(80000000))
        connection.wait_end()

    with Origin(big) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}],
                         "timeouts": {"send": "2s"}})
        with Client(gateway.address, window=2 ** 31 - 1, receive_buffer=4096) as client:
            client.h2.increment_flow_control_window(2 ** 31 - 1 - 65535)
            client.flush()
            before = gateway.rss_bytes()
            for _ in range(10):
                client.start("/big")
            entry = gateway.wait_log(target="/big", seconds=30)
            assert entry["reason"] == "client_stalled"
            assert gateway.rss_bytes() - before < GROWTH_BYTES


def test_slow_bodies_on_many_streams(gateway):
    """Fifty bodies that never end, a byte each: all are given up after timeouts.body."""
    others_are_served(gateway)
    before = gateway.rss_bytes()
    with Client(gateway.address) as client:
        streams = [client.start("/slow", "POST", end=False) for _ in range(50)]
        for stream in streams:
            client.data(stream, b"x")
        assert gateway.rss_bytes() - before < GROWTH_BYTES
        client.wait_for(lambda: all(client.streams[s].status == 408 for s in streams),
                        "all given up")
        assert client.request("/echo").status == 200


def test_bodies_for_a_server_that_reads_nothing(start):
    """What a stream may send ahead is bounded, however many there are."""
    with EchoOrigin() as other:
        gateway = start({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/echo"}, "backend": other.address},
            {"match": {"path": "/*"}, "backend": "127.0.0.1:9"}]}]})
        with Client(gateway.address) as client:
            client.request("/echo")
            before = gateway.rss_bytes()
            for _ in range(5):
                streams = [client.start("/gone", "POST", end=False) for _ in range(50)]
                for stream in streams:
                    if client.streams[stream].reset is None:
                        with contextlib.suppress(Exception):
                            client.data(stream, bytes(60000))
                # They stay open until the rest of the body is said to be unwanted.
                client.wait_for(lambda: all(client.streams[s].reset is not None for s in streams),
                                "the resets")
            assert gateway.rss_bytes() - before < GROWTH_BYTES


def test_honest_load_is_no_flood(gateway):
    """Two thousand requests, and a PING now and then, on one connection."""
    with Client(gateway.address) as client:
        for number in range(2000):
            client.start("/echo")
            if number % 50 == 49:
                client.h2.ping(b"12345678")
                client.flush()
                client.wait_for(lambda: all(s.is_ended for s in client.streams.values()))
                client.streams.clear()
        assert not client.goaways
