"""`split` and `mirror` of a site: its routes have them, but for those that say something else."""

import contextlib
import json
import re

import pytest

from client import Connection
from h2client import Client
from pairs import FRONTS
from test_mirror import BACKS, Server
from tidegate import command
from waiting import wait_until


class World:
    def __init__(self, start, stack):
        self.servers, backends, sites = {}, [], []
        for back, protocol in (("h1", "h1"), ("h2", "h2c")):
            for name in ("app", "canary", "copies"):
                server = self.servers[name, back] = Server(name, back)
                stack.enter_context(server.origin)
                backends.append({"name": f"{name}-{back}", "servers": [server.origin.address], "protocol": protocol})
            sites.append({
                "hosts": f"{back}.example",
                "split": [{"backend": f"app-{back}"}, {"backend": f"canary-{back}"}],
                "split_sticky": {"cookie": "part"},
                "mirror": {"backend": f"copies-{back}"},
                "routes": [{"match": {"path": "/one/*"}},
                           {"match": {"path": "/off/*"}, "split": "off", "mirror": "off"},
                           {"match": {"path": "/own/*"}, "backend": f"canary-{back}"},
                           {"match": {"path": "/here"}, "respond": {"body": "here"}}]})
        self.gateway = start({"workers": 1, "sites": sites, "backends": backends})

    def get(self, front, back, path, cookie=None):
        """(the part's name, the cookie that it set)"""
        fields = [("cookie", cookie)] if cookie else []
        host = f"{back}.example"
        with (Connection if front == "h1" else Client)(self.gateway.address) as client:
            response = client.request(path, host=host, fields=fields)
        assert response.status == 200
        found = [re.match(r"part=[\w-]{22}", value) for name, value in response.fields if name.lower() == "set-cookie"]
        return response.body.decode(), next((one[0] for one in found if one), None)

    def copied(self, back):
        return len(self.servers["copies", back].asked)


@pytest.fixture(name="world", scope="module")
def fixture_world(start_for_module):
    with contextlib.ExitStack() as stack:
        yield World(start_for_module, stack)


@FRONTS
@BACKS
def test_routes_share_the_sites_parts_and_its_cookie(world, front, back):
    homes = {}

    def both():
        name, cookie = world.get(front, back, "/one/")
        homes[name] = cookie
        return len(homes) == 2
    wait_until(both, what="both parts")
    for name, cookie in homes.items():
        for path in ("/one/", "/elsewhere"):  # a route of its own, and the site's last
            assert world.get(front, back, path, cookie) == (name, None)


@FRONTS
@BACKS
def test_a_route_may_be_without_or_have_its_own(world, front, back):
    for _ in range(4):
        assert world.get(front, back, "/off/") == ("app", None)
        assert world.get(front, back, "/own/") == ("canary", None)
    assert world.get(front, back, "/here") == ("here", None)


@FRONTS
@BACKS
def test_routes_have_the_sites_mirror_but_where_it_is_off(world, front, back):
    before = world.copied(back)
    for path in ("/off/", "/here", "/one/", "/own/", "/last"):
        world.get(front, back, path)
    wait_until(lambda: world.copied(back) == before + 3, what="three copies")


def test_route_shows_what_a_route_has_of_its_site(world):
    def said(path):
        return command("route", "-c", str(world.gateway.config_path), f"http://h1.example:80{path}").stdout
    config = json.loads(world.gateway.config_path.read_text())
    config["listeners"] = [{"bind": ":80"}]
    world.gateway.config_path.write_text(json.dumps(config))
    assert "weight 1 to 'canary-h1'" in said("/one/") and "copies of 100 % go to 'copies-h1'" in said("/one/")
    assert "weight" not in said("/off/") and "copies of" not in said("/off/") and "=> backend 'app-h1'" in said("/off/")
    assert "weight" not in said("/own/") and "copies of" in said("/own/")


APP = {"backend": "127.0.0.1:1"}


@pytest.mark.parametrize("site, text", [
    ({"split": [APP], "backend": "127.0.0.1:2"}, "a site has both 'backend' and 'split'"),
    ({"split": [APP], "respond": {}}, "a site has both 'respond' and 'split'"),
    ({"split_sticky": {}, "respond": {}}, "there is no 'split'"),
    ({"split": [{"backend": "127.0.0.1:1", "weight": 0}]}, "no part of 'split' has a weight"),
    ({"mirror": APP, "respond": {}}, "'mirror' in a site of which no route has it"),
    ({"split": [APP], "passthrough": "127.0.0.1:2"}, "cannot have 'split' too"),
    ({"split": "off", "respond": {}}, "needs a list of sections"),
    ({"routes": [{"mirror": "off"}]}, "a route has neither 'backend'"),
])
def test_check_tells_what_cannot_be(folder, site, text):
    (folder / "tidegate.yaml").write_text(json.dumps({"sites": [{"hosts": "a.example", **site}]}))
    found = command("check", "-c", str(folder / "tidegate.yaml"))
    assert found.returncode == 1 and text in found.stderr + found.stdout, found.stderr
