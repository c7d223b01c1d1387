"""Bodies of messages: every framing, streamed both ways, with back-pressure, in constant memory."""

import hashlib
import os
import threading

import pytest

from client import Connection, Ended, chunked, request_bytes
from origins import EchoOrigin, Origin, response_bytes
from waiting import wait_stable, wait_until

SHARES_GATEWAYS = True  # see conftest.start

MIB = 1 << 20  # where a transfer must stall within 64, that leaves room for the kernel's buffers


def proxying(origin):
    return {"sites": [{"hosts": ["*"], "backend": origin.address}]}


@pytest.fixture(scope="module")
def echo():
    with EchoOrigin() as origin:
        yield origin


@pytest.fixture(scope="module")
def gateway(start_for_module, echo):
    return start_for_module(proxying(echo))



@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 3 * MIB])
def test_body_with_a_length(gateway, echo, size):
    body = bytes(range(256)) * (size // 256 + 1)
    before = len(echo.requests)
    with Connection(gateway.address) as connection:
        assert connection.request("/", "POST", body=body[:size]).status == 200
    request = echo.requests[before]
    assert request.body == body[:size]
    assert request.get("Content-Length") == str(size)


def test_chunked_request_with_trailers(gateway, echo):
    before = len(echo.requests)
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/", "POST", fields=[("Transfer-Encoding", "chunked"),
                                                           ("Trailer", "X-Sum")]))
        connection.send(chunked(b"hello ", b"world", trailers="X-Sum: 42\r\nX-More: y\r\n"))
        assert connection.read_response().status == 200
    request = echo.requests[before]
    assert request.body == b"hello world"
    assert ("X-Sum", "42") in request.trailers
    assert request.get("Content-Length") is None


def test_chunked_request_in_one_byte_segments(gateway, echo):
    before = len(echo.requests)
    with Connection(gateway.address) as connection:
        data = request_bytes("/", "POST", fields=[("Transfer-Encoding", "Chunked")])
        data += b'5;name="quoted \\" value"\r\nhello\r\n' + chunked(b" world")
        for byte in data:
            connection.send(bytes([byte]))
        assert connection.read_response().status == 200
        assert connection.request().status == 200
    assert echo.requests[before].body == b"hello world"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_request_whose_first_bytes_came_alone(gateway, echo, count, is_chunked):
    """'P' may begin a PROXY header or the preface of HTTP/2, so it is kept until more comes; what
    then goes to the origin at once, on a pooled connection, must not be read when it is gone."""
    body = chunked(b"first", b"second") if is_chunked else b"firstsecond"
    framing = "Transfer-Encoding: chunked" if is_chunked else "Content-Length: 11"
    data = f"POST / HTTP/1.1\r\nHost: test.example\r\n{framing}\r\n\r\n".encode() + body
    with Connection(gateway.address) as connection, Connection(gateway.address) as other:
        connection.send(data[:count])
        # When this is answered the first bytes have been read; and an origin's connection is pooled.
        assert other.request().status == 200
        connection.send(data[count:])
        assert connection.read_response().status == 200
    assert echo.requests[-1].body == b"firstsecond"


def test_chunked_response_with_trailers(start):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                            b"Trailer: X-Sum\r\n\r\n")
            connection.send(chunked(b"hello ", b"world", trailers="X-Sum: 42\r\n"))

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                response = connection.request(fields=[("TE", "trailers")])
                assert response.body == b"hello world"
                assert response.trailers == [("X-Sum", "42")]
        assert len(origin.connections) == 1


def test_response_streams_as_it_comes(start):
    """Each part reaches the client before the next one is written."""
    arrived = threading.Semaphore(0)

    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            connection.send(b"6\r\npart %d\r\n" % number)
            assert arrived.acquire(timeout=10)
        connection.send(b"0\r\n\r\n")
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes())
            connection.read_head()
            for number in range(3):
                connection.read_until(b"part %d" % number)
                arrived.release()
            connection.read_until(b"0\r\n\r\n")


def test_request_streams_as_it_comes(start):
    """The origin sees the first part before the client has sent the last."""
    def handler(connection):
        request = connection.read_head()
        connection.read_until(b"first")
        seen.set()
        connection.read_until(b"0\r\n\r\n")
        assert request.get("Transfer-Encoding") == "chunked"
        connection.send(response_bytes(200, [], b"ok"))
        connection.wait_end()

    seen = threading.Event()
    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/", "POST", fields=[("Transfer-Encoding", "chunked")]))
            connection.send(b"5\r\nfirst\r\n")
            assert seen.wait(10)
            connection.send(chunked(b"second"))
            assert connection.read_response().body == b"ok"


def test_big_upload_in_constant_memory(start):
    total = 384 * MIB

    def handler(connection):
        connection.read_head()
        digest = hashlib.sha256(connection.buffer)
        count = len(connection.buffer)
        while count < total:
            data = connection.sock.recv(MIB)
            assert data
            digest.update(data)
            count += len(data)
        connection.send(response_bytes(200, [], digest.hexdigest().encode()))
        connection.sock.recv(1)

    with Origin(handler, timeout=60) as origin:
        gateway = start(proxying(origin), sanitizer_options="quarantine_size_mb=4")
        before = gateway.rss_bytes()
        peak = 0
        part = bytes(range(256)) * (MIB // 256)
        digest = hashlib.sha256()
        with Connection(gateway.address, timeout=60) as connection:
            connection.send(request_bytes("/", "PUT", fields=[("Content-Length", str(total))]))
            for number in range(total // MIB):
                connection.send(part)
                digest.update(part)
                if number % 32 == 0:
                    peak = max(peak, gateway.rss_bytes())
            assert connection.read_response().body == digest.hexdigest().encode()
        assert peak - before < 24 * MIB
        assert gateway.wait_log(method="PUT")["bytes_in"] >= total


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_slow_reader_of_a_big_response_never_grows_memory(start, framing):
    total = 192 * MIB
    sent = [0]

    def handler(connection):
        connection.read_request()
        head = {"length": b"Content-Length: %d\r\n" % total,
                "chunked": b"Transfer-Encoding: chunked\r\n",
                "close": b""}[framing]
        connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        part = b"x" * MIB
        if framing == "chunked":
            part = b"%x\r\n%s\r\n" % (len(part), part)
        for _ in range(total // MIB):
            connection.sock.sendall(part)
            sent[0] += MIB
        if framing == "chunked":
            connection.send(b"0\r\n\r\n")
        if framing == "close":
            connection.half_close()
        connection.wait_end()

    with Origin(handler, timeout=60) as origin:
        gateway = start(proxying(origin), sanitizer_options="quarantine_size_mb=4")
        before = gateway.rss_bytes()
        with Connection(gateway.address, receive_buffer=65536, timeout=60) as connection:
            connection.send(request_bytes(fields=[("Connection", "close")]))
            assert wait_stable(lambda: sent[0]) < 64 * MIB
            assert gateway.rss_bytes() - before < 16 * MIB
            connection.read_head()
            count = len(connection.buffer)
            while True:
                data = connection.sock.recv(MIB)
                if not data:
                    break
                count += len(data)
            assert count >= total
        assert gateway.rss_bytes() - before < 24 * MIB


@pytest.mark.parametrize("way", ["plain", "tls", "tls to tls"])
def test_slow_origin_never_grows_memory(start, ca, shop, bank, way):
    """An upload is read from the client no faster than the origin takes it."""
    total = 128 * MIB
    go = threading.Event()

    def handler(connection):
        connection.read_head()
        assert go.wait(60)
        count = len(connection.buffer)
        while count < total:
            data = connection.sock.recv(MIB)
            assert data
            count += len(data)
        connection.send(response_bytes(200, [], b"%d" % count))
        connection.wait_end()

    tls = bank.server_context() if way == "tls to tls" else None
    with Origin(handler, timeout=60, tls=tls) as origin:
        backend = {"name": "slow", "servers": [origin.address]}
        if tls:
            backend["tls"] = {"ca": str(ca.file), "server_name": "bank.example"}
        gateway = start({"sites": [{"hosts": ["*"], "backend": "slow"},
                                   {"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": "slow"}], "backends": [backend]},
                        sanitizer_options="quarantine_size_mb=4")
        before = gateway.rss_bytes()
        sent = [0]
        context = None if way == "plain" else ca.client_context()
        host = "test.example" if context is None else "shop.example"
        with Connection(gateway.address, context, host if context else None,
                        timeout=60) as connection:
            def push():
                for _ in range(total // MIB):
                    connection.send(b"z" * MIB)
                    sent[0] += MIB

            connection.send(request_bytes("/", "PUT", host, [("Content-Length", str(total))]))
            pusher = threading.Thread(target=push, daemon=True)
            pusher.start()
            assert wait_stable(lambda: sent[0]) < 64 * MIB
            assert gateway.rss_bytes() - before < 24 * MIB
            go.set()
            pusher.join(60)
            assert connection.read_response().body == b"%d" % total
        assert gateway.rss_bytes() - before < 32 * MIB


def test_slow_reader_over_tls_never_grows_memory(start, ca, shop, bank):
    """From TLS to TLS: nothing here can be moved by the kernel alone."""
    total = 128 * MIB
    sent = [0]

    def handler(connection):
        connection.read_request()
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(total // MIB):
            connection.sock.sendall(b"x" * MIB)
            sent[0] += MIB
        connection.wait_end()

    with Origin(handler, timeout=60, tls=bank.server_context()) as origin:
        gateway = start({
            "sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "backend": "big"}],
            "backends": [{"name": "big", "servers": [origin.address],
                          "tls": {"ca": str(ca.file), "server_name": "bank.example"}}]},
            sanitizer_options="quarantine_size_mb=4")
        before = gateway.rss_bytes()
        with Connection(gateway.address, ca.client_context(), "shop.example",
                        timeout=60) as connection:
            connection.send(request_bytes(host="shop.example"))
            assert wait_stable(lambda: sent[0]) < 64 * MIB
            assert gateway.rss_bytes() - before < 24 * MIB
            connection.read_head()
            count = len(connection.buffer)
            while count < total:
                count += len(connection.sock.recv(MIB))
            assert count == total
        assert gateway.rss_bytes() - before < 32 * MIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_client_that_takes_nothing_is_cut_off(start, framing):
    """timeouts.send holds for responses that pass through; the origin is freed as well."""
    def handler(connection):
        connection.read_request()
        if framing == "length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
            connection.sock.sendall(b"x" * (64 * MIB))
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(64):
                connection.sock.sendall(chunked(b"x" * MIB)[:-5])
        connection.wait_end()

    with Origin(handler, timeout=60) as origin:
        gateway = start({**proxying(origin), "timeouts": {"send": "1s"}})
        with Connection(gateway.address, receive_buffer=4096) as connection:
            connection.send(request_bytes("/taken"))
            assert gateway.wait_log(target="/taken")["reason"]
            wait_until(lambda: origin.connections[0].is_done)


def test_close_delimited_body_that_tls_did_not_end_is_cut_short(start, ca, bank):
    """A TCP end without close_notify may be an attacker's: the body must not look whole."""
    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        raw = connection.sock.detach()
        os.close(raw)

    with Origin(handler, tls=bank.server_context()) as origin:
        gateway = start({
            "sites": [{"hosts": ["*"], "backend": "inner"}],
            "backends": [{"name": "inner", "servers": [origin.address],
                          "tls": {"ca": str(ca.file), "server_name": "bank.example"}}]})
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/cut"))
            with pytest.raises((Ended, ConnectionResetError)):
                connection.read_response()
        assert gateway.wait_log(target="/cut")["reason"]


def test_early_response_to_an_upload(start):
    """An origin may refuse before it has read the body; the client learns of it."""
    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n"
                        b"Connection: close\r\n\r\nno")
        connection.half_close()
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/", "POST", fields=[("Content-Length", "1000000")]))
            connection.send(b"x" * 1000)
            response = connection.read_response()
            assert (response.status, response.body) == (403, b"no")
            assert response.get("Connection") == "close", "the rest of the body will not be read"


def test_response_that_runs_beside_its_request_keeps_the_connection(start):
    def handler(connection):
        while True:
            request = connection.read_head()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nec")
            connection.read_body(request)
            connection.send(b"ho")

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                connection.send(request_bytes("/", "POST", fields=[("Content-Length", "5")]))
                response = connection.read_head()
                assert connection.read(2) == b"ec"
                connection.send(b"hello")
                assert connection.read(2) == b"ho"
                assert response.get("Connection") is None


def test_head(gateway, echo):
    with Connection(gateway.address) as connection:
        for _ in range(3):
            response = connection.request(method="HEAD")
            assert response.status == 200
            assert int(response.get("Content-Length")) > 0
        assert connection.request().status == 200
    assert echo.requests[-2].method == "HEAD"


@pytest.mark.parametrize("head, status", [
    (b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", 204),
    (b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n", 304),
    (b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200),
    (b"HTTP/1.1 299 Very Own Reason\r\nContent-Length: 0\r\n\r\n", 299),
    (b"HTTP/1.1 599 X\r\nContent-Length: 0\r\n\r\n", 599)])
def test_responses_without_a_body_keep_the_connection(start, head, status):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(head)

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(3):
                response = connection.request()
                assert response.status == status
        assert len(origin.connections) == 1
