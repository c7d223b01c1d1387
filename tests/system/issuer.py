"""An issuer of tokens: its keys, what it signs, and the server that gives its keys out, in order or not."""

import base64
import contextlib
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_json(value):
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def number(value, size=None):
    return encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Key:
    """One of its keys. `algorithm`: RS256, ..., EdDSA."""

    def __init__(self, algorithm="ES256", kid="one", bits=2048):
        self.algorithm, self.kid = algorithm, kid
        if algorithm[:2] in ("RS", "PS"):
            self.private = rsa.generate_private_key(65537, bits)
        elif algorithm[:2] == "ES":
            self.private = ec.generate_private_key(CURVES[algorithm])
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self):
        public = self.private.public_key()
        if self.algorithm[:2] in ("RS", "PS"):
            numbers = public.public_numbers()
            kind = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        elif self.algorithm[:2] == "ES":
            numbers, size = public.public_numbers(), SIZES[self.algorithm]
            kind = {"kty": "EC", "crv": {32: "P-256", 48: "P-384", 66: "P-521"}[size],
                    "x": number(numbers.x, size), "y": number(numbers.y, size)}
        else:
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            kind = {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
        return {"kid": self.kid, "use": "sig", "alg": self.algorithm, **kind}

    def pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def signature(self, text):
        if self.algorithm == "EdDSA":
            return self.private.sign(text)
        digest = HASHES[self.algorithm[2:]]
        if self.algorithm[:2] == "RS":
            return self.private.sign(text, padding.PKCS1v15(), digest)
        if self.algorithm[:2] == "PS":
            return self.private.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        size = SIZES[self.algorithm]
        r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def sign(self, claims, **header):
        text = encode_json({"alg": self.algorithm, "kid": self.kid, **header}) + "." + encode_json(claims)
        return text + "." + encode(self.signature(text.encode()))


def sign_with_secret(secret, claims, **header):
    text = encode_json({"alg": "HS256", **header}) + "." + encode_json(claims)
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(text.encode())
    return text + "." + encode(mac.finalize())


class Issuer:
    """Gives out the keys `keys` at /jwks. `mode`: up, error, garbage, empty, redirect, huge, slow (until it is let go)."""

    def __init__(self, name="https://id.example.com", keys=None):
        self.name, self.keys = name, keys if keys is not None else [Key()]
        self.mode, self.cache_control, self.asked = "up", None, 0
        self.let_go = threading.Event()
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                issuer.asked += 1
                with contextlib.suppress(OSError):
                    issuer.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"

    def answer(self, handler):
        mode = self.mode
        body = json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()
        if mode == "slow":
            self.let_go.wait(30)
        elif mode == "garbage":
            body = b"<html>please sign in</html>"
        elif mode == "empty":
            body = b'{"keys":[]}'
        elif mode == "huge":
            body = b'{"keys":[' + b" " * 300000 + b"]}"
        handler.send_response({"error": 500, "redirect": 302}.get(mode, 200))
        if mode == "redirect":
            handler.send_header("Location", "/elsewhere")
        if self.cache_control:
            handler.send_header("Cache-Control", self.cache_control)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def claims(self, **other):
        now = int(time.time())
        claims = {"iss": self.name, "aud": "shop", "sub": "ann", "iat": now, "exp": now + 600, **other}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key=None, header=None, **claims):
        return (key or self.keys[0]).sign(self.claims(**claims), **(header or {}))

    def close(self):
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
