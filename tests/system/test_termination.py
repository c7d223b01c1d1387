"""TLS terminated at the gateway: which versions and certificates, two-way TLS, plain http beside
it, re-encryption to the backend, and how both sides keep and close connections."""

import contextlib
import json
import ssl
import subprocess

import pytest

from client import Connection, fetch, request_bytes
from origins import EchoOrigin, Origin, response_bytes
from tidegate import environment
from tlsbytes import (ALERT_PROTOCOL_VERSION, RECORD_HANDSHAKE, alerts_in, client_hello,
                      handshake_of, padded_hello, peer_fingerprint, records_in, to_records)


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture(scope="module")
def shop_rsa(ca):
    return ca.server("shop.example", kind="rsa")


@pytest.fixture(scope="module")
def partner_cert(ca):
    return ca.server("partners.example", "maybe.example")


@pytest.fixture(scope="module")
def gateway(start_for_module, ca, origin, shop, shop_rsa, partner_cert):
    def clients(verify):
        return {"verify": verify, "ca": str(ca.file)}
    return start_for_module({"listeners": [{"bind": ["127.0.0.1:0", "[::1]:0"]}], "sites": [
        {"hosts": ["shop.example"], "backend": origin.address,
         "tls": {"certificates": [shop.settings(), shop_rsa.settings()]}},
        {"hosts": ["partners.example"], "backend": origin.address,
         "tls": {**partner_cert.settings(), "clients": clients("required")}},
        {"hosts": ["maybe.example"], "backend": origin.address,
         "tls": {**partner_cert.settings(), "clients": clients("optional")}}]})


def run(*args, stdin=b"", timeout=20):
    return subprocess.run(args, input=stdin, capture_output=True, timeout=timeout,
                          env=environment(), check=False)


def curl(gateway, ca, host, *options, target="/"):
    return run("curl", "-sS", "--max-time", "15", "--cacert", str(ca.file), "--resolve",
               f"{host}:{gateway.port}:127.0.0.1", *options,
               f"https://{host}:{gateway.port}{target}")


# Versions and certificates.


@pytest.mark.parametrize("version, options", [
    ("TLSv1.2", ["--tls-max", "1.2"]), ("TLSv1.3", ["--tlsv1.3"])])
def test_curl(gateway, ca, version, options):
    done = curl(gateway, ca, "shop.example", "--http1.1", *options, target=f"/curl-{version}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == f"/curl-{version}"
    entry = gateway.wait_log(target=f"/curl-{version}")
    assert entry["tls"] == version
    assert entry["cipher"]
    assert entry["mode"] == "terminate"
    assert entry["sni"] == "shop.example"


def test_curl_without_an_option_gets_http2(gateway, ca):
    """ALPN offers h2 and http/1.1."""
    done = curl(gateway, ca, "shop.example", "-w", "%{http_version}", "-o", "/dev/null")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"2"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client(gateway, ca, version):
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
               "shop.example", "-verify_hostname", "shop.example", "-verify_return_error",
               "-CAfile", str(ca.file), version, "-ign_eof", "-quiet",
               stdin=b"GET /s_client HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"HTTP/1.1 200 "), done.stdout
    assert b'"target": "/s_client"' in done.stdout


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_python(gateway, ca, version):
    context = ca.client_context(minimum_version=version, maximum_version=version)
    for address in gateway.addresses:
        with Connection(address, context, "shop.example") as connection:
            assert connection.request(host="shop.example").status == 200
            assert connection.sock.version() == version.name.replace("_", ".")


def old_context(ca, version):
    context = ca.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = version
    context.maximum_version = version
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1],
                         ids=["TLSv1.0", "TLSv1.1"])
def test_old_versions_are_refused_and_logged(gateway, ca, version):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(client_hello("shop.example", old_context(ca, version)))
        answer = connection.read_to_end()
    assert alerts_in(answer) == [ALERT_PROTOCOL_VERSION]
    entry = gateway.wait_log(lambda entry: entry in gateway.log_entries()[before:],
                             kind="connection", sni="shop.example")
    assert entry["client"].startswith("127.0.0.1:")
    assert entry["reason"] and entry["detail"] and entry["mend"]


def test_policy_modern_is_tls13_only(start, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "ok"},
                                "tls": {**shop.settings(), "policy": "modern"}}]})
    assert fetch(gateway.address, host="shop.example", tls=ca.client_context()).body == b"ok"
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        fetch(gateway.address, host="shop.example",
              tls=ca.client_context(maximum_version=ssl.TLSVersion.TLSv1_2))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_policy_old_allows_tls11(start, ca, shop_rsa):
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "ok"},
                                "tls": {**shop_rsa.settings(), "policy": "old"}}]})
    context = old_context(ca, ssl.TLSVersion.TLSv1_1)
    with Connection(gateway.address, context, "shop.example") as connection:
        assert connection.sock.version() == "TLSv1.1"
        assert connection.request(host="shop.example").body == b"ok"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("algorithms, kind", [
    ("ECDSA+SHA256", "ec"), ("RSA-PSS+SHA256:RSA+SHA256", "rsa")])
def test_rsa_and_ecdsa_side_by_side(gateway, shop, shop_rsa, version, algorithms, kind):
    """The client's signature algorithms choose between the certificates."""
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
               "shop.example", version, "-sigalgs", algorithms, stdin=b"")
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    assert begin in done.stdout, done.stderr
    pem = done.stdout[done.stdout.index(begin):done.stdout.index(end) + len(end)]
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    assert der == (shop if kind == "ec" else shop_rsa).der


@pytest.mark.parametrize("cipher", ["NULL-SHA256", "AES128-SHA"])
def test_weak_ciphers_are_refused(gateway, ca, cipher):
    context = ca.client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    try:
        context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    except ssl.SSLError:
        pytest.skip(f"this OpenSSL has no {cipher}")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        fetch(gateway.address, host="shop.example", tls=context)


def test_renegotiation_is_refused(gateway):
    """TLS 1.2 clients must not be able to make the server work without end."""
    done = run("openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername",
               "shop.example", "-tls1_2", stdin=b"R\n")
    assert b"no renegotiation" in done.stderr.lower() or done.returncode != 0, done.stderr


def test_tickets_resume_a_session(gateway, ca):
    context = ca.client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    with Connection(gateway.address, context, "shop.example") as connection:
        connection.request(host="shop.example")
        session = connection.sock.session
    assert session is not None
    with contextlib.closing(Connection(gateway.address)) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname="shop.example",
                                              session=session)
        assert connection.sock.session_reused
        assert connection.request(host="shop.example").status == 200


def test_alpn_answers_http11(gateway, ca):
    context = ca.client_context()
    context.set_alpn_protocols(["http/1.1"])
    with Connection(gateway.address, context, "shop.example") as connection:
        assert connection.sock.selected_alpn_protocol() == "http/1.1"


# ClientHellos that come in pieces.


def server_hello_follows(gateway, pieces):
    with Connection(gateway.address) as connection:
        for piece in pieces:
            connection.send(piece)
        head = connection.read(6)
    return head[0] == RECORD_HANDSHAKE and head[5] == 2


def test_hello_in_one_byte_segments(gateway):
    hello = client_hello("shop.example")
    assert server_hello_follows(gateway, [hello[i:i + 1] for i in range(len(hello))])


def test_hello_over_many_records(gateway):
    data = to_records(handshake_of(client_hello("shop.example")), [13])
    assert server_hello_follows(gateway, [data])


@pytest.mark.parametrize("total", [2000, 17000, 60 * 1024])
def test_large_hello(gateway, total):
    assert server_hello_follows(
        gateway, [to_records(padded_hello("shop.example", total), [16384])])


def test_handshake_that_stalls_is_closed(start, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "ok"}}], "timeouts": {"handshake": "1s"}})
    with Connection(gateway.address) as connection:
        connection.send(client_hello("shop.example"))
        assert connection.read(1) == b"\x16"
        with contextlib.suppress(ConnectionResetError):
            connection.read_to_end()
    entry = gateway.wait_log(kind="connection", sni="shop.example")
    assert entry["reason"] and entry["detail"]


def test_garbage_after_the_hello_ends_the_handshake(gateway):
    before = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send(client_hello("shop.example") + b"\x16\x03\x03\x00\x04garbage garbage")
        with contextlib.suppress(ConnectionResetError):
            connection.read_to_end()
    entry = gateway.wait_log(lambda entry: entry in gateway.log_entries()[before:],
                             kind="connection", sni="shop.example")
    assert entry["reason"]
    assert fetch(gateway.address, host="shop.example").status == 308


# Two-way TLS.


def two_way(gateway, ca, host, certificate, version=ssl.TLSVersion.TLSv1_3):
    context = ca.client_context(certificate, minimum_version=ssl.TLSVersion.TLSv1_2,
                                maximum_version=version)
    return fetch(gateway.address, host=host, tls=context)


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                                   ids=["TLSv1.2", "TLSv1.3"])


@VERSIONS
@pytest.mark.parametrize("host", ["partners.example", "maybe.example"])
def test_two_way_tls_with_a_certificate(gateway, ca, host, version):
    name = f"good client {host} {version.name}"
    assert two_way(gateway, ca, host, ca.client(name), version).status == 200
    entry = gateway.wait_log(lambda entry: name in entry.get("client_subject", ""))
    assert entry["status"] == 200


@VERSIONS
def test_required_certificate_is_missing(gateway, ca, version):
    before = len(gateway.log_entries())
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        two_way(gateway, ca, "partners.example", None, version)
    entry = gateway.wait_log(lambda entry: entry in gateway.log_entries()[before:],
                             sni="partners.example")
    assert entry["kind"] == "connection"
    assert "certificate" in entry["detail"] and entry["reason"] and entry["mend"]


def test_optional_certificate_may_be_missing(gateway, ca):
    assert two_way(gateway, ca, "maybe.example", None).status == 200


@VERSIONS
@pytest.mark.parametrize("host", ["partners.example", "maybe.example"])
@pytest.mark.parametrize("flaw", ["other authority", "expired", "not yet valid", "server usage"])
def test_bad_client_certificate_is_refused(gateway, ca, other_ca, host, version, flaw):
    """Also where a certificate is optional: one that is shown has to be good."""
    certificate = {
        "other authority": lambda: other_ca.client("stranger"),
        "expired": lambda: ca.client("late", days=(-9, -2)),
        "not yet valid": lambda: ca.client("early", days=(2, 9)),
        "server usage": lambda: ca.server("client.example"),
    }[flaw]()
    before = len(gateway.log_entries())
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        two_way(gateway, ca, host, certificate, version)
    entry = gateway.wait_log(lambda entry: entry in gateway.log_entries()[before:], sni=host)
    assert entry["kind"] == "connection"
    assert entry["reason"] and entry["detail"] and entry["mend"]
    if flaw == "expired":
        assert "expired" in entry["detail"]


@pytest.mark.parametrize("sni", ["shop.example", "maybe.example"])
def test_sni_of_one_site_never_opens_a_two_way_site(gateway, ca, origin, sni):
    """421 (RFC 9110 section 15.5.20): that connection was not checked for this site."""
    before = len(origin.requests)
    with Connection(gateway.address, ca.client_context(), sni) as connection:
        assert connection.request("/", host="partners.example").status == 421
    assert len(origin.requests) == before


def test_plain_http_never_opens_a_two_way_site(gateway):
    assert fetch(gateway.address, host="partners.example").status == 308


def test_authority_in_another_case_or_with_a_port_is_the_same_site(gateway, ca):
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        for host in ("SHOP.example", f"shop.example:{gateway.port}", "shop.example."):
            assert connection.request("/", host=host).status == 200, host


# Plain http beside TLS.


@pytest.mark.parametrize("target, location", [
    ("/", "/"), ("/a/b?c=d&e=%20", "/a/b?c=d&e=%20"), ("/%2e/x", None), ("//evil.example/", None)])
def test_plain_http_is_redirected(gateway, origin, target, location):
    before = len(origin.requests)
    host = f"shop.example:{gateway.port}"
    response = fetch(gateway.address, target, host=host)
    assert response.status == 308
    value = response.get("Location")
    assert value.startswith(f"https://shop.example:{gateway.port}/"), value
    if location is not None:
        assert value == f"https://{host}{location}"
    assert len(origin.requests) == before


def test_redirect_without_a_port_has_none(gateway):
    assert fetch(gateway.address, "/x", host="shop.example").get("Location") == \
        "https://shop.example/x"


def test_redirect_of_an_absolute_target(gateway):
    response = fetch(gateway.address, "http://shop.example/y?z", host="shop.example")
    assert response.get("Location") == "https://shop.example/y?z"


def test_redirect_of_a_post_drains_or_closes(gateway):
    with Connection(gateway.address) as connection:
        response = connection.request("/x", "POST", "shop.example", body=b"x" * 1000)
        assert response.status == 308


def test_curl_follows_the_redirect(gateway, ca):
    done = run("curl", "-sS", "-L", "--max-time", "15", "--cacert", str(ca.file), "--resolve",
               f"shop.example:{gateway.port}:127.0.0.1", f"http://shop.example:{gateway.port}/f")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == "/f"


def test_unknown_host_is_not_redirected_to_itself(gateway):
    response = fetch(gateway.address, host="unknown.example")
    assert response.status in (404, 421)
    assert response.get("Location") is None


def test_plain_http_serve_and_refuse(start, ca, shop, partner_cert):
    gateway = start({"sites": [
        {"hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve",
         "respond": {"body": "both"}},
        {"hosts": ["partners.example"], "tls": partner_cert.settings(), "plain_http": "refuse",
         "respond": {"body": "tls only"}}]})
    assert fetch(gateway.address, host="shop.example").body == b"both"
    context = ca.client_context()
    assert fetch(gateway.address, host="shop.example", tls=context).body == b"both"
    refused = fetch(gateway.address, host="partners.example")
    assert 400 <= refused.status < 500
    assert b"tls only" not in refused.body
    assert fetch(gateway.address, host="partners.example", tls=context).body == b"tls only"


# Keep-alive and the end of connections.


def test_keep_alive_on_both_sides(start, ca, shop):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": origin.address}]})
        context = ca.client_context()
        for _ in range(3):
            with Connection(gateway.address, context, "shop.example") as connection:
                for _ in range(10):
                    assert connection.request(host="shop.example").status == 200
        assert len(origin.requests) == 30
        assert len(origin.connections) == 1


@VERSIONS
def test_close_notify_ends_a_connection(gateway, ca, version):
    """read_to_end would raise at a ragged end: suppress_ragged_eofs is off in the client."""
    context = ca.client_context(minimum_version=version, maximum_version=version)
    with Connection(gateway.address, context, "shop.example") as connection:
        response = connection.request(host="shop.example", fields=[("Connection", "close")])
        assert response.status == 200
        assert connection.read_to_end() == b""


def test_clients_close_notify_alone_ends_the_connection(gateway, ca):
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        connection.request(host="shop.example")
        raw = connection.sock.unwrap()
        connection.sock = raw
        assert connection.is_closed_by_peer()


def test_requests_behind_each_other_in_one_record(gateway, ca):
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        connection.send(b"".join(request_bytes(f"/{n}", host="shop.example") for n in range(5)))
        for number in range(5):
            assert json.loads(connection.read_response().body)["target"] == f"/{number}"


def test_request_in_one_byte_records(gateway, ca):
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        for byte in request_bytes("/bytewise", "POST", "shop.example", body=b"body"):
            connection.send(bytes([byte]))
        assert json.loads(connection.read_response().body)["body_bytes"] == 4


def test_large_bodies_both_ways_over_tls(start, ca, shop):
    body = bytes(range(256)) * 40960

    def handler(connection):
        while True:
            request = connection.read_request()
            connection.send(response_bytes(200, [], request.body))

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": origin.address}]})
        response = fetch(gateway.address, "/", "POST", "shop.example", body=body,
                         tls=ca.client_context())
        assert response.body == body


# Re-encryption to the backend.


def reencrypting(origin, **tls):
    return {"sites": [{"hosts": ["*"], "backend": "inner"}],
            "backends": [{"name": "inner", "servers": [origin.address], "tls": tls}]}


@pytest.fixture(scope="module")
def inner(ca):
    return ca.server("inner.example")


def test_backend_over_tls(start, ca, inner):
    names = []
    context = inner.server_context()
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    with EchoOrigin(tls=context) as origin:
        gateway = start(reencrypting(origin, ca=str(ca.file), server_name="inner.example"))
        with Connection(gateway.address) as connection:
            for _ in range(3):
                assert connection.request().status == 200
        assert names == ["inner.example"]
        assert len(origin.connections) == 1


@pytest.mark.parametrize("flaw", ["wrong name", "other authority", "expired", "plain text",
                                  "system trust only"])
def test_backend_that_cannot_be_verified_gives_502(start, ca, other_ca, inner, flaw):
    certificate, settings = inner, {"ca": str(ca.file), "server_name": "inner.example"}
    if flaw == "wrong name":
        settings["server_name"] = "other.example"
    elif flaw == "other authority":
        certificate = other_ca.server("inner.example")
    elif flaw == "expired":
        certificate = ca.server("inner.example", days=(-9, -2))
    elif flaw == "system trust only":
        del settings["ca"]
    context = None if flaw == "plain text" else certificate.server_context()
    with EchoOrigin(tls=context) as origin:
        if flaw == "plain text":
            origin.handler = lambda connection: connection.send(b"220 hello\r\n")
        gateway = start(reencrypting(origin, **settings))
        assert fetch(gateway.address).status == 502
        assert not origin.requests
        entry = gateway.wait_log(status=502)
        assert entry["reason"] and entry["detail"]


def test_backend_verification_can_be_switched_off_in_writing(start, other_ca):
    with EchoOrigin(tls=other_ca.server("whatever.example").server_context()) as origin:
        gateway = start(reencrypting(origin, verify=False))
        assert fetch(gateway.address).status == 200


def test_client_certificate_to_the_backend(start, ca, inner):
    gate = ca.client("the gateway")
    context = inner.server_context()
    context.load_verify_locations(ca.file)
    context.verify_mode = ssl.CERT_REQUIRED
    with EchoOrigin(tls=context) as origin:
        gateway = start(reencrypting(origin, ca=str(ca.file), server_name="inner.example",
                                     certificate=str(gate.crt), key=str(gate.key_file)))
        answer = json.loads(fetch(gateway.address).body)
        assert "the gateway" in json.dumps(answer["client_certificate"]["subject"])
    with EchoOrigin(tls=context) as origin:
        gateway = start(reencrypting(origin, ca=str(ca.file), server_name="inner.example"))
        assert fetch(gateway.address).status == 502


def test_from_tls_to_tls_with_two_certificates(start, ca, shop, inner):
    with EchoOrigin(tls=inner.server_context()) as origin:
        config = reencrypting(origin, ca=str(ca.file), server_name="inner.example")
        config["sites"] = [{"hosts": ["shop.example"], "tls": shop.settings(), "backend": "inner"}]
        gateway = start(config)
        with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
            assert peer_fingerprint(connection.sock) == shop.fingerprint
            body = b"x" * 300000
            answer = connection.request("/", "POST", "shop.example", body=body)
            assert json.loads(answer.body)["body_bytes"] == len(body)


def test_nothing_but_an_alert_comes_before_the_hello_is_accepted(gateway):
    """A refused client learns nothing but the alert."""
    with Connection(gateway.address) as connection:
        connection.send(client_hello("unknown.example"))
        assert [kind for kind, _ in records_in(connection.read_to_end())] == [21]
