"""Responses that are whole before their request is: the rest of the request goes on to the server
(RFC 9112 section 9.3); what is answered here needs no body, and says so at once."""

import socket
import subprocess
import threading
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import DATA, END_STREAM, NO_ERROR, Client, frame
from h2origin import H2Origin
from origins import EchoOrigin, Origin
from waiting import wait_until

MIB = 1 << 20
BODY = bytes(range(256)) * 1600


class Early:
    """An origin that answers when it has the head, and then reads the body."""

    def __init__(self, kind, status=200, tls=None):
        self.bodies = []
        self.reads_on = threading.Event()
        self.reads_on.set()
        self.status = status
        self.origin = Origin(self._h1, tls=tls) if kind == "h1" else H2Origin(self._h2, tls=tls)

    def _h1(self, connection):
        while True:
            request = connection.read_head()
            connection.send(f"HTTP/1.1 {self.status} OK\r\nContent-Length: 4\r\n\r\ndone".encode())
            self.reads_on.wait(20)
            connection.read_body(request)
            self.bodies.append(request.body)

    def _h2(self, connection):
        while True:
            request = connection.next_head()
            connection.head(request.stream, self.status, [("content-length", "4")])
            connection.h2.send_data(request.stream, b"done", end_stream=True)
            connection.flush()
            self.reads_on.wait(20)
            connection.wait(lambda: request.is_whole or request.reset_code is not None)
            self.bodies.append(request.body if request.is_whole else None)


class H1Asker:
    def __init__(self, gateway, tls):
        self.connection = Connection(gateway.address, tls, "shop.example" if tls else None)

    def begin(self, target="/", length=None, fields=()):
        framing = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", length)
        self.is_chunked = length is None
        self.connection.send(request_bytes(target, "POST", "shop.example", [framing, *fields]))

    def send(self, data, end=False):
        if self.is_chunked:
            piece = chunked(data)
            data = piece if end else piece[:-5]
        self.connection.send(data)

    def answer(self):
        response = self.connection.read_response()
        return response.status, response.body

    def close(self):
        self.connection.close()


class H2Asker:
    def __init__(self, gateway, tls):
        self.client = Client(gateway.address, tls)

    def begin(self, target="/", length=None, fields=()):
        fields = [(name.lower(), value) for name, value in fields]
        if length is not None:
            fields.append(("content-length", str(length)))
        self.stream = self.client.start(target, "POST", end=False, fields=fields)

    def send(self, data, end=False):
        self.client.data(self.stream, data, end)

    def answer(self):
        found = self.client.wait(self.stream)
        return found.status, found.body

    @property
    def reset(self):
        return self.client.streams[self.stream].reset

    def close(self):
        self.client.close()


SITE = {"hosts": ["shop.example"], "plain_http": "serve"}
ROUTES = [{"match": {"path": "/own"}, "respond": {"status": 200, "body": "own"}},
          {"match": {"path": "/echo"}, "respond": {"status": 200, "echo": True}},
          {"match": {"path": "/small"}, "backend": "up", "body_limit": "1k"},
          {"match": {"path": "/up/*"}, "backend": "up"}]


@pytest.fixture(name="world", scope="module",
                params=[f"{front}-{back}" for front in ("h1", "h1tls", "h2", "h2tls")
                        for back in ("h1", "h2c", "auto")])
def _world(request, start_for_module, ca, shop, pki_folder):
    front, back = request.param.split("-")
    origin = Early("h1" if back == "h1" else "h2",
                   tls=shop.server_context() if back == "auto" else None)
    backend = {"name": "up", "servers": [origin.origin.address], "protocol": back}
    if back == "auto":
        backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
    files = pki_folder / "early"
    files.mkdir(exist_ok=True)
    (files / "page").write_text("page")
    gateway = start_for_module({
        "sites": [{**SITE, "tls": {"certificates": [shop.settings()]}, "routes": [
            *ROUTES, {"match": {"path": "/files/*"}, "files": {"root": str(files)}}]}],
        "backends": [backend]})

    def ask():
        tls = ca.client_context() if front.endswith("tls") else None
        asker = (H1Asker if front.startswith("h1") else H2Asker)(gateway, tls)
        askers.append(asker)
        return asker

    askers = []
    ask.origin, ask.front, ask.back, ask.gateway = origin, front, back, gateway
    yield ask
    for asker in askers:
        asker.close()
    origin.origin.close(check=False)


# ---- the server's early answer ----

@pytest.mark.parametrize("length", [len(BODY), None], ids=["length", "chunked"])
def test_body_goes_on_to_a_server_that_has_answered(world, length):
    del world.origin.bodies[:]
    client = world()
    for number in range(1, 3):
        client.begin("/up/", length)
        client.send(BODY[:1000])
        assert client.answer() == (200, b"done")
        for at in range(1000, len(BODY), 100_000):
            client.send(BODY[at:at + 100_000], end=at + 100_000 >= len(BODY))
        wait_until(lambda n=number: len(world.origin.bodies) == n)
        assert world.origin.bodies == [BODY] * number


def test_whole_body_is_delivered_though_the_answer_came_first(world):
    """The client is done; the server reads slowly, and loses nothing of it."""
    del world.origin.bodies[:]
    world.origin.reads_on.clear()
    client = world()
    body = BODY * 10
    client.begin("/up/", len(body))
    sender = threading.Thread(target=client.send, args=(body, True))
    sender.start()
    wait_until(lambda: world.gateway.process.poll() is None)
    time.sleep(0)  # the sender has the processor
    world.origin.reads_on.set()
    sender.join(20)
    assert client.answer() == (200, b"done")
    wait_until(lambda: world.origin.bodies == [body])


# ---- answers made here ----

@pytest.mark.parametrize("path, status", [("/own", 200), ("/nothing", 404), ("/files/page", 405),
                                          ("/small", 413)])
def test_own_answer_comes_before_a_long_body(world, path, status):
    client = world()
    client.begin(path, 256 * MIB)
    client.send(b"x" * 100)
    assert client.answer()[0] == status
    if isinstance(client, H2Asker):
        client.client.wait_for(lambda: client.reset is not None, "the reset")
        assert client.reset == NO_ERROR
    else:
        assert client.connection.is_closed_by_peer()


@pytest.mark.parametrize("path, status", [("/own", 200), ("/nothing", 404)])
def test_own_answer_does_not_wait_for_an_endless_body(world, path, status):
    client = world()
    client.begin(path, None, [("Content-Type", "application/grpc"), ("TE", "trailers")])
    assert client.answer()[0] in (status, 200)


def test_only_echo_waits_for_the_body(world):
    client = world()
    client.begin("/echo", 300_000)
    client.send(b"x" * 100_000)
    client.send(b"x" * 200_000, end=True)
    status, body = client.answer()
    assert status == 200 and b'"body_bytes": 300000' in body


def test_short_rest_of_a_body_keeps_the_connection(world):
    client = world()
    for path, status in (("/own", 200), ("/nothing", 404), ("/own", 200)):
        client.begin(path, 2000)
        assert client.answer()[0] == status
        client.send(b"x" * 1000)
        client.send(b"x" * 1000, end=True)


def test_request_that_was_held_back_is_answered_at_once(world):
    client = world()
    client.begin("/own", 5, [("Expect", "100-continue")])
    assert client.answer() == (200, b"own")
    if isinstance(client, H1Asker):
        assert client.connection.is_closed_by_peer()


def test_client_that_sends_first_and_looks_then_gets_its_answer(world):
    """Over HTTP/1 nothing but the close tells it to stop, and a RST would take the answer away."""
    client = world()
    client.begin("/small", 8 * MIB)
    if isinstance(client, H1Asker):
        client.connection.send_even_if_refused(b"x" * 8 * MIB)
    else:
        client.send(b"x" * 8 * MIB)
    assert client.answer()[0] == 413


# ---- what cannot go on ----

def test_server_that_closes_after_its_answer_ends_the_upload_and_is_named(start):
    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        connection.half_close()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address) as client:
            client.send(request_bytes("/", "PUT", fields=[("Content-Length", 4 * MIB)]))
            assert client.read_response().body == b"done"
            client.send_even_if_refused(b"x" * 4 * MIB)
            assert client.is_closed_by_peer()
        assert gateway.wait_log(status=200)["reason"] == "server_closed_in_body"


def test_server_that_announces_the_close_has_it_announced(start):
    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address) as client:
            client.send(request_bytes("/", "PUT", fields=[("Content-Length", 100_000)]))
            response = client.read_response()
            assert response.body == b"done" and response.get("Connection") == "close"


def test_server_that_stops_reading_after_its_answer_is_left(start):
    """And one that never reads does not hold the client for ever."""
    stop = threading.Event()

    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        stop.wait(20)

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address],
                                       "response_timeout": "1s"}]})
        with Connection(gateway.address) as client:
            client.send(request_bytes("/", "PUT", fields=[("Content-Length", 64 * MIB)]))
            assert client.read_response().body == b"done"
            client.send_even_if_refused(b"x" * 64 * MIB)
            assert client.is_closed_by_peer()
        assert gateway.wait_log(status=200)["reason"] == "server_stopped_reading"
        stop.set()


def curl(*args):
    return subprocess.run(["curl", "-sS", "--max-time", "30", "-o", "/dev/null",
                           "-w", "%{http_code}", *args],
                          capture_output=True, text=True, timeout=60, check=False)


def test_curl_uploads_12_mib_to_a_server_that_answers_first(start, folder):
    (folder / "body").write_bytes(b"x" * 12 * MIB)
    origin = Early("h1")
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.origin.address}]})
    for options in ([], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"]):
        done = curl(*options, "-T", str(folder / "body"), f"http://127.0.0.1:{gateway.port}/")
        assert (done.returncode, done.stdout) == (0, "200"), done
    origin.origin.close(check=False)


@pytest.mark.parametrize("kind", ["h1", "h2c"])
def test_curl_uploads_12_mib_over_h2_to_a_server_that_answers_first(start, folder, shop, kind):
    """It reads nothing behind the response's end: the window for the rest is opened before."""
    (folder / "body").write_bytes(b"x" * 12 * MIB)
    origin = Early(kind)
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "backend": "b"}],
                     "backends": [{"name": "b", "servers": [origin.origin.address],
                                   "protocol": kind}]})
    for options in ([], ["-H", "Expect:"], ["-H", "Content-Length:"]):
        done = curl("--http2", *options, "-k", "--resolve", f"shop.example:{gateway.port}:127.0.0.1",
                    "-T", str(folder / "body"), f"https://shop.example:{gateway.port}/")
        assert (done.returncode, done.stdout) == (0, "200"), done
    origin.origin.close(check=False)


def closes(connection):
    connection.read_head()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    connection.half_close()


@pytest.mark.parametrize("window", ["64k", "1M"])
@pytest.mark.parametrize("what", ["h1", "h2c", "closes", "never reads", "own"])
def test_curl_uploads_more_than_a_window_over_h2_behind_an_early_answer(start, folder, what, window):
    """It reads nothing behind the response's last byte, be that by its length or its end: both wait for the request."""
    (folder / "body").write_bytes(b"x" * 12 * MIB)
    stop = threading.Event()

    def never_reads(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        stop.wait(20)

    early = Early(what) if what in ("h1", "h2c") else None
    origin = early.origin if early else Origin(closes if what == "closes" else never_reads)
    with origin:
        gateway = start({"sites": [{"hosts": ["*"], **({"respond": {"body": "done"}} if what == "own" else
                                                       {"backend": "b"})}],
                         "limits": {"request_window": window},
                         "backends": [{"name": "b", "servers": [origin.address], "response_timeout": "1s",
                                       "protocol": "h2c" if what == "h2c" else "h1"}]})
        done = curl("--http2-prior-knowledge", "-T", str(folder / "body"), f"http://127.0.0.1:{gateway.port}/")
        stop.set()
        assert (done.returncode, done.stdout) == (0, "200"), done
        if early:
            assert gateway.wait_log(status=200)["bytes_in"] == 12 * MIB


@pytest.mark.parametrize("kind", ["h1", "h2c"])
def test_end_of_an_early_answer_waits_for_a_request_beyond_the_window(start, kind):
    """Its body does not, and an honest client may stop: then the end comes, and a reset."""
    origin = Early(kind)
    gateway = start({"sites": [{"hosts": ["*"], "backend": "b"}], "timeouts": {"body": "400ms"},
                     "limits": {"request_window": "64k", "body_rate": "0"},
                     "backends": [{"name": "b", "servers": [origin.origin.address], "protocol": kind}]})
    with Client(gateway.address) as client:
        for is_whole in (True, False):
            stream = client.start(method="PUT", end=False, fields=[("content-length", str(MIB))])
            found = client.streams[stream]
            client.wait_for(lambda found=found: found.body == b"done")
            assert found.get("content-length") is None and not found.is_ended
            if is_whole:
                client.data(stream, b"x" * MIB, end=True)
            assert client.wait(stream).is_ended
            assert gateway.wait_log(lambda e, n=is_whole: ("reason" in e) != n)["status"] == 200
        client.wait_for(lambda: found.reset is not None)
        assert found.reset == NO_ERROR
    origin.origin.close(check=False)


@pytest.mark.parametrize("kind", ["h1", "h2c"])
def test_h2_client_that_leaves_when_it_has_said_and_heard_all(start, kind):
    """Nobody reads behind the response: the window for the rest comes before its end, and what was
    sent reaches the server although the client has gone."""
    origin = Early(kind)
    origin.reads_on.clear()
    gateway = start({"sites": [{"hosts": ["*"], "backend": "b"}],
                     "backends": [{"name": "b", "servers": [origin.origin.address],
                                   "protocol": kind}]})
    with Client(gateway.address) as client:
        stream = client.start(method="PUT", end=False,
                              fields=[("content-length", str(8 * MIB))])
        assert client.wait(stream).body == b"done"
        assert client.h2.local_flow_control_window(stream) >= 8 * MIB
        for _ in range(8 * MIB // 16384):
            client.raw(frame(DATA, 0, stream, b"x" * 16384))
        client.raw(frame(DATA, END_STREAM, stream))
        client.sock.shutdown(socket.SHUT_WR)
        origin.reads_on.set()
        wait_until(lambda: origin.bodies)
    assert bytes(origin.bodies[0]) == b"x" * 8 * MIB
    origin.origin.close(check=False)


@pytest.fixture(name="curl_gateway", scope="module")
def _curl_gateway(start_for_module, shop):
    """Answers everything by itself."""
    return start_for_module({"sites": [{
        "hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve", "routes": [
            {"match": {"path": "/digest"}, "respond": {
                "status": 401, "body": "who?", "fields": {
                    "WWW-Authenticate": 'Digest realm="a", qop="auth", nonce="n", algorithm=MD5'}}},
            {"match": {"path": "/empty"}, "respond": {"status": 403}}]}]})


@pytest.mark.parametrize("path, options, status", [
    ("/nothing", ["-d", "hi"], 404), ("/empty", ["-d", "hi"], 403),
    ("/digest", ["-u", "a:b", "--digest", "-T", "FILE"], 401),
    ("/nothing", ["-T", "FILE"], 404)])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_curl_gets_answers_that_come_before_the_end_of_its_body(curl_gateway, ca, folder, scheme,
                                                                 path, options, status):
    """It drops a response that comes in one write with the reset behind it."""
    (folder / "file").write_bytes(b"x" * 30_000)
    if scheme == "http" and "--digest" in options:
        options = options[3:]  # curl cannot use such a connection twice
    options = [str(folder / "file") if option == "FILE" else option for option in options]
    version = ["--http2", "--cacert", str(ca.file)] if scheme == "https" else \
        ["--http2-prior-knowledge"]
    for _ in range(12):
        done = curl(*version, *options, "--connect-to", f"::127.0.0.1:{curl_gateway.port}",
                    f"{scheme}://shop.example{path}")
        assert (done.returncode, done.stdout) == (0, str(status)), done


# ---- the reset, by frames ----

def test_no_reset_where_the_announced_length_has_come(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"status": 401, "body": "no"}}]})
    with Client(gateway.address) as client:
        for length in (0, 3):
            stream = client.start("/", "PUT", end=False,
                                  fields=[("content-length", str(length))])
            if length:
                client.data(stream, b"x" * length)
            assert client.wait(stream).status == 401
            other = client.start("/")  # answered later than a reset would have been sent
            client.wait(other)
            client.data(stream, b"", end=True)
            assert client.request("/").status == 401
            assert client.streams[stream].reset is None


def test_reset_behind_an_early_answer_is_not_in_the_same_write(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"status": 401, "body": "no"}}]})
    with Client(gateway.address) as client:
        stream = client.start("/", "PUT", end=False)
        seen = []
        take = client._take
        client._take = lambda event: (seen[-1].append(event), take(event))
        found = client.streams[stream]
        while found.reset is None:
            seen.append([])
            client.pump()
        kinds = [[type(event).__name__ for event in batch] for batch in seen]
        assert found.status == 401 and found.is_ended and found.reset == NO_ERROR
        assert not any("StreamEnded" in batch and "StreamReset" in batch for batch in kinds), kinds
