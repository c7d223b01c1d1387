"""Certificates from a folder by their own names, files replaced while the gateway runs, OCSP
responses stapled from files, and the key log."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import ocsp_responder
from client import request_bytes
from tidegate import account, command, environment, new_folder
from tlsbytes import alerts_in, client_hello, peer_fingerprint
from waiting import wait_until

ALERT_UNRECOGNIZED_NAME = 112
SECONDS = 20


def replace(path, data):
    """As a careful tool does it: the new file takes the old one's name whole."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.chmod(0o644)
    os.replace(new, path)


def put(folder, name, certificate, combined=False):
    crt, key = certificate.crt.read_bytes(), certificate.key_file.read_bytes()
    if combined:
        replace(folder / f"{name}.pem", key + crt)
        return
    replace(folder / f"{name}.key", key)
    replace(folder / f"{name}.crt", crt)


@pytest.fixture
def store():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def site(tls, hosts=("*",)):
    return {"hosts": list(hosts), "respond": {"body": "hello\n"}, "tls": tls}


def served(gateway, ca, name, check=True, **options):
    """The fingerprint of the certificate that a client gets who asks for this name."""
    context = ca.client_context(check_hostname=check, **options)
    with socket.create_connection(gateway.address, SECONDS) as sock:
        with context.wrap_socket(sock, server_hostname=name) as tls:
            return peer_fingerprint(tls)


def refused(gateway, name):
    """The alert that a ClientHello is answered with."""
    with socket.create_connection(gateway.address, SECONDS) as sock:
        sock.sendall(client_hello(name))
        data = b""
        while chunk := sock.recv(4096):
            data += chunk
    return alerts_in(data)


# A folder.


def test_a_folder_by_the_names_in_it(start, ca, store):
    exact = ca.server("www.many.example", "many.example")
    wild = ca.server("*.many.example")
    other = ca.server("other.example")
    put(store, "b", exact)
    put(store, "a", wild)
    put(store, "c", other, combined=True)
    gateway = start({"sites": [site({"certificates_from": str(store)})]})
    for name, certificate in (("many.example", exact), ("www.many.example", exact),
                              ("shop.many.example", wild), ("OTHER.example", other)):
        assert served(gateway, ca, name) == certificate.fingerprint, name
    for name in ("elsewhere.example", "a.b.many.example", None):
        assert refused(gateway, name)[0] == ALERT_UNRECOGNIZED_NAME, name
    assert gateway.wait_log(reason="no_certificate_for_name", sni="elsewhere.example")


def test_a_sites_own_certificate_is_for_all_other_names(start, ca, store, shop):
    many = ca.server("many.example")
    put(store, "many", many)
    gateway = start({"sites": [site({**shop.settings(), "certificates_from": str(store)},
                                    ["*", "shop.example"])]})
    assert served(gateway, ca, "many.example") == many.fingerprint
    assert served(gateway, ca, "shop.example") == shop.fingerprint
    assert served(gateway, ca, "else.example", check=False) == shop.fingerprint


def test_rsa_and_ecdsa_of_one_name_side_by_side(start, ca, store):
    both = {"ec": ca.server("both.example"), "rsa": ca.server("both.example", kind="rsa")}
    for kind, certificate in both.items():
        put(store, f"both-{kind}", certificate)
    gateway = start({"sites": [site({"certificates_from": str(store)})]})
    for kind, cipher in (("ec", "ECDHE-ECDSA-AES128-GCM-SHA256"),
                         ("rsa", "ECDHE-RSA-AES128-GCM-SHA256")):
        context = ca.client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(cipher)
        with socket.create_connection(gateway.address, SECONDS) as sock:
            with context.wrap_socket(sock, server_hostname="both.example") as tls:
                assert peer_fingerprint(tls) == both[kind].fingerprint


def test_more_certificates_than_are_kept(start, ca, store):
    all_of_them = {f"n{i}.example": ca.server(f"n{i}.example") for i in range(6)}
    for name, certificate in all_of_them.items():
        put(store, name, certificate)
    gateway = start({"workers": 2, "sites": [
        site({"certificates_from": str(store), "certificates_loaded": 2})]})
    for _ in range(3):
        for name, certificate in all_of_them.items():
            assert served(gateway, ca, name) == certificate.fingerprint


def test_files_are_read_when_they_are_first_needed(start, ca, store):
    """What is put there after the start, without a look in between, is what is served."""
    old, new = ca.server("lazy.example"), ca.server("lazy.example")
    put(store, "lazy", old)
    gateway = start({"reload_certificates": "off",
                     "sites": [site({"certificates_from": str(store)})]})
    put(store, "lazy", new)
    assert served(gateway, ca, "lazy.example") == new.fingerprint
    put(store, "lazy", old)
    assert served(gateway, ca, "lazy.example") == new.fingerprint  # it is loaded now


@pytest.mark.parametrize("suffix, options, words", [
    ("crt", ["x509", "-outform", "der"], "looks like DER; convert it with: openssl x509"),
    ("pem", ["crl2pkcs7", "-nocrl"], "is PKCS#7 (.p7b): convert it with: openssl pkcs7"),
    ("pem", ["x509", "-trustout"], "TRUSTED CERTIFICATE"),
    ("cer", None, "is text in UTF-16")])
def test_files_of_other_kinds_are_told_with_the_command_that_helps(ca, folder, store, suffix,
                                                                   options, words):
    put(store, "good", ca.server("good.example"))
    odd = ca.server("odd.example")
    data = odd.crt.read_text().encode("utf-16")
    if options is not None:
        source = "-certfile" if options[0] == "crl2pkcs7" else "-in"
        data = subprocess.run(["openssl", *options, source, str(odd.crt)], capture_output=True,
                              check=True, timeout=SECONDS).stdout
    replace(store / f"odd.{suffix}", data)
    replace(store / "odd.key", odd.key_file.read_bytes())
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: ['*']\n    respond: {}\n    tls:\n"
                      f"      certificates_from: {store}\n")
    done = command("check", "-c", str(config))
    assert done.returncode == 0 and words in done.stderr, done.stderr
    assert f"'{store}/odd.{suffix}'" in done.stderr and "it is not used" in done.stderr


def test_files_that_cannot_be_used_are_told(ca, folder, store):
    good, lonely = ca.server("good.example"), ca.server("lonely.example")
    put(store, "good", good)
    replace(store / "lonely.crt", lonely.crt.read_bytes())
    replace(store / "broken.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    replace(store / "broken.key", good.key_file.read_bytes())
    replace(store / "nothing.pem", b"nothing\n")
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: ['*']\n    respond: {}\n    tls:\n"
                      f"      certificates_from: {store}\n")
    done = command("check", "-c", str(config))
    assert done.returncode == 0, done.stderr
    assert "lonely.crt' has no key" in done.stderr
    assert "broken.crt' holds a damaged certificate" in done.stderr
    assert "nothing.pem'" in done.stderr
    assert "3 warnings" in done.stderr
    (store / "good.crt").unlink()
    done = command("check", "-c", str(config))
    assert done.returncode == 1
    assert "has no certificate that can be used" in done.stderr


def test_a_pipe_among_the_files_holds_nothing_up(ca, folder, store):
    """Opening one waits for a writer, who never comes."""
    os.mkfifo(store / "pipe.pem")
    os.mkfifo(folder / "part.yaml")
    config = folder / "c.yaml"
    config.write_text(f'include: part.yaml\nsites: [ {{ hosts: ["*"], tls: {{ certificates_from: {store} }}, respond: {{}} }} ]\n')
    done = command("check", "-c", str(config), timeout=10)
    assert "pipe.pem" in done.stderr and "is empty" in done.stderr


def test_a_folder_changes_while_the_gateway_runs(start, ca, store):
    first, second = ca.server("change.example"), ca.server("change.example")
    put(store, "stays", ca.server("stays.example"))
    put(store, "change", first)
    gateway = start({"reload_certificates": "1s",
                     "sites": [site({"certificates_from": str(store)})]})
    assert served(gateway, ca, "change.example") == first.fingerprint
    put(store, "change", second)
    new = ca.server("new.example")
    put(store, "new", new)
    wait_until(lambda: served(gateway, ca, "change.example") == second.fingerprint, SECONDS)
    wait_until(lambda: not refused_quietly(gateway, ca, "new.example"), SECONDS)
    assert served(gateway, ca, "new.example") == new.fingerprint
    (store / "new.crt").unlink()
    wait_until(lambda: refused_quietly(gateway, ca, "new.example"), SECONDS)
    assert served(gateway, ca, "stays.example")


def refused_quietly(gateway, ca, name):
    try:
        served(gateway, ca, name)
    except ssl.SSLError:
        return True
    return False


def test_a_broken_file_in_a_folder_leaves_the_old_one(start, ca, store):
    good, wrong_key = ca.server("careful.example"), ca.server("careful.example")
    put(store, "careful", good)
    gateway = start({"reload_certificates": "1s",
                     "sites": [site({"certificates_from": str(store)})]})
    assert served(gateway, ca, "careful.example") == good.fingerprint
    replace(store / "careful.crt", wrong_key.crt.read_bytes())
    wait_until(lambda: "the old certificate stays" in gateway.stderr(), SECONDS)
    wait_until(lambda: "does not belong to the certificate" in gateway.stderr(), SECONDS)
    assert served(gateway, ca, "careful.example") == good.fingerprint
    replace(store / "careful.key", wrong_key.key_file.read_bytes())
    wait_until(lambda: served(gateway, ca, "careful.example") == wrong_key.fingerprint, SECONDS)


# Files of their own.


def test_a_certificate_is_replaced_under_load(start, ca, folder):
    """No request fails meanwhile, connections that are there go on, new ones get the new one."""
    old, new = ca.server("shop.example"), ca.server("shop.example")
    put(folder, "shop", old)
    tls = {"certificate": str(folder / "shop.crt"), "key": str(folder / "shop.key")}
    gateway = start({"reload_certificates": "1s", "workers": 2, "sites": [
        site(tls, ["shop.example"])]})
    failures, seen, stop = [], set(), threading.Event()

    def load():
        while not stop.is_set():
            try:
                context = ca.client_context()
                with socket.create_connection(gateway.address, SECONDS) as sock:
                    with context.wrap_socket(sock, server_hostname="shop.example") as client:
                        seen.add(peer_fingerprint(client))
                        client.sendall(request_bytes(host="shop.example",
                                                     fields=[("Connection", "close")]))
                        answer = b""
                        while chunk := client.recv(4096):
                            answer += chunk
                        assert answer.endswith(b"hello\n"), answer
            except (OSError, AssertionError) as failure:
                failures.append(failure)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    context = ca.client_context()
    with socket.create_connection(gateway.address, SECONDS) as sock:
        with context.wrap_socket(sock, server_hostname="shop.example") as kept:
            try:
                put(folder, "shop", new)
                wait_until(lambda: new.fingerprint in seen, SECONDS)
            finally:
                stop.set()
                for thread in threads:
                    thread.join(SECONDS)
            kept.sendall(request_bytes(host="shop.example"))
            assert kept.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert not failures, failures[:3]
    assert seen == {old.fingerprint, new.fingerprint}
    wait_until(lambda: new.fingerprint in gateway.stderr(), SECONDS)


def test_a_broken_certificate_file_leaves_the_old_one(start, ca, folder):
    old, expired = ca.server("shop.example"), ca.server("shop.example", days=(-20, -1))
    put(folder, "shop", old)
    tls = {"certificate": str(folder / "shop.crt"), "key": str(folder / "shop.key")}
    gateway = start({"reload_certificates": "1s", "sites": [site(tls, ["shop.example"])]})
    replace(folder / "shop.crt", b"half a certif")
    wait_until(lambda: "the old certificate stays in use" in gateway.stderr(), SECONDS)
    assert served(gateway, ca, "shop.example") == old.fingerprint
    put(folder, "shop", expired)
    wait_until(lambda: "has expired: the old one stays in use" in gateway.stderr(), SECONDS)
    assert served(gateway, ca, "shop.example") == old.fingerprint
    put(folder, "shop", ca.server("elsewhere.example"))
    wait_until(lambda: "covers none of the hosts of site 'shop.example'" in gateway.stderr(), SECONDS)
    assert served(gateway, ca, "shop.example") == old.fingerprint
    new = ca.server("shop.example")
    put(folder, "shop", new)
    wait_until(lambda: served(gateway, ca, "shop.example") == new.fingerprint, SECONDS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives root up")
def test_a_key_for_root_alone_is_opened_by_the_supervisor(start, ca, folder):
    old, new = ca.server("shop.example"), ca.server("shop.example")
    put(folder, "shop", old)
    (folder / "shop.key").chmod(0o600)
    tls = {"certificate": str(folder / "shop.crt"), "key": str(folder / "shop.key")}
    gateway = start({"reload_certificates": "1s", "sites": [site(tls, ["shop.example"])]})
    replace(folder / "shop.crt", new.crt.read_bytes())
    wait_until(lambda: "does not belong to the certificate" in gateway.stderr(), SECONDS)
    assert served(gateway, ca, "shop.example") == old.fingerprint
    replace(folder / "shop.key", new.key_file.read_bytes())
    (folder / "shop.key").chmod(0o600)
    wait_until(lambda: served(gateway, ca, "shop.example") == new.fingerprint, SECONDS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives root up")
def test_a_folder_that_the_user_may_not_read_is_told(ca, folder, store):
    put(store, "a", ca.server("a.example"))
    (store / "a.key").chmod(0o600)
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: ['*']\n    respond: {}\n    tls:\n"
                      f"      certificates_from: {store}\n")
    done = command("check", "-c", str(config))
    assert done.returncode == 0, done.stderr
    assert f"'{account().pw_name}' may not read 1 of the keys" in done.stderr


def test_client_authorities_are_replaced(start, ca, other_ca, folder):
    shop = ca.server("shop.example")
    replace(folder / "clients.pem", ca.file.read_bytes())
    gateway = start({"reload_certificates": "1s", "sites": [site(
        {**shop.settings(), "clients": {"verify": "required", "ca": str(folder / "clients.pem")}},
        ["shop.example"])]})
    stranger = other_ca.client("stranger")

    def may_enter():
        context = ca.client_context(stranger)
        try:
            with socket.create_connection(gateway.address, SECONDS) as sock:
                with context.wrap_socket(sock, server_hostname="shop.example") as tls:
                    tls.sendall(request_bytes(host="shop.example"))
                    return tls.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    assert not may_enter()
    replace(folder / "clients.pem", ca.file.read_bytes() + other_ca.file.read_bytes())
    wait_until(may_enter, SECONDS)


# OCSP.


def response(ca, certificate, hours, **options):
    """A response that is valid from some hours ago until in so many hours."""
    return ocsp_responder.response(ca, certificate.certificate, 3600 * hours,
                                   algorithm=hashes.SHA256(), **options)


def stapled(gateway, name, *options):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}",
                           "-servername", name, "-status", *options], input=b"",
                          capture_output=True, timeout=SECONDS, env=environment(), check=False)
    assert b"OCSP response:" in done.stdout, done.stderr
    return b"OCSP Response Status: successful" in done.stdout


def with_issuer(ca, certificate):
    certificate.crt.write_bytes(certificate.crt.read_bytes() + ca.file.read_bytes())
    return certificate


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_ocsp_is_stapled_from_a_file(start, ca, folder, version):
    shop = with_issuer(ca, ca.server("shop.example"))
    path = folder / "shop.ocsp"
    replace(path, response(ca, shop, hours=24))
    gateway = start({"reload_certificates": "1s", "sites": [
        site({**shop.settings(), "ocsp": str(path)}, ["shop.example"])]})
    assert stapled(gateway, "shop.example", version)
    replace(path, response(ca, shop, hours=1, status=ocsp_responder.REVOKED))
    wait_until(lambda: "is revoked" in gateway.stderr(), SECONDS)
    wait_until(lambda: not stapled(gateway, "shop.example", version), SECONDS)
    assert served(gateway, ca, "shop.example") == shop.fingerprint
    replace(path, response(ca, shop, hours=24))
    wait_until(lambda: f"'{path}' is in use now" in gateway.stderr(), SECONDS)
    assert stapled(gateway, "shop.example", version)


@pytest.mark.parametrize("what", ["expired", "garbage", "gone"])
def test_ocsp_that_cannot_be_used_takes_nothing_away_that_holds(start, ca, folder, what):
    shop = with_issuer(ca, ca.server("shop.example"))
    path = folder / "shop.ocsp"
    replace(path, response(ca, shop, hours=24))
    gateway = start({"reload_certificates": "1s", "sites": [
        site({**shop.settings(), "ocsp": str(path)}, ["shop.example"])]})
    if what == "gone":
        path.unlink()
    else:
        replace(path, response(ca, shop, hours=-1) if what == "expired" else b"garbage")
    wait_until(lambda: "the response before is sent while it holds" in gateway.stderr(), SECONDS)
    assert stapled(gateway, "shop.example")


@pytest.mark.parametrize("form", ["file", "folder"])
@pytest.mark.parametrize("broken", ["shop.key", "shop.crt"])
def test_ocsp_is_renewed_for_itself(start, ca, store, form, broken):
    """The certificate in use needs neither of its files again for another response."""
    shop = with_issuer(ca, ca.server("shop.example"))
    put(store, "shop", shop)
    path = store / "shop.ocsp"
    replace(path, response(ca, shop, hours=1 / 3600))
    tls = ({"certificates_from": str(store)} if form == "folder" else
           {"certificate": str(store / "shop.crt"), "key": str(store / "shop.key"),
            "ocsp": str(path)})
    gateway = start({"reload_certificates": "1s", "sites": [site(tls, ["shop.example"])]})
    served(gateway, ca, "shop.example")
    wait_until(lambda: not stapled(gateway, "shop.example"), SECONDS)
    replace(store / broken, b"broken")
    wait_until(lambda: "the old certificate stays" in gateway.stderr(), SECONDS)
    replace(path, response(ca, shop, hours=24))
    wait_until(lambda: stapled(gateway, "shop.example"), SECONDS)
    assert served(gateway, ca, "shop.example") == shop.fingerprint


@pytest.mark.parametrize("form", ["file", "folder"])
def test_a_broken_response_keeps_no_new_certificate_out(start, ca, store, form):
    put(store, "shop", with_issuer(ca, ca.server("shop.example")))
    path = store / "shop.ocsp"
    replace(path, b"broken")
    tls = ({"certificates_from": str(store)} if form == "folder" else
           {"certificate": str(store / "shop.crt"), "key": str(store / "shop.key"),
            "ocsp": str(path)})
    gateway = start({"reload_certificates": "1s", "sites": [site(tls, ["shop.example"])]})
    new = ca.server("shop.example")
    replace(path, b"still broken")
    put(store, "shop", new)
    wait_until(lambda: served(gateway, ca, "shop.example") == new.fingerprint, SECONDS)


def test_ocsp_of_a_folder(start, ca, store):
    shop = with_issuer(ca, ca.server("shop.example"))
    put(store, "shop", shop)
    put(store, "bare", ca.server("bare.example"))
    replace(store / "shop.ocsp", response(ca, shop, hours=24))
    gateway = start({"sites": [site({"certificates_from": str(store)})]})
    assert stapled(gateway, "shop.example")
    assert not stapled(gateway, "bare.example")


@pytest.mark.parametrize("kind, words", [
    ("expired", "has expired"), ("other", "is for another certificate"),
    ("same_number", "is for another certificate"),
    ("revoked", "says that the certificate is revoked"),
    ("forged", "is not signed by the certificate's issuer"), ("garbage", "is no OCSP response")])
def test_ocsp_responses_that_are_not_sent(ca, other_ca, folder, kind, words):
    shop = with_issuer(ca, ca.server("shop.example"))
    data = {"expired": lambda: response(ca, shop, hours=-1),
            "other": lambda: response(ca, ca.server("shop.example"), hours=1),
            "same_number": lambda: response(other_ca, shop, hours=1, signer=ca),
            "revoked": lambda: response(ca, shop, 1, status=ocsp_responder.REVOKED),
            "forged": lambda: response(ca, shop, hours=1, signer=other_ca),
            "garbage": lambda: b"0\x03\x0a\x01"}[kind]()
    replace(folder / "shop.ocsp", data)
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: [shop.example]\n    respond: {}\n    tls:\n"
                      f"      certificate: {shop.crt}\n      key: {shop.key_file}\n"
                      "      ocsp: shop.ocsp\n")
    done = command("check", "-c", str(config))
    assert done.returncode == 0, done.stderr
    assert words in done.stderr


def test_must_staple_without_a_response_is_told(ca, folder):
    shop = ca.server("shop.example")
    must = (x509.CertificateBuilder()
            .subject_name(shop.certificate.subject).issuer_name(ca.certificate.subject)
            .public_key(shop.key.public_key()).serial_number(7)
            .not_valid_before(shop.certificate.not_valid_before)
            .not_valid_after(shop.certificate.not_valid_after)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("shop.example")]), False)
            .add_extension(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
            .sign(ca.key, hashes.SHA256()))
    shop.crt.write_bytes(must.public_bytes(serialization.Encoding.PEM))
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: [shop.example]\n    respond: {}\n    tls:\n"
                      f"      certificate: {shop.crt}\n      key: {shop.key_file}\n")
    done = command("check", "-c", str(config))
    assert done.returncode == 0, done.stderr
    assert "must-staple" in done.stderr and "add 'ocsp'" in done.stderr


# The key log.


def test_the_key_log_only_by_directive(start, ca, shop, folder):
    path = folder / "keys.log"
    gateway = start({"tls_key_log": str(path), "sites": [site(shop.settings(), ["shop.example"])]})
    served(gateway, ca, "shop.example")
    wait_until(lambda: b"SERVER_TRAFFIC_SECRET_0 " in path.read_bytes(), SECONDS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "the secrets of all TLS connections are written to" in gateway.stderr()


# Folders in the folder, as ACME clients have one for each certificate.


def certbot(root, name, certificate, number=1, mode=0o755):
    """live/NAME/*.pem are links into archive/NAME, which renewals set anew."""
    archive, live = root / "archive" / name, root / "live" / name
    for path in (archive, live):
        path.mkdir(parents=True, exist_ok=True)
    whole = certificate.crt.read_bytes()
    for part, data in (("cert", whole), ("chain", whole), ("fullchain", whole),
                       ("privkey", certificate.key_file.read_bytes())):
        target = archive / f"{part}{number}.pem"
        target.write_bytes(data)
        target.chmod(0o600 if part == "privkey" else 0o644)
        link = live / f".{part}.new"
        link.symlink_to(f"../../archive/{name}/{part}{number}.pem")
        os.replace(link, live / f"{part}.pem")
    (live / "README").write_text("certbot's")
    for path in (root / "archive", root / "live"):
        path.chmod(mode)


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_folders_as_certbot_has_them(start, ca, store, mode):
    """Of a renewal the whole pair is used; keys, and folders, may be root's alone."""
    one, other = ca.server("one.example", "www.one.example"), ca.server("other.example")
    certbot(store, "one.example", one, mode=mode)
    certbot(store, "other.example", other, mode=mode)
    gateway = start({"reload_certificates": "1s",
                     "sites": [site({"certificates_from": str(store / "live")})]})
    assert served(gateway, ca, "www.one.example") == one.fingerprint
    assert served(gateway, ca, "other.example") == other.fingerprint
    assert refused(gateway, "new.example") == [ALERT_UNRECOGNIZED_NAME]
    new, renewed = ca.server("new.example"), ca.server("one.example", "www.one.example")
    certbot(store, "new.example", new, mode=mode)
    certbot(store, "one.example", renewed, 2, mode=mode)

    def is_new_there():
        with contextlib.suppress(ssl.SSLError):
            return served(gateway, ca, "new.example") == new.fingerprint
        return False
    wait_until(is_new_there, SECONDS)
    wait_until(lambda: served(gateway, ca, "one.example") == renewed.fingerprint, SECONDS)
    assert served(gateway, ca, "other.example") == other.fingerprint
    shutil.rmtree(store / "live" / "other.example")
    wait_until(lambda: "1 gone" in gateway.stderr(), SECONDS)
    assert refused(gateway, "other.example") == [ALERT_UNRECOGNIZED_NAME]


def test_folders_in_the_folder(start, ca, store):
    """Other names in them go as in the folder itself; what is hidden or deeper is not looked at."""
    flat, within, deep, hidden = (ca.server(f"{name}.example")
                                  for name in ("flat", "within", "deep", "hidden"))
    put(store, "flat", flat)
    for path, certificate in (("sub", within), ("sub/deeper", deep), (".hidden", hidden)):
        (store / path).mkdir()
        put(store / path, "x", certificate)
    gateway = start({"sites": [site({"certificates_from": str(store)})]})
    assert served(gateway, ca, "flat.example") == flat.fingerprint
    assert served(gateway, ca, "within.example") == within.fingerprint
    for name in ("deep.example", "hidden.example"):
        assert refused(gateway, name) == [ALERT_UNRECOGNIZED_NAME]
