"""The commands: what they print, and how they exit."""

import json
import os
import re
import subprocess

import pytest

from tidegate import binary, command, environment


def check(folder, text, *options, **more):
    (folder / "tidegate.yaml").write_text(text)
    return command("check", "-c", "tidegate.yaml", *options, cwd=folder, **more)


FOUR_LINES = """\
sites:
  - hosts: [shop.example]
    tls: {{ certificate: {certificate.crt}, key: {certificate.key_file} }}
    backend: 127.0.0.1:8080
"""


# check


def test_check_of_four_good_lines(folder, shop):
    done = check(folder, FOUR_LINES.format(certificate=shop))
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stdout + done.stderr


SITE = "sites:\n  - hosts: [a.example]\n    respond: {}\n"


@pytest.mark.parametrize("line, said", [
    ("user: nosuchuser", "there is no user 'nosuchuser'"), ("group: nosuchgroup", "there is no group 'nosuchgroup'"),
    ("user: root", "rights of root"), ("user: 0", "rights of root"),
    ("trusted_proxies: [0.0.0.0/0]", "nearly everybody"), ("trusted_proxies: ['::/0']", "nearly everybody"),
    ("limits: { body: 0 }", "no request may have a body")])
def test_check_knows_of_mistakes_that_read_well(folder, line, said):
    done = check(folder, SITE + line + "\n")
    assert said in done.stderr
    assert "tidegate.yaml:4:" in done.stderr
    if line.startswith("user: 0") or line.startswith("user: nosuch"):
        assert done.returncode == (1 if os.geteuid() == 0 else 0)


def test_check_warns_of_keys_that_everybody_can_read(folder, ca):
    pair = ca.server("shop.example")
    os.chmod(pair.key_file, 0o644)
    done = check(folder, FOUR_LINES.format(certificate=pair))
    assert done.returncode == 0, done.stderr
    assert f"everybody on this machine can read the private key {pair.key_file}" in done.stderr
    assert f"chmod 600 {pair.key_file}" in done.stderr
    swapped = FOUR_LINES.format(certificate=pair).replace(str(pair.key_file), str(pair.crt))
    done = check(folder, swapped)
    assert done.returncode == 1 and "everybody" not in done.stderr
    os.chmod(pair.key_file, 0o640)
    done = check(folder, FOUR_LINES.format(certificate=pair))
    assert (done.returncode, done.stderr) == (0, "")


def test_check_says_all_errors_at_once_with_their_places(folder):
    done = check(folder, "\n".join([
        "listeners:",
        "  - bind: ['127.0.0.1:99999']",
        "sites:",
        "  - hosts: [a.example]",
        "    bakcend: 127.0.0.1:1",
        "  - hosts: [b.example, a.example]",
        "    backend: nowhere",
        "  - hosts: ['x.*.example']",
        "    respond: { status: 9000 }",
        ""]))
    assert done.returncode == 1
    text = done.stdout + done.stderr
    for line in (2, 5, 6, 7, 8, 9):
        assert re.search(rf"tidegate\.yaml:{line}:\d+: error: ", text), f"line {line} in:\n{text}"
    assert "did you mean 'backend'" in text
    assert re.search(r"^\s*5 \| +bakcend: 127", text, re.MULTILINE)
    assert re.search(r"\| +\^", text)
    assert "help:" in text


def test_check_says_errors_of_files_beside_those_of_keys(folder, ca, shop):
    """One look finds them all: a misspelt key does not hide a certificate that does not fit."""
    other = ca.server("other.example")
    done = check(folder, "\n".join([
        "sites:",
        "  - hosts: [shop.example]",
        "    bakcend: 127.0.0.1:1",
        f"    tls: {{ certificate: {shop.crt}, key: {other.key_file} }}",
        "  - hosts: [b.example]",
        f"    tls: {{ certificate: {other.crt}, key: {other.key_file} }}",
        "    respond: { status: 200 }",
        "  - hosts: [c.example]",
        "    tls: { certificate: missing.crt, key: missing.key }",
        "    respond: { status: 200 }",
        "  - hosts: ['d.example:80']",
        f"    tls: {{ certificate: {shop.crt}, key: {shop.key_file} }}",
        "    files: ./missing",
        "  - hosts: [e.example]",
        f"    tls: {{ certificate: {shop.crt} }}",
        "    respond: { status: 200 }",
        ""]))
    assert done.returncode == 1
    text = done.stdout + done.stderr
    found = [int(n) for n in re.findall(r"tidegate\.yaml:(\d+):\d+: error: ", text)]
    assert found == [3, 4, 6, 9, 11, 13, 15], text
    for word in ("did you mean 'backend'", "key", "other.example", "missing.crt", "./missing"):
        assert word in text, text


def test_a_wrong_match_makes_no_route_unreachable(folder):
    done = check(folder, "sites:\n  - hosts: [a.example]\n    routes:\n"
                         "      - { match: { path: v1/* }, respond: { status: 200 } }\n"
                         "      - { match: { paths: /v2/* }, respond: { status: 201 } }\n"
                         "      - { respond: { status: 202 } }\n")
    assert done.returncode == 1
    assert "no request can reach" not in done.stderr, done.stderr


def test_check_as_json(folder, shop):
    done = check(folder, "sites:\n  - hosts: [a.example]\n    bakcend: 127.0.0.1:1\n", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False and report["errors"] >= 1
    first = report["messages"][0]
    assert (first["line"], first["severity"]) == (3, "error")
    assert "backend" in first["text"] + first["hint"]
    done = check(folder, FOUR_LINES.format(certificate=shop), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"] is True


def test_check_of_a_configuration_in_parts(folder):
    (folder / "sites.d").mkdir()
    (folder / "sites.d" / "a.yaml").write_text("sites:\n  - hosts: ['${HOST}']\n    respond: {}\n")
    main = "include: [sites.d/*.yaml]\nworkers: ${WORKERS:-2}\n"
    done = check(folder, main, HOST="a.example")
    assert (done.returncode, done.stdout) == (0, "tidegate.yaml is fine, with 1 file that it includes\n")
    done = check(folder, main, "--json", WORKERS="none")
    report = json.loads(done.stdout)
    assert (done.returncode, report["files"]) == (1, ["tidegate.yaml", "sites.d/a.yaml"])
    first, second = report["messages"]
    assert (first["file"], first["line"], first["column"]) == ("tidegate.yaml", 2, 10)
    assert (second["file"], second["line"], second["column"]) == ("sites.d/a.yaml", 2, 13)
    assert "variable 'HOST'" in second["text"] and "${HOST:-value}" in second["hint"]
    done = command("route", "http://a.example/", cwd=folder, HOST="a.example")
    assert "(sites.d/a.yaml:2)" in done.stdout, done.stdout + done.stderr


def flaws(ca, shop):
    other = ca.server("other.example")
    expired = ca.server("shop.example", days=(-9, -2))
    tls = "sites:\n  - hosts: [shop.example]\n    backend: 127.0.0.1:1\n    tls: "
    return {
        "unknown backend": ("sites:\n  - {hosts: [a.example], backend: apj}\n"
                            "backends:\n  - {name: api, servers: [127.0.0.1:1]}\n", "api", 1),
        "duplicate host": ("sites:\n  - {hosts: [a.example], backend: 127.0.0.1:1}\n"
                           "  - {hosts: [A.EXAMPLE], backend: 127.0.0.1:1}\n", "a.example", 1),
        "key of another certificate": (
            f"{tls}{{certificate: {shop.crt}, key: {other.key_file}}}\n", "key", 1),
        "certificate of other hosts": (
            f"{tls}{{certificate: {other.crt}, key: {other.key_file}}}\n", "other.example", 1),
        "expired certificate": (
            f"{tls}{{certificate: {expired.crt}, key: {expired.key_file}}}\n", "expired", 0),
        "missing certificate": (f"{tls}{{certificate: missing.crt, key: missing.key}}\n",
                                "missing.crt", 1),
        "key for a certificate": (f"{tls}{{certificate: {shop.key_file}, key: {shop.crt}}}\n",
                                  "certificate", 1),
        "port out of range": ("sites:\n  - {hosts: [a.example], backend: '127.0.0.1:65536'}\n",
                              "65536", 1),
        "pass through and terminate": (
            f"sites:\n  - hosts: [shop.example]\n    passthrough: 127.0.0.1:1\n"
            f"    tls: {{certificate: {shop.crt}, key: {shop.key_file}}}\n", "passthrough", 1),
        "clients without ca": (
            f"{tls}{{certificate: {shop.crt}, key: {shop.key_file}, "
            "clients: {verify: required}}\n", "ca", 1),
        "missing ca": (
            f"{tls}{{certificate: {shop.crt}, key: {shop.key_file}, "
            "clients: {verify: required, ca: missing.pem}}\n", "missing.pem", 1),
        "missing folder of files": ("sites:\n  - {hosts: [a.example], files: ./missing}\n",
                                    "missing", 1),
        "missing folder of the log": ("sites:\n  - {hosts: [a.example], respond: {body: x}}\n"
                                      "log: { access: ./missing/access.log }\n",
                                      "tidegate.yaml:3:", 1),
        "log that is a folder": ("sites:\n  - {hosts: [a.example], respond: {body: x}}\n"
                                 "log: { access: /tmp }\n", "tidegate.yaml:3:", 1),
        "later directive": ("sites:\n  - hosts: [a.example]\n    routes:\n"
                            "      - {rate_limit: 5, backend: 127.0.0.1:1}\n", "rate_limit", 1),
        "duplicate key": ("sites:\n  - hosts: [a.example]\n    backend: 127.0.0.1:1\n"
                          "    backend: 127.0.0.1:2\n", "backend", 1),
        "not yaml": ("sites: [\n", "tidegate.yaml:", 1),
        "empty": ("", "sites", 1),
        "binary": ("\0\1\2", "tidegate.yaml", 1),
    }


@pytest.mark.parametrize("flaw", [
    "unknown backend", "duplicate host", "key of another certificate",
    "certificate of other hosts", "expired certificate", "missing certificate",
    "key for a certificate", "port out of range", "pass through and terminate",
    "clients without ca", "missing ca", "missing folder of files", "missing folder of the log",
    "log that is a folder", "later directive", "duplicate key", "not yaml", "empty", "binary"])
def test_check_finds(folder, ca, shop, flaw):
    text, word, code = flaws(ca, shop)[flaw]
    done = check(folder, text)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert word in said, said
    assert "warning" in said if code == 0 else "error" in said


def test_check_needs_no_dns_and_binds_nothing(folder):
    done = check(folder, "listeners: [{bind: '192.0.2.1:443'}]\n"
                         "sites: [{hosts: [a.example], backend: 'no-such-name.invalid:80'}]\n")
    assert done.returncode == 0, done.stderr


def test_check_needs_no_root(folder, shop):
    """As nobody, where this test is root; the key has to be readable for it."""
    if os.geteuid() != 0:
        pytest.skip("not root: all the other tests show it")
    (folder / "tidegate.yaml").write_text(FOUR_LINES.format(certificate=shop))
    os.chmod(shop.key_file, 0o644)
    os.chmod(shop.crt.parent, 0o755)
    try:
        nobody = 65534
        done = subprocess.run([binary(), "check", "-c", str(folder / "tidegate.yaml")],
                              capture_output=True, text=True, env=environment(), check=False,
                              user=nobody, group=nobody, extra_groups=[], cwd="/")
    except PermissionError:
        pytest.skip("the binary lies where nobody may not go")
    assert done.returncode == 0, done.stdout + done.stderr


def test_missing_file(folder):
    done = command("check", "-c", "missing.yaml", cwd=folder)
    assert done.returncode == 1
    assert "missing.yaml" in done.stdout + done.stderr


# Usage.


@pytest.mark.parametrize("args", [
    ["no-such-command"], ["chekc"], ["check", "--no-such-option"], ["check", "-c"],
    ["check", "unexpected"], ["run", "--no-such-option"], ["route"], ["schema", "extra"],
    ["--no-such-option"]], ids=" ".join)
def test_wrong_usage_is_2(folder, args):
    done = command(*args, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert done.stderr and not done.stdout


def test_misspelt_command_gets_a_suggestion():
    assert "did you mean 'check'" in command("chekc").stderr


@pytest.mark.parametrize("args", [["help"], ["--help"], ["-h"], ["check", "--help"],
                                  ["run", "--help"], ["route", "--help"], ["schema", "--help"],
                                  ["demo", "--help"]], ids=" ".join)
def test_help(args):
    done = command(*args)
    assert done.returncode == 0
    assert "tidegate" in done.stdout


@pytest.mark.parametrize("arg", ["version", "--version"])
def test_version(arg):
    done = command(arg)
    assert done.returncode == 0
    assert re.search(r"^tidegate +\d+\.\d+\.\d+", done.stdout)
    assert "OpenSSL" in done.stdout


# schema


def test_schema_describes_the_configuration():
    done = command("schema")
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) >= {"listeners", "sites", "backends", "limits", "timeouts",
                                         "log", "trusted_proxies", "workers", "user"}
    assert schema["additionalProperties"] is False
    text = done.stdout
    for word in ("passthrough", "proxy_protocol_from", "plain_http", "certificate", "weight",
                 "connect_timeout", "body_limit", "tunnel_idle"):
        assert f'"{word}"' in text, word


# route

ROUTES = """\
listeners: [{bind: ["127.0.0.1:80", "127.0.0.1:443"]}]
sites:
  - hosts: [bank.example]
    passthrough: bank
  - hosts: [shop.example, "*.shop.example"]
    name: the-shop
    tls: CERTIFICATE
    routes:
      - {name: v1, match: {path: /v1/*, methods: [GET]}, backend: api}
      - {name: teapot, match: {path: /tea}, respond: {status: 418}}
backends:
  - {name: bank, servers: ["10.0.0.5:443"]}
  - {name: api, servers: ["10.0.1.1:8080", "10.0.1.2:8080"]}
"""


def route(folder, ca, url, *options):
    certificate = ca.server("shop.example", "*.shop.example")
    (folder / "tidegate.yaml").write_text(
        ROUTES.replace("CERTIFICATE", json.dumps(certificate.settings())))
    return command("route", url, *options, cwd=folder)


@pytest.mark.parametrize("url, words", [
    ("https://shop.example/v1/x", ["the-shop", "v1", "api", "10.0.1.1:8080"]),
    ("https://a.shop.example/v1/", ["the-shop", "api"]),
    ("https://SHOP.example/tea", ["the-shop", "teapot", "418"]),
    ("https://shop.example/else", ["the-shop", "404"]),
    ("https://bank.example/any", ["bank", "10.0.0.5:443"]),
    ("http://shop.example/v1/x?y", ["308", "https://shop.example/v1/x?y"]),
    ("https://unknown.example/", ["unrecognized_name"])])
def test_route_answers_what_would_serve(folder, ca, url, words):
    done = route(folder, ca, url)
    for word in words:
        assert word in done.stdout, done.stdout + done.stderr


def test_route_with_another_sni_and_method(folder, ca):
    assert "405" in route(folder, ca, "https://shop.example/v1/x", "--method", "POST").stdout
    done = route(folder, ca, "https://shop.example/v1/x", "--sni", "bank.example")
    assert "10.0.0.5:443" in done.stdout


def test_route_as_json(folder, ca):
    answer = json.loads(route(folder, ca, "https://shop.example/v1/x", "--json").stdout)
    assert (answer["site"], answer["route"], answer["backend"]) == ("the-shop", "v1", "api")


@pytest.mark.parametrize("url", ["shop.example", "ftp://shop.example/", "https://", ""])
def test_route_of_what_is_no_url(folder, ca, url):
    assert route(folder, ca, url).returncode == 2
