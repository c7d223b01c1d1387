"""Two-way TLS: who comes in, who is told apart, and what servers hear of it."""

import base64
import datetime
import hashlib
import json
import os
import re
import ssl
import subprocess
import threading
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from client import Connection, fetch
from origins import EchoOrigin
from tidegate import binary, environment
from waiting import wait_until

HOST = "partners.example"
WAIT = 25


@pytest.fixture(scope="module", name="upper")
def fixture_upper(ca):
    return ca.intermediate("Upper CA")


@pytest.fixture(scope="module", name="lower")
def fixture_lower(upper):
    return upper.intermediate("Lower CA", "rsa")


@pytest.fixture(scope="module", name="origin")
def fixture_origin():
    with EchoOrigin() as origin:
        yield origin


def site(ca, routes, host=HOST, **clients):
    return {"hosts": [host], "routes": routes,
            "tls": {**ca.server(host).settings(),
                    "clients": {"verify": "required", "ca": str(ca.file), **clients}}}


def anything(origin, **match):
    return {"match": {"path": "/*", **match}, "backend": origin.address}


def ask(gateway, ca, client, target="/", host=HOST, fields=(), **options):
    """The response, or None when the handshake (or what TLS 1.3 says after it) fails."""
    try:
        return fetch(gateway.address, target, host=host, fields=fields,
                     tls=ca.client_context(client, **options))
    except (ssl.SSLError, ConnectionError, EOFError, AssertionError):
        return None
    except Exception as error:  # pylint: disable=broad-except
        if type(error).__name__ == "Ended":
            return None
        raise


def field(response, name):
    found = [value for key, value in json.loads(response.body)["fields"] if key.lower() == name.lower()]
    return found


def der(field_value):
    assert field_value.startswith(":") and field_value.endswith(":")
    return base64.b64decode(field_value[1:-1], validate=True)


# Chains.


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_chains_of_every_kind(start, ca, lower, origin, kind, version):
    gateway = start({"sites": [site(ca, [anything(origin)])]})
    client = lower.client("deep", kind=kind)
    response = ask(gateway, ca, client, maximum_version=version)
    assert response.status == 200
    assert gateway.wait_log(status=200)["client_subject"] == "CN=deep"


def test_depth(start, ca, upper, lower, origin):
    gateway = start({"sites": [site(ca, [anything(origin)], depth=1)]})
    assert ask(gateway, ca, upper.client("near")).status == 200
    assert ask(gateway, ca, lower.client("far")) is None
    gateway.wait_log(reason="client_chain_too_long")


def test_wrong_certificates(start, ca, other_ca, origin):
    gateway = start({"sites": [site(ca, [anything(origin)])]})
    for client, reason in [
            (None, "client_certificate_missing"),
            (ca.client("late", days=(-9, -2)), "client_certificate_expired"),
            (ca.server("a.example"), "client_certificate_wrong_purpose"),
            (other_ca.client("stranger"), "client_certificate_unknown_ca")]:
        assert ask(gateway, ca, client) is None
        gateway.wait_log(reason=reason, seconds=WAIT)


def test_status_shows_the_whole_digest_of_a_refused_certificate(start, ca, other_ca, origin, folder):
    """By which the operator finds the client."""
    control = folder / "control.sock"
    gateway = start({"control": str(control), "sites": [site(ca, [anything(origin)])]})
    assert ask(gateway, ca, other_ca.client("a stranger with quite a long name")) is None
    line = gateway.wait_log(reason="client_certificate_unknown_ca", seconds=WAIT)
    done = subprocess.run([binary(), "status", "--handshakes", "--socket", str(control)],
                          capture_output=True, text=True, timeout=30, check=True)
    assert re.search(r"sha256 [0-9a-f]{64}\b", line["detail"])
    assert line["detail"] in done.stdout


# Revocation.


def write_crl(path, *lists):
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(lists))
    new.chmod(0o644)
    os.replace(new, path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_revoked_while_running(start, ca, upper, origin, folder, version):
    """Refused on the next handshake, with a ticket of before too; others go on."""
    crl = folder / "partners.crl"
    write_crl(crl, ca.crl(), upper.crl())
    gateway = start({"sites": [site(ca, [anything(origin)], crl=str(crl))]})
    bad, good = upper.client("bad"), upper.client("good")
    context = ca.client_context(bad, maximum_version=version)

    def once(session=None):
        sock = context.wrap_socket(Connection(gateway.address).sock, server_hostname=HOST,
                                   session=session)
        with sock:
            sock.settimeout(WAIT)
            sock.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            head = sock.recv(64)
            while sock.recv(65536):
                pass
            return head.startswith(b"HTTP/1.1 200"), sock.session_reused, sock.session

    served, reused, session = once()
    assert served and not reused
    served, reused, session = once(session)
    assert served and reused
    write_crl(crl, ca.crl(), upper.crl(bad))
    wait_until(lambda: "read again" in gateway.stderr(), WAIT, "the new list")
    for offered in (session, None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            if not once(offered)[0]:
                raise ConnectionError
    gateway.wait_log(reason="client_certificate_revoked", seconds=WAIT)
    assert ask(gateway, ca, good).status == 200


def test_revoked_intermediate(start, ca, upper, origin, folder):
    crl = folder / "partners.crl"
    write_crl(crl, ca.crl(upper), upper.crl())
    gateway = start({"sites": [site(ca, [anything(origin)], crl=str(crl))]})
    assert ask(gateway, ca, upper.client("below")) is None
    gateway.wait_log(reason="client_certificate_revoked", seconds=WAIT)


def test_expired_and_missing_lists(start, ca, upper, origin, folder):
    crl = folder / "partners.crl"
    write_crl(crl, ca.crl(), upper.crl(days=(-9, -2)))
    gateway = start({"sites": [site(ca, [anything(origin)], crl=str(crl))]})
    client = upper.client("someone")
    assert ask(gateway, ca, client) is None
    gateway.wait_log(reason="client_crl_expired", seconds=WAIT)
    assert "is past its next update" in gateway.stderr()
    write_crl(crl, ca.crl())
    wait_until(lambda: "read again" in gateway.stderr(), WAIT, "the new list")
    assert ask(gateway, ca, client) is None
    gateway.wait_log(reason="client_crl_missing", seconds=WAIT)


def test_a_broken_list_leaves_the_old_one(start, ca, origin, folder):
    crl = folder / "partners.crl"
    bad = ca.client("bad")
    write_crl(crl, ca.crl(bad))
    gateway = start({"sites": [site(ca, [anything(origin)], crl=str(crl))]})
    write_crl(crl, b"nonsense\n")
    wait_until(lambda: "stay in use" in gateway.stderr(), WAIT, "the complaint")
    assert ask(gateway, ca, bad) is None
    assert ask(gateway, ca, ca.client("good")).status == 200
    write_crl(crl, ca.crl())
    wait_until(lambda: ask(gateway, ca, bad) is not None, WAIT, "the mended list")


def test_new_lists_under_load(start, ca, origin, folder):
    """Nobody who may come in is turned away while lists are replaced; the revoked one is."""
    crl = folder / "partners.crl"
    good, bad = ca.client("good"), ca.client("bad")
    others = [ca.client(f"other {i}") for i in range(4)]
    write_crl(crl, ca.crl())
    gateway = start({"workers": 2, "sites": [site(ca, [anything(origin)], crl=str(crl))]})
    is_over = threading.Event()
    served, failed = [], []

    def load():
        while not is_over.is_set():
            response = ask(gateway, ca, good)
            (served if response is not None and response.status == 200 else failed).append(1)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for count in range(1, 4):
            write_crl(crl, ca.crl(bad, *others[:count]))
            wait_until(lambda n=count: gateway.stderr().count("read again") >= n, WAIT, "the list")
            before = len(served)
            wait_until(lambda n=before: len(served) > n + 3 or failed, WAIT, "more requests")
            assert ask(gateway, ca, bad) is None
    finally:
        is_over.set()
        for thread in threads:
            thread.join(WAIT)
    assert served and not failed


# Rules.


@pytest.fixture(scope="module", name="ruled")
def fixture_ruled(start_for_module, ca, origin):
    return start_for_module({"sites": [site(ca, [
        {"match": {"path": "/dns", "client": {"dns": ["*.app.example", "fixed.example"]}},
         "backend": origin.address},
        {"match": {"path": "/uri", "client": {"uri": ["spiffe://test/shop/*"]}},
         "backend": origin.address},
        {"match": {"path": "/email", "client": {"email": ["*@mail.example", "A@x.example"]}},
         "backend": origin.address},
        {"match": {"path": "/subject", "client": {"subject": "CN=chosen"}},
         "backend": origin.address},
        {"match": {"path": "/both", "client": {"subject": "CN=chosen", "dns": "fixed.example"}},
         "backend": origin.address},
        {"match": {"path": "/both", "methods": ["GET"], "client": {"subject": "CN=second"}},
         "respond": {"status": 200, "body": "second"}},
    ], verify="optional")]})


@pytest.mark.parametrize("target, name, names, status", [
    ("/dns", "x", ["one.app.example"], 200), ("/dns", "x", ["FIXED.example"], 200),
    ("/dns", "x", ["a.b.app.example"], 403), ("/dns", "x", ["*.app.example"], 403),
    ("/dns", "x", ["app.example"], 403), ("/dns", "fixed.example", [], 403),
    ("/dns", "x", ["spiffe://fixed.example"], 403),
    ("/uri", "x", ["spiffe://test/shop/cart"], 200),
    ("/uri", "x", ["spiffe://test/other"], 403), ("/uri", "x", ["SPIFFE://test/shop/a"], 403),
    ("/email", "x", ["who@MAIL.example"], 200), ("/email", "x", ["A@x.example"], 200),
    ("/email", "x", ["a@x.example"], 403),
    ("/subject", "chosen", [], 200), ("/subject", "chosen2", [], 403),
    ("/both", "chosen", ["fixed.example"], 200), ("/both", "chosen", ["x.example"], 403),
    ("/both", "second", [], 200), ("/none", "chosen", [], 404)])
def test_rules(ruled, ca, target, name, names, status):
    assert ask(ruled, ca, ca.client(name, names=names), target).status == status


def test_rules_without_a_certificate(ruled, ca):
    assert ask(ruled, ca, None, "/dns").status == 403
    assert ruled.wait_log(status=403, reason="client_unknown", target="/dns")


# What servers are told.


@pytest.fixture(scope="module", name="telling")
def fixture_telling(start_for_module, ca, origin):
    return start_for_module({"workers": 2, "sites": [site(ca, [
        {"match": {"path": "/rfc9440"},
         "backend": {"servers": [origin.address], "client_certificate": True}},
        {"match": {"path": "/xfcc"},
         "backend": {"servers": [origin.address], "forwarded_client_certificate": True}},
        {"match": {"path": "/texts"}, "backend": origin.address, "request_fields": {"set": {
            "X-SSL-Client-Verify": "{client.verdict}", "X-SSL-Client-S-DN": "{client.subject}",
            "X-SSL-Client-I-DN": "{client.issuer}", "X-SSL-Client-Serial": "{client.serial}",
            "X-SSL-Client-SHA256": "{client.fingerprint}", "ssl-client-cert": "{client.certificate}"}}},
        {"match": {"path": "/bare"}, "backend": {"servers": [origin.address], "forwarded": False}},
        anything(origin)], verify="optional")]})


LIES = [("Client-Cert", ":bGll:"), ("client-cert-chain", ":bGll:"),
        ("X-Forwarded-Client-Cert", "Hash=1;Subject=\"CN=root\"")]


def test_rfc9440(telling, ca, upper, lower):
    client = lower.client("teller")
    for session_after in (False, True):
        response = ask(telling, ca, client, "/rfc9440", fields=LIES)
        assert [der(v) for v in field(response, "Client-Cert")] == [client.der], session_after
        (chain,) = field(response, "Client-Cert-Chain")
        assert [der(one.strip()) for one in chain.split(",")] == [
            a.certificate.public_bytes(serialization.Encoding.DER) for a in (lower, upper)]
        assert not field(response, "X-Forwarded-Client-Cert")


def test_over_http2(telling, ca, lower):
    client = lower.client("streams")
    done = subprocess.run(
        ["curl", "-sS", "--http2", "--max-time", "20", "--cacert", str(ca.file), "--cert",
         str(client.crt), "--key", str(client.key_file), "--resolve",
         f"{HOST}:{telling.port}:127.0.0.1", "-H", "client-cert: :bGll:",
         f"https://{HOST}:{telling.port}/rfc9440", f"https://{HOST}:{telling.port}/rfc9440"],
        capture_output=True, timeout=40, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    answers = done.stdout.decode().replace("}{", "}\n{").split("\n")
    assert len(answers) == 2
    for answer in answers:
        found = [v for k, v in json.loads(answer)["fields"] if k.lower() == "client-cert"]
        assert [der(value) for value in found] == [client.der]
    assert telling.wait_log(version="HTTP/2", target="/rfc9440", seconds=WAIT)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_the_chain_is_told_of_a_resumed_session_too(telling, ca, lower, version):
    client = lower.client("again")
    context = ca.client_context(client, maximum_version=version)
    session = None
    seen = []
    for _ in range(3):
        with Connection(telling.address) as connection:
            connection.sock = context.wrap_socket(connection.sock, server_hostname=HOST,
                                                  session=session)
            response = connection.request("/rfc9440", host=HOST)
            session = connection.sock.session
            seen.append((connection.sock.session_reused, field(response, "Client-Cert"),
                         field(response, "Client-Cert-Chain")))
    assert [reused for reused, _, _ in seen] == [False, True, True]
    assert der(seen[0][1][0]) == client.der
    assert seen[0][2] and seen[0][1:] == seen[1][1:] == seen[2][1:]


def test_forwarded_client_certificate(telling, ca):
    names = ["spiffe://test/a;b,c", "d.example"]
    client = ca.client('odd "name"', names=names)
    response = ask(telling, ca, client, "/xfcc", fields=LIES)
    (value,) = field(response, "X-Forwarded-Client-Cert")
    assert value.startswith(f"Hash={hashlib.sha256(client.der).hexdigest()};Subject=\"CN=odd ")
    assert value.endswith(";URI=spiffe://test/a%3Bb%2Cc;DNS=d.example")
    assert not field(response, "Client-Cert")


def test_fields_of_ones_own_say_who_the_client_is(telling, ca, lower):
    """As servers know them that were behind nginx, HAProxy or Apache."""
    lies = [("X-SSL-Client-Verify", "SUCCESS"), ("ssl_client_cert", "x"), ("X-SSL-Client-Serial", "01")]
    client = lower.client("teller")
    for _ in range(2):
        response = ask(telling, ca, client, "/texts", fields=lies)
        assert field(response, "X-SSL-Client-Verify") == ["SUCCESS"]
        assert field(response, "X-SSL-Client-S-DN") == ["CN=teller"]
        assert field(response, "X-SSL-Client-I-DN") == [lower.certificate.subject.rfc4514_string()]
        serial = x509.load_der_x509_certificate(client.der).serial_number
        assert int(field(response, "X-SSL-Client-Serial")[0], 16) == serial
        assert field(response, "X-SSL-Client-SHA256") == [hashlib.sha256(client.der).hexdigest()]
        (pem,) = field(response, "ssl-client-cert")
        assert not set(pem) & set("+/= \n") and x509.load_pem_x509_certificate(
            urllib.parse.unquote(pem).encode()).public_bytes(serialization.Encoding.DER) == client.der
        assert not field(response, "ssl_client_cert")
    response = ask(telling, ca, None, "/texts", fields=lies)
    assert field(response, "X-SSL-Client-Verify") == ["NONE"]
    assert not field(response, "ssl-client-cert") + field(response, "ssl_client_cert") + field(response, "X-SSL-Client-Serial")


@pytest.mark.parametrize("target", ["/rfc9440", "/xfcc", "/bare", "/other"])
def test_clients_cannot_say_it_themselves(telling, ca, target):
    response = ask(telling, ca, None, target, fields=LIES)
    assert response.status == 200
    for name, _ in LIES:
        assert not field(response, name)


# Other sites.


def test_other_policies_other_sessions(start, ca, origin):
    """A ticket of a site that asks nobody opens no site that does; nor does one authority."""
    open_site = {"hosts": ["open.example"], "backend": origin.address,
                 "tls": {**ca.server("open.example", HOST).settings()}}
    gateway = start({"sites": [open_site, site(ca, [anything(origin)])]})
    context = ca.client_context(None, maximum_version=ssl.TLSVersion.TLSv1_2)
    context.check_hostname = False
    with Connection(gateway.address) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname="open.example")
        assert connection.request(host="open.example").status == 200
        session = connection.sock.session
        # The authority of the stricter site is misdirected here (RFC 9110 section 15.5.20).
        assert connection.request(host=HOST).status == 421
    with Connection(gateway.address) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname="open.example",
                                              session=session)
        assert connection.sock.session_reused
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with Connection(gateway.address) as connection:
            connection.sock = context.wrap_socket(connection.sock, server_hostname=HOST,
                                                  session=session)
            connection.request(host=HOST)
    gateway.wait_log(reason="client_certificate_missing", seconds=WAIT)


def test_an_expired_client_does_not_resume(start, ca, origin):
    """The certificate's end is the ticket's end."""
    gateway = start({"sites": [site(ca, [anything(origin)])]})
    soon = 6 / 86400
    client = ca.client("short", days=(-1, soon))
    context = ca.client_context(client, maximum_version=ssl.TLSVersion.TLSv1_2)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=7)
    with Connection(gateway.address) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname=HOST)
        assert connection.request(host=HOST).status == 200
        session = connection.sock.session

    def is_refused():
        if datetime.datetime.now(datetime.timezone.utc) < end:
            return False
        try:
            with Connection(gateway.address) as connection:
                connection.sock = context.wrap_socket(connection.sock, server_hostname=HOST,
                                                      session=session)
                return connection.request(host=HOST) is None
        except (ssl.SSLError, ConnectionError):
            return True

    wait_until(is_refused, WAIT, "the certificate's end")
    gateway.wait_log(reason="client_certificate_expired", seconds=WAIT)
