"""HTTP/2 towards servers: what they may break, and how connections end."""

import contextlib
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, Ended, fetch, request_bytes
from h2back import config
from h2origin import CANCEL, CODES, PROTOCOL_ERROR, H2Origin, serve, text
from origins import Origin
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start


# ---- broken responses ----

STATUS = (":status", "200")
BROKEN = [
    ("no status", [("x", "y")]),
    ("status twice", [STATUS, STATUS]),
    ("status behind a field", [("x", "y"), STATUS]),
    ("two digits", [(":status", "20")]),
    ("four digits", [(":status", "2000")]),
    ("letters", [(":status", "2xx")]),
    ("below 100", [(":status", "099")]),
    ("101", [(":status", "101"), ("x", "y")]),
    ("request pseudo-field", [STATUS, (":path", "/")]),
    ("unknown pseudo-field", [STATUS, (":reason", "OK")]),
    ("upper case", [STATUS, ("X-Upper", "y")]),
    ("space in a name", [STATUS, ("x y", "z")]),
    ("empty name", [STATUS, ("", "z")]),
    ("colon in a name", [STATUS, ("x:y", "z")]),
    ("cr lf in a value", [STATUS, ("x", "y\r\nset-cookie: forged")]),
    ("lf in a value", [STATUS, ("x", "y\nz")]),
    ("nul in a value", [STATUS, ("x", "y\0z")]),
    ("space in front of a value", [STATUS, ("x", " y")]),
    ("tab behind a value", [STATUS, ("x", "y\t")]),
    ("connection", [STATUS, ("connection", "close")]),
    ("keep-alive", [STATUS, ("keep-alive", "timeout=5")]),
    ("transfer-encoding", [STATUS, ("transfer-encoding", "chunked")]),
    ("upgrade", [STATUS, ("upgrade", "websocket")]),
    ("proxy-connection", [STATUS, ("proxy-connection", "close")]),
    ("length of letters", [STATUS, ("content-length", "five")]),
    ("negative length", [STATUS, ("content-length", "-5")]),
    ("two lengths", [STATUS, ("content-length", "5"), ("content-length", "6")]),
    ("lengths in a list", [STATUS, ("content-length", "5, 6")]),
    ("too large", [STATUS] + [(f"x-{i}", "y" * 2000) for i in range(200)]),
    ("too many", [STATUS] + [(f"x-{i}", "y") for i in range(2000)]),
]


@pytest.mark.parametrize("name,fields", BROKEN, ids=[name for name, _ in BROKEN])
def test_broken_head(start_broken, name, fields):
    del name
    origin, gateway = start_broken
    origin.fields = fields
    response = fetch(gateway.address, "/broken")
    assert response.status == 502 and b"forged" not in response.body
    assert "set-cookie" not in {key.lower() for key, _ in response.fields}
    origin.fields = None
    assert fetch(gateway.address, "/ok").status == 200


@pytest.fixture(name="start_broken", scope="module")
def _start_broken(start_for_module):
    """One gateway and origin for the table; the fields to send are the origin's `fields`."""
    def script(connection):
        while True:
            request = connection.next_request()
            if origin.fields is None or request.get(":path") == "/ok":
                text(connection, request)
                continue
            block = connection.h2.encoder.encode(origin.fields)
            parts = [block[i:i + 16384] for i in range(0, len(block), 16384)]
            for i, part in enumerate(parts):
                last = i + 1 == len(parts)
                flags = (0 if i else 1) | (4 if last else 0)
                connection.raw.send(len(part).to_bytes(3, "big") + bytes([9 if i else 1, flags]) +
                                    request.stream.to_bytes(4, "big") + part)

    origin = H2Origin(script)
    origin.fields = None
    gateway = start_for_module(config(origin))
    yield origin, gateway
    origin.close(check=False)


def body_longer(connection, stream):
    connection.raw_headers(stream, [STATUS, ("content-length", "5")])
    connection.raw_data(stream, b"123456", end=True)


def body_shorter(connection, stream):
    connection.raw_headers(stream, [STATUS, ("content-length", "5")])
    connection.raw_data(stream, b"1234", end=True)


def body_shorter_before_trailers(connection, stream):
    connection.raw_headers(stream, [STATUS, ("content-length", "5")])
    connection.raw_data(stream, b"1234")
    connection.raw_headers(stream, [("x-sum", "1")], end=True)


def status_in_trailers(connection, stream):
    connection.raw_headers(stream, [STATUS])
    connection.raw_headers(stream, [STATUS], end=True)


def head_twice(connection, stream):
    connection.raw_headers(stream, [STATUS])
    connection.raw_headers(stream, [("x", "y")])
    connection.raw_data(stream, b"1234", end=True)


def hop_in_trailers(connection, stream):
    connection.raw_headers(stream, [STATUS])
    connection.raw_headers(stream, [("connection", "close")], end=True)


def reset_in_the_middle(connection, stream):
    connection.raw_headers(stream, [STATUS])
    connection.raw_data(stream, b"1234")
    connection.reset(stream, 2)


@pytest.mark.parametrize("send", [
    body_longer, body_shorter, body_shorter_before_trailers, status_in_trailers, head_twice,
    hop_in_trailers, reset_in_the_middle])
def test_broken_behind_the_head(start, send):
    """The client must be able to tell that the response is not whole."""
    def script(connection):
        while True:
            request = connection.next_request()
            if request.get(":path") == "/ok":
                text(connection, request)
            else:
                send(connection, request.stream)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as client:
            client.send(request_bytes("/"))
            with contextlib.suppress(Ended, OSError):
                response = client.read_response()
                assert response.status == 502, response
        assert fetch(gateway.address, "/ok").status == 200
        origin.failures.clear()


def data_before_the_head(connection, stream):
    connection.raw_data(stream, b"early", end=True)


def end_with_interim(connection, stream):
    connection.raw_headers(stream, [(":status", "103")], end=True)


def endless_interim(connection, stream):
    for _ in range(100):
        connection.raw_headers(stream, [(":status", "103")])


def reset_at_once(connection, stream):
    connection.reset(stream, 2)


def body_for_a_head(connection, stream):
    connection.raw_headers(stream, [(":status", "204")])
    connection.raw_data(stream, b"no body here", end=True)


@pytest.mark.parametrize("send", [
    data_before_the_head, end_with_interim, endless_interim, reset_at_once])
def test_broken_before_the_head(start, send):
    def script(connection):
        while True:
            request = connection.next_request()
            if request.get(":path") == "/ok":
                text(connection, request)
            else:
                send(connection, request.stream)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        assert fetch(gateway.address, method="POST").status == 502
        assert fetch(gateway.address, "/ok").status == 200
        origin.failures.clear()


def test_malformed_response_is_reset(start):
    def script(connection):
        request = connection.next_request()
        connection.raw_headers(request.stream, [STATUS, ("Bad", "name")])
        assert connection.wait_reset(request.stream) == PROTOCOL_ERROR
        serve(text)(connection)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        assert fetch(gateway.address).status == 502
        assert gateway.wait_log(status=502)["reason"] == "field_name"
        assert fetch(gateway.address, "/ok").body == b"1 /ok"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    b"\0\0\0\x04\0\0\0\0\0" + b"\xff" * 4096,
    b"\0\0\0\x04\0\0\0\0\0" + b"\0\0\x01\x00\x00\0\0\0\x01x",
    b"",
], ids=["http 1.1", "garbage", "data on an idle stream", "nothing"])
def test_server_that_speaks_no_http2(start, answer):
    def script(raw):
        raw.read(24)
        raw.send(answer)
        if not answer:
            return
        raw.wait_end()

    with Origin(script) as origin:
        gateway = start(config(origin, connect_timeout="3s"))
        assert fetch(gateway.address).status in (502, 504)
        assert gateway.wait_log(condition=lambda entry: entry["status"] >= 500)["reason"]


PREFACE = b"\0\0\0\x04\0\0\0\0\0"  # SETTINGS, all as by default


@pytest.mark.parametrize("frame", [
    b"\0\0\x08\x06\0\0\0\0\0" + b"\0" * 8,
    b"\0\0\0\x04\0\0\0\0\0",
], ids=["ping", "settings"])
def test_server_that_floods(start, frame):
    """It reads no answers; they do not pile up without end."""
    def script(raw):
        raw.send(PREFACE)
        with contextlib.suppress(OSError):
            while True:
                raw.sock.sendall(frame * 1000)
        ended.set()

    ended = threading.Event()
    with Origin(script) as origin:
        gateway = start(config(origin, response_timeout="30s"))
        before = gateway.rss_bytes()
        assert fetch(gateway.address, method="POST").status == 502
        assert ended.wait(20)
        assert gateway.rss_bytes() - before < 64 * 1024 * 1024


def test_no_streams_allowed(start):
    with H2Origin(lambda c: c.wait_end(), settings={CODES.MAX_CONCURRENT_STREAMS: 0}) as origin:
        gateway = start(config(origin))
        assert fetch(gateway.address).status == 502
        assert gateway.wait_log(status=502)["reason"] == "no_h2_streams"
        assert len(origin.connections) == 1


def test_silent_server_times_out(start):
    """The stream is cancelled, and the connection goes on."""
    def script(connection):
        request = connection.next_request()
        assert connection.wait_reset(request.stream) == CANCEL
        serve(text)(connection)

    with H2Origin(script) as origin:
        gateway = start(config(origin, response_timeout="300ms"))
        assert fetch(gateway.address).status == 504
        assert fetch(gateway.address, "/ok").body == b"1 /ok"


def test_connection_that_died_silently(start):
    """A server that is gone without a word: the next request does not fall into the same hole for
    long."""
    def script(connection):
        if connection.number == 1:
            text(connection, connection.next_request())
            silent.wait(60)  # reads nothing more
            return
        serve(text)(connection)

    silent = threading.Event()
    with H2Origin(script) as origin:
        gateway = start(config(origin, response_timeout="6s"))
        assert fetch(gateway.address, "/a").body == b"1 /a"
        assert fetch(gateway.address, "/b").status == 504
        assert fetch(gateway.address, "/c").body == b"2 /c"
        silent.set()


def test_drain_lets_streams_finish(start):
    begun, go_on = threading.Event(), threading.Event()

    def script(connection):
        request = connection.next_request()
        connection.head(request.stream)
        begun.set()
        assert go_on.wait(20)
        connection.data(request.stream, b"to the end", end=True)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as client:
            client.send(request_bytes())
            assert begun.wait(20)
            gateway.terminate()
            wait_until(lambda: "finishing what runs" in gateway.stderr(), 20)
            go_on.set()
            assert client.read_response().body == b"to the end"
        gateway.wait_exit()
