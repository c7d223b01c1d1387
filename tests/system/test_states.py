"""What changes its state says so at debug level: who reads that sees the way of each request."""

import re

import pytest

from client import Connection
from h2client import Client
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
