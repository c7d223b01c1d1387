"""The handshake's certificate as a method of `auth`: asked for by routes of a site that others use without one."""

import contextlib
import json

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import fetch
from h2client import Client
from h2origin import H2Origin, serve
from issuer import Issuer, Key
from origins import Origin
from tidegate import command

HOST = "partners.example"
SPIFFE = "spiffe://example.org/ns/shop/sa/cart"


class World:
    def __init__(self, start, ca, back, folder):
        self.seen, self.ca = [], ca
        self.issuer = Issuer(keys=[Key("EdDSA")])
        keys = folder / "keys.pem"
        keys.write_text(self.issuer.keys[0].pem())
        self.origin = H2Origin(serve(self._h2)) if back == "h2c" else Origin(self._h1)
        self.client = ca.client("cart", names=["cart.example", "cart-2.example", SPIFFE, "cart@example.org",
                                             "10.0.0.1", "2001:db8::1"])
        self.plain = ca.client("plain")
        jwt = {"issuers": [{"issuer": self.issuer.name, "audience": "shop", "keys": str(keys)}]}

        def site(host, verify):
            return {"hosts": [host], "tls": {**ca.server(host).settings(), "clients": {"verify": verify, "ca": str(ca.file)}},
                    "request_fields": {"set": {
                        "X-User": "{user}", "X-Spiffe": "{claim.spiffe}", "X-Dns": "{claim.dns}", "X-Ip": "{claim.ip}",
                        "X-Issuer": "{claim.issuer}", "X-Email": "{claim.email}", "X-Print": "{claim.fingerprint}",
                        "X-Sub": "{claim.sub}"}},
                    "routes": [
                        {"match": {"path": "/uri"}, "auth": {"client_certificate": "uri"}, "backend": "up"},
                        {"match": {"path": "/subject"}, "auth": {"client_certificate": {}}, "backend": "up"},
                        {"match": {"path": "/print"}, "auth": {"client_certificate": "fingerprint"}, "backend": "up"},
                        {"match": {"path": "/any"}, "auth": {"client_certificate": {}, "jwt": jwt}, "backend": "up"},
                        {"match": {"path": "/all"}, "auth": {"client_certificate": {}, "jwt": jwt, "mode": "all"},
                         "backend": "up"},
                        {"backend": "up"}]}

        self.gateway = start({"sites": [site(HOST, "optional"), site("lax.example", "optional_unverified")],
                              "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                self.seen.append({name.lower(): value for name, value in request.fields})
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _h2(self, connection, request):
        self.seen.append(dict(request.fields))
        connection.respond(request.stream, 200, [], b"ok")


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module, ca, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    folder.chmod(0o755)
    world = World(start_for_module, ca, request.param, folder)
    yield world
    world.issuer.close()
    world.origin.close(check=False)


def ask_h1(world, target, client=None, fields=(), host=HOST):
    answer = fetch(world.gateway.address, target, host=host, fields=fields, tls=world.ca.client_context(client))
    return answer.status, [(name.lower(), value) for name, value in answer.fields]


def ask_h2(world, target, client=None, fields=(), host=HOST):
    tls = world.ca.client_context(client)
    tls.set_alpn_protocols(["h2"])
    with Client(world.gateway.address, tls=tls, server_name=host) as connection:
        answer = connection.request(target, host=host, fields=[(name.lower(), value) for name, value in fields])
        return answer.status, list(answer.fields)


ASKS = pytest.mark.parametrize("ask", [ask_h1, ask_h2], ids=["h1", "h2"])


def challenges(fields):
    return [value for name, value in fields if name == "www-authenticate"]


@ASKS
def test_certificate_says_who_it_is(world, ask):
    assert ask(world, "/uri", world.client, [("X-User", "root"), ("x_spiffe", "spiffe://evil")])[0] == 200
    seen = world.seen[-1]
    assert (seen["x-user"], seen["x-spiffe"], seen["x-email"]) == (SPIFFE, SPIFFE, "cart@example.org")
    assert seen["x-dns"] == "cart.example,cart-2.example" and seen["x-issuer"].endswith("CN=Test Root")
    assert "x_spiffe" not in seen and seen["x-ip"] == "10.0.0.1,2001:db8::1"
    assert ask(world, "/subject", world.client)[0] == 200 and world.seen[-1]["x-user"] == "CN=cart"
    assert ask(world, "/print", world.plain)[0] == 200
    assert world.seen[-1]["x-user"] == world.seen[-1]["x-print"] and len(world.seen[-1]["x-print"]) == 64
    entry = world.gateway.wait_log(user=SPIFFE)
    assert entry["auth"] == "client_certificate"


@ASKS
def test_others_of_the_site_need_none(world, ask):
    assert ask(world, "/open")[0] == 200
    assert ask(world, "/open", world.client)[0] == 200
    assert "x-user" not in world.seen[-1]


@ASKS
def test_without_one_it_is_forbidden_and_nothing_is_asked_for(world, ask):
    count = len(world.seen)
    for target, client, reason in (("/subject", None, "client_unknown"), ("/uri", world.plain, "client_not_allowed")):
        status, fields = ask(world, target, client)
        assert (status, challenges(fields)) == (403, [])
        assert "user" not in world.gateway.wait_log(target=target, reason=reason)
    assert len(world.seen) == count


@ASKS
def test_one_that_was_not_verified_is_nobody(world, ask, other_ca):
    stranger = other_ca.client("cart")
    assert ask(world, "/open", stranger, host="lax.example")[0] == 200
    assert ask(world, "/subject", stranger, host="lax.example")[0] == 403
    world.gateway.wait_log(reason="client_unverified", status=403)
    assert ask(world, "/subject", world.client, host="lax.example")[0] == 200


@ASKS
def test_with_another_method(world, ask):
    token = ("Authorization", "Bearer " + world.issuer.token())
    status, fields = ask(world, "/any")
    assert (status, challenges(fields)) == (401, ['Bearer realm="restricted"'])
    assert ask(world, "/any", world.client)[0] == 200 and world.seen[-1]["x-user"] == "CN=cart"
    assert ask(world, "/any", None, [token])[0] == 200 and world.seen[-1]["x-user"] == "ann"
    status, fields = ask(world, "/all", None, [token])
    assert (status, challenges(fields)) == (403, [])
    status, fields = ask(world, "/all", world.client)
    assert (status, challenges(fields)) == (401, ['Bearer realm="restricted"'])
    assert ask(world, "/all", world.client, [token])[0] == 200
    seen = world.seen[-1]  # the first method's name, and what both have said
    assert (seen["x-user"], seen["x-sub"], seen["x-spiffe"]) == ("CN=cart", "ann", SPIFFE)


@pytest.mark.parametrize("clients, auth, words", [
    (None, {"client_certificate": {}}, "the site does not ask for any"),
    ({"verify": "off"}, {"client_certificate": {}}, "the site does not ask for any"),
    ({"verify": "optional"}, {"client_certificate": "serial"}, "serial"),
], ids=str)
def test_wrong_ones_are_told(ca, folder, clients, auth, words):
    tls = {**ca.server("a.example").settings(), **({"clients": {"ca": str(ca.file), **clients}} if clients else {})}
    (folder / "t.yaml").write_text(json.dumps(
        {"sites": [{"hosts": ["a.example"], "respond": {"body": "x"}, "tls": tls, "auth": auth}]}))
    done = command("check", "-c", str(folder / "t.yaml"))
    assert done.returncode == 1 and words in done.stdout + done.stderr
