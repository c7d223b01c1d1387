"""What holds whatever version is spoken on either side: drains, interim responses, errors of the gateway's own, servers
that cannot be reached. Retries and odd moments are in test_back_odd_moments.py."""

import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from origins import response_bytes
from pairs import ALL_BACKS, FRONTS, World
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start


class Asker:
    """One request over either version, sent and answered in parts."""

    def __init__(self, gateway, front):
        self.front = front
        self.client = Connection(gateway.address) if front == "h1" else Client(gateway.address)
        self.stream = None
        self.method = None

    def __enter__(self):
        self.client.__enter__()
        return self

    def __exit__(self, *exception):
        self.client.__exit__(*exception)

    def start(self, target="/", method="GET", length=None, fields=()):
        """The head; a body of `length` bytes is to follow, or none."""
        self.method = method
        fields = [*fields, *([("content-length", str(length))] if length else [])]
        if self.front == "h1":
            self.client.send(request_bytes(target, method, fields=fields))
        else:
            self.stream = self.client.start(target, method, end=not length, fields=fields)

    def body(self, data, end):
        if self.front == "h1":
            self.client.send(data)
        else:
            self.client.data(self.stream, data, end=end)

    def wait_interim(self, count):
        """[(status, link)] of the next ones."""
        if self.front == "h1":
            heads = [self.client.read_head() for _ in range(count)]
            return [(head.status, head.get("Link")) for head in heads]
        stream = self.client.streams[self.stream]
        self.client.wait_for(lambda: len(stream.interim) >= count, "interim responses")
        return [(int(head[":status"]), head.get("link")) for head in stream.interim]

    def wait_drain(self, gateway):
        """Until it is seen from outside. A client of HTTP/2 hears of it twice (RFC 9113 section 6.8)."""
        if self.front == "h1":
            wait_until(lambda: is_refused(gateway), what="the drain")
        else:
            self.client.wait_for(lambda: len(self.client.goaways) == 2, "the last GOAWAY")

    def finish(self):
        """(status, {field: value}, body, whether it came whole)"""
        if self.front == "h1":
            response = self.client.read_response(self.method)
            fields = {name.lower(): value for name, value in response.fields}
            return response.status, fields, response.body, True
        response = self.client.wait(self.stream)
        return response.status, dict(response.fields), bytes(response.body), response.reset in (None, 0)


# ---- drains ----

@FRONTS
@ALL_BACKS
@pytest.mark.parametrize("under_way", ["response", "request"])
def test_drain_lets_what_is_under_way_come_to_its_end(start, ca, shop, front, back, under_way):
    has_come, may_answer = threading.Event(), threading.Event()

    def h1(connection):
        request = connection.read_head()
        has_come.set()
        if under_way == "response":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            may_answer.wait(30)
            connection.send(b"half")
            return
        connection.read_body(request)
        connection.send(response_bytes(200, [], request.body))

    def h2(connection):
        request = connection.next_head()
        has_come.set()
        if under_way == "response":
            connection.head(request.stream, 200, [("content-length", "8")])
            connection.data(request.stream, b"half")
            may_answer.wait(30)
            connection.data(request.stream, b"half", end=True)
            connection.wait_end()
            return
        connection.wait(lambda: request.is_whole)
        connection.respond(request.stream, 200, [], bytes(request.body))
        connection.wait_end()

    with World(start, ca, shop, back, h1, h2, timeouts={"drain": "60s"}) as world:
        with Asker(world.gateway, front) as asker:
            asker.start("/", "POST" if under_way == "request" else "GET",
                        8 if under_way == "request" else None)
            if under_way == "request":
                asker.body(b"half", end=False)
            assert has_come.wait(30)
            world.gateway.terminate()
            asker.wait_drain(world.gateway)
            if under_way == "request":
                asker.body(b"half", end=True)
            may_answer.set()
            status, _, body, is_whole = asker.finish()
            assert (status, body, is_whole) == (200, b"halfhalf", True)
        world.gateway.wait_exit(60)


def is_refused(gateway):
    """Nobody listens any more."""
    try:
        Connection(gateway.address).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it came just as the socket was closed
    return False


# ---- interim responses ----

@FRONTS
@ALL_BACKS
def test_interim_responses_are_passed_on_as_they_come(start, ca, shop, front, back):
    """The client waits for 100 before its body, and each comes before the next is asked for."""
    def h1(connection):
        request = connection.read_head()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n")
        connection.send(response_bytes(200, [], request.body))

    def h2(connection):
        request = connection.next_head()
        connection.head(request.stream, 103, [("link", "</a>")])
        connection.head(request.stream, 100)
        connection.wait(lambda: request.is_whole)
        connection.head(request.stream, 103, [("link", "</b>")])
        connection.respond(request.stream, 200, [], bytes(request.body))
        connection.wait_end()

    with World(start, ca, shop, back, h1, h2) as world, Asker(world.gateway, front) as asker:
        asker.start("/", "POST", 4, [("expect", "100-continue")])
        assert asker.wait_interim(2) == [(103, "</a>"), (100, None)]
        asker.body(b"body", end=True)
        last = asker.wait_interim(1 if front == "h1" else 3)[-1]
        assert last == (103, "</b>")
        assert asker.finish()[::2] == (200, b"body")


# ---- errors of the gateway's own ----

OWN = {"content-type", "x-content-type-options", "cache-control", "content-length", "date"}


def end_at_once(connection):
    connection.read_head()


def h2_end_at_once(connection):
    connection.next_head()


def keep_silent(connection):
    connection.wait_end()


def h2_keep_silent(connection):
    connection.wait_end()


@FRONTS
@ALL_BACKS
@pytest.mark.parametrize("how, status", [("end", 502), ("silence", 504)])
def test_an_error_is_the_same_page_over_every_pair(start, ca, shop, front, back, how, status):
    h1 = {"end": end_at_once, "silence": keep_silent}[how]
    h2 = {"end": h2_end_at_once, "silence": h2_keep_silent}[how]
    with World(start, ca, shop, back, h1, h2, response_timeout="500ms") as world:
        with Asker(world.gateway, front) as asker:
            asker.start("/", "POST", 4)
            asker.body(b"body", end=True)
            found, fields, body, is_whole = asker.finish()
        entry = world.gateway.wait_log(status=status)
        assert found == status and is_whole
        assert set(fields) - {":status", "connection"} == OWN
        assert fields["content-length"] == str(len(body))
        assert entry["request_id"].encode() in body and str(status).encode() in body
        assert entry["detail"]


# ---- servers that cannot be reached ----

@FRONTS
@ALL_BACKS
def test_a_server_that_is_down_is_passed_over_whatever_the_method(start, ca, shop, front, back, free_address):
    def h1(connection):
        while True:
            request = connection.read_request()
            connection.send(response_bytes(200, [], request.body or b"none"))

    def h2(connection):
        while True:
            request = connection.next_request()
            connection.respond(request.stream, 200, [], bytes(request.body) or b"none")

    with World(start, ca, shop, back, h1, h2, also=[free_address]) as world:
        for _ in range(2):
            for method, body in [("GET", None), ("POST", b"body"), ("PUT", b"x" * 100000)]:
                with Asker(world.gateway, front) as asker:
                    asker.start("/", method, len(body) if body else None)
                    if body:
                        asker.body(body, end=True)
                    assert asker.finish()[::2] == (200, body or b"none")
