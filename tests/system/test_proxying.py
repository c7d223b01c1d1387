"""Reverse proxying of HTTP/1.1: what passes, what is rewritten, what belongs to one hop only."""

import json
import re

import pytest

from client import Connection, chunked, fetch, request_bytes
from origins import EchoOrigin, Origin, canned, response_bytes

SHARES_GATEWAYS = True  # see conftest.start


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
        connection.send(request_bytes(target, method, host=target.strip("/") or "test.example"))
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
# A server believes these of whoever is in front of it.
CLAIMS = ["X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-User", "X-Forwarded-Whatever",
          "X-Forwarded", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6",
          "X-Cluster-Client-IP", "Fastly-Client-IP", "Remote-User", "X-Remote-User",
          "X-Remote-Groups", "X-SSL-Client-Verify", "X-SSL-Client-S-DN", "X-Client-Verify",
          "X-Client-Cert", "SSL-Client-Cert", "Front-End-Https", "X-Original-URL", "X-Real-Port",
          "X-Auth-Request-User"]
NEVER = ["Proxy", "X-Forwarded-Client-Cert", "Client-Cert", "Client-Cert-Chain"]


def test_identity_fields_of_strangers_are_removed(gateway, echo):
    request = ask(gateway, echo, fields=FORGED + [("X-Forwarded-For", "192.0.2.2")])
    assert "192.0.2." not in request.head and "forged" not in request.head
    assert request.get("X-Forwarded-For") == "127.0.0.1"
    assert request.get("X-Forwarded-Proto") == "http"


@pytest.mark.parametrize("forwarded", [True, False])
def test_whatever_servers_believe_of_proxies_is_removed_from_strangers(start, echo, forwarded):
    gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
        {"name": "up", "servers": [echo.address], "forwarded": forwarded}]})
    names = CLAIMS + NEVER + [name for name, _ in FORGED]
    request = ask(gateway, echo, fields=[(name, "forged") for name in names] +
                  [("x-forwarded-user", "forged"), ("X-Mine", "kept")])
    assert "forged" not in request.head
    assert request.get("X-Mine") == "kept"


@pytest.mark.parametrize("trusted", [[], ["127.0.0.0/8"]])
@pytest.mark.parametrize("separator", ["_", ".", "+", "!"])
def test_identity_fields_in_another_spelling_are_removed(start, echo, trusted, separator):
    """CGI and its heirs make HTTP_X_FORWARDED_FOR of each."""
    gateway = start(proxying(echo, **({"trusted_proxies": trusted} if trusted else {})))
    names = CLAIMS + NEVER + [name for name, _ in FORGED] + [
        "X-Request-ID", "Content-Length", "Transfer-Encoding"]
    disguised = [(name.replace("-", separator), "forged") for name in names if "-" in name]
    disguised += [(name.replace("-", separator, 1), "forged") for name in names if "-" in name]
    request = ask(gateway, echo, fields=disguised[:50] + [("My_Field", "kept"), ("My.Field", "k")])
    assert "forged" not in request.head
    request = ask(gateway, echo, fields=disguised[50:])
    assert "forged" not in request.head
    request = ask(gateway, echo, fields=[("My_Field", "kept"), ("X_ForwardedFor", "kept")])
    assert request.get("My_Field") == request.get("X_ForwardedFor") == "kept"
    assert request.get("X-Forwarded-For") == "127.0.0.1"


@pytest.mark.parametrize("trusted", [[], ["127.0.0.0/8"]])
def test_identity_fields_in_trailers_are_removed(start, echo, trusted):
    gateway = start(proxying(echo, **({"trusted_proxies": trusted} if trusted else {})))
    names = ["X_Forwarded_For", "X-Forwarded-User", "Remote-User", "Client+Cert", "X.Real.IP",
             "X-SSL-Client-Verify", "Proxy"]
    lines = "".join(f"{name}: forged\r\n" for name in names) + "X_Sum: 1\r\n"
    with Connection(gateway.address) as connection:
        connection.send(request_bytes("/", "POST", fields=[("Transfer-Encoding", "chunked")]))
        connection.send(chunked(b"x", trailers=lines))
        assert connection.read_response().status == 200
    assert echo.requests[-1].trailers == [("X_Sum", "1")]


@pytest.mark.parametrize("forwarded", [True, False])
def test_what_trusted_proxies_found_out_passes(start, echo, forwarded):
    gateway = start({"trusted_proxies": ["127.0.0.0/8"],
                     "sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
        {"name": "up", "servers": [echo.address], "forwarded": forwarded}]})
    request = ask(gateway, echo, fields=[(name, "told") for name in CLAIMS] +
                  [(name, "forged") for name in NEVER])
    assert all(request.get(name) == "told" for name in CLAIMS)
    assert "forged" not in request.head


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


def test_via_of_earlier_hops_passes_and_none_is_added(gateway, echo):
    """Origins hold back compression for it; see test_loops.py for what ends loops."""
    assert ask(gateway, echo, fields=[("Via", "1.0 first")]).all("Via") == ["1.0 first"]
    assert ask(gateway, echo).get("Via") is None


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


def test_date_that_belongs_to_one_hop_is_replaced(start):
    answer = b"HTTP/1.1 200 OK\r\nConnection: date\r\nDate: then\r\nContent-Length: 0\r\n\r\n"
    with Origin(canned(answer)) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        assert re.match(r"\w{3}, \d\d \w{3} \d{4} ", fetch(gateway.address).get("Date"))


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
