"""Opaque tokens, of which their issuer is asked (RFC 7662)."""

import base64
import json
import os
import time
import urllib.parse

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from issuer import Issuer, Key
from origins import free_port
from services import service
from tidegate import command
from waiting import wait_until

SECRET = "s3cr:t/+ %"


class World:
    def __init__(self, start, back, folder):
        self.secret = folder / "secret"
        self.secret.write_text("another\n")
        self.idp = service(back, self._answer)
        self.origin = service(back, lambda asked: (200, [], b"hello"))
        self.issuer = Issuer(keys=[Key("EdDSA")])
        keys = folder / "keys.pem"
        keys.write_text(self.issuer.keys[0].pem())
        jwt = {"issuers": [{"issuer": self.issuer.name, "audience": "shop", "keys": str(keys)}]}

        def by(**more):
            return {"introspection": {"backend": "idp", "path": "/oauth2/introspect?x=1", "client_id": "gate:way",
                                      "client_secret": str(self.secret), "timeout": "5s", **more}}

        self.gateway = start({
            "reload_certificates": "1s",
            "sites": [{"hosts": ["shop.example"], "auth": by(audience=["shop"], realm="API", cookie="token"),
                       "request_fields": {"set": {"X-User": "{user}", "X-Scope": "{claim.scope}", "X-Deep": "{claim.a.b}"}},
                       "routes": [
                           {"match": {"path": "/name"}, "backend": "up", "auth": by(user="username", remember="off",
                                                                                   remember_inactive="off", host="id.example")},
                           {"match": {"path": "/both"}, "backend": "up", "auth": {"jwt": jwt, **by()}},
                           {"match": {"path": "/down"}, "backend": "up", "auth": by(backend=f"127.0.0.1:{free_port()}")},
                           {"backend": "up"}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back},
                         {"name": "idp", "servers": [self.idp.address], "protocol": back}]})

    def _answer(self, asked):
        expected = "Basic " + base64.b64encode(
            ("gate%3Away:" + urllib.parse.quote(SECRET, safe="")).encode()).decode()
        if asked.get("authorization") != expected:
            return 401, [("WWW-Authenticate", "Basic")], b"{}"
        token = urllib.parse.parse_qs(asked.body.decode())["token"][0]
        now = int(time.time())
        good = {"active": True, "sub": "ann", "aud": "shop", "scope": "read write", "exp": now + 600, "a": {"b": [1, 2]},
                "username": "Ann A."}
        kind = token.split(":")[0]
        body = {"good": good, "odd+/ %&=": good, "inactive": {"active": False, "sub": "ann"},
                "short": {**good, "exp": now + 2}, "old": {**good, "exp": now - 1}, "early": {**good, "nbf": now + 60},
                "bank": {**good, "aud": ["bank"]}, "everybody": {**good, "aud": None},
                "nobody": {**good, "sub": None}, "text": {**good, "active": "true"}, "list": [good],
                "empty": {}, "deep": {**good, "x": json.loads("[" * 30 + "]" * 30)}}.get(kind, {"active": False})
        if kind == "twice":
            return 200, [], b'{"active":false,"active":true,"sub":"ann"}'
        if kind == "garbage":
            return 200, [], b"<html>sign in</html>"
        if kind == "huge":
            return 200, [], b'{"active":true,"sub":"ann","x":"' + b"x" * 70000 + b'"}'
        if kind == "broken":
            return 500, [], b""
        return 200, [("Content-Type", "application/json")], json.dumps(body).encode()

    def close(self):
        self.issuer.close()
        self.idp.close(check=False)
        self.origin.close(check=False)


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("introspection")
    folder.chmod(0o755)
    world = World(start_for_module, request.param, folder)
    assert ask_h1(world.gateway, "/first", [bearer("good:first")])[0] == 503  # the secret is another one
    fresh = world.secret.with_suffix(".new")
    fresh.write_text(SECRET + "\n")
    os.replace(fresh, world.secret)
    wait_until(lambda: ask_h1(world.gateway, "/first", [bearer("good:first")])[0] == 200, 20)
    yield world
    world.close()


def ask_h1(gateway, target, fields=()):
    with Connection(gateway.address, timeout=30) as client:
        client.send(request_bytes(target, "GET", "shop.example", fields))
        response = client.read_response()
        return response.status, [(name.lower(), value) for name, value in response.fields]


def ask_h2(gateway, target, fields=()):
    with Client(gateway.address) as client:
        answer = client.request(target, host="shop.example", fields=[(name.lower(), value) for name, value in fields])
        return answer.status, list(answer.fields)


ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def challenges(fields):
    return [value for name, value in fields if name == "www-authenticate"]


@ASKS
def test_active_token_lets_in_and_is_asked_about_once(world, ask):
    token, asked = f"good:{ask.__name__}", len(world.idp.asked)
    for _ in range(3):
        assert ask(world.gateway, "/page", [bearer(token), ("X-User", "root")])[0] == 200
        seen = world.origin.asked[-1]
        assert (seen.get("x-user"), seen.get("x-scope"), seen.get("x-deep")) == ("ann", "read write", "1,2")
        assert seen.get("authorization") is None
    assert len(world.idp.asked) == asked + 1
    question = world.idp.asked[-1]
    assert (question.method, question.target) == ("POST", "/oauth2/introspect?x=1")
    assert question.get("content-type") == "application/x-www-form-urlencoded"
    assert urllib.parse.parse_qs(question.body.decode()) == {"token": [token], "token_type_hint": ["access_token"]}
    entry = world.gateway.wait_log(target="/page", user="ann")
    assert entry["auth"] == "introspection" and token not in json.dumps(entry)
    assert ask(world.gateway, "/page", [("Cookie", f"token={token}")])[0] == 200
    assert len(world.idp.asked) == asked + 1


@ASKS
def test_any_token_is_asked_about_as_it_is(world, ask):
    for _ in range(2):
        asked = len(world.idp.asked)
        assert ask(world.gateway, "/name", [bearer("odd+/ %&=:x")])[0] == 200
        assert world.origin.asked[-1].get("x-user") == "Ann A."
        assert len(world.idp.asked) == asked + 1  # where nothing is remembered
        assert ask(world.gateway, "/name", [bearer("inactive")])[0] == 401
        assert len(world.idp.asked) == asked + 2


@ASKS
def test_others_are_refused(world, ask):
    count = len(world.origin.asked)
    for kind, reason in (("inactive", "credentials_wrong"), ("old", "credentials_expired"), ("early", "credentials_expired"),
                         ("bank", "credentials_wrong"), ("everybody", "credentials_wrong"), ("unknown", "credentials_wrong")):
        token, asked = f"{kind}:{ask.__name__}", len(world.idp.asked)
        for _ in range(2):
            status, fields = ask(world.gateway, f"/no/{kind}", [bearer(token)])
            assert (status, challenges(fields)) == (401, ['Bearer realm="API", error="invalid_token"']), kind
        assert len(world.idp.asked) == asked + 1, kind
        assert world.gateway.wait_log(target=f"/no/{kind}")["reason"] == reason
    assert ask(world.gateway, "/no", [])[0] == 401
    assert ask(world.gateway, "/no", [bearer("x" * 5000)])[0] == 401
    assert ask(world.gateway, "/no", [bearer("good:a"), ("Cookie", "token=good:b")])[0] == 401
    assert len(world.origin.asked) == count


@ASKS
def test_answers_that_say_nothing_close(world, ask):
    count = len(world.origin.asked)
    for kind in ("nobody", "text", "list", "empty", "deep", "twice", "garbage", "huge", "broken"):
        for _ in range(2):
            assert ask(world.gateway, f"/odd/{kind}", [bearer(f"{kind}:{ask.__name__}")])[0] == 503, kind
        assert world.gateway.wait_log(target=f"/odd/{kind}")["reason"] == "auth_answer_wrong", kind
    assert ask(world.gateway, "/down", [bearer("good:down")])[0] == 503
    assert world.gateway.wait_log(target="/down")["reason"] == "auth_unreachable"
    assert len(world.origin.asked) == count


@ASKS
def test_beside_signed_tokens(world, ask):
    asked = len(world.idp.asked)
    assert ask(world.gateway, "/both", [bearer(world.issuer.token(sub="bob"))])[0] == 200
    assert len(world.idp.asked) == asked and world.origin.asked[-1].get("x-user") == "bob"
    assert ask(world.gateway, "/both", [bearer(f"good:both:{ask.__name__}")])[0] == 200
    assert len(world.idp.asked) == asked + 1 and world.origin.asked[-1].get("x-user") == "ann"
    assert ask(world.gateway, "/both", [bearer(f"inactive:both:{ask.__name__}")])[0] == 401
    assert world.gateway.wait_log(target="/both", status=401)["detail"] == "the token is not active, as its issuer says"
    assert ask(world.gateway, "/both", [bearer(world.issuer.token(sub="bob", aud="bank"))])[0] == 401


@pytest.mark.parametrize("world", ["h1"], indirect=True)
def test_token_is_forgotten_with_its_time(world):
    assert ask_h1(world.gateway, "/short", [bearer("short:1")])[0] == 200
    asked = len(world.idp.asked)
    wait_until(lambda: ask_h1(world.gateway, "/short", [bearer("short:1")])[0] == 200 and len(world.idp.asked) > asked, 20)


@pytest.mark.parametrize("more, words", [
    ({"path": None}, "path"), ({"backend": None}, "backend"), ({"client_id": None}, "client_id"),
    ({"client_secret": None}, "client_secret"), ({"client_secret": "missing"}, "cannot open"),
    ({"client_secret": "empty"}, "not one line"), ({"client_secret": "two"}, "not one line"),
    ({"token_size": "1M"}, "token_size"), ({"user": "a b"}, "no claim's name")], ids=str)
def test_wrong_ones_are_told(tmp_path, more, words):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("a\nb\n")
    section = {"backend": "127.0.0.1:1", "path": "/i", "client_id": "a", "client_secret": "secret", **more}
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"}, "auth": {
        "introspection": {name: value for name, value in section.items() if value is not None}}}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and words in done.stdout + done.stderr
