"""`tidegate route`: what would serve a URL, without sending anything."""

import json
import subprocess

import pytest

from tidegate import binary

CONFIG = """
listeners:
  - bind: [":8443", "127.0.0.1:8080"]
  - bind: "127.0.0.1:9443"
    sites: [plain]
sites:
  - hosts: [shop.example.com]
    name: shop
    tls: { certificate: shop.crt, key: shop.key }
    routes:
      - match: { path: /api/*, methods: [GET, POST] }
        name: api
        backend: app
      - match: { path: /hello }
        respond: { status: 200, body: "hello" }
      - match: { path: /static/* }
        files: /srv/www
  - hosts: [bank.example.com, "*.vault.example.com"]
    name: bank
    passthrough: bank
  - hosts: [partners.example.com]
    name: partners
    tls:
      certificate: partners.crt
      key: partners.key
      clients: { verify: required, ca: ca.pem }
    backend: app
  - hosts: [plain.example.com]
    name: plain
    plain_http: serve
    backend: 127.0.0.1:7000
backends:
  - name: app
    servers: [127.0.0.1:8001, { address: 127.0.0.1:8002, weight: 2 }]
  - name: bank
    servers: [127.0.0.1:8444]
    proxy_protocol: v2
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("route") / "tidegate.yaml"
    path.write_text(CONFIG)
    return path


def run(config, *arguments):
    return subprocess.run([binary(), "route", "-c", str(config), *arguments],
                          capture_output=True, text=True, timeout=30, check=False)


def ask(config, *arguments):
    """The answer as JSON, and the exit status."""
    done = run(config, "--json", *arguments)
    assert done.stderr == ""
    return json.loads(done.stdout), done.returncode


SERVED = [
    ("https://shop.example.com:8443/api/items?a=1", [],
     {"result": "backend", "site": "shop", "route": "api", "backend": "app",
      "path": "/api/items"}),
    ("https://SHOP.Example.com:8443/api/", ["--method", "POST"],
     {"result": "backend", "site": "shop"}),
    ("https://shop.example.com:8443/api/../hello", [],
     {"result": "respond", "status": 200, "path": "/hello"}),
    ("https://shop.example.com:8443/static/a.css", [], {"result": "files"}),
    ("https://bank.example.com:8443/whatever", [],
     {"result": "passthrough", "site": "bank", "backend": "bank"}),
    ("https://a.vault.example.com:8443/", [], {"result": "passthrough", "site": "bank"}),
    ("https://partners.example.com:8443/", [], {"result": "backend", "site": "partners"}),
    ("http://plain.example.com:8080/x", [],
     {"result": "backend", "site": "plain", "listener": "127.0.0.1:8080"}),
    ("http://plain.example.com:9443/x", [],
     {"result": "backend", "listener": "127.0.0.1:9443"}),
    ("http://SHOP.example.com:8080/cart?x=1", [],
     {"result": "redirect", "status": 308, "site": "shop",
      "location": "https://shop.example.com:8080/cart?x=1"}),
]


@pytest.mark.parametrize("url,options,expected", SERVED)
def test_what_is_served_is_named_with_status_0(config, url, options, expected):
    answer, status = ask(config, url, *options)
    assert {key: answer.get(key) for key in expected} == expected
    assert answer["url"] == url
    assert status == 0


REFUSED = [
    ("https://shop.example.com:8443/nothing", [], {"status": 404, "reason": "no_route"}),
    ("https://shop.example.com:8443/api/x", ["--method", "PUT"],
     {"status": 405, "reason": "method_not_allowed"}),
    ("https://shop.example.com:8443/api%00", [], {"status": 400}),
    ("https://nobody.example.com:8443/", [], {"reason": "unknown_server_name"}),
    ("https://plain.example.com:8443/", [], {"reason": "site_without_tls"}),
    ("https://a.b.vault.example.com:8443/", [], {"reason": "unknown_server_name"}),
    ("https://partners.example.com:8443/", ["--sni", "shop.example.com"],
     {"status": 421, "reason": "misdirected_request"}),
    ("https://shop.example.com:8443/", ["--sni", ""], {"reason": "no_server_name"}),
    ("https://shop.example.com:8443/", ["--sni", "shop.example.com:8443"],
     {"reason": "unusable_server_name"}),
    ("https://shop.example.com/", [], {"reason": "no_listener"}),
    ("https://shop.example.com:8443/", ["--method", "CONNECT"],
     {"status": 405, "reason": "connect_refused"}),
    ("https://shop.example.com:8443/hello", ["--method", "TRACE"], {"status": 405}),
    ("http://shop.example.com:9443/", [], {"status": 421, "reason": "unknown_host"}),
    ("http://nobody.example.com:8080/", [], {"status": 421, "reason": "unknown_host"}),
]


@pytest.mark.parametrize("url,options,expected", REFUSED)
def test_what_is_refused_is_named_with_status_1(config, url, options, expected):
    answer, status = ask(config, url, *options)
    assert answer["result"] == "refused"
    assert {key: answer.get(key) for key in expected} == expected
    assert status == 1


def test_servers_and_weights_are_listed(config):
    answer, _ = ask(config, "https://shop.example.com:8443/api/")
    assert answer["servers"] == [{"address": "127.0.0.1:8001", "weight": 1},
                                 {"address": "127.0.0.1:8002", "weight": 2}]


def test_the_name_of_the_handshake_decides_about_passthrough(config):
    answer, _ = ask(config, "https://shop.example.com:8443/", "--sni", "bank.example.com")
    assert answer["result"] == "passthrough"


def test_what_becomes_of_answers_is_told(tmp_path):
    path = tmp_path / "tidegate.yaml"
    path.write_text("""
sites:
  - hosts: [a.example]
    plain_http: serve
    tls: { certificate: a.crt, key: a.key }
    hsts: { max_age: 2h, subdomains: true }
    cookies: { secure: on, same_site: lax }
    errors: { 404: a.html, 5xx: b.html, from_servers: true }
    cors: { origins: ["https://app.example"], methods: [PUT] }
    routes:
      - { match: { path: /plain/* }, backend: 127.0.0.1:1, hsts: off, locations: off, rewrite: { strip_prefix: /plain } }
      - { match: { path: /put/*, methods: [PUT] }, name: put, backend: { servers: 127.0.0.1:1, host: server } }
""")
    told = run(path, "https://a.example/put/x", "--method", "PUT").stdout
    for text in ("insist on https for 7200 s, for all names below, too", "get Secure SameSite=Lax", "put right for the client",
                 "404, 5xx have pages of their own, in place of what servers answer, too", "pages of https://app.example"):
        assert text in told, text
    told = run(path, "http://a.example/plain/x").stdout
    for text in ("are not told to insist", "get Secure where clients come by https", "goes on as it is"):
        assert text in told, text
    # A preflight is for the request that is to follow: live traffic asks the same function.
    answer, status = ask(path, "http://a.example/put/x", "--method", "OPTIONS", "--header", "Origin: https://app.example",
                         "--header", "Access-Control-Request-Method: PUT")
    assert (answer["result"], answer["status"], answer["route"], status) == ("respond", 204, "put", 0)
    assert [one["failed"] for one in answer["tried"]] == ["path"]
    answer, _ = ask(path, "http://a.example/put/x", "--method", "OPTIONS")
    assert answer["reason"] == "method_not_allowed"


def test_text_goes_hop_by_hop_with_lines_of_the_file(config):
    done = run(config, "https://shop.example.com:8443/api/items")
    assert done.returncode == 0
    words = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert words == ["listener", "site", "TLS", "request", "route", "backend", "upstream", "retries", "=>"]
    line = next(n for n, text in enumerate(CONFIG.splitlines(), 1) if "/api/*" in text)
    assert f"(path /api/*)  ({config}:{line})" in done.stdout
    assert "=> backend 'app'" in done.stdout


def test_all_certificates_that_a_client_may_get_are_named(tmp_path):
    config = tmp_path / "tidegate.yaml"
    config.write_text("""
sites:
  - hosts: [a.example, b.example]
    tls: { certificates: [ { certificate: a.crt, key: a.key }, { certificate: b.crt, key: b.key } ] }
    respond: { status: 204 }
""")
    done = run(config, "https://b.example/")
    assert done.returncode == 0
    assert f"with {tmp_path}/a.crt or {tmp_path}/b.crt, by the name" in done.stdout


@pytest.mark.parametrize("arguments,text", [
    ([], "which URL?"),
    (["shop.example.com"], "does not begin with http://, https://, tcp://"),
    (["https://shop example/"], "is no host[:port]"),
    (["https://user@shop.example.com/"], "is no host[:port]"),
    (["https://x/", "extra"], "one argument too many"),
    (["https://x/", "--method", "G T"], "is no method"),
    (["http://x/", "--sni", "y"], "--sni is for https:// URLs"),
    (["https://x/", "--jsno"], "unknown option '--jsno'"),
])
def test_a_wrong_command_line_is_told_with_status_2(config, arguments, text):
    done = run(config, *arguments)
    assert done.returncode == 2
    assert text in done.stderr


def test_a_wrong_file_is_told_with_status_1(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("sites:\n  - hsts: [a]\n")
    done = run(path, "https://a/")
    assert done.returncode == 1
    assert f"{path}:2:" in done.stderr
