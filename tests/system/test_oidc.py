"""Sign-in at a provider of OpenID Connect: the way there and back."""

import concurrent.futures
import json
import re
import urllib.parse

import pytest
import yaml

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from issuer import Key
from oidc_world import ASKS, ONCE, OWN, PAGE, Browser, values
from oidc_world import in_order, world_fixture  # noqa: F401 pylint: disable=unused-import
from provider import Provider
from tidegate import ROOT, command
from waiting import wait_until


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


@ASKS
def test_servers_of_open_routes_get_none_of_it(world, ask):
    browser = Browser(world.gateway, ask)
    browser.sign_in(world.provider)
    browser.cookies["__Host-tidegate.1"] = "x"
    assert browser.get("/open")[0] == 200
    assert "tidegate" not in str(world.last().all("cookie"))


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
