"""Responses that are kept and given again (RFC 9111), over either version on either side."""

import json
import signal
import threading

import pytest

from client import Connection
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin
from tidegate import command
from waiting import wait_until

FRONTS = pytest.mark.parametrize("front", ["h1", "h2"])
BACKS = pytest.mark.parametrize("back", ["h1", "h2c"])
FRESH = [("Cache-Control", "max-age=600")]


class Server:
    """An origin of either version; `answer(target, fields)` gives (status, fields, body)."""

    def __init__(self, back, answer):
        self.answer = answer
        self.seen = []
        self.lock = threading.Lock()
        self.is_h2 = back == "h2c"
        self.origin = H2Origin(serve(self._h2)) if self.is_h2 else Origin(self._h1)
        self.address = self.origin.address

    def _take(self, method, target, fields):
        fields = {name.lower(): value for name, value in fields}
        with self.lock:
            self.seen.append((method, target, fields))
        return self.answer(target, fields)

    def _h1(self, connection):
        while True:
            try:
                request = connection.read_request()
            except EOFError:
                return
            status, fields, body = self._take(request.method, request.target, request.fields)
            head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
            head += f"Content-Length: {len(body)}\r\n\r\n" if status != 304 else "\r\n"
            connection.send(head.encode() + (b"" if request.method == "HEAD" or status == 304 else body))

    def _h2(self, connection, request):
        method = request.get(":method")
        status, fields, body = self._take(method, request.get(":path"), request.fields)
        fields = [(name.lower(), value) for name, value in fields]
        if status != 304:
            fields.append(("content-length", str(len(body))))
        connection.respond(request.stream, status, fields, b"" if method == "HEAD" or status == 304 else body)

    def asked(self, target=None):
        with self.lock:
            return [one for one in self.seen if target in (None, one[1])]


@pytest.fixture
def world(start):
    made = []

    def make(back, answer, cache=True, route=None, **more):
        server = Server(back, answer)
        made.append(server)
        gateway = start({"sites": [{"hosts": ["*"], "routes": [
            {"name": "kept", "backend": {"servers": [server.address], "protocol": back}, "cache": cache,
             **(route or {})}]}], **more})
        return gateway, server
    yield make
    for server in made:
        server.origin.close()


def ask(gateway, front, target="/", method="GET", fields=(), body=None, host="shop.example"):
    """A response with get()."""
    if front == "h1":
        with Connection(gateway.address) as connection:
            return connection.request(target, method, host, list(fields), body)
    with Client(gateway.address, server_name=host) as client:
        return client.request(target, method, body=body, fields=[(n.lower(), v) for n, v in fields])


def get(response, name):
    return response.get(name.lower() if hasattr(response, "is_ended") else name)


# ---- what is given ----

@BACKS
@FRONTS
def test_a_fresh_response_is_given_again_whatever_the_versions(world, front, back):
    large = bytes(range(256)) * 2000
    gateway, server = world(back, lambda target, fields: (200, FRESH + [("X-A", "b"), ("ETag", '"e"')], large))
    first = ask(gateway, front, "/a?b")
    assert first.status == 200 and first.body == large and get(first, "Age") is None
    assert get(first, "Cache-Status") == "tidegate; fwd=uri-miss; stored"
    for other in ("h1", "h2"):
        again = ask(gateway, other, "/a?b")
        assert again.status == 200 and again.body == large and get(again, "X-A") == "b"
        assert int(get(again, "Age")) >= 0 and get(again, "Cache-Status").startswith("tidegate; hit; ttl=")
        head = ask(gateway, other, "/a?b", "HEAD")
        assert head.status == 200 and head.body == b"" and get(head, "Content-Length") == str(len(large))
    assert len(server.asked()) == 1
    ask(gateway, front, "/a?c")
    ask(gateway, front, "/a?b", host="other.example")
    assert len(server.asked()) == 3
    assert gateway.wait_log(cache_status="hit")["status"] == 200
    assert gateway.wait_log(cache_status="miss")["target"] == "/a?b"


@FRONTS
def test_conditions_and_ranges_are_answered_from_what_is_stored(world, front):
    gateway, server = world("h1", lambda target, fields: (
        200, FRESH + [("ETag", '"e"'), ("Content-Type", "text/plain")], b"0123456789"))
    ask(gateway, front, "/", fields=[("If-None-Match", '"e"')])  # is asked for whole, to be kept
    assert "if-none-match" not in server.asked()[0][2]
    same = ask(gateway, front, "/", fields=[("If-None-Match", 'W/"e"')])
    assert same.status == 304 and same.body == b"" and get(same, "ETag") == '"e"'
    assert get(same, "Content-Type") is None
    assert ask(gateway, front, "/", fields=[("If-None-Match", '"x"')]).status == 200
    part = ask(gateway, front, "/", fields=[("Range", "bytes=2-4")])
    assert part.status == 206 and part.body == b"234" and get(part, "Content-Range") == "bytes 2-4/10"
    part = ask(gateway, front, "/", fields=[("Range", "bytes=-3"), ("If-Range", '"e"')])
    assert part.status == 206 and part.body == b"789"
    assert ask(gateway, front, "/", fields=[("Range", "bytes=2-4"), ("If-Range", '"x"')]).body == b"0123456789"
    assert ask(gateway, front, "/", fields=[("Range", "bytes=0-1,3-4")]).body == b"0123456789"
    beyond = ask(gateway, front, "/", fields=[("Range", "bytes=10-")])
    assert beyond.status == 416 and get(beyond, "Content-Range") == "bytes */10"
    assert len(server.asked()) == 1


def test_a_range_of_what_is_not_stored_is_the_servers(world):
    gateway, server = world("h1", lambda target, fields: (
        206, FRESH + [("Content-Range", "bytes 0-1/9")], b"01") if "range" in fields else (200, FRESH, b"012345678"))
    for _ in range(2):
        assert ask(gateway, "h1", "/", fields=[("Range", "bytes=0-1")]).status == 206
    assert ask(gateway, "h1", "/").body == b"012345678"
    assert len(server.asked()) == 3


@pytest.mark.parametrize("back", ["h1", "h2c"])
@pytest.mark.parametrize("tag, updated", [('W/"e"', True), ('"other"', False), (None, True)])
def test_a_304_reaches_nobody_who_did_not_ask_for_it(world, back, tag, updated):
    """Whatever its ETag is: nginx makes it weak where it compresses, and some servers mistake it."""
    def answer(target, fields):
        if fields.get("if-none-match") == '"e"':
            tags = [("ETag", tag)] if tag else []
            return 304, [*tags, ("Content-Type", "text/new"), ("Content-Location", "/new"), ("Cache-Control", "max-age=0")], b""
        return 200, [("ETag", '"e"'), ("Content-Type", "text/old"), ("Cache-Control", "max-age=0")], b"body"
    gateway, server = world(back, answer)
    for front in ("h1", "h2"):
        ask(gateway, front)
        again = ask(gateway, front)
        assert (again.status, again.body, get(again, "ETag")) == (200, b"body", '"e"')
        assert get(again, "Content-Type") == ("text/new" if updated else "text/old")
        assert get(again, "Content-Location") == ("/new" if updated else None)
    assert len(server.asked()) == 4


@BACKS
@FRONTS
def test_what_is_stale_is_validated(world, front, back):
    def answer(target, fields):
        if fields.get("if-none-match") == '"e"':
            return 304, [("ETag", '"e"'), ("X-B", "new"), ("Cache-Control", "max-age=0")], b""
        return 200, [("ETag", '"e"'), ("X-B", "old"), ("Cache-Control", "max-age=0")], b"body"
    gateway, server = world(back, answer)
    assert ask(gateway, front).body == b"body"
    again = ask(gateway, front)
    assert again.status == 200 and again.body == b"body" and get(again, "X-B") == "new"
    assert "fwd=stale; fwd-status=304" in get(again, "Cache-Status")
    assert ask(gateway, front, fields=[("If-None-Match", '"e"')]).status == 304
    assert [one[2].get("if-none-match") for one in server.asked()] == [None, '"e"', '"e"']
    assert gateway.wait_log(cache_status="revalidated")["status"] == 200


# ---- what is kept: a table of RFC 9111's cases ----

KEPT = [
    ("max-age", [("Cache-Control", "max-age=9")], {}, True),
    ("s-maxage", [("Cache-Control", "s-maxage=9")], {}, True),
    ("expires", [("Expires", "Fri, 01 Jan 2100 00:00:00 GMT")], {}, True),
    ("expires that is no date", [("Expires", "0")], {}, False),
    ("nothing said", [], {}, False),
    ("last-modified", [("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT")], {}, True),
    ("no-store", [("Cache-Control", "max-age=9, no-store")], {}, False),
    ("private", [("Cache-Control", "max-age=9, private")], {}, False),
    ("max-age of nothing", [("Cache-Control", "max-age=0")], {}, False),
    ("s-maxage above max-age", [("Cache-Control", "max-age=9, s-maxage=0")], {}, False),
    ("two max-age", [("Cache-Control", "max-age=9"), ("Cache-Control", "max-age=0")], {}, False),
    ("quotes without an end", [("Cache-Control", 'max-age=9, x="')], {}, False),
    ("vary by all", [("Cache-Control", "max-age=9"), ("Vary", "*")], {}, False),
    ("set-cookie", [("Cache-Control", "max-age=9"), ("Set-Cookie", "a=b")], {}, False),
    ("set-cookie and public", [("Cache-Control", "max-age=9, public"), ("Set-Cookie", "a=b")], {}, True),
    ("age above max-age", [("Cache-Control", "max-age=9"), ("Age", "10")], {}, False),
    ("authorization", [("Cache-Control", "max-age=9")], {"Authorization": "Basic x"}, False),
    ("authorization and public", [("Cache-Control", "max-age=9, public")], {"Authorization": "Basic x"}, True),
    ("cookie", [("Cache-Control", "max-age=9")], {"Cookie": "a=b"}, True),
    ("cookie and a guess", [("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT")], {"Cookie": "a=b"}, False),
    ("no-store of the request", [("Cache-Control", "max-age=9")], {"Cache-Control": "no-store"}, False),
    ("no-cache of the request", [("Cache-Control", "max-age=9")], {"Cache-Control": "no-cache"}, True),
    ("another method in a field", [("Cache-Control", "max-age=9")], {"X-HTTP-Method-Override": "PUT"}, False),
    ("another URL in a field that no server gets", [("Cache-Control", "max-age=9")], {"X-Rewrite-URL": "/admin"}, True),
]


def test_what_is_kept_and_what_is_not(world):
    cases = {f"/{number}": case for number, case in enumerate(KEPT)}
    gateway, server = world("h1", lambda target, fields: (200, cases[target][1], b"x"))
    wrong = []
    for target, (name, _, fields, is_kept) in cases.items():
        for _ in range(2):
            assert ask(gateway, "h1", target, fields=fields.items()).body == b"x"
        if len(server.asked(target)) != (1 if is_kept else 2):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("status, is_kept", [(200, True), (404, True), (410, True), (301, True), (302, True), (400, False),
                                             (414, False), (431, False), (502, False)])
def test_statuses(world, status, is_kept):
    gateway, server = world("h1", lambda target, fields: (status, FRESH, b"x"))
    for _ in range(2):
        assert ask(gateway, "h1").status == status
    assert len(server.asked()) == (1 if is_kept else 2)


def test_vary_tells_requests_apart(world):
    gateway, server = world("h1", lambda target, fields: (
        200, FRESH + [("Vary", "Accept-Language")], fields.get("accept-language", "none").encode()))
    for language in ("de", "en", "de", "en"):
        assert ask(gateway, "h2", fields=[("Accept-Language", language)]).body == language.encode()
    assert ask(gateway, "h1").body == b"none"
    assert len(server.asked()) == 3


def test_key_and_ignored_parameters(world):
    gateway, server = world("h1", lambda target, fields: (200, FRESH, target.encode()),
                            cache={"ignore_query": ["utm_*", "x"], "key": ["{cookie.lang}"]})
    assert ask(gateway, "h1", "/?a=1&utm_source=2&x=3").body == b"/?a=1&utm_source=2&x=3"
    assert ask(gateway, "h1", "/?utm_medium=9&a=1").body == b"/?a=1&utm_source=2&x=3"
    assert ask(gateway, "h1", "/?a=2").body == b"/?a=2"
    assert ask(gateway, "h1", "/?a=2", fields=[("Cookie", "lang=de")]).body == b"/?a=2"
    assert len(server.asked()) == 3
    # To some servers the second one is a parameter of its own.
    assert ask(gateway, "h1", "/?a=1&utm_source=2;a=3").body == b"/?a=1&utm_source=2;a=3"
    assert ask(gateway, "h1", "/?a=1&utm_source=2;x=3").body == b"/?a=1&utm_source=2&x=3"
    assert len(server.asked()) == 4


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("back", ["h1", "h2c"])
@pytest.mark.parametrize("rewrite, targets", [
    ({"replace": {"regex": "^/", "with": "/{cookie.lang}/"}}, ["/de/a?b", "/en/a?b"]),
    ({"query": "lang={cookie.lang}&{query}"}, ["/a?lang=de&b", "/a?lang=en&b"])], ids=["path", "query"])
def test_what_a_rewrite_makes_of_other_fields_is_told_apart(world, front, back, rewrite, targets):
    """Otherwise the first one's language would be everybody's."""
    gateway, server = world(back, lambda target, fields: (200, FRESH, target.encode()), route={"rewrite": rewrite})
    for _ in range(2):
        for lang, target in zip(("de", "en"), targets):
            assert ask(gateway, front, "/a?b", fields=[("Cookie", f"lang={lang}")]).body == target.encode()
    assert [one[1] for one in server.asked()] == targets


def test_large_responses_pass_without_being_kept(world):
    body = b"x" * 50000
    gateway, server = world("h1", lambda target, fields: (200, FRESH, body), cache={"max_entry": "10k"})
    for _ in range(2):
        assert ask(gateway, "h2").body == body
    assert len(server.asked()) == 2


# ---- many at once ----

@BACKS
@FRONTS
def test_one_asks_and_the_others_wait_on_all_workers(world, front, back):
    go = threading.Event()

    def answer(target, fields):
        go.wait(10)
        return 200, FRESH, b"once"
    gateway, server = world(back, answer, workers=2, control="control.sock")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(gateway, front).body)) for _ in range(12)]
    for thread in threads:
        thread.start()
    wait_until(lambda: status(gateway)["waits"] == 11)
    go.set()
    for thread in threads:
        thread.join()
    assert answers == [b"once"] * 12
    assert len(server.asked()) == 1


def status(gateway):
    done = command("status", "--json", "--socket", str(gateway.folder / "control.sock"))
    return json.loads(done.stdout)["cache"]


def test_those_that_wait_all_go_where_the_response_is_not_to_be_kept(world):
    go = threading.Event()

    def answer(target, fields):
        go.wait(10)
        return 200, [("Cache-Control", "private")], fields["x-who"].encode()
    gateway, server = world("h1", answer, control="control.sock")
    answers = {}

    def one(who):
        answers[who] = ask(gateway, "h1", fields=[("X-Who", who)]).body.decode()
    threads = [threading.Thread(target=one, args=(f"{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: status(gateway)["waits"] == 5)
    go.set()
    for thread in threads:
        thread.join()
    assert answers == {f"{number}": f"{number}" for number in range(6)}
    assert len(server.asked()) == 6


def test_another_one_asks_where_the_first_has_left(world):
    go = threading.Event()

    def answer(target, fields):
        if fields.get("x-who") == "first":
            go.wait(10)
        return 200, FRESH, b"x"
    gateway, server = world("h1", answer, control="control.sock")
    with Connection(gateway.address) as first:
        first.send(b"GET / HTTP/1.1\r\nHost: shop.example\r\nX-Who: first\r\n\r\n")
        wait_until(lambda: len(server.asked()) == 1)
        other = threading.Thread(target=ask, args=(gateway, "h1"))
        other.start()
        wait_until(lambda: status(gateway)["waits"] == 1)
        first.reset() if hasattr(first, "reset") else first.close()
    other.join()
    go.set()
    assert len(server.asked()) == 2


def test_waiting_has_an_end(world):
    go = threading.Event()

    def answer(target, fields):
        if fields.get("x-who") == "first":
            go.wait(10)
        return 200, FRESH, b"x"
    gateway, server = world("h1", answer, cache={"wait": "50ms"})
    first = threading.Thread(target=ask, args=(gateway, "h1"), kwargs={"fields": [("X-Who", "first")]})
    first.start()
    wait_until(lambda: len(server.asked()) == 1)
    assert ask(gateway, "h1").body == b"x"
    go.set()
    first.join()


# ---- stale ----

@BACKS
@FRONTS
def test_stale_while_revalidate(world, front, back):
    count = [0]

    def answer(target, fields):
        count[0] += 1
        return 200, [("Cache-Control", "max-age=0, stale-while-revalidate=60"), ("ETag", f'"{count[0]}"')], f"{count[0]}".encode()
    gateway, server = world(back, answer)
    assert ask(gateway, front).body == b"1"
    assert ask(gateway, front).body == b"1"
    wait_until(lambda: len(server.asked()) == 2)
    wait_until(lambda: ask(gateway, front).body != b"1")
    assert server.asked()[1][2].get("if-none-match") == '"1"'
    assert gateway.wait_log(cache_status="stale")["status"] == 200


@BACKS
@FRONTS
def test_stale_if_error(world, front, back):
    fails = [False]

    def answer(target, fields):
        if fails[0]:
            return 503, [], b"sorry"
        return 200, [("Cache-Control", "max-age=0, stale-if-error=60")], b"good"
    gateway, server = world(back, answer)
    assert ask(gateway, front).body == b"good"
    fails[0] = True
    again = ask(gateway, front)
    assert again.status == 200 and again.body == b"good"
    assert ask(gateway, front, "/other").status == 503
    assert gateway.wait_log(cache_status="stale")["reason"] == "stale_for_error"


def test_stale_if_no_server_can_be_reached(world):
    gateway, server = world("h1", lambda target, fields: (200, [("Cache-Control", "max-age=0")], b"good"),
                            cache={"stale_if_error": "1h"})
    assert ask(gateway, "h1").body == b"good"
    server.origin.close()
    assert ask(gateway, "h1").body == b"good"
    assert ask(gateway, "h1", "/other").status == 502


def test_must_revalidate_gives_nothing_stale(world):
    gateway, server = world("h1", lambda target, fields: (
        200, [("Cache-Control", "max-age=0, must-revalidate"), ("ETag", '"e"')], b"good"), cache={"stale_if_error": "1h"})
    assert ask(gateway, "h1").body == b"good"
    server.origin.close()
    assert ask(gateway, "h1").status == 502


def test_only_if_cached(world):
    gateway, server = world("h1", lambda target, fields: (200, FRESH, b"x"))
    assert ask(gateway, "h1", fields=[("Cache-Control", "only-if-cached")]).status == 504
    assert ask(gateway, "h1").status == 200
    assert ask(gateway, "h1", fields=[("Cache-Control", "only-if-cached")]).status == 200
    assert len(server.asked()) == 1


# ---- forgetting ----

@BACKS
@FRONTS
def test_unsafe_methods_make_it_forget(world, front, back):
    gateway, server = world(back, lambda target, fields: (
        200, FRESH + ([("Location", "/listed")] if target == "/changed" else []), b"x"))
    for target in ("/changed", "/listed", "/kept"):
        ask(gateway, front, target)
    assert ask(gateway, front, "/changed", "POST", body=b"new").status == 200
    for target in ("/changed", "/listed", "/kept"):
        ask(gateway, front, target)
    asked = [(method, target) for method, target, _ in server.asked()]
    assert asked[3:] == [("POST", "/changed"), ("GET", "/changed"), ("GET", "/listed")]


def test_purges(world):
    gateway, server = world("h1", lambda target, fields: (
        200, FRESH + [("Cache-Tag", "all things, news" if target == "/news" else "all things")], b"x"), control="control.sock")
    socket = str(gateway.folder / "control.sock")
    host = f"http://shop.example"
    targets = ("/news", "/a?b", "/c")

    def fill():
        for target in targets:
            ask(gateway, "h1", target)

    def purge(*what):
        return command("purge", *what, "--socket", socket)
    fill()
    assert purge("--tag", "news").stdout == "1 responses purged\n"
    assert purge(f"{host}/a?b").stdout == "1 responses purged\n"
    assert purge(f"{host}/nothing").stdout == "0 responses purged\n"
    fill()
    assert len(server.asked()) == 5
    assert purge("--tag", "all things").stdout == "3 responses purged\n"
    fill()
    assert purge("--all").stdout == "3 responses purged\n"
    counts = status(gateway)
    assert counts["entries"] == 0 and counts["bytes"] == 0 and counts["purged"] == 8
    assert purge().returncode == 2 and purge("--all", "--tag", "x").returncode == 2


def test_a_reload_keeps_what_is_stored(world):
    gateway, server = world("h1", lambda target, fields: (200, FRESH, b"x"))
    ask(gateway, "h1", "/a")
    settings = json.loads(gateway.config_path.read_text())
    settings["limits"] = {"cache": "128M"}
    gateway.config_path.write_text(json.dumps(settings))
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in gateway.stderr())
    assert ask(gateway, "h1", "/a").body == b"x"
    assert len(server.asked()) == 1


def test_memory_is_bounded(world):
    gateway, server = world("h1", lambda target, fields: (200, FRESH, b"x" * 60000),
                            cache={"max_entry": "100k"}, limits={"cache": "1M"}, control="control.sock")
    with Connection(gateway.address) as connection:
        for number in range(60):
            connection.request(f"/{number}", host="shop.example")
    counts = status(gateway)
    assert counts["bytes"] <= counts["limit"] == 1 << 20
    assert counts["evicted"] >= 40 and counts["stored"] == 60


# ---- the configuration ----

def test_off_where_nothing_is_said(start):
    server = Server("h1", lambda target, fields: (200, FRESH, b"x"))
    try:
        gateway = start({"sites": [
            {"hosts": ["a.example"], "backend": server.address},
            {"hosts": ["b.example"], "cache": "on", "routes": [
                {"match": {"path": "/off"}, "backend": server.address, "cache": "off"}, {"backend": server.address}]}]})
        for host, target in (("a.example", "/"), ("b.example", "/off"), ("b.example", "/on")):
            for _ in range(2):
                ask(gateway, "h1", target, host=host)
        assert [target for _, target, _ in server.asked()] == ["/", "/", "/off", "/off", "/on"]
    finally:
        server.origin.close()


def test_a_route_whose_auth_is_off_is_everybodys(start, tmp_path):
    (tmp_path / "users").write_text("a:$2y$05$abcdefghijklmnopqrstuuu5mFhI7bSg0bVYFbO1qHc1n3QwS8qfK\n")
    server = Server("h1", lambda target, fields: (200, FRESH, b"x"))
    try:
        gateway = start({"sites": [{"hosts": ["*"], "auth": {"basic": str(tmp_path / "users")}, "routes": [
            {"auth": "off", "cache": "on", "backend": server.address}]}]})
        for _ in range(2):
            assert ask(gateway, "h1", "/open").status == 200
        assert len(server.asked("/open")) == 1
    finally:
        server.origin.close()


@pytest.mark.parametrize("part, text", [
    ({"cache": {"max_entry": "32M"}}, "more than an eighth of 'limits.cache'"),
    ({"cache": {"key": ["{status}"]}}, "known only once there is a response"),
    ({"cache": {"ignore_query": ["a*b"]}}, "no name of a parameter"),
    ({"cache": {"ttl": "1s"}}, "unknown key 'ttl'"),
])
def test_check_tells_what_cannot_be(tmp_path, part, text):
    file = tmp_path / "tidegate.yaml"
    file.write_text(json.dumps({"sites": [{"hosts": ["*"], "routes": [{"backend": "127.0.0.1:1", **part}]}]}))
    found = command("check", "-c", str(file))
    assert found.returncode == 1 and text in found.stderr + found.stdout, found.stderr


def test_a_cache_needs_a_server(tmp_path):
    file = tmp_path / "tidegate.yaml"
    file.write_text(json.dumps({"sites": [{"hosts": ["*"], "routes": [{"respond": {}, "cache": True}]}]}))
    found = command("check", "-c", str(file))
    assert found.returncode == 1 and "without 'backend'" in found.stderr + found.stdout
