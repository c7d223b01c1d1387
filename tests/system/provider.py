"""A small provider of OpenID Connect: codes with PKCE, ID tokens, refresh tokens, logout tokens; in order or not.

Nobody is asked for a password: whoever comes to /authorize is `user`, and goes back with a code.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import secrets
import threading
import time
import urllib.parse

from issuer import Key, encode

EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Provider:
    """`mode` of its token endpoint: up, down, slow (until it is let go), huge, lying, garbage, wrong_*."""

    def __init__(self, client_id="gateway", secret="s3cr:t/+ %"):
        self.client_id, self.secret = client_id, secret
        self.keys = [Key("ES256", "one")]
        self.user, self.mode, self.lifetime, self.refreshes = "ann", "up", 600, True
        self.claims, self.document = {}, {}
        self.codes, self.refresh_tokens, self.token_asked = {}, {}, []
        self.document_mode = "up"
        self.access_tokens, self.userinfo, self.userinfo_mode, self.userinfo_asked = {}, {}, "up", []
        self.let_go = threading.Event()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # pylint: disable=invalid-name
                with contextlib.suppress(OSError):
                    provider.answer_get(self)

            def do_POST(self):  # pylint: disable=invalid-name
                with contextlib.suppress(OSError):
                    provider.answer_post(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # the gateway went away
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer_get(self, handler):
        path = handler.path.partition("?")[0]
        if path == "/.well-known/openid-configuration":
            if self.document_mode == "down":
                self.send(handler, 503, b"")
                return
            self.send_json(handler, {
                "issuer": self.url, "authorization_endpoint": self.url + "/authorize?x=1",
                "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/jwks",
                "end_session_endpoint": self.url + "/end", "userinfo_endpoint": self.url + "/userinfo",
                "code_challenge_methods_supported": ["plain", "S256"],
                **self.document})
        elif path == "/jwks":
            self.send_json(handler, {"keys": [key.jwk() for key in self.keys]})
        elif path == "/userinfo":
            self.answer_userinfo(handler)
        else:
            self.send(handler, 404, b"")

    def answer_userinfo(self, handler):
        """Also in order or not: up, down, refused, slow, huge, garbage, another."""
        mode, (scheme, _, token) = self.userinfo_mode, handler.headers.get("Authorization", "").partition(" ")
        self.userinfo_asked.append(token)
        if mode == "slow":
            self.let_go.wait(20)
        if mode == "down":
            self.send(handler, 503, b"")
        elif mode == "refused" or scheme != "Bearer" or token not in self.access_tokens:
            self.send(handler, 401, b"")
        elif mode == "huge":
            self.send(handler, 200, b'{"sub":"' + b"x" * 70000 + b'"}')
        elif mode == "garbage":
            self.send(handler, 200, b"<html>")
        else:
            user = "another" if mode == "another" else self.access_tokens[token]
            self.send_json(handler, {name: value for name, value in {"sub": user, **self.userinfo}.items()
                                     if value is not None})

    def answer_post(self, handler):
        form = urllib.parse.parse_qs(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        form = {name: values[0] for name, values in form.items()}
        self.token_asked.append(form)
        mode = self.mode
        if mode == "slow":
            self.let_go.wait(20)
        if mode == "down":
            self.send(handler, 503, b"")
        elif mode == "garbage":
            self.send(handler, 200, b"<html>")
        elif mode == "huge":
            self.send(handler, 200, b'{"id_token":"' + b"x" * 70000 + b'"}')
        elif mode == "lying":
            self.send(handler, 200, b'{"id_token":', length=1000)
            handler.close_connection = True
        elif not self.knows_client(handler, form):
            self.send(handler, 401, b'{"error":"invalid_client"}')
        else:
            grant = self.grant(form)
            self.send_json(handler, grant or {"error": "invalid_grant"}, 200 if grant else 400)

    def knows_client(self, handler, form):
        quoted = [urllib.parse.quote(part, safe="") for part in (self.client_id, self.secret)]
        basic = "Basic " + base64.b64encode(":".join(quoted).encode()).decode()
        if handler.headers.get("Authorization"):
            return handler.headers["Authorization"] == basic and "client_secret" not in form
        return form.get("client_id") == self.client_id and form.get("client_secret", self.secret) == self.secret

    def grant(self, form):
        if form["grant_type"] == "refresh_token":
            said = self.refresh_tokens.pop(form["refresh_token"], None)
            return said and self.tokens(said)
        said = self.codes.pop(form["code"], None)  # good once
        if not said or said["redirect_uri"] != form["redirect_uri"]:
            return None
        challenge = encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        return self.tokens(said) if challenge == said["code_challenge"] else None

    def tokens(self, said):
        access = secrets.token_urlsafe(16) + ("\r\nX-Evil: 1" if self.mode == "split" else "")
        self.access_tokens[access] = said["user"]
        claims = {"iss": self.url, "aud": self.client_id, "sub": said["user"], "sid": said["sid"], "nonce": said["nonce"],
                  "email": said["user"] + "@example.com", "iat": int(time.time()), "exp": int(time.time()) + 300,
                  **self.claims}
        digest = (hashlib.sha512 if self.keys[0].algorithm == "EdDSA" else hashlib.sha256)(access.encode()).digest()
        claims["at_hash"] = encode(digest[:len(digest) // 2])
        claims.update({"wrong_nonce": {"nonce": "another"}, "wrong_audience": {"aud": "bank"},
                       "wrong_party": {"aud": [self.client_id, "bank"], "azp": "bank"},
                       "wrong_issuer": {"iss": "https://other.example"}, "wrong_time": {"exp": 1},
                       "wrong_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
                       "large": {"text": secrets.token_urlsafe(12000)}}.get(self.mode, {}))
        key = Key("ES256", "one") if self.mode == "wrong_key" else self.keys[0]
        answer = {"access_token": access, "token_type": "DPoP" if self.mode == "bound" else "bearer", "expires_in": self.lifetime,
                  "id_token": key.sign({name: value for name, value in claims.items() if value is not None})}
        if self.refreshes:
            answer["refresh_token"] = secrets.token_urlsafe(24)
            self.refresh_tokens[answer["refresh_token"]] = said
        return answer

    def sign_in(self, location, user=None, sid=None):
        """What a browser is sent back to from a Location of the gateway's: the callback."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query, strict_parsing=True))
        assert query["response_type"] == "code" and query["client_id"] == self.client_id, query
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split(), query
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**query, "user": user or self.user, "sid": sid or secrets.token_urlsafe(6)}
        return query["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": query["state"],
                                                                      "iss": self.url})

    def logout_token(self, **claims):
        said = {"iss": self.url, "aud": self.client_id, "iat": int(time.time()), "exp": int(time.time()) + 60,
                "jti": secrets.token_urlsafe(6), "events": {EVENT: {}}, **claims}
        return self.keys[0].sign({name: value for name, value in said.items() if value is not None}, typ="logout+jwt")

    def send_json(self, handler, value, status=200):
        self.send(handler, status, json.dumps(value).encode())

    @staticmethod
    def send(handler, status, body, length=None):
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(length or len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self):
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
