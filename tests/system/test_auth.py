"""Who may send requests: passwords and keys. Over both versions of HTTP on either side."""

import base64
import concurrent.futures
import contextlib
import json
import os
import subprocess
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin
from tidegate import binary, command
from waiting import wait_until

PASSWORD = "pa:ss wörd"


def make_user(name, password):
    return subprocess.run([binary(), "passwd", name], input=password + "\n", text=True, check=True,
                          capture_output=True, timeout=60).stdout


def make_key(name, *more):
    made = subprocess.run([binary(), "key", "new", name, *more], text=True, check=True,
                          capture_output=True, timeout=60)
    return next(line for line in made.stderr.splitlines() if line.startswith("tgk_")), made.stdout


def basic(user, password, scheme="Basic"):
    return ("Authorization", scheme + " " + base64.b64encode(f"{user}:{password}".encode()).decode())


class World:
    def __init__(self, start, back, folder):
        self.seen = []
        self.folder = folder
        self.users = folder / "users.htpasswd"
        self.users.write_text("# staff\n\n" + make_user("ann", PASSWORD) + make_user("bob", "b"))
        self.key, line = make_key("ci", "--scopes", "read,write")
        self.old_key, old_line = make_key("old", "--expires", "2020-01-31")
        self.keys = folder / "partners.keys"
        self.keys.write_text(line + old_line)
        self.origin = H2Origin(serve(self._h2)) if back == "h2c" else Origin(self._h1)
        basic_auth = {"basic": {"users": str(self.users), "realm": "The staff"}}
        key_auth = {"api_key": {"keys": str(self.keys), "field": "X-Api-Key", "query": "key", "cookie": "key"}}
        self.gateway = start({
            "reload_certificates": "1s",
            "sites": [{"hosts": ["shop.example"], "auth": basic_auth, "routes": [
                {"match": {"path": "/open/*"}, "auth": "off", "backend": "up"},
                {"match": {"path": "/key/*"}, "auth": key_auth, "backend": "up"},
                {"match": {"path": "/either"}, "auth": {**basic_auth, **key_auth}, "backend": "up"},
                {"match": {"path": "/both"}, "auth": {**basic_auth, **key_auth, "mode": "all"}, "backend": "up"},
                {"match": {"path": "/passed"}, "backend": "up",
                 "auth": {"basic": {"users": str(self.users), "pass_credentials": True}}},
                {"match": {"path": "/wait"}, "backend": "up", "auth": {
                    "basic": {"users": str(self.users), "waiting": 1, "waiting_per_client": 100, "remember": "off"}}},
                {"match": {"path": "/away"}, "redirect": "https://www.example.com/"},
                {"backend": "up", "request_fields": {"set": {"X-User": "{user}"}}}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def write_users(self, text):
        """At once: half of a file is a file of other users."""
        fresh = self.users.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.users)

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                self.seen.append((request.target, [(name.lower(), value) for name, value in request.fields]))
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _h2(self, connection, request):
        self.seen.append((request.get(":path"), request.fields))
        connection.respond(request.stream, 200, [], b"ok")


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("auth")
    os.chmod(folder, 0o755)
    world = World(start_for_module, request.param, folder)
    yield world
    world.origin.close(check=False)


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


ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])


def values(fields, name):
    return [value for field, value in fields if field == name]


@ASKS
def test_password_lets_in_and_stays_here(world, ask):
    status, fields = ask(world.gateway, "/page", [basic("ann", PASSWORD), ("X-User", "root"), ("x_user", "root")])
    assert status == 200 and not values(fields, "www-authenticate")
    seen = dict(world.seen[-1][1])
    assert seen["x-user"] == "ann" and "authorization" not in seen and "x_user" not in seen
    entry = world.gateway.wait_log(target="/page", user="ann")
    assert entry["auth"] == "basic"


@ASKS
@pytest.mark.parametrize("fields, reason", [
    ([], "credentials_missing"),
    ([basic("ann", "wrong")], "credentials_wrong"),
    ([basic("nobody", PASSWORD)], "credentials_wrong"),
    ([basic("Ann", PASSWORD)], "credentials_wrong"),
    ([basic("ann", "")], "credentials_wrong"),
    ([basic("", PASSWORD)], "credentials_malformed"),
    ([basic("ann", "x" * 73)], "credentials_malformed"),
    ([basic("a" * 256, "x")], "credentials_malformed"),
    ([basic("ann", PASSWORD + "\0")], "credentials_malformed"),
    ([("Authorization", "Basic")], "credentials_malformed"),
    ([("Authorization", "Basic !!!!")], "credentials_malformed"),
    ([("Authorization", "Basic YW5u")], "credentials_malformed"),
    ([("Authorization", "Bearer YW5uOmI=")], "credentials_missing"),
    ([("Authorization", "BasicYW5uOmI=")], "credentials_missing"),
    ([basic("ann", PASSWORD), basic("bob", "b")], "credentials_malformed"),
], ids=str)
def test_others_are_told_how_to_ask(world, ask, fields, reason):
    count = len(world.seen)
    status, answer = ask(world.gateway, "/denied", fields)
    assert status == 401
    assert values(answer, "www-authenticate") == ['Basic realm="The staff", charset="UTF-8"']
    assert values(answer, "cache-control") == ["no-store"]
    assert len(world.seen) == count
    entry = world.gateway.wait_log(target="/denied", reason=reason)
    assert "user" not in entry


@ASKS
def test_scheme_is_known_in_any_case(world, ask):
    assert ask(world.gateway, "/page", [basic("bob", "b", "bASIC")])[0] == 200


@ASKS
def test_redirects_and_heads_are_asked_too(world, ask):
    assert ask(world.gateway, "/away")[0] == 401
    assert ask(world.gateway, "/away", [basic("bob", "b")])[0] == 308
    assert ask(world.gateway, "/page", method="HEAD")[0] == 401


@ASKS
def test_route_can_be_open(world, ask):
    assert ask(world.gateway, "/open/x")[0] == 200
    assert ask(world.gateway, "/open/../page")[0] in (400, 401)
    assert ask(world.gateway, "/open/%2e%2e/page")[0] in (400, 401)
    assert ask(world.gateway, "/open%2f..%2fpage")[0] in (400, 401)
    assert ask(world.gateway, "//page")[0] == 401


@ASKS
@pytest.mark.parametrize("target, fields", [
    ("/key/x", [("X-Api-Key", "{key}")]), ("/key/x?key={key}&a=1", []), ("/key/x?a=1&key={key}", []),
    ("/key/x?key={key}", []), ("/key/x?a=1", [("Cookie", "a=b; key={key}; c=d")])])
def test_key_lets_in_from_each_place(world, ask, target, fields):
    target = target.format(key=world.key)
    fields = [(name, value.format(key=world.key)) for name, value in fields]
    assert ask(world.gateway, target, fields)[0] == 200
    seen_target, seen = world.seen[-1]
    assert world.key not in seen_target and world.key not in json.dumps(seen)
    assert seen_target == ("/key/x?a=1" if "a=1" in target else "/key/x")
    assert values(seen, "cookie") in ([], ["a=b; c=d"], ["a=b;  c=d"], ["a=b", "c=d"])
    entry = world.gateway.wait_log(user="ci", auth="api_key")
    assert world.key not in json.dumps(entry)


@ASKS
@pytest.mark.parametrize("fields, query, reason", [
    ([], "", "credentials_missing"),
    ([("X-Api-Key", "tgk_wrong")], "", "credentials_wrong"),
    ([("X-Api-Key", "{old}")], "", "credentials_expired"),
    ([("X-Api-Key", "{key}"), ("X-Api-Key", "{key}")], "", "credentials_malformed"),
    ([("X-Api-Key", "{key}")], "?key={key}", "credentials_malformed"),
    ([], "?key={key}&key={key}", "credentials_malformed"),
    ([("X-Api-Key", "x" * 513)], "", "credentials_malformed"),
    ([], "?key=", "credentials_malformed"),
    ([basic("ann", PASSWORD)], "", "credentials_missing")], ids=str)
def test_key_is_refused(world, ask, fields, query, reason):
    fill = {"key": world.key, "old": world.old_key}
    fields = [(name, value.format(**fill) if "{" in value else value) for name, value in fields]
    status, answer = ask(world.gateway, "/key/no" + query.format(**fill), fields)
    assert status == 401 and not values(answer, "www-authenticate")
    entry = world.gateway.wait_log(reason=reason, status=401)
    assert world.key not in json.dumps(entry)


@ASKS
def test_any_and_all(world, ask):
    key, pair = ("X-Api-Key", world.key), basic("bob", "b")
    assert ask(world.gateway, "/either", [key])[0] == 200
    assert ask(world.gateway, "/either", [pair])[0] == 200
    assert ask(world.gateway, "/either", [basic("bob", "x"), key])[0] == 200
    assert ask(world.gateway, "/either", [basic("bob", "x"), basic("ann", PASSWORD), key])[0] == 200
    assert "authorization" not in dict(world.seen[-1][1])  # servers get none of several, either
    assert ask(world.gateway, "/either")[0] == 401
    assert ask(world.gateway, "/both", [key])[0] == 401
    assert ask(world.gateway, "/both", [pair])[0] == 401
    assert ask(world.gateway, "/both", [pair, ("X-Api-Key", "tgk_no")])[0] == 401
    assert ask(world.gateway, "/both", [key, pair])[0] == 200


@ASKS
def test_credentials_are_passed_where_that_is_said(world, ask):
    pair = basic("bob", "b")
    assert ask(world.gateway, "/passed", [pair])[0] == 200
    assert dict(world.seen[-1][1])["authorization"] == pair[1]


def test_files_are_followed(world):
    before = world.users.read_text()
    late = make_user("zoe", "z")
    assert ask_h1(world.gateway, "/page", [basic("zoe", "z")])[0] == 401
    world.write_users(before + late)
    wait_until(lambda: ask_h1(world.gateway, "/page", [basic("zoe", "z")])[0] == 200, 20)
    world.write_users(before + late + "broken\n")
    wait_until(lambda: "is not NAME:HASH" in world.gateway.stderr(), 20)
    assert ask_h1(world.gateway, "/page", [basic("zoe", "z")])[0] == 200
    world.write_users(before)
    wait_until(lambda: ask_h1(world.gateway, "/page", [basic("zoe", "z")])[0] == 401, 20)
    assert ask_h1(world.gateway, "/page", [basic("ann", PASSWORD)])[0] == 200


def test_guessing_is_bounded_and_leaves_others_alone(world):
    """Of one address only a few passwords are checked at a time; what needs none is not held up."""
    def guess(number):
        return ask_h1(world.gateway, "/guess", [basic("ann", f"guess {number}")])[0]

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        statuses = pool.map(guess, range(48))
        slowest = 0.0
        for _ in range(20):
            start = time.monotonic()
            assert ask_h1(world.gateway, "/open/x")[0] == 200
            slowest = max(slowest, time.monotonic() - start)
        statuses = list(statuses)
    assert set(statuses) == {401, 429}
    assert slowest < 5
    busy = world.gateway.wait_log(reason="passwords_busy")
    assert busy["status"] == 429
    assert ask_h1(world.gateway, "/page", [basic("ann", PASSWORD)])[0] == 200


def test_passwords_that_wait_are_bounded_as_a_whole(world):
    """Whoever they are of: by 503, as it is none of this client's doing."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = set(pool.map(lambda _: ask_h1(world.gateway, "/wait", [basic("ann", PASSWORD)])[0], range(32)))
    assert statuses == {200, 503}
    assert world.gateway.wait_log(target="/wait", status=503)["reason"] == "passwords_busy"


def test_gateway_ends_while_passwords_are_checked(start, tmp_path):
    os.chmod(tmp_path, 0o755)
    users = tmp_path / "users"
    users.write_text(make_user("ann", "a"))
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "ok"}, "auth": {"basic": str(users)}}]})
    with Connection(gateway.address) as first, Connection(gateway.address) as second:
        for client in (first, second):
            client.send(request_bytes("/", host="a.example", fields=[basic("ann", "wrong")]))
        first.reset()
        assert second.read_response().status == 401


def test_route_says_it(world, tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"},
                                           "auth": {"basic": str(world.users), "api_key": str(world.keys)}}]}))
    done = command("route", "-c", str(path), "http://a.example/")
    assert "by basic or api_key; others get 401" in done.stdout


@pytest.mark.parametrize("auth, text, words", [
    ({}, "", "names no method"),
    ("off", "", "nothing to turn off"),
    ({"basic": "no.such.file"}, None, "cannot open"),
    ({"basic": "f"}, "ann:$apr1$abc$def\n", "none of bcrypt, SHA-crypt and yescrypt"),
    ({"basic": "f"}, "ann:secret\n", "line 1, user 'ann'"),
    ({"basic": "f"}, "\nann\n", "line 2 is not NAME:HASH"),
    ({"basic": "f"}, "a:$2y$31$" + "a" * 53 + "\n", "takes seconds a login"),
    ({"basic": "f"}, "a:$6$rounds=9000000$a$b\n", "takes seconds a login"),
    ({"basic": "f"}, "a:$5$a$b\na:$5$a$b\n", "is there twice"),
    ({"basic": {"users": "f", "realm": 'a"b'}}, "", "no realm may have"),
    ({"api_key": "f"}, "ci 12\n", "no 64 hex digits"),
    ({"api_key": "f"}, "ci " + "0" * 64 + " until=2\n", "neither 'scopes=' nor 'expires='"),
    ({"api_key": "f"}, "ci " + "0" * 64 + " expires=soon\n", "is a day"),
    ({"api_key": "f"}, "a " + "0" * 64 + "\nb " + "0" * 64 + "\n", "have the same key")], ids=str)
def test_wrong_ones_are_told(tmp_path, auth, text, words):
    if text is not None:
        (tmp_path / "f").write_text(text)
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["a.example"], "respond": {"body": "x"}, "auth": auth,
                                           "routes": [{"match": {"path": "/a"}, "respond": {"body": "a"}}]}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and words in done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("error: ") == 1  # once for a site and all its routes


def test_passwd_edits_a_file(tmp_path):
    path = tmp_path / "users"
    for user, password in (("ann", "a"), ("bob", "b"), ("ann", "c")):
        subprocess.run([binary(), "passwd", user, "-f", path], input=password + "\n", text=True, check=True,
                       timeout=60)
    names = [line.split(":")[0] for line in path.read_text().splitlines()]
    assert names == ["ann", "bob"]
    assert path.stat().st_mode & 0o777 == 0o640
    for arguments, words in ((["a:b"], "name one user"), ([], "name one user"), (["ann"], "no password")):
        done = subprocess.run([binary(), "passwd", *arguments], input="", text=True, timeout=60,
                              capture_output=True, check=False)
        assert done.returncode != 0 and words in done.stderr
    done = subprocess.run([binary(), "passwd", "ann"], input="x" * 73 + "\n", text=True, timeout=60,
                          capture_output=True, check=False)
    assert done.returncode == 1 and "at most 72" in done.stderr


def test_a_user_has_a_server(start, folder):
    """Whoever it is comes to the same one over either version; not all users to one."""
    names = ["ann", "bob", "cid", "dan", "eve", "fay"]
    users = folder / "six.htpasswd"
    users.write_text("".join(make_user(name, "x") for name in names))
    os.chmod(folder, 0o755)
    seen = []

    def serve_h1(connection):
        with contextlib.suppress(OSError):
            while True:
                connection.read_request()
                seen.append(connection.sock.getsockname()[1])
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    origins = [Origin(serve_h1) for _ in range(8)]
    try:
        gateway = start({"sites": [{"hosts": ["shop.example"], "auth": {"basic": {"users": str(users)}}, "backend": {
            "servers": [origin.address for origin in origins], "balance": {"hash": "user"}}}]})
        chosen = {}
        for _ in range(3):
            for name in names:
                for ask in (ask_h1, ask_h2):
                    assert ask(gateway, "/", [basic(name, "x")])[0] == 200
                    chosen.setdefault(name, set()).add(seen[-1])
        assert all(len(servers) == 1 for servers in chosen.values()), chosen
        assert len(set().union(*chosen.values())) > 1, chosen
    finally:
        for origin in origins:
            origin.close(check=False)
