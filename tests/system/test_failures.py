"""Each way in which a connection or handshake fails is provoked, and told by its own word, with who,
why and what to do: on the client's side by `tidegate explain`, on the gateway's by its log. The table
is docs/failures.md."""

import contextlib
import re
import ssl
import struct

import pytest

from chains import Chains
from client import Connection, fetch
from failing import (ALERTS, HOST, answering, check_logged, client_files, explain, explain_to,
                     is_server, logged, loose_context, spoiling, tls_fails, tls_server)
from origins import EchoOrigin, Origin, UnansweringPort, free_port
from tidegate import ROOT, command
from tlsbytes import RECORD_ALERT, client_hello, padded_hello, to_records


@pytest.fixture(scope="module")
def chains(ca, pki_folder):
    return Chains(ca, pki_folder)


# ---- `tidegate explain`: three lines ----


def test_name_not_resolved():
    # A label of 64 letters is none, so that nobody is asked.
    failure = explain(f"https://{'x' * 64}.example/")
    assert failure["reason"] == "name_not_resolved"
    assert "name service" in failure["who"]


def test_connection_refused(ca):
    failure = explain_to(free_port(), ca)
    assert failure["reason"] == "connection_refused"
    assert failure["who"] == "the server's machine"


def test_no_route():
    # TCP to a multicast address: the kernel refuses without sending anything.
    failure = explain("https://224.0.0.1:443/")
    assert failure["reason"] == "no_route"
    assert failure["who"] == "the network"


def test_connect_timeout():
    with UnansweringPort() as port:
        failure = explain(f"https://{port.address}/", "--timeout", "1")
    assert failure["reason"] == "connect_timeout"


@pytest.mark.parametrize("data, end, reason", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", None, "plain_http"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", None, "not_tls"),
    (b"", None, "closed"),
    (b"", "reset", "reset"),
    # A handshake message of 16 MiB.
    (b"\x16\x03\x03\x00\x04\x02\xff\xff\xff", "wait", "too_long"),
    # A ServerHello of one byte.
    (b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00", "wait", "malformed"),
    # A Finished before anything else.
    (b"\x16\x03\x03\x00\x08\x14\x00\x00\x04abcd", "wait", "unexpected_message"),
    # A record of more than 2^14 bytes.
    (b"\x16\x03\x03\xff\xff\x02", "wait", "record_too_long"),
], ids=["plain HTTP", "SSH", "closed", "reset", "too long", "malformed", "unexpected", "record"])
def test_servers_that_speak_no_tls(ca, data, end, reason):
    with answering(data, end=end) as port:
        failure = explain_to(port, ca)
    assert failure["reason"] == reason
    if reason in ("plain_http", "closed", "reset"):
        assert is_server(failure)


def test_silent_server(ca):
    with answering(b"", end="wait") as port:
        failure = explain_to(port, ca, "--timeout", "1")
    assert failure["reason"] == "handshake_timeout"


def test_each_alert_has_its_words(ca):
    sentences = set()
    for number, name in ALERTS.items():
        with answering(struct.pack("!BHHBB", RECORD_ALERT, 0x0303, 2, 2, number)) as port:
            failure = explain_to(port, ca)
        assert failure["reason"] == f"alert_{name}"
        assert failure["detail"] == f"alert {number}, {name}"
        assert is_server(failure)
        sentences.add(failure["why"])
    assert len(sentences) == len(ALERTS)


# The gateway as the server.


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture(scope="module")
def gateway(start_for_module, ca, chains, origin, shop):
    two_way = {**ca.server("partners.example").settings(),
               "clients": {"verify": "required", "ca": str(ca.file)}}
    return start_for_module({
        "timeouts": {"handshake": "1s", "first_byte": "2s"},
        "sites": [
            {"hosts": [HOST], "backend": origin.address, "tls": shop.settings()},
            {"hosts": ["modern.example"], "backend": origin.address, "plain_http": "refuse",
             "tls": {**ca.server("modern.example").settings(), "policy": "modern"}},
            {"hosts": ["partners.example"], "backend": origin.address, "tls": two_way},
            {"hosts": ["plain.example"], "backend": origin.address}]})


def test_unknown_name(gateway, ca):
    before = len(gateway.log_entries())
    failure = explain_to(gateway.port, ca, host="nobody.example")
    assert failure["reason"] == "alert_unrecognized_name"
    check_logged(gateway, before, "unknown_server_name", sni="nobody.example")


def test_no_name(gateway, ca):
    before = len(gateway.log_entries())
    failure = explain_to(gateway.port, ca, "--sni", "")
    assert failure["reason"] == "server_name_missing"
    check_logged(gateway, before, "no_server_name")


def test_site_without_tls(gateway, ca):
    before = len(gateway.log_entries())
    assert is_server(explain_to(gateway.port, ca, host="plain.example"))
    check_logged(gateway, before, "site_without_tls", sni="plain.example")


def test_no_common_version(gateway, ca):
    before = len(gateway.log_entries())
    failure = explain_to(gateway.port, ca, "--tls1.2", host="modern.example")
    assert failure["reason"] == "alert_protocol_version"
    check_logged(gateway, before, "no_common_version", sni="modern.example")


def test_plain_http_to_a_site_of_tls_only(gateway):
    before = len(gateway.log_entries())
    response = fetch(gateway.address, host="modern.example")
    assert response.status == 400
    assert b"TLS" in response.body and b"https://" in response.body
    check_logged(gateway, before, "plain_http_refused")


def test_no_client_certificate(gateway, ca):
    for options in ((), ("--tls1.2",)):
        before = len(gateway.log_entries())
        failure = explain_to(gateway.port, ca, *options, host="partners.example")
        assert failure["reason"] == "client_certificate_missing"
        assert is_server(failure)
        check_logged(gateway, before, "client_certificate_missing", sni="partners.example")


def test_client_certificates(gateway, ca, other_ca, chains):
    cases = [
        (ca.client("late", days=(-20, -2)), "client_certificate_expired",
         "alert_certificate_expired"),
        (ca.client("early", days=(2, 20)), "client_certificate_not_yet_valid",
         "alert_bad_certificate"),
        (other_ca.client("stranger"), "client_certificate_unknown_ca", "alert_unknown_ca"),
        (ca.server("server.example"), "client_certificate_wrong_purpose",
         "alert_unsupported_certificate"),
        (chains.self_signed("selfish"), "client_certificate_self_signed", "alert_unknown_ca"),
    ]
    for certificate, reason, alert in cases:
        before = len(gateway.log_entries())
        failure = explain_to(gateway.port, ca, *client_files(certificate), host="partners.example")
        assert failure["reason"] == alert, reason
        assert is_server(failure)
        check_logged(gateway, before, reason, sni="partners.example")
    good = command("explain", "https://partners.example/", "--connect",
                   f"127.0.0.1:{gateway.port}", "--ca", str(ca.file),
                   *client_files(ca.client("friend")))
    assert good.returncode == 0, good.stdout


def test_client_without_its_intermediate(gateway, ca, chains):
    client = chains.below("far.example", client=True)
    before = len(gateway.log_entries())
    failure = explain_to(gateway.port, ca, "--cert", str(client.alone), "--key",
                         str(client.key_file), host="partners.example")
    assert failure["reason"] == "alert_unknown_ca"
    entry = check_logged(gateway, before, "client_certificate_missing_intermediate")
    assert "Test Intermediate" in entry["detail"]


@pytest.mark.parametrize("days, reason, alert", [
    ((-2, 20), "client_certificate_revoked", "alert_certificate_revoked"),
    ((-20, -2), "client_crl_expired", None)], ids=["revoked", "list expired"])
def test_revoked_client(start, ca, chains, days, reason, alert):
    client = ca.client("outcast")
    gateway = start({"sites": [{
        "hosts": ["partners.example"], "respond": {"status": 200},
        "tls": {**ca.server("partners.example").settings(),
                "clients": {"verify": "required", "ca": str(ca.file),
                            "crl": str(chains.crl(client, days=days))}}}]})
    failure = explain_to(gateway.port, ca, *client_files(client), host="partners.example")
    assert failure["reason"].startswith("alert_")
    assert alert in (None, failure["reason"])
    check_logged(gateway, 0, reason, sni="partners.example")


# The server's certificate, as the client sees it.


def test_server_certificates(ca, other_ca, chains):
    cases = [
        (ca.server(HOST, days=(-20, -2)), "expired"),
        (ca.server(HOST, days=(2, 20)), "not_yet_valid"),
        (ca.server("other.example"), "wrong_name"),
        (chains.self_signed(HOST), "self_signed"),
        (other_ca.server(HOST), "unknown_ca"),
        (ca.issue(HOST, [HOST], client=True), "wrong_purpose"),
    ]
    for certificate, word in cases:
        with tls_server(certificate) as server:
            failure = explain_to(server.port, ca)
        assert failure["reason"] == f"server_certificate_{word}"
        assert failure["who"] == "this client"


def test_server_without_its_intermediate(ca, chains):
    leaf = chains.below(HOST)
    with tls_server(leaf) as server:
        done = command("explain", f"https://{HOST}/", "--connect", server.address, "--ca",
                       str(ca.file))
        assert done.returncode == 0, done.stdout
        assert "Test Intermediate" in done.stdout
    with tls_server(leaf, file=leaf.alone) as server:
        failure = explain_to(server.port, ca)
    assert failure["reason"] == "server_certificate_missing_intermediate"
    assert "Test Intermediate" in failure["detail"]


def test_weak_key(ca, chains):
    with tls_server(chains.weak(HOST), ciphers="ALL:@SECLEVEL=0") as server:
        failure = explain_to(server.port, ca)
    assert failure["reason"] in ("server_certificate_weak", "weak_key")


def test_no_common_cipher(ca, shop):
    """An ECDSA certificate, and ciphers for RSA only."""
    with tls_server(shop, ciphers="ECDHE-RSA-AES128-GCM-SHA256",
                    maximum_version=ssl.TLSVersion.TLSv1_2) as server:
        failure = explain_to(server.port, ca)
    assert failure["reason"] == "alert_handshake_failure"
    assert is_server(failure)


# A proxy that spoils a byte.


def test_bad_record_from_the_server(gateway, ca):
    # Records of TLS 1.3: 0 ServerHello, 1 ChangeCipherSpec, 2 is sealed.
    with spoiling(gateway.address, from_server=2) as port:
        failure = explain_to(port, ca)
    assert failure["reason"] == "bad_record"


def test_bad_record_from_the_client(gateway, ca):
    before = len(gateway.log_entries())
    with spoiling(gateway.address, from_client=2) as port:
        failure = explain_to(port, ca)
    assert failure["reason"] == "alert_bad_record_mac"
    check_logged(gateway, before, "bad_record")


# After the handshake.


@pytest.mark.parametrize("data, reason", [
    (b"", "no_answer_closed"),
    (b"HTTP/1.1 200 OK\nA: b\n\n", "bad_answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "cut_answer"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cut_answer"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "bad_answer"),
    (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 300000, "bad_answer"),
    (100 * b"HTTP/1.1 102 Processing\r\n\r\n", "bad_answer"),
], ids=["nothing", "bare LF", "cut", "cut chunk", "bad chunk", "huge head", "interim"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_answers(ca, shop, scheme, data, reason):
    def handler(connection):
        connection.read_head()
        connection.send(data)
        if scheme == "https":
            with contextlib.suppress(OSError):
                connection.sock.unwrap()
        else:
            connection.half_close()
            connection.wait_end()
    with Origin(handler, tls=shop.server_context() if scheme == "https" else None) as server:
        failure = explain(f"{scheme}://{HOST}/", "--connect", server.address, "--ca", str(ca.file))
    assert failure["reason"] == reason or (len(data) > 300000
                                           and failure["reason"] == "too_large_answer")


def test_no_answer_in_time(ca, shop):
    def handler(connection):
        connection.wait_end()
    with Origin(handler, tls=shop.server_context()) as server:
        failure = explain_to(server.port, ca, "--timeout", "1")
    assert failure["reason"] == "no_answer_timeout"


# ---- the gateway's log: clients ----


def test_client_does_not_trust_us(gateway):
    before = len(gateway.log_entries())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls_fails(gateway, context, HOST)
    check_logged(gateway, before, "alert_unknown_ca", sni=HOST)


def test_client_with_other_ciphers(gateway):
    before = len(gateway.log_entries())
    context = loose_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    tls_fails(gateway, context, HOST)
    check_logged(gateway, before, "no_common_cipher", sni=HOST)


def test_client_with_another_group(gateway):
    before = len(gateway.log_entries())
    context = loose_context(minimum_version=ssl.TLSVersion.TLSv1_3)
    context.set_ecdh_curve("secp521r1")
    tls_fails(gateway, context, HOST)
    check_logged(gateway, before, "no_common_group", sni=HOST)


def test_client_with_another_protocol(gateway):
    before = len(gateway.log_entries())
    context = loose_context()
    context.set_alpn_protocols(["imap"])
    tls_fails(gateway, context, HOST)
    check_logged(gateway, before, "no_common_protocol", sni=HOST)


def test_client_closes_in_the_middle(gateway):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(client_hello(HOST))
        connection.sock.recv(1)
    entry = logged(gateway, before, sni=HOST)
    assert entry["reason"] in ("closed", "reset")
    assert entry["mend"]


def test_client_closes_in_its_hello(gateway):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(client_hello(HOST)[:50])
    check_logged(gateway, before, "closed_before_request")


def test_client_stops_in_its_hello(gateway):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(client_hello(HOST)[:50])
        check_logged(gateway, before, "first_bytes_timeout")


def test_client_stops_in_the_handshake(gateway):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(client_hello(HOST))
        check_logged(gateway, before, "handshake_timeout", sni=HOST)


def test_hello_that_is_too_large(start, ca, shop, origin):
    gateway = start({"limits": {"hello": "4k"}, "sites": [
        {"hosts": [HOST], "backend": origin.address, "tls": shop.settings()}]})
    with Connection(gateway.address) as connection:
        connection.send(to_records(padded_hello(HOST, 8000), [4000]))
        connection.read_to_end()
    entry = gateway.wait_log(kind="connection")
    assert entry["reason"].startswith("hello_") or "long" in entry["reason"]
    assert "limits.hello" in entry["mend"]


def test_hello_that_is_broken(gateway):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(b"\x16\x03\x01\x00\x08\x01\x00\x00\x04abcd")
        connection.read_to_end()
    entry = logged(gateway, before, kind="connection")
    assert entry["reason"] and entry["detail"] and entry["mend"]


# ---- the gateway's log: backends ----


@pytest.fixture
def bad_backend(start, ca):
    """What the log says of a request to this one server; the client is told 502."""
    def ask(address, **tls):
        gateway = start({
            "backends": [{"name": "back", "servers": [address], "connect_timeout": "1s",
                          "tls": {"ca": str(ca.file), "server_name": HOST, **tls}}],
            "sites": [{"hosts": ["a.example"], "backend": "back"}]})
        response = fetch(gateway.address, host="a.example")
        assert response.status in (502, 504)
        entry = gateway.wait_log(lambda entry: entry.get("reason"), kind="request")
        assert entry["mend"]
        assert entry["refused_by"] in ("gateway", "backend", "network")
        assert entry["detail"].encode() not in response.body
        gateway.stop()
        return entry["reason"], entry["detail"]
    return ask


def test_backend_certificates(bad_backend, ca, other_ca, chains):
    cases = [
        (ca.server(HOST, days=(-20, -2)), "expired"),
        (ca.server(HOST, days=(2, 20)), "not_yet_valid"),
        (ca.server("other.example"), "wrong_name"),
        (chains.self_signed(HOST), "self_signed"),
        (other_ca.server(HOST), "unknown_ca"),
        (ca.issue(HOST, [HOST], client=True), "wrong_purpose"),
    ]
    for certificate, word in cases:
        with tls_server(certificate) as server:
            assert bad_backend(server.address)[0] == f"backend_certificate_{word}"


def test_backend_without_its_intermediate(bad_backend, chains):
    leaf = chains.below(HOST)
    with tls_server(leaf, file=leaf.alone) as server:
        reason, detail = bad_backend(server.address)
    assert reason == "backend_certificate_missing_intermediate"
    assert "Test Intermediate" in detail


def test_backend_that_speaks_plain_http(bad_backend):
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert bad_backend(f"127.0.0.1:{port}")[0] == "plain_http"


def test_backend_that_speaks_something_else(bad_backend):
    with answering(b"SSH-2.0-OpenSSH_9.2p1\r\n") as port:
        assert bad_backend(f"127.0.0.1:{port}")[0] == "not_tls"


def test_backend_that_closes(bad_backend):
    with answering(b"") as port:
        assert bad_backend(f"127.0.0.1:{port}")[0] == "closed"


def test_backend_that_is_silent(bad_backend):
    with answering(b"", end="wait") as port:
        assert bad_backend(f"127.0.0.1:{port}")[0] == "connect_timeout"


def test_backend_that_is_not_there(bad_backend, free_address):
    assert bad_backend(free_address)[0] == "server_unreachable"


def test_backend_that_wants_a_certificate(bad_backend, ca, shop):
    with tls_server(shop, verify_mode=ssl.CERT_REQUIRED,
                    maximum_version=ssl.TLSVersion.TLSv1_2) as server:
        assert bad_backend(server.address)[0] == "alert_handshake_failure"


def test_backend_with_another_key(bad_backend, shop):
    with tls_server(shop) as server:
        assert bad_backend(server.address, pins=["sha256/" + 43 * "A" + "="])[0] == "pin_mismatch"


def test_backend_that_is_revoked(bad_backend, ca, chains):
    certificate = ca.server(HOST)
    with tls_server(certificate) as server:
        reason, _ = bad_backend(server.address, crl=str(chains.crl(certificate)))
    assert reason == "backend_certificate_revoked"


# ---- the table ----


def test_the_table_is_the_programs():
    printed = command("help", "failures")
    assert printed.returncode == 0
    assert printed.stdout == (ROOT / "docs" / "failures.md").read_text()
    words = re.findall(r"^\| `(\w+)` \|", printed.stdout, re.M)
    assert len(set(words)) > 80
