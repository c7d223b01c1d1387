"""`defaults`: what all sites have that do not say otherwise. Over both versions of HTTP, with TLS and without."""

import json

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection
from h2client import Client
from origins import Origin
from tidegate import command


class World:
    def __init__(self, start, ca, folder):
        (folder / "404.html").write_text("<p>nothing here</p>")
        (folder / "404.html").chmod(0o644)
        folder.chmod(0o755)
        self.seen = []
        self.origin = Origin(self.serve)
        names = ca.server("a.example", "b.example", "r.example", "plain.example", "relayed.example")
        self.ca = ca
        up = self.origin.address
        self.gateway = start({
            "sites": [
                {"hosts": ["a.example"], "routes": [
                    {"match": {"path": "/none"}, "respond": {"status": 404}},
                    {"match": {"path": "/bare"}, "respond": {"status": 404}, "errors": "off", "cors": "off"},
                    {"backend": up}]},
                {"hosts": ["b.example"], "cors": "off", "errors": "off", "request_fields": "off",
                 "response_fields": {"remove": ["X-Theirs"], "set": {"X-Frame-Options": "SAMEORIGIN"}, "add": {"X-B": "b"}},
                 "access": [{"allow": "all"}],
                 "routes": [{"match": {"path": "/none"}, "respond": {"status": 404}}, {"backend": up}]},
                {"hosts": ["plain.example"], "tls": "off", "backend": up},
                {"hosts": ["relayed.example"], "passthrough": up}],
            "defaults": {
                "tls": names.settings(), "hsts": True, "cors": {"origins": ["https://o.example"]},
                "response_fields": {"remove": ["Server"], "set": {"X-Frame-Options": "DENY", "X-A": "a", "X-Theirs": "x"}},
                "request_fields": {"set": {"X-Seen": "{host}"}},
                "access": [{"deny": {"path": "/secret"}}, {"allow": "all"}],
                "rates": [{"requests": 1000, "per": "1m"}],
                "errors": {"404": str(folder / "404.html")}}})

    def serve(self, connection):
        while True:
            try:
                request = connection.read_request()
            except EOFError:
                return
            self.seen.append(request)
            connection.send(b"HTTP/1.1 200 OK\r\nServer: own\r\nContent-Length: 2\r\n\r\nok")

    def ask(self, front, host, target="/", fields=()):
        tls = None if host == "plain.example" else self.ca.client_context(alpn=["h2" if front == "h2" else "http/1.1"])
        if front == "h1":
            with Connection(self.gateway.address, tls=tls, server_name=host) as client:
                answer = client.request(target, "GET", host, list(fields))
                return answer.status, answer.body, answer.get
        with Client(self.gateway.address, tls=tls, server_name=host) as client:
            answer = client.request(target, fields=[(n.lower(), v) for n, v in fields])
            return answer.status, answer.body, lambda name: answer.get(name.lower())


@pytest.fixture(name="world", scope="module")
def _world(start_for_module, ca, tmp_path_factory):
    world = World(start_for_module, ca, tmp_path_factory.mktemp("defaults"))
    yield world
    world.origin.close(check=False)


FRONTS = pytest.mark.parametrize("front", ["h1", "h2"])
ORIGIN = [("Origin", "https://o.example")]


@FRONTS
def test_a_site_that_says_nothing_has_all_of_it(world, front):
    status, body, get = world.ask(front, "a.example", "/", ORIGIN)
    assert (status, body) == (200, b"ok")
    assert (get("Server"), get("X-Frame-Options"), get("X-A")) == (None, "DENY", "a")
    assert get("Strict-Transport-Security") == "max-age=31536000"
    assert get("Access-Control-Allow-Origin") == "https://o.example"
    assert get("RateLimit-Policy") == '"a.example/rate/1";q=1000;w=60'
    assert world.seen[-1].get("X-Seen") == "a.example"
    assert world.ask(front, "a.example", "/secret")[0] == 403
    assert world.ask(front, "a.example", "/none")[1] == b"<p>nothing here</p>"


@FRONTS
def test_a_site_s_own_keys_count_in_place_of_it(world, front):
    status, body, get = world.ask(front, "b.example", "/secret", ORIGIN)
    assert (status, body) == (200, b"ok")
    assert get("Access-Control-Allow-Origin") is None and get("Strict-Transport-Security") is not None
    assert world.seen[-1].get("X-Seen") is None
    assert b"nothing" not in world.ask(front, "b.example", "/none")[1]


@FRONTS
def test_fields_of_both_count_and_the_site_s_win(world, front):
    _, _, get = world.ask(front, "b.example")
    assert (get("Server"), get("X-Frame-Options"), get("X-A"), get("X-B"), get("X-Theirs")) == (None, "SAMEORIGIN", "a", "b", None)


@FRONTS
def test_a_route_may_be_without(world, front):
    status, body, get = world.ask(front, "a.example", "/bare", ORIGIN)
    assert status == 404 and b"nothing" not in body and get("Access-Control-Allow-Origin") is None
    assert get("X-Frame-Options") == "DENY"


@FRONTS
def test_a_site_without_tls(world, front):
    status, _, get = world.ask(front, "plain.example", "/")
    assert status == 200 and get("X-Frame-Options") == "DENY" and get("Strict-Transport-Security") is None


def check(folder, config, *more):
    file = folder / "tidegate.yaml"
    file.write_text(json.dumps(config) if isinstance(config, dict) else config)
    found = command("check", "-c", str(file), *more)
    return found.returncode, found.stdout + found.stderr


SITES = [{"hosts": [f"{name}.example"], "respond": {}} for name in "abc"]


def test_what_is_wrong_in_it_is_said_once(tmp_path):
    status, text = check(tmp_path, {"sites": SITES, "defaults": {
        "hsts": {"max_age": "7x"}, "cors": {"origins": ["*"], "credentials": True}, "headers": {},
        "auth": {"forward": {"backend": "nobody"}}}})
    assert status == 1 and text.count("'max_age' needs a time") == 1 and text.count("unknown backend") == 1, text
    assert text.count("'credentials'") == 1 and text.count("unknown key 'headers' in defaults") == 1, text
    assert "4 errors, 0 warnings" in text


def test_a_site_s_auth_may_be_off_where_there_is_one(tmp_path):
    (tmp_path / "users").write_text("a:$2y$05$abcdefghijklmnopqrstuuu5mFhI7bSg0bVYFbO1qHc1n3QwS8qfK\n")
    sites = [{"hosts": ["a.example"], "respond": {}}, {"hosts": ["b.example"], "auth": "off", "respond": {}}]
    assert check(tmp_path, {"sites": sites, "defaults": {"auth": {"basic": "users"}}})[0] == 0
    status, text = check(tmp_path, {"sites": sites, "defaults": {"compress": True}})
    assert status == 1 and "which has nothing to turn off" in text


def test_it_may_stand_in_a_file_of_its_own(tmp_path):
    (tmp_path / "part.yaml").write_text("defaults:\n  response_fields: { set: { X-A: a } }\n")
    status, text = check(tmp_path, {"include": ["part.yaml"], "sites": SITES})
    assert status == 0, text
    told = command("route", "-c", str(tmp_path / "tidegate.yaml"), "http://a.example/")
    assert told.returncode == 0 and "part.yaml" not in told.stderr, told.stderr


def test_diff_tells_which_sites_it_changes(tmp_path):
    def write(name, value):
        file = tmp_path / name
        file.write_text(json.dumps({"sites": [SITES[0], {**SITES[1], "compress": "off"}], "defaults": {"compress": value}}))
        return str(file)

    told = command("diff", write("old.yaml", "on"), write("new.yaml", "off"))
    assert "a.example" in told.stdout and "b.example" not in told.stdout, told.stdout + told.stderr
