"""Requests of a route that several backends share: how many each gets, who stays with which, and what
becomes of a share whose servers are gone."""

import contextlib
import re

import pytest

import h2origin
from client import Connection
from h2client import Client
from h2origin import H2Origin
from origins import Origin, free_port, response_bytes
from pairs import FRONTS
from tidegate import command
from waiting import wait_until

BACKS = pytest.mark.parametrize("back", ["h1", "h2"])
KINDS = {"random": {}, "header": {"split_by": {"header": "X-User"}}, "sticky": {"split_sticky": {"cookie": "part"}},
         "usual": {"split_sticky": {}}}


def origin(name, back):
    def h1(connection):
        while True:
            connection.read_request()
            connection.send(response_bytes(200, body=name.encode()))

    def h2(connection, request):
        connection.respond(request.stream, 200, body=name.encode())
    return Origin(h1) if back == "h1" else H2Origin(h2origin.serve(h2))


def site(host, split, **more):
    return {"hosts": f"{host}.example", "routes": [{"match": {"path": "/*"}, "split": split, **more}]}


class World:
    def __init__(self, start, stack):
        self.gone = f"127.0.0.1:{free_port()}"
        backends, sites = [], []
        for back, protocol in (("h1", "h1"), ("h2", "h2c")):
            for name in ("app", "canary"):
                server = stack.enter_context(origin(name, back))
                backends.append({"name": f"{name}-{back}", "servers": [server.address], "protocol": protocol})
            backends.append({"name": f"gone-{back}", "servers": [self.gone], "protocol": protocol})
            parts = [{"backend": f"app-{back}", "weight": 3}, {"backend": f"canary-{back}", "weight": 1}]
            sites += [site(f"{kind}-{back}", parts, **more) for kind, more in KINDS.items()]
            sites.append(site(f"over-{back}", [{"backend": f"app-{back}"}, {"backend": f"canary-{back}", "weight": 0}],
                              split_sticky={"cookie": "part"}, name=f"sticky-{back}.example/1"))
            sites.append(site(f"gone-{back}", [{"backend": f"gone-{back}", "weight": 9}, {"backend": f"app-{back}"}],
                              split_sticky={"cookie": "part"}))
        self.gateway = start({"workers": 1, "sites": sites, "backends": backends})

    def client(self, front):
        return Connection(self.gateway.address) if front == "h1" else Client(self.gateway.address)

    @staticmethod
    def ask(client, kind, back, **fields):
        """(the part's name, Set-Cookie)"""
        host = f"{kind}-{back}.example"
        fields = [(name.replace("_", "-"), value) for name, value in fields.items()]
        response = client.request(host=host, fields=fields) if isinstance(client, Connection) else \
            client.wait(client.start(host=host, fields=fields))
        assert response.status in (200, 502), response
        name = response.body.decode() if response.status == 200 else response.status
        return name, response.get("set-cookie" if isinstance(client, Client) else "Set-Cookie")


@pytest.fixture(name="world", scope="module")
def fixture_world(start_for_module):
    with contextlib.ExitStack() as stack:
        yield World(start_for_module, stack)


@FRONTS
@BACKS
def test_each_part_gets_what_its_weight_says(world, front, back):
    with world.client(front) as client:
        names = [world.ask(client, "random", back)[0] for _ in range(160)]
    assert 15 <= names.count("canary") <= 70  # of 40: five times what chance makes of it
    assert set(names) == {"app", "canary"}
    world.gateway.wait_log(backend=f"canary-{back}", site=f"random-{back}.example")


@FRONTS
@BACKS
def test_a_key_stays_with_its_part(world, front, back):
    with world.client(front) as client:
        homes = {user: world.ask(client, "header", back, x_user=f"user-{user}")[0] for user in range(40)}
        assert set(homes.values()) == {"app", "canary"}
        for user, home in homes.items():
            assert world.ask(client, "header", back, x_user=f"user-{user}") == (home, None)


@FRONTS
@BACKS
def test_a_cookie_keeps_a_client_at_its_part(world, front, back):
    tokens = {}
    with world.client(front) as client:
        def both():
            name, cookie = world.ask(client, "sticky", back)
            found = re.fullmatch(r"part=([\w-]{22}); Path=/; HttpOnly; SameSite=Lax", cookie)
            assert found, cookie
            tokens[name] = found.group(1)
            return len(tokens) == 2
        wait_until(both, what="both parts")
        for name, token in tokens.items():
            for _ in range(6):
                assert world.ask(client, "sticky", back, cookie=f"a=b; part={token}") == (name, None)
        # What nobody has made is no cookie; nor is a part's name.
        for nonsense in ("A" * 22, f"canary-{back}", tokens["app"][:-1]):
            name, cookie = world.ask(client, "sticky", back, cookie=f"part={nonsense}")
            assert tokens[name] in cookie
        # Whoever has a part keeps it when nobody new gets it.
        assert world.ask(client, "over", back, cookie=f"part={tokens['canary']}") == ("canary", None)
        assert {world.ask(client, "over", back)[0] for _ in range(10)} == {"app"}
        assert re.fullmatch(r"tidegate_[0-9a-f]{8}=[\w-]{22}; Path=/; HttpOnly; SameSite=Lax",
                            world.ask(client, "usual", back)[1])


@FRONTS
@BACKS
def test_the_share_of_a_part_that_is_down_is_the_others(world, front, back):
    with world.client(front) as client:
        wait_until(lambda: world.ask(client, "gone", back)[0] == "app", what="the part that is there")
        world.gateway.wait_change(world.gone, to="ejected")
        assert {world.ask(client, "gone", back)[0] for _ in range(20)} == {"app"}


def test_route_names_the_parts(folder):
    (folder / "tidegate.yaml").write_text(
        "sites: [ { hosts: a.example, routes: [ { match: { path: /* }, split: [ { backend: one, weight: 95 },\n"
        "  { backend: two, weight: 5 } ], split_sticky: { cookie: canary } } ] } ]\n"
        "backends: [ { name: one, servers: 127.0.0.1:1 }, { name: two, servers: 127.0.0.1:2 } ]\n")
    text = command("route", "-c", str(folder / "tidegate.yaml"), "http://a.example/").stdout
    assert "weight 95 to 'one', by the cookie canary" in text
    assert "weight 5 to 'two'" in text
