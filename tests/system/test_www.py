"""`www`: one form of a site's names, and redirects from the other. Over both versions of HTTP, with TLS and without."""

import json
import subprocess

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from tidegate import binary, command


def ask_h1(gateway, host, target, method, fields, tls=None):
    name = host.partition(":")[0]
    with Connection(gateway.address, tls=tls, server_name=name) as client:
        client.send(request_bytes(target, method, host, fields, None))
        answer = client.read_response(method)
        return answer.status, answer.get("Location")


def ask_h2(gateway, host, target, method, fields, tls=None):
    name = host.partition(":")[0]
    with Client(gateway.address, tls=tls, server_name=name) as client:
        answer = client.request(target, method, host=host, fields=[(n.lower(), v) for n, v in fields])
        return answer.status, answer.get("location")


ASKS = {"h1": ask_h1, "h2": ask_h2}


@pytest.fixture(name="plain", scope="module")
def _plain(start_for_module):
    return start_for_module({"trusted_proxies": ["127.0.0.0/8"], "sites": [
        {"hosts": ["long.example", "*.long.example"], "www": "add", "respond": {"body": "long"}},
        {"hosts": ["short.example"], "www": "remove", "respond": {"body": "short"}}]})


@pytest.fixture(name="secure", scope="module")
def _secure(start_for_module, ca):
    names = ca.server("short.example", "www.short.example")
    return start_for_module({"sites": [
        {"hosts": ["www.short.example"], "www": "remove", "tls": names.settings(), "respond": {"body": "short"}}]})


@pytest.mark.parametrize("front", ASKS)
@pytest.mark.parametrize("host, target, method, location", [
    ("long.example", "/a/../b%20c?x=1&y", "GET", "http://www.long.example/b%20c?x=1&y"),
    ("LONG.example:8080", "/", "POST", "http://www.LONG.example:8080/"),
    ("www.long.example", "/", "GET", None), ("www.long.example:81", "/", "GET", None),
    ("x.long.example", "/", "GET", None), ("www.x.long.example", "/", "GET", 421),
    ("www.short.example", "//evil.test/x?", "GET", "http://short.example//evil.test/x?"),
    ("www.short.example:80", "/", "DELETE", "http://short.example/"), ("short.example", "/", "GET", None),
    ("www.www.short.example", "/", "GET", 421)])
def test_the_other_form_is_redirected(plain, front, host, target, method, location):
    status, found = ASKS[front](plain, host, target, method, [])
    if isinstance(location, int):
        assert (status, found) == (location, None)
    else:
        assert (status, found) == ((200, None) if location is None else (308, location))


@pytest.mark.parametrize("front", ASKS)
def test_what_counts_is_the_name_that_the_client_wrote(plain, front):
    def ask(*fields):
        return ASKS[front](plain, "long.example", "/x", "GET", fields)
    # A proxy that asks for both forms with one name would go round in circles else.
    assert ask(("X-Forwarded-Host", "www.long.example")) == (200, None)
    assert ask(("X-Forwarded-Host", "long.example:8443"), ("X-Forwarded-Proto", "https")) == \
        (308, "https://www.long.example:8443/x")
    assert ask(("X-Forwarded-Host", "elsewhere.test")) == (200, None)
    assert ask(("X-Forwarded-Host", "a@b")) == (308, "http://www.long.example/x")


@pytest.mark.parametrize("front", ASKS)
def test_behind_tls_of_both_names(secure, ca, front):
    def ask(host):
        context = ca.client_context()
        context.set_alpn_protocols([{"h1": "http/1.1"}.get(front, front)])
        return ASKS[front](secure, host, "/x?y", "GET", [], context)
    assert ask("www.short.example") == (308, "https://short.example/x?y")
    assert ask("short.example") == (200, None)


def test_to_https_under_its_own_name_first(secure):
    assert ask_h1(secure, "www.short.example", "/x", "GET", []) == (308, "https://www.short.example/x")


def test_check_misses_the_other_forms_certificate(tmp_path, ca):
    names = ca.server("only.example")
    path = tmp_path / "tidegate.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["only.example"], "www": "add", "tls": names.settings(),
                                           "respond": {}}]}))
    done = command("check", "-c", str(path))
    assert "no certificate of this site covers its host 'www.only.example'" in done.stdout + done.stderr


def test_route_says_so(tmp_path):
    path = tmp_path / "tidegate.yaml"
    path.write_text("sites:\n  - hosts: [a.example]\n    www: remove\n    respond: {}\n")
    for url, location in (("http://www.a.example/x?y", "http://a.example/x?y"), ("http://a.example/x", None)):
        done = subprocess.run([binary(), "route", "-c", str(path), "--json", url], capture_output=True, text=True,
                              timeout=30, check=True)
        answer = json.loads(done.stdout)
        assert answer.get("location") == location
        assert ("since www is `remove`" in done.stdout) == (location is not None)
