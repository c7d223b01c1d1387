"""What may come on a TLS connection after its handshake, besides data: key updates, tickets, empty
records and alerts, from clients and from servers, how many of them, and how they are told."""

import contextlib
import socket
import ssl

import pytest

from client import fetch, open_socket, request_bytes
from h2client import h2_config, h2_connection
from origins import Origin, response_bytes
from rawtls import RawTls

SHARES_GATEWAYS = True  # see conftest.start

HOST = "shop.example"
NAME = "api.internal"
GET = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


@pytest.fixture(scope="module")
def gateway(start_for_module, shop):
    return start_for_module({"sites": [
        {"hosts": [HOST], "respond": {"status": 200, "body": "ok"}, "tls": shop.settings()}]})


@contextlib.contextmanager
def client(gateway, ca, alpn="http/1.1"):
    context = ca.client_context()
    context.set_alpn_protocols([alpn])
    with open_socket(gateway.address, 20) as sock:
        yield RawTls(sock, context, HOST)


def h2_request():
    h2 = h2_connection.H2Connection(h2_config.H2Configuration(client_side=True))
    h2.initiate_connection()
    h2.send_headers(1, [(":method", "GET"), (":scheme", "https"), (":path", "/"),
                        (":authority", HOST)], end_stream=True)
    return h2.data_to_send()


NOISE = {
    "key updates": lambda seal: seal.key_update(),
    "empty records": lambda seal: seal.empty(),
    "both": lambda seal: seal.key_update() if seal.number % 2 else seal.empty(),
}


def read_ok(raw):
    got = b""
    while not got.endswith(b"ok"):
        got += raw.tls.read(1)
    assert got.startswith(b"HTTP/1.1 200")


def ends(raw):
    try:
        while raw.tls.recv():
            pass
    except (OSError, ssl.SSLError):
        pass


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_client_that_sends_nothing_but_noise(gateway, ca, alpn, noise):
    before = len(gateway.log_entries())
    with client(gateway, ca, alpn) as raw:
        raw.send(*(noise(raw.seal) for _ in range(33)))
        ends(raw)
    entry = gateway.wait_log(lambda _: len(gateway.log_entries()) > before, reason="only_noise")
    assert entry["refused_by"] == "gateway" and "32" in entry["detail"] and entry["sni"] == HOST


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_client_that_sends_as_much_as_it_may(gateway, ca, alpn, noise):
    """32 in a row, one by one or all at once, and again after each request."""
    request = GET if alpn == "http/1.1" else h2_request()
    with client(gateway, ca, alpn) as raw:
        for _ in range(3 if alpn == "http/1.1" else 1):
            raw.send(*(noise(raw.seal) for _ in range(32)), raw.seal.data(request))
            if alpn == "http/1.1":
                read_ok(raw)
            else:
                assert raw.tls.read(9)


def test_client_that_updates_its_keys_with_each_request(gateway, ca):
    with client(gateway, ca) as raw:
        for _ in range(1000):
            raw.send(raw.seal.key_update(), raw.seal.data(GET))
            read_ok(raw)


def test_client_that_pays_for_noise_with_a_byte(gateway, ca):
    """A byte of data now and then does not buy a flood."""
    head = GET[:-2] + b"X: " + b"x" * 100
    with client(gateway, ca) as raw, contextlib.suppress(ConnectionError):
        for at in range(len(head)):
            raw.send(*(raw.seal.key_update() for _ in range(30)), raw.seal.data(head[at:at + 1]))
        ends(raw)
    gateway.wait_log(reason="only_noise")


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_alert_of_a_client_after_the_handshake(gateway, ca, alpn):
    before = len(gateway.log_entries())
    with client(gateway, ca, alpn) as raw:
        raw.send(raw.seal.alert(48))
        ends(raw)
    entry = gateway.wait_log(lambda _: len(gateway.log_entries()) > before,
                             reason="alert_unknown_ca")
    assert entry["refused_by"] == "client" and entry["mend"]


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_alert_of_a_client_in_its_request(start, ca, shop, alpn):
    """In the middle of a body, which the server waits for."""
    def handler(connection):
        connection.read_head()
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": [HOST], "backend": origin.address,
                                    "tls": shop.settings()}]})
        with client(gateway, ca, alpn) as raw:
            if alpn == "http/1.1":
                request = GET.replace(b"GET", b"PUT").replace(
                    b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\nabc")
            else:
                h2 = h2_connection.H2Connection(h2_config.H2Configuration(client_side=True))
                h2.initiate_connection()
                h2.send_headers(1, [(":method", "PUT"), (":scheme", "https"), (":path", "/"),
                                    (":authority", HOST)])
                request = h2.data_to_send()
            raw.send(raw.seal.data(request), raw.seal.alert(80))
            ends(raw)
        entry = gateway.wait_log(kind="connection", reason="alert_internal_error")
        assert entry["refused_by"] == "client"
        gateway.wait_log(kind="request", reason="alert_internal_error")


def handshake_alert(gateway, ca, version, *records):
    """The log line of a client that answers the server's first flight with these records."""
    context = ca.client_context(minimum_version=version, maximum_version=version)
    before = len(gateway.log_entries())
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=HOST)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with open_socket(gateway.address, 20) as sock:
        sock.sendall(outgoing.read())
        assert sock.recv(65536)
        sock.sendall(b"".join(b"\x15\x03\x03\x00\x02" + bytes(record) for record in records))
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    gateway.wait_log(lambda _: len(gateway.log_entries()) > before)
    entry, = gateway.log_entries()[before:]
    return entry


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("records, word", [
    ([(1, 46)], "alert_certificate_unknown"), ([(1, 48)], "alert_unknown_ca"),
    ([(1, 90)], "alert_user_canceled"), ([(1, 90), (1, 0)], "alert_user_canceled"),
    ([(1, 100)], "alert_no_renegotiation"), ([(2, 42)], "alert_bad_certificate"),
    ([(1, 41)], "alert_other"), ([(2, 121)], "alert_other"), ([(1, 0)], "closed")])
def test_alert_of_a_client_in_the_handshake(gateway, ca, version, records, word):
    """Not every client ends with a fatal one: old ones warn, and go."""
    entry = handshake_alert(gateway, ca, version, *records)
    assert entry["reason"] == word and entry["refused_by"] == "client"
    assert entry["mend"] and "unknown" not in entry["detail"]


# ---- servers ----


def backend(origin, ca, protocol="h1", **tls):
    return {"sites": [{"hosts": ["test.example"], "backend": {
        "servers": [origin.address], "protocol": protocol,
        "tls": {"ca": str(ca.file), "server_name": NAME, **tls}}}]}


def raw_origin(ca, script):
    certificate = ca.server(NAME)

    def handler(connection):
        raw = RawTls(connection.sock, certificate.server_context(), server_side=True)
        while b"\r\n\r\n" not in raw.tls.recv():
            pass
        with contextlib.suppress(OSError):
            script(raw)
            ends(raw)

    return Origin(handler)


@pytest.mark.parametrize("noise", [*NOISE.values(), lambda seal: seal.ticket()],
                         ids=[*NOISE.keys(), "tickets"])
@pytest.mark.parametrize("count", [31, 40])
def test_server_that_sends_noise(start, ca, noise, count):
    def script(raw):
        raw.send(*(noise(raw.seal) for _ in range(count)),
                 raw.seal.data(response_bytes(200, [("Connection", "close")], b"ok")))

    with raw_origin(ca, script) as origin:
        gateway = start(backend(origin, ca))
        response = fetch(gateway.address)
        if count < 32:
            assert response.status == 200 and response.body == b"ok"
        else:
            assert response.status == 502
            entry = gateway.wait_log(status=502)
            assert entry["reason"] == "only_noise" and entry["refused_by"] == "gateway"


@pytest.mark.parametrize("protocol", ["h1", "auto"])
@pytest.mark.parametrize("own, word", [(None, "alert_certificate_required"),
                                       ("other", "alert_unknown_ca")])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["TLSv1.2", "TLSv1.3"])
def test_server_that_refuses_our_certificate(start, ca, other_ca, protocol, own, word, version):
    """In TLS 1.3 it says so after our handshake is over."""
    context = ca.server(NAME).server_context(verify_mode=ssl.CERT_REQUIRED,
                                             maximum_version=version)
    context.load_verify_locations(ca.file)
    mine = other_ca.client("gate").settings() if own else {}

    def handler(connection):
        connection.wait_end()

    with Origin(handler, tls=context) as origin:
        gateway = start(backend(origin, ca, protocol, **mine))
        assert fetch(gateway.address).status == 502
        entry = gateway.wait_log(status=502)
        if version == ssl.TLSVersion.TLSv1_2 and not own:
            word = "alert_handshake_failure"
        assert entry["reason"] == word and entry["refused_by"] == "backend"
        assert "certificate" in entry["detail"] and entry["mend"]


def test_h2_server_that_refuses_our_certificate(start, ca):
    context = ca.server(NAME).server_context(verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(ca.file)
    context.set_alpn_protocols(["h2"])
    with Origin(lambda connection: connection.wait_end(), tls=context) as origin:
        gateway = start(backend(origin, ca, "h2"))
        assert fetch(gateway.address).status == 502
        entry = gateway.wait_log(status=502)
        assert entry["reason"] == "alert_certificate_required"
        assert entry["refused_by"] == "backend" and "tls.certificate" in entry["mend"]


def test_alert_in_the_middle_of_a_response(start, ca):
    def script(raw):
        raw.send(raw.seal.data(response_bytes(200, [], b"x" * 100)[:-50]), raw.seal.alert(80))

    with raw_origin(ca, script) as origin:
        gateway = start(backend(origin, ca))
        with open_socket(gateway.address, 20) as sock:
            sock.sendall(request_bytes())
            got = b""
            with contextlib.suppress(ConnectionError):
                while data := sock.recv(65536):
                    got += data
        assert b"200 OK" in got
        entry = gateway.wait_log(kind="request")
        assert entry["reason"] == "alert_internal_error" and "server" not in entry["mend"]


def test_warning_before_a_failure_is_not_its_cause(start, ca, other_ca):
    """The name is not known there, it says, and goes on; what ends it is its certificate."""
    context = other_ca.server(NAME).server_context(maximum_version=ssl.TLSVersion.TLSv1_2)

    def handler(connection):
        connection.send(b"\x15\x03\x03\x00\x02\x01\x70")
        with contextlib.suppress(ssl.SSLError, OSError):
            context.wrap_socket(connection.sock, server_side=True)

    with Origin(handler) as origin:
        gateway = start(backend(origin, ca))
        assert fetch(gateway.address).status == 502
        assert gateway.wait_log(status=502)["reason"] == "backend_certificate_unknown_ca"
