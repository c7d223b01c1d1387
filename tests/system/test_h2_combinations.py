"""HTTP/1.1 and HTTP/2 on either side, in all four combinations: whatever a message has arrives, in
whatever version the other side speaks."""

import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import CANCEL, Client
from h2origin import CODES, H2Origin, serve
from origins import Origin

BODY = bytes(range(256)) * 4000


class Answer:
    def __init__(self, status, fields, body, trailers, interim):
        self.status = status
        self.fields = {name.lower(): value for name, value in fields}
        self.body = body
        self.trailers = [(name.lower(), value) for name, value in trailers]
        self.interim = interim


def ask_h1(gateway, target, method, body, fields, trailers):
    with Connection(gateway.address) as client:
        if trailers is None:
            client.send(request_bytes(target, method, "shop.example", fields, body))
        else:
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            client.send(request_bytes(target, method, "shop.example",
                                      [*fields, ("Transfer-Encoding", "chunked")]) +
                        chunked(body, trailers=lines))
        response = client.read_response(method)
    return Answer(response.status, response.fields, response.body, response.trailers,
                  [one.status for one in response.interim])


def ask_h2(gateway, target, method, body, fields, trailers):
    with Client(gateway.address) as client:
        client.takes_heads_of(1 << 20)
        fields = [(name.lower(), value) for name, value in fields]
        stream = client.start(target, method, end=body is None, fields=fields)
        if body is not None:
            client.data(stream, body, end=trailers is None)
            if trailers is not None:
                client.trailers(stream, [(name.lower(), value) for name, value in trailers])
        response = client.wait(stream)
        assert response.reset is None
    return Answer(response.status, response.fields, response.body, response.trailers or [],
                  [int(one[":status"]) for one in response.interim])


def h1_origin(answers):
    """answers[path] = (status, fields, body, trailers, interim)"""
    def script(connection):
        while True:
            request = connection.read_request()
            requests.append((request.method, request.target, request.fields, request.body,
                             request.trailers))
            status, fields, body, trailers, interim = answers(request.target, request.body)
            for one in interim:
                connection.send(f"HTTP/1.1 {one} Early\r\nLink: </a>\r\n\r\n".encode())
            head = f"HTTP/1.1 {status} OK\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
            has_body = request.method != "HEAD" and status not in (204, 304)
            if trailers:
                connection.send((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
                lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
                parts = [body] if body else []
                connection.send(chunked(*parts, trailers=lines))
            else:
                length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
                connection.send((head + length + "\r\n").encode() + (body if has_body else b""))

    requests = []
    origin = Origin(script)
    origin.requests_seen = requests
    return origin


def h2_origin(answers, settings=None):
    def answer(connection, request):
        requests.append((request.get(":method"), request.get(":path"), request.fields,
                         request.body, request.trailers))
        status, fields, body, trailers, interim = answers(request.get(":path"), request.body)
        for one in interim:
            connection.head(request.stream, one, [("link", "</a>")])
        if request.get(":method") == "HEAD":
            connection.head(request.stream, status, [*fields, ("content-length", str(len(body)))],
                            end=True)
            return
        if status in (204, 304):
            body = b""
        connection.respond(request.stream, status, fields, body, trailers or None)

    requests = []
    origin = H2Origin(serve(answer), settings)
    origin.requests_seen = requests
    return origin


def answers(target, body):
    if target == "/trailers":
        return 200, [], b"some", [("x-sum", "1")], []
    if target == "/interim":
        return 200, [], b"done", [], [103]
    if target == "/nothing":
        return 204, [], b"", [], []
    if target == "/empty":
        return 200, [], b"", [], []
    if target == "/big":
        return 200, [], BODY, [], []
    return 201, [("x-answer", "yes"), ("set-cookie", "a=1")], body or b"hello", [], []


@pytest.fixture(name="world", scope="module", params=["1-1", "1-2", "2-1", "2-2"])
def _world(request, start_for_module):
    front, back = request.param.split("-")
    origin = (h2_origin if back == "2" else h1_origin)(answers)
    gateway = start_for_module({
        "sites": [{"hosts": ["shop.example"], "backend": "up"}],
        "backends": [{"name": "up", "servers": [origin.address],
                      "protocol": "h2c" if back == "2" else "h1"}]})
    ask = ask_h2 if front == "2" else ask_h1

    def run(target="/", method="GET", body=None, fields=(), trailers=None):
        del origin.requests_seen[:]
        answer = ask(gateway, target, method, body, fields, trailers)
        return answer, origin.requests_seen[0]

    yield run
    origin.close(check=False)


def field(request, name):
    values = [value for key, value in request[2] if key.lower() == name]
    assert len(values) <= 1, values
    return values[0] if values else None


def test_get(world):
    answer, request = world("/a?b=c", fields=[("X-Mine", "1"), ("Cookie", "a=1; b=2")])
    assert answer.status == 201 and answer.body == b"hello"
    assert answer.fields["x-answer"] == "yes" and answer.fields["set-cookie"] == "a=1"
    assert request[:2] == ("GET", "/a?b=c")
    assert field(request, "x-mine") == "1" and field(request, "cookie") == "a=1; b=2"
    assert field(request, "x-forwarded-host") == "shop.example"


CLAIMS = ["X-Forwarded-Prefix", "X-Forwarded-User", "X_Forwarded_Prefix", "X.Forwarded.For",
          "Client+Cert", "X-Real-IP", "Remote-User", "X-SSL-Client-Verify", "Proxy"]


def test_what_servers_believe_of_proxies_is_removed_from_strangers(world):
    _, request = world("/", "POST", b"body", [(name, "forged") for name in CLAIMS],
                       [(name, "forged") for name in CLAIMS if name != "X-Real-IP"] +
                       [("X-Sum", "1")])
    assert "forged" not in str(request[2]) and "forged" not in str(request[4])
    assert [value for name, value in request[4] if name.lower() == "x-sum"] == ["1"]


def test_head(world):
    answer, request = world("/", "HEAD")
    assert answer.status == 201 and answer.body == b"" and answer.fields["content-length"] == "5"
    assert request[0] == "HEAD"


def test_post_of_known_length(world):
    answer, request = world("/", "POST", BODY)
    assert answer.body == BODY and request[3] == BODY


def test_body_and_trailers_of_a_request(world):
    answer, request = world("/", "POST", BODY, trailers=[("X-Check", "5")])
    assert answer.body == BODY and request[3] == BODY
    assert [(name.lower(), value) for name, value in request[4]] == [("x-check", "5")]


def test_trailers_of_a_response(world):
    answer, _ = world("/trailers", fields=[("TE", "trailers")])
    assert answer.body == b"some" and answer.trailers == [("x-sum", "1")]


def test_interim_response(world):
    answer, _ = world("/interim")
    assert answer.interim == [103] and answer.status == 200 and answer.body == b"done"


@pytest.mark.parametrize("target,status", [("/nothing", 204), ("/empty", 200)])
def test_no_body(world, target, status):
    answer, _ = world(target)
    assert answer.status == status and answer.body == b""


def test_big_response(world):
    answer, _ = world("/big")
    assert answer.body == BODY


def test_empty_body_of_a_request(world):
    answer, request = world("/", "POST", b"")
    assert answer.status == 201 and request[3] == b""


@pytest.mark.parametrize("method,length", [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None),
                                           ("DELETE", None), ("PROPFIND", None)])
def test_no_body_has_a_length_where_servers_expect_one(world, method, length):
    """HTTP/1.1 servers may answer 411 to a POST that says none (RFC 9110 section 15.5.12)."""
    _, request = world("/", method)
    assert request[0] == method and request[3] == b""
    is_h2 = "cdn-loop" in [name for name, _ in request[2]]
    assert field(request, "content-length") == (None if is_h2 else length)


@pytest.mark.parametrize("back", "12")
def test_an_empty_crumb_of_a_cookie_leaves_no_space_at_the_end(start, back):
    """Which HTTP/2 servers refuse (RFC 9113 section 8.2.1)."""
    with (h2_origin if back == "2" else h1_origin)(answers) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "protocol": "h2c" if back == "2" else "h1"}]})
        fields = [("cookie", ""), ("cookie", "a=1"), ("cookie", ""), ("cookie", "b=2"), ("cookie", "")]
        assert ask_h2(gateway, "/", "GET", None, fields, None).status == 201
        assert field(origin.requests_seen[0], "cookie") == "a=1; b=2"


LONG = [(f"x-long-{i}", "v" * 1000) for i in range(200)]


@pytest.mark.parametrize("back", "12")
@pytest.mark.parametrize("front", "12")
def test_long_heads_and_trailers(start, front, back):
    """As long as limits.head allows, whatever a library's own ideas of length are."""
    def long_answers(target, body):
        return 200, LONG, body or b"ok", LONG if target == "/trailers" else [], []

    wide = {CODES.MAX_HEADER_LIST_SIZE: 1024 * 1024}
    origin = (lambda: h2_origin(long_answers, wide)) if back == "2" else lambda: h1_origin(long_answers)
    with origin() as server:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [server.address],
                                       "protocol": "h2c" if back == "2" else "h1"}],
                         "limits": {"head": "512k", "fields": 1000}})
        ask = ask_h2 if front == "2" else ask_h1
        answer = ask(gateway, "/", "GET", None, LONG, None)
        assert answer.body == b"ok" and [answer.fields[name] for name, _ in LONG]
        answer = ask(gateway, "/trailers", "POST", b"body", [("TE", "trailers")], LONG)
        assert answer.body == b"body" and answer.trailers == LONG
        for request in server.requests_seen:
            given = request[2] if request[0] == "GET" else request[4]
            assert len([name for name, _ in given if name.lower().startswith("x-long")]) == 200


def test_cancel_is_carried_across(start):
    """One loop turn from RST_STREAM to RST_STREAM; the other streams notice nothing."""
    def script(connection):
        gone = connection.next_request()
        stays = connection.next_request()
        connection.head(gone.stream)
        assert connection.wait_reset(gone.stream) == CANCEL
        connection.respond(stays.stream, 200, [], b"still here")
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "protocol": "h2c"}]})
        with Client(gateway.address) as client:
            gone = client.start("/gone")
            stays = client.start("/stays")
            client.wait_head(gone)
            client.reset(gone)
            assert client.wait(stays).body == b"still here"
        assert gateway.wait_log(target="/gone")["reason"]


def test_reset_of_the_server_is_carried_across(start):
    def script(connection):
        request = connection.next_request()
        connection.head(request.stream)
        connection.data(request.stream, b"half")
        connection.reset(request.stream, 2)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "protocol": "h2c"}]})
        with Client(gateway.address) as client:
            response = client.wait(client.start())
            assert response.reset is not None and not response.is_ended


@pytest.mark.parametrize("fields, pause", [((), 0.2), ([("content-type", "application/grpc")], 1.5)])
def test_client_that_listens_with_its_request_open(start, fields, pause):
    """timeouts.body is for requests that stop coming, not for a conversation."""
    def script(connection):
        request = connection.next_head()
        connection.wait(lambda: request.body)
        connection.head(request.stream)
        for _ in range(3 if pause > 1 else 10):
            time.sleep(pause)
            connection.data(request.stream, b"news")
        connection.wait(lambda: request.is_whole)
        connection.end(request.stream)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "protocol": "h2c"}], "timeouts": {"body": "500ms"}})
        with Client(gateway.address) as client:
            stream = client.start("/watch", "POST", end=False, fields=fields)
            client.data(stream, b"watch")
            found = client.streams[stream]
            client.wait_for(lambda: len(found.body) == (12 if pause > 1 else 40)
                            or found.reset is not None)
            assert found.reset is None
            client.data(stream, b"", end=True)
            assert client.wait(stream).is_ended


def test_grpc_server_that_is_silent_for_long(start):
    """A stream of news may have none for longer than any response takes to begin."""
    def script(connection):
        for _ in range(2):
            request = connection.next_request()
            connection.head(request.stream)
            time.sleep(1.5)
            connection.data(request.stream, b"news", end=True)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
            {"name": "up", "servers": [origin.address], "protocol": "h2c",
             "response_timeout": "500ms"}], "timeouts": {"stream_idle": "500ms"}})
        with Client(gateway.address) as client:
            response = client.request("/watch", "POST", b"x",
                                      fields=[("content-type", "application/grpc+proto")])
            assert response.body == b"news" and response.is_ended
            response = client.request("/watch", "POST", b"x")
            assert response.reset is not None and not response.is_ended


def test_client_that_opens_no_window(start):
    """It holds its own stream and a bounded amount of memory; others go on."""
    big = b"x" * (2 * 1024 * 1024)

    def send_some(connection, left):
        """What the windows allow of each."""
        for stream, body in list(left.items()):
            while body and connection.h2.local_flow_control_window(stream):
                room = min(connection.h2.local_flow_control_window(stream), 16384)
                connection.h2.send_data(stream, body[:room])
                body = body[room:]
            left[stream] = body
            if not body:
                connection.end(stream)
                del left[stream]
        connection.flush()

    def script(connection):
        left = {}
        while True:
            connection.poll(0.02)
            while connection.wholes:
                request = connection.next_request()
                connection.head(request.stream)
                left[request.stream] = big if request.get(":path") == "/big" else b"small"
            send_some(connection, left)

    with H2Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "protocol": "h2c"}]})
        with Client(gateway.address, window=0) as stuck, Client(gateway.address) as other:
            assert other.request("/small").body == b"small"
            before = gateway.rss_bytes()
            for _ in range(30):
                stuck.start("/big")
            for _ in range(10):
                assert other.request("/small").body == b"small"
            assert gateway.rss_bytes() - before < 30 * 1024 * 1024
