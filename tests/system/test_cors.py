"""Cross-origin requests: preflights answered at the edge, the fields of all other answers, right and wrong uses.
Over both versions of HTTP on either side."""

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from test_h2_combinations import ask_h1, ask_h2, h1_origin, h2_origin
from tidegate import command

APP = "https://app.example"
STRICT = {"origins": [APP, "https://*.partner.example"], "methods": ["PUT"], "fields": ["X-Token"],
          "expose": ["ETag"], "credentials": True, "max_age": "2h"}
BACKS = {"h1": h1_origin, "h2c": h2_origin}
ASKS = {"h1": ask_h1, "h2": ask_h2}


def says(target, body):
    del target, body
    return 200, [("access-control-allow-origin", "*"), ("access-control-allow-methods", "TRACE"),
                 ("etag", "\"1\"")], b"hello", [], []


class World:
    def __init__(self, start, front, back):
        self.ask_with = ASKS[front]
        self.origin = BACKS[back](says)
        self.gateway = start({
            "sites": [{"hosts": ["shop.example"], "cors": STRICT, "routes": [
                {"match": {"path": "/open/*"}, "backend": "up", "cors": {"origins": ["*"], "fields": ["*"]}},
                {"match": {"path": "/own/*"}, "respond": {"status": 404}},
                {"match": {"path": "/put/*", "methods": ["GET", "PUT"]}, "backend": "up", "delay": "1h"},
                {"match": {"path": "/app/*"}, "backend": "up"}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def ask(self, path, origin=None, verb="GET", **fields):
        del self.origin.requests_seen[:]
        lines = [("Origin", origin)] if origin is not None else []
        lines += [("Access-Control-Request-" + name.title(), value) for name, value in fields.items()]
        return self.ask_with(self.gateway, path, verb, None, lines, None)


@pytest.fixture(name="world", scope="module", params=["h1-h1", "h1-h2c", "h2-h1", "h2-h2c"])
def _world(request, start_for_module):
    world = World(start_for_module, *request.param.split("-"))
    yield world
    world.origin.close(check=False)


def cors_of(answer):
    return {name[len("access-control-"):]: value for name, value in answer.fields.items()
            if name.startswith("access-control-")}


def test_a_preflight_is_answered_here(world):
    answer = world.ask("/app/x", APP, "OPTIONS", method="PUT", headers="x-token")
    assert answer.status == 204 and not answer.body and not world.origin.requests_seen
    assert cors_of(answer) == {"allow-origin": APP, "allow-credentials": "true", "allow-methods": "PUT",
                               "allow-headers": "X-Token", "max-age": "7200"}
    assert answer.fields["vary"] == "Origin"


def test_it_is_for_the_route_of_the_request_that_is_to_follow_and_waits_for_no_phase(world):
    answer = world.ask("/put/x", APP, "OPTIONS", method="PUT")
    assert answer.status == 204 and cors_of(answer)["allow-origin"] == APP
    assert world.ask("/put/x", APP, "OPTIONS", method="DELETE").status == 405
    assert world.ask("/none", APP, "OPTIONS", method="GET").status == 404


def test_what_is_no_preflight_goes_on(world):
    assert world.ask("/app/x", APP, "OPTIONS").status == 200 and world.origin.requests_seen
    assert world.ask("/app/x", None, "OPTIONS", method="PUT").status == 200 and world.origin.requests_seen
    assert world.ask("/app/x", APP, "GET", method="PUT").status == 200 and world.origin.requests_seen


def test_answers_say_who_may_read_them_whatever_the_server_said(world):
    answer = world.ask("/app/x", APP)
    assert answer.body == b"hello" and answer.fields["vary"] == "Origin"
    assert cors_of(answer) == {"allow-origin": APP, "allow-credentials": "true", "expose-headers": "ETag"}
    assert cors_of(world.ask("/app/x", "https://a.b.partner.example"))["allow-origin"] == "https://a.b.partner.example"


@pytest.mark.parametrize("origin", [None, "https://evil.test", "http://app.example", "https://partner.example",
                                    "https://app.example.evil.test", "https://evil.test/.partner.example", "null"])
def test_others_are_told_nothing(world, origin):
    answer = world.ask("/app/x", origin)
    assert answer.status == 200 and not cors_of(answer) and answer.fields["vary"] == "Origin"
    if origin is not None:
        answer = world.ask("/app/x", origin, "OPTIONS", method="PUT")
        assert answer.status == 204 and not cors_of(answer) and not world.origin.requests_seen


def test_answers_and_errors_of_the_gateway_say_it_too(world):
    for path, status in (("/own/x", 404), ("/none", 404)):
        answer = world.ask(path, APP)
        assert answer.status == status and cors_of(answer)["allow-origin"] == APP


def test_a_route_of_its_own_is_for_all_without_credentials(world):
    answer = world.ask("/open/x", "https://whoever.test")
    assert cors_of(answer) == {"allow-origin": "*"} and "vary" not in answer.fields
    answer = world.ask("/open/x", "https://whoever.test", "OPTIONS", method="PUT", headers="x-a,x-b")
    assert cors_of(answer) == {"allow-origin": "*", "allow-headers": "x-a,x-b", "max-age": "600"}


@pytest.mark.parametrize("cors, said", [
    ("{ origins: [\"*\"], credentials: true }", "for the pages of all origins"),
    ("{ origins: [\"https://a.example/\"] }", "is no origin"),
    ("{ origins: [a.example] }", "is no origin"),
    ("{ origins: [\"https://*.example\"] }", "is no origin"),
    ("{ origins: [\"https://a.*.example\"] }", "is no origin"),
    ("{ credentials: true }", "has no 'origins'"),
    ("{ origins: [\"https://a.example\"], fields: [\"a b\"] }", "a b")])
def test_wrong_uses_are_told(tmp_path, cors, said):
    path = tmp_path / "t.yaml"
    path.write_text(f"sites:\n  - hosts: [a.example]\n    respond: {{}}\n    cors: {cors}\n")
    result = command("check", "-c", str(path))
    assert result.returncode == 1 and said in result.stdout + result.stderr


def test_route_says_it(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("sites:\n  - hosts: [a.example]\n    backend: 127.0.0.1:1\n"
                    "    cors: { origins: [\"https://b.example\"], credentials: true }\n")
    said = command("route", "-c", str(path), "http://a.example/").stdout
    assert "https://b.example may use the answers, as their users" in said
