"""Which of several certificates a client gets: decided at its handshake, by time, name and by what
the client can check."""

import hashlib
import shutil
import socket
import ssl
import subprocess

import pytest

from tidegate import environment, new_folder
from tlsbytes import peer_fingerprint
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

SECONDS = 25
SOON = 6 / 86400


@pytest.fixture
def store():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def put(folder, name, certificate):
    (folder / f"{name}.key").write_bytes(certificate.key_file.read_bytes())
    (folder / f"{name}.crt").write_bytes(certificate.crt.read_bytes())
    return certificate


def site(certificates, store, form):
    """The same certificates in a folder, or listed."""
    for number, certificate in enumerate(certificates):
        put(store, f"c{number}", certificate)
    tls = {"certificates_from": str(store)}
    if form == "list":
        tls = {"certificates": [{"certificate": str(store / f"c{n}.crt"),
                                 "key": str(store / f"c{n}.key")}
                                for n in range(len(certificates))]}
    return {"reload_certificates": "1h", "sites": [
        {"hosts": ["*"], "respond": {"body": "hello\n"}, "tls": tls}]}


def served(gateway, name, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for key, value in options.items():
        if key == "ciphers":
            context.set_ciphers(value)
        else:
            setattr(context, key, value)
    with socket.create_connection(gateway.address, SECONDS) as sock:
        with context.wrap_socket(sock, server_hostname=name) as tls:
            return peer_fingerprint(tls)


BOTH = pytest.mark.parametrize("form", ["folder", "list"])


@BOTH
def test_one_that_expires_gives_way_without_any_file_changing(start, ca, store, form):
    lasting = ca.server("a.example", days=(-2, 20))
    ending = ca.server("a.example", days=(-1, SOON))
    gateway = start(site([ending, lasting], store, form))
    wait_until(lambda: served(gateway, "a.example") == lasting.fingerprint, SECONDS)


@BOTH
def test_one_that_becomes_valid_is_taken(start, ca, store, form):
    old = ca.server("a.example", days=(-20, -1))
    coming = ca.server("a.example", days=(SOON, 20))
    current = ca.server("a.example", days=(-3, 20))
    gateway = start(site([old, current, coming], store, form))
    assert served(gateway, "a.example") in (current.fingerprint, coming.fingerprint)
    wait_until(lambda: served(gateway, "a.example") == coming.fingerprint, SECONDS)


@BOTH
@pytest.mark.parametrize("ended", ["ec", "rsa"])
def test_an_expired_kind_of_key_gives_way_to_the_other(start, ca, store, form, ended):
    other = "rsa" if ended == "ec" else "ec"
    expired = ca.server("a.example", kind=ended, days=(-20, -1))
    current = ca.server("a.example", kind=other)
    gateway = start(site([expired, current], store, form))
    assert served(gateway, "a.example") == current.fingerprint


@BOTH
def test_an_expired_one_is_served_when_the_client_can_use_no_other(start, ca, store, form):
    expired = ca.server("a.example", kind="rsa", days=(-20, -1))
    current = ca.server("a.example")
    gateway = start(site([expired, current], store, form))
    assert served(gateway, "a.example", maximum_version=ssl.TLSVersion.TLSv1_2,
                  ciphers="ECDHE-RSA-AES128-GCM-SHA256") == expired.fingerprint
    assert served(gateway, "a.example") == current.fingerprint


@BOTH
def test_an_exact_name_that_the_client_cannot_use_does_not_hide_the_wildcard(start, ca, store, form):
    exact = ca.server("a.shop.example")
    wildcard = ca.server("*.shop.example", kind="rsa")
    gateway = start(site([exact, wildcard], store, form))
    assert served(gateway, "a.shop.example") == exact.fingerprint
    assert served(gateway, "b.shop.example") == wildcard.fingerprint
    assert served(gateway, "a.shop.example", maximum_version=ssl.TLSVersion.TLSv1_2,
                  ciphers="ECDHE-RSA-AES128-GCM-SHA256") == wildcard.fingerprint
    for option in (["-sigalgs", "rsa_pss_rsae_sha256"],
                   ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}",
                               "-servername", "a.shop.example", *option], input=b"",
                              capture_output=True, timeout=SECONDS, env=environment(), check=False)
        assert b"Peer signature type: RSA" in done.stdout, done.stdout + done.stderr


@BOTH
def test_the_exact_name_goes_before_a_younger_wildcard(start, ca, store, form):
    exact = ca.server("a.shop.example", kind="rsa", days=(-9, 20))
    wildcard = ca.server("*.shop.example", days=(-1, 20))
    gateway = start(site([wildcard, exact], store, form))
    assert served(gateway, "a.shop.example") == exact.fingerprint


def test_a_list_has_one_for_each_name(start, ca, store):
    first, second = ca.server("a.example"), ca.server("b.example")
    gateway = start(site([first, second], store, "list"))
    assert served(gateway, "a.example") == first.fingerprint
    assert served(gateway, "b.example") == second.fingerprint


def test_a_key_that_cannot_be_used_gives_way(start, ca, store):
    older, younger = ca.server("a.example", days=(-9, 20)), ca.server("a.example")
    settings = site([older, younger], store, "folder")
    (store / "c1.key").write_bytes(older.key_file.read_bytes())
    gateway = start(settings)
    assert served(gateway, "a.example") == older.fingerprint
    assert "does not belong to the certificate" in gateway.stderr()


def openssl_served(gateway, name, *options):
    """The fingerprint that openssl s_client gets with these options; None: no handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % gateway.address, "-servername", name,
         *options], input=b"", capture_output=True, timeout=SECONDS, check=False,
        env=environment())
    if b"-----BEGIN CERTIFICATE-----" not in done.stdout:
        return None
    pem = done.stdout[done.stdout.index(b"-----BEGIN CERTIFICATE-----"):].decode()
    der = ssl.PEM_cert_to_DER_cert(pem[:pem.index("-----END CERTIFICATE-----") + 26])
    return hashlib.sha256(der).hexdigest()


@BOTH
@pytest.mark.parametrize("kind,options", [
    ("ec", ["-tls1_3", "-sigalgs", "ECDSA+SHA256"]),
    ("p384", ["-tls1_3", "-sigalgs", "ECDSA+SHA384"]),
    ("p521", ["-tls1_3", "-sigalgs", "ECDSA+SHA512"]),
    ("ec", ["-tls1_2", "-groups", "P-256", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    ("p384", ["-tls1_2", "-groups", "P-384", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    ("ed25519", ["-tls1_3", "-sigalgs", "ed25519"]),
    ("ed448", ["-tls1_3", "-sigalgs", "ed448"]),
    ("rsa", ["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"]),
    ("rsa", ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"])])
def test_one_kind_of_key_does_not_hide_another(start, ca, store, form, kind, options):
    """All are of the same rank, and the younger ones are of other kinds than the client knows."""
    kinds = ["ec", "p384", "p521", "ed25519", "ed448", "rsa"]
    certificates = {each: ca.server("shop.example", kind=each,
                                    days=(-2 if each == kind else -1, 20)) for each in kinds}
    settings = site(list(certificates.values()), store, form)
    settings["sites"][0]["tls"]["groups"] = ["X25519", "P-256", "P-384", "P-521"]
    settings["sites"][0]["tls"]["signature_algorithms"] = [
        "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512", "ed25519",
        "ed448", "rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"]
    gateway = start(settings)
    names = {certificate.fingerprint: each for each, certificate in certificates.items()}
    assert names.get(openssl_served(gateway, "shop.example", *options)) == kind


@BOTH
@pytest.mark.parametrize("kind,sigalgs", [("rsa-pss", "rsa_pss_pss_sha256"),
                                          ("rsa", "rsa_pss_rsae_sha256")])
def test_keys_for_pss_alone_do_not_hide_rsa(start, store, form, kind, sigalgs):
    for name, algorithm in (("rsa", "rsa:2048"), ("rsa-pss", "rsa-pss")):
        more = ["-pkeyopt", "rsa_keygen_bits:2048"] if name == "rsa-pss" else []
        subprocess.run(["openssl", "req", "-x509", "-newkey", algorithm, *more, "-nodes",
                        "-keyout", str(store / f"{name}.key"), "-out", str(store / f"{name}.crt"),
                        "-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"],
                       check=True, capture_output=True, timeout=SECONDS)
    settings = site([], store, form)
    if form == "list":
        settings["sites"][0]["tls"]["certificates"] = [
            {"certificate": str(store / f"{name}.crt"), "key": str(store / f"{name}.key")}
            for name in ("rsa", "rsa-pss")]
    gateway = start(settings)
    wanted = hashlib.sha256(ssl.PEM_cert_to_DER_cert((store / f"{kind}.crt").read_text()))
    assert openssl_served(gateway, "shop.example", "-tls1_3", "-sigalgs",
                          sigalgs) == wanted.hexdigest()
