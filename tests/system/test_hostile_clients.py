"""Requests on which two implementations could disagree, and attacks on patience and memory.

Each row of the tables is sent as raw bytes. The gateway answers with the status of the row and
closes; nothing of the request reaches the origin; and the next connection works."""

import contextlib
import time

import pytest

from client import Connection, Ended, fetch, request_bytes
from origins import EchoOrigin
from waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: test.example\r\n"
POST = b"POST / HTTP/1.1\r\nHost: test.example\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: test.example\r\n\r\n"


def line(text):
    """A request with that request line."""
    return text + b"\r\nHost: test.example\r\n\r\n"


def field(text):
    """A request with one more field line."""
    return GET + text + b"\r\n\r\n"


def host(value):
    return b"GET / HTTP/1.1\r\nHost:" + value + b"\r\n\r\n"


def framed(*lines, body=b"12345"):
    """A POST with these framing fields and a body of five bytes, and one more request behind."""
    return POST + b"".join(one + b"\r\n" for one in lines) + b"\r\n" + body + NEXT


CASES = [
    # The request line (RFC 9112 section 3).
    ("http 0.9", b"GET /\r\n\r\n", 400),
    ("no target", line(b"GET HTTP/1.1"), 400),
    ("method only", line(b"GET"), 400),
    ("empty line twice", b"\r\n\r\n" + line(b"GET / HTTP/1.1"), 400),
    ("a fourth word", line(b"GET / HTTP/1.1 extra"), 400),
    ("two spaces before the target", line(b"GET  / HTTP/1.1"), 400),
    ("two spaces before the version", line(b"GET /  HTTP/1.1"), 400),
    ("space before the method", line(b" GET / HTTP/1.1"), 400),
    ("space at the end", line(b"GET / HTTP/1.1 "), 400),
    ("tab for a space", line(b"GET\t/ HTTP/1.1"), 400),
    ("tab before the version", line(b"GET /\tHTTP/1.1"), 400),
    ("form feed for a space", line(b"GET\x0c/ HTTP/1.1"), 400),
    ("nul in the line", line(b"GET /\0 HTTP/1.1"), 400),
    ("lower-case version", line(b"GET / http/1.1"), 400),
    ("version without a dot", line(b"GET / HTTP/11"), 400),
    ("version with a letter", line(b"GET / HTTP/1.x"), 400),
    ("version with more digits", line(b"GET / HTTP/1.11"), 400),
    ("version with a leading zero", line(b"GET / HTTP/01.1"), 400),
    ("version misspelt", line(b"GET / HTPP/1.1"), 400),
    ("version with a space", line(b"GET / HTTP /1.1"), 400),
    ("http 0.9 in full", line(b"GET / HTTP/0.9"), (400, 505)),
    ("http 2.0", line(b"GET / HTTP/2.0"), 505),
    ("http 3.7", line(b"GET / HTTP/3.7"), 505),
    ("http 2 preface, almost", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\n\n", (400, 505)),
    # Methods.
    ("method with at", line(b"G@T / HTTP/1.1"), 400),
    ("method with a parenthesis", line(b"GET( / HTTP/1.1"), 400),
    ("method with a colon", line(b"GET: / HTTP/1.1"), 400),
    ("method with high bytes", line(b"G\xc9T / HTTP/1.1"), 400),
    ("method with a slash", line(b"GET/x / HTTP/1.1"), 400),
    ("method with a nul", line(b"GE\0T / HTTP/1.1"), 400),
    ("quoted method", line(b'"GET" / HTTP/1.1'), 400),
    ("connect", b"CONNECT test.example:443 HTTP/1.1\r\nHost: test.example:443\r\n\r\n", (405, 501)),
    ("connect with a path", line(b"CONNECT / HTTP/1.1"), 400),
    # Targets (RFC 9112 section 3.2).
    ("target without a slash", line(b"GET x HTTP/1.1"), 400),
    ("target with dots first", line(b"GET ../x HTTP/1.1"), 400),
    ("target with a space", line(b"GET /a b HTTP/1.1"), 400),
    ("target with a tab", line(b"GET /a\tb HTTP/1.1"), 400),
    ("target with a control byte", line(b"GET /\x01 HTTP/1.1"), 400),
    ("target with delete", line(b"GET /\x7f HTTP/1.1"), 400),
    ("target with high bytes", line(b"GET /\xff HTTP/1.1"), 400),
    ("target with utf-8", line("GET /é HTTP/1.1".encode()), 400),
    ("target with a fragment", line(b"GET /#a HTTP/1.1"), 400),
    ("target with a backslash", line(b"GET /a\\b HTTP/1.1"), 400),
    ("percent without digits", line(b"GET /% HTTP/1.1"), 400),
    ("percent with one digit", line(b"GET /%4 HTTP/1.1"), 400),
    ("percent with letters", line(b"GET /%zz HTTP/1.1"), 400),
    ("encoded nul", line(b"GET /%00 HTTP/1.1"), 400),
    ("asterisk with get", line(b"GET * HTTP/1.1"), 400),
    ("two asterisks", line(b"OPTIONS ** HTTP/1.1"), 400),
    ("authority form with get", line(b"GET test.example:80 HTTP/1.1"), 400),
    ("another scheme", line(b"GET ftp://test.example/ HTTP/1.1"), 400),
    ("scheme without a host", line(b"GET http:///x HTTP/1.1"), 400),
    ("user in the target", line(b"GET http://user@test.example/ HTTP/1.1"), 400),
    ("absolute target of another host", line(b"GET http://other.example/ HTTP/1.1"), 400),
    ("absolute target of another port", line(b"GET http://test.example:81/ HTTP/1.1"), 400),
    ("absolute target, bad port", line(b"GET http://test.example:x/ HTTP/1.1"), 400),
    ("absolute target without host field",
     b"GET http://test.example/ HTTP/1.1\r\nX-A: b\r\n\r\n", 400),
    # Line ends (RFC 9112 section 2.2).
    ("bare lf everywhere", b"GET / HTTP/1.1\nHost: test.example\n\n", 400),
    ("bare lf behind the request line", b"GET / HTTP/1.1\nHost: test.example\r\n\r\n", 400),
    ("bare lf behind a field", b"GET / HTTP/1.1\r\nHost: test.example\nX-A: b\r\n\r\n", 400),
    ("bare lf for the empty line", GET + b"\n", 400),
    ("lf before the empty line", GET[:-2] + b"\n\r\n", 400),
    ("bare lf first", b"\n" + GET + b"\r\n", 400),
    ("bare cr in the request line", line(b"GET /\r HTTP/1.1"), 400),
    ("bare cr in a value", field(b"X-A: b\rX-B: c"), 400),
    ("cr cr lf", field(b"X-A: b\r"), 400),
    ("bare cr first", b"\rGET / HTTP/1.1\r\nHost: test.example\r\n\r\n", 400),
    # Field lines (RFC 9112 section 5).
    ("folded by a space", field(b"X-A: b\r\n c"), 400),
    ("folded by a tab", field(b"X-A: b\r\n\tc"), 400),
    ("folded to nothing", field(b"X-A: b\r\n "), 400),
    ("space before the first field", b"GET / HTTP/1.1\r\n Host: test.example\r\n\r\n", 400),
    ("space before the colon", field(b"X-A : b"), 400),
    ("tab before the colon", field(b"X-A\t: b"), 400),
    ("space before the colon of a length", framed(b"Content-Length : 5"), 400),
    ("space before the colon of a coding", framed(b"Transfer-Encoding : chunked"), 400),
    ("no colon", field(b"X-A"), 400),
    ("empty name", field(b": b"), 400),
    ("space in the name", field(b"X A: b"), 400),
    ("nul in the name", field(b"X\0A: b"), 400),
    ("high byte in the name", field(b"X\xe9: b"), 400),
    ("parenthesis in the name", field(b"X(A): b"), 400),
    ("quote in the name", field(b'"X-A": b'), 400),
    ("control byte before the name", field(b"\x0bContent-Length: 5"), 400),
    ("nul in the value", field(b"X-A: a\0b"), 400),
    ("control byte in the value", field(b"X-A: a\x01b"), 400),
    ("escape in the value", field(b"X-A: \x1b[0m"), 400),
    ("delete in the value", field(b"X-A: a\x7fb"), 400),
    ("vertical tab in the value", field(b"X-A:\x0bb"), 400),
    # Host (RFC 9112 section 3.2, RFC 3986 section 3.2).
    ("no host", b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n", 400),
    ("no fields at all", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", field(b"Host: other.example"), 400),
    ("the same host twice", field(b"Host: test.example"), 400),
    ("two hosts in another case", field(b"hOST: test.example"), 400),
    ("empty host", host(b""), 400),
    ("host with a space", host(b" a b"), 400),
    ("host with a user", host(b" user@test.example"), 400),
    ("host with a path", host(b" test.example/x"), 400),
    ("host with a query", host(b" test.example?x"), 400),
    ("host with a fragment", host(b" test.example#x"), 400),
    ("host list", host(b" test.example, other.example"), 400),
    ("host with a backslash", host(b" test.example\\x"), 400),
    ("host with utf-8", host(b" t\xc3\xa9st.example"), 400),
    ("host with a percent", host(b" test%2eexample"), 400),
    ("host with an open bracket", host(b" [::1"), 400),
    ("host with text behind the bracket", host(b" [::1]x"), 400),
    ("host with a bad ipv6", host(b" [::g]"), 400),
    ("ipv6 without brackets", host(b" ::1"), 400),
    ("port above 65535", host(b" test.example:65536"), 400),
    ("port with letters", host(b" test.example:80x"), 400),
    ("negative port", host(b" test.example:-1"), 400),
    ("two ports", host(b" test.example:80:80"), 400),
    ("only a port", host(b" :80"), 400),
    ("host as a url", host(b" http://test.example"), 400),
    # Content-Length (RFC 9112 section 6.3).
    ("length of letters", framed(b"Content-Length: abc"), 400),
    ("empty length", framed(b"Content-Length:"), 400),
    ("negative length", framed(b"Content-Length: -5"), 400),
    ("length with a plus", framed(b"Content-Length: +5"), 400),
    ("length with a space inside", framed(b"Content-Length: 5 5"), 400),
    ("hexadecimal length", framed(b"Content-Length: 0x5"), 400),
    ("length with a point", framed(b"Content-Length: 5.0"), 400),
    ("length with an exponent", framed(b"Content-Length: 5e0"), 400),
    ("length with an underscore", framed(b"Content-Length: 5_0"), 400),
    ("quoted length", framed(b'Content-Length: "5"'), 400),
    ("length beyond 64 bits", framed(b"Content-Length: 18446744073709551621"), (400, 413)),
    ("length beyond 63 bits", framed(b"Content-Length: 9223372036854775808"), (400, 413)),
    ("list of equal lengths", framed(b"Content-Length: 5, 5"), 400),
    ("list of lengths", framed(b"Content-Length: 5,6"), 400),
    ("length with a comma", framed(b"Content-Length: 5,"), 400),
    ("equal lengths twice", framed(b"Content-Length: 5", b"Content-Length: 5"), 400),
    ("different lengths", framed(b"Content-Length: 5", b"Content-Length: 6"), 400),
    ("different lengths in other case", framed(b"Content-Length: 5", b"content-length: 0"), 400),
    ("bad length of a get", field(b"Content-Length: x"), 400),
    ("unicode digits", framed("Content-Length: ٥".encode()), 400),
    # Transfer-Encoding (RFC 9112 section 6.1).
    ("length with a coding",
     framed(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    ("coding with a length",
     framed(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), 400),
    ("coding with a length of zero",
     framed(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=b"0\r\n\r\n"), 400),
    ("identity", framed(b"Transfer-Encoding: identity"), (400, 501)),
    ("gzip", framed(b"Transfer-Encoding: gzip"), (400, 501)),
    ("gzip before chunked", framed(b"Transfer-Encoding: gzip, chunked"), (400, 501)),
    ("chunked before gzip", framed(b"Transfer-Encoding: chunked, gzip"), (400, 501)),
    ("chunked twice", framed(b"Transfer-Encoding: chunked, chunked"), 400),
    ("chunked in two lines",
     framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    ("chunked and identity",
     framed(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), (400, 501)),
    ("chunked with a parameter", framed(b"Transfer-Encoding: chunked;q=1"), (400, 501)),
    ("chunked with a comma", framed(b"Transfer-Encoding: chunked,"), 400),
    ("comma before chunked", framed(b"Transfer-Encoding: ,chunked"), 400),
    ("quoted chunked", framed(b'Transfer-Encoding: "chunked"'), (400, 501)),
    ("xchunked", framed(b"Transfer-Encoding: xchunked"), (400, 501)),
    ("chunked with a vertical tab", framed(b"Transfer-Encoding: \x0bchunked"), 400),
    ("chunked with a nul", framed(b"Transfer-Encoding: chunked\0"), 400),
    ("empty coding", framed(b"Transfer-Encoding:"), (400, 501)),
    ("coding folded", framed(b"Transfer-Encoding:\r\n chunked"), 400),
    ("coding in http 1.0",
     b"POST / HTTP/1.0\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    # What else is refused.
    ("unknown expectation", field(b"Expect: 200-ok"), 417),
    ("two expectations", field(b"Expect: 100-continue, other"), 417),
    ("connection with a parenthesis", field(b"Connection: close (now)"), 400),
    ("connection with a space", field(b"Connection: keep alive"), 400),
    ("upgrade with a space inside",
     GET + b"Connection: upgrade\r\nUpgrade: web socket\r\n\r\n", 400),
    # Sizes.
    ("long target", line(b"GET /" + b"a" * 9000 + b" HTTP/1.1"), 414),
    ("long query", line(b"GET /?" + b"a" * 20000 + b" HTTP/1.1"), 414),
    ("long method", line(b"A" * 20000 + b" / HTTP/1.1"), (400, 414, 431, 501)),
    ("endless request line", b"GET /" + b"a" * 60000, 414),
    ("long value", field(b"X-A: " + b"a" * 40000), 431),
    ("long name", field(b"X" * 40000 + b": a"), 431),
    ("endless field", GET + b"X-A: " + b"a" * 60000, 431),
    ("many fields", GET + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n", 431),
    ("many tiny fields", GET + b"a:\r\n" * 6000 + b"\r\n", 431),
    # Not HTTP at all.
    ("zeros", b"\0" * 100, 400),
    ("smtp", b"EHLO test.example\r\n\r\n", 400),
    ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    ("json", b'{"jsonrpc": "2.0"}\r\n\r\n', 400),
    ("high bytes", b"\xff\xfe\xfd\xfc\r\n\r\n", 400),
    ("redis", b"*1\r\n$4\r\nPING\r\n\r\n", 400),
]

# The head is fine, the chunked body is not (RFC 9112 section 7.1). The head may have reached the
# origin by then, a complete request never.
CHUNK_CASES = [
    ("size of letters", b"g\r\nhello\r\n0\r\n\r\n"),
    ("empty size", b"\r\nhello\r\n0\r\n\r\n"),
    ("negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("size with a plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("space behind the size", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("tab behind the size", b"5\t\r\nhello\r\n0\r\n\r\n"),
    ("underscore in the size", b"0_5\r\nhello\r\n0\r\n\r\n"),
    ("nul in the size", b"5\0\r\nhello\r\n0\r\n\r\n"),
    ("size beyond 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("size of all ones", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("size beyond 63 bits", b"8000000000000000\r\nhello\r\n0\r\n\r\n"),
    ("size of many zeros", b"0" * 300 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("bare lf behind the size", b"5\nhello\r\n0\r\n\r\n"),
    ("bare cr behind the size", b"5\rhello\r\n0\r\n\r\n"),
    ("bare lf behind the data", b"5\r\nhello\n0\r\n\r\n"),
    ("bare cr behind the data", b"5\r\nhello\r0\r\n\r\n"),
    ("data longer than its size", b"5\r\nhello!\r\n0\r\n\r\n"),
    ("data without an end", b"5\r\nhello0\r\n\r\n"),
    ("data shorter than its size", b"6\r\nhello\r\n0\r\n\r\n"),
    ("extension without a name", b"5;\r\nhello\r\n0\r\n\r\n"),
    ("extension with a nul", b"5;a=\0\r\nhello\r\n0\r\n\r\n"),
    ("extension with a bare lf", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("extension with a bare cr", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("extension with an open quote", b'5;a="b\r\nhello\r\n0\r\n\r\n'),
    ("extension with an empty value", b"5;a=\r\nhello\r\n0\r\n\r\n"),
    ("endless extension", b"5;a=" + b"b" * 50000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("last chunk with a bare lf", b"0\n\n"),
    ("trailer with space before the colon", b"0\r\nX-A : b\r\n\r\n"),
    ("trailer without a colon", b"0\r\nX-A\r\n\r\n"),
    ("trailer folded", b"0\r\nX-A: b\r\n c\r\n\r\n"),
    ("trailer with a nul", b"0\r\nX-A: a\0b\r\n\r\n"),
    ("trailer with a bare lf", b"0\r\nX-A: b\n\r\n"),
    ("malformed trailer names the length", b"0\r\nContent-Length : 5\r\n\r\n"),
    ("too many trailers", b"0\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n"),
    ("too large trailers", b"0\r\nX-A: " + b"a" * 50000 + b"\r\n\r\n"),
]


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture(scope="module")
def gateway(start_for_module, origin):
    return start_for_module({"sites": [{"hosts": ["*"], "backend": origin.address}]})


def has_ended_without_more(connection):
    """After the error response the connection closes and says nothing else."""
    return connection.read_to_end() == b""


def works(gateway):
    response = fetch(gateway.address, "/next")
    return response.status == 200 and b'"target": "/next"' in response.body


@pytest.mark.parametrize("data, status", [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_bad_head(gateway, origin, data, status):
    before = len(origin.requests)
    received = sum(len(connection.received) for connection in origin.connections)
    with Connection(gateway.address) as connection:
        connection.send_even_if_refused(data)
        response = connection.read_response("HEAD" if data.startswith(b"HEAD") else "GET")
        assert response.status in (status if isinstance(status, tuple) else (status,)), response
        assert (response.get("Connection") or "").lower() == "close"
        with contextlib.suppress(ConnectionResetError):
            assert has_ended_without_more(connection)
    assert len(origin.requests) == before
    assert sum(len(connection.received) for connection in origin.connections) == received
    assert works(gateway)


@pytest.mark.parametrize("body", [pytest.param(case[1], id=case[0]) for case in CHUNK_CASES])
@pytest.mark.parametrize("pieces", ["at once", "in two"])
def test_bad_chunk(gateway, origin, body, pieces):
    before = len(origin.requests)
    with Connection(gateway.address) as connection:
        if pieces == "at once":
            connection.send_even_if_refused(CHUNKED + body + NEXT)
        else:
            opened = sum(one.requests for one in origin.connections)
            connection.send(CHUNKED)
            # The head alone may be forwarded, or be held back until the body begins.
            with contextlib.suppress(AssertionError):
                wait_until(lambda: sum(o.requests for o in origin.connections) > opened, 0.2)
            connection.send_even_if_refused(body + NEXT)
        response = connection.read_response()
        assert response.status in (400, 431), response
        with contextlib.suppress(ConnectionResetError):
            assert has_ended_without_more(connection)
    assert len(origin.requests) == before
    assert works(gateway)
    assert all("/smuggled" not in request.line for request in origin.requests)


def test_each_refusal_is_logged_with_its_reason(gateway):
    with Connection(gateway.address) as connection:
        connection.send(framed(b"Content-Length: 5", b"Content-Length: 6"))
        connection.read_to_end()
    entry = gateway.wait_log(reason="conflicting_length")
    assert entry["status"] == 400
    assert entry["detail"]


@pytest.mark.parametrize("data", [
    pytest.param(POST + b"Content-Length: 100\r\n\r\nshort", id="body cut short"),
    pytest.param(CHUNKED + b"5\r\nhel", id="chunk cut short"),
    pytest.param(CHUNKED + b"5\r\nhello\r\n", id="no last chunk"),
    pytest.param(CHUNKED + b"5\r\nhello\r\n0\r\nX-A: b", id="trailers cut short"),
    pytest.param(GET, id="head cut short")])
def test_request_cut_short_is_never_completed(gateway, origin, data):
    before = len(origin.requests)
    with Connection(gateway.address) as connection:
        connection.send(data)
        connection.half_close()
        with contextlib.suppress(ConnectionResetError):
            answer = connection.read_to_end()
            assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert works(gateway)
    assert len(origin.requests) == before + 1


def test_bad_request_behind_a_good_one(gateway, origin):
    """The good one is answered first, in order."""
    before = len(origin.requests)
    with Connection(gateway.address) as connection:
        connection.send(GET + b"\r\n" + line(b"GET / HTTP/9.9"))
        assert connection.read_response().status == 200
        assert connection.read_response().status == 505
        assert has_ended_without_more(connection)
    assert len(origin.requests) == before + 1


def test_every_split_of_a_bad_request_is_refused(gateway, origin):
    """Where the segments are cut must not matter."""
    data = framed(b"Transfer-Encoding: chunked", b"Content-Length: 5")[:110]
    before = len(origin.requests)
    for cut in range(1, len(data), 7):
        with Connection(gateway.address) as connection:
            connection.send(data[:cut])
            connection.send_even_if_refused(data[cut:])
            assert connection.read_response().status == 400
    assert len(origin.requests) == before


# Patience. The times are set low here.


@pytest.fixture(scope="module")
def impatient(start_for_module, origin):
    return start_for_module({
        "sites": [{"hosts": ["*"], "backend": origin.address}],
        "timeouts": {"first_byte": "3s", "head": "1s", "body": "1s", "keep_alive": "1s",
                     "send": "2s"}})


def read_refusal(connection):
    with contextlib.suppress(ConnectionResetError, Ended):
        response = connection.read_response()
        assert response.status == 408
        return response
    return None


@pytest.mark.parametrize("data", [GET, b"GET / HT", GET + b"X-A: b"], ids=["fields", "line", "cut"])
def test_slow_head_gets_408(impatient, data):
    before = time.monotonic()
    with Connection(impatient.address) as connection:
        connection.send(data)
        assert read_refusal(connection) is not None
        connection.read_to_end()
    assert time.monotonic() - before < 6


def test_dripping_head_is_cut_off(impatient, origin):
    """A byte now and then does not start the head's time again."""
    before = len(origin.requests)
    started = time.monotonic()
    with Connection(impatient.address, timeout=0.2) as connection:
        connection.send(GET)
        ended = False
        while not ended and time.monotonic() - started < 8:
            connection.send_even_if_refused(b"X-A: b\r\n")
            try:
                ended = connection.sock.recv(65536) == b"" or ended
            except TimeoutError:
                pass
            except ConnectionResetError:
                ended = True
    assert ended and time.monotonic() - started < 6
    assert len(origin.requests) == before


@pytest.mark.parametrize("data", [POST + b"Content-Length: 100\r\n\r\nabc",
                                  CHUNKED + b"5\r\nhel"], ids=["length", "chunked"])
def test_slow_body_gets_408(impatient, origin, data):
    before = len(origin.requests)
    with Connection(impatient.address) as connection:
        connection.send(data)
        assert read_refusal(connection) is not None
        connection.read_to_end()
    assert len(origin.requests) == before
    assert works(impatient)


def test_idle_connection_is_closed_without_a_word(impatient):
    with Connection(impatient.address) as connection:
        assert connection.request().status == 200
        assert connection.is_closed_by_peer()


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_empty_line_behind_a_body_is_no_request_that_never_ends(impatient, end):
    """Else a client that adds one would find a 408 where it expects its next answer."""
    lines = len(impatient.log_entries())
    for half_closes in (False, True):
        with Connection(impatient.address) as connection:
            connection.send(request_bytes("/", "POST", body=b"x") + end)
            assert connection.read_response().status == 200
            if half_closes:
                connection.half_close()
            assert connection.is_closed_by_peer()
    with Connection(impatient.address) as connection:
        connection.send(request_bytes("/", "POST", body=b"x") + b"\r\n")
        assert connection.read_response().status == 200
        assert connection.request().status == 200
    wait_until(lambda: len(impatient.log_entries()) >= lines + 4)
    assert all(entry["status"] == 200 for entry in impatient.log_entries()[lines:])


def test_client_that_takes_nothing_is_cut_off(start, folder):
    """timeouts.send: what waits for the client is not kept for ever."""
    with open(folder / "big.bin", "wb") as file:
        file.truncate(64 << 20)
    gateway = start({"sites": [{"hosts": ["*"], "files": str(folder)}], "timeouts": {"send": "1s"}})
    with Connection(gateway.address, receive_buffer=4096) as connection:
        connection.send(line(b"GET /big.bin HTTP/1.1"))
        assert gateway.wait_log(target="/big.bin")["reason"]
        with contextlib.suppress(ConnectionResetError):
            assert len(connection.read_to_end()) < 64 << 20


def test_many_slow_heads_do_not_stop_others(impatient):
    connections = [Connection(impatient.address) for _ in range(100)]
    try:
        for connection in connections:
            connection.send(b"GET / HTTP/1.1\r\n")
        for _ in range(5):
            assert works(impatient)
    finally:
        for connection in connections:
            connection.close()
