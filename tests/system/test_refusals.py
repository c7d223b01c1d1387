"""Requests that a parser refuses: when, with which status, and what the log and the page say of them."""

import json
import re

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection
from h2client import PROTOCOL_ERROR, Client
from origins import EchoOrigin
from waiting import wait_until

HOST = b"Host: shop.example\r\n"


@pytest.fixture(name="origin", scope="module")
def _origin():
    with EchoOrigin() as origin:
        yield origin


@pytest.fixture(name="gateway", scope="module")
def _gateway(start_for_module, origin):
    return start_for_module({"sites": [{"hosts": ["shop.example"], "backend": origin.address}],
                             "timeouts": {"head": "10m", "first_byte": "10m"}})


@pytest.fixture(name="combined", scope="module")
def _combined(start_for_module, origin):
    return start_for_module({"sites": [{"hosts": ["shop.example"], "backend": origin.address}],
                             "log": {"format": "combined"}})


def refuse(gateway, data):
    with Connection(gateway.address) as client:
        client.send(data)
        response = client.read_response()
        assert response.get("Connection") == "close"
        assert client.is_closed_by_peer()
    return response


def entry_of(gateway, response):
    found = re.search(rb"request ([0-9a-f]{32})", response.body)
    return gateway.wait_log(request_id=found.group(1).decode())


# ---- at the line's end, and not when the head's time is over ----

EARLY = [
    ("http 0.9", b"GET /old\r\n", 400, "request_line"),
    ("http 0.9 behind an empty line", b"\r\nGET /old\r\n", 400, "request_line"),
    ("http 3.7", b"GET / HTTP/3.7\r\n", 505, "unsupported_version"),
    ("http 2.0", b"GET / HTTP/2.0\r\n", 505, "unsupported_version"),
    ("no version", b"GET / HTTP/x\r\n", 400, "version"),
    ("two spaces", b"GET  / HTTP/1.1\r\n", 400, "request_line"),
    ("two spaces behind the target", b"GET /  HTTP/1.1\r\n", 400, "request_line"),
    ("a target without a slash", b"GET index.html HTTP/1.1\r\n", 400, "target"),
    ("no colon", b"GET / HTTP/1.1\r\nHost\r\n", 400, "field_name"),
    ("a space before the colon", b"GET / HTTP/1.1\r\n" + HOST + b"X : y\r\n", 400, "field_name"),
    ("a folded line", b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n z\r\n", 400, "folding"),
    ("a control byte", b"GET / HTTP/1.1\r\n" + HOST + b"X: y\x01\r\n", 400, "field_value"),
    ("a bare lf", b"GET / HTTP/1.1\n", 400, "line_end"),
    ("a method without an end", b"A" * 100000, 400, "method"),
]


@pytest.mark.parametrize("name,data,status,reason", EARLY, ids=[case[0] for case in EARLY])
@pytest.mark.parametrize("step", [1, 100000], ids=["bytewise", "whole"])
def test_a_line_is_judged_when_it_ends(gateway, name, data, status, reason, step):
    """Nothing but the lines is sent: the answer cannot wait for the rest of the head."""
    del name
    with Connection(gateway.address) as client:
        for at in range(0, min(len(data), 200 if step == 1 else len(data)), step):
            client.send_even_if_refused(data[at:at + step])
        response = client.read_response()
    assert response.status == status
    assert entry_of(gateway, response)["reason"] == reason


def test_a_long_head_in_many_pieces_is_no_slower_than_its_bytes(gateway):
    """Nothing is looked at again from the beginning."""
    with Connection(gateway.address) as client:
        client.send(b"GET /pieces HTTP/1.1\r\n" + HOST)
        for number in range(90):
            client.send(b"X-%d: " % number)
            client.send(b"y" * 200)
            client.send(b"\r\n")
        client.send(b"\r\n")
        assert client.read_response().status == 200


# ---- statuses ----

STATUSES = [
    ("http 1.2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 200),
    ("http 1.9", b"GET / HTTP/1.9\r\n" + HOST + b"\r\n", 200),
    ("gzip, chunked", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("identity, chunked",
     b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity, chunked\r\n\r\n", 501),
    ("gzip and chunked in two lines", b"POST / HTTP/1.1\r\n" + HOST +
     b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    ("chunked, gzip", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
    ("gzip", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    ("identity", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n", 400),
    ("chunked, chunked",
     b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    ("gzip, chunked and a length", b"POST / HTTP/1.1\r\n" + HOST +
     b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n\r\n", 400),
    ("equal lengths", b"POST / HTTP/1.1\r\n" + HOST +
     b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    ("a long target", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    ("a long head", b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 60000 + b"\r\n\r\n", 431),
    ("many fields", b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 200 + b"\r\n", 431),
]


@pytest.mark.parametrize("name,data,status", STATUSES, ids=[case[0] for case in STATUSES])
def test_status(gateway, name, data, status):
    del name
    with Connection(gateway.address) as client:
        client.send_even_if_refused(data)
        assert client.read_response().status == status


@pytest.mark.parametrize("data,limit", [
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", "limits.target"),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 60000 + b"\r\n\r\n", "limits.head"),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 200 + b"\r\n", "limits.fields")])
def test_the_limit_that_struck_is_named(gateway, data, limit):
    entry = entry_of(gateway, refuse(gateway, data))
    assert limit in entry["mend"]
    assert entry["method"] == "GET" and entry["target"].startswith("/")


def test_files_know_no_other_methods(start, folder):
    (folder / "www").mkdir()
    (folder / "www" / "a").write_text("hello")
    gateway = start({"sites": [{"hosts": ["shop.example"], "files": str(folder / "www")}]})
    for method, status in (("BREW", 501), ("get", 501), ("POST", 405), ("PATCH", 405),
                           ("PROPFIND", 405), ("LOCK", 405), ("propfind", 501), ("PROPFINDX", 501),
                           ("OPTIONS", 405), ("GET", 200)):
        with Connection(gateway.address) as client:
            client.send(f"{method} /a HTTP/1.1\r\n".encode() + HOST + b"\r\n")
            response = client.read_response(method)
            assert response.status == status, method
            assert (response.get("Allow") == "GET, HEAD") == (status == 405)


# ---- what is told ----

def test_a_refusal_is_found_in_the_log_by_its_request(gateway):
    response = refuse(gateway, b"POST /pay?id=7 HTTP/1.1\r\n" + HOST + b"User-Agent: sharp\r\n"
                               b"X: a\x07b\r\n\r\n")
    assert response.status == 400
    entry = entry_of(gateway, response)
    assert entry["reason"] == "field_value" and entry["status"] == 400
    assert (entry["method"], entry["target"], entry["authority"], entry["user_agent"]) == (
        "POST", "/pay?id=7", "shop.example", "sharp")
    assert entry["version"] == "HTTP/1.1"
    assert "byte 68 of the head is 0x07" in entry["detail"]
    assert b"byte 68 of the head is 0x07" in response.body


@pytest.mark.parametrize("data,shown", [
    (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", b"byte 6 of the head is '#' (0x23)"),
    (b"GE:T / HTTP/1.1\r\n" + HOST + b"\r\n", b"byte 2 of the head is ':' (0x3a)"),
    (b"GET / HTTP/4.0\r\n" + HOST + b"\r\n", b"byte 6 of the head is 'H' (0x48)"),
    (b"GET / HTTP/1.1\r\nHost: http://a/\r\n\r\n", b"from byte 22 on the head has \"http://a/\""),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\n",
     b"from byte 53 on the head has \"5, 5\""),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x80, chunked\r\n\r\n",
     b"from byte 56 on the head has \"\\x80, chunked\""),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Expect: a miracle\r\n\r\n",
     b"from byte 45 on the head has \"a miracle\""),
    (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
     b"byte 8 of the chunked body is 'X' (0x58)")])
def test_the_page_names_the_bytes(gateway, data, shown):
    assert shown in refuse(gateway, data).body


def test_a_refusal_in_the_combined_format(combined):
    refuse(combined, b'GET /a"b\x1b HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: sharp\r\n\r\n')
    refuse(combined, b"GET /old\r\n")

    def lines():
        text = combined.log_path.read_text() if combined.log_path.exists() else ""
        return text.splitlines() if text.count("\n") >= 2 else None
    found = wait_until(lines, what="two lines in the log")
    assert '"GET /a\\x22b\\x1b HTTP/1.1" 400 ' in found[0] and found[0].endswith('"-" "sharp"')
    assert '"GET /old" 400 ' in found[1]


def test_what_is_logged_of_a_refusal_is_escaped_and_bounded(gateway):
    response = refuse(gateway, b"GET /\xc2\x9b31m\xe2\x80\xae\xff" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST +
                               b"\r\n")
    entry = entry_of(gateway, response)
    assert len(entry["target"]) < 2100 and entry["target"].endswith("...(cut)")
    line = next(line for line in gateway.log_path.read_bytes().splitlines()
                if entry["request_id"].encode() in line)
    assert b"\\u009b31m\\u202e\xef\xbf\xbd" in line
    assert b"\xc2\x9b" not in line and b"\xe2\x80\xae" not in line
    assert json.loads(line)["target"].startswith("/\u009b31m\u202e")


def test_a_head_that_never_comes_whole_is_told_as_far_as_it_came(start, origin):
    gateway = start({"sites": [{"hosts": ["shop.example"], "backend": origin.address}],
                     "timeouts": {"head": "200ms"}})
    response = refuse(gateway, b"GET /half HTTP/1.1\r\nHost: shop.example\r\nX")
    assert response.status == 408
    entry = entry_of(gateway, response)
    assert (entry["method"], entry["target"], entry["authority"]) == ("GET", "/half", "shop.example")


def test_a_refused_head_has_no_body(gateway):
    with Connection(gateway.address) as client:
        client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"X : y\r\n\r\n")
        response = client.read_response("HEAD")
        assert response.status == 400 and int(response.get("Content-Length")) > 0
        assert client.read_to_end() == b""


# ---- HTTP/2 ----

PSEUDO = [(":method", "PUT"), (":scheme", "http"), (":path", "/kv?x=1")]
H2_CASES = [
    # etcdctl with its endpoint as a URL.
    ("url as authority", [*PSEUDO, (":authority", "http://127.0.0.1:1")], "host",
     'the field ":authority" has "http://127.0.0.1:1"', "http://127.0.0.1:1"),
    ("other host", [*PSEUDO, (":authority", "shop.example"), ("host", "b.example")], "host_conflict",
     'the field "host" has "b.example"', "shop.example"),
    ("upper case", [*PSEUDO, (":authority", "shop.example"), ("X-Up", "y")], "field_name",
     "byte 0 of the name \"X-Up\" is 'X' (0x58)", "shop.example"),
    ("lf in a value", [*PSEUDO, (":authority", "shop.example"), ("x", "a\nb")], "field_value",
     'byte 1 of the field "x" is 0x0a', "shop.example"),
    ("bad byte first", [(":authority", "shop.example\x01"), *PSEUDO], "field_value",
     'byte 12 of the field ":authority" is 0x01', "shop.example\x01"),
    ("connection", [*PSEUDO, (":authority", "shop.example"), ("connection", "close")],
     "connection_field", 'the field "connection" has "close"', "shop.example"),
    ("bad length", [*PSEUDO, (":authority", "shop.example"), ("content-length", "5, 5")],
     "content_length", 'the field "content-length" has "5, 5"', "shop.example"),
]


@pytest.mark.parametrize("name,fields,reason,detail,authority", H2_CASES,
                         ids=[case[0] for case in H2_CASES])
def test_a_malformed_h2_request_is_found_in_the_log(gateway, name, fields, reason, detail, authority):
    del name
    with Client(gateway.address) as client:
        response = client.wait(client.send(fields))
        assert response.reset == PROTOCOL_ERROR
        entry = gateway.wait_log(lambda entry: detail in entry.get("detail", ""), reason=reason)
        assert (entry["method"], entry["target"], entry["version"]) == ("PUT", "/kv?x=1", "HTTP/2")
        assert entry["authority"] == authority
        assert client.request().status == 200


@pytest.mark.parametrize("fields,status,limit", [
    ([(":path", "/" + "a" * 9000)], 414, "limits.target"),
    ([(":path", "/"), *[(f"x-{i}", "y") for i in range(200)]], 431, "limits.fields"),
    ([(":path", "/"), *[(f"x-{i}", "y" * 1000) for i in range(50)]], 431, "limits.head")])
def test_an_h2_request_over_a_limit(gateway, fields, status, limit):
    with Client(gateway.address) as client:
        response = client.wait(client.send([(":method", "GET"), (":scheme", "http"),
                                            (":authority", "shop.example"), *fields]))
        assert response.status == status
        entry = gateway.wait_log(lambda entry: limit in entry.get("mend", ""), version="HTTP/2")
        assert entry["authority"] == "shop.example" and entry["status"] == status
