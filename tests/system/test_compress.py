"""`compress`: responses in a coding that the client takes, over both versions of HTTP on either side."""

import contextlib
import gzip
import json
import random
import shutil
import subprocess
import threading
import zlib

import pytest

brotli = pytest.importorskip("brotli")
zstandard = pytest.importorskip("zstandard")

# pylint: disable=wrong-import-position
from client import Connection, chunked, fetch, request_bytes
from h2client import Client
from h2origin import serve
from origins import Origin, response_bytes
from pairs import FRONTS, World
from tidegate import command, new_folder
from waiting import wait_until

WORDS = "tide gate water door server client moon harbour the of and".split()
PAGE = " ".join(random.Random(1).choices(WORDS, k=4000)).encode()
LONG = " ".join(random.Random(2).choices(WORDS, k=400_000)).encode()
HTML = ("Content-Type", "text/html; charset=utf-8")
# By path: fields, body.
PAGES = {
    "/page": ([HTML, ("ETag", '"v1"'), ("Accept-Ranges", "bytes"), ("Content-Digest", "sha-256=:AA==:"),
               ("Vary", "Cookie")], PAGE),
    "/plain": ([HTML], PAGE),
    "/long": ([HTML], LONG),
    "/png": ([("Content-Type", "image/png")], PAGE),
    "/short": ([HTML], b"short"),
    "/coded": ([HTML, ("Content-Encoding", "gzip")], gzip.compress(PAGE)),
    "/untouched": ([HTML, ("Cache-Control", "public, no-transform")], PAGE),
    "/cookie": ([HTML, ("Set-Cookie", "a=b")], PAGE),
    "/part": ([HTML, ("Content-Range", f"bytes 0-{len(PAGE) - 1}/{len(PAGE)}")], PAGE),
    "/off/page": ([HTML], PAGE),
    "/gzip/page": ([HTML], PAGE),
    "/grpc-web": ([("Content-Type", "application/grpc-web+proto")], PAGE),
}
DECODE = {"gzip": lambda body: zlib.decompress(body, 31), "br": brotli.decompress,
          "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
          None: lambda body: body}
SITE = {"compress": "on", "routes": [
    {"match": {"path": "/off/*"}, "backend": "up", "compress": "off"},
    {"match": {"path": "/gzip/*"}, "backend": "up", "compress": {"encodings": ["gzip"]}}]}


def split(target):
    """`?unsaid`: the head does not tell the length."""
    path, _, how = target.partition("?")
    return path, how == "unsaid", how == "trailers"


def h1(connection):
    while True:
        request = connection.read_request()
        path, unsaid, has_trailers = split(request.target)
        fields, body = PAGES[path]
        status = 206 if path == "/part" else 200
        if request.get("If-None-Match") is not None and path == "/page":
            connection.send(b"HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nContent-Length: 1000\r\n\r\n")
        elif unsaid or has_trailers:
            head = "".join(f"{name}: {value}\r\n" for name, value in fields)
            trailers = "X-Sum: 7\r\nContent-Digest: sha-256=:AA==:\r\n" if has_trailers else ""
            connection.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode() +
                            (chunked(body[:500], body[500:], trailers=trailers)
                             if request.method != "HEAD" else b""))
        else:
            data = response_bytes(status, fields, body)
            connection.send(data if request.method != "HEAD" else data[:-len(body)])


def h2(connection, request):
    path, unsaid, has_trailers = split(request.get(":path"))
    fields, body = PAGES[path]
    lower = [(name.lower(), value) for name, value in fields]
    if not unsaid and not has_trailers:
        lower.append(("content-length", str(len(body))))
    if request.get("if-none-match") is not None and path == "/page":
        connection.head(request.stream, 304, [("etag", '"v1"'), ("content-length", "1000")], end=True)
    elif request.get(":method") == "HEAD":
        connection.head(request.stream, 200, lower, end=True)
    else:
        connection.respond(request.stream, 206 if path == "/part" else 200, lower, body,
                           [("x-sum", "7"), ("content-digest", "sha-256=:AA==:")] if has_trailers else None)


@pytest.fixture(name="world", scope="module", params=["h1", "h2c", "auto1", "auto2"])
def _world(request, start_for_module, ca, shop):
    world = World(start_for_module, ca, shop, request.param, h1, serve(h2), site=SITE)
    yield world
    for origin in world.origins:
        origin.close(check=False)


@pytest.fixture(name="front", params=["h1", "h2"])
def _front(request):
    return request.param


def get(front, gateway, target, accept="gzip", method="GET", fields=()):
    fields = [*([("Accept-Encoding", accept)] if accept else []), *fields]
    if front == "h1":
        return fetch(gateway.address, target, method, fields=fields)
    with Client(gateway.address) as client:
        return client.request(target, method, host="test.example", fields=[(n.lower(), v) for n, v in fields])


@pytest.mark.parametrize("target", ["/page", "/page?unsaid", "/long", "/long?unsaid"])
def test_responses_are_compressed_for_who_takes_it(world, front, target):
    for coding in ("zstd", "br", "gzip"):
        got = get(front, world.gateway, target, coding)
        assert got.get("content-encoding") == coding
        assert got.get("content-length") is None
        assert DECODE[coding](got.body) == PAGES[target.partition("?")[0]][1]
        assert len(got.body) < len(PAGES[target.partition("?")[0]][1]) / 2


def test_the_head_says_what_the_body_is(world, front):
    got = get(front, world.gateway, "/page")
    assert got.get("etag") == 'W/"v1"'
    assert got.get("vary") == "Cookie, Accept-Encoding"
    assert got.all("accept-ranges") == got.all("content-digest") == got.all("content-length") == []
    head = get(front, world.gateway, "/page", method="HEAD")
    for name in ("etag", "vary", "content-encoding", "content-type"):
        assert head.get(name) == got.get(name), name
    assert head.all("content-length") == head.all("accept-ranges") == [] and head.body == b""


def test_who_takes_none_gets_the_bytes_as_they_are(world, front):
    for accept in (None, "", "identity", "gzip;q=0", "deflate", "gzip;q=7", "br;q=0.5, identity"):
        got = get(front, world.gateway, "/page", accept)
        assert got.body == PAGE and got.get("content-length") == str(len(PAGE)), accept
        assert got.get("etag") == '"v1"' and got.get("accept-ranges") == "bytes"
        assert got.get("content-digest") == "sha-256=:AA==:"
        assert got.get("vary") == "Cookie, Accept-Encoding"
        assert got.get("content-encoding") is None


def test_the_best_of_several(world, front):
    for accept, coding in (("gzip, deflate, br, zstd", "zstd"), ("gzip, br", "br"), ("*", "zstd"),
                           ("zstd;q=0.1, br;q=0.2, gzip;q=0.3", "gzip"), ("*, zstd;q=0", "br")):
        got = get(front, world.gateway, "/plain", accept)
        assert got.get("content-encoding") == coding and got.get("vary") == "Accept-Encoding"
        assert DECODE[coding](got.body) == PAGE


def test_what_is_left_alone(world, front):
    for target in ("/png", "/short", "/coded", "/untouched", "/part", "/off/page"):
        fields, body = PAGES[target]
        got = get(front, world.gateway, target)
        assert got.body == body and got.get("vary") is None, target
        assert got.get("content-length") == str(len(body))
        assert got.get("content-encoding") == dict(fields).get("Content-Encoding")


def test_a_request_may_forbid_it(world, front):
    got = get(front, world.gateway, "/page", fields=[("Cache-Control", "no-transform")])
    assert got.body == PAGE and got.get("etag") == '"v1"'


def test_a_route_has_its_own(world, front):
    got = get(front, world.gateway, "/gzip/page", "zstd, br, gzip;q=0.1")
    assert got.get("content-encoding") == "gzip" and DECODE["gzip"](got.body) == PAGE


def test_trailers_come_behind_a_compressed_body(world, front):
    got = get(front, world.gateway, "/page?trailers")
    assert DECODE["gzip"](got.body) == PAGE
    assert [(name.lower(), value) for name, value in got.trailers] == [("x-sum", "7")]


@pytest.mark.parametrize("asked", ['"v1"', 'W/"v1"'])
def test_not_modified_has_the_etag_that_the_client_has(world, front, asked):
    got = get(front, world.gateway, "/page", fields=[("If-None-Match", asked)])
    assert got.status == 304 and got.get("etag") == asked and got.get("vary") == "Accept-Encoding"
    assert got.get("content-length") is None  # nobody knows that of the 200


def test_many_on_one_connection(world):
    with Client(world.gateway.address) as client:
        codings = ["zstd", "br", "gzip"] * 8
        streams = [client.start("/page", fields=[("accept-encoding", coding)]) for coding in codings]
        for stream, coding in zip(streams, codings):
            assert DECODE[coding](client.wait(stream).body) == PAGE
    with Connection(world.gateway.address) as client:
        client.send(b"".join(request_bytes("/page", fields=[("Accept-Encoding", coding)]) for coding in codings))
        for coding in codings:
            assert DECODE[coding](client.read_response().body) == PAGE


# Streams that must not wait for the compressor.

class Talking:
    """A server that says the next piece when it is told to."""

    def __init__(self, start, ca, shop, back, kind):
        self.next = threading.Semaphore(0)
        self.pieces = [b"data: %d\n\n" % n for n in range(5)]
        self.kind = kind
        self.world = World(start, ca, shop, back, self.h1, serve(self.h2), site={"compress": "on"})

    def h1(self, connection):
        connection.read_request()
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Type: {self.kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for piece in self.pieces:
            assert self.next.acquire(timeout=20)
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.send(b"0\r\n\r\n")

    def h2(self, connection, request):
        connection.head(request.stream, 200, [("content-type", self.kind)])
        for piece in self.pieces:
            assert self.next.acquire(timeout=20)
            connection.data(request.stream, piece)
        connection.end(request.stream)


def decoder(coding):
    return {"gzip": lambda: zlib.decompressobj(31).decompress, "br": lambda: brotli.Decompressor().process,
            "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress}[coding]()


@FRONTS
@pytest.mark.parametrize("back, kind, coding", [("h1", "text/event-stream", "gzip"), ("h2c", "text/event-stream", "zstd"),
                                                ("h1", "text/plain", "br"), ("auto2", "text/plain", "gzip"),
                                                ("auto1", "application/grpc-web+proto", "zstd"),
                                                ("h2c", "application/grpc-web+proto", "br")])
def test_what_is_said_now_is_heard_now(start, ca, shop, front, back, kind, coding):
    talking = Talking(start, ca, shop, back, kind)
    decode, heard = decoder(coding), b""
    with talking.world as world:
        if front == "h1":
            with Connection(world.gateway.address) as client:
                client.send(request_bytes(fields=[("Accept-Encoding", coding)]))
                assert client.read_head().get("Content-Encoding") == coding
                for n, piece in enumerate(talking.pieces):
                    talking.next.release()
                    while heard != b"".join(talking.pieces[:n + 1]):
                        heard += decode(client.read(int(client.read_until(b"\r\n"), 16)))
                        assert client.read(2) == b"\r\n" and piece
                assert client.read_chunked()[1] == []
        else:
            with Client(world.gateway.address) as client:
                stream = client.start("/", fields=[("accept-encoding", coding)])
                response = client.wait_head(stream)
                assert response.get("content-encoding") == coding
                seen = 0
                for n in range(len(talking.pieces)):
                    talking.next.release()
                    while heard != b"".join(talking.pieces[:n + 1]):
                        if len(response.body) == seen:
                            client.pump()
                        heard += decode(response.body[seen:])
                        seen = len(response.body)
                client.wait(stream)


# What the gateway answers itself.

@pytest.fixture(name="own", scope="module")
def _own(start_for_module, ca, shop, bank):
    root = new_folder()
    (root / "page.html").write_bytes(PAGE)
    (root / "long.txt").write_bytes(LONG)
    (root / "picture.png").write_bytes(PAGE)
    gateway = start_for_module({"sites": [
        {"hosts": ["*"], "compress": "on", "routes": [
            {"match": {"path": "/fixed"}, "respond": {"body": PAGE.decode(), "status": 404,
                                                      "fields": {"Content-Type": "text/html"}}},
            {"match": {"path": "/echo"}, "respond": {"echo": True}},
            {"files": str(root)}]},
        {"hosts": ["shop.example"], "tls": shop.settings(), "compress": {"level": "high"}, "routes": [
            {"match": {"path": "/echo"}, "respond": {"echo": True}},
            {"match": {"path": "/unguarded"}, "respond": {"echo": True}, "compress": {"breach": "ignore"}},
            {"files": str(root)}]}]})
    yield gateway
    shutil.rmtree(root, ignore_errors=True)


@pytest.mark.parametrize("target", ["/page.html", "/long.txt", "/fixed"])
@pytest.mark.parametrize("coding", ["zstd", "br", "gzip"])
def test_files_and_fixed_answers(own, front, target, coding):
    body = LONG if target == "/long.txt" else PAGE
    got = get(front, own, target, coding)
    assert got.get("content-encoding") == coding and got.get("vary") == "Accept-Encoding"
    assert got.get("content-length") is None and got.get("accept-ranges") is None
    assert DECODE[coding](got.body) == body
    head = get(front, own, target, coding, method="HEAD")
    assert head.get("content-encoding") == coding and head.body == b""
    assert head.get("etag") == got.get("etag")


def test_conditions_of_compressed_files(own, front):
    plain = get(front, own, "/page.html", None)
    tag = plain.get("etag").removeprefix("W/")
    packed = get(front, own, "/page.html")
    assert packed.get("etag") == f"W/{tag}" and plain.get("accept-ranges") == "bytes"
    for asked in (f"W/{tag}", tag):
        again = get(front, own, "/page.html", fields=[("If-None-Match", asked)])
        assert again.status == 304 and again.get("etag").removeprefix("W/") == tag
    assert get(front, own, "/page.html", fields=[("If-None-Match", '"other"')]).status == 200


def test_ranges_are_of_the_bytes_as_they_are(own, front):
    got = get(front, own, "/page.html", fields=[("Range", "bytes=10-99")])
    assert got.status == 206 and got.body == PAGE[10:100]
    assert got.get("content-encoding") is None and got.get("content-length") == "90"
    # A part of what was compressed is none of these.
    tag = get(front, own, "/page.html").get("etag")
    got = get(front, own, "/page.html", fields=[("Range", "bytes=10-99"), ("If-Range", tag)])
    assert got.status == 200 and DECODE[got.get("content-encoding")](got.body) == PAGE


def test_types_of_files(own, front):
    assert get(front, own, "/picture.png").body == PAGE
    assert get(front, own, "/page.html", fields=[("Accept-Language", "x" * 10)]).get("content-encoding") == "gzip"


# BREACH.

@pytest.mark.parametrize("fields, target, coding", [
    ([], "/echo", "gzip"),
    ([("Cookie", "a=b"), ("Sec-Fetch-Site", "same-origin")], "/echo", "gzip"),
    ([("Cookie", "a=b"), ("Sec-Fetch-Site", "cross-site")], "/echo", None),
    ([("Cookie", "a=b"), ("Referer", "https://evil.example/")], "/echo", None),
    ([("Cookie", "a=b"), ("Sec-Fetch-Site", "cross-site")], "/unguarded", "gzip"),
    ([("Cookie", "a=b"), ("Sec-Fetch-Site", "cross-site")], "/page.html", "gzip")])
def test_what_another_site_asks_for_with_secrets_is_not_compressed(own, ca, fields, target, coding):
    fields = [("Accept-Encoding", "gzip"), ("X-Long", "x" * 2000), *fields]
    got = fetch(own.address, target, host="shop.example", tls=ca.client_context(), fields=fields)
    assert got.get("Content-Encoding") == coding and got.get("Vary") == "Accept-Encoding"
    # Over plain HTTP whoever listens reads it anyway.
    if target == "/echo":
        assert fetch(own.address, target, fields=fields).get("Content-Encoding") == "gzip"


def test_responses_that_set_cookies(start, ca, shop):
    with Origin(h1) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "compress": "on",
                                    "plain_http": "serve", "backend": origin.address}]})
        ask = {"host": "shop.example", "fields": [("Accept-Encoding", "gzip")]}
        assert fetch(gateway.address, "/cookie", tls=ca.client_context(), **ask).get("Content-Encoding") is None
        assert fetch(gateway.address, "/plain", tls=ca.client_context(), **ask).get("Content-Encoding") == "gzip"
        assert fetch(gateway.address, "/cookie", **ask).get("Content-Encoding") == "gzip"


def test_rules_for_servers_are_not_the_clients_wishes(start):
    with Origin(h1) as origin:
        rules = {"match": {"path": "/plain"}, "backend": origin.address,
                 "request_fields": {"remove": ["Accept-Encoding"]}}
        gateway = start({"sites": [
            {"hosts": ["removed.example"], "compress": "on", "routes": [rules]},
            {"hosts": ["set.example"], "compress": "on", "routes": [
                {**rules, "request_fields": {"set": {"Accept-Encoding": "gzip"}}}]}]})
        packed = [("Accept-Encoding", "br")]
        assert fetch(gateway.address, "/plain", host="removed.example", fields=packed).get("Content-Encoding") == "br"
        assert fetch(gateway.address, "/plain", host="set.example", fields=packed).get("Content-Encoding") == "br"
        assert fetch(gateway.address, "/plain", host="set.example").get("Content-Encoding") is None


# Bounds and broken streams.

def test_a_slow_reader_gets_it_all(world, front):
    with contextlib.ExitStack() as stack:
        if front == "h1":
            client = stack.enter_context(Connection(world.gateway.address, receive_buffer=4096))
            client.send(request_bytes("/long", fields=[("Accept-Encoding", "br")]))
            response = client.read_response()
        else:
            client = stack.enter_context(Client(world.gateway.address, window=1000))
            response = client.request("/long", fields=[("accept-encoding", "br")])
        assert brotli.decompress(response.body) == LONG


def test_a_client_that_leaves_gives_its_memory_back(start, folder):
    control = folder / "control.sock"
    random_text = random.Random(3).randbytes(4_000_000).hex().encode()

    def endless(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(20):
                connection.send(b"%x\r\n%s\r\n" % (len(random_text), random_text))

    with Origin(endless) as origin:
        gateway = start({"control": str(control), "workers": 1, "limits": {"compression_memory": "600k"}, "sites": [
            {"hosts": ["*"], "compress": "on", "backend": origin.address}]})

        def status():
            done = command("status", "--json", "-c", str(gateway.config_path))
            return json.loads(done.stdout)["compression"]

        def codings():
            for client in clients:
                client.send(request_bytes(fields=[("Accept-Encoding", "gzip")]))
            return [client.read_head().get("Content-Encoding") for client in clients]

        clients = [Connection(gateway.address, receive_buffer=4096) for _ in range(4)]
        # There is memory for two.
        assert sorted(codings(), key=str) == [None, None, "gzip", "gzip"]
        assert status()["active"] == 2 and status()["uncompressed"] == 2
        for client in clients:
            client.reset()
        wait_until(lambda: status()["active"] == 0)
        assert status()["memory"] == 0
        clients = [Connection(gateway.address, receive_buffer=4096)]
        assert codings() == ["gzip"]
        clients[0].reset()
        wait_until(lambda: status()["active"] == 0)
        origin.close(check=False)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_response_that_its_server_cuts_short_has_no_end(start, coding):
    def short(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n" + PAGE)

    with Origin(short) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "compress": "on", "backend": origin.address}]})
        with Connection(gateway.address) as client:
            client.send(request_bytes(fields=[("Accept-Encoding", coding)]))
            assert client.read_head().get("Content-Encoding") == coding
            with contextlib.suppress(ConnectionResetError):
                assert not client.read_to_end().endswith(b"0\r\n\r\n")
        with Client(gateway.address) as client:
            assert client.request("/", fields=[("accept-encoding", coding)]).reset is not None


def test_old_clients_get_it_as_it_is(own):
    with Connection(own.address) as client:
        client.send(b"GET /page.html HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        head, _, body = client.read_to_end().partition(b"\r\n\r\n")
        assert b"Content-Encoding" not in head and body == PAGE


# Other people's clients.

@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_curl(own, world, version):
    for gateway, target in ((own, "/page.html"), (world.gateway, "/page"), (world.gateway, "/long?unsaid")):
        done = subprocess.run(["curl", "-sS", "--compressed", version, "-D", "/dev/stderr",
                               f"http://127.0.0.1:{gateway.port}{target}"], capture_output=True, timeout=60, check=True)
        assert b"content-encoding: " in done.stderr.lower()
        assert done.stdout == (LONG if "long" in target else PAGE)


@pytest.mark.parametrize("coding, tool", [("zstd", "zstd"), ("br", "brotli"), ("gzip", "gzip")])
def test_command_line_tools_read_it(own, coding, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    packed = get("h1", own, "/long.txt", coding).body
    assert subprocess.run([tool, "-dc"], input=packed, capture_output=True, timeout=60,
                          check=True).stdout == LONG
