"""`files`: forms that were compressed beforehand, prefixes, lists, Cache-Control, types, folders that move."""

import gzip
import json
import os
import shutil
import time
import urllib.parse

import pytest

from client import fetch
from h2client import Client
from origins import EchoOrigin
from tidegate import new_folder
from waiting import wait_until

SCRIPT = b"let tide = 'in';\n" * 500
STYLE = b"a { color: blue }\n" * 500
ASSET = "assets/main-3f2a9c1b7d.js"


@pytest.fixture(name="root", scope="module")
def _root():
    root = new_folder()
    for name, data in {"index.html": b"<h1>tide</h1>", "app.js": SCRIPT, "app.js.gz": gzip.compress(SCRIPT),
                       "app.js.br": b"as if it were brotli", "style.css": STYLE, ASSET: SCRIPT,
                       "notes.md": b"# notes", "data.geojson": b"{}", "what.ever": b"x", "old.htm": b"old",
                       "list/b <i>.txt": b"b", "list/a.txt": b"a", "list/.secret": b"s", "list/sub/c.txt": b"c"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (time.time() - 1000,) * 2)
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(name="echo", scope="module")
def _echo():
    with EchoOrigin() as origin:
        yield origin


@pytest.fixture(name="gateway", scope="module")
def _gateway(start_for_module, root, echo):
    files = {"root": str(root), "precompressed": True, "listing": True, "index": ["index.html", "old.htm"],
             "cache_control": {"*-{hash}.js": "public, max-age=31536000, immutable", "*.html": "no-cache"},
             "types": {"geojson": "application/geo+json", "*": "text/x-unknown"}}
    return start_for_module({"sites": [{"hosts": ["*"], "compress": "on", "routes": [
        {"match": {"path": "/docs*"}, "files": {**files, "strip_prefix": "/docs"}},
        {"match": {"path": "/spa/*"}, "files": {**files, "strip_prefix": "/spa", "try": ["{path}", "/spa/index.html"]}},
        {"match": {"path": "/both/*"}, "backend": echo.address,
         "files": {**files, "strip_prefix": "/both", "try": ["{path}"]}},
        {"match": {"path": "/latin/*"}, "files": {"root": str(root), "strip_prefix": "/latin", "charset": "iso-8859-1"}},
        {"files": files}]}]})


@pytest.fixture(name="ask", params=["h1", "h2"])
def _ask(request, gateway):
    def ask(target, method="GET", **fields):
        fields = [(name.replace("_", "-"), value) for name, value in fields.items()]
        if request.param == "h1":
            return fetch(gateway.address, target, method, fields=fields)
        with Client(gateway.address) as client:
            return client.request(target, method, host="test.example", fields=[(n.lower(), v) for n, v in fields])
    return ask


def test_what_was_compressed_beforehand_is_sent_as_it_is(ask):
    got = ask("/app.js", Accept_Encoding="gzip, br;q=0.5")
    assert gzip.decompress(got.body) == SCRIPT and got.get("content-encoding") == "gzip"
    assert got.get("content-length") == str(len(got.body)) and got.get("vary") == "Accept-Encoding"
    assert got.get("content-type") == "text/javascript; charset=utf-8"
    assert got.get("etag").endswith('-gzip"') and not got.get("etag").startswith("W/")
    head = ask("/app.js", "HEAD", Accept_Encoding="gzip, br;q=0.5")
    assert (head.get("etag"), head.get("content-length")) == (got.get("etag"), got.get("content-length"))
    again = ask("/app.js", Accept_Encoding="gzip", If_None_Match=got.get("etag"))
    assert again.status == 304 and again.get("etag") == got.get("etag") and again.get("vary") == "Accept-Encoding"
    other = ask("/app.js", Accept_Encoding="br", If_None_Match=got.get("etag"))
    assert other.status == 200 and other.body == b"as if it were brotli"


def test_the_rest_is_compressed_on_the_way(ask):
    got = ask("/style.css", Accept_Encoding="gzip")
    assert gzip.decompress(got.body) == STYLE and got.get("vary") == "Accept-Encoding"
    assert got.get("etag").startswith("W/") and got.get("content-length") is None
    # Of these there is no form in zstd.
    assert ask("/app.js", Accept_Encoding="zstd").get("content-encoding") == "zstd"
    plain = ask("/app.js")
    assert plain.body == SCRIPT and plain.get("vary") == "Accept-Encoding"


def test_ranges_and_conditions_are_of_the_file_itself(ask):
    got = ask("/app.js", Range="bytes=3-9", Accept_Encoding="gzip, br")
    assert got.status == 206 and got.body == SCRIPT[3:10] and got.get("content-encoding") is None
    assert got.get("content-range") == f"bytes 3-9/{len(SCRIPT)}"
    packed = ask("/app.js", Accept_Encoding="br").get("etag")
    got = ask("/app.js", Range="bytes=3-9", If_Range=packed)
    assert got.status == 200 and got.body == SCRIPT
    got = ask("/app.js", Range=f"bytes={len(SCRIPT)}-")
    assert got.status == 416 and got.get("content-range") == f"bytes */{len(SCRIPT)}"
    assert ask("/app.js", If_Match=packed).status == 412
    assert ask("/app.js", If_Match=packed, Accept_Encoding="br").status == 200


def test_a_prefix_that_is_not_looked_for(ask):
    assert ask("/docs/notes.md").body == b"# notes"
    assert ask("/docs/").body == b"<h1>tide</h1>"
    got = ask("/docs/list?x=1")
    assert got.status == 308 and got.get("location") == "/docs/list/?x=1"
    assert ask("/docs").get("location") == "/docs/"
    assert ask("/docsify/notes.md").status == 404
    assert ask("/docs/../../etc/passwd").status == 404
    assert ask("/docs/docs/notes.md").status == 404


def test_try_with_a_prefix(ask, echo):
    got = ask("/spa/any/where")
    assert got.body == b"<h1>tide</h1>" and got.get("cache-control") == "no-cache"
    assert ask("/spa/notes.md").body == b"# notes"
    assert ask("/both/notes.md").body == b"# notes"
    assert json.loads(ask("/both/none").body)["target"] == "/both/none"
    assert echo.requests[-1].target == "/both/none"


def test_cache_control_by_name(ask):
    got = ask(f"/{ASSET}")
    assert got.get("cache-control") == "public, max-age=31536000, immutable"
    again = ask(f"/{ASSET}", If_None_Match=got.get("etag"))
    assert again.status == 304 and again.get("cache-control") == got.get("cache-control")
    assert ask("/app.js").get("cache-control") is None
    assert ask("/").get("cache-control") == "no-cache"
    assert ask("/none-3f2a9c1b7d.js").get("cache-control") == "no-store"  # an error


def test_types_and_charset(ask):
    assert ask("/data.geojson").get("content-type") == "application/geo+json"
    assert ask("/what.ever").get("content-type") == "text/x-unknown"
    assert ask("/notes.md").get("content-type") == "text/markdown; charset=utf-8"
    assert ask("/latin/notes.md").get("content-type") == "text/markdown; charset=iso-8859-1"
    assert ask("/latin/what.ever").get("content-type") == "application/octet-stream"


def test_lists_of_folders(ask):
    got = ask("/list/", Accept="application/json")
    assert got.get("content-type") == "application/json" and got.get("vary") == "Accept"
    listed = json.loads(got.body)
    assert [(e["name"], e["type"]) for e in listed["entries"]] == [
        ("sub", "folder"), ("a.txt", "file"), ("b <i>.txt", "file")]
    assert listed["complete"] and listed["entries"][1]["size"] == 1
    got = ask("/docs/list/", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    page = got.body.decode()
    assert got.get("content-type") == "text/html; charset=utf-8"
    assert "<title>/docs/list/</title>" in page and "<i>" not in page and ".secret" not in page
    link = page.split('href="./')[3].split('"')[0]
    assert ask("/docs/list/" + link).body == b"b" and urllib.parse.unquote(link) == "b <i>.txt"
    head = ask("/list/", "HEAD", Accept="application/json")
    assert head.status == 200 and head.body == b""
    assert ask("/list").status == 308
    assert ask("/latin/list/").status == 404
    # The forms of a script are not in the list of its folder; what has an index has no list.
    assert ask("/").body == b"<h1>tide</h1>"


def test_a_list_in_another_coding(start, folder):
    (folder / "w").mkdir(mode=0o755)
    for n in range(200):
        (folder / "w" / f"file number {n}.txt").write_text("x")
    gateway = start({"sites": [{"hosts": ["*"], "compress": "on", "files": {"root": str(folder / "w"), "listing": True}}]})
    got = fetch(gateway.address, "/", fields=[("Accept-Encoding", "gzip"), ("Accept", "application/json")])
    assert got.get("Vary") == "Accept, Accept-Encoding"
    assert len(json.loads(gzip.decompress(got.body))["entries"]) == 200


def test_a_link_on_the_way_to_the_root_is_followed_when_it_moves(start, folder):
    """As deployment tools have it: current/public, where current leads to one of the releases. The
    gateway is confined to folders that it was started with."""
    for number in ("1", "2"):
        public = folder / "releases" / number / "public"
        public.mkdir(parents=True)
        (public / "a.txt").write_text(number)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "app").mkdir(mode=0o755)
    current = folder / "app" / "current"
    current.symlink_to("../releases/1")
    gateway = start({"sites": [{"hosts": ["*"], "files": str(current / "public")}]})
    assert fetch(gateway.address, "/a.txt").body == b"1"
    (folder / "app" / "new").symlink_to("../releases/2")
    (folder / "app" / "new").rename(current)
    wait_until(lambda: fetch(gateway.address, "/a.txt").body == b"2", 5, "the other release")
    shutil.rmtree(folder / "releases" / "1")
    assert fetch(gateway.address, "/a.txt").body == b"2"
