"""What servers say of their own URLs, in Location and its like and in cookies, as clients are to read it: for
backends under another name, another scheme, or below another path. Over both versions of HTTP on either side."""

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from h2origin import H2Origin, serve
from origins import Origin
from test_h2_combinations import ask_h1, ask_h2
from client import Connection, request_bytes

ASKS = {"h1": ask_h1, "h2": ask_h2}
ROUTES = [
    {"match": {"path": "/api/*"}, "backend": "named", "rewrite": {"strip_prefix": "/api"}},
    {"match": {"path": "/deep/*"}, "backend": "named", "rewrite": {"strip_prefix": "/deep", "prefix": "/v2"}},
    {"match": {"path": "/off/*"}, "backend": "named", "rewrite": {"strip_prefix": "/off"}, "locations": "off"},
    {"match": {"path": "/safe/*"}, "backend": "own",
     "cookies": {"secure": "on", "same_site": "strict", "http_only": True}},
    {"match": {"path": "/kept/*"}, "backend": "kept", "rewrite": {"strip_prefix": "/kept"},
     "cookies": {"same_site": "strict"}},
    {"match": {"path": "/cached/*"}, "backend": "kept", "rewrite": {"strip_prefix": "/cached"}, "cache": "on"},
    {"match": {"path": "/part/*"}, "rewrite": {"strip_prefix": "/part"}, "split": [{"backend": "own"}],
     "split_sticky": {"cookie": "part"}},
    {"backend": "own"}]


class World:
    def __init__(self, start, front, back):
        self.says = []
        self.front = front
        self.is_h2 = back == "h2c"
        self.origin = H2Origin(serve(self._h2)) if self.is_h2 else Origin(self._h1)
        backend = {"servers": [self.origin.address], "protocol": back}
        self.gateway = start({
            "trusted_proxies": ["127.0.0.0/8"],
            "sites": [{"hosts": ["shop.example"], "routes": ROUTES}],
            "backends": [{"name": "own", **backend, "host": "server"},
                         {"name": "kept", **backend, "balance": {"sticky": {"cookie": "kept"}}},
                         {"name": "named", **backend, "host": "app.internal:8080"}]})

    def _h1(self, connection):
        while True:
            connection.read_request()
            lines = "".join(f"{name}: {value}\r\n" for name, value in self.says)
            connection.send(f"HTTP/1.1 302 Found\r\n{lines}Content-Length: 0\r\n\r\n".encode())

    def _h2(self, connection, request):
        connection.respond(request.stream, 302, [(name.lower(), value) for name, value in self.says])

    def ask(self, path, says, https=False):
        """The fields that the client got, of a server that says these."""
        self.says = says
        fields = [("X-Forwarded-Proto", "https")] if https else []
        answer = ASKS[self.front](self.gateway, path, "GET", None, fields, None)
        assert answer.status == 302
        return answer

    def location(self, path, value, https=False, name="location"):
        return self.ask(path, [(name, value)], https).fields[name]

    def cookie(self, path, value, https=False):
        return self.ask(path, [("set-cookie", value)], https).fields["set-cookie"]


@pytest.fixture(name="world", scope="module", params=["h1-h1", "h1-h2c", "h2-h1", "h2-h2c"])
def _world(request, start_for_module):
    world = World(start_for_module, *request.param.split("-"))
    yield world
    world.origin.close(check=False)


def test_the_servers_own_host_becomes_the_clients(world):
    own = world.origin.address
    assert world.location("/", f"http://{own}/a?b=c#d") == "http://shop.example/a?b=c#d"
    assert world.location("/", f"http://{own}/a", https=True) == "https://shop.example/a"
    assert world.location("/", f"http://{own}", https=True) == "https://shop.example/"
    assert world.location("/", f"//{own}/a") == "http://shop.example/a"


@pytest.mark.parametrize("value", [
    "http://other.example/a", "https://shop.example/a", "//other.example/a", "/a", "a", "?b", "",
    "mailto:a@shop.example", "http://user@shop.example/a", "http://shop.example:81/a", "http://"])
def test_what_names_somebody_else_or_nobody_stays(world, value):
    assert world.location("/", value) == value


def test_another_scheme_or_port_of_the_server_is_somebody_else(world):
    host, _, port = world.origin.address.rpartition(":")
    for value in (f"https://{host}:{port}/a", f"http://{host}:1/a", f"http://{host}/a"):
        assert world.location("/", value) == value


def test_a_stripped_prefix_is_put_back(world):
    assert world.location("/api/x", "/login?to=/") == "/api/login?to=/"
    assert world.location("/api/x", "/") == "/api/"
    assert world.location("/api/x", "http://app.internal:8080/login") == "http://shop.example/api/login"
    assert world.location("/api/x", "http://app.internal:8080", https=True) == "https://shop.example/api/"
    assert world.location("/api/x", "http://shop.example/login") == "http://shop.example/api/login"
    assert world.location("/api/x", "login") == "login"
    assert world.location("/deep/x", "/v2/login") == "/deep/login"
    assert world.location("/deep/x", "/v2") == "/deep/"
    assert world.location("/deep/x", "/v2?a") == "/deep/?a"


def test_a_server_that_knows_its_prefix_is_left_alone(world):
    assert world.location("/api/x", "/api/login") == "/api/login"
    assert world.location("/api/x", "/apis") == "/api/apis"
    assert world.location("/deep/x", "/v3/login") == "/v3/login"


def test_content_location_and_refresh_follow(world):
    own = world.origin.address
    assert world.location("/", f"http://{own}/a", name="content-location") == "http://shop.example/a"
    assert world.location("/api/x", "/doc", name="content-location") == "/api/doc"
    assert world.location("/", f"5; url=http://{own}/a", name="refresh") == "5; url=http://shop.example/a"
    assert world.location("/", f"5;URL='http://{own}/a'", name="refresh") == "5;URL='http://shop.example/a'"
    assert world.location("/api/x", "0; url=/b", name="refresh") == "0; url=/api/b"
    for value in ("5", "5; url=", "5; url=\"", "url"):
        assert world.location("/", value, name="refresh") == value


@pytest.mark.parametrize("path, name", [("/kept/x", "kept"), ("/cached/x", "kept"), ("/part/x", "part")])
def test_cookies_of_the_gateway_are_none_of_the_servers(world, path, name):
    """By which clients stay at a server is for all paths, whichever route set it, and has its own SameSite."""
    cookie = world.cookie(path, "a=1; Path=/x")
    ours = [one for one in (cookie if isinstance(cookie, list) else [cookie]) if one.startswith(f"{name}=")]
    assert ours and "; Path=/; " in ours[0] and ours[0].endswith("SameSite=Lax"), cookie


def test_off_leaves_all_of_it(world):
    assert world.location("/off/x", "http://app.internal:8080/a") == "http://app.internal:8080/a"
    assert world.location("/off/x", "/a") == "/a"
    assert world.cookie("/off/x", "a=1; Path=/b; Domain=app.internal") == "a=1; Path=/b; Domain=app.internal"


@pytest.mark.parametrize("said, got", [
    ("a=1; Path=/; HttpOnly", "a=1; Path=/api/; HttpOnly"),
    ("a=1; path=/sub", "a=1; Path=/api/sub"),
    ("a=1; Path=/api/sub", "a=1; Path=/api/sub"),
    ("a=1; Domain=app.internal", "a=1"),
    ("a=1; Domain=.internal; Secure", "a=1; Secure"),
    ("a=1; Domain=example; Path=/x", "a=1; Domain=example; Path=/api/x"),
    ("a=1; Domain=shop.example", "a=1; Domain=shop.example"),
    ("a=1; Domain=other.test", "a=1; Domain=other.test"),
    ("__Host-a=1; Secure; Path=/", "__Host-a=1; Secure; Path=/"),
    ("a=\"x;y\"; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Path=/", "a=\"x; y\"; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Path=/api/"),
    ("a=1", "a=1")])
def test_cookies_follow(world, said, got):
    assert world.cookie("/api/x", said) == got


def test_cookies_get_what_the_route_says(world):
    assert world.cookie("/safe/", "a=1; SameSite=None", https=True) == "a=1; Secure; HttpOnly; SameSite=Strict"
    assert world.cookie("/safe/", "a=1") == "a=1; HttpOnly; SameSite=Strict"
    assert world.cookie("/safe/", "a=1; secure; httponly", https=True) == "a=1; secure; httponly; SameSite=Strict"


def test_each_cookie_for_itself(world):
    with Connection(world.gateway.address) as client:
        world.says = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/b")]
        client.send(request_bytes("/api/", "GET", "shop.example"))
        assert client.read_response().all("Set-Cookie") == ["a=1; Path=/api/", "b=2; Path=/api/b"]
