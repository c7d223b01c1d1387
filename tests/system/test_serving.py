"""Which site serves a connection and a request: by name, by address, shared, and as `tidegate route` says."""

import json
import random
import ssl
import subprocess

import pytest

import h2client
from client import Connection, Ended, fetch
from origins import EchoOrigin
from tidegate import binary, command
from waiting import wait_until


# By address.

@pytest.fixture(scope="module", name="by_address")
def fixture_by_address(start_for_module, ca):
    def site(name, hosts, *names):
        return {"name": name, "hosts": hosts, "respond": {"body": name},
                "tls": ca.server(*names).settings()}
    return start_for_module({
        "listeners": [{"bind": ["127.0.0.1:0", "[::1]:0", "127.0.0.2:0"]}],
        "sites": [site("v4", ["127.0.0.1"], "127.0.0.1"), site("v6", ["::1"], "::1"),
                  site("rest", ["*"], "rest.example")]})


def without_a_name(ca):
    return ca.client_context(check_hostname=False)


@pytest.mark.parametrize("index, host, name", [(0, "127.0.0.1", "v4"), (1, "[::1]", "v6"),
                                               (1, "[0:0::1]", "v6"), (2, "127.0.0.2", "rest")])
def test_without_a_server_name_the_address_counts(by_address, ca, index, host, name):
    with Connection(by_address.addresses[index], without_a_name(ca)) as connection:
        names = {value for _, value in connection.sock.getpeercert()["subjectAltName"]}
        assert connection.request(host=host).body == name.encode()
        assert connection.request(host=f"{host}:8443").body == name.encode()
        assert names & {host, "::1" if "::1" in host or ":1]" in host else host, "rest.example",
                        "0:0:0:0:0:0:0:1"}


def test_an_address_is_verified_by_a_real_client(by_address, ca):
    for url in [f"https://127.0.0.1:{by_address.addresses[0][1]}/",
                f"https://[::1]:{by_address.addresses[1][1]}/"]:
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", str(ca.file), url],
                              capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ("v4" if "127" in url else "v6")


def test_a_name_wins_over_the_address(by_address, ca):
    with Connection(by_address.addresses[0], ca.client_context(), "rest.example") as connection:
        assert connection.request(host="rest.example").body == b"rest"
        assert connection.request(host="127.0.0.1").status == 421


def test_plain_http_by_address(start):
    gateway = start({"sites": [{"hosts": ["127.0.0.1", "::1"], "respond": {"body": "ip"}}]})
    for host in ["127.0.0.1", "[::1]", "[0::1]:80"]:
        assert fetch(gateway.address, host=host).body == b"ip"
    assert fetch(gateway.address, host="127.0.0.2").status == 421


# Shared connections.

def test_sites_with_the_same_tls_serve_coalesced_requests(start, ca):
    both = ca.server("a.example", "b.example", "c.example", "d.example").settings()
    asks = {"clients": {"verify": "optional", "ca": str(ca.file)}}
    gateway = start({"sites": [
        {"hosts": ["a.example"], "tls": both, "respond": {"body": "a"}},
        {"hosts": ["b.example"], "tls": {"certificates": [both], "min_version": "1.2"},
         "respond": {"body": "b"}},
        {"hosts": ["c.example"], "tls": {**both, **asks}, "respond": {"body": "c"}},
        {"hosts": ["d.example"], "tls": {**both, "policy": "modern"}, "respond": {"body": "d"}},
        {"hosts": ["e.example"], "plain_http": "serve", "respond": {"body": "e"}}]})
    context = ca.client_context()
    context.set_alpn_protocols(["h2"])
    with h2client.Client(gateway.address, context, "a.example") as client:
        assert client.request(host="b.example").body == b"b"
        assert client.request(host="a.example").body == b"a"
        for other in ["c.example", "d.example", "e.example", "x.example"]:
            assert client.request(host=other).status == 421, other
    with Connection(gateway.address, ca.client_context(), "b.example") as connection:
        assert connection.request(host="a.example").body == b"a"
        assert connection.request(host="c.example").status == 421
    with Connection(gateway.address, ca.client_context(), "c.example") as connection:
        assert connection.request(host="a.example").status == 421


# `tidegate route` says what live traffic gets.

HOSTS = ["a.test", "b.test", "*.w.test", "x.w.test", "127.0.0.1", "*"]
ASKED = ["a.test", "A.Test.", "b.test:", "y.w.test", "x.w.test", "w.test", "127.0.0.1", "z.test"]
PATHS = ["/", "/a", "/a/", "/a/x", "/%61/x", "/b/../a/x", "/b", "/b%2Fx", "/b;c", "/a%252f", "/|", "/%",
         "/c/x", "//a//x", "/..;/a", "/b%5Cx", "/a%3Ab", "/%c0%af"]
PATTERNS = ["/*", "/a/*", "/a", "/b", "/b/*", "/a:b", "/%61/x", "/c/*", "/*"]
METHODS = ["GET", "GET", "POST", "OPTIONS", "TRACE", "PURGE"]


def random_route(rng, name, origin, asks_clients):
    route = {"name": name, "match": {"path": rng.choice(PATTERNS)}}
    if rng.random() < 0.3:
        route["match"]["methods"] = rng.sample(["GET", "POST", "TRACE", "PURGE"], rng.randint(1, 2))
        route["else"] = rng.choice(["deny", "next"])
    if asks_clients and rng.random() < 0.5:
        route["match"]["client"] = {"dns": ["*.client.test"]}
        route["else"] = rng.choice(["deny", "next"])
    if rng.random() < 0.5:
        route["backend"] = origin.address
    else:
        route["respond"] = {"status": rng.choice([200, 403, 404, 410]), "body": name}
    return route


def random_config(rng, origin, certificates, authority):
    sites, hosts = [], rng.sample(HOSTS, len(HOSTS))
    for index in range(rng.randint(1, 3)):
        site = {"name": f"Site{index}", "hosts": [hosts.pop() for _ in range(rng.randint(1, 2))]}
        if rng.random() < 0.6:
            site["tls"] = dict(rng.choice(certificates))
            site["plain_http"] = rng.choice(["redirect", "serve", "refuse"])
            if rng.random() < 0.5:
                site["tls"]["clients"] = {"verify": rng.choice(["optional", "optional", "required"]), "ca": authority}
        asks_clients = "clients" in site.get("tls", {})
        site["routes"] = [random_route(rng, f"r{index}{k}", origin, asks_clients) for k in range(rng.randint(1, 4))]
        if rng.random() < 0.5:
            site["paths"] = rng.choice(["strict", "as_sent"])
        sites.append(site)
    listener = {"bind": "127.0.0.1:0"}
    if rng.random() < 0.4:
        listener["sites"] = [rng.choice([str.lower, str.upper, str])(site["name"])
                             for site in rng.sample(sites, rng.randint(1, len(sites)))]
    return {"listeners": [listener], "sites": sites}


def right_config(rng, origin, certificates, authority, path):
    """One that check finds nothing wrong with: many of them have a route that no request can reach."""
    for _ in range(100):
        config = random_config(rng, origin, certificates, authority)
        path.write_text(json.dumps(config))
        if command("check", "-c", str(path)).returncode == 0:
            return config
    raise AssertionError("a hundred random configurations, and all are wrong")


class Question:
    """A request, and all that what serves it depends on."""

    def __init__(self, rng, client):
        self.scheme = rng.choice(["http", "https"])
        self.host = rng.choice(ASKED)
        self.path = rng.choice(PATHS)
        self.method = rng.choice(METHODS)
        self.sni = rng.choice(["a.test", "b.test", "y.w.test", "z.test", ""])
        self.front = rng.choice(["h1", "h2"])
        self.client = client if self.scheme == "https" and rng.random() < 0.5 else None

    def __repr__(self):
        return str(vars(self))

    def ask_route(self, gateway, config):
        done = subprocess.run(
            [binary(), "route", "-c", str(config), "--json", "--method", self.method,
             *([] if self.client else ["--no-certificate"]),
             *(["--sni", self.sni] if self.scheme == "https" else []),
             f"{self.scheme}://{self.host.rstrip(':')}:{gateway.address[1]}{self.path}"],
            capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def context(self):
        if self.scheme == "http":
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.client:
            context.load_cert_chain(*self.client)
        return context

    def ask_live(self, gateway):
        """The response, or None when the handshake was refused."""
        try:
            if self.front == "h1":
                with Connection(gateway.address, self.context(), self.sni or None) as connection:
                    return connection.request(self.path, self.method, self.host,
                                              body=b"" if self.method == "POST" else None)
            with h2client.Client(gateway.address, self.context(), self.sni or None) as connection:
                response = connection.request(self.path, self.method, host=self.host)
                return None if response.status is None and connection.is_closed else response
        except (ssl.SSLError, Ended):
            return None


def check_log(entries, said, response, context):
    """What the log says of it is what was foretold."""
    assert len(entries) == 1, context
    assert entries[0]["status"] == response.status, context
    for member in ("site", "route"):
        assert entries[0].get(member) == said.get(member), (member, entries[0], context)


@pytest.mark.parametrize("seed", range(12))
def test_route_and_live_traffic_agree(start, ca, seed, tmp_path):
    rng = random.Random(seed)
    names = ["a.test", "b.test", "*.w.test", "127.0.0.1"]
    certificates = [ca.server(*names).settings(), ca.server(*names).settings()]
    client = ca.client("somebody", names=["some.client.test"])
    with EchoOrigin() as origin:
        config = tmp_path / "tidegate.yaml"
        gateway = start(right_config(rng, origin, certificates, str(ca.file), config))
        text = gateway.config_path.read_text()
        config.write_text(text.replace('"127.0.0.1:0"', f'"127.0.0.1:{gateway.address[1]}"'))
        for _ in range(25):
            question = Question(rng, (client.crt, client.key_file))
            said = question.ask_route(gateway, config)
            before, logged = len(origin.requests), len(requests_of(gateway))
            response = question.ask_live(gateway)
            context = (question, said, response, text)
            if said["result"] == "refused" and "status" not in said:
                assert response is None, context
                continue
            assert response is not None, context
            wait_until(lambda: len(requests_of(gateway)) > logged, what="the log's line")
            check_log(requests_of(gateway)[logged:], said, response, context)
            if said["result"] == "backend":
                assert response.status == 200, context
                assert origin.requests[before].target == said["path"], context
            else:
                assert response.status == said["status"], context
            if said["result"] == "respond" and question.method != "HEAD":
                assert response.body.decode() == said["route"], context
            if said["result"] == "redirect":
                host, path = question.host.rstrip(":").lower(), said["path"]
                location = response.get("Location" if question.front == "h1" else "location")
                assert location.lower() == f"https://{host}{path}".lower(), context


def requests_of(gateway):
    return [entry for entry in gateway.log_entries() if entry["kind"] == "request"]
