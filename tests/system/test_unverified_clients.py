"""`verify: optional_unverified`: clients whose certificate cannot be verified come in, and everybody who has to know
is told that it was not."""

import base64
import json
import ssl
import subprocess

import pytest

from client import Connection, fetch
from origins import EchoOrigin
from tidegate import command

HOST = "partners.example"
VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])


def site(ca, *routes, **clients):
    return {"hosts": [HOST], "routes": list(routes), "plain_http": "serve",
            "tls": {**ca.server(HOST).settings(),
                    "clients": {"verify": "optional_unverified", "ca": str(ca.file), **clients}}}


def ask(gateway, ca, client, target="/", fields=(), **options):
    return fetch(gateway.address, target, host=HOST, fields=fields,
                 tls=ca.client_context(client, **options))


def told(response, name="Client-Cert-Verify"):
    return [value for key, value in json.loads(response.body)["fields"] if key.lower() == name.lower()]


@pytest.fixture(name="origin")
def fixture_origin():
    with EchoOrigin() as origin:
        yield origin


def backend(origin, **more):
    return [{"name": "up", "servers": [origin.address], "client_certificate": True,
             "forwarded_client_certificate": True, **more}]


@pytest.fixture(name="clients")
def fixture_clients(ca, other_ca):
    """By what is said of them."""
    return {"SUCCESS": ca.client("friend"), "NONE": None,
            "FAILED:unable to get local issuer certificate": other_ca.client("stranger"),
            "FAILED:certificate has expired": ca.client("late", days=(-9, -2)),
            "FAILED:certificate is not yet valid": ca.client("early", days=(2, 9)),
            "FAILED:unsupported certificate purpose": ca.server("a.example")}


@VERSIONS
def test_the_verdict_is_told(start, ca, origin, clients, version):
    gateway = start({"sites": [site(ca, {"backend": "up"})], "backends": backend(origin)})
    for number, (verdict, client) in enumerate(clients.items()):
        response = ask(gateway, ca, client, f"/{number}", maximum_version=version)
        assert response.status == 200
        said = told(response)
        # The library's words for it differ with its version.
        assert len(said) == 1 and (said[0] == verdict or "purpose" in verdict and "purpose" in said[0]), said
        entry = gateway.wait_log(target=f"/{number}")
        unverified = told(response, "Client-Cert-Unverified")
        if verdict == "SUCCESS":
            assert told(response, "Client-Cert") and told(response, "X-Forwarded-Client-Cert")
            assert not unverified and entry["client_subject"] == "CN=friend"
            assert "client_verdict" not in entry and "client_unverified" not in entry
            continue
        for name in ("Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert"):
            assert not told(response, name), name
        assert "client_subject" not in entry
        if client is None:
            assert not unverified and "client_verdict" not in entry
            continue
        assert base64.b64decode(unverified[0].strip(":"), validate=True) == client.der
        assert "FAILED:" + entry["client_verdict"] == said[0]
        assert entry["client_unverified"] == client.subject


def test_a_revoked_client_is_told_of(start, ca, origin, folder):
    revoked = ca.client("revoked")
    crl = folder / "list.crl"
    crl.write_bytes(ca.crl(revoked))
    gateway = start({"sites": [site(ca, {"backend": "up"}, crl=str(crl))], "backends": backend(origin)})
    assert told(ask(gateway, ca, revoked)) == ["FAILED:certificate revoked"]
    assert told(ask(gateway, ca, ca.client("friend"))) == ["SUCCESS"]


@pytest.mark.parametrize("front", ["--http1.1", "--http2"])
@pytest.mark.parametrize("back", ["h1", "h2c"])
def test_over_every_version_of_http(start, ca, other_ca, front, back):
    h2origin = pytest.importorskip("h2origin")
    seen = []

    def answer(connection, request):
        seen.append(request.all("client-cert-verify"))
        connection.respond(request.stream, 200, body=b"")

    with EchoOrigin() if back == "h1" else h2origin.H2Origin(h2origin.serve(answer)) as origin:
        gateway = start({"sites": [site(ca, {"backend": "up"})], "backends": backend(origin, protocol=back)})
        for client in (other_ca.client("stranger"), ca.client("friend")):
            done = subprocess.run(
                ["curl", "-sS", front, "--cacert", str(ca.file), "--cert", str(client.crt), "--key",
                 str(client.key_file), "-H", "Client-Cert-Verify: SUCCESS", "-H", "Client_Cert_Verify: SUCCESS",
                 "--resolve", f"{HOST}:{gateway.port}:127.0.0.1", f"https://{HOST}:{gateway.port}/"],
                capture_output=True, text=True, timeout=60, check=True)
            if back == "h1":
                fields = json.loads(done.stdout)["fields"]
                seen.append([value for name, value in fields if "verify" in name.lower()])
        assert seen == [["FAILED:unable to get local issuer certificate"], ["SUCCESS"]]


def test_nobody_but_the_gateway_says_the_verdict(start, ca, origin):
    """Neither a stranger nor a trusted proxy, in any spelling; nor where the site asks for nothing."""
    plain = {"hosts": ["other.example"], "backend": "up"}
    gateway = start({"sites": [site(ca, {"backend": "up"}), plain], "backends": backend(origin),
                     "trusted_proxies": ["127.0.0.1"]})
    lies = [("Client-Cert-Verify", "SUCCESS"), ("client_cert_verify", "SUCCESS"),
            ("Client-Cert-Unverified", ":aaaa:"), ("Client.Cert.Unverified", ":aaaa:")]
    response = ask(gateway, ca, None, fields=lies)
    assert told(response) == ["NONE"] and not told(response, "Client-Cert-Unverified")
    assert b"aaaa" not in response.body
    response = fetch(gateway.address, "/", host=HOST, fields=lies)  # plain HTTP
    assert told(response) == ["NONE"]
    response = fetch(gateway.address, "/", host="other.example", fields=lies)
    assert b"SUCCESS" not in response.body and b"aaaa" not in response.body


def test_rules_never_fit_an_unverified_client(start, ca, other_ca, origin):
    rule = {"match": {"path": "/*", "client": {"subject": ["CN=friend"]}}, "else": "deny", "backend": "up"}
    any_dns = {"match": {"path": "/dns", "client": {"dns": ["*.friends.example"]}}, "else": "deny", "backend": "up"}
    gateway = start({"sites": [site(ca, any_dns, rule)], "backends": backend(origin)})
    assert ask(gateway, ca, ca.client("friend")).status == 200
    for client, target in [(other_ca.client("friend"), "/same-name"), (ca.client("friend", days=(-9, -2)), "/late"),
                           (other_ca.client("x", names=["a.friends.example"]), "/dns")]:
        assert ask(gateway, ca, client, target).status == 403
        entry = gateway.wait_log(target=target)
        assert entry["reason"] == "client_unverified" and entry["client_verdict"]
    assert ask(gateway, ca, None, "/none").status == 403
    assert gateway.wait_log(target="/none")["reason"] == "client_unknown"


def visit(gateway, context, session=None):
    """Whether it was resumed, the verdict, and the session for the next time."""
    with Connection(gateway.address) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname=HOST, session=session)
        response = connection.request(host=HOST)
        return connection.sock.session_reused, told(response), connection.sock.session


@VERSIONS
def test_a_resumed_session_keeps_the_verdict(start, ca, other_ca, origin, version):
    gateway = start({"sites": [site(ca, {"backend": "up"})], "backends": backend(origin)})
    for client, verdict in [(other_ca.client("stranger"), "FAILED:unable to get local issuer certificate"),
                            (ca.client("friend"), "SUCCESS"), (None, "NONE")]:
        context = ca.client_context(client, maximum_version=version)
        _, first, session = visit(gateway, context)
        was_resumed, again, _ = visit(gateway, context, session)
        assert was_resumed and first == again == [verdict]


@VERSIONS
def test_what_time_changes_is_verified_anew(start, ca, origin, version):
    gateway = start({"sites": [site(ca, {"backend": "up"})], "backends": backend(origin)})
    for days in [(2, 9), (-9, -2)]:
        context = ca.client_context(ca.client("other days", days=days), maximum_version=version)
        _, _, session = visit(gateway, context)
        was_resumed, verdict, _ = visit(gateway, context, session)
        assert not was_resumed and verdict[0].startswith("FAILED:")


@VERSIONS
def test_an_unverified_session_is_nothing_to_a_strict_site(start, ca, other_ca, origin, version):
    """Even where both have the same certificate and authorities."""
    certificate = ca.server(HOST, "strict.example").settings()
    clients = {"ca": str(ca.file)}
    gateway = start({"sites": [
        {"hosts": [HOST], "backend": "up", "tls": {**certificate, "clients": {**clients,
                                                                              "verify": "optional_unverified"}}},
        {"hosts": ["strict.example"], "backend": "up", "tls": {**certificate, "clients": {
            **clients, "verify": "optional"}}}], "backends": backend(origin)})
    context = ca.client_context(other_ca.client("stranger"), maximum_version=version)
    _, _, session = visit(gateway, context)
    with Connection(gateway.address) as connection:
        with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
            tls = context.wrap_socket(connection.sock, server_hostname="strict.example", session=session)
            tls.sendall(b"GET / HTTP/1.1\r\nHost: strict.example\r\n\r\n")
            assert tls.recv(100) == b""
            raise ConnectionError
    # Nor does its connection serve the other site's requests.
    with Connection(gateway.address, context, HOST) as connection:
        assert connection.request(host="strict.example").status == 421


def test_echo_names_verified_clients_alone(start, ca, other_ca):
    gateway = start({"sites": [site(ca, {"respond": {"echo": True}})]})
    assert json.loads(ask(gateway, ca, ca.client("friend")).body)["tls"]["client_subject"] == "CN=friend"
    assert not json.loads(ask(gateway, ca, other_ca.client("stranger")).body)["tls"]["client_subject"]


def test_combined_log_names_verified_clients_alone(start, ca, other_ca, folder):
    gateway = start({"sites": [site(ca, {"respond": {"body": "x"}})],
                     "log": {"format": "combined", "access": str(folder / "log")}})
    assert ask(gateway, ca, other_ca.client("stranger")).status == 200
    assert ask(gateway, ca, ca.client("friend")).status == 200
    gateway.stop()
    lines = (folder / "log").read_text().splitlines()
    assert " - - [" in lines[0] and "stranger" not in lines[0]
    assert "CN=friend" in lines[1]


def test_clients_are_not_told_whose_certificates_are_wanted(start, ca):
    gateway = start({"sites": [site(ca, {"respond": {"body": "x"}})]})
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", HOST],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert "No client certificate CA names sent" in done.stdout


def test_check_and_route_know_it(folder, ca):
    path = folder / "tidegate.yaml"
    config = {"listeners": [{"bind": ":443"}], "sites": [site(ca, {"backend": "127.0.0.1:1"})]}
    path.write_text(json.dumps(config))
    assert command("check", "-c", str(path)).returncode == 0
    assert "one that cannot be verified too" in command("route", "-c", str(path), f"https://{HOST}/").stdout
    del config["sites"][0]["tls"]["clients"]["ca"]
    path.write_text(json.dumps(config))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and "there is no 'ca'" in done.stdout + done.stderr
    config["sites"][0]["tls"]["clients"]["ca"] = str(ca.file)
    config["sites"][0]["tls"]["early_data"] = True
    path.write_text(json.dumps(config))
    assert "'early_data' in a site that asks clients" in command("check", "-c", str(path)).stderr
