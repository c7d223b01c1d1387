"""TLS 1.3 with the records after the handshake made here: as many as one wants, of any kind. The
library shakes hands and says what keys came of it; what is sent afterwards is sealed by `Sealer`."""

import pathlib
import ssl
import struct
import tempfile

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tlsbytes import WireTls

ALERT, HANDSHAKE, DATA = 21, 22, 23
KEY_UPDATE = b"\x18\x00\x00\x01\x00"  # update_not_requested
TICKET = b"\x04\x00\x00\x1a" + struct.pack("!II", 7200, 1) + b"\x02ab" + b"\x00\x0bticket12345" + \
    b"\x00\x00"

SUITES = {
    "TLS_AES_128_GCM_SHA256": (hashes.SHA256, AESGCM, 16),
    "TLS_AES_256_GCM_SHA384": (hashes.SHA384, AESGCM, 32),
    "TLS_CHACHA20_POLY1305_SHA256": (hashes.SHA256, ChaCha20Poly1305, 32),
}


class Sealer:
    """One direction's keys (RFC 8446 sections 5.2, 7.1 to 7.3)."""

    def __init__(self, suite, secret):
        self.hash, self.cipher, self.key_bytes = SUITES[suite]
        self.secret = secret
        self._use()

    def _expand(self, label, length):
        label = b"tls13 " + label
        info = struct.pack("!HB", length, len(label)) + label + b"\x00"
        return HKDFExpand(self.hash(), length, info).derive(self.secret)

    def _use(self):
        self.aead = self.cipher(self._expand(b"key", self.key_bytes))
        self.iv = self._expand(b"iv", 12)
        self.number = 0

    def record(self, kind, data):
        inner = data + bytes([kind])
        head = struct.pack("!BHH", DATA, 0x0303, len(inner) + 16)
        nonce = bytes(a ^ b for a, b in zip(self.iv, self.number.to_bytes(12, "big")))
        self.number += 1
        return head + self.aead.encrypt(nonce, inner, head)

    def key_update(self):
        record = self.record(HANDSHAKE, KEY_UPDATE)
        self.secret = self._expand(b"traffic upd", self.hash.digest_size)
        self._use()
        return record

    def ticket(self):
        return self.record(HANDSHAKE, TICKET)

    def empty(self):
        return self.record(DATA, b"")

    def data(self, data):
        return self.record(DATA, data)

    def alert(self, number, level=2):
        return self.record(ALERT, bytes([level, number]))


class RawTls:
    """An end of a connection whose handshake is over; `seal` makes records, `tls.recv` reads."""

    def __init__(self, sock, context, server_name=None, server_side=False):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if server_side:
            context.num_tickets = 0
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder, "keys")
            context.keylog_filename = str(log)
            self.sock = sock
            self.tls = WireTls(sock, context, server_name, server_side)
            self.tls.handshake()
            word = "SERVER_TRAFFIC_SECRET_0" if server_side else "CLIENT_TRAFFIC_SECRET_0"
            secret = [line.split()[2] for line in log.read_text().splitlines()
                      if line.startswith(word)][-1]
        self.seal = Sealer(self.tls.tls.cipher()[0], bytes.fromhex(secret))

    def send(self, *records):
        self.sock.sendall(b"".join(records))
