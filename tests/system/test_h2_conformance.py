"""Rules of RFC 9113 sections 4 to 6 and 8, frame by frame, in the manner of h2spec: which error ends
what. Where it lets a server choose, either answer is right."""

import pytest

from h2client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE,
                      PRIORITY, PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame)
from client import open_socket
from test_h2_attacks import GET

NO, PROTOCOL, INTERNAL, FLOW, TIMEOUT, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION = range(10)
POST = b"\x83\x86\x84\x01\x01a"


def word(value):
    return value.to_bytes(4, "big")


def get(stream, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, flags, stream, GET)


def post(stream):
    return frame(HEADERS, END_HEADERS, stream, POST)


RESET = word(CANCEL)
SELF = word(1) + b"\x10"  # depends on stream 1
OTHER = word(3) + b"\x10"
MARK = b"conform!"

# What comes after the preface and SETTINGS; which errors end the connection; which end the stream.
# `MARK` in a PING waits for what came before to be done.
CONNECTION = {
    "5.1 idle: DATA": (frame(DATA, END_STREAM, 1, b"x"), (PROTOCOL, CLOSED)),
    "5.1 idle: RST_STREAM": (frame(RST_STREAM, 0, 1, RESET), (PROTOCOL,)),
    "5.1 idle: WINDOW_UPDATE": (frame(WINDOW_UPDATE, 0, 1, word(1)), (PROTOCOL,)),
    "5.1 idle: CONTINUATION": (frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL,)),
    "5.1 half-closed: DATA": (get(1) + frame(DATA, END_STREAM, 1, b"x"), (CLOSED,)),
    "5.1 half-closed: HEADERS": (get(1) + get(1), (CLOSED,)),
    "5.1 half-closed: CONTINUATION":
        (get(1) + frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL, CLOSED)),
    "5.1 closed by RST_STREAM: HEADERS":
        (post(1) + frame(RST_STREAM, 0, 1, RESET) + get(1), (CLOSED,)),
    "5.1 closed: HEADERS": (get(1), get(1), (CLOSED,)),
    "5.1 closed: HEADERS long ago":
        (b"".join(get(n) for n in range(1, 99, 2)), get(1), (CLOSED,)),
    "5.1 closed: DATA": (get(1), frame(DATA, 0, 1, b"x"), (CLOSED,)),
    "5.1 closed: empty DATA with END_STREAM": (get(1), frame(DATA, END_STREAM, 1), (CLOSED,)),
    "5.1 closed by RST_STREAM: DATA":
        (post(1) + frame(RST_STREAM, 0, 1, RESET) + frame(DATA, END_STREAM, 1, b"x"), (CLOSED,)),
    "5.1 closed by RST_STREAM: DATA, later":
        (post(1) + frame(RST_STREAM, 0, 1, RESET), frame(DATA, 0, 1, b"x"), (CLOSED,)),
    "5.1.1 lower number: DATA": (get(5), frame(DATA, 0, 3, b"x"), (PROTOCOL, CLOSED)),
    "5.3.1 PRIORITY that depends on itself, of an idle stream":
        (frame(PRIORITY, 0, 1, SELF), (PROTOCOL,)),
    "5.3.1 PRIORITY that depends on itself, exclusive":
        (post(1) + frame(PRIORITY, 0, 1, b"\x80" + SELF[1:]), (PROTOCOL,)),
    "5.1 closed: CONTINUATION":
        (get(1), frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL, CLOSED)),
    "5.1.1 even number": (get(2), (PROTOCOL,)),
    "5.1.1 lower number": (get(5) + get(3), (PROTOCOL,)),
    "5.1.1 lower number, later": (get(5), get(3), (PROTOCOL,)),
    "6.1 DATA for stream 0": (frame(DATA, 0, 0, b"x"), (PROTOCOL,)),
    "6.1 padding too long": (post(1) + frame(DATA, 8 | END_STREAM, 1, b"\x06" + bytes(5)),
                             (PROTOCOL,)),
    "6.2 CONTINUATION interrupted by PRIORITY":
        (frame(HEADERS, 0, 1, GET) + frame(PRIORITY, 0, 1, OTHER), (PROTOCOL,)),
    "6.2 HEADERS of another stream in between":
        (frame(HEADERS, 0, 1, GET) + get(3), (PROTOCOL,)),
    "6.2 HEADERS for stream 0": (get(0), (PROTOCOL,)),
    "6.2 HEADERS padding too long":
        (frame(HEADERS, 8 | END_HEADERS | END_STREAM, 1, b"\xff" + GET), (PROTOCOL,)),
    "6.3 PRIORITY for stream 0": (frame(PRIORITY, 0, 0, OTHER), (PROTOCOL,)),
    "9218 7.1 PRIORITY_UPDATE for stream 0": (frame(PRIORITY_UPDATE, 0, 0, word(0) + b"u=1"), (PROTOCOL,)),
    "9218 7.1 PRIORITY_UPDATE for a push": (frame(PRIORITY_UPDATE, 0, 0, word(2) + b"u=1"), (PROTOCOL,)),
    "9218 7.1 PRIORITY_UPDATE on a stream": (get(1) + frame(PRIORITY_UPDATE, 0, 1, word(1) + b"u=1"), (PROTOCOL,)),
    "9218 7.1 PRIORITY_UPDATE of three bytes": (frame(PRIORITY_UPDATE, 0, 0, b"abc"), (6,)),
    "6.4 RST_STREAM for stream 0": (frame(RST_STREAM, 0, 0, RESET), (PROTOCOL,)),
    "6.4 RST_STREAM of 3 bytes": (post(1) + frame(RST_STREAM, 0, 1, bytes(3)), (SIZE,)),
    "6.5 SETTINGS ACK with bytes": (frame(SETTINGS, 1, 0, bytes(6)), (SIZE,)),
    "6.5 SETTINGS for stream 1": (frame(SETTINGS, 0, 1), (PROTOCOL,)),
    "6.5 SETTINGS of 3 bytes": (frame(SETTINGS, 0, 0, bytes(3)), (SIZE,)),
    "6.5.2 ENABLE_PUSH of 2": (frame(SETTINGS, 0, 0, b"\0\2" + word(2)), (PROTOCOL,)),
    "6.5.2 INITIAL_WINDOW_SIZE above the maximum":
        (frame(SETTINGS, 0, 0, b"\0\4" + word(2 ** 31)), (FLOW,)),
    "6.5.2 MAX_FRAME_SIZE too small": (frame(SETTINGS, 0, 0, b"\0\5" + word(16383)), (PROTOCOL,)),
    "6.5.2 MAX_FRAME_SIZE too large": (frame(SETTINGS, 0, 0, b"\0\5" + word(2 ** 24)), (PROTOCOL,)),
    "6.7 PING for stream 1": (frame(PING, 0, 1, bytes(8)), (PROTOCOL,)),
    "6.7 PING of 6 bytes": (frame(PING, 0, 0, bytes(6)), (SIZE,)),
    "6.8 GOAWAY for stream 1": (frame(GOAWAY, 0, 1, bytes(8)), (PROTOCOL,)),
    "6.9 WINDOW_UPDATE of 0": (frame(WINDOW_UPDATE, 0, 0, bytes(4)), (PROTOCOL,)),
    "6.9 WINDOW_UPDATE of 3 bytes": (frame(WINDOW_UPDATE, 0, 0, bytes(3)), (SIZE,)),
    "6.9.1 connection's window too large":
        (frame(WINDOW_UPDATE, 0, 0, word(2 ** 31 - 1)) * 2, (FLOW,)),
    "6.9.2 SETTINGS make a stream's window too large":
        (post(1) + frame(WINDOW_UPDATE, 0, 1, word(2 ** 31 - 1 - 65535)) +
         frame(SETTINGS, 0, 0, b"\0\4" + word(65536)), (FLOW,)),
    "6.9.2 the same beside others":
        (post(1) + post(3) + frame(WINDOW_UPDATE, 0, 3, word(2 ** 31 - 1 - 65535)) +
         frame(SETTINGS, 0, 0, b"\0\3" + word(7) + b"\0\4" + word(70000)), (FLOW,)),
    "6.10 CONTINUATION after END_HEADERS":
        (get(1) + frame(CONTINUATION, END_HEADERS, 1, GET), (PROTOCOL, CLOSED)),
    "6.10 CONTINUATION for stream 0":
        (frame(HEADERS, 0, 1, GET) + frame(CONTINUATION, END_HEADERS, 0, b""), (PROTOCOL,)),
    "6.10 CONTINUATION of another stream":
        (frame(HEADERS, 0, 1, GET) + frame(CONTINUATION, END_HEADERS, 3, b""), (PROTOCOL,)),
    "4.2 DATA longer than allowed": (post(1) + frame(DATA, END_STREAM, 1, bytes(16385)), (SIZE,)),
    "4.3 invalid header block": (frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff"), (COMPRESSION,)),
    "8.4 PUSH_PROMISE of a client":
        (frame(PUSH_PROMISE, END_HEADERS, 1, word(2) + GET), (PROTOCOL,)),
}

FINE = {
    "unknown frame": frame(0x77, 0xff, 0, b"x"),
    "PRIORITY on an idle stream": frame(PRIORITY, 0, 9, word(3) + b"\x10"),
    "PRIORITY on a closed stream": get(1) + frame(PRIORITY, 0, 1, OTHER),
    "WINDOW_UPDATE on a closed stream": get(1) + frame(WINDOW_UPDATE, 0, 1, word(5)),
    "RST_STREAM on a closed stream": get(1) + frame(RST_STREAM, 0, 1, RESET),
    "a number passed over": get(5),
    "PRIORITY that depends on others": post(1) + frame(PRIORITY, 0, 1, OTHER) + post(3) +
        frame(PRIORITY, 0, 3, word(0x80000001) + b"\x10"),
    "unknown setting": frame(SETTINGS, 0, 0, b"\0\xff" + word(7)),
    "SETTINGS that make windows as large as they may be":
        post(1) + frame(WINDOW_UPDATE, 0, 1, word(2 ** 31 - 1 - 65535)) +
        frame(SETTINGS, 0, 0, b"\0\4" + word(65535)),
    "smaller windows while streams are open": post(1) + post(3) +
        frame(SETTINGS, 0, 0, b"\0\4" + word(1)),
}


class Connection:
    def __init__(self, address):
        self.sock = open_socket(address, 20)
        self.buffer = b""
        self.sock.sendall(PREFACE + frame(SETTINGS))

    def until(self, wanted):
        """The first frame of that kind; None: the connection has ended."""
        while True:
            while len(self.buffer) >= 9 + int.from_bytes(self.buffer[:3], "big"):
                size = int.from_bytes(self.buffer[:3], "big")
                kind, flags, payload = self.buffer[3], self.buffer[4], self.buffer[9:9 + size]
                self.buffer = self.buffer[9 + size:]
                if wanted(kind, flags, payload) or kind == GOAWAY:
                    return kind, payload
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                return None
            self.buffer += data

    def settle(self):
        """What was sent before is done."""
        self.sock.sendall(frame(PING, 0, 0, MARK))
        found = self.until(lambda kind, flags, payload: kind == PING and payload == MARK)
        assert found and found[0] == PING, found


@pytest.fixture(name="gateway", scope="module")
def _gateway(start_for_module):
    return start_for_module({"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]})


@pytest.mark.parametrize("name", CONNECTION)
def test_ends_the_connection(gateway, name):
    *parts, codes = CONNECTION[name]
    client = Connection(gateway.address)
    with client.sock:
        for part in parts[:-1]:
            client.sock.sendall(part)
            client.settle()
        client.sock.sendall(parts[-1])
        found = client.until(lambda *_: False)
        assert found is not None, "closed without GOAWAY"
        assert int.from_bytes(found[1][4:8], "big") in codes, found


@pytest.mark.parametrize("name", FINE)
def test_is_no_error(gateway, name):
    client = Connection(gateway.address)
    with client.sock:
        client.sock.sendall(FINE[name])
        client.settle()


def test_a_stream_that_depends_on_itself(gateway):
    """RFC 7540 section 5.3.1."""
    client = Connection(gateway.address)
    with client.sock:
        client.sock.sendall(frame(HEADERS, END_HEADERS | END_STREAM | 0x20, 1, SELF + GET))
        found = client.until(lambda kind, *_: kind == RST_STREAM)
        assert found is not None
        code = found[1][4:8] if found[0] == GOAWAY else found[1]
        assert int.from_bytes(code, "big") == PROTOCOL


def test_late_frames_of_a_stream_that_we_ended_are_excused(gateway):
    """Trailers and data that crossed our RST_STREAM."""
    client = Connection(gateway.address)
    with client.sock:
        client.sock.sendall(frame(HEADERS, END_HEADERS, 1, b"\x82"))  # malformed: reset
        client.settle()
        client.sock.sendall(frame(DATA, 0, 1, b"late") +
                            frame(HEADERS, END_HEADERS | END_STREAM, 1, GET))
        client.settle()
        client.sock.sendall(get(3))
        client.settle()


def test_late_frames_of_a_stream_that_was_refused_are_excused(start):
    """One above limits.streams, whose body and trailers were on their way."""
    gateway = start({"sites": [{"hosts": ["*"], "backend": "127.0.0.1:9"}], "limits": {"streams": 1}})
    client = Connection(gateway.address)
    with client.sock:
        client.sock.sendall(post(1) + post(3) + frame(DATA, 0, 3, b"late") +
                            frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x00\x01t\x01v"))
        client.settle()
