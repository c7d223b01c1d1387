"""TLS towards servers: what is verified, why it fails, and sessions that are resumed."""

import base64
import hashlib
import json
import os
import ssl
import threading

import pytest
from cryptography.hazmat.primitives import serialization

from client import Connection, Ended, fetch, request_bytes
from origins import Origin, echo_handler, response_bytes
from tidegate import command
from waiting import wait_until

NAME = "api.internal"
WAIT = 25


def pin_of(certificate):
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def tls_origin(certificate, handler=None, **options):
    return Origin(handler or echo_handler(), tls=certificate.server_context(**options))


def config(origin, ca, **tls):
    return {"sites": [{"hosts": ["test.example"], "backend": {
        "servers": [origin.address],
        "tls": {"ca": str(ca.file), "server_name": NAME, **tls}}}]}


def expect_refusal(start, settings, reason):
    """502, with the reason in the log."""
    gateway = start(settings)
    wait_until(lambda: fetch(gateway.address).status == 502)  # 503 while a name is looked up
    entry = gateway.wait_log(status=502, seconds=WAIT)
    assert entry["reason"] == reason
    assert entry["mend"]
    return gateway


@pytest.mark.parametrize("kind", ["ec", "p384", "p521", "rsa", "ed25519", "ed448"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_servers_with_keys_of_every_kind(start, ca, kind, version):
    """Until TLS 1.2 the groups that we offer are also the curves that a certificate may be on."""
    with tls_origin(ca.server(NAME, kind=kind), maximum_version=version) as origin:
        assert fetch(start(config(origin, ca)).address).status == 200


@pytest.mark.parametrize("reason", [
    "backend_certificate_expired", "backend_certificate_not_yet_valid",
    "backend_certificate_wrong_name", "backend_certificate_wrong_purpose",
    "backend_certificate_unknown_ca"])
def test_unverified_servers(start, ca, other_ca, reason):
    certificate = {
        "backend_certificate_expired": lambda: ca.server(NAME, days=(-9, -2)),
        "backend_certificate_not_yet_valid": lambda: ca.server(NAME, days=(2, 9)),
        "backend_certificate_wrong_name": lambda: ca.server("else.internal"),
        "backend_certificate_wrong_purpose": lambda: ca.issue(NAME, [NAME], client=True),
        "backend_certificate_unknown_ca": lambda: other_ca.server(NAME),
    }[reason]()
    with tls_origin(certificate) as origin:
        expect_refusal(start, config(origin, ca), reason)


def test_self_signed_server(start, ca, pki_folder):
    own = ca.__class__(pki_folder, NAME)
    files = type("Files", (), {})()
    files.crt, files.key_file = own.file, own.folder / "own.key"
    files.key_file.write_bytes(own.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.crt, files.key_file)
    with Origin(echo_handler(), tls=context) as origin:
        expect_refusal(start, config(origin, ca), "backend_certificate_self_signed")


def write_crl(path, *lists):
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(lists))
    new.chmod(0o644)
    os.replace(new, path)


def test_revoked_server(start, ca, folder):
    crl = folder / "internal.crl"
    certificate = ca.server(NAME)
    write_crl(crl, ca.crl(certificate))
    with tls_origin(certificate) as origin:
        gateway = expect_refusal(start, config(origin, ca, crl=str(crl)),
                                 "backend_certificate_revoked")
        write_crl(crl, ca.crl())
        wait_until(lambda: fetch(gateway.address).status == 200, WAIT, "the new list")


def test_revoked_while_running(start, ca, folder):
    """A session of before the revocation is not resumed."""
    crl = folder / "internal.crl"
    certificate = ca.server(NAME)
    write_crl(crl, ca.crl())

    def handler(connection):
        connection.read_request()
        connection.send(response_bytes(200, [("Connection", "close")], b"x"))
        connection.half_close()
        connection.wait_end()

    with tls_origin(certificate, handler) as origin:
        gateway = start(config(origin, ca, crl=str(crl)))
        assert fetch(gateway.address).status == 200
        assert fetch(gateway.address).status == 200
        write_crl(crl, ca.crl(certificate))
        wait_until(lambda: "read again" in gateway.stderr(), WAIT, "the new list")
        wait_until(lambda: fetch(gateway.address).status == 502, WAIT, "the refusal")
        gateway.wait_log(reason="backend_certificate_revoked", seconds=WAIT)


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_pins(start, ca, kind):
    lower = ca.intermediate("Pin CA " + kind)
    certificate = lower.server(NAME, kind=kind)
    other = pin_of(ca.server("spare.internal").certificate)
    with tls_origin(certificate) as origin:
        for pins in ([other, pin_of(certificate.certificate)], [pin_of(lower.certificate)],
                     [pin_of(ca.certificate)]):
            gateway = start(config(origin, ca, pins=pins))
            assert fetch(gateway.address).status == 200
        expect_refusal(start, config(origin, ca, pins=[other]), "pin_mismatch")


def test_pins_without_verification(start, ca, other_ca):
    """The server's own key decides, whoever issued its certificate, and under whatever name."""
    certificate = other_ca.server("who.internal")
    with tls_origin(certificate) as origin:
        def backend(pin):
            return {"sites": [{"hosts": ["test.example"], "backend": {
                "servers": [origin.address], "tls": {"verify": False, "pins": [pin]}}}]}
        gateway = start(backend(pin_of(certificate.certificate)))
        assert fetch(gateway.address).status == 200
        assert "not verified" not in gateway.stderr()
        expect_refusal(start, backend(pin_of(other_ca.certificate)), "pin_mismatch")
        expect_refusal(start, backend(pin_of(ca.certificate)), "pin_mismatch")


def test_verification_off_is_warned_about(start, other_ca):
    with tls_origin(other_ca.server("who.internal")) as origin:
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [origin.address], "tls": {"verify": False}}}]})
        assert fetch(gateway.address).status == 200
        assert "servers of this backend are not verified" in gateway.stderr()


def test_min_version(start, ca):
    with tls_origin(ca.server(NAME), maximum_version=ssl.TLSVersion.TLSv1_2) as origin:
        gateway = start(config(origin, ca))
        assert fetch(gateway.address).status == 200
        gateway = start(config(origin, ca, min_version="TLSv1.3"))
        assert fetch(gateway.address).status == 502
        assert gateway.wait_log(status=502)["reason"] in ("alert_protocol_version",
                                                          "no_common_version")


def test_own_certificate(start, ca):
    """Two-way TLS towards the server."""
    mine = ca.client("gate")
    context = ca.server(NAME).server_context(verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(ca.file)
    with Origin(echo_handler(), tls=context) as origin:
        gateway = start(config(origin, ca, **mine.settings()))
        response = fetch(gateway.address)
        assert response.status == 200 and b"gate" in response.body


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_sessions_are_resumed(start, ca, version):
    """On a new connection to the same server; a pooled one needs none."""
    resumed = []

    def handler(connection):
        connection.read_request()
        resumed.append(connection.sock.session_reused)
        connection.send(response_bytes(200, [("Connection", "close")], b"x"))
        connection.half_close()
        connection.wait_end()

    with tls_origin(ca.server(NAME), handler, maximum_version=version) as origin:
        gateway = start({**config(origin, ca), "workers": 2})
        for _ in range(6):
            assert fetch(gateway.address).status == 200
    assert resumed[0] is False
    assert resumed[1:] == [True] * 5


def test_sessions_belong_to_one_server(start, ca):
    """Two servers of a backend: neither is offered the other's session."""
    resumed = {}

    def make(name):
        def handler(connection):
            connection.read_request()
            resumed.setdefault(name, []).append(connection.sock.session_reused)
            connection.send(response_bytes(200, [("Connection", "close")], b"x"))
            connection.half_close()
            connection.wait_end()
        return handler

    certificate = ca.server(NAME)
    with tls_origin(certificate, make("a")) as a, tls_origin(certificate, make("b")) as b:
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [a.address, b.address],
            "tls": {"ca": str(ca.file), "server_name": NAME}}}]})
        for _ in range(6):
            assert fetch(gateway.address).status == 200
    assert resumed == {"a": [False, True, True], "b": [False, True, True]}


# ---- files that change while the gateway runs ----

VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])


def replace(path, data):
    """As careful programs do: there is always a whole file."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.chmod(0o644)
    os.replace(new, path)


def one_answer(seen):
    """A request, an answer, the end: each one comes over a connection of its own. `seen` is told
    whether that was resumed, and whose certificate it showed."""
    def handler(connection):
        connection.read_request()
        peer = connection.sock.getpeercert() or {}
        name = dict(part[0] for part in peer.get("subject", ())).get("commonName")
        seen.append((connection.sock.session_reused, name))
        connection.send(response_bytes(200, [("Connection", "close")], b"x"))
        connection.half_close()
        connection.wait_end()
    return handler


def watching(settings):
    return {**settings, "reload_certificates": "1s"}


def trusting(origin, path, **backend):
    return watching({"sites": [{"hosts": ["test.example"], "backend": {
        "servers": [origin.address], "tls": {"ca": str(path), "server_name": NAME}, **backend}}]})


def wait_said(gateway, words, count=1):
    wait_until(lambda: gateway.stderr().count(words) >= count, WAIT, words)


IN_USE = "changed TLS files are in use now"
OLD_STAY = "as they were before stay in use"


@VERSIONS
def test_another_authority(start, ca, other_ca, folder, version):
    """Sessions of before are not resumed under the new one, nor refused for good."""
    trusted = folder / "trusted.pem"
    replace(trusted, ca.file.read_bytes())
    seen = []
    with tls_origin(ca.server(NAME), one_answer(seen), maximum_version=version) as origin:
        gateway = start(trusting(origin, trusted))
        for _ in range(3):
            assert fetch(gateway.address).status == 200
        assert [resumed for resumed, _ in seen] == [False, True, True]
        replace(trusted, other_ca.file.read_bytes())
        wait_said(gateway, IN_USE)
        assert fetch(gateway.address).status == 502
        gateway.wait_log(reason="backend_certificate_unknown_ca", seconds=WAIT)
        # Both, as while an authority is being exchanged.
        replace(trusted, other_ca.file.read_bytes() + ca.file.read_bytes())
        wait_said(gateway, IN_USE, 2)
        del seen[:]
        wait_until(lambda: fetch(gateway.address).status == 200, WAIT, "the server's return")
        assert fetch(gateway.address).status == 200
        assert [resumed for resumed, _ in seen] == [False, True]


def test_the_same_authority_again(start, ca, folder):
    """A file that was written anew with what it had: sessions go on."""
    trusted = folder / "trusted.pem"
    replace(trusted, ca.file.read_bytes())
    seen = []
    with tls_origin(ca.server(NAME), one_answer(seen)) as origin:
        gateway = start(trusting(origin, trusted))
        assert fetch(gateway.address).status == 200
        replace(trusted, ca.file.read_bytes())
        wait_said(gateway, IN_USE)
        assert fetch(gateway.address).status == 200
    assert [resumed for resumed, _ in seen] == [False, True]


@pytest.mark.parametrize("spoil", [
    lambda path, _: path.unlink(),
    lambda path, _: replace(path, b""),
    lambda path, _: replace(path, b"-----BEGIN CERTIFICATE-----\nMIIB\n"),
    lambda path, key: replace(path, key)], ids=["gone", "empty", "cut", "a key"])
def test_a_broken_authority_file(start, ca, folder, spoil):
    trusted = folder / "trusted.pem"
    replace(trusted, ca.file.read_bytes())
    certificate = ca.server(NAME)
    seen = []
    with tls_origin(certificate, one_answer(seen)) as origin:
        gateway = start(trusting(origin, trusted))
        assert fetch(gateway.address).status == 200
        spoil(trusted, certificate.key_file.read_bytes())
        wait_said(gateway, OLD_STAY)
        assert str(trusted) in gateway.stderr()
        assert fetch(gateway.address).status == 200
        replace(trusted, ca.file.read_bytes())
        wait_said(gateway, IN_USE)
        assert fetch(gateway.address).status == 200
        assert gateway.stderr().count(OLD_STAY) == 1


def two_way_origin(ca, seen, version):
    context = ca.server(NAME).server_context(verify_mode=ssl.CERT_REQUIRED,
                                             maximum_version=version)
    context.load_verify_locations(ca.file)
    return Origin(one_answer(seen), tls=context)


@VERSIONS
def test_another_own_certificate(start, ca, folder, version):
    """Certificate and key come one after the other; a session of the old one is not resumed, as the
    server would go on to see that."""
    crt, key = folder / "gate.crt", folder / "gate.key"
    first, second = ca.client("gate one"), ca.client("gate two")
    replace(crt, first.crt.read_bytes())
    replace(key, first.key_file.read_bytes())
    seen = []
    with two_way_origin(ca, seen, version) as origin:
        gateway = start(watching(config(origin, ca, certificate=str(crt), key=str(key))))
        assert fetch(gateway.address).status == 200
        assert fetch(gateway.address).status == 200
        assert seen == [(False, "gate one"), (True, "gate one")]
        replace(crt, second.crt.read_bytes())
        wait_said(gateway, OLD_STAY)
        assert "does not belong" in gateway.stderr()
        assert fetch(gateway.address).status == 200
        assert seen[2:] == [(True, "gate one")]
        replace(key, second.key_file.read_bytes())
        wait_said(gateway, IN_USE)
        assert "own certificate" in gateway.stderr() and "gate two" in gateway.stderr()
        assert fetch(gateway.address).status == 200
        assert fetch(gateway.address).status == 200
        assert seen[3:] == [(False, "gate two"), (True, "gate two")]


@pytest.mark.parametrize("days, words", [((-9, -2), "has expired"), ((2, 9), "is not valid yet")],
                         ids=["expired", "early"])
def test_an_own_certificate_that_is_not_valid(start, ca, folder, days, words):
    pem = folder / "gate.pem"

    def both(certificate):
        return certificate.crt.read_bytes() + certificate.key_file.read_bytes()
    replace(pem, both(ca.client("gate one")))
    seen = []
    with two_way_origin(ca, seen, ssl.TLSVersion.TLSv1_3) as origin:
        gateway = start(watching(config(origin, ca, certificate=str(pem), key=str(pem))))
        replace(pem, both(ca.client("gate two", days=days)))
        wait_said(gateway, words)
        assert fetch(gateway.address).status == 200
        replace(pem, both(ca.client("gate three")))
        wait_said(gateway, IN_USE)
        assert fetch(gateway.address).status == 200
    assert seen == [(False, "gate one"), (False, "gate three")]


def test_both_ways_to_offer_protocols(start, ca, other_ca, folder):
    """With `auto`, an Upgrade is asked for on a connection that offers HTTP/1.1 alone."""
    trusted = folder / "trusted.pem"
    replace(trusted, ca.file.read_bytes())
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    with tls_origin(ca.server(NAME), one_answer([])) as origin:
        gateway = start(trusting(origin, trusted, protocol="auto"))
        assert fetch(gateway.address).status == 200
        assert fetch(gateway.address, fields=upgrade).status == 200
        replace(trusted, other_ca.file.read_bytes())
        wait_said(gateway, IN_USE)
        assert fetch(gateway.address).status == 502
        assert fetch(gateway.address, fields=upgrade).status == 502


@pytest.mark.parametrize("protocol", ["h1", "auto"])
def test_pooled_connections_end_with_their_authority(start, ca, other_ca, folder, protocol):
    """One that waited in the pool may carry one request more."""
    trusted = folder / "trusted.pem"
    replace(trusted, ca.file.read_bytes())
    with tls_origin(ca.server(NAME)) as origin:
        gateway = start(trusting(origin, trusted, protocol=protocol))

        def used():
            return json.loads(fetch(gateway.address).body)["connection"]
        assert [used() for _ in range(3)] == [1, 1, 1]
        replace(trusted, other_ca.file.read_bytes() + ca.file.read_bytes())
        wait_said(gateway, IN_USE)
        assert used() in (1, 2)
        assert [used() for _ in range(3)] == [2, 2, 2]
        replace(trusted, other_ca.file.read_bytes())
        wait_said(gateway, IN_USE, 2)
        fetch(gateway.address)
        assert fetch(gateway.address).status == 502


def test_shared_connections_end_with_their_authority(start, ca, other_ca, folder):
    """HTTP/2: streams that are open go on; new ones come on a new connection."""
    h2origin = pytest.importorskip("h2origin")
    trusted = folder / "trusted.pem"
    replace(trusted, ca.file.read_bytes())
    may_end = threading.Event()

    def answer(connection, request):
        connection.head(request.stream)
        if request.get(":path") == "/slow":
            may_end.wait(WAIT)
        connection.data(request.stream, str(connection.number).encode(), end=True)

    with h2origin.H2Origin(h2origin.serve(answer),
                           tls=ca.server(NAME).server_context()) as origin:
        gateway = start(trusting(origin, trusted, protocol="h2"))
        assert fetch(gateway.address).body == b"1"
        assert fetch(gateway.address).body == b"1"
        with Connection(gateway.address) as slow:
            slow.send(request_bytes("/slow"))
            wait_until(lambda: len(origin.requests()) == 3, WAIT, "the slow request")
            replace(trusted, other_ca.file.read_bytes() + ca.file.read_bytes())
            wait_said(gateway, IN_USE)
            assert [fetch(gateway.address).body for _ in range(3)] == [b"2"] * 3
            may_end.set()
            assert slow.read_response().body == b"1"
        replace(trusted, other_ca.file.read_bytes())
        wait_said(gateway, IN_USE, 2)
        assert fetch(gateway.address).status == 502


def test_files_are_replaced_under_load(start, ca, folder):
    """Own certificate and authorities change, back and forth, while requests come: none fails."""
    trusted, pem = folder / "trusted.pem", folder / "gate.pem"
    mine = [ca.client(f"gate {number}") for number in (1, 2)]
    other = ca.__class__(folder, "Spare Root")

    def put(number):
        replace(pem, mine[number % 2].crt.read_bytes() + mine[number % 2].key_file.read_bytes())
        replace(trusted, ca.file.read_bytes() + (other.file.read_bytes() if number % 2 else b""))
    put(0)
    seen, statuses = [], []
    is_over = threading.Event()

    with two_way_origin(ca, seen, ssl.TLSVersion.TLSv1_3) as origin:
        settings = trusting(origin, trusted)
        settings["workers"] = 2
        settings["sites"][0]["backend"]["tls"].update(certificate=str(pem), key=str(pem))
        gateway = start(settings)

        def load():
            while not is_over.is_set():
                try:
                    statuses.append(fetch(gateway.address).status)
                except (OSError, AssertionError, Ended) as failure:
                    statuses.append(repr(failure))
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in (1, 2, 3):
                put(number)
                name = f"gate {number % 2 + 1}"
                wait_until(lambda name=name: seen[-1:] and seen[-1][1] == name, WAIT, name)
        finally:
            is_over.set()
            for thread in threads:
                thread.join(WAIT)
    assert set(statuses) == {200}
    assert {name for _, name in seen} == {"gate 1", "gate 2"}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3"])
@pytest.mark.parametrize("by", ["ip", "name", "unix"])
def test_server_name_that_is_an_address(start, ca, folder, host, by):
    """It must be in the certificate, and is never sent as a name (RFC 6066 section 3)."""
    asked = []
    context = ca.issue("an address", [host]).server_context()
    context.sni_callback = lambda sock, name, ctx: asked.append(name)
    path = str(folder / "server.sock") if by == "unix" else None
    with Origin(echo_handler(), tls=context, path=path) as origin:
        folder.chmod(0o755)
        address = {"ip": origin.address, "unix": f"unix:{path}",
                   "name": origin.address.replace("127.0.0.1", "localhost")}[by]
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [address], "tls": {"ca": str(ca.file), "server_name": host}}}]})
        # A name is looked up while the gateway serves already.
        wait_until(lambda: fetch(gateway.address).status == 200)
        assert set(asked) == {None}
        settings = {"sites": [{"hosts": ["test.example"], "backend": {  # the other localhost has no server
            "servers": [address], "resolve": {"family": "ipv4"}, "tls": {"ca": str(ca.file), "server_name": "10.9.9.9"}}}]}
        expect_refusal(start, settings, "backend_certificate_wrong_name")


def test_unix_socket_without_a_name_is_told_by_check(folder):
    path = folder / "tidegate.yaml"
    path.write_text(json.dumps({"listeners": [{"bind": "127.0.0.1:0"}], "sites": [
        {"hosts": ["test.example"], "backend": {"servers": ["unix:/run/app.sock"], "tls": {}}}]}))
    done = command("check", "-c", str(path))
    assert done.returncode != 0 and "server_name" in done.stderr + done.stdout


@pytest.mark.parametrize("name, hint", [("[::1]", "without brackets"), ("a.example:443", "port"),
                                        ("a b", "cannot be in one"), ("999.0.0.1", "IPv4")])
def test_server_names_that_are_none(folder, name, hint):
    path = folder / "tidegate.yaml"
    path.write_text(json.dumps({"listeners": [{"bind": "127.0.0.1:0"}], "sites": [
        {"hosts": ["test.example"], "backend": {"servers": ["127.0.0.1:1"],
                                                "tls": {"server_name": name}}}]}))
    done = command("check", "-c", str(path))
    assert done.returncode != 0 and hint in done.stderr + done.stdout
