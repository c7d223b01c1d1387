"""The gateway as an origin: fixed responses, the echo of the request, and files."""

import email.utils
import json
import os
import re
import shutil
import time

import pytest

from client import Connection, fetch, request_bytes
from tidegate import new_folder
from waiting import wait_until


# respond


def test_respond(start):
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/text"}, "respond": {"body": "hello\n"}},
        {"match": {"path": "/gone"}, "respond": {"status": 410, "body": "gone\n", "fields": {
            "Content-Type": "text/html", "X-Own": "yes", "Cache-Control": "no-store"}}},
        {"match": {"path": "/empty"}, "respond": {"status": 204}}]}]})
    with Connection(gateway.address) as connection:
        for _ in range(2):
            response = connection.request("/text")
            assert (response.status, response.body) == (200, b"hello\n")
            assert response.get("Content-Type").startswith("text/plain")
            assert email.utils.parsedate_to_datetime(response.get("Date"))
        response = connection.request("/text", "HEAD")
        assert response.get("Content-Length") == "6"
        response = connection.request("/gone")
        assert (response.status, response.body) == (410, b"gone\n")
        assert response.get("Content-Type") == "text/html"
        assert response.get("X-Own") == "yes" and response.get("Cache-Control") == "no-store"
        response = connection.request("/empty")
        assert response.status == 204 and response.get("Content-Length") is None
        # A body that nobody reads is answered at once; a short rest of it is worth waiting for.
        assert connection.request("/text", "POST", body=b"x" * 60000).status == 200
        assert connection.request("/other").status == 404
    with Connection(gateway.address) as connection:
        connection.send_even_if_refused(request_bytes("/text", "POST", body=b"x" * 1000000))
        response = connection.read_response()
        assert response.status == 200 and response.get("Connection") == "close"


def test_echo(start):
    gateway = start({"sites": [{"hosts": ["*"], "name": "mirror", "respond": {"echo": True}}]})
    with Connection(gateway.address) as connection:
        response = connection.request("/a%20b?c=d", "PUT", body=b"12345",
                                      fields=[("X-A", "\xe9\"\\"), ("X-A", "2")])
        assert response.get("Content-Type").startswith("application/json")
        echo = json.loads(response.body)
        assert echo["method"] == "PUT"
        assert echo["target"] == "/a%20b?c=d"
        assert echo["query"] == "c=d"
        assert echo["version"] == "HTTP/1.1"
        assert echo["authority"] == "test.example"
        assert echo["client"] == connection.local_text()
        assert echo["body_bytes"] == 5
        assert echo["tls"] is None
        assert [name for name, _ in echo["fields"]].count("X-A") == 2
        assert connection.request("/", "HEAD").status == 200


def test_echo_knows_the_tls_facts(start, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"echo": True}, "tls": {
        **shop.settings(), "clients": {"verify": "optional", "ca": str(ca.file)}}}]})
    context = ca.client_context(ca.client("somebody"))
    facts = json.loads(fetch(gateway.address, host="shop.example", tls=context).body)["tls"]
    assert facts["version"] == "TLSv1.3"
    assert facts["cipher"].startswith("TLS_")
    assert facts["sni"] == "shop.example"
    assert "somebody" in facts["client_subject"]


# files


def test_a_client_that_resets_is_not_the_file(start, folder):
    """Its reset may be seen first by what writes the file to it."""
    (folder / "big").write_bytes(bytes(8 << 20))
    gateway = start({"sites": [{"hosts": ["*"], "files": str(folder)}]})
    for _ in range(30):
        with Connection(gateway.address, receive_buffer=4096) as connection:
            connection.send(request_bytes("/big"))
            connection.reset()
    wait_until(lambda: len(gateway.log_entries()) == 30)
    assert {entry["reason"] for entry in gateway.log_entries()} == {"client_reset"}



@pytest.fixture(scope="module")
def tree():
    top = new_folder()
    root = top / "root"
    root.mkdir()
    (top / "outside.txt").write_text("outside")
    (root / "index.html").write_text("<h1>home</h1>\n")
    (root / "plain.txt").write_text("0123456789" * 10)
    (root / "style.css").write_text("a{}")
    (root / "code.js").write_text("1")
    (root / "picture.png").write_bytes(b"\x89PNG")
    (root / "unknown.zzz").write_bytes(b"\0\1\2")
    (root / "empty.txt").write_bytes(b"")
    (root / "sp ace é.txt").write_text("space")
    (root / "big.bin").write_bytes(os.urandom(1 << 20))
    (root / "sub").mkdir()
    (root / "sub" / "index.html").write_text("sub")
    (root / "noindex").mkdir()
    (root / "noindex" / "a.txt").write_text("a")
    (root / ".hidden").write_text("hidden")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / ".well-known").mkdir()
    (root / ".well-known" / "security.txt").write_text("contact")
    (root / "inside-link.txt").symlink_to("plain.txt")
    (root / "outside-link.txt").symlink_to("../outside.txt")
    (root / "absolute-link.txt").symlink_to(top / "outside.txt")
    (root / "outside-folder").symlink_to("..")
    os.mkfifo(root / "fifo")
    (root / "secret.txt").write_text("not yours")
    (root / "secret.txt").chmod(0)
    old = time.time() - 1000
    for path in root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (old, old))
    yield root
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="module")
def gateway(start_for_module, tree):
    return start_for_module({"sites": [
        {"hosts": ["*"], "files": str(tree)},
        {"hosts": ["text.example"], "routes": [
            {"match": {"path": "/*"}, "files": {"root": str(tree), "index": "plain.txt"}}]}]})


@pytest.mark.parametrize("target, kind, body", [
    ("/", "text/html; charset=utf-8", b"<h1>home</h1>\n"),
    ("/index.html", "text/html; charset=utf-8", b"<h1>home</h1>\n"),
    ("/sub/", "text/html; charset=utf-8", b"sub"),
    ("/plain.txt", "text/plain; charset=utf-8", b"0123456789" * 10),
    ("/plain.txt?query", "text/plain; charset=utf-8", b"0123456789" * 10),
    ("/style.css", "text/css; charset=utf-8", b"a{}"),
    ("/code.js", "text/javascript; charset=utf-8", b"1"),
    ("/picture.png", "image/png", b"\x89PNG"),
    ("/unknown.zzz", "application/octet-stream", b"\0\1\2"),
    ("/empty.txt", "text/plain; charset=utf-8", b""),
    ("/sp%20ace%20%C3%A9.txt", "text/plain; charset=utf-8", b"space"),
    ("/inside-link.txt", "text/plain; charset=utf-8", b"0123456789" * 10),
    ("/.well-known/security.txt", "text/plain; charset=utf-8", b"contact"),
    ("/sub/../plain.txt", "text/plain; charset=utf-8", b"0123456789" * 10),
    ("/%70lain.txt", "text/plain; charset=utf-8", b"0123456789" * 10)])
def test_types_and_index(gateway, target, kind, body):
    response = fetch(gateway.address, target)
    assert response.status == 200
    assert response.body == body
    assert response.get("Content-Type") == kind
    assert response.get("Accept-Ranges") == "bytes"
    assert response.get("ETag") and response.get("Last-Modified")


def test_index_by_another_name(gateway):
    assert fetch(gateway.address, "/", host="text.example").body == b"0123456789" * 10


def test_big_file_whole(gateway, tree):
    assert fetch(gateway.address, "/big.bin").body == (tree / "big.bin").read_bytes()


def test_big_file_over_tls(start, tree, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "files": str(tree)}]})
    response = fetch(gateway.address, "/big.bin", host="shop.example", tls=ca.client_context())
    assert response.body == (tree / "big.bin").read_bytes()


def test_folder_without_a_slash_is_redirected(gateway):
    response = fetch(gateway.address, "/sub?x=y")
    assert response.status in (301, 308)
    assert re.fullmatch(r"(http://test.example)?/sub/\?x=y", response.get("Location"))


@pytest.mark.parametrize("target", [
    "/missing", "/noindex/", "/plain.txt/", "/plain.txt/x", "/.hidden", "/.git/config", "/fifo",
    "/../outside.txt", "/../../../../../../etc/passwd", "/%2e%2e/outside.txt",
    "/sub/../../outside.txt", "/sub/%2E%2e/%2e%2E/outside.txt", "/..%2foutside.txt",
    "/%2e%2e%2foutside.txt", "/..%5coutside.txt", "/sub%2f..%2f..%2foutside.txt",
    "/outside-link.txt", "/absolute-link.txt", "/outside-folder/outside.txt",
    "/outside-folder/", "//etc/passwd", "/%2fetc/passwd", "/plain.txt%2f", "/sub%2findex.html",
    "/plain.txt%00.html", "/..;/outside.txt", "/.%2e/outside.txt", "/%252e%252e/outside.txt",
    "/" + "a" * 300, "/" + "a/" * 2000, "/%c0%ae%c0%ae/outside.txt"])
def test_what_is_not_served(gateway, target):
    with Connection(gateway.address) as connection:
        response = connection.request(target)
        assert response.status in (400, 403, 404), response
        assert b"outside" not in response.body and b"root:" not in response.body
    assert fetch(gateway.address, "/plain.txt").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone has a gateway that reads as nobody")
def test_unreadable_file(gateway):
    response = fetch(gateway.address, "/secret.txt")
    assert response.status in (403, 404)
    assert b"not yours" not in response.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PROPFIND", "OPTIONS"])
def test_other_methods(gateway, method):
    response = fetch(gateway.address, "/plain.txt", method)
    assert response.status == 405
    assert "GET" in response.get("Allow") and "HEAD" in response.get("Allow")


def test_head(gateway):
    with Connection(gateway.address) as connection:
        response = connection.request("/plain.txt", "HEAD")
        assert response.status == 200 and response.get("Content-Length") == "100"
        assert connection.request("/plain.txt").body == b"0123456789" * 10


@pytest.mark.parametrize("value, content_range, body", [
    ("bytes=0-9", "bytes 0-9/100", b"0123456789"),
    ("bytes=95-", "bytes 95-99/100", b"56789"),
    ("bytes=-3", "bytes 97-99/100", b"789"),
    ("bytes=-1000", "bytes 0-99/100", b"0123456789" * 10),
    ("bytes=90-1000", "bytes 90-99/100", b"0123456789"),
    ("bytes=5-5", "bytes 5-5/100", b"5"),
    ("BYTES=0-0", "bytes 0-0/100", b"0")])
def test_range(gateway, value, content_range, body):
    response = fetch(gateway.address, "/plain.txt", fields=[("Range", value)])
    assert response.status == 206
    assert response.get("Content-Range") == content_range
    assert response.body == body


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_range_that_cannot_be_satisfied(gateway, value):
    response = fetch(gateway.address, "/plain.txt", fields=[("Range", value)])
    assert response.status == 416
    assert response.get("Content-Range") == "bytes */100"


@pytest.mark.parametrize("value", [
    "bytes=", "bytes=a-b", "bytes=5-3", "bytes=-", "lines=0-1", "bytes 0-1", "bytes=0-1,a",
    "bytes=99999999999999999999-", "bytes=" + ",".join(f"{n}-{n}" for n in range(90)),
    "bytes=" + ",".join(["0-"] * 20)])
def test_range_that_is_ignored(gateway, value):
    response = fetch(gateway.address, "/plain.txt", fields=[("Range", value)])
    assert response.status in (200, 416)
    if response.status == 200:
        assert response.body == b"0123456789" * 10


def test_several_ranges(gateway):
    response = fetch(gateway.address, "/plain.txt", fields=[("Range", "bytes=0-4,20-24,-2")])
    assert response.status == 206
    found = re.fullmatch(r"multipart/byteranges; ?boundary=(\S+)", response.get("Content-Type"))
    boundary = found.group(1).strip('"').encode()
    parts = response.body.split(b"--" + boundary)
    assert parts[-1].strip() == b"--"
    bodies, ranges = [], []
    for part in parts[1:-1]:
        head, _, body = part.strip(b"\r\n").partition(b"\r\n\r\n")
        assert b"text/plain" in head
        ranges.append(re.search(rb"Content-Range: (\S+ \S+)", head).group(1))
        bodies.append(body)
    assert bodies == [b"01234", b"01234", b"89"]
    assert ranges == [b"bytes 0-4/100", b"bytes 20-24/100", b"bytes 98-99/100"]
    assert int(response.get("Content-Length")) == len(response.body)


def test_range_of_a_head_or_post_is_ignored(gateway):
    assert fetch(gateway.address, "/plain.txt", "HEAD", fields=[("Range", "bytes=0-1")]).status \
        in (200, 206)


def test_conditional_requests(gateway):
    with Connection(gateway.address) as connection:
        first = connection.request("/plain.txt")
        tag, date = first.get("ETag"), first.get("Last-Modified")
        later = email.utils.formatdate(time.time(), usegmt=True)
        earlier = email.utils.formatdate(time.time() - 100000, usegmt=True)
        for fields, status in [
                ([("If-None-Match", tag)], 304),
                ([("If-None-Match", f'"x", W/{tag}')], 304),
                ([("If-None-Match", "*")], 304),
                ([("If-None-Match", '"x"')], 200),
                ([("If-Modified-Since", date)], 304),
                ([("If-Modified-Since", later)], 304),
                ([("If-Modified-Since", earlier)], 200),
                ([("If-Modified-Since", "nonsense")], 200),
                ([("If-None-Match", '"x"'), ("If-Modified-Since", later)], 200),
                ([("If-Match", tag)], 200),
                ([("If-Match", '"x"')], 412),
                ([("If-Match", "*")], 200),
                ([("If-Unmodified-Since", date)], 200),
                ([("If-Unmodified-Since", earlier)], 412),
                ([("If-Range", tag), ("Range", "bytes=0-1")], 206),
                ([("If-Range", '"x"'), ("Range", "bytes=0-1")], 200),
                ([("If-Range", earlier), ("Range", "bytes=0-1")], 200)]:
            response = connection.request("/plain.txt", fields=fields)
            assert response.status == status, fields
            if status == 304:
                assert response.get("ETag") == tag


def test_etag_changes_with_the_file(start, folder):
    (folder / "a.txt").write_text("one")
    gateway = start({"sites": [{"hosts": ["*"], "files": str(folder)}]})
    first = fetch(gateway.address, "/a.txt").get("ETag")
    (folder / "a.txt").write_text("other")
    response = fetch(gateway.address, "/a.txt", fields=[("If-None-Match", first)])
    assert (response.status, response.body) == (200, b"other")


def test_file_that_shrinks_while_it_is_sent_is_cut_off(start, folder):
    """Never fewer bytes than announced without the end showing it, and never other bytes."""
    path = folder / "big.bin"
    path.write_bytes(b"x" * (64 << 20))
    gateway = start({"sites": [{"hosts": ["*"], "files": str(folder)}]})
    with Connection(gateway.address, receive_buffer=65536) as connection:
        connection.send(request_bytes("/big.bin"))
        head = connection.read_head()
        os.truncate(path, 1000)
        count = 0
        try:
            count = len(connection.read_to_end())
        except ConnectionResetError:
            pass
        assert count < int(head.get("Content-Length"))
    assert gateway.wait_log(target="/big.bin")["reason"]


def test_pipelined_files(gateway):
    with Connection(gateway.address) as connection:
        targets = ["/plain.txt", "/big.bin", "/missing", "/empty.txt", "/big.bin", "/sub/"] * 3
        connection.send(b"".join(request_bytes(target) for target in targets))
        for target in targets:
            response = connection.read_response()
            assert response.status == (404 if target == "/missing" else 200)
            assert len(response.body) == {"/plain.txt": 100, "/big.bin": 1 << 20, "/empty.txt": 0,
                                          "/sub/": 3}.get(target, len(response.body))


# The folder is replaced.

def test_the_tree_of_now_is_served(start, folder):
    root = folder / "site"
    make_tree(root, "one")
    gateway = start({"workers": 2, "sites": [{"hosts": ["*"], "files": str(root)}]})
    assert fetch(gateway.address, "/a.txt").body == b"one"
    shutil.rmtree(root)
    assert wait_for_body(gateway, None)
    make_tree(root, "two")
    assert wait_for_body(gateway, b"two")
    # Renamed over.
    make_tree(folder / "next", "three")
    root.rename(folder / "old")
    (folder / "next").rename(root)
    assert wait_for_body(gateway, b"three")


def test_a_link_as_the_root_is_followed_when_it_moves(start, folder):
    make_tree(folder / "r1", "one")
    make_tree(folder / "r2", "two")
    (folder / "r2" / "out.txt").symlink_to(folder / "r1" / "a.txt")
    current = folder / "current"
    current.symlink_to("r1")
    gateway = start({"sites": [{"hosts": ["*"], "files": str(current)}]})
    assert fetch(gateway.address, "/a.txt").body == b"one"
    (folder / "new").symlink_to("r2")
    (folder / "new").rename(current)
    assert wait_for_body(gateway, b"two")
    assert fetch(gateway.address, "/out.txt").status == 404
    assert fetch(gateway.address, "/../r1/a.txt").status == 404
    # Whatever is under way keeps its file; what is no folder is none.
    (folder / "new").symlink_to("r1/a.txt")
    (folder / "new").rename(current)
    assert wait_for_body(gateway, None)


def make_tree(path, text):
    path.mkdir(mode=0o755)
    (path / "a.txt").write_text(text)


def wait_for_body(gateway, body):
    """The very next request may come within the same millisecond."""
    def is_there():
        response = fetch(gateway.address, "/a.txt")
        return response.status == 404 if body is None else response.body == body
    return wait_until(is_there, 5, f"the tree with {body}")
