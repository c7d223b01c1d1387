"""The PROXY protocol in front of TLS and HTTP: believed from those that are named, from nobody
else."""

import contextlib
import socket
import struct

import pytest

from client import Connection, request_bytes
from origins import EchoOrigin, Origin
from tlsbytes import client_hello
from waiting import wait_until

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command, family, payload):
    return V2 + struct.pack("!BBH", 0x20 | command, family, len(payload)) + payload


def v2_ipv4(source="192.0.2.1", target="192.0.2.2", ports=(1111, 443), tlvs=b""):
    return v2(1, 0x11, socket.inet_aton(source) + socket.inet_aton(target)
              + struct.pack("!HH", *ports) + tlvs)


def v2_ipv6(source="2001:db8::1", target="2001:db8::2", ports=(1111, 443)):
    return v2(1, 0x21, socket.inet_pton(socket.AF_INET6, source)
              + socket.inet_pton(socket.AF_INET6, target) + struct.pack("!HH", *ports))


V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 443\r\n"

GOOD = [
    ("v1 ipv4", V1, "192.0.2.1", "192.0.2.1:1111"),
    ("v1 ipv6", b"PROXY TCP6 2001:db8::1 2001:db8::2 1111 443\r\n", "2001:db8::1",
     "[2001:db8::1]:1111"),
    ("v1 unknown", b"PROXY UNKNOWN\r\n", "127.0.0.1", None),
    ("v1 unknown with addresses", b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1", None),
    ("v2 ipv4", v2_ipv4(), "192.0.2.1", "192.0.2.1:1111"),
    ("v2 ipv6", v2_ipv6(), "2001:db8::1", "[2001:db8::1]:1111"),
    ("v2 local", v2(0, 0, b""), "127.0.0.1", None),
    ("v2 of no family", v2(1, 0, b""), "127.0.0.1", None),
    ("v2 with extensions", v2_ipv4(tlvs=b"\x02\0\x05abcde\x04\0\x03\0\0\0"), "192.0.2.1",
     "192.0.2.1:1111"),
]

BAD = [
    ("v1 without addresses", b"PROXY TCP4\r\n"),
    ("v1 with a bad address", b"PROXY TCP4 192.0.2.300 192.0.2.2 1 2\r\n"),
    ("v1 with one address", b"PROXY TCP4 192.0.2.1 1 2\r\n"),
    ("v1 with a name", b"PROXY TCP4 test.example 192.0.2.2 1 2\r\n"),
    ("v1 with a bad port", b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
    ("v1 with a negative port", b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
    ("v1 with a leading zero", b"PROXY TCP4 192.0.2.1 192.0.2.2 01111 2\r\n"),
    ("v1 with two spaces", b"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    ("v1 with more words", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
    ("v1 with a bare lf", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"),
    ("v1 too long", b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n"),
    ("v1 of another family", b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
    ("v1 of no family", b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    ("v1 in lower case", b"proxy tcp4 192.0.2.1 192.0.2.2 1 2\r\n"),
    ("v1 twice", V1 + V1),
    ("v2 of version 3", V2 + b"\x31\x11\0\x0c" + b"\0" * 12),
    ("v2 of an unknown command", v2(2, 0x11, b"\0" * 12)),
    ("v2 shorter than its addresses", v2(1, 0x11, b"\0" * 8)),
    ("v2 of ipv6 shorter than its addresses", v2(1, 0x21, b"\0" * 12)),
    ("v2 with a cut extension", v2_ipv4(tlvs=b"\x02\0\x09abc")),
    ("v2 of a spoilt signature", b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c" + b"\0" * 12),
]


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture(scope="module")
def trusting(start_for_module, origin, shop):
    return start_for_module({
        "listeners": [{"bind": "127.0.0.1:0", "proxy_protocol_from": ["127.0.0.0/8"]}],
        "sites": [{"hosts": ["*"], "backend": origin.address},
                  {"hosts": ["shop.example"], "tls": shop.settings(), "backend": origin.address}]})


@pytest.fixture(scope="module")
def strict(start_for_module, origin):
    return start_for_module({
        "listeners": [{"bind": "127.0.0.1:0", "proxy_protocol_from": ["192.0.2.0/24"]}],
        "sites": [{"hosts": ["*"], "backend": origin.address}]})


@pytest.mark.parametrize("header, address, client",
                         [pytest.param(*case[1:], id=case[0]) for case in GOOD])
@pytest.mark.parametrize("pieces", ["at once", "bytewise"])
def test_header_from_a_trusted_peer(trusting, origin, header, address, client, pieces):
    before = len(origin.requests)
    with Connection(trusting.address) as connection:
        data = header + request_bytes("/proxied")
        for part in ([data] if pieces == "at once" else [bytes([byte]) for byte in data]):
            connection.send(part)
        assert connection.read_response().status == 200
        assert connection.request("/second").status == 200
        client = client or connection.local_text()
    for request in origin.requests[before:]:
        assert request.get("X-Forwarded-For") == address
    request_id = origin.requests[before].get("X-Request-Id")
    assert trusting.wait_log(request_id=request_id)["client"] == client


def test_header_before_tls(trusting, origin, ca):
    before = len(origin.requests)
    with Connection(trusting.address, ca.client_context(), "shop.example",
                    first=v2_ipv6()) as connection:
        assert connection.request(host="shop.example").status == 200
    assert origin.requests[before].get("X-Forwarded-For") == "2001:db8::1"
    assert origin.requests[before].get("X-Forwarded-Proto") == "https"


def test_header_before_passthrough(start):
    """The address of the header is the one that goes to the backend."""
    def handler(connection):
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = start({
            "listeners": [{"bind": "127.0.0.1:0", "proxy_protocol_from": ["127.0.0.1"]}],
            "sites": [{"hosts": ["*"], "passthrough": "bank"}],
            "backends": [{"name": "bank", "servers": [origin.address], "proxy_protocol": "v1"}]})
        hello = client_hello("bank.example")
        with Connection(gateway.address) as connection:
            connection.send(V1 + hello)
            connection.half_close()
            connection.read_to_end()
        wait_until(lambda: origin.connections and origin.connections[0].is_done)
        received = bytes(origin.connections[0].received)
        assert received == V1 + hello
        assert gateway.wait_log(kind="connection")["client"] == "192.0.2.1:1111"


def test_trusted_peer_without_a_header_is_served_as_itself(trusting, origin):
    before = len(origin.requests)
    with Connection(trusting.address) as connection:
        assert connection.request().status == 200
    assert origin.requests[before].get("X-Forwarded-For") == "127.0.0.1"


def assert_refused(gateway, origin, data):
    before = len(origin.requests)
    lines = len(gateway.log_entries())
    with Connection(gateway.address) as connection:
        connection.send_even_if_refused(data + request_bytes())
        connection.half_close()
        with contextlib.suppress(ConnectionResetError):
            answer = connection.read_to_end()
            assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
    assert len(origin.requests) == before
    wait_until(lambda: len(gateway.log_entries()) > lines, what="a log line")
    assert gateway.log_entries()[lines].get("reason")


@pytest.mark.parametrize("header", [pytest.param(case[1], id=case[0]) for case in GOOD])
def test_header_from_a_stranger_is_refused(strict, origin, header):
    assert_refused(strict, origin, header)


def test_header_where_none_is_expected_is_refused(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
    for header in (V1, v2_ipv4()):
        assert_refused(gateway, origin, header)


@pytest.mark.parametrize("header", [pytest.param(case[1], id=case[0]) for case in BAD])
def test_malformed_header_is_refused(trusting, origin, header):
    assert_refused(trusting, origin, header)


def test_peer_on_a_unix_socket_can_be_trusted(start, origin, folder):
    gateway = start({
        "listeners": [{"bind": f"unix:{folder}/gate.sock", "proxy_protocol_from": ["unix"]}],
        "sites": [{"hosts": ["*"], "backend": origin.address}]})
    before = len(origin.requests)
    with Connection(gateway.address) as connection:
        connection.send(V1 + request_bytes())
        assert connection.read_response().status == 200
    assert origin.requests[before].get("X-Forwarded-For") == "192.0.2.1"
