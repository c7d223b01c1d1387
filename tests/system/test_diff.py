"""`tidegate diff`: what is different between what runs and a file, or between two files."""

import json
import os
import re
import shutil

import pytest

from client import Connection
from tidegate import command, new_folder


@pytest.fixture(scope="module")
def module_folder():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def running(module_folder, start_for_module, ca):
    """A gateway whose configuration is in parts and takes something from the environment."""
    old = ca.server("shop.example", days=(-1, 12))
    parts = module_folder / "sites.d"
    parts.mkdir()
    shutil.copy(old.crt, parts / "shop.crt")
    shutil.copy(old.key_file, parts / "shop.key")
    os.chmod(parts / "shop.key", 0o644)
    (parts / "shop.yaml").write_text(
        "sites:\n  - hosts: [shop.example]\n    tls: { certificate: shop.crt, key: shop.key }\n"
        "    respond: { status: 200, body: '${GREETING:-hello}' }\n")
    return start_for_module({"control": str(module_folder / "control.sock"), "workers": 1,
                             "reload_certificates": "off", "include": "sites.d/*.yaml",
                             "sites": [{"hosts": ["plain.example"], "respond": {"status": 200}}]},
                            folder=module_folder)


def diff(gateway, *args, **more):
    done = command("diff", *args, cwd=gateway.config_path.parent, **more)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_what_runs_is_the_same_whatever_the_environment_here_says(running):
    assert diff(running, "-c", running.config_path.name, GREETING="bye") == "the configuration is the same\n"


def test_changes_are_told_in_words(running, ca, module_folder):
    (module_folder / "new.d").mkdir()
    new = ca.server("shop.example", days=(-1, 90))
    (module_folder / "new.d" / "shop.yaml").write_text(
        f"sites:\n  - hosts: [shop.example]\n    tls: {{ certificate: {new.crt}, key: {new.key_file}, policy: modern }}\n"
        "    respond: { status: 404, body: '${GREETING:-hello}${MORE:-}' }\n")
    config = json.loads(running.config_path.read_text())
    config.update(include="new.d/*.yaml", workers=2,
                  sites=[{"hosts": ["other.example"], "backend": "127.0.0.1:1"}])
    (module_folder / "new.yaml").write_text(json.dumps(config))
    with Connection(running.address):
        text = diff(running, "-c", "new.yaml", MORE="!")
    for line in ("  added    site other.example  (", "  removed  site plain.example\n",
                 "  changed  site shop.example  (", "tls.policy: intermediate -> modern\n",
                 "respond.status: 200 -> 404\n", "respond.body: hello -> hello!\n",
                 "  added    backend 127.0.0.1:1  (", "workers: 1 -> 2 (needs a restart)\n",
                 f"  added    certificate {new.crt} of site shop.example: shop.example, ",
                 "shop.crt of site shop.example: shop.example, ",
                 "connections: ", "connections to site plain.example take no more requests",
                 "until a restart: workers\n", "note: ${MORE} was taken from the environment here"):
        assert line in text, text
    assert "/new.d/shop.yaml:2)" in text and "GREETING}" not in text


def test_a_certificate_that_is_another_one_on_the_disk(running, ca, module_folder):
    new = ca.server("shop.example", days=(-1, 90))
    path = module_folder / "sites.d" / "shop.crt"
    old = path.read_bytes()
    try:
        shutil.copy(new.crt, path)
        text = diff(running, "-c", running.config_path.name)
    finally:
        path.write_bytes(old)
    assert re.search(rf"^  changed  certificate {path} of site shop.example: shop.example, 1\d -> [89]\d days left$",
                     text, re.M), text


def test_errors_are_told_as_check_tells_them(running, module_folder):
    (module_folder / "broken.yaml").write_text("sites: 1\n")
    done = command("diff", "-c", "broken.yaml", "--socket", "control.sock", cwd=module_folder)
    assert done.returncode == 1
    assert "broken.yaml:1:8: error: 'sites' needs a list" in done.stderr
    done = command("diff", "-c", running.config_path.name, "--socket", "none.sock", cwd=module_folder)
    assert done.returncode == 1 and "cannot ask the gateway at 'none.sock'" in done.stderr


def test_two_files_the_other_in_the_place_of_the_one(folder):
    (folder / "etc").mkdir()
    (folder / "etc" / "part.yaml").write_text("limits: { body: 1M }\n")
    text = "include: part.yaml\ncontrol: control.sock\nsites:\n  - hosts: [a.example]\n    respond: {}\n"
    (folder / "etc" / "old.yaml").write_text(text)
    (folder / "new.yaml").write_text(text.replace("respond: {}", "respond: { status: 204 }"))
    done = command("diff", "etc/old.yaml", "new.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("  changed  route /* of site a.example  (new.yaml:5)\n"
                           "           respond.status: 200 -> 204\n")
    done = command("diff", "etc/old.yaml", cwd=folder)
    assert done.returncode == 2


def test_json_says_the_same(running, ca, module_folder):
    new = ca.server("shop.example", days=(-1, 90))
    config = json.loads(running.config_path.read_text())
    (module_folder / "json.d").mkdir()
    (module_folder / "json.d" / "shop.yaml").write_text(
        f"sites:\n  - hosts: [shop.example]\n    tls: {{ certificate: {new.crt}, key: {new.key_file}, policy: modern }}\n"
        "    respond: { status: 200, body: '${GREETING:-hello}${MORE:-}' }\n")
    config.update(include="json.d/*.yaml", workers=2,
                  sites=[{"hosts": ["other.example"], "backend": "127.0.0.1:1"}])
    (module_folder / "json.yaml").write_text(json.dumps(config))
    with Connection(running.address):
        told = json.loads(diff(running, "-c", "json.yaml", "--json", MORE="!"))
    assert told["is_same"] is False
    changes = {(item["change"], item["what"], item["name"]): item for item in told["changes"]}
    assert ("added", "backend", "127.0.0.1:1") in changes and ("removed", "site", "plain.example") in changes
    shop = changes["changed", "site", "shop.example"]
    assert shop["file"].endswith("json.d/shop.yaml") and shop["line"] == 2
    assert {"key": "tls.policy", "before": "intermediate", "after": "modern", "needs_restart": False} in shop["keys"]
    top = changes["changed", "the file", ""]
    assert {"key": "workers", "before": "1", "after": "2", "needs_restart": True} in top["keys"]
    added, = (item for item in told["certificates"] if item["change"] == "added")
    assert added["file"] == str(new.crt) and added["of"] == "site shop.example" and added["before"] is None
    assert added["after"]["names"] == "shop.example" and 88 <= added["after"]["days_left"] <= 90
    assert told["connections"]["open"] >= 1
    assert {"what": "site", "name": "plain.example", "leases": 0} in told["connections"]["touched"]
    assert (told["needs_restart"], told["own_variables"]) == (["workers"], ["MORE"])
    assert json.loads(diff(running, "-c", running.config_path.name, "--json"))["is_same"] is True


def test_json_of_two_files_has_no_connections(folder):
    text = "sites:\n  - hosts: [a.example]\n    respond: {}\n"
    (folder / "old.yaml").write_text(text)
    (folder / "new.yaml").write_text(text.replace("respond: {}", "respond: { status: 204 }"))
    done = command("diff", "--json", "old.yaml", "new.yaml", cwd=folder)
    told = json.loads(done.stdout)
    assert told["connections"] is None
    change, = told["changes"]
    assert (change["what"], change["name"], change["site"]) == ("route", "/*", "a.example")
    assert change["keys"] == [{"key": "respond.status", "before": "200", "after": "204", "needs_restart": False}]
