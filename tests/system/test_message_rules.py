"""What a site says of requests and responses: fields, redirects, rewrites. Over both versions of HTTP
on either side; also on what the gateway answers itself."""

import contextlib
import json
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin
from waiting import wait_until
from tidegate import command

RULES = {
    "request_fields": {
        "remove": ["Cookie", "X-Debug-*"],
        "set": {"X-Tenant": "{path.1}", "X-Agent": "{request.User-Agent}", "X-Gone": "{cookie.no}"},
        "add": {"X-Seen": "edge"},
        "default": {"Accept-Language": "en", "X-Lang": "{cookie.lang}"}},
    "response_fields": {
        "remove": ["Server", "X-Powered-*"],
        "set": {"Cache-Control": "no-store", "X-Asked": "{method} {target} {status}"},
        "add": {"X-Request-Id": "{request.id}"},
        "default": {"Vary": "Accept"}}}
ROUTES = [
    {"match": {"path": "/api/*"}, "backend": "up", "rewrite": {"strip_prefix": "/api", "prefix": "/v2"},
     "response_fields": {"set": {"Cache-Control": "max-age=60"}}},
    {"match": {"path": "/old/*"}, "redirect": {"to": "https://{host}/new{path}{?query}", "status": 301}},
    {"match": {"path": "/here/*"}, "redirect": "{path}?from={request.User-Agent}"},
    {"match": {"regex": "^/page/(?<name>.*)$"}, "backend": "up",
     "rewrite": {"replace": {"regex": "^.*$", "with": "/index.php"}, "query": "q={match.name}&{query}"},
     "response_fields": {"set": {"X-Asked": "{target} {query}"}}},
    {"match": {"path": "/bare/*"}, "backend": "up", "rewrite": {"query": ""}},
    {"match": {"path": "/told"}, "backend": "up",
     "request_fields": {"set": {"X-Request-Start": "t={time}", "X-Url": "{url}"}},
     "response_fields": {"set": {"X-Served-By": "{backend} {server}", "X-Cache": "{cache}"}}},
    {"match": {"path": "/login"}, "redirect": {"to": "https://id.example/?next={url}", "status": 302}},
    {"match": {"path": "/closed"}, "respond": {"close": True}},
    {"match": {"path": "/own"}, "respond": {"body": "own\n", "fields": {"X-Powered-By": "us"}}},
    {"match": {"path": "/app/*"}, "backend": "up"}]


class World:
    def __init__(self, start, back):
        self.seen = []
        is_h2 = back == "h2c"
        self.origin = H2Origin(serve(self._h2)) if is_h2 else Origin(self._h1)
        self.gateway = start({
            "sites": [{"hosts": ["shop.example"], "routes": ROUTES, **RULES}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                self.seen.append((request.target, [(name.lower(), value) for name, value in request.fields]))
                connection.send(b"HTTP/1.1 200 OK\r\nServer: nginx\r\nX-Powered-By: PHP\r\nVary: Cookie\r\n"
                                b"Cache-Control: public\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + chunked(b"ok", trailers="X-Sum: 1\r\nX-Powered-Late: PHP\r\n"))

    def _h2(self, connection, request):
        self.seen.append((request.get(":path"), request.fields))
        connection.head(request.stream, 200, [("server", "nginx"), ("x-powered-by", "PHP"), ("vary", "Cookie"),
                                              ("cache-control", "public")])
        connection.data(request.stream, b"ok")
        connection.h2.send_headers(request.stream, [("x-sum", "1"), ("x-powered-late", "PHP")], end_stream=True)
        connection.flush()


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module):
    world = World(start_for_module, request.param)
    yield world
    world.origin.close(check=False)


def ask_h1(gateway, target, method="GET", fields=()):
    with Connection(gateway.address) as client:
        client.send(request_bytes(target, method, "shop.example", fields))
        response = client.read_response(method)
        return response.status, [(name.lower(), value) for name, value in response.fields], response


def ask_h2(gateway, target, method="GET", fields=()):
    with Client(gateway.address) as client:
        response = client.request(target, method, fields=[(name.lower(), value) for name, value in fields])
        return response.status, [(name, value) for name, value in response.fields], response


@pytest.fixture(name="ask", params=["h1", "h2"])
def _ask(request):
    return {"h1": ask_h1, "h2": ask_h2}[request.param]


def all_of(fields, name):
    return [value for key, value in fields if key == name]


def test_servers_get_the_fields_that_the_site_says(world, ask):
    del world.seen[:]
    ask(world.gateway, "/app/x", fields=[
        ("X-Tenant", "mallory"), ("x_tenant", "mallory"), ("X-Gone", "here"), ("X-Debug-Level", "9"),
        ("Cookie", "lang=de; session=1"), ("User-Agent", "probe/1 (a;b)"), ("X-Seen", "client")])
    _, fields = world.seen[0]
    assert all_of(fields, "x-tenant") == ["app"] and not all_of(fields, "x_tenant")
    assert all_of(fields, "x-agent") == ["probe/1 (a;b)"]
    assert not all_of(fields, "x-gone") and not all_of(fields, "x-debug-level") and not all_of(fields, "cookie")
    assert all_of(fields, "x-seen") == ["client", "edge"]
    assert all_of(fields, "accept-language") == ["en"]
    assert all_of(fields, "x-lang") == ["de"]  # of a cookie that the server does not get


def test_clients_get_the_fields_that_the_site_says(world, ask):
    status, fields, _ = ask(world.gateway, "/app/x?y=1")
    assert status == 200
    assert not all_of(fields, "server") and not all_of(fields, "x-powered-by")
    assert all_of(fields, "cache-control") == ["no-store"]
    assert all_of(fields, "x-asked") == ["GET /app/x?y=1 200"]
    assert len(all_of(fields, "x-request-id")) == 1 and all_of(fields, "vary") == ["Cookie"]


def test_trailers_lose_what_heads_lose(world):
    with Client(world.gateway.address) as client:
        response = client.request("/app/x", fields=[("te", "trailers")])
        assert dict(response.trailers).get("x-sum") == "1"
        assert "x-powered-late" not in dict(response.trailers)


@pytest.mark.parametrize("target, expected", [("/own", 200), ("/nothing", 404), ("/old/a", 301), ("/app/a;b", 400)])
def test_what_is_answered_here_gets_them_too(world, ask, target, expected):
    status, fields, _ = ask(world.gateway, target)
    assert status == expected
    if expected != 400:  # refused before it was known whose it is
        assert all_of(fields, "x-asked") == [f"GET {target} {expected}"]
        assert all_of(fields, "cache-control") == ["no-store"] and not all_of(fields, "x-powered-by")


def test_a_route_says_more_than_its_site(world, ask):
    _, fields, _ = ask(world.gateway, "/api/x")
    assert all_of(fields, "cache-control") == ["max-age=60"] and len(all_of(fields, "x-asked")) == 1


@pytest.mark.parametrize("target, seen", [
    ("/api/x", "/v2/x"), ("/api/x?a=%20", "/v2/x?a=%20"), ("/api/", "/v2/"), ("/%61pi/x", "/v2/x"),
    ("//api//x", "/v2//x"), ("/app/../api/x", "/v2/x")])
def test_servers_get_the_path_that_the_route_says(world, ask, target, seen):
    del world.seen[:]
    ask(world.gateway, target)
    assert world.seen[0][0] == seen


@pytest.mark.parametrize("target, seen", [
    ("/page/a/b", "/index.php?q=a/b"), ("/page/a?x=1&y=%26", "/index.php?q=a&x=1&y=%26"), ("/page/", "/index.php?q="),
    ("/page/a%20b+c=d", "/index.php?q=a%20b%2Bc%3Dd"), ("/bare/x?a=1", "/bare/x"), ("/bare/x", "/bare/x")])
def test_servers_get_the_query_that_the_route_says(world, ask, target, seen):
    del world.seen[:]
    _, fields, _ = ask(world.gateway, target)
    assert world.seen[0][0] == seen
    if target == "/page/a?x=1&y=%26":  # all else is about what the client asked for
        assert all_of(fields, "x-asked") == [f"{target} x=1&y=%26"]
    assert world.gateway.wait_log(target=target)


def test_servers_and_clients_are_told_what_the_gateway_knows(world, ask):
    del world.seen[:]
    before = time.time()
    _, fields, _ = ask(world.gateway, "/told?a=b&c")
    seen = world.seen[0][1]
    start = float(all_of(seen, "x-request-start")[0].removeprefix("t="))
    assert before - 1 <= start <= time.time() + 1
    assert all_of(seen, "x-url") == ["http://shop.example/told?a=b&c"]
    assert all_of(fields, "x-served-by") == [f"up {world.origin.address}"]
    assert not all_of(fields, "x-cache")  # there is none


def test_a_url_within_another_one_is_encoded_as_a_whole(world, ask):
    status, fields, _ = ask(world.gateway, "/login?a=b&c=/d")
    assert status == 302
    assert all_of(fields, "location") == ["https://id.example/?next=http%3A%2F%2Fshop.example%2Flogin%3Fa%3Db%26c%3D%2Fd"]


def test_a_route_may_answer_nothing_at_all(world):
    with Connection(world.gateway.address) as client:
        client.send(request_bytes("/closed?h1", "GET", "shop.example"))
        with pytest.raises(ConnectionResetError):
            client.read_to_end()
    with Client(world.gateway.address) as client:
        assert client.wait(client.start("/closed?h2", host="shop.example")).reset is not None
        assert client.request("/own", host="shop.example").status == 200  # the others go on
    for target in ("/closed?h1", "/closed?h2"):
        entry = world.gateway.wait_log(target=target)
        assert entry["reason"] == "closed_unanswered" and "status" not in entry


def test_a_destination_is_rewritten_as_the_path_is(world, ask):
    del world.seen[:]
    ask(world.gateway, "/api/a", "MOVE", [("Destination", "http://shop.example/api/b%20c")])
    target, fields = world.seen[0]
    assert target == "/v2/a" and all_of(fields, "destination")[0].endswith("/v2/b%20c")


def test_redirects_keep_what_they_are_told_to(world, ask):
    status, fields, _ = ask(world.gateway, "/old/a%20b?x=1&y=%41")
    assert status == 301
    assert all_of(fields, "location") == ["https://shop.example/new/old/a%20b?x=1&y=%41"]


def test_no_value_makes_another_url_of_a_redirect(world, ask):
    status, fields, _ = ask(world.gateway, "//here//evil.example/x", fields=[("User-Agent", "a&b=c/#d \"")])
    assert status == 308
    assert all_of(fields, "location") == ["/here//evil.example/x?from=a%26b%3Dc%2F%23d%20%22"]


def test_files_are_looked_for_where_the_route_says(start, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "a.txt").write_text("a\n")
    gateway = start({"sites": [{"hosts": ["*"], "security_fields": "basic", "routes": [
        {"match": {"path": "/static/*"}, "files": str(tmp_path), "rewrite": {"strip_prefix": "/static"},
         "response_fields": {"default": {"Cache-Control": "max-age=60"}}}]}]})
    for target, expected in (("/static/a.txt", 200), ("/a.txt", 404), ("/static/static/a.txt", 404)):
        status, fields, _ = ask_h1(gateway, target)
        assert status == expected
        assert all_of(fields, "x-content-type-options") == ["nosniff"]
        assert not all_of(fields, "strict-transport-security")  # over plain HTTP it means nothing
    assert all_of(ask_h2(gateway, "/static/a.txt")[1], "cache-control") == ["max-age=60"]


def test_the_first_file_that_is_there_is_served(start, tmp_path):
    tmp_path.chmod(0o755)
    for name, text in (("index.html", "app"), ("about.html", "about"), ("a.txt", "a")):
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/some/*"}, "rewrite": {"strip_prefix": "/some"},
         "files": {"root": str(tmp_path), "try": ["{path}", "{path}.html"]}},
        {"files": {"root": str(tmp_path), "try": ["{path}", "{path}.html", "/index.html"]}}]}]})
    for target, status, body in (
            ("/a.txt", 200, b"a"), ("/about", 200, b"about"), ("/deep/link?x=1", 200, b"app"), ("/", 200, b"app"),
            ("/folder", 200, b"app"), ("/some/about", 200, b"about"), ("/some/else", 404, None),
            ("/../about", 200, b"about"), ("/%2e%2e/%2e%2e/etc/passwd", 200, b"app")):
        for ask in (ask_h1, ask_h2):
            found, _, response = ask(gateway, target)
            assert (found, body is None or response.body == body) == (status, True), target


@pytest.mark.parametrize("back", ["h1", "h2c"])
def test_the_server_gets_what_no_file_is_found_for(start, tmp_path, back, ask):
    tmp_path.chmod(0o755)
    (tmp_path / "a.txt").write_text("a")
    world = World.__new__(World)
    world.seen = []
    with (H2Origin(serve(world._h2)) if back == "h2c" else Origin(world._h1)) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "files": str(tmp_path), "backend": "up"}],
                         "backends": [{"name": "up", "servers": [origin.address], "protocol": back}]})
        assert ask(gateway, "/a.txt")[2].body == b"a" and not world.seen
        assert ask(gateway, "/b.txt")[2].body == b"ok"
        assert ask(gateway, "/a.txt", "DELETE")[2].body == b"ok"
        assert [target for target, _ in world.seen] == ["/b.txt", "/a.txt"]
        found = command("route", "-c", str(gateway.config_path), "http://shop.example/a.txt")
        assert "if a file is found there" in found.stdout


def test_over_https_browsers_are_told_to_stay_there(start, shop, ca):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "security_fields": "strict",
                                "respond": {"body": "ok"}}]})
    with Connection(gateway.address, ca.client_context(), "shop.example") as client:
        client.send(request_bytes("/", "GET", "shop.example"))
        response = client.read_response()
        assert response.get("Strict-Transport-Security") == "max-age=63072000; includeSubDomains"
        assert response.get("X-Frame-Options") == "DENY"


# ---- the log ----

def test_lines_of_the_log_have_what_they_are_told_to(start, ask):
    with Origin(lambda connection: (connection.read_request(), connection.send(
            b"HTTP/1.1 200 OK\r\nX-Cache: HIT\r\nContent-Length: 0\r\n\r\n"))) as origin:
        gateway = start({
            "log": {"fields": {"tenant": "{request.X-Tenant}", "cache": "{response.X-Cache} {status}",
                               "asked": "{target} {query.token} {query.x}", "nothing": "{cookie.no}",
                               "from": "{request.Referer}", "many": "{request.X-Many}"},
                    "redact": ["Token", "password"]},
            "sites": [{"hosts": ["shop.example"], "routes": [
                {"match": {"path": "/health"}, "respond": {"body": "ok"}, "access_log": False},
                {"match": {"path": "/missing"}, "respond": {"status": 503}, "access_log": False},
                {"backend": origin.address}]}]})
        ask(gateway, "/health")
        ask(gateway, "/missing")
        ask(gateway, "/a?token=secret&x=1&Pass%77ord=secret", fields=[
            ("X-Tenant", "acme \"1\""), ("Referer", "http://a/?token=secret"),
            ("X-Many", "1"), ("X-Many", "2"), ("X-Many", "3")])
        ask_h1(gateway, "a?token=secret")  # no target; what is said of it shows it
        with Client(gateway.address) as client:
            assert client.request("a?token=secret").reset is not None
        line = gateway.wait_log(tenant="acme \"1\"")
        assert line["cache"] == "HIT 200" and "nothing" not in line
        assert line["target"] == "/a?token=(redacted)&x=1&Pass%77ord=(redacted)"
        assert line["asked"] == line["target"] + " (redacted) 1"
        assert line["referer"] == line["from"] == "http://a/?token=(redacted)"
        assert line["many"] == "1, 2, 3"
        assert gateway.wait_log(target="/missing")["status"] == 503  # what goes wrong is told
        assert not [entry for entry in gateway.log_entries() if entry.get("target") == "/health"]
        odd = wait_until(lambda: [entry["detail"] for entry in gateway.log_entries()
                                  if "form or bytes" in entry.get("detail", "")][1:])
        assert "token=(redacted)" in odd[0]
        assert "secret" not in json.dumps(gateway.log_entries())


# ---- the commands ----

def test_route_says_where_it_leads(tmp_path):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({
        "sites": [{"hosts": ["shop.example"], "routes": ROUTES}],
        "backends": [{"name": "up", "servers": ["127.0.0.1:1"]}]}))
    found = command("route", "-c", str(config), "--json", "http://SHOP.example/old/x?q=1")
    answer = json.loads(found.stdout)
    assert answer["status"] == 301 and answer["location"] == "https://shop.example/new/old/x?q=1"
    found = command("route", "-c", str(config), "http://shop.example/here/x")
    assert "308 to /here/x?from={request.User-Agent}" in found.stdout
    answer = json.loads(command("route", "-c", str(config), "--json", "http://shop.example/api/x").stdout)
    assert answer["path"] == "/v2/x"
    found = command("route", "-c", str(config), "http://shop.example/page/a/b?c=d")
    assert "the path becomes /index.php, the query q=a/b&c=d" in found.stdout
    assert "the path becomes /bare/x, the query none" in command("route", "-c", str(config), "http://shop.example/bare/x?a").stdout
    assert "no answer: the connection is reset" in command("route", "-c", str(config), "http://shop.example/closed").stdout


@pytest.mark.parametrize("part, text, hint", [
    ({"redirect": "www.example.com"}, "leads nowhere", "https://"),
    ({"redirect": "//www.example.com"}, "leads nowhere", "https://"),
    ({"redirect": "https://{hots}/"}, "no variable {hots}", "did you mean {host}"),
    ({"redirect": "https://{host/"}, "no other one", ""),
    ({"redirect": "https://a/{status}"}, "once there is a response", ""),
    ({"redirect": "https://a/ b"}, "no URL may have", "%20"),
    ({"redirect": {"to": "https://a/", "status": 304}}, "status 304 leads clients nowhere", "301"),
    ({"redirect": "/", "respond": {}}, "has both", "keep one"),
    ({"backend": "127.0.0.1:1", "request_fields": {"set": {"Host": "a"}}}, "cannot be changed", ""),
    ({"backend": "127.0.0.1:1", "request_fields": {"remove": ["T*"]}}, "cannot be changed", ""),
    ({"backend": "127.0.0.1:1", "request_fields": {"remove": ["*"]}}, "no name of a field", "X-Debug-*"),
    ({"backend": "127.0.0.1:1", "request_fields": {"set": {"X-A": "{status}"}}}, "once there is a response", ""),
    ({"backend": "127.0.0.1:1", "response_fields": {"set": {"X-A": "a\nb"}}}, "line break", ""),
    ({"backend": "127.0.0.1:1", "response_fields": {}}, "change nothing", "remove"),
    ({"respond": {}, "request_fields": {"remove": ["Cookie"]}}, "without 'backend'", "response_fields"),
    ({"respond": {}, "rewrite": {"prefix": "/a"}}, "without 'backend' and 'files'", "remove it"),
    ({"files": {"root": "/", "try": ["index.html"]}}, "is no path", "/index.html"),
    ({"files": {"root": "/", "try": ["/{x}"]}}, "no variable", ""),
    ({"backend": "127.0.0.1:1", "rewrite": {}}, "changes nothing", "strip_prefix"),
    ({"backend": "127.0.0.1:1", "rewrite": {"strip_prefix": "/a/../b"}}, "not spelled", ""),
    ({"backend": "127.0.0.1:1", "rewrite": {"query": "a b"}}, "no query has", "%20"),
    ({"backend": "127.0.0.1:1", "rewrite": {"replace": {"regex": "a", "with": "/b?c"}}}, "no path has", "'query' of rewrite"),
    ({"respond": {"close": True, "body": "x"}}, "goes with nothing else", "close: true"),
    ({"backend": "127.0.0.1:1", "rewrite": {"strip_prefix": "a"}}, "no beginning of a path", "/api"),
])
def test_check_tells_what_cannot_be(tmp_path, part, text, hint):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"sites": [{"hosts": ["shop.example"], "routes": [part]}]}))
    found = command("check", "-c", str(config))
    assert found.returncode == 1 and text in found.stderr + found.stdout
    assert hint in found.stderr + found.stdout


@pytest.mark.parametrize("part, text", [
    ({"fields": {"status": "{status}"}}, "have a member 'status' already"),
    ({"fields": {"X-Tenant": "a"}}, "no name of a member"),
    ({"fields": {"tenant": "{tenant}"}}, "no variable {tenant}"),
    ({"redact": ["a=b"]}, "no name of a parameter"),
])
def test_check_tells_what_cannot_be_in_the_log(tmp_path, part, text):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"log": part, "sites": [{"hosts": ["*"], "respond": {}}]}))
    found = command("check", "-c", str(config))
    assert found.returncode == 1 and text in found.stderr + found.stdout


def test_check_warns_of_a_prefix_that_paths_do_not_have(tmp_path):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"sites": [{"hosts": ["shop.example"], "routes": [
        {"match": {"path": "/v1/*"}, "backend": "127.0.0.1:1", "rewrite": {"strip_prefix": "/api"}}]}]}))
    found = command("check", "-c", str(config))
    assert "not all paths of the route begin with '/api'" in found.stderr + found.stdout


def test_check_tells_what_444_is(tmp_path):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"sites": [{"hosts": ["*"], "respond": {"status": 444}}]}))
    found = command("check", "-c", str(config))
    assert found.returncode == 0 and "respond: { close: true }" in found.stderr
