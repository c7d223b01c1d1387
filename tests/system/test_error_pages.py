"""Pages in place of errors, `respond` with bodies of other kinds, maintenance. Over both versions of HTTP on either
side; followed when their files change."""

import json
import os

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from origins import free_port
from test_h2_combinations import ask_h1, ask_h2, h1_origin, h2_origin
from tidegate import command, new_folder
from waiting import wait_until

BACKS = {"h1": h1_origin, "h2c": h2_origin}
ASKS = {"h1": ask_h1, "h2": ask_h2}
STYLE = "<style>p { color: red } {} {{x}} @media{a{b:c}}</style>"
NOT_FOUND = f"<html>{STYLE}<p title='{{request.User-Agent}}'>{{status}} {{path}} {{host}}, {{request.id}}</p>{{no.such}}"
SAID = {"/404": (404, "text/html; charset=utf-8"), "/404json": (404, "application/json"), "/404none": (404, None),
        "/500": (500, "text/plain"), "/403": (403, "text/html"), "/200": (200, "text/html"),
        "/grpc": (404, "application/grpc")}


def says(target, body):
    del body
    status, kind = SAID.get(target.partition("?")[0], (200, None))
    fields = [("content-type", kind)] if kind else []
    return status, [*fields, ("etag", "\"1\""), ("x-mine", "1")], b"" if target == "/404none" else b"the server's own", [], []


class World:
    def __init__(self, start, front, back):
        self.ask_with = ASKS[front]
        self.folder = new_folder()
        self.write("404.html", NOT_FOUND)
        self.write("5xx.html", "<p>sorry {status}</p>")
        self.write("plain.txt", "plain {status}")
        self.write("down.html", "<p>back soon, {client.address}</p>")
        self.write("data.bin", b"\0\1{status}\xff")
        self.origin = BACKS[back](says)
        errors = {"404": "404.html", "5xx": "5xx.html", "410": "plain.txt"}
        routes = [
            {"match": {"path": "/gone"}, "respond": {"status": 410}},
            {"match": {"path": "/said"}, "respond": {"status": 404, "body": "own\n"}},
            {"match": {"path": "/missing"}, "respond": {"status": 404}},
            {"match": {"path": "/own/*"}, "respond": {"status": 404}, "errors": {"4xx": "plain.txt"}},
            {"match": {"path": "/dead"}, "backend": f"127.0.0.1:{free_port()}"},
            {"match": {"path": "/file"}, "respond": {"file": "404.html"}},
            {"match": {"path": "/bin"}, "respond": {"file": "data.bin", "type": "image/x-mine"}},
            {"match": {"path": "/json"}, "respond": {"json": {"a": [1, "2", True, None, {"b": "\u20ac\""}], "c": {}}}},
            {"match": {"path": "/later"}, "respond": {"status": 503, "retry_after": "90s"}},
            {"match": {"path": "/down/*"}, "backend": "up",
             "maintenance": {"file": "down.html", "except": ["192.0.2.0/24"], "retry_after": "1h"}},
            {"match": {"path": "/bare/*"}, "respond": {}, "maintenance": {}},
            {"match": {"path": "/theirs/*"}, "backend": "up", "rewrite": {"strip_prefix": "/theirs"},
             "errors": {**errors, "from_servers": True}},
            {"match": {"path": "/up/*"}, "backend": "up", "rewrite": {"strip_prefix": "/up"}}]
        self.gateway = start({
            "trusted_proxies": ["127.0.0.0/8"], "sites": [{"hosts": ["shop.example"], "errors": errors, "routes": routes}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]}, folder=self.folder)

    def write(self, name, text):
        path = self.folder / name
        fresh = self.folder / (name + ".new")
        fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
        fresh.chmod(0o644)
        os.rename(fresh, path)

    def ask(self, path, method="GET", fields=()):
        return self.ask_with(self.gateway, path, method, None, list(fields), None)


@pytest.fixture(name="world", scope="module", params=["h1-h1", "h1-h2c", "h2-h1", "h2-h2c"])
def _world(request, start_for_module):
    world = World(start_for_module, *request.param.split("-"))
    yield world
    world.origin.close(check=False)


def test_an_error_of_the_gateway_has_its_page_and_its_status(world):
    answer = world.ask("/none/<b>?x", fields=[("User-Agent", "a'><script>\"&")])
    assert answer.status in (404, 400)
    answer = world.ask("/none/b", fields=[("User-Agent", "a'><script>\"&")])
    text = answer.body.decode()
    assert answer.status == 404 and answer.fields["content-type"].startswith("text/html")
    assert answer.fields["cache-control"] == "no-store" and int(answer.fields["content-length"]) == len(answer.body)
    assert STYLE in text and "<script>" not in text and "a&#39;&gt;&lt;script&gt;&quot;&amp;" in text
    assert "404 /none/b shop.example, " in text and text.endswith("{no.such}")
    wait_until(lambda: any(one["request_id"] in text for one in world.gateway.log_entries()))
    answer = world.ask("/none/b", "HEAD")
    assert answer.status == 404 and not answer.body and int(answer.fields["content-length"]) > len(NOT_FOUND) - 100


def test_a_class_of_statuses_has_a_page(world):
    answer = world.ask("/dead")
    assert answer.status == 502 and answer.body == b"<p>sorry 502</p>"


def test_respond_without_a_body_has_the_page_and_with_one_its_own(world):
    assert world.ask("/missing").body.decode().startswith("<html>")
    assert world.ask("/said").body == b"own\n"
    answer = world.ask("/gone")
    assert answer.status == 410 and answer.body == b"plain {status}" and answer.fields["content-type"].startswith("text/plain")
    assert world.ask("/own/x").body == b"plain {status}"


def test_a_servers_errors_stay_unless_they_are_asked_for(world):
    for path, (status, _) in SAID.items():
        answer = world.ask("/up" + path)
        assert answer.status == status and answer.body == (b"" if path == "/404none" else b"the server's own")


@pytest.mark.parametrize("path, page", [("/404", "<html>"), ("/404none", "<html>"), ("/500", "<p>sorry 500</p>")])
def test_from_servers_has_the_page_in_place_of_a_servers_body(world, path, page):
    answer = world.ask("/theirs" + path)
    assert answer.status == SAID[path][0] and answer.body.decode().startswith(page)
    assert answer.fields["content-type"].startswith("text/html") and "etag" not in answer.fields
    assert answer.fields["x-mine"] == "1" and int(answer.fields["content-length"]) == len(answer.body)
    head = world.ask("/theirs" + path, "HEAD")
    assert head.status == answer.status and not head.body
    assert abs(int(head.fields["content-length"]) - len(answer.body)) < 8


@pytest.mark.parametrize("path", ["/404json", "/403", "/200", "/grpc"])
def test_what_is_for_programs_or_has_no_page_stays(world, path):
    answer = world.ask("/theirs" + path)
    assert answer.status == SAID[path][0] and answer.body == b"the server's own" and answer.fields["etag"] == "\"1\""


def test_respond_with_a_file_json_and_retry_after(world):
    answer = world.ask("/file")
    assert answer.status == 200 and answer.body.decode() == NOT_FOUND
    answer = world.ask("/bin")
    assert answer.body == b"\0\1{status}\xff" and answer.fields["content-type"] == "image/x-mine"
    answer = world.ask("/json")
    assert answer.fields["content-type"] == "application/json"
    assert json.loads(answer.body) == {"a": [1, "2", True, None, {"b": "\u20ac\""}], "c": {}}
    answer = world.ask("/later")
    assert answer.status == 503 and answer.fields["retry-after"] == "90" and answer.body == b"<p>sorry 503</p>"


def test_maintenance_is_for_all_but_some(world):
    answer = world.ask("/down/200")
    assert answer.status == 503 and answer.fields["retry-after"] == "3600"
    assert answer.body == b"<p>back soon, 127.0.0.1</p>"
    wait_until(lambda: any(one.get("reason") == "maintenance" for one in world.gateway.log_entries()))
    assert world.ask("/down/200", fields=[("X-Forwarded-For", "192.0.2.9")]).status == 200
    assert world.ask("/down/200", fields=[("X-Forwarded-For", "192.0.3.9")]).status == 503
    answer = world.ask("/bare/")
    assert answer.status == 503 and answer.body == b"<p>sorry 503</p>" and answer.fields["retry-after"] == "600"


def test_pages_are_followed_and_outlive_their_files(world):
    world.write("5xx.html", "<p>very sorry {status}</p>")
    wait_until(lambda: world.ask("/dead").body == b"<p>very sorry 502</p>")
    world.write("5xx.html", "x" * (256 * 1024 + 1))
    wait_until(lambda: "larger than 256 KiB" in world.gateway.stderr())
    assert world.ask("/dead").body == b"<p>very sorry 502</p>"
    (world.folder / "5xx.html").unlink()
    assert world.ask("/dead").body == b"<p>very sorry 502</p>"
    world.write("5xx.html", "<p>sorry {status}</p>")
    wait_until(lambda: world.ask("/dead").body == b"<p>sorry 502</p>")


@pytest.mark.parametrize("text, said", [
    ("errors: { 404: none.html }", "cannot open the page"),
    ("errors: { 404: big.html }", "larger than 256 KiB"),
    ("errors: { 200: a.html }", "unknown key '200'"),
    ("errors: { from_servers: true }", "'errors' without a page"),
    ("maintenance: { file: none.html }", "cannot open the page"),
    ("respond: { file: none.html }", "cannot open the page"),
    ("respond: { body: a, json: 1 }", "more than one body"),
    ("respond: { body: a, type: html }", "is no media type")])
def test_wrong_uses_are_told(tmp_path, text, said):
    (tmp_path / "big.html").write_bytes(b"x" * (256 * 1024 + 1))
    path = tmp_path / "t.yaml"
    answer = "" if text.startswith("respond") else "    respond: {}\n"
    path.write_text(f"sites:\n  - hosts: [a.example]\n{answer}    {text}\n")
    result = command("check", "-c", str(path))
    assert result.returncode == 1 and said in result.stdout + result.stderr


def test_route_says_what_maintenance_does(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("sites:\n  - hosts: [a.example]\n    backend: 127.0.0.1:1\n    maintenance: { except: [10.0.0.0/8] }\n")
    def ask(*more):
        done = command("route", "-c", str(path), "--json", *more, "http://a.example/")
        return json.loads(done.stdout), done.returncode
    found, status = ask()
    assert (found["result"], found["status"], found["reason"], status) == ("refused", 503, "maintenance", 1)
    assert any("all are answered 503" in step["text"] for step in found["steps"])
    assert any(step["what"] == "backend" for step in found["steps"])  # that it would be else
    found, status = ask("--from", "10.1.2.3")
    assert (found["result"], found.get("reason"), status) == ("backend", None, 0)
