"""Strategies of balancing as clients see them: which requests get the same server, and what a cookie does."""

import collections
import contextlib
import json
import re
import subprocess

import pytest

import h2origin
from client import Connection, open_socket
from h2client import Client
from h2origin import H2Origin
from origins import EchoOrigin
from pairs import FRONTS
from tidegate import binary, command
from tlsbytes import client_hello
from waiting import wait_until

COUNT = 4
BACKS = pytest.mark.parametrize("back", ["h1", "h2"])
KINDS = {
    "turns": "round_robin", "least": "least_requests", "two": "random_of_two", "ewma": "ewma",
    "first": "first", "source": "source", "header": {"hash": {"header": "X-User"}},
    "cookie": {"hash": {"cookie": "id"}}, "query": {"hash": {"query": "u"}}, "path": {"hash": "path"},
    "sticky": {"sticky": {"cookie": "lb", "max_age": "1h", "same_site": "strict"}}, "usual": "sticky",
}


class World:
    """Four servers of each version, and a backend for each strategy and version."""

    def __init__(self, start, stack):
        self.h1 = [stack.enter_context(EchoOrigin(f"h1-{i}")) for i in range(COUNT)]
        self.h2 = [stack.enter_context(H2Origin(self.script(f"h2-{i}"))) for i in range(COUNT)]
        self.raw = [stack.enter_context(EchoOrigin(f"raw-{i}")) for i in range(COUNT)]
        backends = [{"name": f"{kind}-{back}", "servers": [o.address for o in origins],
                     "protocol": protocol, "balance": balance}
                    for kind, balance in KINDS.items()
                    for back, protocol, origins in (("h1", "h1", self.h1), ("h2", "h2c", self.h2))]
        sites = [{"hosts": f"{backend['name']}.example", "backend": backend["name"],
                  "plain_http": "serve"} for backend in backends]
        sites.append({"hosts": "*.pass.example", "plain_http": "refuse",
                      "passthrough": {"servers": [o.address for o in self.raw], "balance": {"hash": "sni"}}})
        self.gateway = start({"sites": sites, "backends": backends, "trusted_proxies": ["127.0.0.0/8"]})

    @staticmethod
    def script(name):
        def answer(connection, request):
            connection.respond(request.stream, 200, [("x-origin", name)], b"ok")
        return h2origin.serve(answer)

    def client(self, front):
        return Connection(self.gateway.address) if front == "h1" else Client(self.gateway.address)

    def ask(self, client, kind, back, target="/", **fields):
        """(server, Set-Cookie)"""
        host = f"{kind}-{back}.example"
        fields = [(name.replace("_", "-"), value) for name, value in fields.items()]
        if isinstance(client, Connection):
            response = client.request(target, host=host, fields=fields)
        else:
            response = client.wait(client.start(target, host=host, fields=fields))
        assert response.status == 200
        found = re.search(rb'"origin": "(h1-\d)"', response.body)
        return (found.group(1).decode() if found else response.get("x-origin")), \
            response.get("set-cookie" if isinstance(client, Client) else "Set-Cookie")


@pytest.fixture(name="world", scope="module")
def fixture_world(start_for_module):
    with contextlib.ExitStack() as stack:
        yield World(start_for_module, stack)


@FRONTS
@BACKS
@pytest.mark.parametrize("kind", ["turns", "least", "two", "ewma", "header", "cookie", "query"])
def test_requests_without_anything_in_common_are_spread(world, front, back, kind):
    with world.client(front) as client:
        servers = {world.ask(client, kind, back)[0] for _ in range(60)}
    assert len(servers) == COUNT if kind != "ewma" else len(servers) > 1


@FRONTS
@BACKS
@pytest.mark.parametrize("kind, same", [
    ("header", lambda i: {"x_user": f"user-{i}"}), ("cookie", lambda i: {"cookie": f"a=b; id={i}"}),
    ("query", lambda i: {"target": f"/x{{n}}?u={i}"}), ("path", lambda i: {"target": f"/p{i}?n={{n}}"}),
    ("source", lambda i: {"x_forwarded_for": f"203.0.113.{i}"})])
def test_requests_with_the_same_key_get_the_same_server(world, front, back, kind, same):
    homes = {}
    with world.client(front) as client:
        for n in range(3):
            for i in range(12):
                what = {key: value.replace("{n}", str(n)) for key, value in same(i).items()}
                server, _ = world.ask(client, kind, back, **what)
                assert homes.setdefault(i, server) == server
    assert len(set(homes.values())) > 1


@FRONTS
@BACKS
def test_the_first_gets_all_while_it_can(world, front, back):
    with world.client(front) as client:
        assert {world.ask(client, "first", back)[0] for _ in range(5)} == {f"{back}-0"}


@FRONTS
@BACKS
def test_a_cookie_keeps_a_client_at_its_server(world, front, back):
    with world.client(front) as client:
        tokens = {}
        for _ in range(8):
            server, cookie = world.ask(client, "sticky", back)
            found = re.fullmatch(
                r"lb=([\w-]{22}); Path=/; Max-Age=3600; HttpOnly; SameSite=Strict", cookie)
            assert found, cookie
            tokens[server] = found.group(1)
        assert len(set(tokens.values())) == COUNT
        for _ in range(3):
            for server, token in tokens.items():
                assert world.ask(client, "sticky", back, cookie=f"x=1; lb={token}") == (server, None)
        server, cookie = world.ask(client, "sticky", back, cookie="lb=AAAAAAAAAAAAAAAAAAAAAA")
        assert tokens[server] in cookie
        # Another backend has other tokens, and says so with a cookie of its own.
        _, cookie = world.ask(client, "usual", back, cookie=f"lb={token}")
        assert re.fullmatch(r"tidegate_[0-9a-f]{8}=[\w-]{22}; Path=/; HttpOnly; SameSite=Lax", cookie)
        _, cookie = world.ask(client, "sticky", back, x_forwarded_proto="https")
        assert "; Secure;" in cookie


def test_connections_that_pass_through_go_by_their_name(world):
    def where(name):
        before = [len(origin.connections) for origin in world.raw]
        with open_socket(world.gateway.address) as sock:
            sock.sendall(client_hello(name))
            wait_until(lambda: [len(origin.connections) for origin in world.raw] != before)
        return next(i for i, n in enumerate(before) if len(world.raw[i].connections) != n)
    homes = {name: where(f"{name}.pass.example") for name in "abcdef"}
    assert {name: where(f"{name}.pass.example") for name in "abcdef"} == homes
    assert len(set(homes.values())) > 1


@pytest.mark.parametrize("balance", ["sticky", "source"])
def test_an_answer_of_the_gateways_own_keeps_nobody_anywhere(start, free_address, balance):
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/own"}, "respond": {"status": 204}},
        {"backend": {"servers": [free_address], "balance": balance}}]}]})
    with Connection(gateway.address) as connection:
        assert connection.request("/own").get("Set-Cookie") is None
        response = connection.request("/")
        assert response.status == 502 and response.get("Set-Cookie") is None


def test_gateways_with_the_same_key_know_each_others_cookies(start, folder):
    key = folder / "sticky.key"
    key.write_text("0123456789abcdef0123456789abcdef")
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(EchoOrigin(str(i))) for i in range(3)]
        config = {"sites": [{"hosts": ["*"], "backend": {
            "name": "app", "servers": [origin.address for origin in origins],
            "balance": {"sticky": {"cookie": "lb", "key": str(key)}}}}]}
        first, second = start(config), start(config)
        for _ in range(3):
            with Connection(first.address) as connection:
                response = connection.request()
            cookie = response.get("Set-Cookie").split(";")[0]
            with Connection(second.address) as connection:
                again = connection.request(fields=[("Cookie", cookie)])
            assert again.get("Set-Cookie") is None
            assert re.search(rb'"origin": "\d"', again.body).group() == \
                re.search(rb'"origin": "\d"', response.body).group()


def test_who_loses_its_server_gets_another_and_keeps_that(start):
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(EchoOrigin(str(i))) for i in range(2)]
        gateway = start({"sites": [{"hosts": ["*"], "backend": {
            "servers": [origin.address for origin in origins], "balance": {"sticky": {"cookie": "lb"}}}}]})
        with Connection(gateway.address) as connection:
            response = connection.request()
            home = int(re.search(rb'"origin": "(\d)"', response.body).group(1))
            cookie = response.get("Set-Cookie").split(";")[0]
            origins[home].close()
            response = connection.request(fields=[("Cookie", cookie)])
            assert response.status == 200
            other = response.get("Set-Cookie").split(";")[0]
            assert other != cookie
            for _ in range(3):
                response = connection.request(fields=[("Cookie", other)])
                assert response.get("Set-Cookie") is None


@pytest.mark.parametrize("key, words", [("short", "has less than 16 bytes"), (None, "cannot open the key")])
def test_a_key_that_is_none_is_told_of(folder, key, words):
    if key is not None:
        (folder / "sticky.key").write_text(key)
    (folder / "tidegate.yaml").write_text(
        "sites: [{ hosts: [a.example], backend: { servers: '127.0.0.1:1', "
        "balance: { sticky: { key: sticky.key } } } }]\n")
    done = subprocess.run([binary(), "check", "-c", str(folder / "tidegate.yaml")], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert words in done.stderr and ":1:" in done.stderr


def test_route_names_the_strategy(folder):
    (folder / "tidegate.yaml").write_text("sites:\n" + "".join(
        f"  - hosts: [{kind}.example]\n    backend: {{ servers: ['127.0.0.1:1', '127.0.0.1:2'], "
        f"balance: {str(balance)} }}\n".replace("'", '"') for kind, balance in KINDS.items()))
    said = collections.Counter()
    for kind in KINDS:
        done = subprocess.run([binary(), "route", "-c", str(folder / "tidegate.yaml"), f"http://{kind}.example/"],
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        line = next(line for line in done.stdout.splitlines() if line.split()[0] == "backend")
        said[line.split(", ", 1)[1].split("127.0.0.1")[0]] += 1
        if kind == "header":
            assert "by the field 'X-User' one of " in line
    assert len(said) == len(KINDS) and "round robin over " in said


def test_route_says_whom_a_request_gets_first_and_how_the_servers_are(start, folder):
    """What it says by the configuration alone is what live traffic does."""
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(EchoOrigin(f"origin {number}")) for number in range(4)]
        servers = [{"address": origin.address, "weight": number % 2 + 1} for number, origin in enumerate(origins[:3])]
        gateway = start({"control": str(folder / "control"), "sites": [{"hosts": ["*"], "backend": "pool"}], "backends": [
            {"name": "pool", "balance": {"hash": "path"}, "retries": {"times": 3, "hedge": "p90"},
             "servers": [{"address": origins[3].address, "backup": True}, *servers]}]})

        def route(target, *options):
            done = command("route", "-c", str(gateway.config_path), "--json", *options, f"http://a.example{target}")
            answer = json.loads(done.stdout)
            return answer, {step["what"]: step["text"] for step in answer["steps"]}

        with Connection(gateway.address) as client:
            for target in ("/a", "/b", "/c", "/d", "/e", "/f"):
                origin = json.loads(client.request(target).body)["origin"]
                _, steps = route(target)
                assert steps["first"] == f"{origins[int(origin[-1])].address}, if it is well: by the key '{target}'"
        assert command("drain", f"pool/{origins[0].address}", "--socket", folder / "control").returncode == 0
        answer, steps = route("/a")
        assert {server["address"]: server["state"] for server in answer["now"]} == \
            {origin.address: "draining" if origin is origins[0] else "up" for origin in origins}
        assert "3 times at most, and 20 to 100 requests" in steps["retries"]
        assert steps["retries"].endswith("a second server is asked beside the first after p90")
        _, steps = route("/a", "--method", "POST")
        assert steps["retries"].endswith("never where a server may have acted on it")
        text = command("route", "-c", str(gateway.config_path), "http://a.example/a").stdout
        assert f"now       {origins[0].address} is draining" in text
    # With nobody to ask it says what it knows.
    text = gateway.config_path.read_text()
    gateway.stop()
    (folder / "alone.yaml").write_text(text)
    answer = json.loads(command("route", "-c", str(folder / "alone.yaml"), "--json", "http://a.example/a").stdout)
    assert "now" not in answer and "first" in {step["what"] for step in answer["steps"]}
