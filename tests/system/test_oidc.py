"""Sign-in at a provider of OpenID Connect: the way there and back, what the session is, and how it ends."""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import threading
import urllib.parse

import pytest
import yaml

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import Client
from issuer import Key
from origins import Origin
from provider import Provider
from services import service
from tidegate import ROOT, binary, command
from waiting import wait_until

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
def _world(request, start_for_module, tmp_path_factory, ca):
    folder = tmp_path_factory.mktemp("oidc")
    folder.chmod(0o755)
    world = World(start_for_module, request.param, folder, ca.server("safe.example"))
    yield world
    world.close()


@pytest.fixture(autouse=True)
def _in_order(world):
    yield
    for provider in (world.provider, world.brief, world.public, world.full):
        provider.mode, provider.claims, provider.refreshes = "up", {}, True
        provider.userinfo, provider.userinfo_mode = {}, "up"
    world.full.lifetime = 600


@ASKS
def test_browser_is_sent_to_the_provider_and_comes_back_to_its_page(world, ask):
    browser = Browser(world.gateway, ask)
    location = browser.go_to_provider("/page/one?x=1&y=%2F")
    assert location.startswith(world.provider.url + "/authorize?x=1&")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert query["redirect_uri"] == "http://shop.example/.tidegate/callback"
    assert query["scope"] == "openid profile email"
    status, fields, _ = browser.come_back(world.provider.sign_in(location))
    assert (status, values(fields, "location")) == (303, ["/page/one?x=1&y=%2F"])
    assert list(browser.cookies) == ["tidegate"]
    for _ in range(2):
        status, fields, content = browser.get("/page/one", PAGE + [("X-User", "root"), ("X_Email", "root@example.com")])
        assert (status, content) == (200, b"hello") and not values(fields, "set-cookie")
        asked = world.last()
        assert asked.get("x-user") == "ann" and asked.get("x-email") == "ann@example.com"
        assert not asked.all("x_email")
        assert "; ".join(asked.all("cookie")).replace(";", "").split() == ["theme=dark", "a=b"]
    entry = world.gateway.wait_log(target="/page/one", status=200)
    assert (entry["user"], entry["auth"], entry["email"]) == ("ann", "oidc", "ann@example.com")
    assert not entry.get("session")
    assert browser.get("/few")[0] == 200
    assert world.provider.refreshes and len(world.provider.token_asked[-1]["code_verifier"]) == 43
    said = json.dumps(world.gateway.log_entries())
    assert query["state"] not in said and browser.cookies["tidegate"] not in said


@ONCE
@ASKS
def test_what_is_no_question_for_a_page_gets_401(world, ask):
    browser = Browser(world.gateway, ask)
    for fields, method in [([("Accept", "application/json")], "GET"), ([], "GET"), (PAGE, "POST"),
                           (PAGE + [("X-Requested-With", "XMLHttpRequest")], "GET"),
                           (PAGE + [("Sec-Fetch-Mode", "cors")], "GET"), ([("Accept", "text/html;q=0")], "GET")]:
        status, answer, _ = browser.get("/api/x", fields, method)
        assert status == 401 and values(answer, "www-authenticate") and values(answer, "cache-control") == ["no-store"]
        assert not values(answer, "location") and not browser.cookies
    assert browser.get("/api/x", PAGE + [("Sec-Fetch-Mode", "navigate")], "HEAD")[0] == 302
    assert world.gateway.wait_log(target="/api/x", status=401)["reason"] == "sign_in_needed"


@ONCE
@ASKS
def test_tabs_sign_in_beside_each_other_and_old_ones_make_room(world, ask):
    browser = Browser(world.gateway, ask)
    locations = [browser.go_to_provider(f"/tab/{i}") for i in range(7)]
    assert len(browser.cookies) == 5
    for i in (6, 4):
        status, fields, _ = browser.come_back(world.provider.sign_in(locations[i]))
        assert (status, values(fields, "location")) == (303, [f"/tab/{i}"])


@ONCE
@pytest.mark.parametrize("mode, said", [("wrong_nonce", "'nonce'"), ("wrong_audience", "'aud' is for somebody else"),
                                        ("wrong_party", "('azp')"), ("wrong_issuer", "'iss'"), ("wrong_time", "has expired"),
                                        ("wrong_hash", "'at_hash'"), ("wrong_key", "signature"), ("garbage", "no JSON")])
def test_wrong_tokens_let_nobody_in(world, mode, said):
    world.provider.mode = mode
    browser = Browser(world.gateway)
    status, _, content = browser.come_back(world.provider.sign_in(browser.go_to_provider(f"/{mode}")))
    assert status == 403 and not browser.cookies
    world.gateway.wait_log(lambda entry: said in entry.get("detail", ""), reason="sign_in_wrong")
    assert world.provider.url.encode() not in content and b"token" not in content


@ONCE
@pytest.mark.parametrize("mode, why", [("down", "auth_unreachable"), ("huge", "auth_unreachable"),
                                       ("lying", "auth_unreachable")])
def test_provider_that_cannot_be_asked_lets_nobody_in(world, mode, why):
    world.provider.mode = mode
    browser = Browser(world.gateway)
    back = world.provider.sign_in(browser.go_to_provider("/"))
    assert browser.come_back(back)[0] == 503
    world.gateway.wait_log(reason=why)
    if mode == "down":  # the same can be tried again
        world.provider.mode = "up"
        assert browser.come_back(back)[0] == 303


@ONCE
def test_slow_provider_is_waited_for_by_few_and_not_for_long(world):
    browsers = [Browser(world.gateway, host="narrow.example") for _ in range(2)]
    backs = [world.public.sign_in(browser.go_to_provider("/")) for browser in browsers]
    world.public.let_go.clear()
    world.public.mode = "slow"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = len(world.public.token_asked)
        first = pool.submit(browsers[0].come_back, backs[0])
        wait_until(lambda: len(world.public.token_asked) > asked)
        assert browsers[1].come_back(backs[1])[0] == 503
        assert first.result(20)[0] == 503
    world.gateway.wait_log(reason="auth_busy", site="narrow.example")
    world.gateway.wait_log(reason="auth_timeout", site="narrow.example")
    world.public.mode = "up"
    world.public.let_go.set()
    assert browsers[1].come_back(backs[1])[0] == 303


@ONCE
def test_keys_of_the_provider_change(world):
    before = world.provider.keys
    back = world.provider.sign_in((browser := Browser(world.gateway)).go_to_provider())
    world.provider.keys = [Key("EdDSA", "two"), *before]
    try:
        assert browser.come_back(back)[0] == 303
    finally:
        world.provider.keys = before


@ONCE
@ASKS
def test_callbacks_that_are_not_the_browsers_own(world, ask):
    browser, other = Browser(world.gateway, ask), Browser(world.gateway, ask)
    back = world.provider.sign_in(browser.go_to_provider("/"))
    assert other.come_back(back)[0] == 400  # another browser's
    assert browser.come_back(back.replace("state=", "state=x"))[0] == 400
    assert browser.come_back(back + "&state=twice")[0] == 400
    assert browser.come_back(back + "&error=access_denied")[0] == 400
    assert browser.get(OWN + "callback")[0] == 400
    assert browser.get(OWN + "callback", method="POST")[0] == 404
    assert browser.come_back(back.replace(urllib.parse.quote(world.provider.url, safe=""), "https://evil.example"))[0] == 403
    assert not browser.session()
    back = world.provider.sign_in(browser.go_to_provider("/"))
    kept = dict(browser.cookies)
    assert browser.come_back(back)[0] == 303
    browser.cookies = kept  # the code again
    assert browser.come_back(back)[0] == 403
    world.gateway.wait_log(reason="sign_in_refused")
    other.cookies = {name: value[:-2] + "AA" for name, value in kept.items()}
    assert other.come_back(back)[0] == 400


@ONCE
@ASKS
def test_going_back_in_the_history_is_no_error_for_who_has_signed_in(world, ask):
    browser, other = Browser(world.gateway, ask), Browser(world.gateway, ask)
    back = world.provider.sign_in(browser.go_to_provider("/page"))
    assert browser.come_back(back)[0] == 303
    signed_in = dict(browser.cookies)
    status, fields, _ = browser.come_back(back)
    assert (status, dict(fields)["location"]) == (303, "/") and browser.cookies == signed_in
    world.gateway.wait_log(reason="sign_in_repeated")
    assert other.come_back(back)[0] == 400
    browser.cookies = {name: value[:-2] + "AA" for name, value in signed_in.items()}
    assert browser.come_back(back)[0] == 400


@ONCE
@ASKS
def test_provider_that_denies_is_told_of_in_the_log_alone(world, ask):
    browser = Browser(world.gateway, ask)
    state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.go_to_provider("/")).query))["state"]
    status, _, content = browser.get(f"{OWN}callback?error=access_denied&error_description=not+for+ann&state={state}")
    assert status == 403 and b"ann" not in content and b"access_denied" not in content and not browser.cookies
    assert "access_denied: not for ann" in world.gateway.wait_log(reason="sign_in_denied")["detail"]


@ONCE
@pytest.mark.parametrize("target, expected", [("//evil.example/", "/"), ("/\\evil.example", None), ("/a%0d%0ab", "/a%0d%0ab"),
                                              ("/x?next=https://evil.example", "/x?next=https://evil.example"),
                                              ("/" + "x" * 1100, "/")])
def test_return_goes_to_the_same_site(world, target, expected):
    browser = Browser(world.gateway)
    if expected is None:
        assert browser.get(target)[0] == 400
        return
    assert browser.sign_in(world.provider, target) == expected


@ONCE
@ASKS
def test_sessions_that_were_changed_or_are_anothers(world, ask):
    browser = Browser(world.gateway, ask)
    browser.sign_in(world.provider)
    good = browser.cookies["tidegate"]
    for bad in [good[:-1] + ("A" if good[-1] != "A" else "B"), good[:20], "1.", "9." + good[2:], "x", good[2:]]:
        browser.cookies = {"tidegate": bad}
        assert browser.get("/")[0] == 302, bad
    browser.cookies = {"tidegate": good, "tidegate ": good}
    assert ask(world.gateway, "/", PAGE + [("Cookie", f"tidegate={good}"), ("Cookie", f"tidegate={good}")])[0] == 302
    other = Browser(world.gateway, ask, "brief.example")
    other.cookies = {"brief": good, "tidegate": good}
    assert other.get("/")[0] == 302


@ASKS
def test_servers_of_open_routes_get_none_of_it(world, ask):
    browser = Browser(world.gateway, ask)
    browser.sign_in(world.provider)
    browser.cookies["__Host-tidegate.1"] = "x"
    assert browser.get("/open")[0] == 200
    assert "tidegate" not in str(world.last().all("cookie"))


@ONCE
@ASKS
def test_tokens_are_refreshed_once_for_all_requests_of_a_session(world, ask):
    browser = Browser(world.gateway, ask, "brief.example")
    browser.sign_in(world.brief)
    old = dict(browser.cookies)
    asked = len(world.brief.token_asked)
    wait_until(lambda: browser.get("/", [])[0] == 200 and len(world.brief.token_asked) > asked, 5)
    assert browser.cookies != old and world.last().get("x-user") == "ann@example.com"
    world.brief.lifetime = 600
    wait_until(lambda: browser.get("/")[0] == 200 and len(world.brief.token_asked) > asked + 1, 5)
    world.brief.lifetime = 1
    assert len(world.brief.token_asked) == asked + 2 and browser.get("/")[0] == 200
    assert len(world.brief.token_asked) == asked + 2
    # Those who come with the old session a little later get the new one, too.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def late(_):
            one = Browser(world.gateway, ask, "brief.example")
            one.cookies = dict(old)
            return one.get("/")[0]
        assert list(pool.map(late, range(4))) == [200] * 4
    assert len(world.brief.token_asked) == asked + 2


def bearer(world):
    """Whose access token servers got last."""
    scheme, _, token = (world.last().get("authorization") or "").partition(" ")
    return world.full.access_tokens.get(token) if scheme == "Bearer" else None


@ASKS
def test_claims_of_userinfo_join_those_of_the_id_token(world, ask):
    world.full.userinfo = {"nick": "annie", "email": "forged@example.com", "team": {"name": "blue"}, "level": 3,
                           "exp": 1, "iss": "x", "sid": "y"}
    browser = Browser(world.gateway, ask, "full.example")
    asked = len(world.full.userinfo_asked)
    browser.sign_in(world.full)
    for target in ("/", "/team"):
        assert browser.get(target)[0] == 200
    assert len(world.full.userinfo_asked) == asked + 1
    seen = world.last()
    assert [seen.get(name) for name in ("x-user", "x-email", "x-team", "x-level")] == \
        ["annie", "ann@example.com", "blue", "3"]
    world.full.userinfo = {"nick": "bobby", "team": {"name": "red"}, "team.name": "blue"}
    other = Browser(world.gateway, ask, "full.example")
    other.sign_in(world.full, user="bob")
    assert other.get("/team")[0] == 200 and world.last().get("x-team") == "blue"  # a name with a dot counts first
    world.full.claims = {"team": {"name": "red"}}
    other.cookies = {}
    other.sign_in(world.full, user="bob")
    assert other.get("/team")[0] == 403  # but never before what the ID token says


@ONCE
@ASKS
def test_servers_get_the_access_token_and_no_other(world, ask):
    world.full.userinfo = {"nick": "annie"}
    browser = Browser(world.gateway, ask, "full.example")
    browser.sign_in(world.full)
    status, fields, _ = browser.get("/", PAGE + [("Authorization", "Bearer forged"), ("authorization", "Basic Zm9v")])
    assert status == 200 and len(world.last().all("authorization")) == 1 and bearer(world) == "ann"
    token = world.last().get("authorization").split()[1]
    assert not world.last().all("x-said") and not values(fields, "x-said")
    assert "token" not in world.gateway.wait_log(site="full.example", target="/")
    assert token not in json.dumps(world.gateway.log_entries()) and token not in world.gateway.stderr()
    # Where nobody need sign in, and where somebody else is known.
    nobody = Browser(world.gateway, ask, "token.example")
    forged = [("X-Access-Token", "forged"), ("x_access_token", "forged"), ("Accept", "text/html")]
    assert nobody.get("/", forged)[0] == 200
    assert not world.last().all("x-access-token") and not world.last().all("x_access_token")
    assert nobody.get("/", forged + [("Authorization", "Basic ZXZlOnNlY3JldA==")])[0] == 200
    assert not world.last().all("x-access-token") and not world.last().all("authorization")
    mixed = Browser(world.gateway, ask, "mixed.example")
    assert mixed.get("/", [("Authorization", "Basic ZXZlOnNlY3JldA==")])[0] == 200
    assert world.last().all("authorization") == ["Basic ZXZlOnNlY3JldA=="]
    assert mixed.get("/", [("X-Key", "k" * 32), ("Authorization", "Bearer forged")])[0] == 200
    assert not world.last().all("authorization")
    mixed.sign_in(world.full, user="bob")
    assert mixed.get("/")[0] == 200 and bearer(world) == "bob"


@ONCE
def test_forged_tokens_in_trailers_are_taken_out(world):
    with Connection(world.gateway.address) as client:
        client.send(request_bytes("/", "POST", "token.example", [
            ("Transfer-Encoding", "chunked"), ("Trailer", "X-Access-Token, X-Fine"), ("TE", "trailers")])
            + chunked(b"abc", trailers="X-Access-Token: forged\r\nx_access_token: forged\r\nX-Fine: 1\r\n"))
        assert client.read_response().status == 200
    assert "forged" not in str(world.last().trailers)


@ONCE
@pytest.mark.parametrize("mode, status", [("down", 503), ("refused", 403), ("huge", 503), ("garbage", 403),
                                          ("another", 403)])
def test_nobody_signs_in_without_right_userinfo(world, mode, status):
    world.full.userinfo, world.full.userinfo_mode = {"nick": "annie"}, mode
    browser = Browser(world.gateway, host="full.example")
    assert browser.come_back(world.full.sign_in(browser.go_to_provider()))[0] == status
    assert not browser.session()
    world.gateway.wait_log(lambda entry: "userinfo endpoint" in entry.get("detail", ""), site="full.example")


@ONCE
@pytest.mark.parametrize("mode", ["split", "bound"])
def test_access_tokens_that_are_of_no_use_let_nobody_in(world, mode):
    world.full.userinfo, world.full.mode = {"nick": "annie"}, mode
    browser = Browser(world.gateway, host="full.example")
    assert browser.come_back(world.full.sign_in(browser.go_to_provider()))[0] == 403
    assert not browser.session()


@ONCE
def test_nobody_signs_in_whose_name_is_not_known(world):
    """Else the browser would be sent to and fro between the page and the provider."""
    browser = Browser(world.gateway, host="full.example")
    assert browser.come_back(world.full.sign_in(browser.go_to_provider()))[0] == 403
    assert world.gateway.wait_log(site="full.example", reason="sign_in_wrong", status=403,
                                  condition=lambda entry: "no claim 'nick'" in entry["detail"])


@ONCE
def test_userinfo_and_access_token_are_had_anew_with_the_tokens(world):
    world.full.lifetime, world.full.userinfo = 1, {"nick": "annie"}
    browser = Browser(world.gateway, host="full.example")
    browser.sign_in(world.full)
    assert browser.get("/")[0] == 200
    first = world.last().get("authorization")
    world.full.userinfo, world.full.userinfo_mode = {"nick": "anna"}, "down"
    # The tokens are new, but not the claims: the session waits, and keeps the refresh token that is good now.
    wait_until(lambda: browser.get("/")[0] == 503, 5)
    asked = len(world.full.token_asked)
    assert browser.session() and browser.get("/")[0] == 503
    assert len(world.full.token_asked) == asked + 1
    world.full.userinfo_mode, world.full.lifetime = "up", 600
    assert browser.get("/")[0] == 200
    assert world.last().get("x-user") == "anna" and bearer(world) == "ann"
    assert world.last().get("authorization") != first
    world.full.lifetime, world.full.userinfo_mode = 1, "another"
    browser.cookies = {}
    world.full.userinfo_mode = "up"
    browser.sign_in(world.full)
    world.full.userinfo_mode = "another"
    wait_until(lambda: browser.get("/")[0] == 302, 5)


@ASKS
def test_new_cookies_are_for_their_browser_alone(world, ask):
    """Whatever the server says of keeping the response that they come with."""
    browser = Browser(world.gateway, ask, "brief.example")
    browser.sign_in(world.brief)

    def is_renewed():
        status, fields, _ = browser.get("/public")
        has_cookie = bool(values(fields, "set-cookie"))
        assert status == 200 and values(fields, "cache-control") == ["no-store" if has_cookie else "public, max-age=9"]
        assert bool(values(fields, "expires")) == bool(values(fields, "cdn-cache-control")) == (not has_cookie)
        return has_cookie

    wait_until(is_renewed, 5)


@ONCE
def test_new_cookies_come_with_whatever_the_answer_is(world, start):
    """With 101, with a refusal of another phase, and besides those of another method."""
    def accept(connection):
        request = connection.read_head()
        if request.get("Upgrade"):
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    judge = service("h1", lambda asked: (200, [("Set-Cookie", "judged=1; Path=/; HttpOnly; SameSite=Lax")], b""))
    oidc = {"oidc": {"issuer": world.brief.url, "client_id": "gateway", "client_secret": str(world.secret)}}
    with Origin(accept) as origin:
        gateway = start({"sites": [
            {"hosts": ["shop.example"], "auth": oidc, "routes": [
                {"match": {"path": "/chat"}, "backend": "up", "upgrade": ["chat"]},
                {"match": {"path": "/shut"}, "backend": "up", "access": [{"deny": "all"}]},
                {"match": {"path": "/both"}, "backend": "up",
                 "auth": {"mode": "all", **oidc, "forward": {"backend": "judge", "path": "/"}}},
                {"backend": "up"}]}],
            "backends": [{"name": "up", "servers": [origin.address]}, {"name": "judge", "servers": [judge.address]}]})
        for target, status, more in [("/chat", 101, [("Connection", "Upgrade"), ("Upgrade", "chat")]),
                                     ("/shut", 403, []), ("/both", 200, [])]:
            browser = Browser(gateway)
            browser.sign_in(world.brief)
            cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())

            def named(target=target, status=status, more=more, cookies=cookies):
                got, fields, _ = ask_h1(gateway, target, [("Cookie", cookies), *more])
                assert got == status
                return {line.partition("=")[0] for line in values(fields, "set-cookie")}

            expected = {"tidegate", "judged"} if target == "/both" else {"tidegate"}
            wait_until(lambda: named() == expected, 5)  # pylint: disable=cell-var-from-loop
    judge.close(check=False)


@ONCE
def test_few_requests_wait_for_the_tokens_of_one_session(world):
    browser = Browser(world.gateway, host="crowd.example")
    browser.sign_in(world.brief)
    asked, turned_away, old = len(world.brief.token_asked), threading.Event(), dict(browser.cookies)

    def ask_on(_):
        """As long as the tokens are good nobody has to wait."""
        status = 200
        while not turned_away.is_set():
            one = Browser(world.gateway, host="crowd.example")
            one.cookies = dict(old)
            status = one.get("/")[0]
            if status == 503:
                turned_away.set()
        return status

    world.brief.let_go.clear()
    world.brief.mode = "slow"
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(ask_on, i) for i in range(3)]
        try:
            wait_until(turned_away.is_set, 15)
            world.gateway.wait_log(site="crowd.example", reason="auth_busy",
                                   detail="too many requests wait for the tokens of one session")
        finally:
            turned_away.set()
            world.brief.let_go.set()
    assert sorted(answer.result() for answer in answers) == [200, 200, 503]
    assert len(world.brief.token_asked) == asked + 1


@ONCE
def test_session_ends_where_tokens_cannot_be_refreshed(world):
    browser = Browser(world.gateway, host="brief.example")
    browser.sign_in(world.brief)
    world.brief.refresh_tokens.clear()
    wait_until(lambda: browser.get("/api", [])[0] == 401, 5)
    assert not browser.cookies  # and it is taken away
    world.brief.refreshes = False
    browser.sign_in(world.brief)
    wait_until(lambda: browser.get("/")[0] == 302, 5)


@ONCE
def test_session_waits_for_a_provider_that_is_down(world):
    browser = Browser(world.gateway, host="brief.example")
    browser.sign_in(world.brief)
    world.brief.mode = "down"
    wait_until(lambda: browser.get("/")[0] == 503, 5)
    assert browser.session()
    world.brief.mode = "up"
    wait_until(lambda: browser.get("/")[0] == 200, 5)


@ASKS
def test_large_sessions_are_cut_and_too_large_ones_refused(world, ask):
    world.provider.claims = {"text": os.urandom(1200).hex()}
    browser = Browser(world.gateway, ask)
    browser.sign_in(world.provider)
    assert sorted(browser.cookies) == ["tidegate", "tidegate.1"]
    assert browser.get("/")[0] == 200 and "tidegate" not in str(world.last().all("cookie"))
    whole = dict(browser.cookies)
    browser.cookies.pop("tidegate.1")
    assert browser.get("/")[0] == 302
    world.provider.claims = {}
    location = browser.go_to_provider()
    browser.cookies.update(whole)
    assert browser.come_back(world.provider.sign_in(location))[0] == 303
    assert list(browser.session()) == ["tidegate"] and browser.get("/")[0] == 200  # the second one is taken away
    world.provider.mode = "large"
    browser = Browser(world.gateway, ask)
    assert browser.come_back(world.provider.sign_in(browser.go_to_provider()))[0] == 403
    assert not browser.cookies
    world.gateway.wait_log(reason="session_too_large")


@ONCE
@ASKS
def test_sign_out_ends_it_here_and_at_the_provider(world, ask):
    browser = Browser(world.gateway, ask)
    browser.sign_in(world.provider)
    kept = dict(browser.cookies)
    status, fields, _ = browser.get(OWN + "sign-out")
    location = values(fields, "location")[0]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    assert status == 303 and location.startswith(world.provider.url + "/end?") and not browser.cookies
    assert query["post_logout_redirect_uri"] == "http://shop.example/" and query["id_token_hint"].count(".") == 2
    browser.cookies = kept  # what was kept of it is no session any more
    assert browser.get("/")[0] == 302
    browser.cookies = {}
    status, fields, _ = Browser(world.gateway, ask, "brief.example").get("/bye")
    assert (status, values(fields, "location")) == (303, ["/open?x=1"])


def tell(world, ask, token, host="shop.example", target=OWN + "back-channel"):
    return ask(world.gateway, target, [("Content-Type", "application/x-www-form-urlencoded")], "POST", host,
               b"logout_token=" + token.encode())[0]


@ONCE
@ASKS
def test_who_signs_out_elsewhere_is_signed_out_here(world, ask):
    ann, bob = Browser(world.gateway, ask), Browser(world.gateway, ask)
    sid = f"sid-{ask.__name__}"
    ann.sign_in(world.provider, sid=sid)
    bob.sign_in(world.provider, user="bob")
    for wrong in [{"sid": sid, "aud": "bank"}, {"sid": sid, "events": {}}, {"sid": sid, "nonce": "n"}, {"sid": None},
                  {"sid": sid, "exp": 1}, {"sid": sid, "iss": "https://other.example"}]:
        assert tell(world, ask, world.provider.logout_token(**wrong)) == 400, wrong
    assert tell(world, ask, "x") == 400 and tell(world, ask, "x" * 40000) == 413
    assert tell(world, ask, world.brief.logout_token(sid=sid)) == 400
    assert ann.get("/")[0] == 200
    assert tell(world, ask, world.provider.logout_token(sid=sid)) == 200
    assert ann.get("/")[0] == 302 and bob.get("/")[0] == 200
    world.gateway.wait_log(reason="signed_out_elsewhere")
    user = f"carl-{ask.__name__}"
    carl = Browser(world.gateway, ask)
    carl.sign_in(world.provider, user=user)
    assert tell(world, ask, world.provider.logout_token(sub=user)) == 200
    assert carl.get("/api/x", [])[0] == 401 and bob.get("/")[0] == 200


@ONCE
@ASKS
def test_nobody_need_sign_in_where_it_is_optional(world, ask):
    browser = Browser(world.gateway, ask, "public.example")
    assert browser.get("/")[0] == 200 and not world.last().all("x-user")
    browser.cookies = {"tidegate": "1.xxxx"}
    assert browser.get("/")[0] == 200
    browser.cookies = {}
    assert browser.sign_in(world.public, "/login") == "/login"  # a route of the same provider, where one has to
    assert values(browser.get("/login")[1], "location") == ["/home"]
    assert browser.get("/home")[0] == 200 and world.last().get("x-user") == "ann"


@ONCE
def test_sessions_outlive_a_reload(world):
    def reload():
        done = command("reload", "-c", str(world.gateway.config_path), cwd=world.gateway.folder)
        assert done.returncode == 0, done.stderr

    browser = Browser(world.gateway, host="public.example")
    location = browser.go_to_provider("/login")
    reload()
    assert browser.come_back(world.public.sign_in(location))[0] == 303  # nor is a sign-in lost
    reload()
    assert browser.get("/")[0] == 200 and world.last().get("x-user") == "ann"


@ONCE
def test_cookies_of_https_are_of_no_other_host_and_no_plain_http(world, ca):
    def ask(gateway, target, fields, method, host, body):
        with Connection(gateway.address, ca.client_context(), host) as client:
            client.send(request_bytes(target, method, host, fields, body))
            response = client.read_response(method)
            fields = [(name.lower(), value) for name, value in response.fields]
            assert all(line.startswith("__Host-tidegate") and line.endswith("; Secure") for line in values(fields, "set-cookie"))
            return response.status, fields, response.body

    browser = Browser(world.gateway, ask, "safe.example")
    location = browser.go_to_provider("/x")
    assert "redirect_uri=https%3A%2F%2Fsafe.example%2F.tidegate%2Fcallback" in location
    assert browser.come_back(world.public.sign_in(location))[0] == 303
    assert list(browser.cookies) == ["__Host-tidegate"] and browser.get("/x")[0] == 200
    browser.cookies = {"tidegate": browser.cookies["__Host-tidegate"]}
    assert browser.get("/x")[0] == 302


@ONCE
def test_keys_of_a_file_outlive_the_gateway_and_change(world, start):
    browser = Browser(world.gateway)
    browser.sign_in(world.provider)
    fresh = world.keys.with_suffix(".new")
    fresh.write_text("n" * 32 + "\n" + "k" * 32 + "\n")
    os.replace(fresh, world.keys)
    other = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "other"}, "auth": {"oidc": {
        "issuer": world.provider.url, "client_id": "gateway", "client_secret": str(world.secret),
        "session": {"keys": str(world.keys)}}}}]})
    browser.gateway = other
    assert browser.get("/")[2] == b"other"  # by the older of its keys
    browser.cookies.clear()
    browser.sign_in(world.provider, "/x")
    browser.gateway = world.gateway  # which takes the file up, and by the newer one
    wait_until(lambda: browser.get("/")[0] == 200, 10)


@ONCE
def test_sessions_and_their_ends_outlive_an_upgrade(world, start):
    gateway = start({"control": "control.sock", "timeouts": {"drain": "1s"}, "sites": [
        {"hosts": ["shop.example"], "backend": "up", "auth": {"oidc": {"issuer": world.public.url, "client_id": "gateway"}}}],
        "backends": [{"name": "up", "servers": [world.origin.address], "protocol": "h1"}]})
    ann, bob, carl = (Browser(gateway) for _ in range(3))
    ann.sign_in(world.public)
    bob.sign_in(world.public, user="bob", sid="bobs")
    carl.sign_in(world.public, user="carl")
    kept = dict(ann.cookies)
    assert ann.get(OWN + "sign-out")[0] == 303
    assert ask_h1(gateway, OWN + "back-channel", [("Content-Type", "application/x-www-form-urlencoded")], "POST",
                  body=b"logout_token=" + world.public.logout_token(sid="bobs").encode())[0] == 200
    ann.cookies = kept
    assert [one.get("/api", [])[0] for one in (ann, bob, carl)] == [401, 401, 200]
    assert command("upgrade", "--socket", str(gateway.folder / "control.sock"), timeout=100).returncode == 0
    wait_until(lambda: "taken over: " in gateway.stderr())
    assert "2 ended sessions" in gateway.stderr()
    ann.cookies = kept
    assert [one.get("/api", [])[0] for one in (ann, bob, carl)] == [401, 401, 200]


@ONCE
def test_provider_that_is_down_at_the_start(world, start):
    provider = Provider(secret="")
    provider.document_mode = "down"
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "said"}, "auth": {"oidc": {
        "issuer": provider.url, "client_id": "gateway", "pause": "100ms"}}}]})
    browser = Browser(gateway)
    assert browser.get("/")[0] == 503 and world is not None
    gateway.wait_log(reason="provider_unknown")
    assert browser.get("/", [])[0] == 401  # nobody need be asked for that
    provider.document, provider.document_mode = {"issuer": "https://other.example"}, "up"
    wait_until(lambda: "its 'issuer' is another one" in gateway.stderr(), 10)
    provider.document = {}
    wait_until(lambda: browser.get("/")[0] == 302, 10)
    browser.cookies = {}
    browser.sign_in(provider)
    assert browser.get("/")[2] == b"said"
    provider.close()


@ONCE
def test_recipe_for_the_staff(world, start, ca, folder):
    path = ROOT / "docs" / "recipes" / "sign-in.yaml"
    problems = re.findall(r"(?:error|warning): (.*)", command("check", "-c", str(path)).stderr)
    assert [problem for problem in problems if not re.search("No such file|does not exist|cannot open", problem)] == []
    config = yaml.safe_load(path.read_text())
    oidc = config["sites"][0]["auth"]["oidc"]
    for name in ("oidc.secret", "session.keys"):
        (folder / name).write_text(f"the secret of {name}\n")
    provider = Provider("staff", "the secret of oidc.secret")
    oidc.update(issuer=provider.url, client_secret=str(folder / "oidc.secret"))
    oidc["session"]["keys"] = str(folder / "session.keys")
    config["sites"][0]["tls"] = ca.server("staff.example.com").settings()
    config["backends"][0]["servers"] = [world.origin.address]
    gateway = start(config)

    def ask(_, target, fields, method, host, body):
        with Connection(gateway.address, ca.client_context(), host) as client:
            client.send(request_bytes(target, method, host, fields, body))
            response = client.read_response(method)
            return response.status, [(name.lower(), value) for name, value in response.fields], response.body

    browser = Browser(gateway, ask, "staff.example.com")
    assert browser.get("/healthz")[2] == b"ok\n"
    for groups, status in [(["staff"], 403), (["staff", "admins"], 200)]:
        provider.claims = {"preferred_username": "Ann", "groups": groups}
        browser.cookies = {}
        browser.sign_in(provider)
        assert browser.get("/")[0] == 200 and world.last().get("x-user") == "Ann"
        assert browser.get("/admin/users")[0] == status
    assert "post_logout_redirect_uri=https%3A%2F%2Fstaff.example.com%2Fgoodbye" in \
        values(browser.get(OWN + "sign-out")[1], "location")[0]
    assert browser.get("/goodbye")[2] == b"You are signed out.\n"
    provider.close()


@ONCE
def test_check_says_what_is_wrong(world, tmp_path):
    """Each wrong site is one of a file; what cannot be read at all, and what contradicts itself, are two files."""
    good = {"issuer": "https://id.example.com", "client_id": "gateway"}
    path = tmp_path / "tidegate.yaml"

    def check(sites):
        path.write_text(json.dumps({"sites": [{"hosts": [f"s{i}.example"], "respond": {"body": "x"}, **site}
                                              for i, site in enumerate(sites)]}, indent=1))
        result = command("check", "-c", str(path))
        return result.returncode, result.stdout + result.stderr

    def wrong(cases):
        code, text = check([{"auth": {"oidc": {**good, **more}}} for more, _ in cases])
        assert code != 0 and world is not None
        for more, said in cases:
            assert said in text, (more, text)
        assert text.count("^") >= len(cases) and f"{len(cases)} errors" in text, text

    wrong([({"callback": "/a/../b"}, "'/a/../b' is no path of letters"), ({"sign_out": "/a/"}, "'/a/' is no path of letters"),
           ({"issuer": "https://id.example.com/?x"}, "has a query"), ({"issuer": "id"}, "'id'"),
           ({"client_auth": "jwt"}, "'client_auth'"), ({"cookie": "a b"}, "'a b'"), ({"at_once": 0}, "'at_once'"),
           ({"session": {"rotate": "1s"}}, "'rotate'"), ({"scopes": ["a b"]}, "has a blank")])
    wrong([({"sign_out": "/.tidegate/callback"}, "are not three paths"),
           ({"session": {"idle": "2h", "total": "1h"}}, "'idle' is longer than 'total'"),
           ({"session": {"size": "32k"}}, "larger than requests"),
           ({"issuer": "http://127.0.0.1", "ca": "ca.pem"}, "'ca' is for")])
    for line, what in [({"client_secret": "${SECRET}"}, "'client_secret'"),
                       ({"session": {"keys": "${SECRET}"}}, "'keys' of 'session'")]:
        path.write_text(json.dumps({"sites": [{"hosts": ["s.example"], "respond": {"body": "x"},
                                               "auth": {"oidc": {**good, **line}}}]}))
        for word in ("check", "run"):
            result = command(word, "-c", str(path), SECRET="s3cr3t-itself")
            text = result.stdout + result.stderr
            assert result.returncode != 0 and f"cannot open what {what} names" in text, text
            assert "s3cr3t" not in text and "not the secret itself" in text
    (tmp_path / "oidc").write_text("s3cr3t\n")
    path.write_text(json.dumps({"sites": [{"hosts": ["s.example"], "respond": {"body": "x"},
                                           "auth": {"oidc": {**good, "client_secret": "${FOLDER}/oidc"}}}]}))
    assert command("check", "-c", str(path), FOLDER=str(tmp_path)).returncode == 0
    code, text = check([{"auth": {"oidc": good}, "routes": [
        {"match": {"path": "/a"}, "respond": {"body": "a"}, "auth": {"mode": "optional", "oidc": good}},
        {"match": {"path": "/b"}, "respond": {"body": "b"}, "auth": {"oidc": {**good, "client_id": "another"}}}]}])
    assert code != 0 and text.count("another 'oidc' of the site") == 1, text
    code, text = check([{"auth": {"oidc": {**good, "issuer": "http://id.example.com"}}}])
    assert code == 0 and "whoever is on the way to the issuer" in text, text
    for target, expected in [("/.tidegate/callback", "the callback of oidc with http://id.example.com"),
                             ("/", "by oidc; browsers are sent to http://id.example.com, others get 401")]:
        assert expected in command("route", "-c", str(path), "http://s0.example" + target).stdout
