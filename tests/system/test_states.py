"""What changes its state says so at debug level: who reads that sees the way of each request."""

import re

import pytest

from client import Connection
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, response_bytes
from waiting import wait_until

LINE = re.compile(r"debug: session (\d+\.\d+)(?: stream (\d+))?(?: exchange ([0-9a-f]{32}))?: "
                  r"(connection|request|response) ([a-z ]+) -> ([a-z ]+)$", re.MULTILINE)


@pytest.fixture
def gateway(start):
    return start({"sites": [{"hosts": ["*"], "respond": {"echo": True}}],
                  "log": {"level": "debug"}})


def ways(gateway, what, **wanted):
    """The states that each such thing came through, by session and stream."""
    found = {}
    for session, stream, exchange, kind, old, new in LINE.findall(gateway.stderr()):
        if kind == what:
            way = found.setdefault((session, stream), [old])
            assert way[-1] == old, f"{kind} of {session}: {way}, then {old} -> {new}"
            way.append(new)
            if wanted.get("with_exchange"):
                assert exchange
    return list(found.values())


def test_a_stream_and_its_connection(gateway):
    with Client(gateway.address) as client:
        client.wait(client.start("/one"))
        client.request("/two", "POST", b"body")
        gateway.terminate()
        client.wait_closed()
    gateway.wait_exit()
    assert ways(gateway, "request") == [["head", "ended"], ["head", "body", "ended"]]
    assert ways(gateway, "response") == [["none", "body", "whole", "sent", "closed", "buried"]] * 2
    assert ways(gateway, "connection") == [["open", "noticed", "naming", "last", "over"]]


def test_a_stream_that_is_reset(gateway):
    with Client(gateway.address) as client:
        client.reset(client.start("/one", "POST", end=False))
        wait_until(lambda: ways(gateway, "response") == [["none", "closed", "buried"]],
                   what="the stream's end")
        assert ways(gateway, "request") == [["head", "body", "given up"]]


def test_requests_over_http_1(gateway):
    with Connection(gateway.address) as connection:
        for _ in range(2):
            connection.request("/")
    way = ["idle", "head", "wait", "idle", "head", "wait", "idle"]
    wait_until(lambda: [each[:7] for each in ways(gateway, "request")] == [way],
               what="two requests")


def test_nothing_is_said_otherwise(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"echo": True}}]})
    with Client(gateway.address) as client:
        client.wait(client.start("/one"))
    assert not LINE.findall(gateway.stderr())


ABOVE = r"debug: session \d+\.\d+(?: stream \d+)? exchange [0-9a-f]{32}: %s ([a-z]+) -> ([a-z]+)$"


def way_of(gateway, what):
    """The states of the one such thing that there is."""
    steps = re.findall(ABOVE % what, gateway.stderr(), re.MULTILINE)
    for (_, new), (old, _) in zip(steps, steps[1:]):
        assert new == old, steps
    return [steps[0][0], *(new for _, new in steps)] if steps else []


@pytest.mark.parametrize("protocol", ["h1", "h2c"])
def test_a_call_and_what_carries_it(start, protocol):
    """A call, and the connection or stream to the server that it is on, with the ids of the client's request."""
    def script(connection):
        while connection.read_request():
            connection.send(response_bytes(body=b"hello"))

    answer = serve(lambda connection, request: connection.respond(request.stream, body=b"hello"))
    with (Origin(script) if protocol == "h1" else H2Origin(answer)) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "log": {"level": "debug"},
                         "backends": [{"name": "up", "servers": [origin.address], "protocol": protocol}]})
        with Connection(gateway.address) as connection:
            assert connection.request("/").status == 200
        wait_until(lambda: way_of(gateway, "call")[-1:] == ["over"], what="the call's end")
        gateway.terminate()
        gateway.wait_exit()
    assert way_of(gateway, "call") == ["new", "seeking", "asked", "answering", "answered", "over"]
    if protocol == "h1":
        assert way_of(gateway, "h1 back") == ["idle", "head", "body", "done"]
    else:
        assert way_of(gateway, "h2 back request") == ["open", "whole", "sent"]
        assert way_of(gateway, "h2 back response") == ["none", "head", "body", "ended"]
        assert re.findall(r"debug: worker \d+: h2 back ([a-z]+ -> [a-z]+)$", gateway.stderr(), re.MULTILINE) == [
            "preface -> open", "open -> closed"]
