"""HTTP/2 towards servers: what they get, and how connections are shared."""

import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, fetch, request_bytes
from h2back import config, many
from h2origin import CANCEL, CODES, NO_ERROR, H2Connection, H2Origin, serve, text
from origins import EchoOrigin, Origin
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start


# ---- what arrives ----

def test_request_and_response(start):
    with H2Origin() as origin:
        gateway = start(config(origin))
        response = fetch(gateway.address, "/a/b?c=d", host="shop.example:8080",
                         fields=[("X-Some", "Thing"), ("Cookie", "a=1; b=2"), ("TE", "trailers"),
                                 ("Connection", "TE, X-Hop"), ("X-Hop", "stays"),
                                 ("Keep-Alive", "timeout=5")])
        assert response.status == 200 and response.body == b"1 /a/b?c=d"
        [request] = origin.requests()
        assert request.fields[:4] == [(":method", "GET"), (":scheme", "http"),
                                      (":authority", "shop.example:8080"), (":path", "/a/b?c=d")]
        assert request.get("x-some") == "Thing"
        assert request.all("cookie") == ["a=1; b=2"] or request.all("cookie") == ["a=1", "b=2"]
        assert request.get("te") == "trailers"
        assert request.get("x-forwarded-for") == "127.0.0.1"
        names = {name for name, _ in request.fields}
        assert not names & {"host", "connection", "keep-alive", "x-hop", "transfer-encoding"}
        assert all(name == name.lower() for name in names)
        entry = gateway.wait_log(status=200)
        assert entry["server"] == origin.address and entry["bytes_out"] == 10


def test_secrets_stay_out_of_the_table_that_all_clients_share(start):
    secrets = ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "Private-Token",
               "X-CSRF-Token", "Ocp-Apim-Subscription-Key", "X-Session-Id", "X-Client-Secret"]
    others = ["User-Agent", "X-Mine", "Accept-Language"]
    with H2Origin() as origin:
        gateway = start(config(origin))
        for _ in range(2):
            assert fetch(gateway.address, fields=[(name, "value") for name in
                                                  secrets + others]).status == 200
        for request in origin.requests():
            assert {name.lower() for name in secrets} <= request.never_indexed
            assert not {name.lower() for name in others} & request.never_indexed


def test_over_tls_with_alpn(start, ca, shop):
    with H2Origin(tls=shop.server_context()) as origin:
        gateway = start(config(origin, tls={"ca": str(ca.file), "server_name": "shop.example"}))
        assert fetch(gateway.address, "/x").body == b"1 /x"
        [request] = origin.requests()
        assert request.get(":scheme") == "https"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [200, 204, 304, 404])
def test_responses_without_a_body(start, method, status):
    def answer(connection, request):
        connection.respond(request.stream, status, [("etag", '"x"')])

    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as client:
            for _ in range(2):
                response = client.request("/", method)
                assert response.status == status and response.body == b""
                assert response.get("ETag") == '"x"'
                assert response.get("Transfer-Encoding") is None


def test_head_keeps_the_length(start):
    def answer(connection, request):
        connection.head(request.stream, 200, [("content-length", "12345")], end=True)

    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        response = fetch(gateway.address, method="HEAD")
        assert response.get("Content-Length") == "12345"


def test_bodies_both_ways(start):
    def answer(connection, request):
        connection.respond(request.stream, 200, [("content-length", str(len(request.body)))],
                           request.body)

    body = bytes(range(256)) * 12000
    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        response = fetch(gateway.address, "/", "POST", body=body)
        assert response.body == body
        [request] = origin.requests()
        assert request.get("content-length") == str(len(body))


def test_chunked_both_ways_with_trailers(start):
    def answer(connection, request):
        connection.respond(request.stream, 200, [], request.body, [("x-sum", "9"), ("x-b", "c")])

    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as client:
            client.send(request_bytes("/", "POST", fields=[("Transfer-Encoding", "chunked")]) +
                        chunked(b"one", b"two", trailers="X-Check: 5\r\n"))
            response = client.read_response()
            assert response.body == b"onetwo"
            assert response.trailers == [("x-sum", "9"), ("x-b", "c")]
        [request] = origin.requests()
        assert request.get("content-length") is None and request.trailers == [("x-check", "5")]


def test_trailers_without_a_body(start):
    def answer(connection, request):
        connection.respond(request.stream, 200, [], b"", [("x-sum", "0")])

    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        response = fetch(gateway.address)
        assert response.body == b"" and response.trailers == [("x-sum", "0")]


def test_interim_responses(start):
    def answer(connection, request):
        connection.head(request.stream, 103, [("link", "</a.css>; rel=preload")])
        connection.respond(request.stream, 200, [], b"done")

    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        response = fetch(gateway.address)
        assert [one.status for one in response.interim] == [103] and response.body == b"done"


def test_expect_continue(start):
    def script(connection):
        request = connection.next_head()
        assert request.get("expect") == "100-continue"
        connection.head(request.stream, 100)
        connection.wait(lambda: request.is_whole)
        connection.respond(request.stream, 200, [], request.body)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as client:
            client.send(request_bytes("/", "PUT", fields=[("Expect", "100-continue"),
                                                          ("Content-Length", "5")]))
            assert client.read_head().status == 100
            client.send(b"hello")
            assert client.read_response().body == b"hello"


def test_early_response_stops_the_upload(start):
    """The rest of the request is of no use; the server is told so."""
    def script(connection):
        request = connection.next_head()
        connection.holds_windows = True
        connection.respond(request.stream, 403, [], b"no")
        assert connection.wait_reset(request.stream) in (NO_ERROR, CANCEL)
        serve(text)(connection)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as client:
            client.send_even_if_refused(request_bytes("/", "POST", fields=[
                ("Content-Length", "10000000")]) + b"x" * 100000)
            assert client.read_response().status == 403
        assert fetch(gateway.address, "/next").body == b"1 /next"


# ---- sharing ----

def test_many_requests_share_a_connection(start):
    barrier = threading.Event()

    def script(connection):
        connection.wait(lambda: len(connection.wholes) == 20)
        barrier.set()
        serve(text)(connection)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        responses = many(gateway.address, 20)
        assert barrier.is_set() and len(origin.connections) == 1
        assert sorted(one.body for one in responses) == sorted(
            b"1 /%d" % i for i in range(20))


def test_new_connections_at_the_limit_of_streams(start):
    """Nothing is answered before all have come."""
    seen, everything = [], threading.Event()

    def script(connection):
        while True:
            connection.poll(0.05)
            while connection.heads:
                seen.append(connection.next_head())
            if len(seen) == 10:
                everything.set()
            if everything.is_set():
                while connection.wholes:
                    text(connection, connection.next_request())
            else:
                assert len(connection.wholes) <= 3

    with H2Origin(script, settings={CODES.MAX_CONCURRENT_STREAMS: 3}) as origin:
        gateway = start(config(origin))
        responses = many(gateway.address, 10)
        assert [one.status for one in responses] == [200] * 10
        assert len(origin.connections) >= 4


def test_connection_is_used_again(start):
    with H2Origin() as origin:
        gateway = start(config(origin))
        for i in range(5):
            assert fetch(gateway.address, f"/{i}").body == b"1 /%d" % i
        assert len(origin.connections) == 1


def test_idle_connection_ends(start):
    ended = threading.Event()

    def script(connection):
        text(connection, connection.next_request())
        connection.wait_end()
        assert connection.goaway == NO_ERROR
        ended.set()

    with H2Origin(script) as origin:
        gateway = start(config(origin, idle_timeout="100ms"))
        assert fetch(gateway.address, "/a").body == b"1 /a"
        assert ended.wait(20)
        assert len(origin.connections) == 1


@pytest.mark.parametrize("most", [0, 2])
def test_idle_connections_are_bounded(start, most):
    """Eight at once need four connections; afterwards only so many stay."""
    ended, everything, seen = [], threading.Event(), []

    def script(connection):
        while connection.goaway is None:
            connection.poll(0.05)
            while connection.heads:
                seen.append(connection.next_head())
            if len(seen) >= 8:
                everything.set()
            while everything.is_set() and connection.wholes:
                text(connection, connection.next_request())
        assert connection.goaway == NO_ERROR
        ended.append(connection.number)

    with H2Origin(script, settings={CODES.MAX_CONCURRENT_STREAMS: 2}) as origin:
        gateway = start(config(origin, idle_connections=most))
        assert [one.status for one in many(gateway.address, 8)] == [200] * 8
        made = len(origin.connections)
        assert made >= 4
        wait_until(lambda: len(ended) == made - most, 20)
        assert fetch(gateway.address, "/again").status == 200
        assert len(origin.connections) == (made if most else made + 1)
        wait_until(lambda: len(ended) == len(origin.connections) - most, 20)


def test_auto_takes_what_the_server_chooses(start, ca, shop):
    tls = {"ca": str(ca.file), "server_name": "shop.example"}
    h1_context = shop.server_context()
    h1_context.set_alpn_protocols(["http/1.1"])
    with H2Origin(tls=shop.server_context()) as two, EchoOrigin(tls=h1_context) as one, \
            EchoOrigin(tls=shop.server_context()) as silent:
        for origin in (one, silent):
            gateway = start(config(origin, tls=tls, protocol="auto"))
            assert {response.status for response in many(gateway.address, 8)} == {200}
            assert len(origin.requests) == 8
            assert {request.version for request in origin.requests} == {"HTTP/1.1"}
            before = len(origin.connections)
            assert fetch(gateway.address).status == 200
            assert len(origin.connections) == before
        gateway = start(config(two, tls=tls, protocol="auto"))
        assert {response.status for response in many(gateway.address, 8)} == {200}
        assert len(two.connections) == 1


def test_auto_keeps_http1_for_upgrades(start, ca, shop):
    """WebSocket goes over HTTP/1.1, whatever the server prefers; the rest goes over HTTP/2."""
    def script(raw):
        versions.append(raw.sock.selected_alpn_protocol())
        if versions[-1] == "h2":
            serve(text)(H2Connection(raw))
        raw.read_head()
        raw.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                 b"Upgrade: websocket\r\n\r\n")
        raw.send(raw.read(4).upper())
        raw.wait_end()

    versions = []
    tls = shop.server_context()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with Origin(script, tls=tls) as origin:
        gateway = start(config(origin, protocol="auto", tls={
            "ca": str(ca.file), "server_name": "shop.example"}))
        assert fetch(gateway.address, "/a").body == b"1 /a"
        with Connection(gateway.address) as client:
            client.send(request_bytes("/ws", fields=[("Connection", "Upgrade"),
                                                     ("Upgrade", "websocket")]))
            assert client.read_response().status == 101
            client.send(b"ping")
            assert client.read(4) == b"PING"
        assert fetch(gateway.address, "/b").body == b"1 /b"
        assert versions == ["h2", "http/1.1"]


def test_h2_is_insisted_on(start, ca, shop):
    h1_context = shop.server_context()
    h1_context.set_alpn_protocols(["http/1.1"])
    for context in (h1_context, shop.server_context()):
        with EchoOrigin(tls=context) as origin:
            gateway = start(config(origin, tls={"ca": str(ca.file),
                                                "server_name": "shop.example"}))
            assert fetch(gateway.address).status == 502
            assert not origin.requests
            assert gateway.wait_log(status=502)["reason"]
