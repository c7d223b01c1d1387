"""Which requests may pass: rules over addresses, users, paths and countries. Over both versions of HTTP on either side."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
import mmdb
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, free_port
from tidegate import binary, command
from tlsbytes import client_hello
from waiting import wait_until


def make_key(name, *more):
    made = subprocess.run([binary(), "key", "new", name, *more], text=True, check=True,
                          capture_output=True, timeout=60)
    return next(line for line in made.stderr.splitlines() if line.startswith("tgk_")), made.stdout


def hours(begin, end):
    """So many minutes from now on, UTC."""
    now = time.time()
    return {"from": time.strftime("%H:%M", time.gmtime(now + 60 * begin)),
            "until": time.strftime("%H:%M", time.gmtime(now + 60 * end)), "zone": "utc"}


class World:
    def __init__(self, start, back, folder):
        self.seen = []
        self.blocked = folder / "blocked.txt"
        self.blocked.write_text("# nobody\n198.51.100.0/24\n")
        self.countries = folder / "countries.mmdb"
        mmdb.write(self.countries, {"203.0.113.0/24": "DE", "2001:db8:1::/48": "AT"})
        self.ann, line = make_key("ann")
        self.ci, ci_line = make_key("ci", "--scopes", "read,write")
        (folder / "keys").write_text(line + ci_line)
        self.origin = H2Origin(serve(self._h2)) if back == "h2c" else Origin(self._h1)
        self.gateway = start({
            "reload_certificates": "1s",
            "trusted_proxies": ["127.0.0.1"],
            "countries": str(self.countries),
            "policies": [{"name": "people", "rules": [{"deny": {"user": "eve"}},
                                                      {"allow": {"user": "ann"}, "name": "ann-may"}]}],
            "sites": [{
                "hosts": ["shop.example"], "auth": {"api_key": str(folder / "keys"), "mode": "optional"},
                "access": [{"deny": {"address_file": str(self.blocked)}, "name": "blocked"},
                           {"deny": {"path": "/secret/*"}, "name": "secret"},
                           {"allow": "all"}],
                "routes": [
                    {"match": {"path": "/people/*"}, "access": "people", "backend": "up"},
                    {"match": {"path": "/germany/*"}, "access": [{"allow": {"country": "DE"}}], "backend": "up"},
                    {"match": {"path": "/stranger/*"}, "access": [{"allow": {"country": "unknown"}}], "backend": "up"},
                    {"match": {"path": "/write/*"}, "backend": "up",
                     "access": [{"allow": {"methods": ["GET"]}}, {"allow": {"scope": "write"}}]},
                    {"match": {"path": "/closed/*"}, "access": [], "backend": "up"},
                    {"match": {"path": "/now/*"}, "access": [{"allow": {"hours": hours(-60, 60)}}], "backend": "up"},
                    {"match": {"path": "/later/*"}, "backend": "up",
                     "access": [{"allow": {"hours": hours(360, 420)}, "name": "later"}]},
                    {"match": {"path": "/open/*"}, "site_access": False, "backend": "up"},
                    {"match": {"path": "/dav/*"}, "backend": "up",
                     "access": [{"deny": {"path": "/dav/private/*"}}, {"allow": "all"}]},
                    {"backend": "up"}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                self.seen.append(request.target)
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _h2(self, connection, request):
        self.seen.append(request.get(":path"))
        connection.respond(request.stream, 200, [], b"ok")


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    os.chmod(folder, 0o755)
    world = World(start_for_module, request.param, folder)
    yield world
    world.origin.close(check=False)


def ask_h1(gateway, target, fields=(), method="GET", host="shop.example"):
    with Connection(gateway.address, timeout=30) as client:
        client.send(request_bytes(target, method, host, fields))
        response = client.read_response(method)
        return response.status, [(name.lower(), value) for name, value in response.fields]


def ask_h2(gateway, target, fields=(), method="GET", host="shop.example"):
    with Client(gateway.address) as client:
        answer = client.request(target, method, host=host,
                                fields=[(name.lower(), value) for name, value in fields])
        return answer.status, list(answer.fields)


ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])


def from_address(address):
    return ("X-Forwarded-For", address)


@ASKS
def test_the_time_of_day_decides(world, ask):
    assert ask(world.gateway, "/now/1")[0] == 200
    assert ask(world.gateway, "/later/1")[0] == 403
    assert world.gateway.wait_log(target="/later/1")["reason"] == "access_denied"


@ASKS
def test_rules_decide_and_the_log_says_which(world, ask):
    key = ("X-Api-Key", world.ann)
    cases = [
        ("/people/1", [key], 200, "ann-may", None),
        ("/people/2", [], 401, "shop.example/1/access/none", "access_unknown"),
        ("/people/3", [("X-Api-Key", world.ci)], 403, "shop.example/1/access/none", "access_denied"),
        ("/germany/1", [from_address("203.0.113.9")], 200, "shop.example/2/access/1", None),
        ("/germany/2", [from_address("192.0.2.1")], 403, "shop.example/2/access/none", "access_denied"),
        ("/germany/3", [from_address("[2001:db8:1::7]")], 403, "shop.example/2/access/none", "access_denied"),
        ("/stranger/1", [from_address("192.0.2.1")], 200, "shop.example/3/access/1", None),
        ("/stranger/2", [from_address("203.0.113.9")], 403, "shop.example/3/access/none", "access_denied"),
        ("/write/1", [], 200, "shop.example/4/access/1", None),
        ("/closed/1", [key], 403, "shop.example/5/access/none", "access_denied"),
        ("/any/1", [from_address("198.51.100.7")], 403, "blocked", "access_denied"),
        ("/people/4", [key, from_address("198.51.100.7")], 403, "blocked", "access_denied"),
        ("/open/1", [from_address("198.51.100.7")], 200, None, None),
        ("/any/2", [], 200, "shop.example/access/3", None),
    ]
    for target, fields, status, rule, reason in cases:
        target += "?" + ask.__name__
        got, answer = ask(world.gateway, target, fields)
        assert got == status, target
        entry = world.gateway.wait_log(target=target)
        assert entry.get("rule") == rule and entry.get("reason") == reason, target
        assert ("x-api-key" in dict(answer)) is False
    assert ask(world.gateway, "/write/2", [], "POST")[0] == 401
    assert ask(world.gateway, "/write/2", [("X-Api-Key", world.ann)], "POST")[0] == 403
    assert ask(world.gateway, "/write/2", [("X-Api-Key", world.ci)], "POST")[0] == 200


@ASKS
def test_spellings_are_no_way_past_a_rule(world, ask):
    """Of paths, and of fields that would say who the client is: whatever is not refused as such is refused by the rule."""
    before = len(world.seen)
    paths = ["/secret/x", "/%73ecret/x", "//secret/x", "/./secret/x", "/a/../secret/x", "/a/%2e%2e/secret/x",
             "/secret%2fx", "/%2573ecret/x", "/secret;v=1/x", "/a/..;/secret/x", "/secret/%2e/x", "/a%2f..%2fsecret/x",
             "/;x/secret/x", "/a/..%2fsecret/x"]
    for path in paths:
        assert ask(world.gateway, path)[0] in (400, 403), path
    for host in ("shop.example.", "SHOP.example", "shop.example:80"):
        status, _ = ask(world.gateway, "/secret/x", host=host)
        assert status in (403, 421, 400), host
    for name in ("x_forwarded_for", "X.Forwarded.For", "x_real_ip"):
        assert ask(world.gateway, "/germany/x", [(name, "203.0.113.9")])[0] == 403, name
    for name in ("Remote-User", "X-Forwarded-User", "X-Remote-User", "x_forwarded_user"):
        assert ask(world.gateway, "/people/x", [(name, "ann")])[0] == 401, name
    assert len(world.seen) == before


def test_strangers_have_no_other_address(start):
    gateway = start({"control": "control.sock", "sites": [{"hosts": ["shop.example"], "respond": {},
                                "access": [{"allow": {"client_address": ["203.0.113.0/24"]}}]}]})
    for name in ("X-Forwarded-For", "X_Forwarded_For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"):
        value = "for=203.0.113.9" if name == "Forwarded" else "203.0.113.9"
        for ask in (ask_h1, ask_h2):
            assert ask(gateway, "/", [(name, value)])[0] == 403, name
    status = json.loads(command("status", "--json", "-c", str(gateway.config_path)).stdout)
    assert status["access"] == [{"decided": 12, "rule": "shop.example/access/none", "verdict": "deny"}]


@ASKS
def test_destination_is_asked_of_the_rules_too(world, ask):
    to = lambda path: [("Destination", "http://shop.example" + path)]  # noqa: E731 pylint: disable=C3001
    assert ask(world.gateway, "/dav/a", to("/dav/b"), "MOVE")[0] == 200
    assert ask(world.gateway, "/dav/a", to("/dav/private/b"), "MOVE")[0] == 403
    assert ask(world.gateway, "/dav/a", to("/dav/%70rivate/b"), "COPY")[0] == 403
    assert ask(world.gateway, "/dav/a", to("/secret/b"), "COPY")[0] == 403


def test_files_are_followed_and_status_counts(world):
    blocked, fields = world.blocked.read_text(), [from_address("192.0.2.66")]
    assert ask_h1(world.gateway, "/f", fields)[0] == 200
    world.blocked.write_text("192.0.2.64/26\n")
    wait_until(lambda: ask_h1(world.gateway, "/f", fields)[0] == 403)
    world.blocked.write_text("192.0.2.64/26\nnonsense\n")  # the last good one is used on
    wait_until(lambda: "line 2: " in world.gateway.stderr())
    assert ask_h1(world.gateway, "/f", fields)[0] == 403
    world.blocked.write_text(blocked)
    wait_until(lambda: ask_h1(world.gateway, "/f", fields)[0] == 200)
    mmdb.write(world.countries, {"203.0.113.0/24": "DE", "192.0.2.0/24": "DE"}, bits=28)
    wait_until(lambda: ask_h1(world.gateway, "/germany/f", fields)[0] == 200)
    mmdb.write(world.countries, {"203.0.113.0/24": "DE"}, bits=32)
    wait_until(lambda: ask_h1(world.gateway, "/germany/f", fields)[0] == 403)


CONFIG = {
    "listeners": [{"bind": "127.0.0.1:8080"}], "countries": "countries.mmdb",
    "sites": [{"hosts": ["a.example"], "name": "a", "auth": {"api_key": "keys", "mode": "optional"},
               "access": [{"deny": {"address_file": "blocked.txt"}, "name": "blocked"},
                          {"allow": {"country": "DE"}, "name": "germans"},
                          {"allow": {"hours": {"from": "08:00", "until": "18:00", "zone": "utc"}, "group": "staff"},
                           "name": "office"}, {"allow": {"user": "root"}}],
               "respond": {"body": "here"}}]}


@pytest.fixture(name="config", scope="module")
def _config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("route")
    (folder / "tidegate.yaml").write_text(json.dumps(CONFIG))
    (folder / "blocked.txt").write_text("198.51.100.0/24\n")
    mmdb.write(folder / "countries.mmdb", {"203.0.113.0/24": "DE", "198.51.100.0/24": "DE"}, member="registered_country")
    return folder / "tidegate.yaml"


@pytest.mark.parametrize("options, status, rule", [
    (["--from", "203.0.113.5"], 200, "germans"),
    (["--from", "198.51.100.5", "--as", "user=root"], 403, "blocked"),
    (["--from", "192.0.2.5"], 401, "a/access/none"),
    (["--from", "192.0.2.5", "--as", "user=root"], 200, "a/access/4"),
    (["--from", "192.0.2.5", "--as", "user=ann"], 403, "a/access/none"),
    (["--from", "192.0.2.5", "--as", "user=ann", "--as", "group=staff", "--at", "2027-01-30T08:00:00Z"], 200, "office"),
    (["--from", "192.0.2.5", "--as", "group=staff", "--at", "2027-01-30T08:00:00+01:00"], 403, "a/access/none"),
    (["--from", "192.0.2.5", "--as", "group=staff", "--at", "2027-01-30T17:59:59Z"], 200, "office"),
])
def test_route_says_what_the_rules_make_of_it(config, options, status, rule):
    done = subprocess.run([binary(), "route", "-c", str(config), "http://a.example:8080/x", "--json", *options],
                          capture_output=True, text=True, timeout=30, check=False)
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["rule"]) == (status, rule)
    assert done.returncode == (0 if status == 200 else 1)
    step = next(step for step in answer["steps"] if step["what"] == "access")
    assert rule in step["text"] or status == 403 or status == 401


@pytest.mark.parametrize("options, problem", [
    (["--as", "ann"], "user=, group= or scope="), (["--as", "user="], "user="), (["--at", "noon"], "is no time"),
    (["--at", "2027-01-30T08:00:00"], "is no time"), (["--at", "2027-01-30T08:00:00+1:00"], "is no time")])
def test_route_says_what_it_does_not_understand(config, options, problem):
    done = subprocess.run([binary(), "route", "-c", str(config), "http://a.example:8080/", *options],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and problem in done.stderr


@pytest.mark.parametrize("name, bytes_, problem", [
    ("blocked.txt", b"10.0.0.0/8\n10.0.0.999\n", "line 2"), ("countries.mmdb", b"no database", "no MaxMind DB file"),
    ("countries.mmdb", None, "GeoLite2-ASN"), ("blocked.txt", False, "cannot open")])
def test_check_reads_the_files(tmp_path, name, bytes_, problem):
    (tmp_path / "tidegate.yaml").write_text(json.dumps(
        {**CONFIG, "sites": [{**CONFIG["sites"][0], "auth": "off", "access": CONFIG["sites"][0]["access"][:2]}]}))
    config = json.loads((tmp_path / "tidegate.yaml").read_text())
    del config["sites"][0]["auth"]
    (tmp_path / "tidegate.yaml").write_text(json.dumps(config))
    (tmp_path / "blocked.txt").write_text("")
    mmdb.write(tmp_path / "countries.mmdb", {"203.0.113.0/24": "DE"})
    if bytes_ is None:
        mmdb.write(tmp_path / name, {"203.0.113.0/24": "DE"}, kind="GeoLite2-ASN")
    elif bytes_ is False:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(bytes_)
    done = subprocess.run([binary(), "check", "-c", "tidegate.yaml"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1 and problem in done.stdout + done.stderr


CASES = """
cases:
  - { name: root may, url: "http://a.example:8080/x", from: 192.0.2.5, as: { user: root }, expect: allow, rule: a/access/4 }
  - { url: "http://a.example:8080/x", from: 203.0.113.5, expect: 200, rule: germans, route: a/1 }
  - { url: "http://a.example:8080/x", from: 198.51.100.5, as: { user: root }, expect: deny, rule: blocked }
  - { url: "http://a.example:8080/x", from: 192.0.2.5, expect: 401 }
  - { url: "http://a.example:8080/x", from: 192.0.2.5, as: { group: [users, staff] }, at: "2027-01-30T09:00:00Z", expect: allow, rule: office }
  - { url: "http://a.example:8080/x", from: 192.0.2.5, as: { group: staff }, at: "2027-01-30T19:00:00Z", expect: 403, method: POST }
  - { url: "http://b.example:8080/", expect: deny }
"""


def run_cases(config, text, *options):
    (config.parent / "cases.yaml").write_text(text)
    return subprocess.run([binary(), "test", "cases.yaml", "-c", str(config), *options], cwd=config.parent,
                          capture_output=True, text=True, timeout=30, check=False)


def test_cases_are_a_gate(config):
    done = run_cases(config, CASES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    root may\n" in done.stdout and done.stdout.endswith("7 of 7 cases are as expected\n")
    wrong = CASES.replace("expect: 401", "expect: allow").replace("rule: germans", "rule: office")
    done = run_cases(config, wrong)
    assert done.returncode == 1
    assert "FAIL  GET http://a.example:8080/x  (cases.yaml:4)\n      want  200, by the rule 'office', route 'a/1'\n" in done.stdout
    assert "got   allow (200), by the rule 'germans', route 'a/1'" in done.stdout
    assert "got   deny (401), access_unknown, by the rule 'a/access/none', route 'a/1'" in done.stdout
    assert "5 of 7 cases are as expected" in done.stdout
    answer = json.loads(run_cases(config, wrong, "--json").stdout)
    assert (answer["count"], answer["right"]) == (7, 5)
    assert [case["line"] for case in answer["cases"] if not case["right"]] == [4, 6]


@pytest.mark.parametrize("text, problem", [
    ("", "cases"), ("cases: []", "has a list 'cases'"), ("cases: [ { url: 'http://a.example/' } ]", "'url' and 'expect'"),
    ("cases: [ { url: 'http://a.example/', expect: maybe } ]", "nor a status"),
    ("cases: [ { url: 'http://a.example/', expect: allow, form: 10.0.0.1 } ]", "did you mean 'from'"),
    ("cases: [ { url: 'http://a.example/', expect: allow, from: 10.0.0.0/8 } ]", "no address"),
    ("cases: [ { url: 'ftp://a.example/', expect: allow } ]", "cases.yaml:1"),
    ("cases: [ { url: 'http://a.example/', expect: allow, as: { user: [a] } } ]", "a text is needed"),
    ("cases: [ { url: 'http://a.example/', expect: allow, at: noon } ]", "no time"),
    ("cases: [ { url: 'http://a.example/', expect: allow, certificate: maybe } ]", "neither true nor false"),
    ("cases: [", "not valid YAML")])
def test_cases_with_mistakes(config, text, problem):
    done = run_cases(config, text)
    assert done.returncode == 1 and problem in done.stderr, done.stderr


def test_connections_that_are_passed_on(start, tmp_path):
    """Of a site that never sees what is in them: by address, country and time."""
    os.chmod(tmp_path, 0o755)
    mmdb.write(tmp_path / "countries.mmdb", {"127.0.0.3/32": "DE"})
    with contextlib.closing(EchoServer()) as server:
        rules = [{"deny": {"client_address": ["127.0.0.2"]}, "name": "not-two"}, {"allow": {"country": "DE"}},
                 {"allow": {"client_address": ["127.0.0.1"], "hours": hours(-60, 60)}}]
        gateway = start({
            "countries": str(tmp_path / "countries.mmdb"),
            "listeners": [{"bind": "127.0.0.1:0"}, {"bind": f"127.0.0.1:{free_port()}", "tcp": server.address, "access": rules}],
            "sites": [{"hosts": ["a.example"], "passthrough": server.address, "access": rules,
                       "passthrough_by_alpn": [{"alpn": ["mqtt"], "backend": server.address}],
                       "acme_passthrough": server.address}]})
        hello = client_hello("a.example")
        assert try_hello(gateway, "127.0.0.2", hello) == bytes([0x15, 3, 3, 0, 2, 2, 49])  # access_denied
        entry = gateway.wait_log(reason="access_denied")
        assert "'not-two'" in entry["detail"] and entry["client"].startswith("127.0.0.2:")
        assert try_hello(gateway, "127.0.0.4", hello) == bytes([0x15, 3, 3, 0, 2, 2, 49])
        assert try_hello(gateway, "127.0.0.3", hello) == hello[:7]
        assert try_hello(gateway, "127.0.0.1", hello) == hello[:7]
        url = f"https://a.example:{gateway.address[1]}/"
        for address, status in (("127.0.0.2", 1), ("127.0.0.3", 0), ("127.0.0.4", 1)):
            done = command("route", url, "--from", address, "-c", str(gateway.config_path))
            assert done.returncode == status, done.stdout
            assert ("access_denied" in done.stdout) == (status == 1)
        context = ssl.create_default_context()
        for protocol, answer in (("mqtt", 0x15), ("acme-tls/1", 0x16)):  # which comes from anywhere
            context.set_alpn_protocols([protocol])
            assert try_hello(gateway, "127.0.0.2", client_hello("a.example", context))[0] == answer
        relayed = gateway.addresses[1]
        assert try_hello(gateway, "127.0.0.1", b"1234567", relayed) == b"1234567"
        assert try_hello(gateway, "127.0.0.3", b"1234567", relayed) == b"1234567"
        assert try_hello(gateway, "127.0.0.2", b"1234567", relayed) == b""
        gateway.wait_log(reason="access_denied", listener=f"127.0.0.1:{relayed[1]}")
        for address, status in (("127.0.0.2", 1), ("127.0.0.3", 0)):
            done = command("route", f"tcp://127.0.0.1:{relayed[1]}", "--from", address, "-c", str(gateway.config_path))
            assert done.returncode == status, done.stdout


class EchoServer:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                with contextlib.closing(sock):
                    sock.sendall(sock.recv(65536))

    def close(self):
        self.listener.close()


def try_hello(gateway, source, hello, address=None):
    """What comes back first; b"": the connection was closed."""
    with contextlib.suppress(ConnectionError):
        with socket.create_connection(address or gateway.address, timeout=20, source_address=(source, 0)) as sock:
            sock.sendall(hello)
            return sock.recv(7, socket.MSG_WAITALL)
    return b""
