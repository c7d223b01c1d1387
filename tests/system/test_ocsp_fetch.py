"""OCSP responses fetched from the responder that a certificate names: when they are stapled, how
they are kept fresh, and what bad responders can do."""

import datetime
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from cryptography.x509 import ocsp

from client import request_bytes
from ocsp_responder import REVOKED, UNKNOWN, Responder, declined, response
from origins import free_port
from tidegate import command, environment, new_folder
from tlsbytes import staple_of
from waiting import wait_until

SECONDS = 20


@pytest.fixture
def responder(ca):
    started = Responder(ca)
    yield started
    started.close()


@pytest.fixture
def second(ca):
    started = Responder(ca)
    yield started
    started.close()


@pytest.fixture
def store():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


def replace(path, data):
    """As a careful tool does it: the new file takes the old one's name whole."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.chmod(0o644)
    os.replace(new, path)


def put(folder, name, certificate):
    replace(folder / f"{name}.key", certificate.key_file.read_bytes())
    replace(folder / f"{name}.crt", certificate.crt.read_bytes())


def site(host, tls, **more):
    return {"hosts": [host], "respond": {"body": "hello\n"}, "tls": {**tls, **more}}


def staple(gateway, name="shop.example"):
    der = staple_of(gateway.address, name)
    return ocsp.load_der_ocsp_response(der) if der else None


def wait_staple(gateway, name="shop.example"):
    return wait_until(lambda: staple(gateway, name), SECONDS, f"a staple for {name}")


def wait_told(gateway, words):
    wait_until(lambda: words in gateway.stderr(), SECONDS, f"the message '{words}'")


def wait_asked(responder, issued, times):
    wait_until(lambda: responder.count(issued) >= times, SECONDS, f"{times} requests")


def serves(gateway, ca, name="shop.example"):
    context = ca.client_context()
    with socket.create_connection(gateway.address, SECONDS) as sock:
        with context.wrap_socket(sock, server_hostname=name) as tls:
            tls.sendall(request_bytes(host=name))
            return tls.recv(4096).startswith(b"HTTP/1.1 200 ")


# What is fetched.


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_must_staple_certificate_gets_its_response(start, responder, version):
    shop = responder.must_staple("shop.example")
    gateway = start({"sites": [site("shop.example", shop.settings())]})

    def seen():
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
             "shop.example", "-status", version], input=b"", capture_output=True,
            timeout=SECONDS, env=environment(), check=False)
        return b"Cert Status: good" in done.stdout

    wait_until(seen, SECONDS)
    wait_told(gateway, f"certificate '{shop.crt}': its OCSP response was fetched from "
                       f"{responder.url} and is stapled until ")
    assert responder.count(shop) == 1
    assert "warning" not in gateway.stderr()


def test_which_certificates_are_asked_for(start, responder):
    """By default those with must-staple; others, and those that have a file, only if told to."""
    plain = responder.must_staple("plain.example", must=False)
    always = responder.must_staple("always.example", must=False)
    off = responder.must_staple("off.example")
    filed = responder.must_staple("filed.example")
    shop = responder.must_staple("shop.example")
    path = filed.crt.with_suffix(".ocsp")
    path.write_bytes(responder.good(filed.certificate))
    gateway = start({"sites": [
        site("plain.example", plain.settings()),
        site("always.example", always.settings(), ocsp_fetch="always"),
        site("off.example", off.settings(), ocsp_fetch="off"),
        site("filed.example", filed.settings(), ocsp=str(path)),
        site("shop.example", shop.settings())]})
    wait_staple(gateway, "shop.example")
    wait_staple(gateway, "always.example")
    assert staple(gateway, "filed.example")
    assert not staple(gateway, "plain.example")
    assert not staple(gateway, "off.example")
    assert {one for _, one in responder.requests} == {always.certificate, shop.certificate}
    assert "'ocsp_fetch' is off" in gateway.stderr()


def test_one_certificate_of_two_sites_is_fetched_once(start, responder):
    both = responder.must_staple("a.example", "b.example")
    gateway = start({"workers": 2, "sites": [site("a.example", both.settings()),
                                             site("b.example", both.settings())]})
    wait_staple(gateway, "a.example")
    assert staple(gateway, "b.example")
    assert responder.count(both) == 1


def test_a_chunked_response_and_one_until_the_end(start, responder):
    def chunked(self, certificate):
        body = self.good(certificate)
        return 200, {"Transfer-Encoding": "chunked"}, b"".join(
            b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"

    def closed(self, certificate):
        return 200, {"Connection": "close"}, self.good(certificate)

    shop, bank = responder.must_staple("shop.example"), responder.must_staple("bank.example")
    responder.answer = lambda self, certificate: (
        chunked if certificate == shop.certificate else closed)(self, certificate)
    gateway = start({"sites": [site("shop.example", shop.settings()),
                               site("bank.example", bank.settings())]})
    wait_staple(gateway, "shop.example")
    wait_staple(gateway, "bank.example")


# What is kept fresh.


def test_a_response_is_fetched_again_before_it_ends(start, responder):
    responder.seconds = 8
    shop = responder.must_staple("shop.example")
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    first = wait_staple(gateway)
    later = wait_until(lambda: (now := staple(gateway)) and now.next_update > first.next_update
                       and now, SECONDS)
    assert later.next_update - first.next_update < datetime.timedelta(seconds=SECONDS)
    assert gateway.stderr().count("its OCSP response was fetched") == 1  # it is no news


def test_a_responder_that_is_gone_for_a_while(start, responder):
    """The response that is there stays in use; the failure is told once, and its end."""
    shop = responder.must_staple("shop.example")
    responder.seconds = 40
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    first = wait_staple(gateway)
    responder.seconds = 6

    def fails(self, certificate):
        del self, certificate
        return 503, {}, b"busy"

    gateway.stop()
    responder.answer = fails
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    wait_told(gateway, "it answered with status 503")
    assert not staple(gateway)
    asked = responder.count(shop)
    wait_asked(responder, shop, asked + 2)
    assert gateway.stderr().count("status 503") == 1
    responder.answer = None
    assert wait_staple(gateway).next_update > first.this_update
    wait_told(gateway, "its OCSP response was fetched")
    responder.answer = fails
    asked = responder.count(shop)
    wait_until(lambda: gateway.stderr().count("status 503") == 2, SECONDS)
    assert "the one before is stapled until" in gateway.stderr()


def test_status_tells_of_responses(start, responder, folder):
    shop = responder.must_staple("shop.example")
    url = f"http://127.0.0.1:{free_port()}/"
    lost = responder.must_staple("lost.example", url=url)
    gateway = start({"control": str(folder / "control.sock"), "sites": [
        site("shop.example", shop.settings()), site("lost.example", lost.settings())]})
    wait_staple(gateway)
    wait_told(gateway, "Connection refused")
    done = command("status", "--socket", str(folder / "control.sock"))
    assert "OCSP: responses for 1 of 2 certificates" in done.stdout, done.stdout + done.stderr
    assert f"  {lost.crt} (none is stapled), from {url}: " in done.stdout
    done = command("status", "--socket", str(folder / "control.sock"), "--json")
    told = json.loads(done.stdout)["ocsp"]
    assert (told["certificates"], told["stapled"], told["failing"]) == (2, 1, 1)
    assert told["problems"][0]["certificate"] == str(lost.crt)


def test_a_gateway_that_died_fetches_again(start, responder):
    shop = responder.must_staple("shop.example")
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    wait_staple(gateway)
    died = gateway.gateway_pid()
    gateway.may_die = True
    os.kill(died, signal.SIGKILL)

    def is_stapled_again():
        try:
            return gateway.gateway_pid() not in (None, died) and staple(gateway)
        except OSError:
            return None

    wait_until(is_stapled_again, SECONDS)
    assert responder.count(shop) == 2


# Bad responders.


def oversized(self, certificate):
    return self.good(certificate) + bytes(70000)


def endless(self, certificate):
    del self, certificate
    return 200, {"Connection": "close"}, bytes(1 << 20)


def of_another(self, certificate):
    del certificate
    return self.good(next(iter(self.certificates.values())))


@pytest.mark.parametrize("answer, words", [
    (lambda self, one: b"<html>please log in</html>", "is no OCSP response"),
    (lambda self, one: self.good(one) + b"!", "is no OCSP response"),
    (lambda self, one: b"", "is no OCSP response"),
    (oversized, "larger than an OCSP response"),
    (endless, "larger than an OCSP response"),
    (of_another, "its response is for another certificate"),
    (lambda self, one: declined(ocsp.OCSPResponseStatus.TRY_LATER), "it answered 'trylater'"),
    (lambda self, one: declined(ocsp.OCSPResponseStatus.INTERNAL_ERROR), "'internalerror'"),
    (lambda self, one: response(self.authority, one, 60, UNKNOWN), "does not know the certificate"),
    (lambda self, one: response(self.authority, one, -60), "its response has expired"),
    (lambda self, one: (302, {"Location": "http://127.0.0.1:1/"}, b""), "redirects are not"),
    (lambda self, one: (200, {"Content-Length": "99999999999"}, b""), "closed in the middle of its response"),
    (lambda self, one: (200, {"Content-Length": "1", "Transfer-Encoding": "chunked"}, b""),
     "Content-Length"),
    (lambda self, one: (200, {f"X-{i}": "a" * 1000 for i in range(20)}, b""), "the head is larger"),
    (lambda self, one: (200, {f"X-{i}": "a" for i in range(120)}, b""), "has more fields")],
    ids=["html", "tail", "empty", "oversized", "endless", "another", "try_later", "internal_error",
         "unknown", "expired", "redirect", "short", "two_lengths", "large_head", "many_fields"])
def test_bad_answers(start, ca, responder, second, answer, words):
    """Handshakes go on, the log tells, other certificates have theirs, and it is tried again."""
    responder.must_staple("elsewhere.example")
    shop, bank = responder.must_staple("shop.example"), second.must_staple("bank.example")
    responder.answer = answer
    gateway = start({"sites": [site("shop.example", shop.settings()),
                               site("bank.example", bank.settings())]})
    wait_told(gateway, words)
    wait_staple(gateway, "bank.example")
    assert staple(gateway) is None
    assert serves(gateway, ca)
    responder.answer = None
    wait_staple(gateway)


def test_a_response_signed_by_somebody_else(start, ca, other_ca, responder):
    shop = responder.must_staple("shop.example")
    responder.answer = lambda self, one: response(self.authority, one, 60, signer=other_ca)
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    wait_told(gateway, "its response is not signed by the certificate's issuer")
    assert staple(gateway) is None
    assert serves(gateway, ca)


def test_the_same_number_of_another_issuer(start, ca, other_ca, responder):
    """A response of the right signer about another authority's certificate of this number."""
    shop = responder.must_staple("shop.example")

    class Other:
        certificate = other_ca.certificate

    responder.answer = lambda self, one: response(Other, one, 60, signer=ca)
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    wait_told(gateway, "its response is for another certificate")
    assert staple(gateway) is None


def test_revoked_is_told_loudly_and_not_stapled(start, ca, responder):
    shop = responder.must_staple("shop.example")
    responder.seconds = 6
    gateway = start({"sites": [site("shop.example", shop.settings())]})
    wait_staple(gateway)
    responder.answer = lambda self, one: response(self.authority, one, 3600, REVOKED)
    wait_told(gateway, "was REVOKED by its authority")
    line = re.search(r"^tidegate\S*: error: .*REVOKED.*$", gateway.stderr(), re.MULTILINE).group()
    assert "(keyCompromise)" in line and "get a new certificate with a new key now" in line
    assert staple(gateway) is None
    assert serves(gateway, ca)


def test_silent_responders_hold_up_nobody_else(start, ca, responder, second):
    """Neither other certificates, nor files that change, nor handshakes, nor the gateway's end."""
    silent = [responder.must_staple(f"silent{i}.example") for i in range(6)]
    responder.answer = lambda self, one: None
    shop, renewed = second.must_staple("shop.example"), second.must_staple("shop.example")
    tls = {"certificate": str(shop.crt), "key": str(shop.key_file)}
    gateway = start({"reload_certificates": "1s", "timeouts": {"ocsp": "10m"}, "sites": [
        *(site(f"silent{i}.example", one.settings()) for i, one in enumerate(silent)),
        site("shop.example", tls)]})
    wait_until(lambda: len(responder.requests) == 2, SECONDS)  # of one responder so many at a time
    wait_staple(gateway)
    assert serves(gateway, ca, "silent0.example")
    replace(shop.key_file, renewed.key_file.read_bytes())
    replace(shop.crt, renewed.crt.read_bytes())
    wait_until(lambda: (now := staple(gateway))
               and now.serial_number == renewed.certificate.serial_number, SECONDS)
    assert len(responder.requests) == 2
    gateway.stop()  # within its 30 seconds, while the fetches would take ten minutes


def test_a_responder_that_is_slow_is_given_up(start, responder):
    shop = responder.must_staple("shop.example")
    responder.answer = lambda self, one: None
    gateway = start({"timeouts": {"ocsp": "1s"},
                     "sites": [site("shop.example", shop.settings())]})
    wait_told(gateway, "it did not answer in time")
    wait_asked(responder, shop, 2)
    responder.answer = None
    wait_staple(gateway)


def test_a_trickle_of_bytes_is_given_up(start, responder):
    """Each byte comes soon after the last; the time as a whole counts."""
    shop = responder.must_staple("shop.example")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(SECONDS)
    slow = responder.must_staple("slow.example",
                                 url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    ended = threading.Event()

    def trickle():
        sock, _ = listener.accept()
        try:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
            while not ended.wait(0.05):
                sock.sendall(b"0")
        except OSError:
            ended.set()
        sock.close()

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        gateway = start({"timeouts": {"ocsp": "1s"},
                         "sites": [site("shop.example", shop.settings()),
                                   site("slow.example", slow.settings())]})
        wait_staple(gateway)
        wait_told(gateway, "it did not answer in time")
        assert ended.wait(SECONDS)
    finally:
        ended.set()
        thread.join()
        listener.close()


def test_a_responder_that_is_down(start, ca, responder):
    url = f"http://127.0.0.1:{free_port()}/"
    shop = responder.must_staple("shop.example", url=url)
    lost = responder.must_staple("lost.example", url="http://nowhere.invalid/")
    gateway = start({"sites": [site("shop.example", shop.settings()),
                               site("lost.example", lost.settings())]})
    wait_told(gateway, f"no OCSP response could be fetched from {url}: cannot connect to {url[7:-1]}: "
                       "Connection refused")
    wait_told(gateway, "cannot resolve nowhere.invalid")
    assert serves(gateway, ca) and serves(gateway, ca, "lost.example")


# Certificates that come and go.


def test_certificates_of_a_folder(start, ca, responder, store):
    """Fetching begins when one is loaded, and one that was put out and comes again has its own."""
    names = [f"n{i}.example" for i in range(3)]
    certificates = {name: responder.must_staple(name) for name in names}
    for name, certificate in certificates.items():
        put(store, name, certificate)
    put(store, "bare", ca.server("bare.example"))
    gateway = start({"workers": 2, "sites": [
        site("*", {"certificates_from": str(store), "certificates_loaded": 1})]})
    assert not responder.requests
    for name in names:
        assert wait_staple(gateway, name).serial_number == (
            certificates[name].certificate.serial_number)
    for name in names * 2:
        assert staple(gateway, name)  # at once
    assert staple(gateway, "bare.example") is None
    assert [responder.count(one) for one in certificates.values()] == [1, 1, 1]


def test_certificates_that_are_not_in_use_are_not_asked_for(start, ca, responder, store):
    responder.seconds = 6
    shop = responder.must_staple("shop.example")
    other = responder.must_staple("other.example")
    put(store, "shop", shop)
    put(store, "other", other)
    gateway = start({"sites": [
        site("*", {"certificates_from": str(store), "certificates_loaded": 1})]})
    wait_staple(gateway, "shop.example")
    wait_staple(gateway, "other.example")
    asked, of_other = responder.count(shop), responder.count(other)
    wait_asked(responder, other, of_other + 2)
    assert responder.count(shop) <= asked + 1  # it may have been under way
    assert serves(gateway, ca)


def test_a_response_outlives_a_change_of_files(start, ca, folder, responder):
    """The context is made anew; a handshake without the response would be seen at once."""
    shop = responder.must_staple("shop.example")
    clients = folder / "clients.pem"
    replace(clients, ca.file.read_bytes())
    gateway = start({"reload_certificates": "1s", "sites": [
        site("shop.example", shop.settings(), clients={"verify": "optional", "ca": str(clients)})]})
    first = wait_staple(gateway)
    responder.answer = lambda self, one: None
    replace(clients, ca.file.read_bytes() + b"\n")

    def is_reloaded():
        assert staple(gateway).next_update == first.next_update
        return "is in use now" in gateway.stderr()

    wait_until(is_reloaded, SECONDS)
    assert staple(gateway).next_update == first.next_update
    assert responder.count(shop) == 1


def test_a_certificate_is_replaced_at_run_time(start, folder, responder):
    """By one whose response has been fetched: no client ever sees it without."""
    old, new = responder.must_staple("shop.example"), responder.must_staple("shop.example")
    answers = threading.Event()

    def late(self, certificate):
        if certificate == new.certificate:
            answers.wait(SECONDS)
        return self.good(certificate)

    responder.answer = late
    put(folder, "shop", old)
    gateway = start({"reload_certificates": "1s", "sites": [
        site("shop.example", {"certificate": str(folder / "shop.crt"),
                              "key": str(folder / "shop.key")})]})
    assert wait_staple(gateway).serial_number == old.certificate.serial_number
    put(folder, "shop", new)
    wait_asked(responder, new, 1)
    assert staple(gateway).serial_number == old.certificate.serial_number
    answers.set()
    wait_until(lambda: staple(gateway).serial_number == new.certificate.serial_number, SECONDS)
    assert responder.count(new) == 1
    wait_told(gateway, "its new certificate asks for a stapled OCSP response")


def test_a_new_certificate_does_not_wait_for_a_responder_that_fails(start, ca, folder, responder):
    old, new = responder.must_staple("shop.example"), responder.must_staple("shop.example")
    responder.answer = lambda self, one: (
        self.good(one) if one == old.certificate else (503, {}, b"busy"))
    put(folder, "shop", old)
    gateway = start({"reload_certificates": "1s", "sites": [
        site("shop.example", {"certificate": str(folder / "shop.crt"),
                              "key": str(folder / "shop.key")})]})
    wait_staple(gateway)
    put(folder, "shop", new)
    wait_until(lambda: f"is in use now (CN=shop.example, sha256 {new.fingerprint})"
               in gateway.stderr(), SECONDS)
    assert staple(gateway) is None
    assert serves(gateway, ca)
    responder.answer = None
    assert wait_staple(gateway).serial_number == new.certificate.serial_number


def test_a_certificate_of_a_folder_is_replaced(start, responder, store):
    old, new = responder.must_staple("many.example"), responder.must_staple("many.example")
    put(store, "many", old)
    gateway = start({"reload_certificates": "1s", "sites": [
        site("*", {"certificates_from": str(store)})]})
    assert wait_staple(gateway, "many.example").serial_number == old.certificate.serial_number
    put(store, "many", new)
    wait_until(lambda: (now := staple(gateway, "many.example"))
               and now.serial_number == new.certificate.serial_number, SECONDS)


# What is told before.


def check(folder, certificate, more=""):
    config = folder / "tidegate.yaml"
    config.write_text("sites:\n  - hosts: [shop.example]\n    respond: {}\n    tls:\n"
                      f"      certificate: {certificate.crt}\n      key: {certificate.key_file}\n"
                      + more)
    done = command("check", "-c", str(config))
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_what_check_says(ca, folder, responder):
    shop = responder.must_staple("shop.example")
    assert "must-staple" not in check(folder, shop)
    assert not responder.requests
    said = check(folder, shop, "      ocsp_fetch: off\n")
    assert "must-staple" in said and "turn 'ocsp_fetch' on" in said
    said = check(folder, responder.must_staple("shop.example", url="https://a.example/"))
    assert "names no responder with http://" in said
    alone = responder.must_staple("shop.example")
    alone.crt.write_bytes(alone.crt.read_bytes().replace(ca.file.read_bytes(), b""))
    assert "lacks the issuer's certificate" in check(folder, alone)
    plain = responder.must_staple("shop.example", must=False)
    assert "OCSP" not in check(folder, plain) + check(folder, ca.server("shop.example"))


def test_only_public_responders_are_asked_unless_told(start, responder, folder):
    """A certificate may name any machine: 127.0.0.1, a metadata service, a printer."""
    shop = responder.must_staple("shop.example")
    gateway = start({"sites": [site("shop.example", shop.settings())], "ocsp_networks": ["10.0.0.0/8"],
                     "control": str(folder / "control.sock")})

    def problem():
        done = command("status", "--socket", str(folder / "control.sock"), "--json")
        problems = json.loads(done.stdout)["ocsp"]["problems"]
        return problems and problems[0]["problem"]

    assert "ocsp_networks" in wait_until(problem, 20, "the refusal")
    assert not responder.requests
    assert gateway.process.poll() is None
