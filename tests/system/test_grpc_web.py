"""gRPC-Web: browsers speak it, and a real server of gRPC answers. Over both versions of HTTP, in the binary form and in
that of Base64."""

import base64
import json
import struct

import pytest

pytest.importorskip("h2")
pytest.importorskip("grpc")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from tidegate import command
from test_grpc import SERVICE, Server

BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text+proto"
FORMS = pytest.mark.parametrize("kind", [BINARY, TEXT], ids=["binary", "text"])
FRONTS = pytest.mark.parametrize("front", ["h1", "h2"])


@pytest.fixture(name="world", scope="module")
def _world(start_for_module):
    server = Server()
    pages = H2Origin(serve(lambda connection, request: connection.respond(
        request.stream, 502, [("content-type", "text/html")], b"<p>no</p>")))
    gateway = start_for_module({"sites": [
        {"hosts": ["*"], "grpc_web": True, "cors": {"origins": ["https://app.example"], "fields": ["*"],
                                                    "expose": ["grpc-status", "grpc-message"]},
         "routes": [{"match": {"path": "/test.Words/*"}, "backend": {"servers": [server.address], "protocol": "h2c"}},
                    {"match": {"path": "/plain/*"}, "grpc_web": False, "rewrite": {"strip_prefix": "/plain"},
                     "backend": {"servers": [server.address], "protocol": "h2c"}},
                    {"match": {"path": "/html/*"}, "backend": {"servers": [pages.address], "protocol": "h2c"}},
                    {"respond": {"status": 404}}]}]})
    yield gateway, server
    server.stop()
    pages.close(check=False)


def frame(message):
    return struct.pack(">BI", 0, len(message)) + message


def encoded(body, kind, piece=None):
    """In the text form; with `piece` as several texts, each padded, as pieces of a stream are."""
    if "text" not in kind:
        return body
    size = piece or len(body) or 1
    return b"".join(base64.b64encode(body[at:at + size]) for at in range(0, len(body), size))


def decoded(body, kind):
    """Messages, and the trailers as a dictionary."""
    if "text" in kind:
        body = b"".join(base64.b64decode(body[at:at + 4], validate=True) for at in range(0, len(body), 4))
    messages, trailers = [], None
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        content, body = body[5:5 + length], body[5 + length:]
        if flags & 0x80:
            assert not body and trailers is None
            trailers = dict(line.split(":", 1) for line in content.decode().split("\r\n")[:-1])
        else:
            messages.append(content)
    return messages, trailers


def ask(gateway, front, method, body, kind, fields=(), path=f"/{SERVICE}/"):
    fields = [("Content-Type", kind), ("X-Grpc-Web", "1"), *fields]
    if front == "h1":
        with Connection(gateway.address) as client:
            client.send(request_bytes(path + method, "POST", "shop.example", fields, body))
            answer = client.read_response("POST")
            return answer.status, answer.get, answer.body
    with Client(gateway.address) as client:
        answer = client.request(path + method, "POST", body, host="shop.example", fields=[(n.lower(), v) for n, v in fields])
        assert not answer.trailers
        return answer.status, lambda name: answer.get(name.lower()), bytes(answer.body)


@FRONTS
@FORMS
def test_a_call_of_one_message(world, front, kind):
    gateway, server = world
    status, get, body = ask(gateway, front, "Upper", encoded(frame(b"hello"), kind), kind, [("X-Own", "1"), ("Origin", "https://app.example")])
    messages, trailers = decoded(body, kind)
    assert (status, messages) == (200, [b"HELLO"]) and trailers["grpc-status"] == "0" and trailers["x-trailing"] == "2"
    assert get("Content-Type").startswith(kind.partition("+")[0]) and get("Content-Length") is None
    assert get("x-initial") == "1" and get("Access-Control-Allow-Origin") == "https://app.example"
    assert server.words.seen[-1][1]["x-own"] == "1"


@FRONTS
@FORMS
def test_many_messages_and_large_ones(world, front, kind):
    gateway, _ = world
    words = [b"word%d" % number for number in range(500)]
    assert decoded(ask(gateway, front, "Split", encoded(frame(b" ".join(words)), kind), kind)[2], kind)[0] == words
    sent = b"".join(frame(word) for word in words)
    assert decoded(ask(gateway, front, "Join", encoded(sent, kind, 7), kind)[2], kind)[0] == [b" ".join(words)]
    large = bytes(range(256)) * 4001
    messages, trailers = decoded(ask(gateway, front, "Big", encoded(frame(large), kind), kind)[2], kind)
    assert messages == [large * 2] and trailers["grpc-status"] == "0"


@FRONTS
@FORMS
def test_an_error_of_the_server(world, front, kind):
    _, get, body = ask(world[0], front, "Refuse", encoded(frame(b"x"), kind), kind)
    trailers = decoded(body, kind)[1] or {"grpc-status": get("grpc-status"), "grpc-message": get("grpc-message")}
    assert trailers["grpc-status"] == "7" and "not you" in trailers["grpc-message"]


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 4096])
def test_a_body_in_pieces(world, cut):
    gateway, _ = world
    text = encoded(frame(b"hello, world"), TEXT)
    with Connection(gateway.address) as client:
        client.send(request_bytes(f"/{SERVICE}/Upper", "POST", "shop.example",
                                  [("Content-Type", TEXT), ("Transfer-Encoding", "chunked")]))
        for at in range(0, len(text), cut):
            client.send(b"%x\r\n%s\r\n" % (len(text[at:at + cut]), text[at:at + cut]))
        client.send(b"0\r\n\r\n")
        assert decoded(client.read_response("POST").body, TEXT)[0] == [b"HELLO, WORLD"]


@FRONTS
def test_accept_may_name_the_other_form(world, front):
    _, get, body = ask(world[0], front, "Upper", frame(b"a"), BINARY, [("Accept", "*/*, application/grpc-web-text")])
    assert get("Content-Type").startswith("application/grpc-web-text") and decoded(body, TEXT)[0] == [b"A"]


@FRONTS
@pytest.mark.parametrize("body", [b"AAAAAAE", b"AAAAA.Fh", b"AAAAAAFh\r\n", b"=AAAAAAFh", b"AAAA==AA"])
def test_what_is_no_base64_is_refused(world, front, body):
    assert ask(world[0], front, "Upper", body, TEXT)[0] == 400
    entry = world[0].wait_log(target=f"/{SERVICE}/Upper", status=400)
    assert entry["reason"] == "bad_grpc_web"


@FRONTS
@FORMS
def test_what_is_no_answer_of_grpc_stays(world, front, kind):
    status, get, body = ask(world[0], front, "Upper", encoded(frame(b"a"), kind), kind, path="/html/")
    assert (status, get("Content-Type"), body) == (502, "text/html", b"<p>no</p>")


@FRONTS
def test_nothing_is_translated_where_it_is_off(world, front):
    status, get, _ = ask(world[0], front, "Upper", frame(b"a"), BINARY, path=f"/plain/{SERVICE}/")
    assert status == 415 or not (get("Content-Type") or "").startswith("application/grpc-web")


def test_a_route_whose_server_has_no_http_2(tmp_path):
    def check(route, **site):
        file = tmp_path / "tidegate.yaml"
        file.write_text(json.dumps({"sites": [{"hosts": ["*"], "routes": [route], **site}]}))
        found = command("check", "-c", str(file))
        return found.returncode, found.stderr

    status, text = check({"backend": "127.0.0.1:1", "grpc_web": True})
    assert status == 1 and "does not speak HTTP/2" in text
    assert check({"backend": "127.0.0.1:1"}, grpc_web=True)[0] == 0
