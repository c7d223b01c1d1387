"""Responses that are odd and yet can be read in one way only: they are taken, and cost no more than
the connection they came on. In all combinations of HTTP versions."""

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin

OK = b"HTTP/1.1 200 OK\r\n"
# Name, bytes, method, status, body, whether the server's connection may go on.
H1_CASES = [
    ("no reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", True),
    ("a space and no reason", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", True),
    ("http 1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", True),
    ("equal lengths", OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", True),
    ("a list of equal lengths", OK + b"Content-Length: 2, 2\r\n\r\nok", "GET", 200, b"ok", True),
    ("204 with a coding", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "GET",
     204, b"", False),
    ("204 with a coding and its end",
     b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET", 204, b"", False),
    ("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "GET", 204, b"",
     False),
    ("204 with a length of none", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "GET", 204,
     b"", True),
    ("304 with a coding", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "GET",
     304, b"", False),
    ("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", 304, b"",
     True),
    ("head with a coding", OK + b"Transfer-Encoding: chunked\r\n\r\n", "HEAD", 200, b"", True),
    ("205 with a body", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello", "GET", 205,
     b"", False),
    ("205 without a length", b"HTTP/1.1 205 Reset Content\r\n\r\n", "GET", 205, b"", False),
    ("205 with a coding", b"HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "GET", 205, b"", False),
    ("205 with a length of none", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", "GET",
     205, b"", True),
    ("103 with a coding", b"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n" + OK +
     b"Content-Length: 2\r\n\r\nok", "GET", 200, b"ok", False),
    ("103 with a length", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n" + OK +
     b"Content-Length: 2\r\n\r\nok", "GET", 200, b"ok", False),
    ("a trailer that is none", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
     b"Content-Length: 7\r\nx-sum: 1\r\nSet-Cookie: a=b\r\n\r\n", "GET", 200, b"ok", True),
]
# Name, fields, DATA, trailers, method, status, body.
H2_CASES = [
    ("equal lengths", [("content-length", "2"), ("content-length", "2")], b"ok", None, "GET", 200, b"ok"),
    ("a list of equal lengths", [("content-length", "2, 2")], b"ok", None, "GET", 200, b"ok"),
    ("204 with a body", [], b"hello", None, "GET", 204, b""),
    ("204 with a length and a body", [("content-length", "5")], b"hello", None, "GET", 204, b""),
    ("204 with an empty frame", [], b"", None, "GET", 204, b""),
    ("304 with a body", [("content-length", "5")], b"hello", None, "GET", 304, b""),
    ("205 with a body", [("content-length", "5")], b"hello", None, "GET", 205, b""),
    ("205 with an empty frame", [], b"", None, "GET", 205, b""),
    ("head with a body", [("content-length", "5")], b"hello", None, "HEAD", 200, b""),
    ("a trailer that is none", [], b"ok", [("content-length", "7"), ("x-sum", "1"),
                                           ("set-cookie", "a=b")], "GET", 200, b"ok"),
]


def ask_h1(address, target, method):
    """Twice on one connection: what is left over from the first would be read as the second."""
    with Connection(address) as client:
        client.send(request_bytes(target, method, "shop.example"))
        response = client.read_response(method)
        client.send(request_bytes("/good", "GET", "shop.example"))
        assert client.read_response().body == b"good"
    return response.status, response.fields, response.body, response.trailers


def ask_h2(address, target, method):
    with Client(address) as client:
        response = client.request(target, method)
        assert response.reset is None
        assert client.request("/good").body == b"good"
    return (response.status, response.fields, response.body,
            [(name, value) for name, value in response.trailers or []])


def check(answer, status, body):
    found, fields, data, trailers = answer
    names = [name.lower() for name, _ in fields]
    values = dict(zip(names, [value for _, value in fields]))
    assert (found, data) == (status, body)
    assert names.count("content-length") <= 1
    if status == 204:
        assert "content-length" not in names and "transfer-encoding" not in names
    if status == 205:
        assert values["content-length"] == "0"
    assert all(name.lower() == "x-sum" for name, _ in trailers)


@pytest.fixture(name="h1_world", scope="module")
def _h1_world(start_for_module):
    cases = {f"/{number}": case for number, case in enumerate(H1_CASES)}

    def script(connection):
        while True:
            request = connection.read_request()
            seen.append((connection.number, request.target))
            if request.target in cases:
                connection.send(cases[request.target][1])
            else:
                connection.send(OK + b"Content-Length: 4\r\n\r\ngood")

    seen = []
    with Origin(script) as origin:
        gateway = start_for_module({"sites": [{"hosts": ["shop.example"], "backend": "up"}],
                                    "backends": [{"name": "up", "servers": [origin.address],
                                                  "protocol": "h1"}]})
        yield gateway, seen


@pytest.mark.parametrize("number", range(len(H1_CASES)), ids=[case[0] for case in H1_CASES])
@pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["front_h1", "front_h2"])
def test_an_odd_response_from_an_h1_server(h1_world, ask, number):
    gateway, seen = h1_world
    _, _, method, status, body, goes_on = H1_CASES[number]
    del seen[:]
    check(ask(gateway.address, f"/{number}", method), status, body)
    assert [target for _, target in seen] == [f"/{number}", "/good"]
    assert (seen[0][0] == seen[1][0]) == goes_on


@pytest.fixture(name="h2_world", scope="module")
def _h2_world(start_for_module):
    def script(connection):
        while True:
            request = connection.next_request()
            path = request.get(":path")
            if path == "/good":
                connection.respond(request.stream, 200, [], b"good")
                continue
            _, fields, data, trailers, _, status, _ = H2_CASES[int(path[1:])]
            connection.raw_headers(request.stream, [(":status", str(status)), *fields])
            connection.raw_data(request.stream, data, end=trailers is None)
            if trailers is not None:
                connection.raw_headers(request.stream, trailers, end=True)

    with H2Origin(script) as origin:
        yield start_for_module({"sites": [{"hosts": ["shop.example"], "backend": "up"}],
                                "backends": [{"name": "up", "servers": [origin.address],
                                              "protocol": "h2c"}]})


@pytest.mark.parametrize("number", range(len(H2_CASES)), ids=[case[0] for case in H2_CASES])
@pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["front_h1", "front_h2"])
def test_an_odd_response_from_an_h2_server(h2_world, ask, number):
    _, _, _, _, method, status, body = H2_CASES[number]
    check(ask(h2_world.address, f"/{number}", method), status, body)


# ---- trailers of requests ----

@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_requests_trailer_that_is_none_is_left_out(start, front):
    def script(connection):
        request = connection.read_request()
        seen.append(request)
        connection.send(OK + b"Content-Length: 4\r\n\r\ngood")
        connection.wait_end()

    seen = []
    with Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": origin.address}]})
        bad = [("content-length", "7"), ("x-sum", "1"), ("authorization", "x"), ("host", "b"),
               ("cache-control", "y"), ("x-forwarded-for", "1.2.3.4")]
        if front == "h1":
            with Connection(gateway.address) as client:
                lines = "".join(f"{name}: {value}\r\n" for name, value in bad)
                client.send(b"POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"2\r\nok\r\n0\r\n" + lines.encode() + b"\r\n")
                assert client.read_response().status == 200
        else:
            with Client(gateway.address) as client:
                stream = client.start("/", "POST", end=False)
                client.data(stream, b"ok")
                client.trailers(stream, bad)
                assert client.wait(stream).status == 200
        assert seen[0].body == b"ok"
        assert [(name.lower(), value) for name, value in seen[0].trailers] == [("x-sum", "1")]


# ---- limits ----

def many(count, length=1):
    return [(f"x-{i}", "y" * length) for i in range(count)]


@pytest.fixture(name="large_world", scope="module", params=["h1", "h2c"])
def _large_world(request, start_for_module):
    def fields_of(path):
        return {"/120": many(120), "/40k": many(40, 1000), "/200k": many(200, 1000),
                "/2000": many(2000), "/300k": many(300, 1000)}[path]

    def h1(connection):
        while True:
            path = connection.read_request().target
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields_of(path))
            connection.send(OK + lines.encode() + b"Content-Length: 2\r\n\r\nok")

    def h2(connection):
        while True:
            asked = connection.next_request()
            connection.respond(asked.stream, 200, fields_of(asked.get(":path")), b"ok")

    with (Origin(h1) if request.param == "h1" else H2Origin(h2)) as origin:
        yield start_for_module({"sites": [{"hosts": ["shop.example"], "backend": "up"}],
                                "backends": [{"name": "up", "servers": [origin.address],
                                              "protocol": request.param}]})


@pytest.mark.parametrize("target", ["/120", "/40k", "/200k"])
@pytest.mark.parametrize("front", ["h1", "h2"])
def test_responses_have_limits_of_their_own(large_world, front, target):
    """A server is not held to what a client may send."""
    if front == "h1":
        with Connection(large_world.address) as client:
            response = client.request(target, host="shop.example")
            count = len(response.fields)
    else:
        with Client(large_world.address) as client:
            client.takes_heads_of(1 << 20)
            response = client.request(target)
            count = len(response.fields)
    assert (response.status, response.body) == (200, b"ok")
    assert count >= {"/120": 120, "/40k": 40, "/200k": 200}[target]


@pytest.mark.parametrize("target,reason,limit", [
    ("/2000", "too_many_fields", "limits.response_fields"),
    ("/300k", "head_too_large", "limits.response_head")])
def test_the_limit_of_a_response_is_named(large_world, target, reason, limit):
    with Connection(large_world.address) as client:
        assert client.request(target, host="shop.example").status == 502
    entry = large_world.wait_log(target=target)
    assert entry["reason"] == reason and limit in entry["mend"]


def test_the_limits_of_responses_can_be_set(start):
    def script(connection):
        while True:
            connection.read_request()
            connection.send(OK + b"X: y\r\n" * 20 + b"Content-Length: 2\r\n\r\nok")

    with Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": origin.address}],
                         "limits": {"response_fields": 20}})
        with Connection(gateway.address) as client:
            assert client.request("/a", host="shop.example").status == 502
        assert "limits.response_fields" in gateway.wait_log(target="/a")["mend"]
