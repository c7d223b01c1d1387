"""The schema and the manual: what editors and people are told is what the loader takes."""

import json
import re

import pytest

from tidegate import ROOT, command

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

GOOD = {
    "one backend": {"sites": [{"hosts": "a.example", "backend": "127.0.0.1:80"}]},
    "several servers": {"sites": [{"hosts": ["a.example"],
                                   "backend": ["127.0.0.1:80", {"address": "b.example:81",
                                                                "weight": 3}]}]},
    "backend in place": {"sites": [{"hosts": ["*"], "backend": {
        "servers": "unix:/run/app.sock", "tls": {}, "connect_timeout": "500ms"}}]},
    "respond": {"sites": [{"hosts": ["*.a.example"], "respond": {
        "status": 404, "body": "no\n", "fields": {"X-A": "b", "X-B": 1}}}]},
    "passthrough": {"sites": [{"hosts": ["a.example"], "passthrough": "b"}],
                    "backends": [{"name": "b", "servers": ["[::1]:443"],
                                  "proxy_protocol": "v2"}]},
    "routes": {"sites": [{"hosts": ["a.example", "[::1]", "127.0.0.1"], "routes": [
        {"match": {"path": "/v1/*", "methods": ["GET", "X-OWN"]}, "backend": "127.0.0.1:1",
         "upgrade": [], "body_limit": "1M"},
        {"respond": {"echo": True}}]}]},
    "everything else": {
        "sites": [{"hosts": ["a.example"], "name": "a", "plain_http": "serve",
                   "respond": {"status": 204}}],
        "listeners": [{"bind": [":443", "[::1]:80", "unix:a.sock"], "sites": "a",
                       "proxy_protocol_from": ["10.0.0.0/8", "unix"]}],
        "limits": {"head": "64k", "target": 4096, "body": "unlimited"},
        "timeouts": {"head": "5s", "tunnel_total": "off"},
        "log": {"access": "off", "format": "combined", "level": "warn"},
        "trusted_proxies": "fd00::/8", "workers": 2, "user": "www-data", "group": "adm"},
}

BAD = {
    "no sites": {},
    "no hosts": {"sites": [{"backend": "127.0.0.1:80"}]},
    "unknown key": {"sites": [{"hosts": "a.example", "bakcend": "127.0.0.1:80"}]},
    "later key": {"sites": [{"hosts": "a.example", "respond": {}, "auth": {}}]},
    "scheme in a host": {"sites": [{"hosts": "https://a.example", "respond": {}}]},
    "wildcard inside": {"sites": [{"hosts": "a.*.example", "respond": {}}]},
    "status": {"sites": [{"hosts": "a.example", "respond": {"status": 99}}]},
    "path": {"sites": [{"hosts": "a.example", "routes": [{"match": {"path": "a"},
                                                          "respond": {}}]}]},
    "policy": {"sites": [{"hosts": "a.example", "respond": {}, "tls": {"policy": "hard"}}]},
    "time without a unit": {"sites": [{"hosts": "a.example", "respond": {}}],
                            "timeouts": {"head": "5"}},
    "size": {"sites": [{"hosts": "a.example", "respond": {}}], "limits": {"head": "5q"}},
    "number": {"sites": [{"hosts": "a.example", "respond": {}}], "workers": 1000},
    "bool": {"sites": [{"hosts": "a.example", "respond": {"echo": "yes"}}]},
    "bind": {"sites": [{"hosts": "a.example", "respond": {}}], "listeners": [{"bind": "443"}]},
    "network": {"sites": [{"hosts": "a.example", "respond": {}}], "trusted_proxies": ["a.example"]},
    "server": {"sites": [{"hosts": "a.example", "respond": {}}],
               "backends": [{"name": "b", "servers": [{"weight": 2}]}]},
}


@pytest.fixture(name="schema", scope="module")
def fixture_schema():
    done = command("schema")
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(folder, config):
    (folder / "tidegate.yaml").write_text(json.dumps(config))
    return command("check", "-c", "tidegate.yaml", cwd=folder)


@pytest.mark.parametrize("name", GOOD)
def test_schema_and_loader_agree_on_what_is_right(schema, folder, name):
    assert [error.message for error in schema.iter_errors(GOOD[name])] == []
    done = check(folder, GOOD[name])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", BAD)
def test_schema_and_loader_agree_on_what_is_wrong(schema, folder, name):
    assert not schema.is_valid(BAD[name])
    assert check(folder, BAD[name]).returncode == 1


def test_manual_in_the_docs_is_what_the_program_prints():
    done = command("schema", "--manual")
    assert done.returncode == 0, done.stderr
    committed = (ROOT / "docs" / "configuration.md").read_text()
    assert committed == done.stdout, \
        "run: build/tidegate schema --manual > docs/configuration.md"


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md", "dist/tidegate.yaml"])
def test_examples_of_whole_files_fit_the_schema(schema, page):
    yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")
    path = ROOT / page
    if not path.exists():
        pytest.skip(f"there is no {page}")
    text = path.read_text()
    blocks = [text] if page.endswith(".yaml") else \
        re.findall(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    files = [block for block in blocks if re.search(r"^sites:\s*$", block, re.MULTILINE)]
    assert files, f"{page} shows no configuration"
    for block in files:
        assert [error.message for error in schema.iter_errors(yaml.safe_load(block))] == []
