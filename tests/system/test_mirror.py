"""Copies of requests that a mirror gets: they are what the server gets, and whatever becomes of them, their
requests know nothing of it."""

import contextlib
import json
import threading

import pytest

import h2origin
import pairs
from client import Connection, chunked, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin, free_port, response_bytes
from pairs import FRONTS
from tidegate import command
from waiting import wait_until

BACKS = pytest.mark.parametrize("back", ["h1", "h2"])
LIMIT = 3000
# Route: the mirror, and what it says besides.
ROUTES = {"copy": ("copies", {"body_limit": LIMIT}), "none": ("copies", {"share": 0}), "half": ("copies", {"share": 50}),
          "gone": ("gone", {}), "full": ("held", {"max": 1}), "late": ("late", {"timeout": "50ms"}), "bad": ("bad", {}), "loop": ("self", {})}


class Server:
    """Answers what came with its name; a `held` one when it may."""

    def __init__(self, name, back):
        self.name, self.asked, self.may_answer = name, [], threading.Event()
        if name not in ("held", "late"):
            self.may_answer.set()
        self.origin = Origin(self.h1) if back == "h1" else H2Origin(h2origin.serve(self.h2))

    def h1(self, connection):
        while True:
            self.asked.append(connection.read_request())
            self.may_answer.wait(20)
            connection.send(b"nonsense\r\n\r\n" if self.name == "bad" else
                            response_bytes(200, [("Set-Cookie", self.name)], self.name.encode()))

    def h2(self, connection, request):
        self.asked.append(request)
        self.may_answer.wait(20)
        if self.name == "bad":
            connection.reset(request.stream, h2origin.PROTOCOL_ERROR)
        else:
            connection.respond(request.stream, 200, [("set-cookie", self.name)], self.name.encode())


class World(pairs.World):
    def __init__(self, start, stack):  # pylint: disable=super-init-not-called
        self.servers = {}
        backends, routes = [], []
        own = f"127.0.0.1:{free_port()}"
        for back, protocol in (("h1", "h1"), ("h2", "h2c")):
            for name in ("app", "copies", "held", "late", "bad"):
                server = self.servers[name, back] = Server(name, back)
                stack.enter_context(server.origin)
                backends.append({"name": f"{name}-{back}", "servers": [server.origin.address], "protocol": protocol})
            backends.append({"name": f"gone-{back}", "servers": [f"127.0.0.1:{free_port()}"], "protocol": protocol})
            backends.append({"name": f"self-{back}", "servers": [own], "protocol": protocol})
            for name, (backend, more) in ROUTES.items():
                routes.append({"name": f"{name}-{back}", "match": {"path": f"/{name}-{back}/*"}, "backend": f"app-{back}",
                               "mirror": {"backend": f"{backend}-{back}", **more}})
        self.gateway = start({"control": "control.sock", "workers": 1, "listeners": [{"bind": own}],
                              "sites": [{"hosts": "*", "routes": routes}], "backends": backends})

    def counts(self, name, back):
        status = command("status", "--json", "-c", str(self.gateway.config_path), cwd=self.gateway.folder).stdout
        found = [m for m in json.loads(status)["mirrors"] if m["route"] == f"{name}-{back}"]
        assert [m["backend"] for m in found] in ([], [f"{ROUTES[name][0]}-{back}"])
        return {key: found[0][key] if found else 0 for key in ("sent", "dropped", "too_large", "failed")}

    def wait_app(self, back, data):
        """Until the route's own server has that, last."""
        connections = self.servers["app", back].origin.connections
        wait_until(lambda: any(c.received.endswith(data) for c in connections), what="the server's part")

    @contextlib.contextmanager
    def counted(self, name, back, **expected):
        before = self.counts(name, back)
        yield
        want = {key: before[key] + expected.get(key, 0) for key in before}
        wait_until(lambda: self.counts(name, back) == want, what=f"{want}")


@pytest.fixture(name="world", scope="module")
def fixture_world(start_for_module):
    with contextlib.ExitStack() as stack:
        world = World(start_for_module, stack)
        yield world
        for server in world.servers.values():
            server.may_answer.set()


def seen(request):
    """All of it, but for the order of the fields."""
    line = [request.line] if hasattr(request, "line") else []
    return line, sorted(request.fields), bytes(request.body), sorted(request.trailers)


@FRONTS
@BACKS
@pytest.mark.parametrize("kind", ["get", "length", "empty", "trailers"])
def test_a_copy_is_what_the_server_gets(world, front, back, kind):
    body = {"get": None, "empty": b""}.get(kind, b"x" * LIMIT)
    app, copies = world.servers["app", back], world.servers["copies", back]
    app.asked.clear()
    copies.asked.clear()
    fields = [("Cookie", "a=b"), ("Authorization", "Basic YTpi"), ("X-Twice", "1"), ("X-Twice", "2"),
              ("X-Forwarded-For", "192.0.2.1")]
    with world.counted("copy", back, sent=1):
        status, text, _ = world.ask(front, f"/copy-{back}/a%20b?c=d", "GET" if kind == "get" else "PUT", body, fields,
                                    [("x-sum", "1")] if kind == "trailers" else None)
        assert (status, text) == (200, b"app")
        wait_until(lambda: copies.asked, what="the copy")
    assert len(app.asked) == len(copies.asked) == 1
    assert seen(app.asked[0]) == seen(copies.asked[0])
    assert bytes(copies.asked[0].body) == (body or b"")
    text = str(copies.asked[0].fields).lower()
    assert "x-forwarded-for" in text and "cdn-loop" in text
    log = [e for e in world.gateway.log_entries() if e.get("backend") == f"copies-{back}"]
    assert not log


@FRONTS
@BACKS
def test_a_longer_body_is_not_copied(world, front, back):
    copies = world.servers["copies", back]
    copies.asked.clear()
    with world.counted("copy", back, too_large=2):
        assert world.ask(front, f"/copy-{back}/", "POST", b"x" * (LIMIT + 1))[:2] == (200, b"app")
        # Its length is not said before.
        assert world.ask(front, f"/copy-{back}/", "POST", b"x" * 100000, (), [("x-sum", "1")])[:2] == (200, b"app")
    assert len(bytes(world.servers["app", back].asked[-1].body)) == 100000
    assert not copies.asked


@FRONTS
@BACKS
def test_what_is_not_whole_is_not_sent(world, front, back):
    copies = world.servers["copies", back]
    copies.asked.clear()
    with world.counted("copy", back, dropped=1):
        if front == "h1":
            with Connection(world.gateway.address) as client:
                client.send(request_bytes(f"/copy-{back}/", "POST", fields=[("Content-Length", "9")]) + b"1234")
                world.wait_app(back, b"1234")
        else:
            with Client(world.gateway.address) as client:
                stream = client.start(f"/copy-{back}/", "POST", end=False)
                client.data(stream, b"1234")
                world.wait_app(back, b"1234")
                client.reset(stream)
                client.flush()
    assert not copies.asked


@FRONTS
@BACKS
def test_the_share_is_at_random(world, front, back):
    copies = world.servers["copies", back]
    copies.asked.clear()
    before = world.counts("half", back)["sent"]
    for _ in range(30):
        assert world.ask(front, f"/none-{back}/")[:2] == (200, b"app")
        assert world.ask(front, f"/half-{back}/")[:2] == (200, b"app")
    wait_until(lambda: len(copies.asked) == world.counts("half", back)["sent"] - before, what="all copies")
    assert {getattr(r, "target", None) or r.get(":path") for r in copies.asked} == {f"/half-{back}/"}
    assert 2 <= len(copies.asked) <= 28
    assert set(world.counts("none", back).values()) == {0}


@FRONTS
@BACKS
def test_a_mirror_that_is_dead_full_or_slow_is_nobodys_business(world, front, back):
    with world.counted("gone", back, sent=2, failed=2):
        for _ in range(2):
            assert world.ask(front, f"/gone-{back}/", "POST", b"body")[:2] == (200, b"app")
    with world.counted("bad", back, sent=1, failed=1):
        assert world.ask(front, f"/bad-{back}/", "POST", b"body")[:2] == (200, b"app")
    with world.counted("late", back, sent=1, failed=1):
        assert world.ask(front, f"/late-{back}/")[:2] == (200, b"app")
    held = world.servers["held", back]
    held.asked.clear()
    held.may_answer.clear()
    with world.counted("full", back, sent=1, dropped=3):
        assert world.ask(front, f"/full-{back}/first")[:2] == (200, b"app")
        wait_until(lambda: held.asked, what="the copy")
        for _ in range(3):
            assert world.ask(front, f"/full-{back}/")[:2] == (200, b"app")
    held.may_answer.set()

    def has_room():
        assert world.ask(front, f"/full-{back}/")[0] == 200
        return len(held.asked) > 1
    wait_until(has_room, what="room for another copy")


@FRONTS
@BACKS
def test_a_mirror_does_not_come_in_a_circle(world, front, back):
    with world.counted("loop", back, sent=1):
        assert world.ask(front, f"/loop-{back}/{front}")[:2] == (200, b"app")
        world.gateway.wait_log(target=f"/loop-{back}/{front}", reason="loop", status=508)
    assert "is a listener of this gateway" in world.gateway.stderr()  # as it was told


@BACKS
def test_other_protocols_are_not_copied(world, back):
    with world.counted("copy", back), Connection(world.gateway.address) as client:
        client.request(f"/copy-{back}/", fields=[("Connection", "Upgrade"), ("Upgrade", "websocket"),
                                                 ("Sec-WebSocket-Version", "13"),
                                                 ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
    with world.counted("copy", back), Connection(world.gateway.address) as client:
        client.request(f"/copy-{back}/", fields=[("Authorization", "NTLM TlRMTVNTUAABAAAA")])


def test_a_copy_waits_for_the_whole_of_a_chunked_request(world):
    copies = world.servers["copies", "h1"]
    copies.asked.clear()
    with world.counted("copy", "h1", sent=1), Connection(world.gateway.address) as client:
        client.send(request_bytes("/copy-h1/", "POST", fields=[("Transfer-Encoding", "chunked")]) + b"3\r\nabc\r\n")
        world.wait_app("h1", b"abc\r\n")
        assert not copies.asked
        client.send(chunked(b"defg"))
        assert client.read_response().body == b"app"
        wait_until(lambda: copies.asked, what="the copy")
    assert copies.asked[0].body == b"abcdefg"


def test_status_and_route_name_the_mirror(world):
    config = str(world.gateway.config_path)
    world.ask("h1", "/copy-h1/")
    wait_until(lambda: "mirror copies-h1 of copy-h1: " in command("status", "-c", config, cwd=world.gateway.folder).stdout)
    text = command("route", "-c", config, f"http://a.example:{world.gateway.port}/half-h1/", cwd=world.gateway.folder).stdout
    assert "copies of 50 % go to 'copies-h1', too" in text


def test_counts_outlive_a_reload(world):
    before = world.counts("copy", "h1")
    assert before["sent"] > 0
    assert command("reload", "-c", str(world.gateway.config_path), cwd=world.gateway.folder).returncode == 0
    with world.counted("copy", "h1", sent=1):
        world.ask("h1", "/copy-h1/")
    assert world.counts("copy", "h1")["sent"] == before["sent"] + 1
