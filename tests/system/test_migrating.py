"""docs/migrating-*.md: each right-hand side can be written where its heading says."""

import glob
import os
import re

import pytest
import yaml

from test_schema import ABOUT_FILES, ROOT, check, whole
from tidegate import command, release_binary

PLACES = {"the file": "file", "a site": "site", "a route": "route", "a backend": "backend", "a listener": "listener"}
NAMED = [{"name": name, "servers": ["127.0.0.1:1"]} for name in ("app", "api", "new", "static")]


def rows():
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "migrating-*.md"))):
        place = None
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.startswith("## "):
                    place = PLACES.get(line[3:].strip().removeprefix("Of "))
                cells = re.split(r"(?<!\\)\|", line.rstrip("\n"))
                if place is None or len(cells) < 4 or "---" in cells[1] or "`" not in cells[2]:
                    continue
                texts = re.findall(r"`([^`]+)`", cells[2])
                yield pytest.param(place, texts[0].replace(r"\|", "|"), id=f"{os.path.basename(path)}:{number}")


@pytest.mark.parametrize("place, text", rows())
def test_what_it_is_here_can_be_written(folder, place, text):
    part = yaml.safe_load(text)
    if place == "backend":
        part = {"name": "one", **part}
    config = whole(place, part)
    if place == "site" and "passthrough" not in part and "sites" in config and "tcp" in part:
        config["sites"][0].setdefault("tls", {"certificate": "a.crt", "key": "a.key"})
    text = yaml.safe_dump(config)
    known = {backend["name"] for backend in config.get("backends", [])}
    config["backends"] = config.get("backends", []) + [
        backend for backend in NAMED if backend["name"] not in known and re.search(rf"\b{backend['name']}\b", text)]
    if not config["backends"]:
        del config["backends"]
    if "{client." in text:
        config["sites"][0]["tls"] = {"certificate": "a.crt", "key": "a.key", "clients": {"verify": "optional", "ca": "a.pem"}}
    done = check(folder, config, release_binary())
    errors = re.findall(r"error: (.*)", done.stderr)
    assert [error for error in errors if not ABOUT_FILES.search(error)] == [], done.stderr


@pytest.mark.parametrize("text, page", [
    ("user nginx;\nevents { }\nhttp { }\n", "migrating-nginx.md"),
    ("# a comment\n\nserver {\n  listen 80;\n}\n", "migrating-nginx.md"),
    ("global\n  maxconn 100\n", "migrating-haproxy.md"), ("frontend www\n  bind :80\n", "migrating-haproxy.md"),
    ("<VirtualHost *:80>\nServerName a\n</VirtualHost>\n", "migrating-apache-varnish.md"),
    ("vcl 4.1;\nbackend default { }\n", "migrating-apache-varnish.md"),
    ("example.com {\n\treverse_proxy localhost:8080\n\theader X-XSS-Protection \"1; mode=block\"\n}\n", "migrating-caddy-traefik-envoy.md"),
    ("{\n\tauto_https off\n}\n\nexample.com {\n\troot * /srv\n\tfile_server\n}\n", "migrating-caddy-traefik-envoy.md"),
    ("(snippet) {\n\tencode gzip\n}\n:80 {\n\treverse_proxy app:1\n}\n", "migrating-caddy-traefik-envoy.md"),
    ("[entryPoints]\n  [entryPoints.web]\n  address = \":80\"\n", "migrating-caddy-traefik-envoy.md"),
    ("static_resources:\n  listeners: []\n", "migrating-caddy-traefik-envoy.md"),
    ("http:\n  routers: {}\n", "migrating-caddy-traefik-envoy.md"),
    ("apiVersion: networking.k8s.io/v1\nkind: Ingress\n", "migrating-caddy-traefik-envoy.md"),
    ("just a text\n", "begin with 'sites:'")])
def test_a_file_of_another_proxy_is_known(folder, text, page):
    (folder / "other.conf").write_text(text)
    done = command("check", "-c", "other.conf", cwd=folder)
    assert done.returncode == 1 and page in done.stderr
    assert page.startswith("begin") or os.path.exists(os.path.join(ROOT, "docs", page))


@pytest.mark.parametrize("section, key, hint", [
    ("site", "server_name", "hosts:"), ("site", "proxy_cache_valid", "default_ttl"), ("site", "limit_req_zone", "rates:"),
    ("route", "proxy_next_upstream", "retries:"), ("route", "sub_filter", "bodies are not changed"), ("route", "if", "match:"), ("site", "root", "files:"),
    ("route", "index", "files:"), ("backend", "cookie", "sticky"), ("server", "port", "10.0.0.1:8080"),
    ("backend", "httpchk", "health_check"), ("backend", "on-marked-down", "close_on_down"), ("backend", "max_fails", "outliers"),
    ("file", "frontend", "listeners"), ("file", "resolver", "resolve:"), ("site", "RewriteRule", "rewrite"),
    ("site", "silent-drop", "close: true"), ("site", "ttl", "default_ttl")])
def test_a_word_of_another_proxy_is_answered_with_the_key(folder, section, key, hint):
    part = {"name": "one", key: "x"} if section == "backend" else {key: "x"}
    done = check(folder, whole(section, part))
    assert f"unknown key '{key}'" in done.stderr and hint in done.stderr.split("unknown key", 1)[1], done.stderr


def test_there_are_rows_for_each_place():
    places = [row.values[0] for row in rows()]
    assert all(places.count(place) > 20 for place in ("file", "site", "route", "backend"))
