"""Origins that answer wrongly, too much, too early, or not to the end.

Each row is what an origin sends instead of a response. The client gets 502 (or, where the head was
fine, an end that cannot be taken for a whole message), never a byte of a forged response, and the
connection to that origin is not used again."""

import contextlib
import fcntl
import struct
import termios

import pytest

from client import Connection, Ended, fetch, request_bytes
from origins import Origin, response_bytes
from waiting import wait_until

OK = b"HTTP/1.1 200 OK\r\n"
FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"


def field(text):
    return OK + text + b"\r\nContent-Length: 2\r\n\r\nok"


def framed(*lines):
    return OK + b"".join(one + b"\r\n" for one in lines) + b"\r\nhello" + FORGED


CASES = [
    # The status line (RFC 9112 section 4).
    ("nothing", b""),
    ("garbage", b"garbage\r\n\r\n"),
    ("zeros", b"\0" * 64),
    ("a tls record", b"\x15\x03\x01\x00\x02\x02\x46"),
    ("a body without a head", b"<html>hello</html>"),
    ("half a head", OK + b"Content-Le"),
    ("no empty line", OK + b"Content-Length: 0\r\n"),
    ("only a version", b"HTTP/1.1\r\n\r\n"),
    ("no status", b"HTTP/1.1  OK\r\n\r\n"),
    ("two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
    ("four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
    ("letters", b"HTTP/1.1 2xx OK\r\n\r\n"),
    ("negative", b"HTTP/1.1 -20 OK\r\n\r\n"),
    ("status below 100", b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"),
    ("two spaces", b"HTTP/1.1  200 OK\r\n\r\n"),
    ("tab", b"HTTP/1.1\t200 OK\r\n\r\n"),
    ("space first", b" HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("http 2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("http 0.9", b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("http 1.x", b"HTTP/1.x 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("lower case", b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("icy", b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("request for a response", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("nul in the reason", b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n"),
    ("control byte in the reason", b"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n"),
    ("bare cr in the reason", b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n"),
    ("bare lf behind the status line", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"),
    ("bare lf everywhere", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    # Field lines.
    ("bare lf behind a field", OK + b"X-A: b\nContent-Length: 0\r\n\r\n"),
    ("bare cr in a value", field(b"X-A: b\rSet-Cookie: forged")),
    ("folded", field(b"X-A: b\r\n c")),
    ("space before the first field", OK + b" X-A: b\r\nContent-Length: 0\r\n\r\n"),
    ("space before the colon", field(b"X-A : b")),
    ("no colon", field(b"X-A")),
    ("empty name", field(b": b")),
    ("space in a name", field(b"X A: b")),
    ("nul in a name", field(b"X\0A: b")),
    ("nul in a value", field(b"X-A: a\0b")),
    ("control byte in a value", field(b"X-A: a\x08b")),
    ("high byte in a name", field(b"X\xe9: b")),
    # Framing (RFC 9112 section 6.3).
    ("length of letters", framed(b"Content-Length: five")),
    ("empty length", framed(b"Content-Length:")),
    ("negative length", framed(b"Content-Length: -5")),
    ("length with a plus", framed(b"Content-Length: +5")),
    ("hexadecimal length", framed(b"Content-Length: 0x5")),
    ("length with a space", framed(b"Content-Length: 5 5")),
    ("length beyond 64 bits", framed(b"Content-Length: 18446744073709551621")),
    ("different lengths", framed(b"Content-Length: 5", b"Content-Length: 50")),
    ("list of lengths", framed(b"Content-Length: 5, 50")),
    ("different lengths in two lists",
     framed(b"Content-Length: 5, 5", b"Content-Length: 5, 6")),
    ("length and nothing", framed(b"Content-Length: 5,")),
    ("length with a coding", framed(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    ("coding with a length", framed(b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    ("identity", framed(b"Transfer-Encoding: identity")),
    ("gzip", framed(b"Transfer-Encoding: gzip")),
    ("gzip before chunked", framed(b"Transfer-Encoding: gzip, chunked")),
    ("chunked twice", framed(b"Transfer-Encoding: chunked, chunked")),
    ("chunked in two lines", framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    ("chunked misspelt", framed(b"Transfer-Encoding: chunkedd")),
    ("coding in http 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("body of a 103", b"HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + FORGED),
    # Sizes.
    ("large head", OK + b"X-A: " + b"a" * 300000 + b"\r\nContent-Length: 0\r\n\r\n"),
    ("endless head", OK + b"X-A: " + b"a" * 600000),
    ("endless status line", b"HTTP/1.1 200 " + b"a" * 600000),
    ("many fields",
     OK + b"".join(b"X-%d: a\r\n" % n for n in range(1001)) + b"Content-Length: 0\r\n\r\n"),
    ("endless 1xx", b"HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n" * 1000),
    ("1xx and an end", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ("1xx and garbage", b"HTTP/1.1 103 Early Hints\r\n\r\ngarbage\r\n\r\n"),
    # Upgrades that nobody asked for.
    ("101 unasked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: upgrade\r\n\r\n"),
    ("101 without a protocol", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
]

# The head is fine; what follows it is not, or ends early. Then the client has the head already.
BODY_CASES = [
    ("body cut short", OK + b"Content-Length: 50\r\n\r\nshort"),
    ("no body at all", OK + b"Content-Length: 50\r\n\r\n"),
    ("chunk cut short", OK + b"Transfer-Encoding: chunked\r\n\r\n50\r\nshort"),
    ("no last chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    ("last chunk without its end", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
    ("no chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n"),
    ("bad chunk size", OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n"),
    ("chunk size with 0x", OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"),
    ("negative chunk size", OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    ("huge chunk size",
     OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("chunk with a bare lf", OK + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"),
    ("chunk data too long", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n"),
    ("second chunk bad", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n0\r\n\r\n"),
    ("bad trailer", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A : b\r\n\r\n"),
    ("malformed trailer names the length",
     OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length : 5\r\n\r\n"),
]

# More bytes than the message has: the response is good, the rest must reach nobody.
EXTRA_CASES = [
    ("second response", "GET", OK + b"Content-Length: 2\r\n\r\nok" + FORGED, b"ok"),
    ("garbage behind the body", "GET", OK + b"Content-Length: 2\r\n\r\nokGARBAGE", b"ok"),
    ("second response behind chunks", "GET",
     OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + FORGED, b"ok"),
    ("body of a 204", "GET", b"HTTP/1.1 204 No Content\r\n\r\n" + FORGED, b""),
    ("equal lengths twice", "GET", framed(b"Content-Length: 5", b"Content-Length: 5"), b"hello"),
    ("list of equal lengths", "GET", framed(b"Content-Length: 5, 5"), b"hello"),
    ("coding of a 204", "GET",
     b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    ("coding of a 204 and a second response", "GET",
     b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + FORGED, b""),
    ("coding of a 304", "GET",
     b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    ("coding of a head", "HEAD", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
    ("length of a 205", "GET",
     b"HTTP/1.1 205 Reset Content\r\nContent-Length: 6\r\n\r\nforged", b""),
    ("coding of a 205", "GET",
     b"HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nforged\r\n0\r\n\r\n",
     b""),
    ("coding of a 103", "GET",
     b"HTTP/1.1 103 Early\r\nTransfer-Encoding: chunked\r\n\r\n" + OK +
     b"Content-Length: 2\r\n\r\nok", b"ok"),
    ("trailer that names the length", "GET",
     OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 5\r\n\r\n" +
     FORGED, b"ok"),
    ("body of a 304", "GET",
     b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nforged", b""),
    ("body of a head", "HEAD", OK + b"Content-Length: 6\r\n\r\nforged", b""),
    ("body behind an empty one", "GET", OK + b"Content-Length: 0\r\n\r\n" + FORGED, b""),
]

ALL = {name: data for name, data in CASES + BODY_CASES}
ALL.update({name: data for name, _, data, _ in EXTRA_CASES})


class HostileOrigin(Origin):
    """Answers /case/NAME with that row and then waits for the gateway to hang up; anything else
    with a good response. `reused` counts requests behind a bad answer."""

    def __init__(self):
        self.reused = 0
        self.bad = []
        super().__init__(self.answer)

    def answer(self, connection):
        while True:
            request = connection.read_request()
            name = request.get("X-Case")
            if name is None:
                connection.send(response_bytes(200, [], b"good"))
                continue
            self.bad.append(connection)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(ALL[name])
                # The rows of CASES are complete as they are: some need the end to be seen.
                connection.half_close()
            if connection.wait_end():
                self.reused += 1
            return


class HoldingOrigin(HostileOrigin):
    """The same, but without its own end: the gateway has to hang up by itself."""

    def answer(self, connection):
        while True:
            request = connection.read_request()
            name = request.get("X-Case")
            if name is None:
                connection.send(response_bytes(200, [], b"good"))
                continue
            self.bad.append(connection)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(ALL[name])
            if connection.wait_end():
                self.reused += 1
            return


@pytest.fixture(scope="module")
def origin():
    with HostileOrigin() as hostile:
        yield hostile


@pytest.fixture(scope="module")
def gateway(start_for_module, origin):
    return start_for_module({"sites": [{"hosts": ["*"], "backend": origin.address}]})


@pytest.fixture(scope="module")
def holding():
    with HoldingOrigin() as hostile:
        yield hostile


@pytest.fixture(scope="module")
def holding_gateway(start_for_module, holding):
    return start_for_module({"sites": [{"hosts": ["*"], "backend": holding.address}]})


def case_request(name, method="GET"):
    return request_bytes("/case", method, fields=[("X-Case", name)])


def is_good(gateway):
    response = fetch(gateway.address, "/good")
    return (response.status, response.body) == (200, b"good")


def not_reused(origin):
    wait_until(lambda: origin.bad[-1].is_done, what="the gateway's hanging up")
    return origin.reused == 0


@pytest.mark.parametrize("name", [case[0] for case in CASES])
def test_bad_response_becomes_502(gateway, origin, name):
    with Connection(gateway.address) as connection:
        connection.send(case_request(name))
        response = connection.read_response()
        assert response.status == 502, response
        assert b"forged" not in response.body
        entry = gateway.wait_log(request_id=id_of(gateway, response))
        assert entry["reason"] and entry["detail"]
        # The client did nothing wrong: its connection goes on.
        if (response.get("Connection") or "").lower() != "close":
            assert connection.request("/good").body == b"good"
    assert is_good(gateway)
    assert not_reused(origin)


def id_of(gateway, response):
    """The request id is in the body of the error."""
    def find():
        for entry in gateway.log_entries():
            request_id = entry.get("request_id")
            if request_id and request_id.encode() in response.body:
                return request_id
        return None
    return wait_until(find, what="the request id of the error in the log")


@pytest.mark.parametrize("name", ["garbage", "two digits", "folded", "nul in a value",
                                  "different lengths", "length with a coding", "large head",
                                  "endless head", "many fields", "endless 1xx", "101 unasked",
                                  "space before the colon", "bare lf everywhere"])
def test_bad_response_is_refused_without_waiting_for_its_end(holding_gateway, holding, name):
    with Connection(holding_gateway.address) as connection:
        connection.send(case_request(name))
        assert connection.read_response().status == 502
    assert is_good(holding_gateway)
    assert not_reused(holding)


def assert_cut_off(connection):
    """502, or a head and then an end that shows the body is not whole."""
    try:
        response = connection.read_response()
    except (Ended, ConnectionResetError):
        return
    assert response.status == 502, response


@pytest.mark.parametrize("name", [case[0] for case in BODY_CASES])
def test_broken_body_never_looks_whole(gateway, origin, name):
    with Connection(gateway.address) as connection:
        connection.send(case_request(name) + request_bytes("/good"))
        assert_cut_off(connection)
    assert is_good(gateway)
    assert not_reused(origin)
    assert gateway.wait_log(lambda entry: entry.get("reason"), target="/case")


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_broken_body_ends_a_close_delimited_response_by_a_reset_or_error(gateway, origin, version):
    """An HTTP/1.0 client knows the end of an unframed body by the close alone: a clean one would
    make half a body look whole."""
    with Connection(gateway.address) as connection:
        data = case_request("no last chunk").replace(b"HTTP/1.1", version.encode())
        connection.send(data)
        if version == "HTTP/1.1":
            assert_cut_off(connection)
        else:
            with contextlib.suppress(ConnectionResetError):
                answer = connection.read_to_end()
                assert b" 502 " in answer.split(b"\r\n", 1)[0], answer
    assert not_reused(origin)


@pytest.mark.parametrize("name, method, body", [
    pytest.param(case[0], case[1], case[3], id=case[0]) for case in EXTRA_CASES])
@pytest.mark.parametrize("kind", ["ending", "holding"])
def test_bytes_behind_a_response_reach_nobody(gateway, origin, holding_gateway, holding, kind,
                                              name, method, body):
    if kind == "holding":
        gateway, origin = holding_gateway, holding
    with Connection(gateway.address) as connection:
        connection.send(case_request(name, method))
        response = connection.read_response(method)
        assert response.status in (200, 204, 205, 304)
        assert response.body == body
        for _ in range(2):
            assert connection.request("/good").body == b"good"
    assert is_good(gateway)
    assert not_reused(origin)


def unacknowledged(sock):
    """Bytes sent that the other side's kernel does not have yet."""
    if sock.fileno() < 0:
        return 0
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))[0]


@pytest.mark.parametrize("is_pipelined", [False, True])
def test_bytes_behind_a_long_response_reach_nobody(start, is_pipelined):
    """A long body is moved by the kernel, which takes the body alone: what comes behind it stays
    in the socket, and no later event tells of it."""
    total = 8 << 20

    def handler(connection):
        while True:
            if connection.read_request().target != "/long":
                connection.send(response_bytes(200, [], b"good"))
                continue
            connection.send(response_bytes(200, [], b"x" * total) + FORGED)

    with Origin(handler, timeout=60) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address, receive_buffer=65536, timeout=60) as connection:
            connection.send(request_bytes("/long"))
            if is_pipelined:
                connection.send(request_bytes("/good"))
            connection.read_head()
            left = total
            # The client takes what it must for all of the rest to be in the gateway's hands.
            while left > 2 << 20 or (left > 1 << 16 and unacknowledged(origin.connections[0].sock)):
                left -= len(connection.read(1 << 16))
            connection.read(left)
            if not is_pipelined:
                connection.send(request_bytes("/good"))
            assert connection.read_response().body == b"good"
        assert len(origin.connections) == 2


def test_response_before_the_request_poisons_nobody(start):
    """What an origin sends on an idle pooled connection answers no later request."""
    def handler(connection):
        connection.read_request()
        connection.send(response_bytes(200, [], b"good"))
        wait_until(lambda: idle, 10)
        connection.send(FORGED)
        poisoned.append(True)
        # The gateway hangs up; whatever it may still ask gets no answer.
        connection.wait_end()

    idle, poisoned = [], []
    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address) as connection:
            assert connection.request().body == b"good"
            idle.append(True)
            wait_until(lambda: poisoned)
            wait_until(lambda: origin.connections[0].is_done)
            poisoned.clear()
            idle.clear()
            answer = connection.request()
            assert answer.body == b"good"
            idle.append(True)


def test_response_at_connect_time_answers_no_request(start):
    def handler(connection):
        connection.send(FORGED)
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        # Bytes may arrive before or after the request has been written: an answer before the
        # request was sent is an error, one behind it cannot be told from a fast origin's.
        first = fetch(gateway.address)
        assert first.status in (200, 502)


def test_reset_of_the_origin_gives_502(start):
    def handler(connection):
        connection.read_head()
        connection.reset()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        assert fetch(gateway.address, method="POST", body=b"x").status == 502
        assert len(origin.connections) == 1


def test_reset_in_the_middle_of_a_body_ends_the_client(start):
    def handler(connection):
        connection.read_head()
        connection.send(OK + b"Content-Length: 100\r\n\r\nhalf")
        started.append(True)
        wait_until(lambda: seen, 10)
        connection.reset()

    started, seen = [], []
    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address) as connection:
            connection.send(request_bytes())
            connection.read_until(b"half")
            seen.append(True)
            with contextlib.suppress(ConnectionResetError):
                assert connection.read_to_end() == b""
        entry = gateway.wait_log(target="/")
        assert entry["reason"]


def test_client_that_resets_frees_the_origin(start):
    """A mere end of the client's direction is no such thing: it may still wait for the answer."""
    def handler(connection):
        connection.read_head()
        arrived.append(True)
        connection.wait_end()

    arrived = []
    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        connection = Connection(gateway.address)
        connection.send(request_bytes())
        wait_until(lambda: arrived)
        connection.reset()
        wait_until(lambda: origin.connections[0].is_done)
        assert gateway.wait_log(target="/")["reason"]
