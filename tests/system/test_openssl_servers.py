"""OpenSSL's own server (`openssl s_server`) behind the gateway, and at the other end of `explain`."""

import contextlib
import json
import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from client import fetch
from ocsp_responder import REVOKED, Responder, response
from origins import free_port
from tidegate import command, environment
from waiting import wait_until

NAME = "api.internal"
WAIT = 20

if shutil.which("openssl") is None:
    pytest.skip("needs openssl", allow_module_level=True)


class Server:
    """`-www` answers each request with a page about the connection, and closes."""

    def __init__(self, folder, certificate, *options):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.said = folder / f"s_server-{self.port}.txt"
        if certificate.above:
            above = folder / f"above-{self.port}.pem"
            above.write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM)
                                       for one in certificate.above))
            options = ("-cert_chain", str(above), *options)
        with open(self.said, "wb") as out:
            self.process = subprocess.Popen(
                ["openssl", "s_server", "-accept", self.address, "-www", "-cert",
                 str(certificate.crt), "-key", str(certificate.key_file), *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=environment())

    def text(self):
        return self.said.read_text(errors="replace")

    def wait_ready(self):
        def is_ready():
            assert self.process.poll() is None, self.text()
            return "ACCEPT" in self.text()
        wait_until(is_ready, WAIT, "openssl s_server")


@contextlib.contextmanager
def s_server(folder, certificate, *options):
    server = Server(folder, certificate, *options)
    try:
        server.wait_ready()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def config(server, ca, **tls):
    return {"sites": [{"hosts": ["test.example"], "backend": {
        "servers": [server.address],
        "tls": {"ca": str(ca.file), "server_name": NAME, **tls}}}]}


def page(gateway):
    response = fetch(gateway.address)
    assert response.status == 200
    return response.body.decode(errors="replace")


@pytest.mark.parametrize("option, version", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_versions_and_resumption(start, ca, folder, option, version, kind):
    with s_server(folder, ca.server(NAME, kind=kind), option) as server:
        gateway = start(config(server, ca))
        assert f"New, {version}, Cipher is" in page(gateway)
        assert f"Reused, {version}, Cipher is" in page(gateway)


def test_two_intermediates(start, ca, folder):
    lower = ca.intermediate("Server Upper").intermediate("Server Lower")
    with s_server(folder, lower.server(NAME)) as server:
        assert "Cipher is" in page(start(config(server, ca)))
        done = command("explain", f"https://{NAME}/", "--connect", server.address, "--ca",
                       str(ca.file))
        assert done.returncode == 0, done.stdout
        assert "Server Upper" in done.stdout and "Server Lower" in done.stdout


@pytest.mark.parametrize("option", ["-tls1_2", "-tls1_3"])
def test_two_way(start, ca, folder, option):
    mine = ca.client("gate")
    with s_server(folder, ca.server(NAME), option, "-Verify", "3", "-verify_return_error",
                  "-CAfile", str(ca.file)) as server:
        gateway = start(config(server, ca, **mine.settings()))
        text = page(gateway)
        assert "Client certificate" in text and "CN = gate" in text.replace("CN=", "CN = ")
        gateway = start(config(server, ca))
        assert fetch(gateway.address).status == 502
        entry = gateway.wait_log(status=502, seconds=WAIT)
        assert entry["reason"].startswith(("alert_", "server_closed", "response_"))
        done = command("explain", f"https://{NAME}/", "--connect", server.address, "--ca",
                       str(ca.file), "--cert", str(mine.crt), "--key", str(mine.key_file),
                       "--json")
        assert done.returncode == 0, done.stdout
        assert "certificate_request" in [step["step"] for step in json.loads(done.stdout)["steps"]]


def test_no_common_cipher(start, ca, folder):
    with s_server(folder, ca.server(NAME), "-tls1_2", "-cipher",
                  "ECDHE-RSA-AES128-GCM-SHA256") as server:
        gateway = start(config(server, ca))
        assert fetch(gateway.address).status == 502
        entry = gateway.wait_log(status=502, seconds=WAIT)
        assert entry["reason"] == "alert_handshake_failure"
        done = command("explain", f"https://{NAME}/", "--connect", server.address, "--ca",
                       str(ca.file), "--json")
        assert json.loads(done.stdout)["failure"]["reason"] == "alert_handshake_failure"


def explained(server, ca, *options):
    done = command("explain", f"https://{NAME}/", "--connect", server.address, "--ca",
                   str(ca.file), *options)
    answer = json.loads(command("explain", f"https://{NAME}/", "--connect", server.address, "--ca",
                                str(ca.file), "--json", *options).stdout)
    return done, answer


@pytest.mark.parametrize("option", [(), ("--tls1.2",)], ids=["TLSv1.3", "TLSv1.2"])
@pytest.mark.parametrize("kind, words", [
    ("none", "unknown: nothing is stapled"),
    ("good", "no, says the stapled response (until 20"),
    ("revoked", "YES, on 20"),
    ("expired", "unknown: the stapled response has expired"),
    ("another's", "unknown: the stapled response is for another certificate"),
    ("forged", "unknown: the stapled response is not signed by the issuer")])
def test_explain_judges_stapled_responses(ca, other_ca, folder, kind, words, option):
    certificate = ca.server(NAME)
    file = folder / "response.der"
    make = {
        "none": lambda: None,
        "good": lambda: response(ca, certificate.certificate, 3600),
        "revoked": lambda: response(ca, certificate.certificate, 3600, status=REVOKED),
        "expired": lambda: response(ca, certificate.certificate, -1200),
        "another's": lambda: response(ca, ca.server("other.internal").certificate, 3600),
        "forged": lambda: response(ca, certificate.certificate, 3600, signer=other_ca)}
    data = make[kind]()
    options = ()
    if data is not None:
        file.write_bytes(data)
        options = ("-status_file", str(file))
    with s_server(folder, certificate, *options) as server:
        done, answer = explained(server, ca, *option)
    assert answer["ok"] == (kind != "revoked"), done.stdout
    (step,) = [step for step in answer["steps"] if step["step"] == "certificate"]
    assert step["details"]["revoked"].startswith(words)
    assert re.search(r"\| +revoked +\S", done.stdout), done.stdout
    if kind == "revoked":
        assert step["details"]["revoked"].endswith(": keyCompromise")
        assert answer["failure"]["reason"] == "server_certificate_revoked"
        assert answer["failure"]["who"] == "this client"
        assert done.returncode == 1 and "[server_certificate_revoked]" in done.stdout


def test_explain_misses_a_response_that_must_be(ca, folder):
    with contextlib.closing(Responder(ca)) as responder:
        certificate = responder.must_staple(NAME)
    with s_server(folder, certificate) as server:
        done, answer = explained(server, ca)
    assert answer["ok"], done.stdout
    assert "must-staple" in done.stdout


def test_what_explain_draws(ca, folder):
    with s_server(folder, ca.server(NAME), "-alpn", "http/1.1") as server:
        done = command("explain", f"https://{NAME}/", "--connect", server.address, "--ca",
                       str(ca.file))
        assert done.returncode == 0, done.stdout
        for words in ("ClientHello", "ServerHello", "TLSv1.3", "http/1.1", "Finished",
                      "200 ok"):
            assert words in done.stdout, done.stdout
