"""Somebody else decides about requests: what it is told, what comes of its answers, and of there being none."""

import concurrent.futures
import contextlib
import json
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import Client
from issuer import Issuer, Key
from origins import UnansweringPort, free_port
from services import service
from tidegate import command
from waiting import wait_until

SIGN_IN = "https://id.example.com/sign-in?rd=https%3A%2F%2Fshop.example%2F"


class World:
    def __init__(self, start, back, folder):
        self.gate = threading.Event()
        self.decider = service(back, self._decide)
        self.origin = service(back, lambda asked: (200, [("X-Origin", "1")], b"hello"))
        self.silent = UnansweringPort()
        self.issuer = Issuer(keys=[Key("EdDSA")])
        keys = folder / "keys.pem"
        keys.write_text(self.issuer.keys[0].pem())
        jwt = {"issuers": [{"issuer": self.issuer.name, "audience": "shop", "keys": str(keys)}]}

        def forward(**more):
            return {"forward": {"backend": "decider", "path": "/api/verify?rd=x", "receive": ["Remote-User", "X-Mail"],
                                "timeout": "5s", **more}}

        self.gateway = start({
            "sites": [{"hosts": ["shop.example"], "auth": forward(), "routes": [
                {"match": {"path": "/said"}, "respond": {"body": "said"}},
                {"match": {"path": "/few"}, "backend": "up",
                 "auth": forward(send=["Cookie"], user="X-Auth-Request-User", groups="X-Groups",
                                 receive=["X-Auth-Request-User", "X-Groups", "Authorization"])},
                {"match": {"path": "/kept/*"}, "backend": "up",
                 "auth": forward(remember="1m", remember_by=["Cookie"])},
                {"match": {"path": "/led*"}, "backend": "up",
                 "auth": forward(sign_in="https://id.example.com/login?url={url}")},
                {"match": {"path": "/any"}, "backend": "up", "auth": {"jwt": jwt, **forward()}},
                {"match": {"path": "/slow"}, "backend": "up", "auth": forward(timeout="100ms")},
                {"match": {"path": "/narrow"}, "backend": "up", "auth": forward(at_once=1)},
                {"match": {"path": "/silent"}, "backend": "up", "auth": {
                    "forward": {"backend": self.silent.address, "timeout": "200ms"}}},
                {"match": {"path": "/down"}, "backend": "up", "auth": {"forward": {"backend": f"127.0.0.1:{free_port()}"}}},
                {"backend": "up"}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back},
                         {"name": "decider", "servers": [self.decider.address], "protocol": back}]})

    def _decide(self, asked):
        cookie = "; ".join(asked.all("cookie"))
        if "wait" in cookie:
            self.gate.wait(20)
        if "session=ann" in cookie:
            return 200, [("Remote-User", "ann"), ("X-Mail", "ann@example.com"), ("X-Other", "no"),
                         ("X-Auth-Request-User", "ann2"), ("X-Groups", "staff, admins"),
                         ("Authorization", "Bearer of-the-decider")], b"OK"
        if "session=fresh" in cookie:
            return 204, [("Remote-User", "ann"), ("Set-Cookie", "session=ann; Path=/"), ("Set-Cookie", "b=2")], b""
        if "session=nobody" in cookie:
            return 200, [], b""
        if "session=poor" in cookie:
            return 403, [("X-Why", "1"), ("Content-Type", "text/x-why"), ("Cache-Control", "max-age=60"),
                         ("Server", "decider"), ("ETag", '"1"')], b"why: you are poor"
        if "session=verbose" in cookie:
            return 403, [("X-Why", "1"), ("Content-Type", "text/x-why")], b"why " * 20000
        if "session=basic" in cookie:
            return 401, [("WWW-Authenticate", 'Basic realm="id"'), ("Set-Cookie", "seen=1"), ("Location", "/x")], b"no"
        for status in (302, 303, 307):
            if f"session={status}" in cookie:
                return status, [("Location", SIGN_IN), ("Set-Cookie", "state=1; HttpOnly")], b"<html>moved"
        for status in (201, 304, 404, 429, 500, 502):
            if f"session={status}" in cookie:
                return status, [], b"" if status == 304 else b"x" * 100
        if "session=placeless" in cookie:
            return 302, [], b""
        if "session=long" in cookie:
            return 200, [("Remote-User", "ann")], b"x" * 300000
        return 401, [], b"who are you"

    def close(self):
        self.gate.set()
        self.issuer.close()
        self.silent.__exit__()
        self.decider.close(check=False)
        self.origin.close(check=False)


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forward")
    folder.chmod(0o755)
    world = World(start_for_module, request.param, folder)
    yield world
    world.close()


def ask_h1(gateway, target, fields=(), method="GET", body=None):
    with Connection(gateway.address, timeout=30) as client:
        client.send(request_bytes(target, method, "shop.example", fields, body))
        response = client.read_response(method)
        return response.status, [(name.lower(), value) for name, value in response.fields], response.body


def ask_h2(gateway, target, fields=(), method="GET", body=None):
    with Client(gateway.address) as client:
        answer = client.request(target, method, body, host="shop.example",
                                fields=[(name.lower(), value) for name, value in fields])
        return answer.status, list(answer.fields), bytes(answer.body)


ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])


def session(name):
    return ("Cookie", f"a=b; session={name}")


def values(fields, name):
    return [value for field, value in fields if field == name]


@ASKS
def test_who_may_pass_does_with_what_was_said(world, ask):
    status, fields, body = ask(world.gateway, "/page?a=1&b", [
        session("ann"), ("Remote-User", "root"), ("remote_user", "root"), ("X-Mail", "root@example.com"),
        ("x.mail", "root@example.com"), ("X-Other", "mine")])
    assert (status, body) == (200, b"hello") and not values(fields, "set-cookie")
    seen = world.origin.asked[-1]
    assert (seen.get("remote-user"), seen.get("x-mail"), seen.get("x-other")) == ("ann", "ann@example.com", "mine")
    assert not {"remote_user", "x.mail"} & {name for name, _ in seen.fields}
    assert "session=ann" in "; ".join(seen.all("cookie"))
    entry = world.gateway.wait_log(target="/page?a=1&b", user="ann")
    assert entry["auth"] == "forward"


@ASKS
def test_what_it_is_told(world, ask):
    body = b"secret body"
    assert ask(world.gateway, "/path%20x?q=%2F", [
        session("ann"), ("Authorization", "Bearer x"), ("X-Forwarded-Uri", "/open"), ("X-Forwarded-Method", "GET"),
        ("X-Original-URL", "https://shop.example/open"), ("x_forwarded_uri", "/open"), ("X-Forwarded-For", "1.2.3.4"),
        ("If-None-Match", '"a"'), ("Range", "bytes=0-1"), ("Content-Type", "text/plain"), ("Accept", "text/html")],
        "POST", body)[0] == 200
    told = world.decider.asked[-1]
    assert (told.method, told.target, told.body) == ("GET", "/api/verify?rd=x", b"")
    expected = {"x-forwarded-method": "POST", "x-forwarded-proto": "http", "x-forwarded-host": "shop.example",
                "x-forwarded-uri": "/path%20x?q=%2F", "x-forwarded-for": "127.0.0.1", "authorization": "Bearer x",
                "x-original-method": "POST", "x-original-url": "http://shop.example/path%20x?q=%2F",
                "accept": "text/html"}
    assert {name: told.get(name) for name in expected} == expected
    names = {name for name, _ in told.fields}
    assert not {"content-type", "if-none-match", "range", "x_forwarded_uri", "content-length"} & names
    assert world.origin.asked[-1].body == body  # it waited, and went on


@ASKS
def test_fields_that_go_and_come_can_be_named(world, ask):
    assert ask(world.gateway, "/few", [session("ann"), ("Authorization", "Bearer mine"), ("Accept", "*/*"),
                                       ("X-Groups", "root")])[0] == 200
    told = {name for name, _ in world.decider.asked[-1].fields}
    assert "cookie" in told and "x-forwarded-uri" in told and not {"authorization", "accept", "x-groups"} & told
    seen = world.origin.asked[-1]
    assert (seen.get("authorization"), seen.get("x-groups")) == ("Bearer of-the-decider", "staff, admins")
    assert world.gateway.wait_log(target="/few", user="ann2")


def test_copies_in_trailers_are_taken_out(world):
    with Connection(world.gateway.address, timeout=30) as client:
        client.send(request_bytes("/trailers", "POST", "shop.example", [
            session("ann"), ("Transfer-Encoding", "chunked"), ("Trailer", "X-Mail, X-Fine"), ("TE", "trailers")])
            + chunked(b"abc", trailers="X-Mail: root\r\nx_mail: root\r\nX-Fine: 1\r\n"))
        assert client.read_response("POST").status == 200
    seen = world.origin.asked[-1]
    assert "root" not in str(seen.trailers) and seen.body == b"abc"
    assert seen.get("x-mail") == "ann@example.com"


@ASKS
def test_answer_goes_to_the_client(world, ask):
    count = len(world.origin.asked)
    status, fields, body = ask(world.gateway, "/in", [session("basic")])
    assert (status, values(fields, "www-authenticate"), values(fields, "set-cookie")) == \
        (401, ['Basic realm="id"'], ["seen=1"])
    assert body == b"no" and values(fields, "cache-control") == ["no-store"]
    status, fields, body = ask(world.gateway, "/in", [session("poor")])
    assert (status, body) == (403, b"why: you are poor")
    assert (values(fields, "x-why"), values(fields, "content-type")) == (["1"], ["text/x-why"])
    assert values(fields, "cache-control") == ["no-store"] and not values(fields, "server") and not values(fields, "etag")
    status, fields, body = ask(world.gateway, "/in", [session("verbose")])  # longer than a page may be
    assert status == 403 and body.startswith(b"403 Forbidden") and values(fields, "x-why") == ["1"]
    assert values(fields, "content-type") == ["text/plain; charset=utf-8"]
    status, fields, body = ask(world.gateway, "/in", [session("poor")], "HEAD")
    assert (status, body, values(fields, "content-length")) == (403, b"", ["17"])
    for code in (302, 303, 307):
        status, fields, _ = ask(world.gateway, "/in", [session(code)])
        assert (status, values(fields, "location"), values(fields, "set-cookie")) == \
            (code, [SIGN_IN], ["state=1; HttpOnly"])
        assert values(fields, "cache-control") == ["no-store"]
    assert ask(world.gateway, "/in")[0] == 401
    assert ask(world.gateway, "/in", [session("302")], "POST", b"x" * 1000)[0] == 302
    assert ask(world.gateway, "/in", [session("302")], "HEAD")[0] == 302
    assert len(world.origin.asked) == count
    entry = world.gateway.wait_log(target="/in", status=302)
    assert entry["reason"] == "auth_refused" and "user" not in entry


@ASKS
def test_browsers_may_be_led_to_where_they_sign_in(world, ask):
    page = [("Accept", "text/html,*/*;q=0.8")]
    status, fields, body = ask(world.gateway, "/led?a=1&b=/", page)
    assert (status, body) == (302, b"") and values(fields, "cache-control") == ["no-store"]
    assert values(fields, "location") == [
        "https://id.example.com/login?url=http%3A%2F%2Fshop.example%2Fled%3Fa%3D1%26b%3D%2F"]
    status, fields, _ = ask(world.gateway, "/led", [*page, session("basic")])
    assert status == 302 and values(fields, "set-cookie") == ["seen=1"] and not values(fields, "www-authenticate")
    # What asks for no page cannot follow it, and who is known is refused as ever.
    for more, method in (([], "GET"), ([("Accept", "application/json")], "GET"), (page, "DELETE"),
                         ([*page, ("X-Requested-With", "XMLHttpRequest")], "GET"), ([*page, ("Sec-Fetch-Mode", "cors")], "GET")):
        status, fields, _ = ask(world.gateway, "/led", more, method)
        assert status == 401 and not values(fields, "location"), (more, method)
    assert ask(world.gateway, "/led", [*page, session("poor")])[0] == 403
    assert ask(world.gateway, "/led", [*page, session("ann")])[0] == 200


@ASKS
def test_anything_else_is_closed(world, ask):
    count = len(world.origin.asked)
    for name in ("304", "404", "429", "500", "502", "placeless"):
        assert ask(world.gateway, f"/odd/{name}", [session(name)])[0] == 503, name
        assert world.gateway.wait_log(target=f"/odd/{name}", status=503)["reason"] == "auth_answer_wrong"
    assert ask(world.gateway, "/down", [session("ann")])[0] == 503
    assert world.gateway.wait_log(target="/down", status=503)["reason"] == "auth_unreachable"
    assert ask(world.gateway, "/silent", [session("ann")])[0] == 503
    assert world.gateway.wait_log(target="/silent", status=503)["reason"] in ("auth_timeout", "auth_unreachable")
    assert len(world.origin.asked) == count
    assert ask(world.gateway, "/odd/201", [session("201")])[0] == 200
    assert ask(world.gateway, "/odd/long", [session("long")])[0] == 200  # nobody wants its body
    assert ask(world.gateway, "/odd/nobody", [session("nobody"), ("Remote-User", "root")])[0] == 200
    assert world.origin.asked[-1].get("remote-user") is None
    assert world.gateway.wait_log(target="/odd/nobody")["user"] == "anonymous"


@ASKS
def test_cookies_of_a_good_answer_reach_the_client(world, ask):
    for target in ("/page", "/said", "/kept/cookie", "/kept/cookie"):
        asked = len(world.decider.asked)
        status, fields, _ = ask(world.gateway, target, [session("fresh")])
        assert (status, values(fields, "set-cookie")) == (200, ["session=ann; Path=/", "b=2"])
        assert len(world.decider.asked) == asked + 1  # never remembered


@ASKS
def test_answers_are_remembered_where_that_is_said(world, ask):
    def asks(target, name, *more, method="GET"):
        before = len(world.decider.asked)
        assert ask(world.gateway, target, [session(name), *more], method)[0] == (200 if name == "ann" else 401)
        return len(world.decider.asked) - before

    path = f"/kept/{ask.__name__}"
    assert [asks(path, "ann") for _ in range(3)] == [1, 0, 0]
    assert world.origin.asked[-1].get("x-mail") == "ann@example.com"
    assert world.gateway.wait_log(target=path, user="ann")
    assert asks(path, "ann", ("X-Mail", "root")) == 0 and world.origin.asked[-1].get("x-mail") == "ann@example.com"
    assert asks(path + "?a", "ann") == 1 and asks(path + "/b", "ann") == 1
    assert asks(path, "ann", method="HEAD") == 1
    assert asks(path, "other") == 1 and asks(path, "other") == 1  # what was refused never is
    assert asks(path, "ann", ("Cookie", "c=d")) == 1
    assert [asks("/page", "ann") for _ in range(2)] == [1, 1]


@ASKS
def test_other_methods_are_asked_before(world, ask):
    token = ("Authorization", "Bearer " + world.issuer.token(sub="bob"))
    asked = len(world.decider.asked)
    assert ask(world.gateway, "/any", [token, ("Remote-User", "root"), ("X-Mail", "root")])[0] == 200
    assert len(world.decider.asked) == asked
    assert world.origin.asked[-1].get("x-mail") is None  # only whoever was asked says that
    assert ask(world.gateway, "/any", [session("ann")])[0] == 200 and len(world.decider.asked) == asked + 1
    status, fields, _ = ask(world.gateway, "/any", [session("basic")])
    assert (status, values(fields, "www-authenticate")) == (401, ['Bearer realm="restricted"', 'Basic realm="id"'])
    assert ask(world.gateway, "/any", [session("302")])[0] == 302


@pytest.mark.parametrize("world", ["h1"], indirect=True)
def test_waiting_is_bounded_and_holds_up_nobody(world):
    slow = ("Cookie", "wait=1; session=ann")
    world.gate.clear()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert ask_h1(world.gateway, "/slow", [slow])[0] == 503
        assert world.gateway.wait_log(target="/slow")["reason"] == "auth_timeout"
        before = len(world.decider.asked)
        first = pool.submit(ask_h1, world.gateway, "/narrow", [slow])
        wait_until(lambda: len(world.decider.asked) > before, 20)
        assert ask_h2(world.gateway, "/narrow", [slow])[0] == 503
        assert world.gateway.wait_log(target="/narrow", status=503)["reason"] == "auth_busy"
        # Who leaves meanwhile leaves nothing behind: the gateway's end would say so.
        with Connection(world.gateway.address) as one, Client(world.gateway.address) as two:
            one.send(request_bytes("/page", host="shop.example", fields=[slow]))
            stream = two.start("/page", host="shop.example", fields=[("cookie", slow[1])])
            wait_until(lambda: len(world.decider.asked) >= before + 1, 20)
            one.reset()
            two.reset(stream)
        world.gate.set()
        assert first.result(30)[0] == 200


@pytest.mark.parametrize("forward, words", [
    ({}, "backend"),
    ({"backend": "none"}, "unknown backend"),
    ({"backend": "127.0.0.1:1", "path": "verify"}, "path"),
    ({"backend": "127.0.0.1:1", "receive": ["Host"]}, "about the message"),
    ({"backend": "127.0.0.1:1", "receive": ["Content-Length"]}, "about the message"),
    ({"backend": "127.0.0.1:1", "receive": ["A B"]}, "A B"),
    ({"backend": "127.0.0.1:1", "send": ["Transfer_Encoding"]}, "about the message"),
    ({"backend": "127.0.0.1:1", "at_once": 0}, "at_once"),
    ({"backend": "127.0.0.1:1", "sign_in": "login"}, "leads nowhere"),
    ({"backend": "127.0.0.1:1", "sign_in": "/login?u={uri}"}, "no variable {uri}"),
    ({"backend": "fcgi"}, "speaks FastCGI"),
], ids=str)
def test_wrong_ones_are_told(tmp_path, forward, words):
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({
        "sites": [{"hosts": ["a.example"], "respond": {"body": "x"}, "auth": {"forward": forward}}],
        "backends": [{"name": "fcgi", "servers": ["127.0.0.1:1"], "protocol": "fastcgi", "root": "/"}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and words in done.stdout + done.stderr


def test_route_says_where_browsers_are_led(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"}, "auth": {
        "forward": {"backend": "127.0.0.1:1", "sign_in": "https://id.example/?u={url}"}}}]}))
    said = command("route", "-c", str(path), "http://a.example/").stdout
    assert "browsers are sent to https://id.example/?u={url}, others get 401" in said


def test_gateway_ends_while_somebody_is_asked(start):
    with UnansweringPort() as silent:
        gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "ok"},
                                    "auth": {"forward": {"backend": silent.address, "timeout": "1m"}}}]})
        client = Connection(gateway.address)
        client.send(request_bytes("/", host="a.example"))
        with contextlib.suppress(OSError):
            client.close()
