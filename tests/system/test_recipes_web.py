"""Recipes of docs/recipes/ for files and prefixes: `check` takes them as they are, and they do what they say. What differs
for a test are addresses, folders and certificates."""

import json
import re

import pytest
import yaml

from client import fetch
from origins import EchoOrigin
from tidegate import ROOT, command

brotli = pytest.importorskip("brotli")

RECIPES = ROOT / "docs" / "recipes"
ABOUT_FILES = re.compile(r"No such file|does not exist|cannot open|cannot read")


def recipe(name):
    return yaml.safe_load((RECIPES / f"{name}.yaml").read_text())


@pytest.fixture(name="origin")
def _origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.mark.parametrize("name", ["single-page-application", "api-under-a-prefix"])
def test_check_takes_the_recipe_as_it_is(name):
    done = command("check", "-c", str(RECIPES / f"{name}.yaml"))
    problems = re.findall(r"(?:error|warning): (.*)", done.stderr)
    assert [problem for problem in problems if not ABOUT_FILES.search(problem)] == [], done.stderr


def test_single_page_application(start, ca, shop, origin, folder):
    config = recipe("single-page-application")
    site = config["sites"][0]
    site.update(hosts=["shop.example"], tls=shop.settings())
    root = folder / "app"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text("<title>app</title>" + "<!-- tide -->" * 100)
    script = b"let tide;" * 300
    (root / "assets" / "main-3f2a9c1b.js").write_bytes(script)
    (root / "assets" / "main-3f2a9c1b.js.br").write_bytes(brotli.compress(script))
    for route in site["routes"]:
        if "files" in route:
            route["files"]["root"] = str(root)
        else:
            route["backend"] = origin.address
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    gateway = start(config)

    def get(target, **more):
        return fetch(gateway.address, target, host="shop.example", tls=ca.client_context(), **more)

    for target in ("/", "/orders/17", "/deep/er/path"):
        page = get(target, fields=[("Accept-Encoding", "gzip")])
        assert page.status == 200 and page.get("Cache-Control") == "no-cache"
        assert page.get("Content-Encoding") == "gzip" and page.get("X-Content-Type-Options") == "nosniff"
    got = get("/assets/main-3f2a9c1b.js", fields=[("Accept-Encoding", "br")])
    assert brotli.decompress(got.body) == script and "immutable" in got.get("Cache-Control")
    assert get("/assets/gone-00000000.js").status == 404
    assert json.loads(get("/api/orders?n=1").body)["target"] == "/orders?n=1"
    assert get("/", fields=[], method="POST").status == 405


def test_api_under_a_prefix(start, ca, shop, origin):
    config = recipe("api-under-a-prefix")
    config["sites"][0].update(hosts=["shop.example"], tls=shop.settings())
    config["backends"][0]["servers"] = [origin.address]
    config["sites"][0]["routes"][2]["backend"]["servers"] = [origin.address]
    gateway = start(config)

    def get(target):
        return fetch(gateway.address, target, host="shop.example", tls=ca.client_context())

    def seen(target):
        echo = json.loads(get(target).body)
        return echo["target"], dict(map(tuple, echo["fields"])).get("X-Script-Name")

    assert seen("/orders/v2/17") == ("/v2/17", None)
    assert seen("/orders/17?a") == ("/17?a", "/orders")
    assert seen("/stock/") == ("/", "/stock")
    got = get("/other")
    assert got.status == 404 and json.loads(got.body) == {"error": "no such service"}
