"""What a site's and a backend's TLS is made of (certificate, key, authorities, revocation lists) is
taken over each for itself while the gateway runs, also what only root may read."""

import os
import ssl

import pytest

from client import fetch
from origins import Origin, echo_handler
from tidegate import account, new_folder
from waiting import wait_until

HOST = "shop.example"
SECONDS = 25


def replace(path, data, mode=0o644):
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.chmod(mode)
    os.replace(new, path)


@pytest.fixture(name="pki")
def fixture_pki():
    return new_folder()


def put(pki, ca, certificate, mode=0o644):
    replace(pki / "shop.key", certificate.key_file.read_bytes(), mode)
    replace(pki / "shop.crt", certificate.crt.read_bytes())
    replace(pki / "clients.pem", ca.file.read_bytes())


def config(pki, **clients):
    return {"reload_certificates": "1s", "sites": [{
        "name": "shop", "hosts": [HOST], "respond": {"body": "hello\n"},
        "tls": {"certificate": str(pki / "shop.crt"), "key": str(pki / "shop.key"),
                "clients": {"verify": "required", "ca": str(pki / "clients.pem"), **clients}}}]}


def enters(gateway, ca, client, host=HOST):
    try:
        return fetch(gateway.address, "/", host=host, tls=ca.client_context(client)).status == 200
    except (ssl.SSLError, ConnectionError, EOFError, AssertionError, OSError):
        return False
    except Exception as error:  # pylint: disable=broad-except
        if type(error).__name__ == "Ended":
            return False
        raise


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives root up")
@pytest.mark.parametrize("folder_mode", [0o755, 0o700])
def test_files_for_root_alone_are_renewed(start, ca, other_ca, pki, folder_mode):
    old, new = ca.server(HOST), ca.server(HOST)
    put(pki, ca, old, 0o600)
    replace(pki / "clients.pem", ca.file.read_bytes(), 0o600)
    replace(pki / "clients.crl", ca.crl(), 0o600)
    pki.chmod(folder_mode)
    gateway = start(config(pki, crl=str(pki / "clients.crl")))
    assert f"'{pki}/shop.key' is not for the gateway's user" in gateway.stderr()
    assert f"'{pki}/clients.crl' is not for the gateway's user" in gateway.stderr()
    thief, honest = ca.client("thief"), ca.client("honest")
    assert enters(gateway, ca, thief) and enters(gateway, ca, honest)
    replace(pki / "clients.crl", ca.crl(thief), 0o600)
    wait_until(lambda: not enters(gateway, ca, thief), SECONDS)
    assert enters(gateway, ca, honest)
    put(pki, ca, new, 0o600)
    wait_until(lambda: new.fingerprint in gateway.stderr(), SECONDS)
    replace(pki / "clients.crl", other_ca.crl(), 0o600)
    replace(pki / "clients.pem", other_ca.file.read_bytes(), 0o600)
    wait_until(lambda: enters(gateway, ca, other_ca.client("stranger")), SECONDS)
    assert not enters(gateway, ca, honest)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives root up")
def test_what_nobody_will_read_is_told_at_the_start(start, ca, pki):
    """The user may exchange files in its own folder, so root opens none there."""
    put(pki, ca, ca.server(HOST), 0o600)
    os.chown(pki, account().pw_uid, account().pw_gid)
    gateway = start(config(pki))
    line = next(line for line in gateway.stderr().splitlines() if "shop.key' is not for" in line)
    assert "warn" in line and "until a restart" in line and "chgrp" in line


@pytest.mark.parametrize("what", ["key of another", "no certificate", "no key"])
def test_a_bad_certificate_does_not_keep_new_authorities_out(start, ca, other_ca, pki, what):
    put(pki, ca, ca.server(HOST))
    gateway = start(config(pki))
    client, stranger = ca.client("old"), other_ca.client("stranger")
    assert enters(gateway, ca, client)
    bad = {"key of another": ("shop.key", ca.server(HOST).key_file.read_bytes()),
           "no certificate": ("shop.crt", b"half a certif"),
           "no key": ("shop.key", b"")}[what]
    replace(pki / bad[0], bad[1])
    replace(pki / "clients.pem", other_ca.file.read_bytes())
    wait_until(lambda: enters(gateway, ca, stranger), SECONDS)
    assert not enters(gateway, ca, client)
    wait_until(lambda: "the old certificate stays in use" in gateway.stderr(), SECONDS)


def test_bad_authorities_do_not_keep_a_new_certificate_out(start, ca, pki):
    new = ca.server(HOST)
    put(pki, ca, ca.server(HOST))
    gateway = start(config(pki))
    replace(pki / "clients.pem", b"nothing\n")
    wait_until(lambda: "authorities that were read before" in gateway.stderr(), SECONDS)
    replace(pki / "shop.key", new.key_file.read_bytes())
    replace(pki / "shop.crt", new.crt.read_bytes())
    wait_until(lambda: new.fingerprint in gateway.stderr(), SECONDS)
    assert enters(gateway, ca, ca.client("still"))


def test_one_bad_certificate_does_not_keep_the_other_out(start, ca, pki):
    rsa, new = ca.server(HOST, kind="rsa"), ca.server(HOST)
    put(pki, ca, ca.server(HOST))
    replace(pki / "rsa.crt", rsa.crt.read_bytes())
    replace(pki / "rsa.key", rsa.key_file.read_bytes())
    settings = config(pki)
    tls = settings["sites"][0]["tls"]
    tls["certificates"] = [{"certificate": tls.pop("certificate"), "key": tls.pop("key")},
                           {"certificate": str(pki / "rsa.crt"), "key": str(pki / "rsa.key")}]
    gateway = start(settings)
    replace(pki / "rsa.key", b"broken")
    replace(pki / "shop.key", new.key_file.read_bytes())
    replace(pki / "shop.crt", new.crt.read_bytes())
    wait_until(lambda: new.fingerprint in gateway.stderr(), SECONDS)


def test_a_backend_takes_new_authorities_with_a_bad_certificate_of_its_own(start, ca, other_ca, pki):
    own = ca.client("gateway")
    for name, data in (("ca.pem", ca.file.read_bytes()), ("own.crt", own.crt.read_bytes()),
                       ("own.key", own.key_file.read_bytes())):
        replace(pki / name, data)
    with Origin(echo_handler(), tls=ca.server("origin.example").server_context()) as origin:
        gateway = start({"reload_certificates": "1s", "sites": [{"hosts": ["*"], "backend": {
            "servers": [origin.address], "tls": {
                "server_name": "origin.example", "ca": str(pki / "ca.pem"),
                "certificate": str(pki / "own.crt"), "key": str(pki / "own.key")}}}]})
        assert fetch(gateway.address, "/", host=HOST).status == 200
        replace(pki / "own.key", b"broken")
        replace(pki / "ca.pem", other_ca.file.read_bytes())
        wait_until(lambda: fetch(gateway.address, "/", host=HOST).status == 502, SECONDS)
        assert "servers are verified by the authorities" in gateway.stderr()
