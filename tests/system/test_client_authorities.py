"""Whom two-way TLS lets in: intermediates as anchors, rules about the issuer, revocation lists in
every form, and whose certificate was refused."""

import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from client import fetch
from origins import Origin, echo_handler
from tidegate import environment

HOST = "partners.example"
WAIT = 25
BOTH_VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])


@pytest.fixture(scope="module", name="upper")
def fixture_upper(ca):
    return ca.intermediate("Anchor Upper")


@pytest.fixture(scope="module", name="lower")
def fixture_lower(upper):
    return upper.intermediate("Anchor Lower")


def config(ca, authorities, routes=None, **clients):
    return {"sites": [{"hosts": [HOST], **({"routes": routes} if routes else {"respond": {}}),
                       "tls": {**ca.server(HOST).settings(),
                               "clients": {"ca": str(authorities), **clients}}}]}


def status(gateway, ca, client, target="/", **options):
    """None: refused."""
    try:
        return fetch(gateway.address, target, host=HOST,
                     tls=ca.client_context(client, **options)).status
    except (ssl.SSLError, ConnectionError, EOFError, AssertionError):
        return None
    except Exception as error:  # pylint: disable=broad-except
        if type(error).__name__ == "Ended":
            return None
        raise


@BOTH_VERSIONS
def test_an_intermediate_is_an_anchor_for_its_own_clients_alone(start, ca, upper, lower, version):
    gateway = start(config(ca, upper.file))
    for client, expected in [(upper.client("near"), 200), (lower.client("far"), 200),
                             (ca.client("of the root"), None)]:
        assert status(gateway, ca, client, maximum_version=version) == expected
    gateway.wait_log(reason="client_certificate_unknown_ca", seconds=WAIT)


def test_an_anchor_needs_no_list_of_its_issuer(start, ca, upper, lower, folder):
    crl = folder / "lists.crl"
    bad = upper.client("bad")
    crl.write_bytes(upper.crl(bad) + lower.crl())
    gateway = start(config(ca, upper.file, crl=str(crl)))
    assert status(gateway, ca, upper.client("good")) == 200
    assert status(gateway, ca, lower.client("good too")) == 200
    assert status(gateway, ca, bad) is None
    gateway.wait_log(reason="client_certificate_revoked", seconds=WAIT)


def test_one_client_is_trusted_by_its_own_certificate(start, ca, other_ca):
    friend = other_ca.client("friend")
    gateway = start(config(ca, friend.crt))
    assert status(gateway, ca, friend) == 200
    assert status(gateway, ca, other_ca.client("stranger")) is None


def test_a_backend_is_trusted_by_an_intermediate_or_its_own_certificate(start, ca, upper):
    server = upper.server("api.internal")
    with Origin(echo_handler(), tls=server.server_context()) as origin:
        for anchor in (upper.file, server.crt):
            gateway = start({"sites": [{"hosts": ["*"], "backend": {
                "servers": [origin.address],
                "tls": {"ca": str(anchor), "server_name": "api.internal"}}}]})
            assert fetch(gateway.address).status == 200


@BOTH_VERSIONS
def test_a_route_for_the_clients_of_one_authority(start, ca, upper, lower, version):
    gateway = start(config(ca, ca.file, [
        {"match": {"path": "/*", "client": {"issuer": "CN=Anchor Lower"}}, "respond": {}}]))
    for client, expected in [(lower.client("mine"), 200), (upper.client("other"), 403),
                             (ca.client("root's"), 403)]:
        assert status(gateway, ca, client, maximum_version=version) == expected


# Lists.


def der(pem):
    return x509.load_pem_x509_crl(pem).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("form", ["pem", "der", "bom"])
def test_all_lists_of_a_file_count(start, ca, upper, folder, form):
    crl = folder / "lists.crl"
    bad_above, bad = ca.client("bad above"), upper.client("bad below")
    lists = [ca.crl(bad_above), upper.crl(bad)]
    crl.write_bytes(b"".join(map(der, lists)) if form == "der" else
                    (b"\xef\xbb\xbf" if form == "bom" else b"") + b"".join(lists))
    gateway = start(config(ca, ca.file, crl=str(crl)))
    assert status(gateway, ca, ca.client("good")) == 200
    assert status(gateway, ca, upper.client("good")) == 200
    assert status(gateway, ca, bad_above) is None
    assert status(gateway, ca, bad) is None


def alert_for(gateway, client):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", HOST,
         "-tls1_2", "-cert", client.crt, "-key", client.key_file,
         *(["-cert_chain", client.crt] if client.above else [])],
        input=b"", capture_output=True, timeout=WAIT, env=environment(), check=False)
    return done.stderr + done.stdout


@pytest.mark.parametrize("case", ["expired", "missing", "forged"])
def test_a_list_that_does_not_serve_is_named(start, ca, upper, folder, case):
    """Alert 46: nothing is said against the client's own certificate."""
    crl = folder / "lists.crl"
    other = type(upper)(folder, "Anchor Upper")
    crl.write_bytes(ca.crl() + {"expired": upper.crl(days=(-9, -2)), "missing": b"",
                                "forged": other.crl()}[case])
    gateway = start(config(ca, ca.file, crl=str(crl)))
    client = upper.client("honest")
    assert b"alert number 46" in alert_for(gateway, client)
    entry = gateway.wait_log(seconds=WAIT, reason={
        "expired": "client_crl_expired", "missing": "client_crl_missing",
        "forged": "client_crl_bad"}[case])
    assert 'the list of "CN=Anchor Upper"' in entry["detail"]
    assert client.fingerprint in entry["detail"]


def test_a_refusal_says_whose_certificate(start, ca, other_ca):
    gateway = start(config(ca, ca.file))
    for client, reason in [(ca.client("late", days=(-9, -2)), "client_certificate_expired"),
                           (other_ca.client("stranger"), "client_certificate_unknown_ca")]:
        assert status(gateway, ca, client) is None
        detail = gateway.wait_log(reason=reason, seconds=WAIT)["detail"]
        issuer = client.certificate.issuer.rfc4514_string()
        assert f'subject "{client.subject}"' in detail and f'issuer "{issuer}"' in detail
        assert f"serial {client.certificate.serial_number:X}" in detail.replace("serial 0", "serial ")
        assert client.fingerprint in detail


# Curves.


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()],
                         ids=["P-256", "P-384", "P-521"])
@BOTH_VERSIONS
def test_clients_of_every_curve_of_tls(start, ca, folder, curve, version):
    key = ec.generate_private_key(curve)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "curved")])
    made = ca.client("model").certificate
    certificate = (x509.CertificateBuilder().subject_name(name)
                   .issuer_name(ca.certificate.subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(made.not_valid_before).not_valid_after(made.not_valid_after)
                   .sign(ca.key, hashes.SHA256()))
    client = type(ca.client("model"))(certificate, key, folder, "curved")
    gateway = start(config(ca, ca.file))
    assert status(gateway, ca, client, maximum_version=version) == 200


@BOTH_VERSIONS
@pytest.mark.parametrize("kind", ["p384", "p521"])
def test_clients_on_a_curve_that_the_site_has_taken_out(start, ca, kind, version):
    """Until TLS 1.2 `groups` are also the curves of certificates; TLS 1.3 has the signature
    algorithms for that (RFC 8446 section 4.2.7)."""
    settings = config(ca, ca.file)
    settings["sites"][0]["tls"]["groups"] = ["P-256"]
    gateway = start(settings)
    client = ca.client("curved", kind=kind)
    if version == ssl.TLSVersion.TLSv1_3:
        assert status(gateway, ca, client, maximum_version=version) == 200
        return
    assert status(gateway, ca, client, maximum_version=version) is None
    entry = gateway.wait_log(kind="connection")
    assert entry["reason"] == "wrong_curve" and entry["refused_by"] == "gateway"
    assert "curve" in entry["detail"] and "tls.groups" in entry["mend"]
