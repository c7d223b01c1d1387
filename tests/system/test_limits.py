"""The limits of the configuration: each takes what is at it, refuses what is above it."""

import contextlib

import pytest

from client import Connection, Ended, fetch, request_bytes
from origins import EchoOrigin, Origin
from tlsbytes import client_hello, padded_hello, to_records
from waiting import wait_until


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture(scope="module")
def gateway(start_for_module, origin):
    return start_for_module({
        "sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/small"}, "body_limit": 10, "backend": origin.address},
            {"match": {"path": "/large"}, "body_limit": "2k", "backend": origin.address},
            {"match": {"path": "/*"}, "backend": origin.address}]}],
        "limits": {"head": "2k", "target": 300, "fields": 10, "body": 1000}})


def status(gateway, **request):
    with Connection(gateway.address) as connection:
        return connection.request(**request).status


def test_target(gateway):
    assert status(gateway, target="/" + "a" * 299) == 200
    assert status(gateway, target="/" + "a" * 300) == 414
    assert status(gateway, target="/?" + "a" * 299) == 414


def test_fields(gateway):
    assert status(gateway, fields=[(f"X-{n}", "a") for n in range(9)]) == 200
    assert status(gateway, fields=[(f"X-{n}", "a") for n in range(10)]) == 431


def test_head(gateway):
    fixed = len(request_bytes(fields=[("X-A", "")]))
    assert status(gateway, fields=[("X-A", "a" * (2048 - fixed))]) == 200
    assert status(gateway, fields=[("X-A", "a" * (2049 - fixed))]) == 431


def test_body_by_its_length(gateway, origin):
    assert status(gateway, method="POST", body=b"x" * 1000) == 200
    before = len(origin.requests)
    assert status(gateway, method="POST", body=b"x" * 1001) == 413
    assert len(origin.requests) == before


def test_body_above_the_limit_is_refused_before_it_is_sent(gateway, origin):
    before = len(origin.requests)
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/", "POST", fields=[("Content-Length", "99999999999"),
                                                           ("Expect", "100-continue")]))
        assert connection.read_head().status == 413
    assert len(origin.requests) == before


@pytest.mark.parametrize("chunk", [1, 100, 1001])
def test_body_by_its_chunks(gateway, origin, chunk):
    before = len(origin.requests)
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/", "POST", fields=[("Transfer-Encoding", "chunked")]))
        part = b"%x\r\n%s\r\n" % (chunk, b"x" * chunk)
        connection.send_even_if_refused(part * (1000 // chunk + 1) + b"0\r\n\r\n")
        assert connection.read_response().status == 413
    assert len(origin.requests) == before


def test_body_limit_of_a_route(gateway):
    assert status(gateway, target="/small", method="POST", body=b"x" * 10) == 200
    assert status(gateway, target="/small", method="POST", body=b"x" * 11) == 413
    assert status(gateway, target="/large", method="POST", body=b"x" * 2048) == 200
    assert status(gateway, target="/large", method="POST", body=b"x" * 2049) == 413


def test_response_head_above_the_limit_is_the_origins_fault(start):
    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 3000 + b"\r\n\r\n")
        connection.half_close()
        connection.wait_end()

    with Origin(handler) as large:
        gateway = start({"sites": [{"hosts": ["*"], "backend": large.address}],
                         "limits": {"response_head": "2k"}})
        assert fetch(gateway.address).status == 502


def test_hello(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "passthrough": origin.address}],
                     "limits": {"hello": "4k"}})
    before = len(origin.connections)
    with Connection(gateway.address) as connection:
        connection.send(to_records(padded_hello("x.example", 5000), [16384]))
        with contextlib.suppress(ConnectionResetError):
            connection.read_to_end()
    assert gateway.wait_log(kind="connection")["reason"]
    assert len(origin.connections) == before
    with Connection(gateway.address) as connection:
        connection.send(client_hello("x.example"))
        wait_until(lambda: len(origin.connections) > before)


def test_connections(start, origin):
    """One above the limit is turned away or has to wait; the others go on; room is used again."""
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}],
                     "limits": {"connections": 16}})
    connections = [Connection(gateway.address) for _ in range(16)]
    try:
        # None has been served yet: who waits between two requests would make room.
        with Connection(gateway.address, timeout=0.5) as one_more:
            with contextlib.suppress(TimeoutError, ConnectionResetError, BrokenPipeError, Ended):
                one_more.send(request_bytes())
                assert one_more.read_head().status == 503
        for connection in connections:
            assert connection.request().status == 200
    finally:
        for connection in connections:
            connection.close()

    def has_room():
        with contextlib.suppress(TimeoutError, ConnectionResetError, BrokenPipeError, Ended):
            with Connection(gateway.address, timeout=1) as again:
                return again.request().status == 200
        return False
    wait_until(has_room)
