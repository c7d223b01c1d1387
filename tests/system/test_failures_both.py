"""More failures, each on both of its sides: alerts by their names, weak keys and signatures, lists
that have expired, peers that choose what was not offered or stop in the middle."""

import contextlib
import ssl
import struct

import pytest

from chains import Chains
from client import Connection, fetch
from failing import (ALERTS, HOST, answering, check_logged, client_files, explain_to, is_server,
                     loose_context, spoiling, tls_fails, tls_server)
from origins import EchoOrigin, Origin
from tidegate import command
from tlsbytes import RECORD_ALERT, RECORD_HANDSHAKE, client_hello

WAIT = 20


@pytest.fixture(scope="module")
def chains(ca, pki_folder):
    return Chains(ca, pki_folder)


@pytest.fixture(scope="module")
def gateway(start_for_module, ca, shop):
    respond = {"status": 200, "body": "ok"}
    return start_for_module({"sites": [
        {"hosts": [HOST], "respond": respond, "tls": shop.settings()},
        {"hosts": ["h2.example"], "respond": respond,
         "tls": {**ca.server("h2.example").settings(), "protocols": "h2"}},
        {"hosts": ["only.example"], "respond": respond, "plain_http": "refuse",
         "tls": ca.server("only.example").settings()},
        {"hosts": ["partners.example"], "respond": respond,
         "tls": {**ca.server("partners.example").settings(),
                 "clients": {"verify": "required", "ca": str(ca.file)}}}]})


def backend_fails(start, ca, address, **tls):
    """502, and what the log says."""
    gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
        "servers": [address], "connect_timeout": "5s",
        "tls": {"ca": str(ca.file), "server_name": HOST, **tls}}}]})
    assert fetch(gateway.address).status == 502
    entry = gateway.wait_log(status=502, seconds=WAIT)
    assert entry["detail"] and entry["mend"]
    return entry


# ---- alerts ----


def alert_record(number):
    return struct.pack("!BHHBB", RECORD_ALERT, 0x0303, 2, 2, number)


def test_alerts_of_clients(gateway):
    """Sent instead of what belongs behind the server's flight of TLS 1.2, in the clear."""
    hello = client_hello(HOST, loose_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    details = set()
    for number, name in {**ALERTS, 199: "other"}.items():
        with Connection(gateway.address) as connection:
            connection.send(hello)
            connection.sock.recv(65536)
            connection.send(alert_record(number))
            connection.read_to_end()
            entry = gateway.wait_log(client=connection.local_text(), seconds=WAIT)
        assert entry["reason"] == f"alert_{name}"
        assert entry["refused_by"] == "client"
        assert entry["mend"]
        details.add(entry["detail"])
    assert len(details) == len(ALERTS) + 1
    assert "alert 199" in entry["detail"]


def test_alerts_of_backends(start, ca):
    """One gateway asks a server that answers each hello with the alert of the moment. It looks by
    itself, too, whether a server that could not be reached is there again."""
    wanted = []

    def handler(connection):
        connection.recv()
        connection.send(alert_record(wanted[-1]))
        connection.half_close()
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [origin.address], "tls": {"ca": str(ca.file), "server_name": HOST}}}]})
        details = set()
        for count, (number, name) in enumerate(ALERTS.items()):
            wanted.append(number)
            assert fetch(gateway.address, f"/{count}").status == 502
            entry = gateway.wait_log(target=f"/{count}", seconds=WAIT)
            assert entry["reason"] == f"alert_{name}"
            assert entry["refused_by"] == "backend"
            assert entry["mend"]
            details.add(entry["detail"])
    assert len(details) == len(ALERTS)


# ---- certificates ----


@pytest.mark.parametrize("kind", ["weak", "badly_signed"])
def test_weak_servers(start, ca, chains, kind):
    with tls_server(getattr(chains, kind)(HOST), ciphers="ALL:@SECLEVEL=0") as server:
        failure = explain_to(server.port, ca)
        entry = backend_fails(start, ca, server.address)
    assert failure["reason"] == "server_certificate_weak"
    assert failure["who"] == "this client"
    assert entry["reason"] == "backend_certificate_weak"
    assert entry["refused_by"] == "gateway"
    for words in (failure["why"], entry["detail"]):
        assert ("too short" in words) == (kind == "weak")
        assert ("SHA-1" in words) == (kind == "badly_signed")


def weak_client_context(certificate):
    """Python's own library would not show it otherwise."""
    context = loose_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate.crt, certificate.key_file)
    return context


@pytest.mark.parametrize("kind", ["weak", "badly_signed"])
def test_weak_clients(gateway, chains, kind):
    before = len(gateway.log_entries())
    tls_fails(gateway, weak_client_context(getattr(chains, kind)("someone")), "partners.example")
    entry = check_logged(gateway, before, "client_certificate_weak", sni="partners.example")
    assert ("SHA-1" in entry["detail"]) == (kind == "badly_signed")


def test_a_client_that_signed_itself(gateway, ca, chains):
    before = len(gateway.log_entries())
    failure = explain_to(gateway.port, ca, *client_files(chains.self_signed("someone")),
                         host="partners.example")
    assert failure["reason"] == "alert_unknown_ca"
    assert is_server(failure)
    check_logged(gateway, before, "client_certificate_self_signed", sni="partners.example")


def test_a_certificate_that_issued_another(start, gateway, ca, chains):
    """Nothing that is common enough for words of its own: the library's are told."""
    before = len(gateway.log_entries())
    client = chains.below_a_leaf("someone", ca.client("friend"))
    failure = explain_to(gateway.port, ca, *client_files(client), host="partners.example")
    assert is_server(failure)
    entry = check_logged(gateway, before, "client_certificate_bad", sni="partners.example")
    assert "invalid CA certificate" in entry["detail"]
    with tls_server(chains.below_a_leaf(HOST, ca.server("other.example"))) as server:
        failure = explain_to(server.port, ca)
        entry = backend_fails(start, ca, server.address)
    assert failure["reason"] == "server_certificate_bad"
    assert "invalid CA certificate" in failure["detail"]
    assert entry["reason"] == "backend_certificate_bad"
    assert "invalid CA certificate" in entry["detail"]


def test_a_backends_list_has_expired(start, ca, chains):
    certificate = ca.server(HOST)
    with tls_server(certificate) as server:
        entry = backend_fails(start, ca, server.address, crl=str(chains.crl(days=(-20, -2))))
        assert entry["reason"] == "backend_crl_expired"
        assert entry["refused_by"] == "gateway"


def test_a_backends_list_is_missing(start, ca, other_ca, folder):
    lists = folder / "other.crl"
    lists.write_bytes(other_ca.crl())
    lists.chmod(0o644)
    with tls_server(ca.server(HOST)) as server:
        entry = backend_fails(start, ca, server.address, crl=str(lists))
    assert entry["reason"] == "backend_crl_missing"


# ---- what the other side chose, or did not ----


def test_alpn_mismatch(gateway, ca):
    before = len(gateway.log_entries())
    failure = explain_to(gateway.port, ca, "--http1.1", host="h2.example")
    assert failure["reason"] == "alert_no_application_protocol"
    assert is_server(failure)
    check_logged(gateway, before, "no_common_protocol", sni="h2.example")


def test_plain_http_is_told_so(gateway):
    """`explain` speaks plain HTTP where it was told to, and shows the 400 that says what is wrong."""
    before = len(gateway.log_entries())
    done = command("explain", "http://only.example/", "--connect", f"127.0.0.1:{gateway.port}")
    assert "HTTP/1.1 400 Bad Request" in done.stdout
    check_logged(gateway, before, "plain_http_refused")


def server_hello(suite, version=0x0303):
    extensions = struct.pack("!HHB", 0xff01, 1, 0)  # secure renegotiation
    body = (struct.pack("!H", version) + bytes(32) + b"\x00" + struct.pack("!HB", suite, 0)
            + struct.pack("!H", len(extensions)) + extensions)
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", RECORD_HANDSHAKE, 0x0303, len(message)) + message


@pytest.mark.parametrize("suite", [0x1301, 0x0005, 0x5a5a], ids=["of TLS 1.3", "RC4", "unknown"])
def test_a_cipher_that_was_not_offered(start, ca, suite):
    with answering(server_hello(suite)) as port:
        assert explain_to(port, ca)["reason"] == "no_common_cipher"
        assert backend_fails(start, ca, f"127.0.0.1:{port}")["reason"] == "no_common_cipher"


@pytest.mark.parametrize("end, reason", [(None, "closed"), ("reset", "reset")])
def test_an_end_in_the_middle(start, ca, end, reason):
    """Behind the ServerHello."""
    with answering(server_hello(0xc02b), end=end) as port:
        failure = explain_to(port, ca)
        entry = backend_fails(start, ca, f"127.0.0.1:{port}")
    assert (failure["reason"], entry["reason"]) == (reason, reason)
    assert is_server(failure)
    assert entry["refused_by"] == "backend"


def test_silence_in_the_middle(ca):
    with answering(server_hello(0xc02b), end="wait") as port:
        assert explain_to(port, ca, "--timeout", "1")["reason"] == "handshake_timeout"


def test_a_client_that_resets_in_the_middle(gateway):
    before = len(gateway.log_entries())
    connection = Connection(gateway.address)
    connection.send(client_hello(HOST))
    connection.sock.recv(1)
    connection.reset()
    check_logged(gateway, before, "reset", sni=HOST)


def test_a_bad_record_from_a_backend(start, ca, shop):
    context = shop.server_context()
    with EchoOrigin(tls=context) as origin:
        with spoiling(("127.0.0.1", origin.port), from_server=2) as port:
            entry = backend_fails(start, ca, f"127.0.0.1:{port}")
    assert entry["reason"] == "bad_record"
    assert entry["refused_by"] == "gateway"


def test_a_bad_record_to_a_backend(start, ca, shop):
    """The server cannot open what the gateway sends after the handshake's beginning."""
    with EchoOrigin(tls=shop.server_context()) as origin:
        with spoiling(("127.0.0.1", origin.port), from_client=2) as port:
            gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
                "servers": [f"127.0.0.1:{port}"],
                "tls": {"ca": str(ca.file), "server_name": HOST}}}]})
            assert fetch(gateway.address).status == 502
            entry = gateway.wait_log(status=502, seconds=WAIT)
    assert entry["reason"] in ("alert_bad_record_mac", "server_closed")


def test_broken_messages(start, ca):
    """What tests of `explain` send it as a server, to the gateway."""
    cases = {
        b"\x16\x03\x03\x00\x04\x02\xff\xff\xff": "too_long",
        b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00": "malformed",
        b"\x16\x03\x03\x00\x08\x14\x00\x00\x04abcd": "unexpected_message",
        b"\x16\x03\x03\xff\xff\x02": "record_too_long",
    }
    wanted = []

    def handler(connection):
        connection.recv()
        connection.send(wanted[-1])
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["test.example"], "backend": {
            "servers": [origin.address], "tls": {"ca": str(ca.file), "server_name": HOST}}}]})
        for count, (data, reason) in enumerate(cases.items()):
            wanted.append(data)
            assert fetch(gateway.address, f"/{count}").status == 502
            entry = gateway.wait_log(target=f"/{count}", seconds=WAIT)
            assert (entry["reason"], entry["refused_by"]) == (reason, "gateway")


def test_broken_messages_of_clients(gateway):
    """Behind the server's flight of TLS 1.2."""
    hello = client_hello(HOST, loose_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    cases = {
        b"\x16\x03\x03\x00\x04\x10\xff\xff\xff": "too_long",
        b"\x16\x03\x03\x00\x05\x10\x00\x00\x01\x00": "malformed",
        b"\x16\x03\x03\x00\x08\x14\x00\x00\x04abcd": "unexpected_message",
        b"\x16\x03\x03\xff\xff\x02": "record_too_long",
    }
    for data, reason in cases.items():
        with Connection(gateway.address) as connection:
            connection.send(hello)
            connection.sock.recv(65536)
            connection.send(data)
            with contextlib.suppress(OSError):
                connection.read_to_end()
            entry = gateway.wait_log(client=connection.local_text(), seconds=WAIT)
        assert (entry["reason"], entry["refused_by"]) == (reason, "gateway"), data
        assert entry["mend"]
