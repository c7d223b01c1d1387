"""How much a handshake may cost: the peer's messages have a limit for each, and all of its bytes have
one together, whatever records they are cut into."""

import contextlib
import json
import ssl
import struct

import pytest

from client import Connection, fetch
from origins import Origin
from tidegate import command
from tlsbytes import RECORD_HANDSHAKE, client_hello, handshake_of, records_in

HOST = "shop.example"
PARTNERS = "partners.example"
SERVER_HELLO_DONE = 14
# The library takes certificate messages of up to 100 KiB, in any records; all together may be 512 KiB.
CERTIFICATE_BYTES = 100000
HANDSHAKE_BYTES_MAX = 512 * 1024


def loose_context(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    return context


def certificate_message(length=CERTIFICATE_BYTES):
    """The beginning of one that announces so many bytes."""
    return b"\x0b" + length.to_bytes(3, "big") + bytes(length)


def in_single_bytes(message):
    """Each byte in a record of its own: six times the bytes."""
    return b"".join(struct.pack("!BHHB", RECORD_HANDSHAKE, 0x0303, 1, byte) for byte in message)


def read_server_flight(connection):
    """TLS 1.2, in the clear: up to ServerHelloDone."""
    data = b""
    while True:
        messages = b"".join(payload for kind, payload in records_in(data)
                            if kind == RECORD_HANDSHAKE)
        if messages[-4:] == bytes([SERVER_HELLO_DONE, 0, 0, 0]):
            return
        more = connection.sock.recv(65536)
        assert more, "the end before ServerHelloDone"
        data += more


@pytest.fixture
def control(folder):
    return folder / "control.sock"


@pytest.fixture
def gateway(start, control, ca, shop):
    two_way = {**ca.server(PARTNERS).settings(),
               "clients": {"verify": "required", "ca": str(ca.file)}}
    return start({"control": str(control), "sites": [
        {"hosts": [HOST], "respond": {"body": "ok"}, "tls": shop.settings()},
        {"hosts": [PARTNERS], "respond": {"body": "ok"}, "tls": two_way}]})


def groups(control):
    done = command("status", "--handshakes", "--json", "--socket", str(control))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["groups"]


def test_a_client_certificate_in_endless_records(gateway, control, ca):
    """Other connections go on: one that was there before, and new ones while the bytes come."""
    records = in_single_bytes(certificate_message())
    assert len(records) > HANDSHAKE_BYTES_MAX
    tls = ca.client_context()
    hello = client_hello(PARTNERS, loose_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    with Connection(gateway.address, tls, HOST) as other, \
            Connection(gateway.address) as connection:
        assert other.request(host=HOST).status == 200
        connection.send(hello)
        read_server_flight(connection)
        connection.send(records[:HANDSHAKE_BYTES_MAX // 2])
        assert other.request(host=HOST).status == 200
        assert fetch(gateway.address, host=HOST, tls=tls).status == 200
        connection.send_even_if_refused(records[HANDSHAKE_BYTES_MAX // 2:])
        assert connection.is_closed_by_peer()
        assert other.request(host=HOST).status == 200
    entry = gateway.wait_log(reason="too_long", seconds=20)
    assert entry["sni"] == PARTNERS
    assert entry["refused_by"] == "gateway"
    assert "more bytes than any handshake needs" in entry["detail"]
    assert entry["mend"]
    (group,) = [g for g in groups(control) if g["reason"] == "too_long"]
    assert (group["side"], group["count"]) == ("client", 1)
    assert group["example"]["name"] == PARTNERS
    assert group["example"]["who"] == "gateway"
    shown = command("status", "--handshakes", "--socket", str(control)).stdout
    assert "1  too_long" in shown and "asked for partners.example" in shown
    assert fetch(gateway.address, host=HOST, tls=tls).status == 200


def test_a_client_certificate_above_the_limit(gateway, ca):
    """One that announces more is refused by its first bytes."""
    hello = client_hello(PARTNERS, loose_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    with Connection(gateway.address) as connection:
        connection.send(hello)
        read_server_flight(connection)
        connection.send(struct.pack("!BHHB", RECORD_HANDSHAKE, 0x0303, 4, 11) + b"\xff\xff\xff")
        connection.read_to_end()
    entry = gateway.wait_log(reason="too_long", sni=PARTNERS, seconds=20)
    assert "a handshake message above the limit" in entry["detail"]
    assert fetch(gateway.address, host=HOST, tls=ca.client_context()).status == 200


def server_hello(hello):
    """TLS 1.2, with a cipher suite that the client offers."""
    assert handshake_of(hello)[0] == 1
    extensions = struct.pack("!HHB", 0xff01, 1, 0)  # secure renegotiation
    body = (b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2b" + b"\x00"
            + struct.pack("!H", len(extensions)) + extensions)
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", RECORD_HANDSHAKE, 0x0303, len(message)) + message


def test_a_backend_certificate_in_endless_records(start, ca):
    def handler(connection):
        connection.send(server_hello(connection.recv()))
        with contextlib.suppress(OSError):
            connection.send(in_single_bytes(certificate_message()))
            connection.wait_end()

    with Origin(handler) as origin:
        gateway = start({"sites": [
            {"hosts": ["other.example"], "respond": {"body": "ok"}},
            {"hosts": ["test.example"], "backend": {
                "servers": [origin.address],
                "tls": {"ca": str(ca.file), "server_name": "api.internal"}}}]})
        assert fetch(gateway.address).status == 502
        assert fetch(gateway.address, host="other.example").status == 200
        entry = gateway.wait_log(status=502, seconds=20)
    assert entry["reason"] == "too_long"
    assert "more bytes than any handshake needs" in entry["detail"]
    assert entry["refused_by"] == "gateway"
