"""Which route takes a request: by its path, fields, query, cookies, address, alone and put together, over either
version of HTTP; and that no other spelling of a request is a way past a rule."""

import json
import urllib.parse

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import serve
from origins import EchoOrigin
from pairs import BACKS, FRONTS, World
from tidegate import command

SHARES_GATEWAYS = True  # see conftest.start

ROUTES = [
    {"name": "scripts", "match": {"path": "*.php"}},
    {"name": "users", "match": {"regex": "^/users/(?<id>[0-9]+)/(.*)"}},
    {"name": "canary", "match": {"path": "/app/*", "headers": {"X-Canary": "on"}}},
    {"name": "bots", "match": {"path": "/app/*", "headers": {"User-Agent": "re:(?i)bot"}}},
    {"name": "version", "match": {"path": "/app/*", "query": {"v": "2"}}},
    {"name": "beta", "match": {"path": "/app/*", "cookies": {"beta": "*"}}},
    {"name": "local", "match": {"path": "/app/*", "client_address": ["10.0.0.0/8"]}},
    {"name": "assets", "match": {"any": [{"path": "*.css"}, {"path": "*.js"}], "not": {"path": "/app/*"}}},
    {"name": "secure", "match": {"path": "/secure", "scheme": "https"}},
    {"name": "writes", "match": {"path": "/app/*", "methods": ["POST"]}},
    {"name": "rest", "match": {"path": "/*"}},
]
CASES = [
    ("/a/b.php", "GET", [], "scripts"), ("/a/b.ph%70?x", "GET", [], "scripts"), ("/a/b.php/x", "GET", [], "rest"),
    ("/users/17/x", "GET", [], "users"), ("/users/x/17", "GET", [], "rest"),
    ("/app/", "GET", [("x-canary", "on")], "canary"), ("/app/", "GET", [("x_canary", "on")], "canary"),
    ("/app/", "GET", [("x-canary", "off")], "rest"),
    ("/app/", "GET", [("x-canary", "off"), ("x-canary", "on")], "canary"),
    ("/app/", "GET", [("user-agent", "Some RoBot/1")], "bots"), ("/app/", "HEAD", [("user-agent", "a")], "rest"),
    ("/app/?v=2", "GET", [], "version"), ("/app/?x=1&%76=%32", "GET", [], "version"), ("/app/?v=22", "GET", [], "rest"),
    ("/app/", "GET", [("cookie", "a=b; beta=1")], "beta"), ("/app/", "GET", [("cookie", "a=beta")], "rest"),
    ("/app/", "GET", [("x-forwarded-for", "10.1.2.3")], "local"),
    ("/app/", "GET", [("x-forwarded-for", "10.1.2.3, 192.0.2.1")], "rest"),
    ("/app/", "GET", [("x-real-ip", "10.1.2.3")], "local"),
    ("/x/a.css", "GET", [], "assets"), ("/app/a.css", "GET", [], "rest"),
    ("/secure", "GET", [], "rest"), ("/secure", "GET", [("x-forwarded-proto", "https")], "secure"),
    ("/app/x", "POST", [], "writes"), ("/app/x", "PUT", [], "rest"),
]


def ask(gateway, front, target, method="GET", fields=(), host="shop.example"):
    """(status, the route that answered)"""
    if front == "h1":
        with Connection(gateway.address) as client:
            client.send(request_bytes(target, method, host=host, fields=fields))
            response = client.read_response(method)
    else:
        with Client(gateway.address) as client:
            stream = client.start(target, method, host=host, fields=list(fields))
            response = client.wait(stream)
            if response.fields is None:  # it was reset
                return None, None
    return response.status, response.get("x-route")


@pytest.fixture(scope="module")
def matching(start_for_module):
    routes = [{**route, "respond": {"body": "\n", "fields": {"X-Route": route["name"]}}} for route in ROUTES]
    return start_for_module({"trusted_proxies": ["127.0.0.1"],
                             "sites": [{"hosts": ["shop.example"], "plain_http": "serve", "routes": routes}]})


@FRONTS
@pytest.mark.parametrize("target, method, fields, name", CASES, ids=[f"{c[1]} {c[0]} {c[2]}" for c in CASES])
def test_the_first_route_whose_conditions_hold(matching, front, target, method, fields, name):
    assert ask(matching, front, target, method, fields) == (200, name)
    arguments = [a for field in fields for a in ("--header", ": ".join(field))]
    told = command("route", "-c", str(matching.config_path), f"http://shop.example:{matching.address[1]}{target}",
                   "--method", method, "--from", "127.0.0.1", "--json", *arguments)
    if ("x-forwarded-proto", "https") not in fields:
        assert json.loads(told.stdout)["route"] == name


@FRONTS
@BACKS
def test_captures_are_told_to_servers_and_clients(start, ca, shop, front, back):
    seen = []

    def h1(connection):
        while True:
            seen.append(connection.read_request().get("X-Id"))
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def h2(connection, request):
        seen.append(request.get("x-id"))
        connection.respond(request.stream, 200, [], b"")

    with World(start, ca, shop, back, h1, serve(h2), site={"routes": [
            {"match": {"regex": "^/users/(?<id>[^/]+)/(.*)"}, "backend": "up",
             "request_fields": {"set": {"X-Id": "{match.id}"}},
             "response_fields": {"set": {"X-Rest": "{match.2}"}}},
            {"match": {"regex": "^/old/(.*)"}, "redirect": "https://new.example/{match.1}"}]}) as world:
        for target, user, rest in (("/users/17/a/b?c", "17", "a/b"), ("/users/a%0d%0ax/", "a%0D%0Ax", None)):
            with Connection(world.gateway.address) if front == "h1" else Client(world.gateway.address) as client:
                response = client.request(target)
            assert (response.status, response.get("x-rest")) == (200, rest)
            assert seen.pop() == user
        with Connection(world.gateway.address) if front == "h1" else Client(world.gateway.address) as client:
            assert client.request("/old/a/@b:c").get("location") == "https://new.example/a/%40b%3Ac"


# Spellings of one request, which a rule about its path, host, field, parameter or cookie keeps off. `None`: as usual.
INSIDE = {"match": {"path": "/admin/*", "client_address": ["10.0.0.0/8"]}, "else": "deny"}
TARGETS = ["/admin/x", "/./admin/x", "/open/../admin/x", "/open/%2e%2e/admin/x", "/open/.%2E/admin/x", "/admin%2fx",
           "/admin%2Fx", "/%61dmin/x", "/%2561dmin/x", "/admin%252fx", "//admin/x", "/open//../admin//x", "/admin;a/x",
           "/;/admin/x", "/admin%3b/x", "/open/..;/admin/x", "/admin\\x", "/admin%5cx", "/open\\..\\admin\\x",
           "/%C0%AFadmin/x", "/admin%00/x", "/admin/x?open", "/admin/x%3F", "/admin/x#/open", "/open/x#/../admin/x",
           "/ADMIN/../admin/x", "/admin/", "/admin/.", "/open/..%2fadmin/x"]
HOSTS = ["shop.example", "SHOP.example", "shop.example.", "shop.example:80", "shop.example.:443"]


def is_inside(target):
    """Whether some server would take it for something below /admin/ (see test_path_rules.py)."""
    text = urllib.parse.unquote(urllib.parse.unquote(target.split("?")[0].split("#")[0])).replace("\\", "/")
    parts = []
    for segment in (part.split(";")[0] for part in text.split("/")):
        parts = parts[:-1] if segment == ".." else parts + [segment] * (segment not in ("", "."))
    return parts[:1] == ["admin"]


@pytest.fixture(name="guarded", scope="module", params=["strict", "as_sent", None])
def _guarded(request, start_for_module):
    with EchoOrigin() as origin:
        site = {"hosts": ["shop.example"], "plain_http": "serve",
                "routes": [{**INSIDE, "backend": origin.address}, {"backend": origin.address}]}
        if request.param:
            site["paths"] = request.param
        yield start_for_module({"sites": [site, {"hosts": ["*"], "plain_http": "serve",
                                                 "respond": {"status": 404}}]}), origin


@FRONTS
def test_no_spelling_of_a_target_or_host_is_a_way_in(guarded, front):
    gateway, origin = guarded
    for target in TARGETS:
        for host in HOSTS if target == TARGETS[0] else HOSTS[:1]:
            before = len(origin.requests)
            status, _ = ask(gateway, front, target, host=host)
            got = [r.target for r in origin.requests[before:]]
            assert not any(is_inside(t) for t in got), (target, host)
            assert status in (400, 403, 404, 421, None) if not got else status == 200, (target, host, status)


def test_absolute_forms_are_no_way_in(guarded):
    gateway, origin = guarded
    for target, host in (("http://shop.example/admin/x", "other.example"), ("http://shop.example/admin/x", "shop.example"),
                         ("HTTP://SHOP.example:80/open/../admin/x", "shop.example"),
                         ("http://shop.example./%61dmin/x", "shop.example."), ("http://other.example/admin/x", "shop.example")):
        before = len(origin.requests)
        status, _ = ask(gateway, "h1", target, host=host)
        assert status in (400, 403, 404, 421), (target, host)
        assert len(origin.requests) == before


def test_refused_paths_say_which_byte(guarded):
    gateway, _ = guarded
    with Connection(gateway.address) as client:
        client.send(request_bytes("/admin/a\\b", host="shop.example"))
        response = client.read_response()
    assert response.status == 400 and b"\\" in response.body
    line = gateway.wait_log(reason="path_backslash")
    assert "\\" in line["detail"]


VALUES = [
    ({"headers": {"X-Role": "admin"}}, [{"fields": [(n, "admin")]} for n in ("X-Role", "x-role", "X_ROLE", "x_role")]
     + [{"fields": [("X-Role", "user"), ("X-Role", "admin")]}]),
    ({"query": {"debug": "*"}}, [{"target": t} for t in ("/?debug", "/?debug=", "/?a&debug=1", "/?%64ebug=1", "/?d%65bug")]),
    ({"query": {"role": "a b"}}, [{"target": t} for t in ("/?role=a+b", "/?role=a%20b", "/?role=x&role=%61%20b")]),
    ({"cookies": {"role": "admin"}}, [{"fields": [("Cookie", v)]} for v in ("role=admin", "a=b; role=admin", "role=x;role=admin")]),
]


@FRONTS
@pytest.mark.parametrize("match, requests", VALUES, ids=["field", "parameter", "value", "cookie"])
def test_no_spelling_of_a_value_is_a_way_past(start, front, match, requests):
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": match, "respond": {"status": 403}}, {"respond": {"body": "open"}}]}]})
    assert ask(gateway, front, "/")[0] == 200
    for spelling in requests:
        fields = [(n.lower(), v) if front == "h2" else (n, v) for n, v in spelling.get("fields", ())]
        assert ask(gateway, front, spelling.get("target", "/"), fields=fields)[0] == 403, spelling


@FRONTS
def test_a_search_that_is_given_up_opens_nothing(start, front):
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"regex": "^/(a+)+$"}, "respond": {"status": 403}}, {"respond": {"body": "open"}}]}]})
    assert ask(gateway, front, "/b")[0] == 200
    assert ask(gateway, front, "/" + "a" * 3000 + "!")[0] == 400
    assert gateway.wait_log(reason="match_undecided")["status"] == 400
    assert "regular expression" in gateway.stderr()


def allowed(gateway, front, target, method):
    """(status, Allow)"""
    if front == "h1":
        with Connection(gateway.address) as client:
            client.send(request_bytes(target, method, host="shop.example"))
            response = client.read_response(method)
            return response.status, response.get("Allow")
    with Client(gateway.address) as client:
        answer = client.request(target, method, host="shop.example")
        return answer.status, answer.get("allow")


@FRONTS
def test_a_method_is_wrong_only_where_a_path_fits(start, front):
    """Also where paths are told in `any`, `all` or `not`, by which routes are for several."""
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"any": [{"path": "/a"}, {"path": "/a/*"}], "methods": ["POST"]}, "respond": {}},
        {"match": {"any": [{"path": "/b"}, {"not": {"regex": "^/[a-d]"}}], "methods": ["PUT"]}, "respond": {}},
        {"match": {"path": "/c*", "headers": {"X-A": "1"}, "methods": ["DELETE"]}, "respond": {}},
        {"match": {"any": [{"path": "/dd"}, {"path": "/dd/*"}], "headers": {"X-A": "1"}, "methods": ["PATCH"]}, "respond": {}}]}]})
    for target, method, found in [
            ("/a", "GET", (405, "POST")), ("/a/b", "PUT", (405, "POST")), ("/a", "POST", (200, None)),
            ("/b", "GET", (405, "PUT")), ("/x", "POST", (405, "PUT")), ("/c", "GET", (405, "DELETE")),
            ("/d", "GET", (404, None)), ("/d", "POST", (404, None)), ("/d", "DELETE", (404, None)), ("/ab", "PUT", (404, None)),
            ("/dd/1", "GET", (405, "PATCH")), ("/dd", "PATCH", (404, None)), ("/ddd", "GET", (404, None))]:
        assert allowed(gateway, front, target, method) == found, (target, method)
        told = command("route", "-c", str(gateway.config_path), f"http://shop.example:{gateway.address[1]}{target}", "--method", method, "--json")
        assert json.loads(told.stdout).get("status") == found[0], told.stdout


@FRONTS
def test_the_most_specific_host_wins(start, front):
    hosts = {"exact": ["a.b.example"], "label": ["*.b.example"], "depth": ["**.example"], "longer": ["**.b.example"],
             "pattern": ["re:[a-z]+[0-9]\\.test"], "default": ["*"]}
    gateway = start({"sites": [{"name": name, "hosts": values, "respond": {"fields": {"X-Route": name}}}
                               for name, values in reversed(hosts.items())]})
    for host, name in (("a.b.example", "exact"), ("A.B.example.", "exact"), ("x.b.example", "label"), ("x.y.b.example", "longer"),
                       ("x.example", "depth"), ("x.y.c.example", "depth"), ("app1.test", "pattern"), ("APP1.test", "pattern"),
                       ("app1.test.evil", "default"), ("example", "default")):
        assert ask(gateway, front, "/", host=host) == (200, name)
        told = command("route", "-c", str(gateway.config_path), f"http://{host}:{gateway.address[1]}/", "--json")
        assert json.loads(told.stdout)["site"] == name


@FRONTS
def test_paths_are_replaced(start, front):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/u/*"}, "backend": origin.address, "rewrite": {
                "strip_prefix": "/u", "replace": {"regex": "^/(?<id>[0-9]+)", "with": "/users/{match.id}/{query.a}"}}},
            {"match": {"path": "/d/*"}, "backend": origin.address, "rewrite": {
                "replace": {"regex": "^/d(.*)$", "with": "/.{match.1}"}}}]}]})
        assert ask(gateway, front, "/u/17/x?a=../%2fb&c")[0] == 400  # hides a dot segment
        assert ask(gateway, front, "/u/17/x?a=b")[0] == 200
        assert origin.requests[-1].target == "/users/17/b/x?a=b"
        assert ask(gateway, front, "/u/x")[0] == 200
        assert origin.requests[-1].target == "/x"
        before = len(origin.requests)
        assert ask(gateway, front, "/d/x")[0] == 400
        assert len(origin.requests) == before
        assert gateway.wait_log(reason="rewrite_refused")["status"] == 400
