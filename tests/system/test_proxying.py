"""Reverse proxying of HTTP/1.1: what passes, what is rewritten, what belongs to one hop only."""

import hashlib
import json
import re
import threading

import pytest

from client import Connection, fetch, open_socket, request_bytes
from origins import EchoOrigin, Origin, response_bytes
from waiting import wait_stable, wait_until

MIB = 1 << 20


def proxying(origin, **more):
    return {"sites": [{"hosts": ["*"], "backend": origin.address, **more.pop("site", {})}], **more}


@pytest.fixture(scope="module")
def echo():
    with EchoOrigin() as origin:
        yield origin


@pytest.fixture(scope="module")
def gateway(start_for_module, echo):
    return start_for_module(proxying(echo))


def sent_to_origin(echo, connection, **request):
    """The request as the origin saw it."""
    before = len(echo.requests)
    response = connection.request(**request)
    assert response.status == 200, response
    return echo.requests[before]


def ask(gateway, echo, **request):
    with Connection(gateway.address) as connection:
        return sent_to_origin(echo, connection, **request)


# The request line, the authority, methods.


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND",
                                    "BREW", "M-SEARCH", "x", "!#$%&'*+-.^_`|~"])
def test_methods_pass_unknown_ones_included(gateway, echo, method):
    assert ask(gateway, echo, method=method, target="/m").line == f"{method} /m HTTP/1.1"


@pytest.mark.parametrize("method, target", [("TRACE", "/"), ("CONNECT", "test.example:443")])
def test_trace_and_connect_are_refused(gateway, echo, method, target):
    before = len(echo.requests)
    with Connection(gateway.address) as connection:
        connection.send(request_bytes(target, method))
        assert connection.read_head().status in (405, 501)
    assert len(echo.requests) == before


@pytest.mark.parametrize("target", [
    "/", "/a/b", "/a?b=c", "/?", "/a?b?c", "/%41%7E%2f", "/a;b=c/d", "/~user/", "/a//b",
    "/:@!$&'()*+,;=", "/%E4%BD%A0", "/a?q={}|^`\"[]"])
def test_target_is_forwarded_as_received(gateway, echo, target):
    assert ask(gateway, echo, target=target).target == target


def test_absolute_target_becomes_origin_form(gateway, echo):
    request = ask(gateway, echo, target="http://test.example/a?b")
    assert request.target == "/a?b"
    assert request.get("Host") == "test.example"


def test_absolute_target_without_a_path(gateway, echo):
    assert ask(gateway, echo, target="http://test.example").target == "/"
    assert ask(gateway, echo, target="http://test.example?q").target == "/?q"


def test_options_asterisk_passes(gateway, echo):
    assert ask(gateway, echo, method="OPTIONS", target="*").line == "OPTIONS * HTTP/1.1"


@pytest.mark.parametrize("host", ["test.example", "test.example:8080", "[::1]", "[2001:db8::1]:80",
                                  "127.0.0.1:1", "TEST.example", "_x.test-1.example"])
def test_host_is_preserved(gateway, echo, host):
    assert ask(gateway, echo, host=host).get("Host").lower() == host.lower()


# Fields that the gateway adds.


def test_forwarded_fields_are_added(gateway, echo):
    with Connection(gateway.address) as connection:
        request = sent_to_origin(echo, connection, host="test.example:8080")
        port = connection.local_address[1]
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"
    assert request.get("X-Forwarded-Host") == "test.example:8080"
    forwarded = request.get("Forwarded")
    elements = dict(part.split("=", 1) for part in forwarded.split(";"))
    assert elements["for"].strip('"') in ("127.0.0.1", f"127.0.0.1:{port}")
    assert elements["proto"] == "http"
    assert elements["host"] == '"test.example:8080"'


def test_forwarded_fields_of_ipv6_are_quoted(start, echo):
    gateway = start(proxying(echo, listeners=[{"bind": "[::1]:0"}]))
    request = ask(gateway, echo)
    assert request.get("X-Forwarded-For") == "::1"
    assert re.search(r'for="\[::1\](:\d+)?"', request.get("Forwarded"))


def test_forwarded_proto_is_https_behind_tls(start, echo, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "backend": echo.address}]})
    before = len(echo.requests)
    fetch(gateway.address, host="shop.example", tls=ca.client_context())
    assert echo.requests[before].get("X-Forwarded-Proto") == "https"
    assert "proto=https" in echo.requests[before].get("Forwarded")


FORGED = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"),
          ("X-Forwarded-Host", "forged.example"), ("X-Forwarded-Port", "1"),
          ("Forwarded", "for=192.0.2.1;proto=https"), ("X-Real-IP", "192.0.2.1"),
          ("Client-Cert", ":forged:"), ("Client-Cert-Chain", ":forged:")]


def test_identity_fields_of_strangers_are_removed(gateway, echo):
    request = ask(gateway, echo, fields=FORGED + [("X-Forwarded-For", "192.0.2.2")])
    assert "192.0.2." not in request.head and "forged" not in request.head
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"


def test_identity_fields_of_trusted_proxies_are_kept_and_added_to(start, echo):
    gateway = start(proxying(echo, trusted_proxies=["127.0.0.0/8"]))
    request = ask(gateway, echo, fields=[("X-Forwarded-For", "192.0.2.1"),
                                         ("Forwarded", "for=192.0.2.1"),
                                         ("X-Forwarded-Proto", "https")])
    chain = [part.strip() for value in request.all("X-Forwarded-For") for part in value.split(",")]
    assert chain == ["192.0.2.1", "127.0.0.1"]
    chain = [part.strip() for value in request.all("Forwarded") for part in value.split(",")]
    assert chain[0] == "for=192.0.2.1" and "127.0.0.1" in chain[1]
    assert request.get("X-Forwarded-Proto") == "https"


def test_via_is_added_both_ways(gateway, echo):
    with Connection(gateway.address) as connection:
        before = len(echo.requests)
        response = connection.request(fields=[("Via", "1.0 first")])
    chain = ", ".join(echo.requests[before].all("Via"))
    assert re.fullmatch(r"1\.0 first, 1\.1 \S+", chain)
    assert re.search(r"1\.1 \S+", response.get("Via"))


def test_request_id_is_new_unique_and_logged(gateway, echo):
    ids = [ask(gateway, echo).get("X-Request-Id") for _ in range(5)]
    assert len(set(ids)) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{8,64}", one) for one in ids)
    gateway.wait_log(request_id=ids[0])


def test_forged_request_id_of_a_stranger_is_replaced(gateway, echo):
    assert ask(gateway, echo, fields=[("X-Request-Id", "forged")]).get("X-Request-Id") != "forged"


def test_other_fields_pass_in_order_with_case_and_repetition(gateway, echo):
    fields = [("X-b", "1"), ("x-A", "2"), ("X-b", "3"), ("Cookie", "a=1"), ("Cookie", "b=2"),
              ("X-Empty", ""), ("X-Tab", "a\tb"), ("X-High", "\xe9\xff"), ("Accept", "*/*")]
    request = ask(gateway, echo, fields=fields)
    names = {name.lower() for name, _ in fields}
    assert [f for f in request.fields if f[0].lower() in names] == fields


# Fields that belong to one hop.


def test_hop_by_hop_fields_of_the_request_are_removed(gateway, echo):
    request = ask(gateway, echo, fields=[
        ("Connection", "keep-alive, X-Mine , x-other"), ("Keep-Alive", "timeout=5"),
        ("X-Mine", "1"), ("X-Other", "2"), ("X-Stays", "3"), ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eA=="), ("TE", "gzip"), ("HTTP2-Settings", "AAMAAABk"),
        ("Upgrade", "h2c")])
    names = {name.lower() for name, _ in request.fields}
    assert "x-stays" in names
    assert not names & {"keep-alive", "x-mine", "x-other", "proxy-connection", "upgrade",
                        "http2-settings", "proxy-authorization"}
    assert "gzip" not in (request.get("TE") or "")
    assert "mine" not in (request.get("Connection") or "").lower()


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-For", "Content-Length", "X-Request-Id",
                                  "Forwarded", "Authorization", "Cookie"])
def test_connection_cannot_name_away_what_matters(gateway, echo, name):
    """A client must not make the gateway's own fields or the framing vanish."""
    with Connection(gateway.address) as connection:
        before = len(echo.requests)
        response = connection.request("/", "POST", fields=[("Connection", name), ("Cookie", "a=b"),
                                                           ("Authorization", "x")], body=b"12345")
        if response.status == 400:
            return
        request = echo.requests[before]
    assert request.get("Host") == "test.example"
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Request-Id")
    assert request.get("Forwarded")
    assert request.body == b"12345"


def test_hop_by_hop_fields_of_the_response_are_removed(start):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(response_bytes(200, [
                ("Connection", "X-Mine, keep-alive"), ("X-Mine", "1"), ("Keep-Alive", "timeout=9"),
                ("Proxy-Connection", "close"), ("Proxy-Authenticate", "Basic"), ("X-Stays", "2"),
                ("Upgrade", "h2c"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"ok"))

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                response = connection.request()
                assert response.body == b"ok"
                names = {name.lower() for name, _ in response.fields}
                assert "x-stays" in names
                assert not names & {"x-mine", "keep-alive", "proxy-connection", "upgrade"}
                assert response.all("Set-Cookie") == ["a=1", "b=2"]
        assert len(origin.connections) == 1


# Bodies.


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 3 * MIB])
def test_body_with_a_length(gateway, echo, size):
    body = bytes(range(256)) * (size // 256 + 1)
    request = ask(gateway, echo, method="POST", body=body[:size])
    assert request.body == body[:size]
    assert request.get("Content-Length") == str(size)


def chunked(*parts, trailers=""):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + \
        f"0\r\n{trailers}\r\n".encode()


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
            assert wait_stable(lambda: sent[0]) < 32 * MIB
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


# 1xx.


def test_100_continue_of_the_origin_reaches_the_client(start):
    def handler(connection):
        request = connection.read_head()
        assert request.get("Expect") == "100-continue"
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.send(response_bytes(200, [], request.body))
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/", "POST", fields=[("Expect", "100-continue"),
                                                               ("Content-Length", "4")]))
            assert connection.read_head().status == 100
            connection.send(b"body")
            assert connection.read_response().body == b"body"


def test_refusal_instead_of_100_continue(start):
    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.half_close()
        assert connection.wait_end() == b""

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/", "POST", fields=[("Expect", "100-continue"),
                                                               ("Content-Length", "4000")]))
            assert connection.read_head().status == 413


def test_100_continue_for_a_gateway_response(start):
    """A route that reads the body itself has to ask for it, or to answer at once."""
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"echo": True}}]})
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/", "POST", fields=[("Expect", "100-continue"),
                                                           ("Content-Length", "4")]))
        head = connection.read_head()
        assert head.status in (100, 200)


def test_103_early_hints_pass(start):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n")
            connection.send(response_bytes(200, [], b"ok"))

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                response = connection.request()
                assert response.body == b"ok"
                assert [hint.get("Link") for hint in response.interim] == [
                    "</a.css>; rel=preload", "</b.css>; rel=preload"]


def test_1xx_is_not_sent_to_an_http10_client(start):
    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + response_bytes(200, [], b"ok"))
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes(version="HTTP/1.0"))
            data = connection.read_to_end()
        assert data.startswith(b"HTTP/1.1 200 ") and b"103" not in data


# Keep-alive and pipelining.


def test_pipelined_requests_are_answered_in_order(gateway):
    with Connection(gateway.address) as connection:
        connection.send(b"".join(
            request_bytes(f"/{n}", "POST", body=b"x" * n) for n in range(50)))
        for number in range(50):
            answer = json.loads(connection.read_response().body)
            assert (answer["target"], answer["body_bytes"]) == (f"/{number}", number)


def test_pipelined_requests_survive_a_half_close(gateway):
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/1") + request_bytes("/2"))
        connection.half_close()
        for number in (1, 2):
            assert json.loads(connection.read_response().body)["target"] == f"/{number}"
        assert connection.is_closed_by_peer()


def test_connection_close_is_honoured(gateway):
    with Connection(gateway.address) as connection:
        response = connection.request(fields=[("Connection", "close")])
        assert response.get("Connection").lower() == "close"
        assert connection.is_closed_by_peer()


def test_origins_connection_close_does_not_close_the_client(start):
    def handler(connection):
        connection.read_request()
        connection.send(response_bytes(200, [("Connection", "close")], b"bye"))
        connection.half_close()
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(3):
                response = connection.request()
                assert response.body == b"bye"
                assert (response.get("Connection") or "").lower() != "close"
        assert len(origin.connections) == 3


def test_empty_line_before_a_request_is_skipped(gateway):
    with Connection(gateway.address) as connection:
        connection.send(b"\r\n" + request_bytes("/a"))
        assert connection.read_response().status == 200


# HTTP/1.0.


def test_http10_client_gets_a_close(gateway, echo):
    before = len(echo.requests)
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/old", version="HTTP/1.0"))
        response = connection.read_response()
        assert response.status == 200
        assert connection.is_closed_by_peer()
    assert echo.requests[before].version == "HTTP/1.1"


def test_http10_client_without_host(gateway):
    """The default site serves it: "*" has no name to compare."""
    with Connection(gateway.address) as connection:
        connection.send(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.read_head().status in (200, 400)


def test_http10_keep_alive(gateway):
    with Connection(gateway.address) as connection:
        connection.send(request_bytes(version="HTTP/1.0", fields=[("Connection", "keep-alive")]))
        first = connection.read_response()
        if (first.get("Connection") or "").lower() == "keep-alive":
            connection.send(request_bytes(version="HTTP/1.0"))
            assert connection.read_response().status == 200
        assert connection.is_closed_by_peer()


def test_http10_client_gets_no_chunked_body(start):
    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.send(chunked(b"hello ", b"world"))
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes(version="HTTP/1.0"))
            data = connection.read_to_end()
        head, _, body = data.partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        assert body == b"hello world"


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_close_delimited_response(start, version):
    def handler(connection):
        connection.read_request()
        connection.send(version + b" 200 OK\r\nX-Old: yes\r\n\r\n" + b"old " * 50000)
        connection.half_close()
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                response = connection.request()
                assert response.version == "HTTP/1.1"
                assert response.get("X-Old") == "yes"
                assert response.body == b"old " * 50000
                if response.get("Transfer-Encoding") is None:
                    return
        assert len(origin.connections) == 2


def test_http10_origin_with_keep_alive_or_without(start):
    def handler(connection):
        connection.read_request()
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert connection.wait_end() == b""

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            for _ in range(2):
                assert connection.request().body == b"ok"
        assert len(origin.connections) == 2


# Upgrade.


def upgrade_handler(connection):
    """Accepts any upgrade and echoes; an "!" says goodbye and closes its own direction."""
    request = connection.read_head()
    protocol = request.get("Upgrade")
    if protocol is None:
        connection.send(response_bytes(200, [], b"not upgraded"))
        connection.wait_end()
        return
    connection.send(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n".encode() + b"hi")
    if connection.buffer:
        connection.send(connection.buffer)
    while True:
        data = connection.recv()
        if not data:
            connection.send(b"bye")
            return
        connection.send(data)
        if data.endswith(b"!"):
            connection.half_close()


def upgrade_request(protocol="websocket", target="/"):
    return request_bytes(target, fields=[("Connection", "Upgrade"), ("Upgrade", protocol),
                                         ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                                         ("Sec-WebSocket-Version", "13")])


def test_websocket_tunnel(start):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request() + b"early")
            response = connection.read_response()
            assert response.status == 101
            assert response.get("Upgrade").lower() == "websocket"
            assert response.get("Connection").lower() == "upgrade"
            assert response.get("Sec-WebSocket-Accept") == "x"
            assert connection.read(7) == b"hiearly"
            big = bytes(range(256)) * 20000
            sender = threading.Thread(target=connection.send, args=(big,))
            sender.start()
            assert connection.read(len(big)) == big
            sender.join(10)
            connection.half_close()
            assert connection.read_to_end() == b"bye"
        entry = gateway.wait_log(status=101)
        assert entry["bytes_in"] >= len(big) and entry["bytes_out"] >= len(big)


def test_websocket_half_close_of_the_origin(start):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request())
            assert connection.read_response().status == 101
            connection.send(b"end!")
            assert connection.read_to_end() == b"hiend!"
            connection.send(b"more")
            connection.half_close()
            wait_until(lambda: origin.connections[0].received.endswith(b"more"))


def test_websocket_over_tls(start, ca, shop):
    with Origin(upgrade_handler) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": origin.address}]})
        with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
            connection.send(upgrade_request().replace(b"test.example", b"shop.example"))
            assert connection.read_response().status == 101
            assert connection.read(2) == b"hi"
            connection.send(b"x" * 100000 + b"!")
            assert connection.read(100001) == b"x" * 100000 + b"!"


def test_websocket_refused_by_the_origin(start):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(response_bytes(403, [], b"no", "Forbidden"))

    with Origin(handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request())
            assert connection.read_response().status == 403
            assert connection.request().status == 403


def test_real_websocket_library(start):
    """The websockets package on both ends, where it is installed."""
    sync = pytest.importorskip("websockets")
    import asyncio

    async def scenario(folder_address):
        async def echo(socket, *_):
            async for message in socket:
                await socket.send(message)
        server = await sync.serve(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        gateway = start(folder_address(port))
        sock = open_socket(gateway.address)
        sock.setblocking(False)
        async with sync.connect("ws://test.example/chat", sock=sock) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
            await client.send(b"\0" * 300000)
            assert await client.recv() == b"\0" * 300000
        server.close()
        await server.wait_closed()

    asyncio.run(scenario(lambda port: {
        "sites": [{"hosts": ["*"], "backend": f"127.0.0.1:{port}"}]}))


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "chat"])
def test_other_upgrades_are_dropped(start, protocol):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request(protocol))
            response = connection.read_response()
            assert (response.status, response.body) == (200, b"not upgraded")


def test_route_may_name_another_protocol(start):
    with Origin(upgrade_handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/chat"}, "upgrade": ["chat"], "backend": origin.address}]}]})
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request("chat", "/chat"))
            assert connection.read_response().status == 101
            assert connection.read(2) == b"hi"
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request("websocket", "/chat"))
            assert connection.read_response().body == b"not upgraded"


def test_idle_websocket_is_closed_after_tunnel_idle(start):
    with Origin(upgrade_handler) as origin:
        gateway = start(proxying(origin, timeouts={"tunnel_idle": "1s"}))
        with Connection(gateway.address) as connection:
            connection.send(upgrade_request())
            assert connection.read_response().status == 101
            connection.read(2)
            connection.read_to_end()


# Routes.


def test_routes_by_path_and_method(start):
    with EchoOrigin("api") as api, EchoOrigin("rest") as rest:
        gateway = start({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/v1/*", "methods": ["GET", "POST"]}, "backend": api.address},
            {"match": {"path": "/exact"}, "respond": {"status": 418, "body": "tea\n"}},
            {"match": {"path": "/only", "methods": ["PUT"]}, "respond": {"body": "put\n"}},
            {"match": {"path": "/down/*"}, "backend": rest.address}]}]})
        with Connection(gateway.address) as connection:
            def origin_of(target, method="GET"):
                return json.loads(connection.request(target, method).body)["origin"]
            assert origin_of("/v1/") == "api"
            assert origin_of("/v1/a/b?c", "POST") == "api"
            assert origin_of("/down/x") == "rest"
            assert connection.request("/exact").status == 418
            assert connection.request("/exact/").status == 404
            assert connection.request("/v2/").status == 404
            refused = connection.request("/only")
            assert refused.status == 405
            assert "PUT" in refused.get("Allow")


@pytest.mark.parametrize("target", ["/open/../secret/x", "/open/%2e%2e/secret/x",
                                    "/open/..%2fsecret/x", "/open/.%2E/secret/x",
                                    "/%73ecret/x", "//secret/x", "/./secret/x", "/secret%2fx",
                                    "/open/..;/secret/x", "/open/%252e%252e/secret/x",
                                    "/SECRET/../secret/x"])
def test_no_spelling_of_a_path_slips_past_a_route(start_once, target):
    """What the open route's origin gets is never, after its own decoding, below /secret/."""
    gateway, origin = start_once
    before = len(origin.requests)
    response = fetch(gateway.address, target)
    if len(origin.requests) > before:
        seen = origin.requests[before].target
        assert seen.startswith("/open/")
        assert not re.search(r"/(\.|%2e){1,2}(/|\?|$)", seen, re.IGNORECASE)
    else:
        assert response.status in (400, 403, 404)


@pytest.fixture(scope="module")
def start_once(start_for_module):
    with EchoOrigin() as origin:
        yield start_for_module({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/open/*"}, "backend": origin.address},
            {"match": {"path": "/secret/*"}, "respond": {"status": 403, "body": "no\n"}}]}]}), origin


def test_sites_by_host(start):
    gateway = start({"sites": [
        {"hosts": ["a.example", "aa.example"], "respond": {"body": "a"}},
        {"hosts": ["*.b.example"], "respond": {"body": "b"}},
        {"hosts": ["x.b.example"], "respond": {"body": "x"}}]})
    with Connection(gateway.address) as connection:
        for host, body in [("a.example", b"a"), ("AA.Example:81", b"a"), ("y.b.example", b"b"),
                           ("x.b.example", b"x")]:
            assert connection.request(host=host).body == body, host
        for host in ("b.example", "c.example", "z.y.b.example", "127.0.0.1"):
            assert connection.request(host=host).status in (404, 421), host


def test_listener_serves_only_the_sites_it_names(start):
    gateway = start({
        "listeners": [{"bind": "127.0.0.1:0", "sites": ["one"]}, {"bind": "127.0.0.1:0"}],
        "sites": [{"name": "one", "hosts": ["one.example"], "respond": {"body": "1"}},
                  {"name": "two", "hosts": ["two.example"], "respond": {"body": "2"}}]})
    limited, both = gateway.addresses
    assert fetch(limited, host="one.example").body == b"1"
    assert fetch(limited, host="two.example").status in (404, 421)
    assert fetch(both, host="one.example").body == b"1"
    assert fetch(both, host="two.example").body == b"2"


# The gateway's own answers.


def test_errors_carry_the_request_id_and_nothing_internal(start, free_address):
    gateway = start({"sites": [{"hosts": ["*"], "backend": free_address}]})
    response = fetch(gateway.address, "/broken")
    assert response.status in (502, 503)
    entry = gateway.wait_log(target="/broken")
    assert entry["request_id"].encode() in response.body
    everything = repr(response.fields).encode() + response.body
    for secret in (free_address.encode(), b"127.0.0.1", str(gateway.folder).encode(), b"errno",
                   b"refused"):
        assert secret not in everything


def test_unix_socket_backend_and_listener(start, folder):
    with EchoOrigin(path=folder / "app.sock") as origin:
        gateway = start(proxying(origin, listeners=[{"bind": f"unix:{folder}/gate.sock"}]))
        assert fetch(str(folder / "gate.sock")).status == 200
        request = origin.requests[0]
        assert request.get("X-Forwarded-Proto") == "http"
        assert gateway.wait_log(status=200)["server"] == origin.address
