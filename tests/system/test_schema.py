"""The schema and the manual: what editors and people are told is what the loader takes."""

import json
import re

import jsonschema
import pytest
import yaml

from tidegate import ROOT, command, release_binary


# What examples name is not there.
ABOUT_FILES = re.compile(r"No such file|does not exist|cannot open|cannot read|there is no (user|group)")

GOOD = {
    "one backend": {"sites": [{"hosts": "a.example", "backend": "127.0.0.1:80"}]},
    "several servers": {"sites": [{"hosts": ["a.example"],
                                   "backend": ["127.0.0.1:80", {"address": "b.example:81",
                                                                "weight": 3}]}]},
    "backend in place": {"sites": [{"hosts": ["*"], "backend": {
        "servers": "unix:/run/app.sock", "tls": {"server_name": "app.example"},
        "connect_timeout": "500ms"}}]},
    "respond": {"sites": [{"hosts": ["*.a.example"], "respond": {
        "status": 404, "body": "no\n", "fields": {"X-A": "b", "X-B": 1}}}]},
    "passthrough": {"sites": [{"hosts": ["a.example"], "passthrough": "b"}],
                    "backends": [{"name": "b", "servers": ["[::1]:443"],
                                  "proxy_protocol": "v2"}]},
    "routes": {"sites": [{"hosts": ["a.example", "[::1]", "127.0.0.1"], "routes": [
        {"match": {"path": "/v1/*", "methods": ["GET", "X-OWN"]}, "backend": "127.0.0.1:1",
         "upgrade": [], "body_limit": "1M", "on_client_close": "finish"},
        {"respond": {"echo": True}}]}]},
    "variables": {"workers": "${WORKERS:-2}", "sites": [{"hosts": ["${A:-a}.example", "${B:-b.example}"],
                                                         "plain_http": "${PLAIN:-serve}",
                                                         "routes": [{"match": {"path": "${P:-/a}"},
                                                                     "respond": {"echo": "${ECHO:-true}"}},
                                                                    {"backend": "${UP:-127.0.0.1:1}",
                                                                     "body_limit": "${LIMIT:-1M}"}]}],
                  "trusted_proxies": ["${NET:-10.0.0.0/8}"], "timeouts": {"head": "${T:-5s}"}},
    "matched": {"sites": [{"hosts": ["a.example"], "routes": [{"match": {
        "query": {"filter[name]": "a", "caf\u00e9/x?": "*", "a:b,c": ""}, "headers": {"X-A": "b*"}}, "respond": {}}]}]},
    "balance": {"sites": [{"hosts": [f"{name}.example"], "backend": {
        "servers": ["127.0.0.1:80"], "balance": balance}} for name, balance in {
            "a": "least_requests", "b": {"strategy": "ewma"}, "c": {"hash": {"header": "X-User"}},
            "d": {"hash": "path"}, "i": {"hash": "user"}, "j": {"hash": {"claim": "tenant"}}, "e": {"hash": {"query": "u", "bounded_load": 125}},
            "f": "sticky", "g": {"sticky": {"cookie": "lb", "max_age": "1d", "same_site": "none"}},
            "h": "source"}.items()] + [
                {"hosts": ["p.example"], "passthrough": {"servers": "127.0.0.1:443",
                                                         "balance": {"hash": "sni"}}}]},
    "limits of servers": {"zone": "eu-1", "sites": [{"hosts": "a.example", "backend": {
        "servers": [{"address": "127.0.0.1:80", "max_requests": 10, "max_connections": 5, "zone": "eu-1"},
                    {"address": "127.0.0.1:81", "backup": True}],
        "slow_start": "30s", "queue": {"size": 10, "timeout": "1s"}}}]},
    "compress": {"sites": [{"hosts": "a.example", "compress": True, "routes": [
        {"match": {"path": "/a/*"}, "respond": {}, "compress": "off"},
        {"respond": {}, "compress": {"encodings": ["br", "gzip"], "types": ["*"], "from": 0, "level": "high",
                                     "breach": "ignore"}}]}], "limits": {"compression_memory": "1M"}},
    "files": {"sites": [{"hosts": "a.example", "files": {
        "root": ".", "strip_prefix": "/a", "index": ["a.html", "b.html"], "precompressed": True, "listing": True,
        "cache_control": {"*.{hash}.js": "immutable", "/a b/*": "no-cache"}, "types": {"md": "text/markdown", "*": "text/plain"},
        "charset": "none"}}]},
    "health": {"sites": [{"hosts": ["a.example"], "backend": "b"}], "backends": [
        {"name": "b", "servers": ["127.0.0.1:1"], "health_check": "/healthz", "outliers": {"failures": 0}},
        {"name": "c", "servers": ["127.0.0.1:1"], "health_check": {"tcp": {}, "assume": "down"}},
        {"name": "d", "servers": ["127.0.0.1:1"], "health_check": {
            "http": {"expect": ["2xx", 404], "fields": {"X-A": "b"}, "host": "d.example:1"}}},
        {"name": "e", "servers": ["127.0.0.1:1"], "protocol": "h2c", "health_check": {"grpc": {}}}]},
    "everything else": {
        "sites": [{"hosts": ["a.example"], "name": "a", "plain_http": "serve",
                   "respond": {"status": 204}}],
        "listeners": [{"bind": [":443", "[::1]:80", "unix:a.sock"], "sites": "a",
                       "proxy_protocol_from": ["10.0.0.0/8", "unix"]}],
        "limits": {"head": "64k", "target": 4096, "body": "unlimited"},
        "timeouts": {"head": "5s", "tunnel_total": "off"},
        "log": {"access": "off", "format": "combined", "level": "warn"},
        "trusted_proxies": "fd00::/8", "workers": 2, "user": "www-data", "group": "adm"},
}

GOOD["defaults"] = {"defaults": {"compress": True, "hsts": "on", "response_fields": {"remove": "Server"}}, "sites": [
    {"hosts": "a.example", "compress": "off", "response_fields": "off", "tls": "off", "rates": "off", "respond": {}}]}
GOOD["second tries"] = {"sites": [{"hosts": ["a.example"], "backend": "f"}], "backends": [
    {"name": "f", "servers": [{"address": "127.0.0.1:1", "host": "f.example:8080"}], "retries": {"hedge": "p99.9"}},
    {"name": "g", "servers": ["127.0.0.1:1"], "retries": {"hedge": {"after": "50ms", "max": 1}},
     "outliers": {"slow": 3}}]}

BAD = {
    "hedge": {"sites": [{"hosts": "a.example", "backend": {"servers": "127.0.0.1:80", "retries": {"hedge": "p49"}}}]},
    "pattern of files": {"sites": [{"hosts": "a.example", "files": {"root": ".", "cache_control": {"{x}": "a"}}}]},
    "charset": {"sites": [{"hosts": "a.example", "files": {"root": ".", "charset": "utf 8"}}]},
    "encoding": {"sites": [{"hosts": "a.example", "respond": {}, "compress": {"encodings": ["deflate"]}}]},
    "compress": {"sites": [{"hosts": "a.example", "respond": {}, "compress": "maybe"}]},
    "media type": {"sites": [{"hosts": "a.example", "respond": {}, "compress": {"types": ["text"]}}]},
    "balance": {"sites": [{"hosts": "a.example", "backend": {"servers": "127.0.0.1:80",
                                                             "balance": "fastest"}}]},
    "hash": {"sites": [{"hosts": "a.example", "backend": {"servers": "127.0.0.1:80",
                                                          "balance": {"hash": "country"}}}]},
    "same_site": {"sites": [{"hosts": "a.example", "backend": {
        "servers": "127.0.0.1:80", "balance": {"sticky": {"same_site": "no"}}}}]},
    "queue": {"sites": [{"hosts": "a.example", "backend": {"servers": "127.0.0.1:80", "queue": 5}}]},
    "no sites": {},
    "hosts of defaults": {"defaults": {"hosts": ["a.example"]}, "sites": [{"hosts": "a.example", "respond": {}}]},
    "no hosts": {"sites": [{"backend": "127.0.0.1:80"}]},
    "unknown key": {"sites": [{"hosts": "a.example", "bakcend": "127.0.0.1:80"}]},
    "later key": {"metrics": {}, "sites": [{"hosts": "a.example", "respond": {}}]},
    "scheme in a host": {"sites": [{"hosts": "https://a.example", "respond": {}}]},
    "wildcard inside": {"sites": [{"hosts": "a.*.example", "respond": {}}]},
    "status": {"sites": [{"hosts": "a.example", "respond": {"status": 99}}]},
    "path": {"sites": [{"hosts": "a.example", "routes": [{"match": {"path": "a"},
                                                          "respond": {}}]}]},
    "on_client_close": {"sites": [{"hosts": "a.example", "respond": {}, "on_client_close": "ignore"}]},
    "policy": {"sites": [{"hosts": "a.example", "respond": {}, "tls": {"policy": "hard"}}]},
    "time without a unit": {"sites": [{"hosts": "a.example", "respond": {}}],
                            "timeouts": {"head": "5"}},
    "size": {"sites": [{"hosts": "a.example", "respond": {}}], "limits": {"head": "5q"}},
    "variable without a name": {"sites": [{"hosts": "a.example", "respond": {}}], "workers": "${}"},
    "include of nothing": {"include": [], "sites": [{"hosts": "a.example", "respond": {}}]},
    "number": {"sites": [{"hosts": "a.example", "respond": {}}], "workers": 1000},
    "bool": {"sites": [{"hosts": "a.example", "respond": {"echo": "yes"}}]},
    "bind": {"sites": [{"hosts": "a.example", "respond": {}}], "listeners": [{"bind": "443"}]},
    "network": {"sites": [{"hosts": "a.example", "respond": {}}], "trusted_proxies": ["a.example"]},
    "status of a check": {"sites": [{"hosts": "a.example", "respond": {}}], "backends": [
        {"name": "b", "servers": ["127.0.0.1:1"], "health_check": {"http": {"expect": ["600"]}}}]},
    "path of a check": {"sites": [{"hosts": "a.example", "respond": {}}], "backends": [
        {"name": "b", "servers": ["127.0.0.1:1"], "health_check": {"path": "healthz"}}]},
    "share of outliers": {"sites": [{"hosts": "a.example", "respond": {}}], "backends": [
        {"name": "b", "servers": ["127.0.0.1:1"], "outliers": {"max_share": 101}}]},
    "server": {"sites": [{"hosts": "a.example", "respond": {}}],
               "backends": [{"name": "b", "servers": [{"weight": 2}]}]},
}


@pytest.fixture(name="schema", scope="module")
def fixture_schema():
    done = command("schema")
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(folder, config, program=None):
    (folder / "tidegate.yaml").write_text(json.dumps(config))
    return command("check", "-c", "tidegate.yaml", cwd=folder, program=program)


@pytest.mark.parametrize("name", GOOD)
def test_schema_and_loader_agree_on_what_is_right(schema, folder, name):
    assert [error.message for error in schema.iter_errors(GOOD[name])] == []
    done = check(folder, GOOD[name])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", BAD)
def test_schema_and_loader_agree_on_what_is_wrong(schema, folder, name):
    assert not schema.is_valid(BAD[name])
    assert check(folder, BAD[name]).returncode == 1


def test_manual_in_the_docs_is_what_the_program_prints():
    done = command("schema", "--manual")
    assert done.returncode == 0, done.stderr
    committed = (ROOT / "docs" / "configuration.md").read_text()
    assert committed == done.stdout, \
        "run: build/tidegate schema --manual > docs/configuration.md"


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md", "dist/tidegate.yaml"])
def test_examples_of_whole_files_are_right(schema, folder, page):
    text = (ROOT / page).read_text()
    blocks = [text] if page.endswith(".yaml") else \
        re.findall(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    files = [block for block in blocks if re.search(r"^sites:\s*$", block, re.MULTILINE)]
    assert files, f"{page} shows no configuration"
    for block in files:
        document = json.loads(json.dumps(yaml.safe_load(block)))  # keys are text
        assert [error.message for error in schema.iter_errors(document)] == []
        (folder / "tidegate.yaml").write_text(block)
        done = command("check", "-c", "tidegate.yaml", cwd=folder)
        errors = re.findall(r"error: (.*)", done.stderr)
        assert [error for error in errors if not ABOUT_FILES.search(error)] == [], done.stderr


# Every example of the manual.

def examples():
    """(section, directive, text) of each."""
    section = directive = None
    text = (ROOT / "docs" / "configuration.md").read_text()
    for match in re.finditer(r"^## Section (\w+)$|^### `(\w+)`$|^```ya?ml\n(.*?)^```", text,
                             re.MULTILINE | re.DOTALL):
        if match.group(1):
            section, directive = match.group(1), None
        elif match.group(2):
            directive = match.group(2)
        elif section and directive:
            yield section, directive, match.group(3)


EXAMPLES = list(examples())
FILE = {"certificate": "a.crt", "key": "a.key"}


def whole(section, part):
    """A configuration with the part in its section."""
    answer = {"respond", "backend", "split", "files", "routes", "passthrough", "redirect", "tcp", "alpn", "alpn_required"}
    if section == "backend":
        return {"sites": [{"hosts": "a.example", "respond": {}}],
                "backends": [{"name": "one", "servers": ["127.0.0.1:1"],
                              **({"tls": {}} if part.get("protocol") in ("h2", "auto") or "server_name" in json.dumps(part) or "tls" in part.get("health_check", {}) else {}),
                              **({"protocol": "fastcgi", "root": "public"} if {"root", "index", "split_path", "params", "script_files", "body_buffer"} & set(part) else {}),
                              **({"protocol": "h2c"} if "grpc" in part.get("health_check", {}) else {}), **part}]}
    outer = {"site": ("file", "sites"), "defaults": ("file", "defaults"), "listener": ("file", "listeners"), "limits": ("file", "limits"),
             "timeouts": ("file", "timeouts"), "log": ("file", "log"),
             "log_rules": ("site", "log"), "log_exclusion": ("log", "exclude"), "log_place": ("log", "to"), "cache": ("route", "cache"), "tls": ("site", "tls"),
             "certificate": ("tls", "certificates"), "clients": ("tls", "clients"), "route": ("site", "routes"),
             "match": ("route", "match"), "match_client": ("match", "client"), "match_part": ("match", "not"), "respond": ("site", "respond"),
             "passthrough_by_alpn": ("site", "passthrough_by_alpn"), "split": ("route", "split"), "mirror": ("route", "mirror"),
             "redirect": ("site", "redirect"), "rewrite": ("route", "rewrite"), "rewrite_replace": ("rewrite", "replace"),
             "request_fields": ("site", "request_fields"), "response_fields": ("site", "response_fields"),
             "health_check": ("backend", "health_check"), "outliers": ("backend", "outliers"), "retries": ("backend", "retries"),
             "check_http": ("health_check", "http"), "check_connect": ("health_check", "tcp"), "check_grpc": ("health_check", "grpc"),
             "compress": ("site", "compress"),
             "files": ("site", "files"), "server": ("backend", "servers"), "backend_tls": ("backend", "tls"),
             "auth": ("site", "auth"), "basic": ("auth", "basic"), "api_key": ("auth", "api_key"),
             "auth_forward": ("auth", "forward"), "auth_introspection": ("auth", "introspection"),
             "auth_certificate": ("auth", "client_certificate"), "jwt": ("auth", "jwt"), "issuer": ("jwt", "issuers"),
             "oidc": ("auth", "oidc"), "oidc_session": ("oidc", "session"), "concurrency": ("backend", "concurrency"), "memory": ("file", "memory"),
             "access_rule": ("site", "access"), "access_when": ("access_rule", "allow"), "hours": ("access_when", "hours"),
             "ban": ("file", "bans"), "rate": ("site", "rates"), "policy": ("file", "policies"), "policy_rule": ("policy", "rules"),
             "resolve": ("backend", "resolve"), "servers_from": ("backend", "servers_from"),
             "hsts": ("site", "hsts"), "cors": ("site", "cors"), "cookies": ("route", "cookies"),
             "route_timeouts": ("route", "timeouts"), "errors": ("site", "errors"), "maintenance": ("site", "maintenance"),
             "queue": ("backend", "queue"), "balance": ("backend", "balance"), "hash": ("balance", "hash"), "sticky": ("balance", "sticky")}
    if "client_address_from" in part:
        part = {"trusted_proxies": ["10.0.0.0/8"], **part}
    named = {**({"countries": "c.mmdb"} if "country" in json.dumps(part) else {}),
             **({"policies": [{"name": "staff", "rules": [{"allow": "all"}]}]} if '"policy":' in json.dumps(part) else {})}
    if section == "file":
        return {**named, "sites": [{"hosts": "shop.example.com", "respond": {}}],
                "backends": [{"name": name, "servers": ["127.0.0.1:1"]} for name in ("api", "app")],
                **part}
    needed = {"defaults": {}, "site": {"hosts": ["a.example"], "name": "shop",
                       **({} if answer & set(part) or "starttls" in part else {"respond": {}}),
                       **({"tls": {**FILE, "clients": {"ca": "a.pem"}}} if "client" in json.dumps(part) else {}),
                       **({"passthrough": "127.0.0.1:5432"} if "starttls" in part else {}),
                       **({"tcp": "127.0.0.1:1883", "alpn": ["mqtt"]} if {"alpn", "alpn_required"} & set(part) else {}),
                       **({"tls": FILE} if {"plain_http", "tcp", "alpn", "alpn_required"} & set(part) else {})},
              "passthrough_by_alpn": {"alpn": ["h2"], "backend": "127.0.0.1:443"},
              "split": {} if "backend" in part else {"backend": "127.0.0.1:1"},
              "mirror": {} if "backend" in part else {"backend": "127.0.0.1:1"},
              "listener": {**({} if "bind" in part else {"bind": ":443"}), **({"tcp": "127.0.0.1:1"} if "access" in part else {})},
              "oidc": {"issuer": "https://id.example.com", "client_id": "a"}, "oidc_session": {}, "concurrency": {}, "memory": {},
              "tls": FILE, "certificate": FILE, "clients": {"ca": "a.pem"},
              "route": {} if answer & set(part) else {"backend": "127.0.0.1:1"},
              "resolve": {}, "servers_from": {} if {"file", "url"} & set(part) else {"file": "a.yaml"},
              "hsts": {"subdomains": True} if "preload" in part else {},
              "cors": {} if "origins" in part else {"origins": ["https://a.example"]},
              "cookies": {} if set(part) & {"secure", "same_site", "http_only"} else {"secure": "on"},
              "route_timeouts": {}, "errors": {} if any("html" in str(v) for v in part.values()) else {"404": "a.html"}, "maintenance": {},
              "queue": {}, "balance": {}, "hash": {"key": "path"} if "bounded_load" in part else {}, "sticky": {},
              "health_check": {}, "outliers": {}, "retries": {"for": ["timeout"]} if "per_try" in part else {}, "check_http": {}, "check_connect": {}, "check_grpc": {},
              "match": {}, "match_client": {}, "match_part": {}, "limits": {"reserved_for": ["10.0.0.0/8"]} if "reserved" in part else {}, "timeouts": {}, "log": {"format": "template"} if "template" in part else {},
              "log_rules": {"format": "template"} if "template" in part else {"access": "a.log"} if "to" in part else {},
              "log_place": {"to": "syslog+tls:127.0.0.1:6514", **({"format": "template"} if "template" in part else {}),
                            **({"certificate": "a.crt", "key": "a.key"} if {"certificate", "key"} & set(part) else {}),
                            **({"template": "a"} if part.get("format") == "template" else {})}, "cache": {}, "log_exclusion": {} if part else {"paths": ["/"]},
              "auth": {} if {"basic", "api_key", "jwt", "client_certificate", "forward", "introspection", "oidc"} & set(part) else {"basic": "a.users"},
              "access_rule": {} if {"allow", "deny", "policy"} & set(part) else {"allow": "all"},
              "access_when": {}, "hours": {"from": "08:00", "until": "18:00", "zone": "utc", **part},
              "policy": {**({} if "name" in part else {"name": "staff"}),
                         **({} if "rules" in part else {"rules": [{"allow": "all"}]})},
              "ban": {**({} if "after" in part else {"after": 5}), **({} if "of" in part else {"of": ["404"]})},
              "rate": {**({"requests": 1} if not {"at_once", "requests"} & set(part) and "queue" not in part else {}),
                       **({"at_once": 1, "wait": "1s"} if "queue" in part else {})},
              "policy_rule": {} if {"allow", "deny"} & set(part) else {"allow": "all"},
              "basic": {"users": "a.users"}, "api_key": {"keys": "a.keys"},
              "auth_forward": {} if "backend" in part else {"backend": "127.0.0.1:1"},
              "auth_introspection": {"backend": "127.0.0.1:1", "path": "/i", "client_id": "a", "client_secret": "a.secret"},
              "auth_certificate": {}, "jwt": {} if "issuers" in part else {"issuers": [{"issuer": "a", "audience": "b", "keys": "a.jwks"}]},
              "issuer": {"issuer": "a", "audience": "b", **({} if "keys_url" in part else {"keys_url": "https://a.example/"} if "ca" in part
                                                            else {"keys": "a.jwks"})},
              "rewrite": {}, "rewrite_replace": {**({} if "regex" in part else {"regex": "a"}), **({} if "with" in part else {"with": "/b{match.1}"})}, "redirect": {} if "to" in part else {"to": "/"},
              "request_fields": {}, "response_fields": {}, "compress": {},
              "respond": {} if "close" in part else {"fields": {"Location": "/"}}, "files": {"root": "public"},
              "server": {"address": "127.0.0.1:1"}, "backend_tls": FILE if "key" in part or "certificate" in part else {}}
    if section == "tls" and "certificates_from" in part:
        needed["tls"] = {}
    if section == "route" and part.get("else"):
        part = {**part, "match": {"methods": ["GET"]}}
    outer["hedge"] = ("retries", "hedge")
    needed["hedge"] = {} if "after" in part else {"after": "p95"}
    if section == "servers_from" and "ca" in part:
        needed[section] = {"url": "https://a.example/"}
    place, key = outer[section]
    value = {**needed[section], **part}
    is_list = key in ("sites", "listeners", "certificates", "routes", "servers",
                      "passthrough_by_alpn", "split", "exclude", "to", "issuers", "access", "policies", "rules", "rates", "bans")
    return whole(place, {key: [value] if is_list else value})


def rows():
    """(page, section, text) of each line of the tables for people who come from elsewhere."""
    for page in ("docs/migrating-caddy-traefik-envoy.md",):
        for line in (ROOT / page).read_text().splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
            if len(cells) == 5 and re.fullmatch("[a-z]+", cells[2]) and cells[2] != "in":
                assert re.fullmatch("`[^`]+`", cells[3]), line
                yield page, cells[2], cells[3].strip("`").replace("\\|", "|")


ROWS = list(rows())


@pytest.mark.parametrize("page, section, text", ROWS, ids=[f"{section}-{number}" for number, (_, section, _) in enumerate(ROWS)])
def test_what_is_written_here_for_what_is_written_there(schema, folder, page, section, text):
    part = {str(key): value for key, value in yaml.safe_load("{" + text + "}").items()}
    if {"mirror", "split"} & set(part) and section != "backend":
        config = whole("file", {"sites": [{"hosts": ["shop.example.com"], **({"routes": [part]} if section == "route" else part)}]})
    else:
        config = whole(section, part)
    if section == "listener":
        config["sites"][0]["name"] = "shop"
    if "{client." in text:
        config["sites"][0]["tls"] = {**FILE, "clients": {"verify": "optional", "ca": "a.pem"}}
    assert [error.message for error in schema.iter_errors(json.loads(json.dumps(config)))] == []
    (folder / "tidegate.yaml").write_text(json.dumps(config))
    done = command("check", "-c", "tidegate.yaml", cwd=folder)
    errors = re.findall(r"error: (.*)", done.stderr)
    assert [error for error in errors if not ABOUT_FILES.search(error)] == [], f"{page}: {text}\n{done.stderr}"


@pytest.mark.parametrize("section, directive, text", EXAMPLES,
                         ids=[f"{section}.{directive}" for section, directive, _ in EXAMPLES])
def test_every_example_of_the_manual_is_right(schema, folder, section, directive, text):
    part = {str(key): value for key, value in yaml.safe_load(text).items()}
    definition = schema.schema if section == "file" else schema.schema["$defs"][section]
    assert directive in part
    for key, value in part.items():
        one = jsonschema.Draft202012Validator(
            {**definition["properties"][key], "$defs": schema.schema["$defs"]})
        assert [error.message for error in one.iter_errors(value)] == []
    config = whole(section, part)
    assert [error.message for error in schema.iter_errors(config)] == []
    done = check(folder, config, release_binary())
    errors = re.findall(r"error: (.*)", done.stderr)
    assert [error for error in errors if not ABOUT_FILES.search(error)] == [], done.stderr


@pytest.mark.parametrize("version", ["1.2", '"1.2"', "TLSv1.2", "tlsv1.2", "1.3", "TLSv1.3"])
def test_tls_versions_have_one_vocabulary(schema, folder, ca, version):
    pair = ca.server("b.example")
    text = ("sites:\n  - hosts: [a.example]\n    backend:\n      servers: 127.0.0.1:1\n"
            f"      tls: {{ min_version: {version} }}\n"
            "  - hosts: [b.example]\n    respond: {}\n"
            f"    tls: {{ certificate: {pair.crt}, key: {pair.key_file}, "
            f"min_version: {version}, max_version: {version} }}\n")
    (folder / "tidegate.yaml").write_text(text)
    done = command("check", "-c", "tidegate.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    if version != "tlsv1.2":
        assert [error.message for error in schema.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("value", ["off", "'off'", "false"])
def test_off_is_off_to_every_reader_of_yaml(schema, folder, value):
    text = (f"control: {value}\nlog: {{ access: {value} }}\ntimeouts: {{ tunnel_total: {value} }}\n"
            f"sites:\n  - hosts: [a.example]\n    backend: {{ servers: '127.0.0.1:1', proxy_protocol: {value} }}\n")
    (folder / "tidegate.yaml").write_text(text)
    done = command("check", "-c", "tidegate.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert [error.message for error in schema.iter_errors(yaml.safe_load(text))] == []


def test_the_manual_has_a_table_of_all_bounds():
    manual = command("schema", "--manual").stdout
    table = manual.split("## All numbers, sizes and times")[1]
    schema = json.loads(command("schema").stdout)
    sections = set(re.findall(r"^## Section (\S+)$", manual, re.M))
    rows = re.findall(r"^\| \[(\S+)\]\(#section-\S+\) \| `(\w+)` \|", table, re.M)
    assert {section for section, _ in rows} <= sections
    for section in ("limits", "timeouts"):
        names = set(schema["$defs"][section]["properties"]) - {"reserved_for"}  # addresses
        assert {name for of, name in rows if of == section} == names
