"""What a route does besides answering: `delay` before it, `response_limit` on what a server sends.
Over both versions of HTTP on either side."""

import contextlib
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, Ended, chunked, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin

LIMIT = 100_000
DELAY = 0.5
# By path: the body's length, and whether the head says it.
BODIES = {"/limited/short": (5, True), "/limited/just": (LIMIT, True), "/limited/over": (LIMIT + 1, True),
          "/limited/just-unsaid": (LIMIT, False), "/limited/over-unsaid": (LIMIT + 1, False),
          "/limited/long-unsaid": (20 * LIMIT, False)}


class World:
    def __init__(self, start, protocol, ca, bank):
        self.seen = []
        kind, _, chosen = protocol.partition("-")
        tls = bank.server_context() if kind == "auto" else None
        is_h2 = "h2" in protocol
        self.origin = H2Origin(serve(self._h2), tls=tls) if is_h2 else Origin(self._h1, tls=tls)
        backend = {"name": "up", "servers": [self.origin.address], "protocol": kind}
        if tls is not None:
            if chosen == "h1":
                tls.set_alpn_protocols(["http/1.1"])
            backend["tls"] = {"ca": str(ca.file), "server_name": "bank.example"}
        self.gateway = start({
            "sites": [{"hosts": ["*"], "routes": [
                {"match": {"path": "/limited/*"}, "backend": "up", "response_limit": LIMIT},
                {"match": {"path": "/late/*"}, "backend": "up", "delay": "500ms"},
                {"match": {"path": "/trap/*"}, "respond": {"status": 404, "body": "no\n"},
                 "delay": "500ms"},
                {"backend": "up"}]}],
            "backends": [backend]})

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                self.seen.append((request.target, request.body))
                length, is_said = BODIES.get(request.target, (2, True))
                has_body = request.method != "HEAD"
                if is_said:
                    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length +
                                    bytes(length if has_body else 0))
                else:
                    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                    (chunked(bytes(length)) if has_body else b""))

    def _h2(self, connection, request):
        target = request.get(":path")
        self.seen.append((target, request.body))
        length, is_said = BODIES.get(target, (2, True))
        fields = [("content-length", str(length))] if is_said else []
        if request.get(":method") == "HEAD":
            connection.head(request.stream, 200, fields, end=True)
        else:
            connection.respond(request.stream, 200, fields, bytes(length))


@pytest.fixture(name="world", scope="module", params=["h1", "h2c", "auto-h1", "auto-h2"])
def _world(request, start_for_module, ca, bank):
    world = World(start_for_module, request.param, ca, bank)
    yield world
    world.origin.close(check=False)


class Answer:
    def __init__(self, status, body, is_broken):
        self.status = status
        self.body = body
        self.is_broken = is_broken


def ask_h1(gateway, target, method="GET", body=None):
    with Connection(gateway.address) as client:
        client.send(request_bytes(target, method, "shop.example", body=body))
        head = client.read_head()
        if method == "HEAD":
            return Answer(head.status, b"", False)
        try:
            if head.get("Content-Length") is not None:
                data = client.read(int(head.get("Content-Length")))
            else:
                data, _ = client.read_chunked()
        except (Ended, ConnectionResetError):
            return Answer(head.status, None, True)
        return Answer(head.status, data, False)


def ask_h2(gateway, target, method="GET", body=None):
    with Client(gateway.address) as client:
        response = client.request(target, method, body)
        return Answer(response.status, response.body, response.reset is not None)


ASK = {"h1": ask_h1, "h2": ask_h2}


@pytest.fixture(name="ask", params=["h1", "h2"])
def _ask(request):
    return ASK[request.param]


# ---- response_limit ----

@pytest.mark.parametrize("path", ["short", "just", "just-unsaid"])
def test_responses_up_to_the_limit_pass_whole(world, ask, path):
    answer = ask(world.gateway, f"/limited/{path}")
    assert (answer.status, answer.is_broken) == (200, False)
    assert answer.body == bytes(BODIES[f"/limited/{path}"][0])


def test_longer_response_that_says_so_is_502(world, ask):
    answer = ask(world.gateway, "/limited/over")
    assert answer.status == 502 and b"502" in answer.body
    line = world.gateway.wait_log(target="/limited/over", reason="response_too_large")
    assert line["refused_by"] == "backend" and line["status"] == 502


@pytest.mark.parametrize("path", ["over-unsaid", "long-unsaid"])
def test_longer_response_that_does_not_say_so_breaks_off(world, ask, path):
    answer = ask(world.gateway, f"/limited/{path}")
    assert (answer.status, answer.is_broken) == (200, True)
    line = world.gateway.wait_log(target=f"/limited/{path}", reason="response_too_large")
    assert line["bytes_out"] <= LIMIT
    assert ask(world.gateway, "/other").status == 200  # nothing else is lost


def test_head_is_not_counted(world, ask):
    assert ask(world.gateway, "/limited/over", "HEAD").status == 200


def test_other_streams_of_the_connection_go_on(world):
    with Client(world.gateway.address) as client:
        broken = client.start("/limited/long-unsaid")
        streams = [client.start("/limited/just") for _ in range(5)]
        assert client.wait(broken).reset is not None
        assert all(client.wait(stream).body == bytes(LIMIT) for stream in streams)


# ---- delay ----

def test_delayed_request_is_served_afterwards(world, ask):
    del world.seen[:]
    began = time.monotonic()
    answer = ask(world.gateway, "/late/get")
    assert (answer.status, answer.body) == (200, bytes(2))
    assert time.monotonic() - began >= DELAY
    assert world.seen == [("/late/get", b"")]


def test_delayed_request_keeps_its_body(world, ask):
    body = bytes(range(256)) * 2000
    answer = ask(world.gateway, "/late/post", "POST", body)
    assert answer.status == 200
    assert world.seen[-1] == ("/late/post", body)


@pytest.mark.parametrize("body", [None, b"short", bytes(300_000)])
def test_delayed_answer_of_its_own(world, ask, body):
    """Scanners wait; what they send besides is not what the answer waits for."""
    began = time.monotonic()
    answer = ask(world.gateway, "/trap/x", "POST" if body else "GET", body)
    assert (answer.status, answer.body) == (404, b"no\n")
    assert time.monotonic() - began >= DELAY


def test_client_that_leaves_meanwhile_costs_the_server_nothing(world):
    del world.seen[:]
    with Connection(world.gateway.address) as client:
        client.send(request_bytes("/late/gone-h1", host="shop.example"))
        client.reset()
    with Client(world.gateway.address) as client:
        client.wait_for(lambda: True)
        client.reset(client.start("/late/gone-h2"))
        client.flush()
        assert client.request("/late/stays").status == 200
    world.gateway.wait_log(target="/late/gone-h1")
    world.gateway.wait_log(target="/late/gone-h2")
    assert [target for target, _ in world.seen] == ["/late/stays"]


def test_many_wait_at_once(world):
    with Client(world.gateway.address) as client:
        began = time.monotonic()
        streams = [client.start(f"/late/{n}") for n in range(50)]
        assert all(client.wait(stream).status == 200 for stream in streams)
        assert time.monotonic() - began < 50 * DELAY


def test_drain_waits_for_the_delayed(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "late"}, "routes": [
        {"match": {"path": "/late"}, "respond": {"body": "late"}, "delay": "1s"}]}],
        "timeouts": {"drain": "20s"}})
    with Connection(gateway.address) as client:
        client.send(request_bytes("/late", host="shop.example"))
        time.sleep(0.2)  # for the request to come; later, it would be one of those that are served too
        gateway.terminate()
        assert client.read_response().body == b"late"
    gateway.wait_exit(10)
