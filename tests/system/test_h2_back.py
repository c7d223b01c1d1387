"""HTTP/2 towards servers: what they get, how connections are shared, and what they may break."""

import contextlib
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, Ended, chunked, fetch, request_bytes
from h2origin import (CANCEL, CODES, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, H2Connection,
                      H2Origin, serve, text)
from origins import EchoOrigin, Origin
from waiting import wait_stable, wait_until


def config(*origins, tls=None, protocol=None, **backend):
    servers = [origin if isinstance(origin, str) else origin.address for origin in origins]
    backend = {"name": "up", "servers": servers,
               "protocol": protocol or ("h2" if tls else "h2c"), **backend}
    if tls is not None:
        backend["tls"] = tls
    return {"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [backend]}


def many(address, count, target="/", **options):
    """So many requests at the same time, each on a connection of its own."""
    results = [None] * count

    def run(i):
        try:
            results[i] = fetch(address, f"{target}{i}", **options)
        except Exception as failure:  # pylint: disable=broad-except
            results[i] = failure

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


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


# ---- retries ----

def test_refused_stream_is_sent_elsewhere(start):
    def refuse(connection):
        while True:
            connection.reset(connection.next_head().stream, REFUSED_STREAM)

    with H2Origin(refuse) as bad, H2Origin() as good:
        gateway = start(config(bad, good))
        for i in range(4):
            response = fetch(gateway.address, f"/{i}", "POST")
            assert response.status == 200 and response.body == b"1 /%d" % i
        assert bad.requests()


def test_refused_by_all(start):
    def refuse(connection):
        while True:
            connection.reset(connection.next_head().stream, REFUSED_STREAM)

    with H2Origin(refuse) as bad:
        gateway = start(config(bad))
        assert fetch(gateway.address).status == 502
        assert 1 < len(bad.requests()) <= 4
        assert gateway.wait_log(status=502)["reason"] == "stream_refused"


def test_refused_with_a_body(start):
    """What was sent of a short body is still at hand."""
    def refuse(connection):
        while True:
            connection.reset(connection.next_request().stream, REFUSED_STREAM)

    def echo(connection, request):
        connection.respond(request.stream, 200, [], request.body)

    with H2Origin(refuse) as bad, H2Origin(serve(echo)) as good:
        gateway = start(config(bad, good))
        for _ in range(4):
            assert fetch(gateway.address, "/", "POST", body=b"hello" * 100).body == b"hello" * 100
        with Connection(gateway.address) as client:
            for _ in range(2):
                client.send(request_bytes("/", "POST", fields=[("Transfer-Encoding", "chunked")]) +
                            chunked(b"one", b"two", trailers="X-Check: 5\r\n"))
                assert client.read_response().body == b"onetwo"
        assert good.requests()[-1].trailers == [("x-check", "5")]
        assert bad.requests()


def test_goaway_sends_the_unprocessed_elsewhere(start):
    """Two come; the first is answered, the second lies above the GOAWAY's last stream."""
    def script(connection):
        if connection.number > 1:
            serve(text)(connection)
        connection.wait(lambda: len(connection.wholes) == 2)
        first = connection.next_request()
        connection.send_goaway(first.stream)
        text(connection, first)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        responses = many(gateway.address, 2, method="POST")
        assert sorted(one.status for one in responses) == [200, 200]
        assert sorted(one.body[:1] for one in responses) == [b"1", b"2"]


def test_goaway_lets_streams_finish(start):
    def script(connection):
        request = connection.next_request()
        if connection.number == 1:
            connection.head(request.stream)
            connection.send_goaway(request.stream)
            connection.data(request.stream, b"still there", end=True)
            connection.wait_end()
            return
        text(connection, request)
        serve(text)(connection)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        assert fetch(gateway.address).body == b"still there"
        assert fetch(gateway.address, "/new").body == b"2 /new"


@pytest.mark.parametrize("method,status", [("GET", 200), ("POST", 502)])
def test_lost_connection(start, method, status):
    """A request that the server may have acted on is only repeated where that does no harm."""
    def script(connection):
        if connection.number == 1:
            connection.next_request()
            return
        serve(text)(connection)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        response = fetch(gateway.address, method=method)
        assert response.status == status
        assert len(origin.connections) == (2 if status == 200 else 1)


def test_lost_connection_fails_only_what_had_begun(start):
    def script(connection):
        if connection.number > 1:
            serve(text)(connection)
        connection.wait(lambda: len(connection.wholes) == 4)
        for request in list(connection.requests.values())[:2]:
            connection.head(request.stream, 200, [("content-length", "100")])
        connection.raw.reset()

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        results = many(gateway.address, 4)
        whole = [one for one in results if not isinstance(one, Exception)]
        assert len(whole) == 2 and {one.status for one in whole} == {200}
        assert all(isinstance(one, (Ended, OSError)) for one in results if one not in whole)


def test_next_server_when_one_is_down(start, free_address):
    with H2Origin() as origin:
        gateway = start(config(free_address, origin))
        assert {one.status for one in many(gateway.address, 10)} == {200}
        assert len(origin.connections) == 1


def test_all_servers_down(start, free_address):
    gateway = start(config(free_address))
    assert {one.status for one in many(gateway.address, 5)} == {502}
    assert gateway.wait_log(status=502)["reason"] == "server_unreachable"


# ---- cancelling ----

def test_client_that_leaves_cancels_its_stream_alone(start):
    left = threading.Event()

    def script(connection):
        first = connection.next_request()
        second = connection.next_request()
        gone = first if first.get(":path") == "/gone" else second
        stays = second if gone is first else first
        left.set()
        assert connection.wait_reset(gone.stream) == CANCEL
        text(connection, stays)
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as one, Connection(gateway.address) as two:
            one.send(request_bytes("/gone"))
            two.send(request_bytes("/stays"))
            assert left.wait(20)
            one.reset()
            assert two.read_response().body == b"1 /stays"


def test_client_that_leaves_while_waiting_for_a_connection(start):
    """The server accepts and says nothing; nobody waits any more."""
    def script(raw):
        raw.wait_end()

    with Origin(script) as origin:
        gateway = start(config(origin, connect_timeout="10s"))
        with Connection(gateway.address) as client:
            client.send(request_bytes())
            origin.wait_connections(1)
            client.reset()
        gateway.wait_log(reason="client_reset")


# ---- flow control ----

def test_slow_client_holds_its_own_stream_only(start):
    """It costs the gateway no more than the stream's window, and nobody else anything."""
    sent = [0]

    def script(connection):
        request = connection.next_head()
        connection.head(request.stream)
        with contextlib.suppress(EOFError):
            for _ in range(1000):
                room = connection.h2.local_flow_control_window(request.stream)
                while room == 0:
                    connection.pump()
                    while connection.wholes:
                        other = connection.next_request()
                        if other.stream != request.stream:
                            text(connection, other)
                    room = connection.h2.local_flow_control_window(request.stream)
                part = min(room, 16384)
                connection.h2.send_data(request.stream, b"x" * part)
                connection.flush()
                sent[0] += part
        connection.wait_end()

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address, receive_buffer=4096) as slow:
            slow.send(request_bytes("/slow"))
            assert slow.read_head().status == 200
            held = wait_stable(lambda: sent[0])
            assert 0 < held < 12 * 1024 * 1024
            for i in range(3):
                assert fetch(gateway.address, f"/{i}").body == b"1 /%d" % i
            assert len(origin.connections) == 1


def test_server_that_reads_nothing_stops_the_client(start):
    release = threading.Event()

    def script(connection):
        request = connection.next_head()
        connection.holds_windows = True
        assert release.wait(30)
        connection.holds_windows = False
        connection.h2.increment_flow_control_window(2**30)
        connection.h2.increment_flow_control_window(2**30, request.stream)
        connection.flush()
        connection.wait(lambda: request.is_whole)
        connection.respond(request.stream, 200, [], str(len(request.body)).encode())
        connection.wait_end()

    total = 40_000_000
    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address, timeout=60) as client:
            client.send(request_bytes("/", "POST", fields=[("Content-Length", str(total))]))
            sent = [0]

            def upload():
                block = b"x" * 65536
                while sent[0] < total:
                    part = block[:total - sent[0]]
                    client.send(part)
                    sent[0] += len(part)

            thread = threading.Thread(target=upload)
            thread.start()
            assert wait_stable(lambda: sent[0]) < total / 2
            release.set()
            thread.join(60)
            assert client.read_response().body == str(total).encode()


def test_long_responses_fill_the_window(start):
    body = bytes(range(256)) * 40000

    def answer(connection, request):
        connection.respond(request.stream, 200, [], body)

    with H2Origin(serve(answer)) as origin:
        gateway = start(config(origin))
        assert fetch(gateway.address).body == body


def test_responses_side_by_side_in_one_read(start):
    """One client's next request is read when its response ends, not while the other's is still
    being taken apart."""
    rounds = 5
    arrived, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def script(connection):
        for _ in range(rounds):
            connection.wait(lambda: len(connection.wholes) == 2)
            requests = [connection.next_request() for _ in range(2)]
            requests.sort(key=lambda request: request.get(":path"))  # /a first
            arrived.release()
            assert go_on.acquire(timeout=20)
            send, pieces = connection.raw.send, []
            connection.raw.send = pieces.append
            connection.respond(requests[0].stream, 200, [("content-length", "1")], b"a")
            connection.respond(requests[1].stream, 200, [("content-length", "30000")],
                               b"b" * 30000)
            connection.raw.send = send
            connection.raw.send(b"".join(pieces))
        connection.wait_end()

    with H2Origin(script) as origin:
        settings = config(origin)
        settings["sites"].append({"hosts": ["probe.example"], "respond": {"status": 200}})
        gateway = start(settings)
        with Connection(gateway.address) as one, Connection(gateway.address) as two:
            request = request_bytes("/a", "POST", body=b"x" * 3000)
            one.send(request)
            for i in range(rounds):
                two.send(request_bytes("/b"))
                assert arrived.acquire(timeout=20)
                if i + 1 < rounds:
                    one.send(request)
                # The gateway knows of it once it has answered something later.
                assert fetch(gateway.address, host="probe.example").status == 200
                go_on.release()
                assert two.read_response().body == b"b" * 30000
                assert one.read_response("POST").body == b"a"


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
    ("length twice", [STATUS, ("content-length", "5"), ("content-length", "5")]),
    ("lengths in a list", [STATUS, ("content-length", "5, 5")]),
    ("too large", [STATUS] + [(f"x-{i}", "y" * 2000) for i in range(100)]),
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


def length_in_trailers(connection, stream):
    connection.raw_headers(stream, [STATUS])
    connection.raw_headers(stream, [("content-length", "0")], end=True)


def reset_in_the_middle(connection, stream):
    connection.raw_headers(stream, [STATUS])
    connection.raw_data(stream, b"1234")
    connection.reset(stream, 2)


@pytest.mark.parametrize("send", [
    body_longer, body_shorter, body_shorter_before_trailers, status_in_trailers, head_twice,
    length_in_trailers, reset_in_the_middle])
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
