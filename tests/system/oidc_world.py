"""A gateway whose sites have people sign in at providers of OpenID Connect, and browsers that do: for the tests of the sign-in and of
its sessions."""

import hashlib
import subprocess
import urllib.parse

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from provider import Provider
from services import service
from tidegate import binary

PAGE = [("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")]
OWN = "/.tidegate/"
PUBLIC = [("Cache-Control", "public, max-age=9"), ("CDN-Cache-Control", "max-age=9"),
          ("Expires", "Thu, 01 Jan 2099 00:00:00 GMT")]


def ask_h1(gateway, target, fields=(), method="GET", host="shop.example", body=None):
    with Connection(gateway.address, timeout=30) as client:
        client.send(request_bytes(target, method, host, fields, body))
        response = client.read_response(method)
        return response.status, [(name.lower(), value) for name, value in response.fields], response.body


def ask_h2(gateway, target, fields=(), method="GET", host="shop.example", body=None):
    with Client(gateway.address) as client:
        answer = client.request(target, method, host=host, body=body or b"",
                                fields=[(name.lower(), value) for name, value in fields])
        return answer.status, list(answer.fields), answer.body


ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])
# What is of no version of HTTP.
ONCE = pytest.mark.parametrize("world", ["h1"], indirect=True)


def values(fields, name):
    return [value for field, value in fields if field == name]


class Browser:
    """Keeps cookies and says them, as browsers do; one site."""

    def __init__(self, gateway, ask=ask_h1, host="shop.example"):
        self.gateway, self.ask, self.host, self.cookies = gateway, ask, host, {}

    def get(self, target, fields=None, method="GET", body=None):
        fields = list(PAGE if fields is None else fields)
        if self.cookies:
            fields.append(("Cookie", "theme=dark; " + "; ".join(f"{n}={v}" for n, v in self.cookies.items()) + "; a=b"))
        status, fields, content = self.ask(self.gateway, target, fields, method, self.host, body)
        for line in values(fields, "set-cookie"):
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(attributes) and len(line) < 4096, line
            if "Max-Age=0" in attributes:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return status, fields, content

    def go_to_provider(self, target="/"):
        status, fields, _ = self.get(target)
        assert status == 302 and values(fields, "cache-control") == ["no-store"], (status, fields)
        return values(fields, "location")[0]

    def come_back(self, url):
        parts = urllib.parse.urlsplit(url)
        return self.get(parts.path + "?" + parts.query)

    def sign_in(self, provider, target="/", **said):
        status, fields, content = self.come_back(provider.sign_in(self.go_to_provider(target), **said))
        assert status == 303, (status, content)
        assert values(fields, "cache-control") == ["no-store"]
        return values(fields, "location")[0]

    def session(self):
        return {name: value for name, value in self.cookies.items() if "-in-" not in name}


class World:
    def __init__(self, start, back, folder, safe):
        self.provider, self.brief, self.public = Provider(), Provider(), Provider(secret="")
        self.full = Provider()
        self.brief.lifetime = 1
        users, programs = folder / "users", folder / "programs"
        users.write_text(subprocess.run([binary(), "passwd", "eve"], input="secret\n", text=True, check=True,
                                        capture_output=True, timeout=60).stdout)
        programs.write_text("program " + hashlib.sha256(b"k" * 32).hexdigest() + "\n")
        self.origin = service(back, lambda asked: (200, [("X-Origin", "1"), *PUBLIC] if asked.target == "/public"
                                                   else [("X-Origin", "1")], b"hello"))
        self.secret, self.keys = folder / "secret", folder / "keys"
        self.secret.write_text(self.provider.secret + "\n")
        self.keys.write_text("k" * 32 + "\n")

        def oidc(provider, **more):
            return {"oidc": {"issuer": provider.url, "client_id": "gateway", "client_secret": str(self.secret),
                             "timeout": "5s", "pause": "100ms", **more}}

        passed = {"set": {"X-User": "{user}", "X-Email": "{claim.email}"}}
        self.gateway = start({
            "reload_certificates": "1s", "control": "control.sock",
            "log": {"fields": {"session": "{cookie.tidegate}", "email": "{claim.email}"}},
            "sites": [
                {"hosts": ["shop.example"], "request_fields": passed,
                 "auth": oidc(self.provider, session={"keys": str(self.keys)}),
                 "routes": [{"match": {"path": "/open"}, "auth": "off", "backend": "up"},
                            {"match": {"path": "/few"}, "backend": "up",
                             "access": [{"allow": {"claims": {"email": "ann@example.com"}}}]},
                            {"match": {"path": "/api/*"}, "backend": "up"}, {"match": {"path": "/*"}, "backend": "up"}]},
                {"hosts": ["brief.example"], "request_fields": passed, "backend": "up",
                 "auth": oidc(self.brief, client_auth="post", user="email", cookie="brief", callback="/back",
                              sign_out="/bye", back_channel="/told", signed_out="/open?x=1", session={"size": "6k"})},
                {"hosts": ["public.example"], "request_fields": passed, "backend": "up",
                 "auth": {"mode": "optional", "oidc": {"issuer": self.public.url, "client_id": "gateway"}},
                 "routes": [{"match": {"path": "/login"}, "redirect": {"to": "/home"},
                             "auth": {"oidc": {"issuer": self.public.url, "client_id": "gateway"}}}]},
                {"hosts": ["narrow.example"], "backend": "up", "auth": {"oidc": {
                    "issuer": self.public.url, "client_id": "gateway", "at_once": 1, "timeout": "400ms"}}},
                {"hosts": ["full.example"], "request_fields": {"set": {
                    "X-User": "{user}", "X-Email": "{claim.email}", "X-Team": "{claim.team.name}", "X-Level": "{claim.level}",
                    "X-Said": "{request.Authorization}"}},
                 "response_fields": {"set": {"X-Said": "{request.Authorization}"}},
                 "log": {"fields": {"token": "{request.Authorization}", "team": "{claim.team.name}"}},
                 "auth": oidc(self.full, userinfo="on", pass_token="Authorization", user="nick"),
                 "routes": [{"match": {"path": "/team"}, "backend": "up",
                             "access": [{"allow": {"claims": {"team.name": "blue"}}}]},
                            {"match": {"path": "/*"}, "backend": "up"}]},
                {"hosts": ["token.example"], "backend": "up",
                 "auth": {"mode": "optional", **oidc(self.full, pass_token="X-Access-Token"),
                          "basic": {"users": str(users)}}},
                {"hosts": ["mixed.example"], "backend": "up",
                 "auth": {**oidc(self.full, pass_token="Authorization"),
                          "basic": {"users": str(users), "pass_credentials": "on"}, "api_key": {"keys": str(programs), "field": "X-Key"}}},
                {"hosts": ["crowd.example"], "backend": "up", "auth": oidc(self.brief, waiting=2, timeout="30s")},
                {"hosts": ["safe.example"], "tls": safe.settings(), "backend": "up",
                 "auth": {"oidc": {"issuer": self.public.url, "client_id": "gateway"}}}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def last(self):
        return self.origin.asked[-1]

    def close(self):
        for provider in (self.provider, self.brief, self.public, self.full):
            provider.close()
        self.origin.close(check=False)


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def world_fixture(request, start_for_module, tmp_path_factory, ca):
    folder = tmp_path_factory.mktemp("oidc")
    folder.chmod(0o755)
    world = World(start_for_module, request.param, folder, ca.server("safe.example"))
    yield world
    world.close()


@pytest.fixture(autouse=True)
def in_order(world):
    yield
    for provider in (world.provider, world.brief, world.public, world.full):
        provider.mode, provider.claims, provider.refreshes = "up", {}, True
        provider.userinfo, provider.userinfo_mode = {}, "up"
    world.full.lifetime = 600
