"""Errors that the gateway answers by itself: all of their fields are its own, whatever a server had
said before its response turned out to be of no use, in all combinations of HTTP versions."""

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin

# What an error has. Connection is there where this one ends.
OWN = {"content-type", "x-content-type-options", "cache-control", "content-length", "date",
       "connection"}
SAID = [("set-cookie", "secret=1"), ("content-type", "image/png"), ("content-encoding", "gzip"),
        ("content-language", "tlh"), ("cache-control", "public, max-age=99"), ("etag", '"said"'),
        ("location", "/said"), ("link", "</said>"), ("vary", "said"), ("server", "said"),
        ("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("x-said", "said"), ("allow", "said"),
        ("retry-after", "99"), ("content-range", "bytes 0-0/1"), ("trailer", "x-said")]
TWO_LENGTHS = [("content-length", "5"), ("content-length", "6")]


def h1_head(status, fields):
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode()


def bad_h1(connection):
    """Says a lot, and then what cannot be passed on."""
    while True:
        request = connection.read_request()
        kind, status = request.target[1:].split("/")
        if kind == "early":
            connection.send(h1_head(103, SAID[:-1]))
            connection.half_close()
        elif kind == "lengths":
            connection.send(h1_head(status, [*SAID, *TWO_LENGTHS]))
        else:
            connection.send(h1_head(status, [*SAID, ("x-bad", "a\1b")]))
        connection.wait_end()


def bad_h2(connection):
    while True:
        request = connection.next_request()
        kind, status = request.get(":path")[1:].split("/")
        said = [(name, value) for name, value in SAID if name != "trailer"]
        if kind == "early":
            connection.raw_headers(request.stream, [(":status", "103"), *said])
            connection.reset(request.stream, 2)
        elif kind == "lengths":
            connection.raw_headers(request.stream, [(":status", status), *said, *TWO_LENGTHS])
        else:
            connection.raw_headers(request.stream, [(":status", status), *said, ("x-bad", "a\1b")])


@pytest.fixture(name="gateway", scope="module", params=["h1", "h2c"])
def _gateway(request, start_for_module):
    with (Origin(bad_h1) if request.param == "h1" else H2Origin(bad_h2)) as origin:
        yield start_for_module({
            "sites": [{"hosts": ["shop.example"], "backend": "up"}],
            "backends": [{"name": "up", "servers": [origin.address], "protocol": request.param}]})


def ask_h1(gateway, target, method):
    with Connection(gateway.address) as client:
        client.send(request_bytes(target, method, "shop.example"))
        response = client.read_response(method)
        return response.status, response.reason, response.fields, response.body


def ask_h2(gateway, target, method):
    with Client(gateway.address) as client:
        response = client.request(target, method)
        assert response.reset is None and response.trailers is None
        fields = [(name, value) for name, value in response.fields if name != ":status"]
        return response.status, "Bad Gateway", fields, response.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 206, 304, 404, 502, 503])
@pytest.mark.parametrize("kind", ["lengths", "byte", "early"])
@pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["front_h1", "front_h2"])
def test_nothing_that_a_server_said_is_in_an_error(gateway, ask, kind, status, method):
    found, reason, fields, body = ask(gateway, f"/{kind}/{status}", method)
    assert (found, reason) == (502, "Bad Gateway")
    names = [name.lower() for name, _ in fields]
    assert len(names) == len(set(names)), names
    assert set(names) <= OWN, names
    values = dict(zip(names, [value for _, value in fields]))
    assert values["content-type"] == "text/plain; charset=utf-8"
    assert values["cache-control"] == "no-store"
    assert "1970" not in values["date"]
    assert "said" not in repr(values).lower()
    if method == "GET":
        assert body.startswith(b"502 Bad Gateway\n") and len(body) == int(values["content-length"])
    else:
        assert body == b"" and int(values["content-length"]) > 0


def get(gateway, target="/", method="GET", fields=()):
    with Connection(gateway.address) as client:
        client.send(request_bytes(target, method, "shop.example", fields))
        return client.read_response(method)


def test_what_an_error_must_say_is_in_it(start, folder):
    (folder / "www").mkdir()
    (folder / "www" / "a").write_text("hello")
    gateway = start({"sites": [{"hosts": ["shop.example"], "routes": [
        {"match": {"path": "/post", "methods": ["POST"]}, "respond": {"status": 204}},
        {"match": {"path": "/*"}, "files": {"root": str(folder / "www")}}]}]})
    refused = get(gateway, "/a", "POST")
    assert refused.status == 405 and refused.get("Allow") == "GET, HEAD"
    ranges = get(gateway, "/a", fields=[("Range", "bytes=9-")])
    assert ranges.status == 416 and ranges.get("Content-Range") == "bytes */5"
    with Connection(gateway.address) as client:
        client.send(b"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n")
        response = client.read_response()
        assert response.status == 405 and response.get("Allow") == ""
        assert response.get("Connection") == "close"


def test_a_503_says_when_to_come_again(start):
    gateway = start({"sites": [{"hosts": ["shop.example"], "backend": "up"}],
                     "backends": [{"name": "up", "servers": ["name.invalid:80"]}]})
    response = get(gateway)
    assert response.status == 503 and response.get("Retry-After") == "5"
