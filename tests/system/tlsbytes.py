"""TLS seen from the wire: recorded streams, ClientHellos cut and padded at will, alerts."""

import hashlib
import socket
import ssl
import struct

RECORD_ALERT = 21
RECORD_HANDSHAKE = 22
ALERT_UNRECOGNIZED_NAME = 112
ALERT_PROTOCOL_VERSION = 70
EXTENSION_PADDING = 21


class WireTls:
    """TLS over a socket through memory BIOs, which keeps every byte of the wire."""

    def __init__(self, sock, context, server_name=None, server_side=False):
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side,
                                    server_hostname=server_name)
        self.wire_sent = bytearray()
        self.wire_received = bytearray()

    def _flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)
            self.wire_sent += data

    def _run(self, step):
        while True:
            try:
                result = step()
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                self.wire_received += data
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def handshake(self):
        self._run(self.tls.do_handshake)

    def send(self, data):
        self._run(lambda: self.tls.write(data))

    def recv(self, size=65536):
        try:
            return self._run(lambda: self.tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.recv(count - len(data))
            assert more, f"the end after {data!r}"
            data += more
        return data

    def close_notify(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self._flush()

    def drain_wire(self):
        """All that still comes, until the end of the TCP stream."""
        while True:
            data = self.sock.recv(65536)
            if not data:
                return
            self.wire_received += data


def client_hello(server_name, context=None):
    """The bytes of a real ClientHello, in its record(s)."""
    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def handshake_of(records):
    """The handshake bytes inside handshake records."""
    out = b""
    at = 0
    while at < len(records):
        kind, _, length = struct.unpack_from("!BHH", records, at)
        assert kind == RECORD_HANDSHAKE
        out += records[at + 5:at + 5 + length]
        at += 5 + length
    return out


def to_records(handshake, sizes):
    """Cuts handshake bytes into records: the given payload sizes in turn, the last repeated."""
    out = b""
    at = 0
    sizes = list(sizes)
    while at < len(handshake):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        part = handshake[at:at + size]
        out += struct.pack("!BHH", RECORD_HANDSHAKE, 0x0301, len(part)) + part
        at += len(part)
    return out


def without_padding(extensions):
    """OpenSSL pads some of its own hellos; an extension may come only once."""
    out = b""
    at = 0
    while at < len(extensions):
        kind, length = struct.unpack_from("!HH", extensions, at)
        if kind != EXTENSION_PADDING:
            out += extensions[at:at + 4 + length]
        at += 4 + length
    return out


def padded_hello(server_name, total, more_ciphers=0):
    """A ClientHello handshake message of `total` bytes, by the padding extension, and with
    `more_ciphers` unknown cipher suites: a hello of more than 64 KiB needs both."""
    hello = handshake_of(client_hello(server_name))
    body = hello[4:]
    at = 2 + 32
    at += 1 + body[at]
    ciphers_len = struct.unpack_from("!H", body, at)[0]
    ciphers = body[at + 2:at + 2 + ciphers_len] + b"\x5a\x5a" * more_ciphers
    head = body[:at]
    at += 2 + ciphers_len
    compression = body[at:at + 1 + body[at]]
    at += len(compression)
    extensions = without_padding(body[at + 2:])
    fixed = 4 + len(head) + 2 + len(ciphers) + len(compression) + 2 + len(extensions) + 4
    padding = total - fixed
    assert 0 <= padding <= 65535 - len(extensions) - 4
    extensions += struct.pack("!HH", EXTENSION_PADDING, padding) + bytes(padding)
    body = (head + struct.pack("!H", len(ciphers)) + ciphers + compression
            + struct.pack("!H", len(extensions)) + extensions)
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    assert len(hello) == total
    return hello


def records_in(data):
    """[(kind, payload)] of the whole records in data."""
    out = []
    at = 0
    while at + 5 <= len(data):
        kind, _, length = struct.unpack_from("!BHH", data, at)
        if at + 5 + length > len(data):
            break
        out.append((kind, data[at + 5:at + 5 + length]))
        at += 5 + length
    return out


def alerts_in(data):
    """The descriptions of the plain alerts in what a server sent."""
    return [payload[1] for kind, payload in records_in(data)
            if kind == RECORD_ALERT and len(payload) == 2]


def peer_fingerprint(tls):
    return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


EXTENSION_STATUS_REQUEST = 5
CERTIFICATE_STATUS = 22
SERVER_HELLO_DONE = 14


def handshake_messages(data):
    """[(type, body)] of the whole handshake messages in the plain records of what a server sent."""
    stream = b"".join(payload for kind, payload in records_in(data) if kind == RECORD_HANDSHAKE)
    out = []
    at = 0
    while at + 4 <= len(stream):
        length = int.from_bytes(stream[at + 1:at + 4], "big")
        if at + 4 + length > len(stream):
            break
        out.append((stream[at], stream[at + 4:at + 4 + length]))
        at += 4 + length
    return out


def staple_of(address, server_name, seconds=20):
    """The OCSP response (DER) that a client of TLS 1.2 is sent, where the handshake is plain to read;
    None when there is none (RFC 6066 section 8)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    body = handshake_of(client_hello(server_name, context))[4:]
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + struct.unpack_from("!H", body, at)[0]
    at += 1 + body[at]
    extensions = (without_padding(body[at + 2:])
                  + struct.pack("!HHBHH", EXTENSION_STATUS_REQUEST, 5, 1, 0, 0))
    body = body[:at] + struct.pack("!H", len(extensions)) + extensions
    data = b""
    with socket.create_connection(address, seconds) as sock:
        sock.sendall(to_records(b"\x01" + len(body).to_bytes(3, "big") + body, [16384]))
        while True:
            messages = dict(handshake_messages(data))
            if SERVER_HELLO_DONE in messages:
                status = messages.get(CERTIFICATE_STATUS)
                return status[4:] if status else None
            chunk = sock.recv(65536)
            assert chunk, f"no handshake: alerts {alerts_in(data)}"
            data += chunk
