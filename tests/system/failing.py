"""What the tests of failures share: `tidegate explain` where it must fail, the gateway's log, and
peers that fail in one way each."""

import contextlib
import json
import re
import socket
import ssl
import threading

import pytest

from client import Connection, open_socket
from origins import EchoOrigin, Origin
from tidegate import command

HOST = "shop.example"

ALERTS = {10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
          40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
          44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
          47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
          51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
          80: "internal_error", 86: "inappropriate_fallback", 109: "missing_extension",
          110: "unsupported_extension", 112: "unrecognized_name",
          113: "bad_certificate_status_response", 115: "unknown_psk_identity",
          120: "no_application_protocol"}


def explain(url, *options, timeout=30):
    """The failure as JSON; the three lines of the diagram must say the same."""
    drawn = command("explain", url, *options, timeout=timeout)
    assert drawn.returncode == 1, (drawn.stdout, drawn.stderr)
    lines = drawn.stdout.rstrip("\n").split("\n")[-3:]
    who, why, what = (line.split(":", 1) for line in lines)
    assert [who[0].strip(), why[0].strip(), what[0].strip()] == ["who refused", "why", "what to do"]
    done = command("explain", url, "--json", *options, timeout=timeout)
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    failure = answer["failure"]
    assert answer["ok"] is False
    assert what[1].strip() == failure["what_to_do"]
    assert why[1].strip().startswith(failure["why"])
    assert why[1].strip().endswith(f"[{failure['reason']}]")
    # Ports of the two runs may differ.
    assert re.sub(r"\d+", "", who[1].strip()) == re.sub(r"\d+", "", failure["who"])
    return failure


def explain_to(port, ca, *options, host=HOST):
    return explain(f"https://{host}/", "--connect", f"127.0.0.1:{port}", "--ca", str(ca.file),
                   *options)


def is_server(failure):
    return failure["who"].startswith("the server (")


@contextlib.contextmanager
def answering(data, wait_hello=True, end=None):
    """A server that answers the first bytes with `data`, and then ends as told."""
    def handler(connection):
        if wait_hello:
            connection.recv()
        connection.send(data)
        if end == "reset":
            connection.reset()
        elif end == "wait":
            connection.wait_end()
        else:
            connection.half_close()
            connection.wait_end()
    with Origin(handler) as origin:
        yield origin.port


def logged(gateway, before, **fields):
    return gateway.wait_log(lambda entry: entry in gateway.log_entries()[before:], seconds=20,
                            **fields)


def check_logged(gateway, before, reason, **fields):
    entry = logged(gateway, before, reason=reason, **fields)
    if entry["kind"] == "connection":
        is_client = reason.startswith(("alert_", "closed", "reset"))
        assert entry["refused_by"] == ("client" if is_client else "gateway")
    assert entry["detail"]
    assert entry["mend"]
    return entry


def client_files(certificate):
    return ("--cert", str(certificate.crt), "--key", str(certificate.key_file))


@contextlib.contextmanager
def tls_server(certificate, file=None, ciphers=None, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_cert_chain(file or certificate.crt, certificate.key_file)
    for name, value in options.items():
        setattr(context, name, value)
    with EchoOrigin(tls=context) as server:
        yield server


@contextlib.contextmanager
def spoiling(address, from_client=None, from_server=None):
    """Changes the last byte of the record with that number, counted from 0, in one direction."""
    def pump(source, sink, spoil):
        buffer = b""
        number = 0
        with contextlib.suppress(OSError):
            while True:
                data = source.recv(65536)
                if not data:
                    break
                buffer += data
                while len(buffer) >= 5 and len(buffer) >= 5 + int.from_bytes(buffer[3:5], "big"):
                    end = 5 + int.from_bytes(buffer[3:5], "big")
                    record, buffer = bytearray(buffer[:end]), buffer[end:]
                    if number == spoil:
                        record[-1] ^= 1
                    sink.sendall(record)
                    number += 1
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def handler(connection):
        with contextlib.closing(open_socket(address)) as upstream:
            back = threading.Thread(target=pump, args=(upstream, connection.sock, from_server))
            back.start()
            pump(connection.sock, upstream, from_client)
            back.join()
    with Origin(handler) as proxy:
        yield proxy.port


def tls_fails(gateway, context, server_name):
    with pytest.raises((ssl.SSLError, OSError, AssertionError, EOFError)):
        with Connection(gateway.address, context, server_name) as connection:
            connection.request(host=server_name)
            connection.request(host=server_name)


def loose_context(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    return context
