"""Rules about paths against every spelling of a path, as the servers behind would read it.

The readers below are small models of how real servers come from a request's target to the name that
they look up: what they decode, how often, what they cut off and what they take for a separator. A
request has passed a rule when the origin got it and one of the readers that the site is for would serve
what the rule guards."""

import itertools
import json
import random
import re
import subprocess
import urllib.parse

import pytest

import h2client
from client import Connection, fetch
from origins import EchoOrigin
from tidegate import binary

GUARDED = ("admin", "a:b")


# Readers: from a target as it came over the wire to the segments that are looked up.

def decode(path):
    return urllib.parse.unquote_to_bytes(path.encode("latin-1")).decode("latin-1")


def resolve(path, merges_first):
    if merges_first:
        path = re.sub("/+", "/", path)
    out = []
    for segment in path.split("/"):
        if segment == "..":
            out = out[:-1]
        elif segment not in ("", "."):
            out.append(segment)
    return out


def nginx(path):
    """Decodes once, "%2F" too, merges slashes, then resolves dots."""
    return resolve(decode(path), True)


def tomcat(path):
    """Cuts parameters off each segment, then decodes, '\\' as '/', then resolves."""
    path = "/".join(segment.split(";")[0] for segment in path.split("/"))
    return resolve(decode(path).replace("\\", "/"), False)


def iis(path):
    """Decodes twice, '\\' is '/', overlong UTF-8 is taken, parameters are kept."""
    text = decode(decode(path))
    text = re.sub("[\xc0\xc1](.)", lambda m: chr(ord(m.group(1)) & 0x3f | 0x40 * (m.group(0)[0] == "\xc1")),
                  text, flags=re.DOTALL)
    return resolve(text.replace("\\", "/").split("\0")[0], True)


def late_cutter(path):
    """Decodes, then cuts parameters."""
    return resolve("/".join(s.split(";")[0] for s in decode(path).split("/")), False)


def literal(path):
    """Decodes segment by segment."""
    return [decode(s) for s in resolve(path, False)]


READERS = [nginx, tomcat, iis, late_cutter, literal]


def is_guarded(target):
    path = target.split("?")[0]
    return any(len(read) >= 2 and read[0] in GUARDED for read in (r(path) for r in READERS))


# Spellings.

PLAIN = ["/admin/x", "/a:b/x"]
SPELLINGS = [
    "/admin%2Fx", "/admin%2fx", "/%2Fadmin/x", "/%2fadmin/x", "/admin%5Cx", "/admin%5cx",
    "/%5cadmin/x", "/admin\\x", "/\\admin/x", "/admin;x/secret.txt", "/;a=b/admin/secret.txt",
    "/;/admin/x", "/admin;/x", "/admin%3Bx/y", "/admin%3bx/y", "/admin;x%2Fy", "/%3B/admin/x",
    "/admin%252Fx", "/admin%25252Fx", "/%2561dmin/x", "/%252561dmin/x", "/%25%36%31dmin/x",
    "/%61dmin/x", "/%61%64%6D%69%6e/x", "/admin/%2e/x", "//admin/x", "///admin///x",
    "/./admin/x", "/open/../admin/x", "/open/%2e%2e/admin/x", "/open/%2E./admin/x",
    "/open/..;/admin/x", "/open/..;a=b/admin/x", "/open/.;x/../admin/x", "/open/..%2Fadmin/x",
    "/open%2F..%2Fadmin/x", "/open/..%5Cadmin/x", "/open\\..\\admin\\x", "/open/%252e%252e/admin/x",
    "/open/%252e%252e%252fadmin/x", "/open/%c0%ae%c0%ae/admin/x", "/%c0%afadmin/x",
    "/admin%c0%afx", "/admin%c1%9cx", "/open/%c0%2e%c0%2e/admin/x", "/admin%e0%80%afx", "/%c0/admin/x",
    "/admin%00/x", "/%00/admin/x", "/admin%2500/x", "/admin/x?a=/../../open", "/admin/x?", "/open/x/..//../admin/x",
    "/open//../admin/x", "/a%3Ab/x", "/a%3ab/x", "/%61%3Ab/x", "/a:b;v=1/x", "/a%253Ab/x",
    "/%u0061dmin/x", "/%/admin/x", "/admin/%", "/admin/x%", "/a%3Ab%2Fx",
]
# Nothing of these is guarded, or hides something: they are served.
HARMLESS = ["/", "/open/x", "/open/a%20b", "/open/caf%C3%A9", "/open/100%25", "/open/%7Euser", "/open/a..b",
            "/open/.hidden", "/open/[id]", "/open/a|b", "/open/%E9", "/open/?x=/admin/../%2F;%5C\\", "/administrator/x",
            "/open//x", "/open/a:b", "/open/x?q=100%", "/open/x?q=<a>&b={}|^`\"", "/open/x?%00"]


def random_spelling(rng):
    """A path to something guarded, of pieces that some reader makes nothing of."""
    noise = ["", ".", "%2e", ";", ";a", "%3b", "x/..", "x/%2e%2e", "x;/..", "x%2f..", "%252e", "%2f"]
    separators = ["/", "/", "//", "%2F", "%2f", "\\", "%5c", "%252f", "/;/"]
    target = "/"
    for piece in [rng.choice(noise), rng.choice(noise), rng.choice(GUARDED), "x"]:
        if piece in GUARDED:
            piece = "".join(rng.choice([c, c, f"%{ord(c):02x}", f"%25{ord(c):02X}"]) for c in piece)
            piece += rng.choice(["", "", ";q", "%3Bq"])
        target += piece + rng.choice(separators)
    return target


def steps_reader(decodes, cuts, is_backslash_slash, merges_first, resolves_each):
    """One that takes its steps in an order of its own: cuts parameters "before", "after" or at "each" decoding."""
    def cut(path):
        return "/".join(segment.split(";")[0] for segment in path.split("/"))

    def read(path):
        path = cut(path) if cuts in ("before", "each") else path
        for _ in range(decodes):
            path = decode(path)
            path = path.replace("\\", "/") if is_backslash_slash else path
            path = cut(path) if cuts == "each" else path
            if resolves_each:
                path = "/" + "/".join(resolve(path, merges_first)) + ("/" if path.endswith("/") else "")
        return resolve(cut(path) if cuts == "after" else path, merges_first)

    return read


STEP_READERS = [steps_reader(*steps) for steps in itertools.product(
    (1, 2, 3), ("never", "before", "after", "each"), (False, True), (False, True), (False, True))]


def layered_spelling(rng):
    """Several of these at once, each encoded up to three times."""
    noise = ["", ".", "..", "%2e%2e", ";a", "%3b", "%253b", "x/..", "x;/..", "x/..;a", "x/%252e%252e", "open/..",
             "x%252f..", "x%255c..", "x/%252e%252e%3b", "x/%25252e%25252e"]
    separators = ["/", "/", "//", "%2F", "\\", "%5c", "%252f", "%255C", "/;/", ";x/", "%3Bx/", "%253Bx/", "%25252f"]
    target = rng.choice(["/", "/", "//", "/%2f", "/;", "/open/"])
    for _ in range(rng.randrange(4)):
        target += rng.choice(noise) + rng.choice(separators)
    for c in rng.choice(GUARDED):
        target += rng.choice([c, c, c, c, f"%{ord(c):02x}", f"%25{ord(c):02X}", f"%2525{ord(c):02X}"])
    target += rng.choice(["", "", ";q", "%3Bq", "%253bq"]) + rng.choice(separators)
    for _ in range(rng.randrange(3)):
        target += rng.choice(noise) + rng.choice(separators)
    return target + rng.choice(["x", "x", "", "..", "x?y"])


RANDOM = [random_spelling(random.Random(seed)) for seed in range(300)]


def config_for(origin, paths=None, rule=None):
    site = {"hosts": ["*"], "plain_http": "serve", "routes": [
        {"match": {"path": "/admin/*", **(rule or {})}, "respond": {"status": 403, "body": "no\n"}},
        {"match": {"path": "/a:b/*"}, "respond": {"status": 403, "body": "no\n"}},
        {"backend": origin.address}]}
    if paths is not None:
        site["paths"] = paths
    return {"sites": [site]}


@pytest.fixture(scope="module", name="guards")
def fixture_guards(start_for_module):
    """One gateway of each kind, with its origin."""
    with EchoOrigin() as strict_origin, EchoOrigin() as loose_origin:
        yield {"strict": (start_for_module(config_for(strict_origin)), strict_origin),
               "as_sent": (start_for_module(config_for(loose_origin, "as_sent")), loose_origin)}


def statuses_of_h1(gateway, targets, form="{}"):
    statuses, connection = [], Connection(gateway.address)
    for target in targets:
        if connection is None:
            connection = Connection(gateway.address)
        response = connection.request(form.format(target))
        statuses.append(response.status)
        if (response.get("Connection") or "") == "close":
            connection.close()
            connection = None
    if connection is not None:
        connection.close()
    return statuses


def statuses_of_h2(gateway, targets):
    with h2client.Client(gateway.address, server_name="test.example") as client:
        return [client.request(target).status for target in targets]


WAYS = {"h1": statuses_of_h1,
        "absolute": lambda g, t: statuses_of_h1(g, t, "http://test.example{}"),
        "h2": statuses_of_h2}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("paths", ["strict", "as_sent"])
def test_no_spelling_passes_a_rule(guards, paths, way):
    gateway, origin = guards[paths]
    targets = PLAIN + SPELLINGS + RANDOM
    before = len(origin.requests)
    statuses = WAYS[way](gateway, targets)
    passed = [request.target for request in origin.requests[before:] if is_guarded(request.target)]
    assert not passed
    assert all(status in (200, 400, 403) for status in statuses)
    assert statuses[:len(PLAIN)] == [403] * len(PLAIN)


@pytest.mark.parametrize("paths", ["strict", "as_sent"])
def test_no_order_of_a_servers_steps_passes_a_rule(guards, paths):
    gateway, origin = guards[paths]
    before = len(origin.requests)
    statuses = statuses_of_h1(gateway, [layered_spelling(random.Random(seed)) for seed in range(1500)])
    passed = {request.target for request in origin.requests[before:]
              for segments in (read(request.target.split("?")[0]) for read in STEP_READERS)
              if len(segments) >= 2 and segments[0] in GUARDED}
    assert not passed
    assert set(statuses) <= {200, 400, 403}


@pytest.mark.parametrize("prefix", ["", "http://test.example", "https://other.example:8443"])
@pytest.mark.parametrize("paths", ["strict", "as_sent"])
def test_no_spelling_of_a_destination_passes_a_rule(guards, paths, prefix):
    gateway, origin = guards[paths]
    targets = [*PLAIN, *SPELLINGS, "/ad%6d%252569%256E%3Bq%2Fopen/../x", "/%61:%62%25252fopen/../;/x",
               *(layered_spelling(random.Random(seed)) for seed in range(400))]
    before = len(origin.requests)
    connection, statuses = None, []
    for target in targets:
        connection = connection or Connection(gateway.address)
        response = connection.request("/open/x", "MOVE", fields=[("Destination", prefix + target)])
        statuses.append(response.status)
        if (response.get("Connection") or "") == "close":
            connection.close()
            connection = None
    passed = set()
    for value in (request.get("Destination") for request in origin.requests[before:]):
        path = value if value.startswith("/") else "/" + value.split("/", 3)[3]
        passed |= {value for read in READERS + STEP_READERS
                   if len(read(path.split("?")[0])) >= 2 and read(path.split("?")[0])[0] in GUARDED}
    assert not passed
    assert set(statuses) <= {200, 400, 403} and statuses[:len(PLAIN)] == [403] * len(PLAIN)


def test_a_destination_is_resolved_on_the_way(guards):
    gateway, origin = guards["strict"]
    for value, seen in [("/open/a/../b?c", "/open/b?c"), ("http://other.example/open/./b", "http://other.example/open/b"),
                        ("/open/a|b", "/open/a%7Cb"), ("/open//b", "/open//b")]:
        assert fetch(gateway.address, "/open/x", "COPY", fields=[("Destination", value)]).status == 200
        assert origin.requests[-1].get("Destination") == seen


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("paths", ["strict", "as_sent"])
def test_what_every_reader_reads_alike_is_served(guards, paths, way):
    gateway, _ = guards[paths]
    assert dict(zip(HARMLESS, WAYS[way](gateway, HARMLESS))) == dict.fromkeys(HARMLESS, 200)


def test_as_sent_lets_through_what_no_rule_minds(guards):
    gateway, origin = guards["as_sent"]
    for target in ["/open/a%2Fb", "/open/a;v=1/b", "/open/a%5Cb", "/open/a%252Fb", "/a%3Bb"]:
        before = len(origin.requests)
        assert fetch(gateway.address, target).status == 200, target
        assert origin.requests[before].target == target
    assert fetch(gateway.address, "/admin%2Fx").status == 403
    assert fetch(gateway.address, "/;a=b/admin/x").status == 403
    assert fetch(gateway.address, "/%2561dmin/x").status == 403


@pytest.mark.parametrize("target, reason, shown", [
    ("/open/a%2Fb", "path_encoded_slash", '"%2F" at byte 8 of the path'),
    ("/a%5cb", "path_encoded_backslash", '"%5c" at byte 3'), ("/a\\b", "path_backslash", '"\\" at byte 3'),
    ("/a;b", "path_parameter", '";" at byte 3'), ("/a%3bb", "path_parameter", '"%3b" at byte 3'),
    ("/a%252Fb", "path_double_encoding", '"%252F" at byte 3'), ("/a%00", "path_nul", '"%00" at byte 3'),
    ("/%c0%af", "path_overlong", '"%c0" at byte 2'), ("/a%", "path_percent", '"%" at byte 3'),
    ("/..%2Fx", "path_hidden_dots", '"%2F" at byte 4')])
@pytest.mark.parametrize("way", ["h1", "h2"])
def test_the_refused_byte_is_named(guards, target, reason, shown, way):
    gateway, _ = guards["strict"]
    if way == "h1":
        response = fetch(gateway.address, target)
        status, body = response.status, response.body
    else:
        with h2client.Client(gateway.address, server_name="test.example") as client:
            response = client.request(target)
            status, body = response.status, response.body
    assert status == 400
    assert shown in body.decode()
    assert shown in gateway.wait_log(reason=reason, target=target)["detail"]


def test_a_site_without_rules_sends_paths_as_they_came(start):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        for target in ["/a%2Fb", "/a;jsessionid=1", "/a%5Cb", "/a%252Fb", "/%61", "/a//b"]:
            before = len(origin.requests)
            assert fetch(gateway.address, target).status == 200, target
            assert origin.requests[before].target == target
        assert fetch(gateway.address, "/..%2Fx").status == 400


def test_strict_can_be_said_where_there_is_no_rule(start):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address, "paths": "strict"}]})
        assert fetch(gateway.address, "/a;b").status == 400
        assert fetch(gateway.address, "/a/b").status == 200


@pytest.mark.parametrize("way", ["h1", "h2"])
def test_odd_bytes_of_browsers_are_encoded_on_the_way(start, way):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        cases = {'/a|b"c^d`e{f}g<h>': "/a%7Cb%22c%5Ed%60e%7Bf%7Dg%3Ch%3E", "/[a]'(b)": "/[a]'(b)",
                 "/x?q=100%": "/x?q=100%", "/x?q=\\|\"<a>{}^`": "/x?q=\\|\"<a>{}^`", "/x?%zz%00": "/x?%zz%00"}
        for target, wanted in cases.items():
            before = len(origin.requests)
            assert WAYS[way](gateway, [target]) == [200], target
            assert origin.requests[before].target == wanted
        for target in ["/caf\xc3\xa9", "/a\\b", "/a%"]:
            assert WAYS[way](gateway, [target]) == [400], target


def test_queries_take_bytes_above_ascii(start):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address) as connection:
            connection.send("GET /?q=é HTTP/1.1\r\nHost: test.example\r\n\r\n".encode())
            assert connection.read_response().status == 200


@pytest.mark.parametrize("bytes_", [b"/?a#b", b"/?a\x01", b"/?a\x7f", b"/#"])
def test_queries_take_no_controls_and_no_fragment(start, bytes_):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]})
    with Connection(gateway.address) as connection:
        connection.send(b"GET " + bytes_ + b" HTTP/1.1\r\nHost: test.example\r\n\r\n")
        assert connection.read_response().status == 400


# An empty port.

@pytest.mark.parametrize("host", ["a.test:", "a.test", "A.test:", "[::1]:"])
def test_an_empty_port_is_none(start, host):
    gateway = start({"sites": [{"hosts": ["a.test", "[::1]"], "respond": {"body": "ok"}}]})
    assert fetch(gateway.address, host=host).status == 200
    assert fetch(gateway.address, f"http://{host}/", host=host).status == 200
    with h2client.Client(gateway.address, server_name="a.test") as client:
        assert client.request("/", host=host).status == 200


# Rules about clients.

@pytest.fixture(scope="module", name="restricted")
def fixture_restricted(start_for_module, ca):
    with EchoOrigin() as origin:
        def site(host, paths):
            return {"hosts": [host], "paths": paths, "routes": [
                {"match": {"path": "/admin/*", "client": {"dns": ["admin.example"]}}, "else": "deny",
                 "backend": origin.address},
                {"match": {"path": "/read/*", "methods": ["GET"]}, "else": "deny", "backend": origin.address},
                {"backend": origin.address}],
                "tls": {**ca.server(host).settings(), "clients": {"verify": "optional", "ca": str(ca.file)}}}
        yield start_for_module({"sites": [site("strict.example", "strict"),
                                          site("loose.example", "as_sent")]}), origin


def test_else_deny_keeps_other_clients_off(restricted, ca):
    gateway, _ = restricted
    admin = ca.client_context(ca.client("x", names=["admin.example"]))
    other = ca.client_context(ca.client("x", names=["other.example"]))
    nobody = ca.client_context()
    host = "strict.example"
    assert fetch(gateway.address, "/admin/x", host=host, tls=admin).status == 200
    assert fetch(gateway.address, "/admin/x", host=host, tls=other).status == 403
    assert gateway.wait_log(status=403, reason="client_not_allowed")
    assert fetch(gateway.address, "/admin/x", host=host, tls=nobody).status == 403
    assert gateway.wait_log(status=403, reason="client_unknown")
    assert fetch(gateway.address, "/x", host=host, tls=nobody).status == 200
    assert fetch(gateway.address, "/read/x", host=host, tls=nobody).status == 200
    refused = fetch(gateway.address, "/read/x", "POST", host=host, tls=nobody)
    assert refused.status == 405
    assert refused.get("Allow") == "GET, HEAD"


@pytest.mark.parametrize("host", ["strict.example", "loose.example"])
def test_no_spelling_passes_a_rule_about_clients(restricted, ca, host):
    gateway, origin = restricted
    targets = [t for t in PLAIN + SPELLINGS + RANDOM if not t.startswith("/a:b")]
    before = len(origin.requests)
    connection = None
    for target in targets:
        if connection is None:
            connection = Connection(gateway.address, ca.client_context(), host)
        if (connection.request(target, host=host).get("Connection") or "") == "close":
            connection.close()
            connection = None
    passed = [r.target for r in origin.requests[before:]
              if any(read[:1] == ["admin"] and len(read) > 1
                     for read in (reader(r.target.split("?")[0]) for reader in READERS))]
    assert not passed


X, Y = ({"client": {"dns": [name]}} for name in ("x.example", "y.example"))


@pytest.mark.parametrize("routes, is_fine", [
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/*"}, 403), ({}, 200)], True),
    ([({"path": "/admin/*", **X}, None), ({"path": "/adm*"}, 404), ({}, 200)], True),
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/*", **Y}, "deny"), ({}, 200)], True),
    ([({"path": "/admin/*", **X}, None), ({}, 404)], True),
    ([({"path": "/admin/*", "methods": ["GET"], **X}, None), ({"path": "/admin/*", "methods": ["PUT"]}, "deny"),
      ({}, 200)], True),
    ([({"path": "/r/*", "methods": ["GET"]}, None), ({"path": "/r/*", "methods": ["PUT"]}, "deny"), ({}, None)], True),
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/x"}, 403), ({}, 200)], False),
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/*", "methods": ["GET"]}, 403), ({}, 200)], False),
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/*", **Y}, None), ({}, 200)], False),
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/*", "methods": ["GET"], **Y}, "deny"), ({}, 200)], False),
    ([({"path": "/admin/*", **X}, None), ({"path": "/admin/*", "methods": ["GET"]}, "deny"), ({}, 200)], False),
    ([({"path": "/admin/*", **X}, None), ({}, 200), ({"path": "/admin/*"}, 403)], False),
    ([({"path": "/%61dmin/*", **X}, None), ({"path": "/admin/*"}, 301)], False),
    ([({"path": "/r/*", "methods": ["GET"]}, None), ({"path": "/r/*"}, None)], False),
])
def test_check_finds_rules_that_keep_nobody_off(ca, tmp_path, routes, is_fine):
    """What the routes do: None is a backend, "deny" one with `else: deny`, a number answers."""
    answers = {None: {"backend": "127.0.0.1:1"}, "deny": {"backend": "127.0.0.1:1", "else": "deny"},
               **{status: {"respond": {"status": status, "fields": {"Location": "/"}}} for status in (301, 403, 404)},
               200: {"respond": {"body": "ok"}}}
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"sites": [{
        "hosts": ["a.example"], "tls": {**ca.server("a.example").settings(),
                                        "clients": {"ca": str(ca.file), "verify": "optional"}},
        "routes": [{**({"match": match} if match else {}), **answers[answer]} for match, answer in routes]}]}))
    done = subprocess.run([binary(), "check", "-c", str(config)], capture_output=True, text=True, timeout=30, check=False)
    assert ("the others are let in by the one" not in done.stdout + done.stderr) == is_fine, done
    assert (done.returncode == 0) == is_fine, done


@pytest.mark.parametrize("first, second, status, level", [
    ("/*", "/admin/*", 403, "error"), ("/adm*", "/admin/*", 404, "error"), ("/*", "/x/*", 200, "warning"),
    ("/*", "/*", 404, "warning"), ("/admin/*", "/*", 404, None), ("/admin/", "/admin/*", 403, None)])
def test_check_finds_refusals_that_an_earlier_route_hides(tmp_path, first, second, status, level):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": first}, "backend": "127.0.0.1:1"},
        {"match": {"path": second}, "respond": {"status": status, "body": "x"}}]}]}))
    done = subprocess.run([binary(), "check", "-c", str(config)], capture_output=True, text=True, timeout=30, check=False)
    text = done.stdout + done.stderr
    assert (f"{level}: no request can reach this route" in text) == (level is not None), text
    assert done.returncode == (level == "error"), text


@pytest.mark.parametrize("first, second, is_reached", [
    ({"path": "/a/*", **X}, {"path": "/a/*", **Y}, False), ({"path": "/a/*", **X}, {"path": "/a/b"}, False),
    ({"path": "/a/*", "methods": ["GET"]}, {"path": "/a/*", "methods": ["PUT"]}, False),
    ({"path": "/a/*", "methods": ["GET"], **X}, {"path": "/a/*", "methods": ["PUT"]}, True),
    ({"path": "/a/*", **X}, {"path": "/b/*", **Y}, True)])
def test_check_finds_routes_behind_a_final_one(ca, tmp_path, first, second, is_reached):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps({"sites": [{
        "hosts": ["a.example"], "tls": {**ca.server("a.example").settings(),
                                        "clients": {"ca": str(ca.file), "verify": "optional"}},
        "routes": [{"match": first, "else": "deny", "backend": "127.0.0.1:1"},
                   {"match": second, "else": "deny" if len(second) > 1 else "next", "backend": "127.0.0.1:1"}]}]}))
    done = subprocess.run([binary(), "check", "-c", str(config)], capture_output=True, text=True, timeout=30, check=False)
    assert ("no request can reach this route" in done.stdout + done.stderr) != is_reached, done


def test_check_and_route_know_of_it(restricted, tmp_path):
    config = tmp_path / "tidegate.yaml"
    config.write_text(json.dumps(config_for(type("O", (), {"address": "127.0.0.1:1"})()) |
                                 {"listeners": [{"bind": "127.0.0.1:8080"}]}))
    for target, status, reason in [("/admin%2Fx", 400, "path_encoded_slash"), ("/admin;x/", 400, "path_parameter"),
                                   ("/admin/x", 403, None), ("/%61dmin/x", 403, None)]:
        done = subprocess.run([binary(), "route", "-c", str(config), "--json",
                               f"http://127.0.0.1:8080{target}"], capture_output=True, text=True,
                              timeout=30, check=False)
        answer = json.loads(done.stdout)
        assert answer["status"] == status
        assert answer.get("reason") == reason
