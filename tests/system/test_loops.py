"""Requests that go in circles, and those that say how far they may go."""

import re

import pytest

from client import Connection, fetch, request_bytes
from origins import EchoOrigin, free_port

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from test_h2_combinations import answers, ask_h1, ask_h2, h1_origin, h2_origin

MARK = re.compile(r"tidegate-[0-9a-f]{16}-\d+")


def at(port, *servers, protocol="h1", forwarded=True, hosts=("*",)):
    return {"listeners": [{"bind": f"127.0.0.1:{port}"}],
            "sites": [{"hosts": list(hosts), "backend": "up"}], "backends": [
                {"name": "up", "servers": list(servers), "protocol": protocol,
                 "forwarded": forwarded}]}


def hops(gateway, target):
    return [entry for entry in gateway.log_entries() if entry.get("target") == target]


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("protocol", ["h1", "h2c"])
@pytest.mark.parametrize("forwarded", [True, False])
def test_a_gateway_that_is_its_own_backend(start, front, protocol, forwarded):
    port = free_port()
    gateway = start(at(port, f"127.0.0.1:{port}", protocol=protocol, forwarded=forwarded))
    ask = ask_h2 if front == "h2" else ask_h1
    assert ask(gateway, "/loop", "GET", None, [], None).status == 508
    assert ask(gateway, "/body", "POST", b"x" * 1000, [], None).status == 508
    assert gateway.wait_log(target="/loop", reason="loop")["status"] == 508
    assert len(hops(gateway, "/loop")) <= 2


def test_two_gateways_that_are_each_others_backend(start):
    ports = [free_port(), free_port()]
    first = start(at(ports[0], f"127.0.0.1:{ports[1]}"))
    second = start(at(ports[1], f"127.0.0.1:{ports[0]}", protocol="h2c"))
    for gateway in (first, second):
        assert fetch(gateway.address, "/loop").status == 508
    assert len(hops(first, "/loop")) + len(hops(second, "/loop")) <= 6


def test_a_request_may_pass_several_routes_of_a_gateway(start):
    port = free_port()
    with EchoOrigin() as echo:
        gateway = start({"listeners": [{"bind": f"127.0.0.1:{port}"}], "sites": [
            {"hosts": ["*"], "routes": [
                {"match": {"path": "/far/*", "methods": ["GET"]}, "backend": "self"},
                {"match": {"path": "/*"}, "backend": echo.address}]}],
            "backends": [{"name": "self", "servers": [f"127.0.0.1:{port}"]}]})
        assert fetch(gateway.address, "/far/x").status == 508
        assert fetch(gateway.address, "/near").status == 200


def test_gateways_in_a_row_are_no_loop(start):
    with EchoOrigin() as echo:
        inner = start({"sites": [{"hosts": ["*"], "backend": echo.address}]})
        middle = start({"sites": [{"hosts": ["*"], "backend": "%s:%d" % inner.address}]})
        outer = start({"sites": [{"hosts": ["*"], "backend": "%s:%d" % middle.address}]})
        assert fetch(outer.address, fields=[("CDN-Loop", "other; a=b")]).status == 200
        marks = echo.requests[-1].all("CDN-Loop")
        assert marks[0] == "other; a=b" and len(marks) == 4
        assert all(MARK.fullmatch(mark) for mark in marks[1:]) and len(set(marks)) == 4


def test_a_strangers_mark_means_nothing(start):
    with EchoOrigin() as echo:
        gateway = start({"sites": [{"hosts": ["*"], "backend": echo.address}]})
        assert fetch(gateway.address, fields=[
            ("CDN-Loop", "tidegate, tidegate-0000000000000000-0"),
            ("Via", "1.1 tidegate")]).status == 200
        assert echo.requests[-1].get("Via") == "1.1 tidegate"  # of an earlier hop, as it came
        with Connection(gateway.address) as connection:
            response = connection.request(fields=[("Connection", "CDN-Loop")])
            assert response.status == 400 or len(echo.requests[-1].all("CDN-Loop")) == 1


@pytest.mark.parametrize("version, said", [("HTTP/1.1", "1.1 tidegate"),
                                           ("HTTP/1.0", "1.0 tidegate")])
def test_via_is_sent_where_it_is_asked_for(start, version, said):
    with EchoOrigin() as echo:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                         "backends": [{"name": "up", "servers": [echo.address], "via": True}]})
        with Connection(gateway.address) as connection:
            connection.send(request_bytes(version=version, fields=[("Via", "1.0 first")]))
            assert connection.read_response().status == 200
        assert echo.requests[-1].all("Via") == ["1.0 first", said]


# Max-Forwards.


@pytest.fixture(name="far", scope="module", params=["1-h1", "1-h2c", "2-h1", "2-h2c"])
def _far(request, start_for_module):
    front, back = request.param.split("-")
    origin = (h2_origin if back == "h2c" else h1_origin)(answers)
    gateway = start_for_module({
        "sites": [{"hosts": ["shop.example"], "routes": [
            {"match": {"path": "/*", "methods": ["GET", "OPTIONS", "TRACE", "PUT"]},
             "backend": "up"}]}],
        "backends": [{"name": "up", "servers": [origin.address], "protocol": back}]})

    def run(method, value, *fields):
        del origin.requests_seen[:]
        ask = ask_h2 if front == "2" else ask_h1
        answer = ask(gateway, "/", method, None, [("Max-Forwards", value), *fields], None)
        return answer, [dict((name.lower(), text) for name, text in request[2])
                        for request in origin.requests_seen]

    yield run
    origin.close(check=False)


def test_options_that_may_go_no_further_is_answered_here(far):
    answer, seen = far("OPTIONS", "0")
    assert answer.status == 200 and answer.body == b"" and not seen
    allow = {method.strip() for method in answer.fields["allow"].split(",")}
    assert allow >= {"GET", "HEAD", "OPTIONS", "PUT"}


def test_trace_that_may_go_no_further_shows_what_came_but_secrets(far):
    answer, seen = far("TRACE", "0", ("X-Mine", "here"), ("Cookie", "hidden"),
                       ("Authorization", "hidden"), ("X-Api-Key", "hidden"))
    assert answer.status == 200 and not seen
    assert answer.fields["content-type"] == "message/http"
    text = answer.body.decode().lower()
    assert text.startswith("trace / http/1.1\r\n") and "x-mine: here\r\n" in text
    assert "hidden" not in text and "cdn-loop" not in text


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
@pytest.mark.parametrize("value, sent", [("1", "0"), ("70", "69"), ("9" * 30, "255")])
def test_one_hop_less_is_left(far, method, value, sent):
    answer, seen = far(method, value)
    assert answer.status == 201
    assert seen[0]["max-forwards"] == sent


def test_other_methods_go_on(far):
    answer, seen = far("GET", "0")
    assert answer.status == 201 and seen[0]["max-forwards"] == "0"


@pytest.mark.parametrize("value", ["x", "-1", "1, 2", "1.0"])
def test_what_is_no_number_is_refused(far, value):
    answer, seen = far("OPTIONS", value)
    assert answer.status == 400 and not seen
