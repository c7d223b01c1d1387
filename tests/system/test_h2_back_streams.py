"""HTTP/2 towards servers: streams that are refused, lost, cancelled, or held up."""

import contextlib
import shutil
import subprocess
import threading
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, Ended, chunked, fetch, request_bytes
from h2back import config, many
from h2origin import CANCEL, REFUSED_STREAM, H2Origin, serve, text
from origins import Origin, free_port
from waiting import wait_stable, wait_until


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


@pytest.mark.skipif(shutil.which("nghttpd") is None, reason="nghttpd is not installed")
def test_client_slower_than_the_server_costs_its_window(start, folder):
    """It takes all the time, and never all there is: what it took is not kept."""
    mib = 1024 * 1024
    with open(folder / "big", "wb") as file:
        file.truncate(200 * mib)
    port = free_port()
    with subprocess.Popen(["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(folder), str(port)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            gateway = start(config(f"127.0.0.1:{port}", connect_timeout="10s"),
                            sanitizer_options="quarantine_size_mb=4")
            wait_until(lambda: fetch(gateway.address, "/none").status == 404, 20)
            with Connection(gateway.address, receive_buffer=65536) as client:
                client.send(request_bytes("/big"))
                received, before = 0, None
                while received < 120 * mib:
                    data = client.sock.recv(65536)
                    received += len(data)
                    time.sleep(len(data) / (40 * mib))
                    before = before or (received > 20 * mib and gateway.rss_bytes())
                assert gateway.rss_bytes() - before < 32 * mib
        finally:
            server.terminate()


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
