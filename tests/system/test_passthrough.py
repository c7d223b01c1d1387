"""TLS passed through untouched: whose certificate the client sees, byte for byte what arrives, how
connections end, and what happens to ClientHellos of every shape."""

import contextlib
import socket
import struct
import threading

import pytest

from client import Connection, fetch, open_socket
from origins import EchoOrigin, Origin
from tidegate import children_of
from tlsbytes import (ALERT_UNRECOGNIZED_NAME, RECORD_HANDSHAKE, WireTls, alerts_in, client_hello,
                      handshake_of, padded_hello, peer_fingerprint, records_in, to_records)
from waiting import wait_stable, wait_until

SHARES_GATEWAYS = True  # see conftest.start

MIB = 1 << 20  # where a transfer must stall within 64, that leaves room for the kernel's buffers


def record_all(connection):
    """An origin that only listens, and then says how many bytes it got."""
    data = connection.read_to_end()
    connection.send(b"%d bytes" % len(data))


def passing(origin, **more):
    """bank.example and its wildcard pass through to one origin."""
    backend = {"name": "bank", "servers": [origin.address], **more.pop("backend", {})}
    return {"sites": [{"hosts": ["bank.example", "*.vault.example"], "passthrough": "bank"}],
            "backends": [backend], **more}


# Whose certificate, which bytes.


def test_client_sees_the_certificate_of_the_origin(start, ca, bank):
    with EchoOrigin(tls=bank.server_context()) as origin:
        gateway = start(passing(origin))
        with Connection(gateway.address, ca.client_context(), "bank.example") as connection:
            assert peer_fingerprint(connection.sock) == bank.fingerprint
            assert connection.request("/x", host="bank.example").status == 200
        entry = gateway.wait_log(kind="connection", mode="passthrough")
        assert entry["sni"] == "bank.example"
        assert entry["backend"] == "bank"
        assert entry["server"] == origin.address
        assert entry["bytes_in"] > 0 and entry["bytes_out"] > 0
        assert "reason" not in entry


def test_both_streams_are_relayed_byte_for_byte(start, ca, bank):
    payload = bytes(range(256)) * 4096

    def handler(connection):
        wire = WireTls(connection.sock, bank.server_context(), server_side=True)
        origin_wires.append(wire)
        wire.handshake()
        assert wire.read(len(payload)) == payload
        wire.send(payload[::-1])
        wire.close_notify()
        wire.sock.shutdown(socket.SHUT_WR)
        wire.drain_wire()

    origin_wires = []
    with Origin(handler) as origin:
        gateway = start(passing(origin))
        with contextlib.closing(open_socket(gateway.address)) as sock:
            wire = WireTls(sock, ca.client_context(), "bank.example")
            wire.handshake()
            wire.send(payload)
            assert wire.read(len(payload)) == payload[::-1]
            assert wire.recv() == b""
            wire.close_notify()
            sock.shutdown(socket.SHUT_WR)
            wire.drain_wire()
        wait_until(lambda: origin.connections[0].is_done)
        assert wire.wire_sent[:3] == b"\x16\x03\x01"
        assert bytes(origin_wires[0].wire_received) == bytes(wire.wire_sent)
        assert bytes(wire.wire_received) == bytes(origin_wires[0].wire_sent)
        entry = gateway.wait_log(kind="connection")
        assert entry["bytes_in"] == len(wire.wire_sent)
        assert entry["bytes_out"] == len(wire.wire_received)


# Half-close.


def test_half_close_of_the_client_reaches_the_origin(start):
    def handler(connection):
        data = connection.read_to_end()
        for _ in range(3):
            connection.send(b"late answer to %d bytes\n" % len(data))

    with Origin(handler) as origin:
        gateway = start(passing(origin))
        hello = client_hello("bank.example")
        with Connection(gateway.address) as connection:
            connection.send(hello + b"tail")
            connection.half_close()
            expected = b"late answer to %d bytes\n" % (len(hello) + 4)
            assert connection.read_to_end() == expected * 3
        assert bytes(origin.connections[0].received) == hello + b"tail"


def test_half_close_of_the_origin_reaches_the_client(start):
    def handler(connection):
        connection.send(b"all I have to say")
        connection.half_close()
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = start(passing(origin))
        hello = client_hello("bank.example")
        with Connection(gateway.address) as connection:
            connection.send(hello)
            assert connection.read_to_end() == b"all I have to say"
            connection.send(b"still talking")
            connection.half_close()
            wait_until(lambda: origin.connections[0].is_done)
        assert bytes(origin.connections[0].received) == hello + b"still talking"


def test_reset_of_the_origin_ends_the_client(start):
    def handler(connection):
        connection.read(1)
        connection.reset()

    with Origin(handler) as origin:
        gateway = start(passing(origin))
        with Connection(gateway.address) as connection:
            connection.send(client_hello("bank.example"))
            assert connection.is_closed_by_peer()


def test_reset_of_the_client_ends_the_origin(start):
    with Origin(lambda connection: connection.read_to_end()) as origin:
        gateway = start(passing(origin))
        connection = Connection(gateway.address)
        connection.send(client_hello("bank.example"))
        origin.wait_connections(1)
        connection.reset()
        wait_until(lambda: origin.connections[0].is_done)


# The PROXY protocol to the backend.


def test_proxy_v1_to_the_backend(start):
    with Origin(record_all) as origin:
        gateway = start(passing(origin, backend={"proxy_protocol": "v1"}))
        hello = client_hello("bank.example")
        with Connection(gateway.address) as connection:
            client_port = connection.local_address[1]
            connection.send(hello)
            connection.half_close()
            connection.read_to_end()
        header = f"PROXY TCP4 127.0.0.1 127.0.0.1 {client_port} {gateway.port}\r\n".encode()
        assert bytes(origin.connections[0].received) == header + hello


def test_proxy_v1_to_the_backend_over_ipv6(start):
    with Origin(record_all) as origin:
        gateway = start(passing(origin, backend={"proxy_protocol": "v1"},
                                listeners=[{"bind": "[::1]:0"}]))
        hello = client_hello("bank.example")
        with Connection(gateway.address) as connection:
            client_port = connection.local_address[1]
            connection.send(hello)
            connection.half_close()
            connection.read_to_end()
        header = f"PROXY TCP6 ::1 ::1 {client_port} {gateway.port}\r\n".encode()
        assert bytes(origin.connections[0].received) == header + hello


def test_proxy_v2_to_the_backend(start):
    with Origin(record_all) as origin:
        gateway = start(passing(origin, backend={"proxy_protocol": "v2"}))
        hello = client_hello("bank.example")
        with Connection(gateway.address) as connection:
            client_port = connection.local_address[1]
            connection.send(hello)
            connection.half_close()
            connection.read_to_end()
        received = bytes(origin.connections[0].received)
        assert received[:12] == b"\r\n\r\n\0\r\nQUIT\n"
        version, family, length = struct.unpack_from("!BBH", received, 12)
        assert (version, family) == (0x21, 0x11)
        source, target, source_port, target_port = struct.unpack_from("!4s4sHH", received, 16)
        assert source == target == b"\x7f\0\0\1"
        assert (source_port, target_port) == (client_port, gateway.port)
        assert received[16 + length:] == hello


# Back-pressure and time.


def bulk_handler(total):
    chunk = b"x" * MIB

    def handler(connection):
        connection.read(1)
        for _ in range(total // MIB):
            connection.send(chunk)
            del connection.sent[:]
            handler.sent += MIB
        connection.half_close()
        connection.read_to_end()

    handler.sent = 0
    return handler


def test_slow_reader_never_grows_memory(start):
    total = 256 * MIB
    handler = bulk_handler(total)
    with Origin(handler, timeout=60) as origin:
        gateway = start(passing(origin), sanitizer_options="quarantine_size_mb=4")
        before = gateway.rss_bytes()
        with Connection(gateway.address, receive_buffer=65536) as connection:
            connection.send(client_hello("bank.example"))
            stalled_at = wait_stable(lambda: handler.sent)
            assert stalled_at < 64 * MIB, "the origin was read without the client reading"
            assert gateway.rss_bytes() - before < 16 * MIB
            count = 0
            while True:
                data = connection.sock.recv(MIB)
                if not data:
                    break
                count += len(data)
            assert count == total
        assert gateway.rss_bytes() - before < 16 * MIB


def test_slow_origin_never_grows_memory(start):
    total = 256 * MIB
    go = threading.Event()

    def handler(connection):
        connection.read(1)
        assert go.wait(60)
        count = 1 + len(connection.buffer)
        while True:
            data = connection.recv(MIB)
            if not data:
                break
            count += len(data)
            del connection.received[:]
        connection.send(b"%d" % count)

    with Origin(handler, timeout=60) as origin:
        gateway = start(passing(origin), sanitizer_options="quarantine_size_mb=4")
        before = gateway.rss_bytes()
        hello = client_hello("bank.example")
        sent = [0]

        def push():
            for _ in range(total // MIB):
                connection.send(b"y" * MIB)
                sent[0] += MIB
            connection.half_close()

        with Connection(gateway.address, timeout=60) as connection:
            connection.send(hello)
            pusher = threading.Thread(target=push, daemon=True)
            pusher.start()
            assert wait_stable(lambda: sent[0]) < 64 * MIB
            assert gateway.rss_bytes() - before < 16 * MIB
            go.set()
            assert connection.read_to_end() == b"%d" % (total + len(hello))
            pusher.join(60)
        assert gateway.rss_bytes() - before < 16 * MIB


def test_idle_tunnel_is_closed_after_tunnel_idle(start):
    with Origin(lambda connection: connection.read_to_end()) as origin:
        gateway = start(passing(origin, timeouts={"tunnel_idle": "1s"}))
        with Connection(gateway.address) as connection:
            connection.send(client_hello("bank.example"))
            assert connection.is_closed_by_peer()
        wait_until(lambda: origin.connections[0].is_done)
        entry = gateway.wait_log(kind="connection")
        assert "reason" in entry
        assert 900 <= entry["ms"]["total"] <= 5000


def test_busy_tunnel_outlives_tunnel_idle(start):
    """Each byte starts the time again, whichever way it goes."""
    rounds = 12
    released = threading.Semaphore(0)

    def handler(connection):
        connection.read(1)
        for _ in range(rounds):
            assert released.acquire(timeout=10)
            connection.send(b".")
        connection.half_close()
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = start(passing(origin, timeouts={"tunnel_idle": "1s"}))
        pause = threading.Event()
        with Connection(gateway.address) as connection:
            connection.send(client_hello("bank.example"))
            for _ in range(rounds):
                pause.wait(0.2)
                released.release()
                assert connection.read(1) == b"."
            assert connection.read_to_end() == b""


def test_tunnel_is_closed_after_tunnel_total(start):
    def handler(connection):
        connection.read(1)
        with contextlib.suppress(OSError):
            while not connection.has_ended:
                connection.send(b".")
                pause.wait(0.05)

    pause = threading.Event()
    with Origin(handler) as origin:
        gateway = start(passing(origin, timeouts={"tunnel_total": "1500ms"}))
        with Connection(gateway.address) as connection:
            connection.send(client_hello("bank.example"))
            with contextlib.suppress(ConnectionResetError):
                connection.read_to_end()
        entry = gateway.wait_log(kind="connection")
        assert 1400 <= entry["ms"]["total"] <= 6000
        assert "reason" in entry


def test_connection_that_says_nothing_is_closed_after_first_byte(start):
    with Origin(record_all) as origin:
        gateway = start(passing(origin, timeouts={"first_byte": "1s"}))
        with Connection(gateway.address) as connection:
            assert connection.is_closed_by_peer()
        assert gateway.wait_log(kind="connection")["reason"]


def test_half_a_hello_is_closed_after_first_byte(start):
    with Origin(record_all) as origin:
        gateway = start(passing(origin, timeouts={"first_byte": "1s"}))
        with Connection(gateway.address) as connection:
            connection.send(client_hello("bank.example")[:-10])
            connection.read_to_end()
        assert gateway.wait_log(kind="connection")["reason"]
        assert not origin.connections


# ClientHellos of every shape.


@pytest.fixture(scope="module")
def module_origin():
    with Origin(record_all) as origin:
        yield origin


@pytest.fixture(scope="module")
def module_gateway(start_for_module, module_origin):
    return start_for_module(passing(module_origin))


def assert_arrives(gateway, origin, pieces):
    """Sends the pieces, each in a segment of its own, and compares with what arrived."""
    sent = b"".join(pieces)
    with Connection(gateway.address) as connection:
        for piece in pieces:
            connection.send(piece)
        connection.half_close()
        assert connection.read_to_end() == b"%d bytes" % len(sent)
    assert bytes(origin.connections[-1].received) == sent


def test_hello_in_one_byte_segments(module_gateway, module_origin):
    hello = client_hello("bank.example")
    assert_arrives(module_gateway, module_origin, [hello[i:i + 1] for i in range(len(hello))])


@pytest.mark.parametrize("sizes", [[1, 65536], [3, 65536], [4, 65536], [5, 65536], [50], [7], [1]],
                         ids=str)
def test_hello_over_many_records(module_gateway, module_origin, sizes):
    hello = handshake_of(client_hello("bank.example"))
    assert_arrives(module_gateway, module_origin, [to_records(hello, sizes)])


def test_hello_over_many_records_and_segments(module_gateway, module_origin):
    data = to_records(handshake_of(client_hello("bank.example")), [11])
    assert_arrives(module_gateway, module_origin, [data[i:i + 7] for i in range(0, len(data), 7)])


@pytest.mark.parametrize("total", [2500, 4000, 16384, 20000, 60 * 1024, 64000])
def test_large_hello(module_gateway, module_origin, total):
    hello = padded_hello("bank.example", total)
    assert_arrives(module_gateway, module_origin, [to_records(hello, [16384])])


def test_large_hello_in_small_pieces(module_gateway, module_origin):
    data = to_records(padded_hello("bank.example", 60 * 1024), [1000])
    assert_arrives(module_gateway, module_origin,
                   [data[i:i + 1400] for i in range(0, len(data), 1400)])


def test_hello_above_64_kib_is_refused(module_gateway, module_origin):
    before = len(module_origin.connections)
    hello = padded_hello("bank.example", 70 * 1024, more_ciphers=10000)
    with Connection(module_gateway.address) as connection:
        connection.send_even_if_refused(to_records(hello, [16384]))
        with contextlib.suppress(ConnectionResetError):
            answer = connection.read_to_end()
            assert not answer or alerts_in(answer)
    assert len(module_origin.connections) == before
    module_gateway.wait_log(lambda entry: entry.get("reason"), kind="connection")


@pytest.mark.parametrize("data", [
    pytest.param(b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", id="not a ClientHello"),
    pytest.param(b"\x16\x03\x01\x00\x00", id="an empty record"),
    pytest.param(b"\x16\x03\x01\xff\xff" + b"\x01" * 100, id="a record above 16 KiB"),
    pytest.param(b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", id="a hello of 16 MiB"),
    pytest.param(b"\x16\x03\x01\x00\x10\x01\x00\x00\x0c" + b"\x03\x03" + b"\0" * 10,
                 id="a hello cut short"),
    pytest.param(b"\x15\x03\x01\x00\x02\x01\x00", id="an alert first"),
    pytest.param(b"\x17\x03\x03\x00\x02\x01\x00", id="application data first"),
    pytest.param(b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\0" * 37, id="SSLv2"),
    pytest.param(b"\x16\x03\x01\x00\x01\x01\x17\x03\x03\x00\x01\x00",
                 id="another record kind within the hello"),
])
def test_malformed_hello_is_refused_with_a_reason(module_gateway, module_origin, data):
    before = len(module_origin.connections)
    lines = len(module_gateway.log_entries())
    with Connection(module_gateway.address) as connection:
        connection.send(data)
        connection.half_close()
        with contextlib.suppress(ConnectionResetError):
            answer = connection.read_to_end()
            assert not any(kind == RECORD_HANDSHAKE for kind, _ in records_in(answer))
    wait_until(lambda: len(module_gateway.log_entries()) > lines, what="a log line")
    assert module_gateway.log_entries()[lines].get("reason")
    assert len(module_origin.connections) == before


# The choice by SNI.


def refused_with_unrecognized_name(gateway, hello):
    with Connection(gateway.address) as connection:
        connection.send(hello)
        answer = connection.read_to_end()
    assert alerts_in(answer) == [ALERT_UNRECOGNIZED_NAME]
    assert all(kind != RECORD_HANDSHAKE for kind, _ in records_in(answer))


def test_unknown_sni_gets_an_alert_and_nobodys_certificate(module_gateway, module_origin):
    before = len(module_origin.connections)
    refused_with_unrecognized_name(module_gateway, client_hello("unknown.example"))
    assert len(module_origin.connections) == before
    entry = module_gateway.wait_log(sni="unknown.example")
    assert entry["kind"] == "connection"
    assert entry["reason"] and entry["detail"] and entry["mend"]


def test_no_sni_gets_an_alert_when_there_is_no_default_site(module_gateway, module_origin):
    before = len(module_origin.connections)
    refused_with_unrecognized_name(module_gateway, client_hello(None))
    assert len(module_origin.connections) == before


def test_unknown_sni_is_not_given_a_terminated_sites_certificate(start, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "shop"}}]})
    refused_with_unrecognized_name(gateway, client_hello("unknown.example"))
    refused_with_unrecognized_name(gateway, client_hello(None))


@pytest.mark.parametrize("name", ["a.vault.example", "A.VAULT.example", "BANK.EXAMPLE",
                                  "Bank.Example"])
def test_names_match_in_any_case_and_by_wildcard(module_gateway, module_origin, name):
    assert_arrives(module_gateway, module_origin, [client_hello(name)])


@pytest.mark.parametrize("name", ["vault.example", "a.b.vault.example", "xvault.example",
                                  "bank.example.evil.example", "notbank.example"])
def test_names_that_match_no_wildcard(module_gateway, name):
    refused_with_unrecognized_name(module_gateway, client_hello(name))


def named(name):
    """An origin that answers with its name to whatever comes."""
    def handler(connection):
        connection.read(1)
        connection.send(name)
        connection.half_close()
        connection.read_to_end()
    return handler


def test_exact_then_wildcard_then_default(start):
    with Origin(named(b"exact")) as exact, Origin(named(b"wildcard")) as wildcard, \
            Origin(named(b"default")) as default:
        gateway = start({"sites": [
            {"hosts": ["*"], "passthrough": default.address},
            {"hosts": ["*.vault.example"], "passthrough": wildcard.address},
            {"hosts": ["a.vault.example"], "passthrough": exact.address}]})
        for name, answer in [("a.vault.example", b"exact"), ("b.vault.example", b"wildcard"),
                             ("vault.example", b"default"), ("else.example", b"default"),
                             (None, b"default")]:
            with Connection(gateway.address) as connection:
                connection.send(client_hello(name))
                assert connection.read_to_end() == answer, name


def test_passthrough_and_termination_on_one_port(start, ca, bank, shop):
    with EchoOrigin(tls=bank.server_context()) as origin:
        config = passing(origin)
        config["sites"].append({"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "shop"}})
        gateway = start(config)
        context = ca.client_context()
        with Connection(gateway.address, context, "bank.example") as connection:
            assert peer_fingerprint(connection.sock) == bank.fingerprint
        with Connection(gateway.address, context, "shop.example") as connection:
            assert peer_fingerprint(connection.sock) == shop.fingerprint
            assert connection.request(host="shop.example").body == b"shop"
        assert fetch(gateway.address, host="shop.example").status == 308


def test_plain_http_of_a_passthrough_site_is_redirected(module_gateway):
    response = fetch(module_gateway.address, "/a?b=c", host="bank.example")
    assert response.status == 308
    assert response.get("Location") == "https://bank.example/a?b=c"


# Addresses of every kind.


def test_unix_socket_listener_and_backend(start, folder, ca, bank):
    with EchoOrigin(path=folder / "bank.sock", tls=bank.server_context()) as origin:
        gateway = start(passing(origin, listeners=[{"bind": f"unix:{folder}/gate.sock"}]))
        with Connection(str(folder / "gate.sock"), ca.client_context(),
                        "bank.example") as connection:
            assert peer_fingerprint(connection.sock) == bank.fingerprint
            assert connection.request(host="bank.example").status == 200
        gateway.stop()
        assert not (folder / "gate.sock").exists()


def test_ipv6_listener_and_backend(start, ca, bank):
    with EchoOrigin(host="::1", tls=bank.server_context()) as origin:
        gateway = start(passing(origin, listeners=[{"bind": ["[::1]:0", "127.0.0.1:0"]}]))
        for address in gateway.addresses:
            with Connection(address, ca.client_context(), "bank.example") as connection:
                assert connection.request(host="bank.example").status == 200
        entry = gateway.wait_log(lambda entry: entry["client"].startswith("["))
        assert entry["client"].startswith("[::1]:")
        assert entry["server"] == origin.address


def test_server_that_refuses_is_skipped_for_the_next(start, free_address):
    with Origin(named(b"alive")) as origin:
        config = passing(origin)
        config["backends"][0]["servers"] = [free_address, origin.address]
        gateway = start(config)
        for _ in range(4):
            with Connection(gateway.address) as connection:
                connection.send(client_hello("bank.example"))
                assert connection.read_to_end() == b"alive"


def test_no_server_at_all_closes_with_a_reason(start, free_address):
    gateway = start({"sites": [{"hosts": ["bank.example"], "passthrough": free_address}]})
    with Connection(gateway.address) as connection:
        connection.send(client_hello("bank.example"))
        with contextlib.suppress(ConnectionResetError):
            answer = connection.read_to_end()
            assert not any(kind == RECORD_HANDSHAKE for kind, _ in records_in(answer))
    entry = gateway.wait_log(kind="connection", sni="bank.example")
    assert entry["reason"] and entry["detail"]


def test_many_tunnels_at_once(start, ca, bank):
    with EchoOrigin(tls=bank.server_context()) as origin:
        gateway = start(passing(origin, workers=2))
        context = ca.client_context()
        connections = []
        try:
            for _ in range(60):
                connections.append(Connection(gateway.address, context, "bank.example"))
            for number, connection in enumerate(connections):
                answer = connection.request(f"/{number}", host="bank.example")
                assert f'"target": "/{number}"'.encode() in answer.body
        finally:
            for connection in connections:
                connection.close()
        assert len(children_of(gateway.process.pid)) == 1
