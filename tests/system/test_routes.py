"""Which site and route serves a request, and that no spelling of a path slips past one."""

import json
import re

import pytest

from client import Connection, fetch
from origins import EchoOrigin



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
        gateway = start_for_module({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/open/*"}, "backend": origin.address},
            {"match": {"path": "/secret/*"}, "respond": {"status": 403, "body": "no\n"}}]}]})
        yield gateway, origin


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


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_routes_hold_for_destination_too(start, method):
    """It is a path that the server acts upon."""
    with EchoOrigin() as echo, EchoOrigin() as other:
        gateway = start({"sites": [{"hosts": ["shop.example"], "routes": [
            {"match": {"path": "/admin/*"}, "respond": {"status": 403}},
            {"match": {"path": "/read/*", "methods": ["GET"]}, "backend": echo.address},
            {"match": {"path": "/other/*"}, "backend": other.address},
            {"match": {"path": "/dav/*"}, "backend": echo.address}]}]})
        with Connection(gateway.address) as connection:
            for destination, status in [
                    ("/dav/b", 200), ("http://shop.example/dav/b?c", 200),
                    ("http://elsewhere.example/dav/b", 200), ("/admin/b", 403),
                    ("http://shop.example/admin/b", 403), ("http://elsewhere.example/admin/b", 403),
                    ("/dav/../admin/b", 403), ("/%61dmin/b", 403), ("/dav/%2e%2e/admin/b", 403),
                    ("/read/b", 403), ("/other/b", 403), ("/nowhere", 403), ("admin/b", 403),
                    ("//shop.example/admin/b", 403), ("//dav/b", 403), ("http://shop.example//dav/b", 200),
                    ("http:/admin/b", 403), ("http://user@shop.example/admin/b", 403),
                    ("/dav/b, /admin/b", 403), ("", 403), ("http://shop.example", 403)]:
                response = connection.request("/dav/a", method, "shop.example",
                                              [("Destination", destination)])
                assert response.status == status, destination
            response = connection.request("/dav/a", method, "shop.example",
                                          [("Destination", "/dav/b"), ("Destination", "/admin/b")])
            assert response.status == 403
            response = connection.request("/dav/a", "PUT", "shop.example",
                                          [("Destination", "/admin/b")])
            assert response.status == 200  # it means nothing there
