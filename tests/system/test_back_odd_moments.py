"""Servers that end, refuse and speak at odd moments: the same answers over every pair of versions."""

import socket
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, fetch, request_bytes
from h2client import Client
from h2origin import REFUSED_STREAM
from origins import response_bytes
from pairs import BACKS, FRONTS, World
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

MIB = 1 << 20


@FRONTS
@BACKS
def test_stale_put_with_trailers_on_two_servers(start, ca, shop, front, back):
    seen = []

    def h1(connection):
        first = True
        while True:
            request = connection.read_request()
            if not first and connection.number == 1:
                return
            first = False
            seen.append((request.method, request.body, request.trailers))
            connection.send(response_bytes(200, [], b"ok"))

    def h2(connection):
        first = True
        while True:
            request = connection.next_request()
            if not first and connection.number == 1:
                return
            first = False
            seen.append((request.get(":method"), bytes(request.body), request.trailers))
            connection.respond(request.stream, 200, [], b"ok")

    with World(start, ca, shop, back, h1, h2, 2) as world:
        for _ in range(2):
            assert world.ask(front)[0] == 200
        seen.clear()
        for _ in range(2):
            assert world.ask(front, "/", "PUT", b"body", trailers=[("x-sum", "1")]) == \
                (200, b"ok", None)
        assert [(m, b, [(n.lower(), v) for n, v in t]) for m, b, t in seen] == \
            [("PUT", b"body", [("x-sum", "1")])] * 2


@FRONTS
@BACKS
@pytest.mark.parametrize("how", ["close", "reset", "refuse", "goaway"])
def test_interim_then_the_end_several_servers(start, ca, shop, front, back, how):
    seen, statuses = [], [100, 102, 103]

    def h1(connection):
        connection.read_request()
        seen.append(1)
        connection.send(f"HTTP/1.1 {statuses[0]} X\r\n\r\n".encode())
        if how == "reset":
            connection.reset()

    def h2(connection):
        while True:
            request = connection.next_request()
            seen.append(1)
            connection.head(request.stream, statuses[0])
            if how == "refuse":
                connection.reset(request.stream, REFUSED_STREAM)
                continue
            if how == "goaway":
                connection.send_goaway(0)
                connection.wait_end()
            elif how == "reset":
                connection.raw.reset()
            return

    if how in ("refuse", "goaway") and back in ("h1", "h1tls", "auto1"):
        how = "close"
    with World(start, ca, shop, back, h1, h2, 2) as world:
        while statuses:
            assert world.ask(front)[0] == 502, statuses
            assert seen == [1], statuses
            seen.clear()
            statuses.pop(0)


@FRONTS
@BACKS
def test_bodiless_answers_keep_connections_clean(start, ca, shop, front, back):
    """A server that sends a body where there is none: nobody else gets it."""
    def h1(connection):
        while True:
            request = connection.read_request()
            if request.target == "/odd":
                connection.send(f"HTTP/1.1 {status} X\r\nContent-Length: "
                                f"{0 if method == 'POST' else 40}\r\n\r\n".encode())
                go.wait(10)
                connection.send(response_bytes(200, [], b"planted"))
                sent.set()
                connection.wait_end()
                return
            connection.send(response_bytes(200, [], b"good"))

    def h2(connection):
        while True:
            request = connection.next_request()
            if request.get(":path") == "/odd":
                connection.head(request.stream, status,
                                [] if method == "POST" else [("content-length", "40")], end=True)
                go.wait(10)
                connection.raw_data(request.stream, b"planted", end=True)
                sent.set()
                continue
            connection.respond(request.stream, 200, [], b"good")

    go, sent = threading.Event(), threading.Event()
    with World(start, ca, shop, back, h1, h2) as world:
        for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 404), ("POST", 204), ("POST", 200)):
            go.clear()
            sent.clear()
            body = b"x" if method == "POST" else None
            status_seen, _, reset = world.ask(front, "/odd", method, body)
            assert (status_seen, reset) == (status, None), method
            go.set()
            assert sent.wait(10), (method, status)
            for _ in range(3):
                assert world.ask(front, "/", "POST", b"y")[:2] == (200, b"good"), (method, status)


@FRONTS
@BACKS
@pytest.mark.parametrize("end", ["fin", "rst"])
def test_refusal_of_a_body_that_closes_at_once(start, ca, shop, front, back, end):
    """413 and gone, with bytes unread: the client gets the answer."""
    def h1(connection):
        connection.read_head()
        connection.send(response_bytes(413, [("Connection", "close")], b"too long"))
        if end == "rst":
            may_end.wait(10)
            connection.sock.close()
        else:
            connection.half_close()
            connection.wait_end()

    def h2(connection):
        request = connection.next_head()
        connection.respond(request.stream, 413, [], b"too long")
        if end == "rst":
            may_end.wait(10)
        else:
            connection.reset(request.stream, 0)
            connection.wait_end()

    may_end = threading.Event()
    with World(start, ca, shop, back, h1, h2) as world:
        if front == "h1":
            with Connection(world.gateway.address) as client:
                client.send(request_bytes("/", "POST", fields=[("Content-Length", str(4 * MIB))]))
                client.send(b"x" * 100000)
                response = client.read_response()
                may_end.set()
                assert (response.status, response.body) == (413, b"too long")
                client.send_even_if_refused(b"x" * 1000)
        else:
            with Client(world.gateway.address) as client:
                stream = client.start("/", "POST", end=False,
                                      fields=[("content-length", str(4 * MIB))])
                client.data(stream, b"x" * 50000)
                found = client.wait(stream)
                may_end.set()
                assert (found.status, found.body) == (413, b"too long")
                assert found.reset in (None, 0)
        wait_until(lambda: any(e.get("status") == 413 for e in world.gateway.log_entries()))


@FRONTS
@BACKS
@pytest.mark.parametrize("how", ["close", "reset", "length"])
def test_cut_responses_are_seen_as_cut(start, ca, shop, front, back, how):
    def h1(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" if how == "length" else
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        seen.wait(10)
        if how == "reset":
            connection.reset()

    def h2(connection):
        request = connection.next_request()
        connection.head(request.stream, 200, [("content-length", "10")] if how == "length" else [])
        connection.data(request.stream, b"half")
        seen.wait(10)
        if how == "reset":
            connection.reset(request.stream, 2)
            connection.wait_end()
        elif how == "length":
            connection.raw_data(request.stream, b"", end=True)
            connection.wait_end()

    seen = threading.Event()
    with World(start, ca, shop, back, h1, h2) as world:
        if front == "h1":
            with Connection(world.gateway.address) as client:
                client.send(request_bytes("/"))
                head = client.read_head()
                assert head.status == 200
                client.read_until(b"half")
                seen.set()
                rest = b""
                try:
                    rest = client.read_to_end()
                except OSError:
                    pass
                assert b"0\r\n\r\n" not in rest
        else:
            with Client(world.gateway.address) as client:
                stream = client.start("/")
                found = client.streams[stream]
                client.wait_for(lambda: found.body == b"half")
                seen.set()
                client.wait(stream)
                assert found.reset not in (None, 0) and not found.is_ended
        entry = world.gateway.wait_log(target="/")
        assert entry["reason"]


@FRONTS
@BACKS
def test_many_stale_several_servers(start, ca, shop, front, back):
    """All pooled connections of three servers die on use: no idempotent request fails."""
    def h1(connection):
        connection.read_request()
        connection.send(response_bytes(200, [], b"ok"))
        connection.read_head()

    def h2(connection):
        request = connection.next_request()
        connection.respond(request.stream, 200, [], b"ok")
        connection.next_head()

    with World(start, ca, shop, back, h1, h2, 3) as world:
        for method, body in [("GET", None), ("PUT", b"x" * 5000), ("DELETE", None),
                             ("OPTIONS", None), ("PUT", b"")] * 3:
            assert world.ask(front, "/", method, body)[0] == 200, method


@FRONTS
@pytest.mark.parametrize("back", ["h2c", "auto2"])
@pytest.mark.parametrize("body", [0, 1000, 200000])
def test_declined_post_goes_elsewhere(start, ca, shop, front, back, body):
    """REFUSED_STREAM and GOAWAY below the stream, with bodies of several lengths."""
    seen = []

    def h2(connection):
        connection.holds_windows = True
        while True:
            request = connection.next_head()
            if len(seen) < 2:
                seen.append("no")
                if len(seen) == 1:
                    connection.reset(request.stream, REFUSED_STREAM)
                    continue
                connection.send_goaway(0)
                connection.wait_end()
                return
            connection.holds_windows = False
            connection.h2.increment_flow_control_window(MIB)
            connection.h2.increment_flow_control_window(MIB, request.stream)
            connection.flush()
            connection.wait(lambda: request.is_whole)  # pylint: disable=cell-var-from-loop
            seen.append(len(request.body))
            connection.respond(request.stream, 200, [], b"ok")

    with World(start, ca, shop, back, None, h2, 2) as world:
        assert world.ask(front, "/", "POST", b"z" * body) == (200, b"ok", None)
        assert seen == ["no", "no", body]


@FRONTS
@BACKS
def test_expect_continue_refused_by_closing(start, ca, shop, front, back):
    def h1(connection):
        request = connection.read_head()
        if request.target == "/":
            connection.send(response_bytes(417, [("Connection", "close")], b"no"))
            return

    def h2(connection):
        request = connection.next_head()
        connection.respond(request.stream, 417, [], b"no")
        connection.reset(request.stream, 0)
        connection.wait_end()

    with World(start, ca, shop, back, h1, h2) as world:
        if front == "h1":
            with Connection(world.gateway.address) as client:
                client.send(request_bytes("/", "POST", fields=[
                    ("Content-Length", "1000"), ("Expect", "100-continue")]))
                response = client.read_response()
                assert (response.status, response.body) == (417, b"no")
        else:
            with Client(world.gateway.address) as client:
                stream = client.start("/", "POST", end=False, fields=[
                    ("content-length", "1000"), ("expect", "100-continue")])
                found = client.wait(stream)
                assert (found.status, found.body) == (417, b"no")


@pytest.mark.parametrize("back", ["h1", "h1tls", "h2c", "auto1"])
@pytest.mark.parametrize("body", [None, b"x" * 300], ids=["none", "some"])
def test_ntlm_over_every_back_and_both_spellings(start, ca, shop, back, body):
    """A second client never gets the authenticated connection, with bodies either."""
    def h1(connection):
        user = None
        while True:
            request = connection.read_request()
            given = request.get("Authorization") or ""
            if given.startswith("NTLM"):
                user = given.split()[1]
            connection.send(response_bytes(200, [], f"{user}".encode()))

    def h2(connection):
        user = None
        while True:
            request = connection.next_request()
            given = request.get("authorization") or ""
            if given.startswith("NTLM"):
                user = given.split()[1]
            connection.respond(request.stream, 200, [], f"{user}".encode())

    with World(start, ca, shop, back, h1, h2, 2) as world:
        with Connection(world.gateway.address) as alice, Client(world.gateway.address) as carol:
            method = "POST" if body else "GET"
            for _ in range(2):
                assert alice.request("/", method, body=body,
                                     fields=[("Authorization", "NTLM alice")]).body == b"alice"
                assert carol.request("/", method, body,
                                     fields=[("authorization", "NTLM carol")]).body == b"carol"
            for front in ("h1", "h2"):
                for _ in range(2):
                    assert world.ask(front, "/", method, body)[1] == b"None"


@FRONTS
@pytest.mark.parametrize("back", ["h2c", "auto2"])
def test_goaway_with_bodies_on_their_way(start, ca, shop, front, back):
    """GOAWAY whose last stream is the first of three uploads: that one ends, the others go again."""
    def h2(connection):
        if connection.number > 1:
            while True:
                request = connection.next_request()
                connection.respond(request.stream, 200, [], b"again %d" % len(request.body))
        connection.holds_windows = True
        first = connection.next_head()
        connection.wait(lambda: len(connection.heads) == 2)
        connection.send_goaway(first.stream)
        connection.wait(lambda: first.is_whole)
        connection.respond(first.stream, 200, [], b"first")
        connection.wait_end()

    with World(start, ca, shop, back, None, h2) as world:
        answers = []
        asking = [threading.Thread(target=lambda: answers.append(
            world.ask(front, "/", "POST", b"z" * 15000)[1])) for _ in range(3)]
        for one in asking:
            one.start()
        for one in asking:
            one.join(20)
        assert sorted(answers) == [b"again 15000", b"again 15000", b"first"]
