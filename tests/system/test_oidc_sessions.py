"""Sessions of OpenID Connect: what they are, what their tokens tell and whom, and how they end."""

import concurrent.futures
import json
import os
import threading
import urllib.parse

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from oidc_world import ASKS, ONCE, OWN, PAGE, Browser, ask_h1, values
from oidc_world import in_order, world_fixture  # noqa: F401 pylint: disable=unused-import
from origins import Origin
from services import service
from tidegate import command
from waiting import wait_until


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
