"""Signed tokens of issuers, over both versions of HTTP on either side."""

import contextlib
import json
import os
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from issuer import Issuer, Key, encode_json, sign_with_secret
from origins import Origin
from tidegate import command
from waiting import wait_until

NAME = "https://id.example.com"


class World:
    def __init__(self, start, back, folder):
        self.seen = []
        self.file = folder / "id.jwks"
        self.key, self.rsa = Key("ES256", "one"), Key("RS256", "rsa")
        self.write_keys([self.key, self.rsa])
        pem = folder / "other.pem"
        self.pem_key = Key("EdDSA", "any")
        pem.write_text(self.pem_key.pem())
        self.files = Issuer(NAME, [self.key])  # signs; nobody fetches its keys
        self.other = Issuer("urn:other", [self.pem_key])
        self.fetched = Issuer("https://fetched.example", [Key("PS256", "f1")])
        self.origin = H2Origin(serve(self._h2)) if back == "h2c" else Origin(self._h1)
        self.gateway = start({
            "reload_certificates": "1s",
            "log": {"fields": {"email": "{claim.email}", "roles": "{claim.realm.roles}"}},
            "sites": [{"hosts": ["shop.example"],
                       "auth": {"jwt": {
                           "issuers": [{"issuer": NAME, "audience": ["shop", "till"], "keys": str(self.file),
                                        "groups": "realm.roles", "leeway": "5s"},
                                       {"issuer": "urn:other", "audience": "*", "keys": str(pem), "user": "email",
                                        "types": ["at+jwt"], "algorithms": ["EdDSA"]},
                                       {"issuer": "https://fetched.example", "audience": "shop", "timeout": "2s",
                                        "keys_url": self.fetched.url, "every": "1s", "pause": "500ms"}],
                           "field": "X-Token", "cookie": "token", "realm": "API", "token_size": "4k"}},
                       "request_fields": {"set": {"X-User": "{user}", "X-Email": "{claim.email}",
                                                  "X-Roles": "{claim.realm.roles}"}},
                       "routes": [{"match": {"path": "/open"}, "auth": "off", "backend": "up"},
                                  {"match": {"path": "/limited/*"}, "backend": "up", "rates": [
                                      {"requests": 2, "per": "1h", "by": "{claim.tenant}", "name": "tenant"}]},
                                  {"match": {"path": "/passed"}, "backend": "up", "auth": {"jwt": {
                                      "issuers": [{"issuer": NAME, "audience": "shop", "keys": str(self.file)}],
                                      "remember": "off", "pass_credentials": True}}},
                                  {"backend": "up"}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def write_keys(self, keys):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [key.jwk() for key in keys]}))
        os.rename(fresh, self.file)

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                self.seen.append((request.target, [(name.lower(), value) for name, value in request.fields]))
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _h2(self, connection, request):
        self.seen.append((request.get(":path"), request.fields))
        connection.respond(request.stream, 200, [], b"ok")

    def close(self):
        for issuer in (self.files, self.other, self.fetched):
            issuer.close()
        self.origin.close(check=False)


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("jwt")
    os.chmod(folder, 0o755)
    world = World(start_for_module, request.param, folder)
    yield world
    world.close()


def ask_h1(gateway, target, fields=(), method="GET"):
    with Connection(gateway.address, timeout=30) as client:
        client.send(request_bytes(target, method, "shop.example", fields))
        response = client.read_response(method)
        return response.status, [(name.lower(), value) for name, value in response.fields]


def ask_h2(gateway, target, fields=(), method="GET"):
    with Client(gateway.address) as client:
        answer = client.request(target, method, host="shop.example",
                                fields=[(name.lower(), value) for name, value in fields])
        return answer.status, list(answer.fields)


# What is of no version of HTTP.
ONCE = pytest.mark.parametrize("world", ["h1"], indirect=True)
ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])


def bearer(token, scheme="Bearer"):
    return ("Authorization", f"{scheme} {token}".strip())


def values(fields, name):
    return [value for field, value in fields if field == name]


@ASKS
def test_token_lets_in_and_what_it_says_is_passed_on(world, ask):
    token = world.files.token(email="ann@example.com", realm={"roles": ["read", "write"]})
    for _ in range(2):  # verified, and remembered
        status, fields = ask(world.gateway, "/page", [
            bearer(token, "bearer"), ("X-User", "root"), ("X_User", "root"), ("X-Email", "root@example.com"),
            ("x.email", "root@example.com"), ("X_ROLES", "admin")])
        assert status == 200 and not values(fields, "www-authenticate")
        seen = world.seen[-1][1]
        assert values(seen, "x-user") == ["ann"] and values(seen, "x-email") == ["ann@example.com"]
        assert values(seen, "x-roles") == ["read,write"]
        assert not {"x_user", "x.email", "x_roles", "authorization"} & {name.lower() for name, _ in seen}
        assert token not in json.dumps(seen)
    entry = world.gateway.wait_log(target="/page", email="ann@example.com")
    assert (entry["user"], entry["auth"], entry["roles"]) == ("ann", "jwt", "read,write")
    assert token not in json.dumps(entry)


@ASKS
def test_rates_by_what_a_token_says(world, ask):
    def answers(tenant, path="/limited/"):
        token = world.files.token(tenant=f"{tenant}-{ask.__name__}")
        return [ask(world.gateway, f"{path}{tenant}", [bearer(token)])[0] for _ in range(3)]
    assert answers("a") == [200, 200, 429]
    assert answers("b") == [200, 200, 429]
    assert answers("a", "/limited/again/") == [429] * 3
    assert world.gateway.wait_log(target="/limited/again/a")["limit"] == "tenant"


@ASKS
def test_what_is_not_said_is_not_passed_on(world, ask):
    assert ask(world.gateway, "/page", [bearer(world.files.token()), ("X-Email", "root@example.com")])[0] == 200
    assert not values(world.seen[-1][1], "x-email")


@ASKS
def test_control_bytes_of_a_claim_make_no_fields(world, ask):
    token = world.files.token(email="a\r\nX-Admin: 1\u2028\x7f")
    assert ask(world.gateway, "/page", [bearer(token)])[0] == 200
    seen = world.seen[-1][1]
    assert not values(seen, "x-admin") and values(seen, "x-email")[0].startswith("a%0D%0AX-Admin: 1")


@ASKS
def test_token_in_a_field_or_a_cookie(world, ask):
    token = world.files.token()
    for fields in ([("X-Token", token)], [("Cookie", f"a=b; token={token}")]):
        assert ask(world.gateway, "/page", fields)[0] == 200
        assert token not in json.dumps(world.seen[-1][1])
    assert ask(world.gateway, "/page", [("X-Token", token), bearer(token)])[0] == 401
    assert ask(world.gateway, "/page", [("X-Token", token), ("X-Token", token)])[0] == 401


@ASKS
def test_issuers_have_rules_of_their_own(world, ask):
    typed = {"typ": "at+jwt"}
    token = world.other.token(aud=None, sub=None, email="bob@example.com", header=typed)
    assert ask(world.gateway, "/other", [bearer(token)])[0] == 200
    assert values(world.seen[-1][1], "x-user") == ["bob@example.com"]
    for wrong in (world.other.token(email="bob@example.com"),
                  world.other.token(header=typed),  # no email, which is the name
                  world.other.token(email="", header=typed),
                  world.other.token(email=["a", "b"], header=typed),
                  world.other.token(world.key, email="bob@example.com", header=typed),
                  world.files.token(world.pem_key)):
        assert ask(world.gateway, "/other", [bearer(wrong)])[0] == 401


@ASKS
def test_keys_are_passed_where_that_is_said(world, ask):
    token = world.files.token()
    assert ask(world.gateway, "/passed", [bearer(token)])[0] == 200
    assert dict(world.seen[-1][1])["authorization"] == "Bearer " + token


def spoilt(token, part, change):
    parts = token.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


WRONG = {
    "expired": (lambda w: w.files.token(exp=int(time.time()) - 6), "credentials_expired"),
    "not yet": (lambda w: w.files.token(nbf=int(time.time()) + 60), "credentials_early"),
    "issued tomorrow": (lambda w: w.files.token(iat=int(time.time()) + 86400), "credentials_early"),
    "for ever": (lambda w: w.files.token(exp=None), "credentials_wrong"),
    "another audience": (lambda w: w.files.token(aud="bank"), "credentials_wrong"),
    "another issuer": (lambda w: w.files.token(iss="https://evil.example"), "credentials_wrong"),
    "no issuer": (lambda w: w.files.token(iss=None), "credentials_wrong"),
    "another type": (lambda w: w.files.token(header={"typ": "logout+jwt"}), "credentials_wrong"),
    "another key": (lambda w: w.files.token(Key("ES256", "one")), "credentials_wrong"),
    "an unknown key": (lambda w: w.files.token(Key("ES256", "two")), "credentials_wrong"),
    "a key of another kind": (lambda w: w.rsa.sign(w.files.claims(), kid="one"), "credentials_wrong"),
    "key from a path": (lambda w: w.files.token(header={"kid": "../../../../dev/null"}), "credentials_wrong"),
    "none": (lambda w: encode_json({"alg": "none"}) + "." + encode_json(w.files.claims()) + ".", "credentials_malformed"),
    "None with a signature": (lambda w: encode_json({"alg": "None"}) + "." + encode_json(w.files.claims()) + ".AA",
                              "credentials_wrong"),
    "public key as secret": (lambda w: sign_with_secret(w.rsa.pem().encode(), w.files.claims(), kid="rsa"),
                             "credentials_wrong"),
    "own jwk": (lambda w: Key("ES256", "mine").sign(w.files.claims(), jwk=Key("ES256", "mine").jwk()),
                "credentials_wrong"),
    "jku": (lambda w: Key("ES256", "mine").sign(w.files.claims(), jku=w.fetched.url), "credentials_wrong"),
    "critical": (lambda w: w.files.token(header={"crit": ["exp"]}), "credentials_malformed"),
    "duplicate": (lambda w: w.key.sign(b'{"sub":"ann","sub":"root"}'), "credentials_malformed"),
    "deep": (lambda w: w.files.token(x=json.loads("[" * 50 + "]" * 50)), "credentials_malformed"),
    "wide": (lambda w: w.files.token(x=[1] * 1100), "credentials_malformed"),
    "long": (lambda w: w.files.token(x="y" * 4096), "credentials_malformed"),
    "padded": (lambda w: w.files.token() + "=", "credentials_malformed"),
    "standard base64": (lambda w: spoilt(w.files.token(), 1, lambda p: p + "+/"), "credentials_malformed"),
    "other claims": (lambda w: spoilt(w.files.token(), 1, lambda _: encode_json(w.files.claims(sub="root"))),
                     "credentials_wrong"),
    "two parts": (lambda w: w.files.token().rsplit(".", 1)[0], "credentials_malformed"),
    "empty": (lambda w: "", "credentials_malformed"),
}


@ASKS
def test_wrong_token_is_refused_and_the_reason_stays_here(world, ask):
    count = len(world.seen)
    for name, (make, _) in WRONG.items():
        for _ in range(2):
            status, fields = ask(world.gateway, f"/wrong/{name.replace(' ', '-')}/{ask.__name__}", [bearer(make(world))])
            assert status == 401, name
            assert values(fields, "www-authenticate") == ['Bearer realm="API", error="invalid_token"'], name
    assert len(world.seen) == count
    world.gateway.wait_log(target=f"/wrong/empty/{ask.__name__}")
    entries = {entry["target"]: entry for entry in world.gateway.log_entries()}
    for name, (_, reason) in WRONG.items():
        entry = entries[f"/wrong/{name.replace(' ', '-')}/{ask.__name__}"]
        assert entry["reason"] == reason and "user" not in entry, name


@ASKS
def test_nothing_shown_is_no_error_of_a_token(world, ask):
    for fields in ([], [("Authorization", "Basic YTpi")], [("Authorization", "Bearerx")]):
        status, answer = ask(world.gateway, "/nothing", fields)
        assert (status, values(answer, "www-authenticate")) == (401, ['Bearer realm="API"'])
    assert world.gateway.wait_log(target="/nothing")["reason"] == "credentials_missing"
    assert ask(world.gateway, "/open")[0] == 200


@ONCE
def test_token_is_forgotten_with_its_time(world):
    """One that is remembered is not good for longer: neither than it says, nor than its keys are there."""
    token = world.files.token(exp=int(time.time()) - 2)  # the leeway is 5 s
    assert ask_h1(world.gateway, "/short", [bearer(token)])[0] == 200
    wait_until(lambda: ask_h1(world.gateway, "/short", [bearer(token)])[0] == 401, 20)
    token = world.files.token()
    assert ask_h1(world.gateway, "/gone", [bearer(token)])[0] == 200
    world.write_keys([world.rsa])
    wait_until(lambda: ask_h1(world.gateway, "/gone", [bearer(token)])[0] == 401, 20)
    world.file.write_text("{}")
    wait_until(lambda: "has changed, and the version before is used on" in world.gateway.stderr(), 20)
    assert ask_h1(world.gateway, "/gone", [bearer(world.files.token(world.rsa))])[0] == 200
    world.write_keys([world.key, world.rsa])
    wait_until(lambda: ask_h1(world.gateway, "/gone", [bearer(token)])[0] == 200, 20)


@ONCE
def test_keys_are_fetched_and_rotate(world):
    issuer = world.fetched
    old, new = issuer.keys[0], Key("ES384", "f2")
    assert ask_h1(world.gateway, "/fetched", [bearer(issuer.token(old))])[0] == 200
    issuer.keys = [new]
    wait_until(lambda: ask_h1(world.gateway, "/fetched", [bearer(issuer.token(new))])[0] == 200, 20)
    assert ask_h1(world.gateway, "/fetched", [bearer(issuer.token(old))])[0] == 401  # its key is gone
    for mode in ("error", "garbage", "empty", "redirect", "huge"):
        before = issuer.asked
        issuer.mode = mode
        # Tokens with unknown keys have them fetched again, but not each of them.
        wait_until(lambda b=before: ask_h1(world.gateway, "/fetched", [bearer(issuer.token(old))])[0] == 401
                   and issuer.asked > b, 20)
        assert ask_h1(world.gateway, "/fetched", [bearer(issuer.token(new))])[0] == 200, mode
    said = world.gateway.stderr()
    for words in ("it answered with status 500", "it has neither a JWK set nor", "no key that verifies",
                  "redirects are not followed", "those that there were before are used on"):
        assert words in said, words
    issuer.mode = "up"
    wait_until(lambda: ask_h1(world.gateway, "/fetched", [bearer(issuer.token(old))])[0] == 401
               and "they are fetched again" in world.gateway.stderr(), 20)


@pytest.mark.parametrize("algorithm, count, bound, status", [
    ("ES384", 8, "waiting_per_client", 429), ("ES384", 8, "waiting", 503), ("ES256", 1, "waiting", None)],
    ids=["of_a_client", "of_all", "cheap"])
def test_made_up_tokens_that_cost_much_wait_in_a_line_of_their_own(folder, start, algorithm, count, bound, status):
    """As those that name none of eight keys. What costs little is verified at once, and turns nobody away."""
    keys = [Key(algorithm, f"k{i}") for i in range(count)]
    (folder / "keys").write_text(json.dumps({"keys": [key.jwk() for key in keys]}))
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "{user}"}, "auth": {"jwt": {
        "issuers": [{"issuer": NAME, "audience": "shop", "keys": str(folder / "keys")}], bound: 1}}}]}, folder=folder)
    claims = {"iss": NAME, "aud": "shop", "sub": "ann", "exp": int(time.time()) + 600}
    good = keys[0].sign(claims)
    text, signature = encode_json({"alg": algorithm}) + "." + encode_json(claims), good.rpartition(".")[2]
    with Client(gateway.address) as client:
        streams = []
        for i in range(60):
            made_up = f"{text}.{signature[:10]}{i:04d}{signature[14:]}"
            streams.append(client.open())
            client.h2.send_headers(streams[-1], client.headers("/", fields=[("authorization", "Bearer " + made_up)]),
                                   end_stream=True)
        client.flush()
        seen = {client.wait(stream).status for stream in streams}
    assert seen == ({401, status} if status else {401})
    if status:
        assert gateway.wait_log(status=status)["reason"] == "signatures_busy"
    assert ask_h1(gateway, "/", [bearer(good)])[0] == 200


def test_many_unknown_keys_cause_few_fetches(folder, start):
    """Those that need keys wait for an issuer that is slow, and not for ever; a reload loses no keys."""
    issuer = Issuer(keys=[Key("ES256", "one")])
    issuer.mode = "slow"
    gateway = start({"control": str(folder / "control.sock"),
                     "sites": [{"hosts": ["*"], "respond": {"body": "{user}"}, "auth": {"jwt": {"issuers": [
                         {"issuer": NAME, "audience": "shop", "keys_url": issuer.url, "pause": "1m",
                          "timeout": "500ms"}]}}}]}, folder=folder)
    good = issuer.token()
    try:
        assert ask_h1(gateway, "/", [bearer(good)])[0] == 503
        assert gateway.wait_log(reason="issuer_keys_missing")["status"] == 503
        issuer.mode = "up"
        issuer.let_go.set()
        wait_until(lambda: ask_h1(gateway, "/", [bearer(good)])[0] == 200, 20)
        asked = issuer.asked
        for i in range(20):
            assert ask_h1(gateway, "/", [bearer(issuer.token(Key("ES256", f"k{i}")))])[0] == 401
        assert issuer.asked <= asked + 1
        issuer.close()
        gateway.config_path.write_text(gateway.config_path.read_text().replace("{user}", "again {user}"))
        done = command("reload", "--socket", str(folder / "control.sock"))
        assert done.returncode == 0, done.stderr
        assert ask_h1(gateway, "/", [bearer(issuer.token())])[0] == 200
    finally:
        issuer.let_go.set()
        issuer.close()


@pytest.mark.parametrize("issuer, words", [
    ({}, "issuer"),
    ({"issuer": "a"}, "audience"),
    ({"issuer": "a", "audience": "b"}, "neither 'keys' nor 'keys_url'"),
    ({"issuer": "a", "audience": "b", "keys": "k", "keys_url": "https://a.example/"}, "both 'keys' and 'keys_url'"),
    ({"issuer": "a", "audience": "b", "keys": "missing"}, "cannot open"),
    ({"issuer": "a", "audience": "b", "keys": "k"}, "neither a JWK set nor a public key in PEM"),
    ({"issuer": "a", "audience": "b", "keys": "good", "ca": "good"}, "'ca' is for a 'keys_url' with https"),
    ({"issuer": "a", "audience": "b", "keys_url": "https://a.example/", "ca": "k"}, "k"),
    ({"issuer": "a", "audience": "b", "keys": "good", "algorithms": ["none"]}, "'none' is no signature"),
    ({"issuer": "a", "audience": "b", "keys": "good", "algorithms": ["HS256"]}, "needs a secret"),
    ({"issuer": "a", "audience": "b", "keys": "good", "algorithms": ["ES256K"]}, "no algorithm"),
    ({"issuer": "a b", "audience": "b", "keys": "good"}, "has a blank"),
    ({"issuer": "a", "audience": "b", "keys": "good", "user": ".sub"}, "no claim's name"),
    ({"issuer": "a", "audience": "b", "keys_url": "file:///etc/passwd"}, "http"),
], ids=str)
def test_wrong_ones_are_told(tmp_path, issuer, words):
    (tmp_path / "k").write_text("nothing")
    (tmp_path / "good").write_text(Key("EdDSA").pem())
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"},
                                           "auth": {"jwt": {"issuers": [issuer]}}}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and words in done.stdout + done.stderr


def test_check_and_route_say_it(tmp_path):
    (tmp_path / "good").write_text(Key("EdDSA").pem())
    path = tmp_path / "t.yaml"
    one = {"issuer": "a", "audience": "b", "keys": "good"}
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"}, "auth": {"jwt": {
        "issuers": [one, {"issuer": "c", "audience": "b", "keys_url": "http://id.example.com/jwks"}]}}}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 0 and "whoever is on the way" in done.stdout + done.stderr
    assert "by jwt; others get 401" in command("route", "-c", str(path), "http://a.example/").stdout
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"},
                                           "auth": {"jwt": {"issuers": [one, one]}}}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and "is there twice" in done.stdout + done.stderr
