"""Who the client is behind proxies that are trusted: the same for logs, variables, redirects, hashes and what servers
are told, by the usual fields or by the one that the configuration names. What strangers say of it is removed."""

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from test_h2_combinations import answers, ask_h1, ask_h2, field, h1_origin, h2_origin
from tidegate import command
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

BACKS = {"h1": h1_origin, "h2c": h2_origin}
ASKS = {"h1": ask_h1, "h2": ask_h2}
NAMED = "CF-Connecting-IP"


class World:
    def __init__(self, start, front, back, trusted, **more):
        self.ask_with = ASKS[front]
        self.origin = BACKS[back](answers)
        self.gateway = start({
            **({"trusted_proxies": trusted} if trusted else {}), **more,
            "sites": [{"hosts": ["shop.example"], "routes": [
                {"match": {"path": "/who"}, "respond": {}, "response_fields": {
                    "set": {"X-Client": "{client.address}", "X-Said": "{request.CF-Connecting-IP}",
                            "X-Mine": "{request.X-My-Client}"}}},
                {"backend": "up"}]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]})

    def ask(self, path="/", fields=(), body=None, trailers=None):
        del self.origin.requests_seen[:]
        answer = self.ask_with(self.gateway, path, "POST" if body else "GET", body, list(fields), trailers)
        return answer, self.origin.requests_seen[-1] if self.origin.requests_seen else None

    def logged(self):
        return self.gateway.log_entries()[-1]


@pytest.fixture(name="make", params=["h1-h1", "h1-h2c", "h2-h1", "h2-h2c"])
def _make(request, start):
    front, back = request.param.split("-")
    made = []

    def make(trusted, **more):
        made.append(World(start, front, back, trusted, **more))
        return made[-1]

    yield make
    for world in made:
        world.origin.close(check=False)


def test_the_named_field_is_the_client_everywhere(make):
    world = make(["127.0.0.0/8"], client_address_from=NAMED)
    said = [(NAMED, "192.0.2.7"), ("X-Forwarded-For", "203.0.113.99, 203.0.113.98"),
            ("Forwarded", "for=203.0.113.97;proto=http"), ("X-Real-IP", "203.0.113.96")]
    _, request = world.ask(fields=said)
    assert field(request, "x-real-ip") == "192.0.2.7"
    assert field(request, "x-forwarded-for") == "192.0.2.7, 127.0.0.1"
    forwarded = field(request, "forwarded")
    assert forwarded.startswith("for=192.0.2.7;") and "203.0.113" not in forwarded
    assert field(request, "cf-connecting-ip") == "192.0.2.7"
    answer, _ = world.ask("/who", said)
    assert answer.fields["x-client"] == "192.0.2.7" and answer.fields["x-said"] == "192.0.2.7"
    wait_until(lambda: len(world.gateway.log_entries()) == 2)
    assert [one["client"] for one in world.gateway.log_entries()] == ["192.0.2.7"] * 2


def test_without_a_good_one_the_peer_is_the_client(make):
    world = make(["127.0.0.0/8"], client_address_from=NAMED)
    for said in ([], [(NAMED, "unknown")], [(NAMED, "")], [("X-Forwarded-For", "192.0.2.1")]):
        _, request = world.ask(fields=said)
        assert field(request, "x-real-ip") == "127.0.0.1" and field(request, "x-forwarded-for") == "127.0.0.1"
    _, request = world.ask(fields=[(NAMED, "192.0.2.1, 192.0.2.2"), (NAMED, "192.0.2.3")])
    assert field(request, "x-forwarded-for") == "192.0.2.3, 127.0.0.1"


def test_scheme_and_host_are_told_beside_it_as_ever(make):
    world = make(["127.0.0.0/8"], client_address_from=NAMED)
    for said in ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "out.example:8443")],
                 [("Forwarded", 'for=203.0.113.1;proto=https;host="out.example:8443"')]):
        _, request = world.ask(fields=[(NAMED, "2001:DB8::1"), *said])
        assert field(request, "x-forwarded-proto") == "https"
        assert field(request, "x-forwarded-host") == "out.example:8443"
        assert field(request, "x-forwarded-port") == "8443"
        assert field(request, "x-real-ip") == "2001:db8::1"
        assert "203.0.113" not in field(request, "forwarded")


@pytest.mark.parametrize("name", ["X-My-Client", "X_My_Client", "x.my.client"])
def test_nobody_else_says_it_in_any_spelling(make, name):
    world = make(["10.0.0.0/8"], client_address_from="X-My-Client")
    answer, _ = world.ask("/who", [(name, "192.0.2.66")])
    assert answer.fields["x-client"] == "127.0.0.1" and "x-mine" not in answer.fields
    _, request = world.ask("/", [(name, "192.0.2.66")], b"body", [(name, "192.0.2.66"), ("X-Sum", "1")])
    assert "192.0.2.66" not in str(request[2]) and "192.0.2.66" not in str(request[4])
    assert "1" in str(request[4])


def test_another_spelling_is_nobodys(make):
    world = make(["127.0.0.0/8"], client_address_from="X-My-Client")
    _, request = world.ask("/", [("X-My-Client", "192.0.2.1"), ("X_My_Client", "192.0.2.66")], b"body",
                           [("X-My-Client", "192.0.2.66")])
    assert field(request, "x-real-ip") == "192.0.2.1"
    assert "192.0.2.66" not in str(request[2]) + str(request[4])


def test_a_hash_of_the_address_is_of_the_named_client(start):
    origins = [h1_origin(answers) for _ in range(3)]
    gateway = start({"trusted_proxies": ["127.0.0.0/8"], "client_address_from": NAMED,
                     "sites": [{"hosts": ["shop.example"], "backend": {
                         "servers": [one.address for one in origins], "balance": {"hash": "address"}}}]})

    def server_of(address):
        for one in origins:
            del one.requests_seen[:]
        ask_h1(gateway, "/", "GET", None, [(NAMED, address)], None)
        return [bool(one.requests_seen) for one in origins].index(True)

    found = {address: server_of(address) for address in (f"192.0.2.{i}" for i in range(1, 13))}
    assert len(set(found.values())) > 1
    assert all(server_of(address) == server for address, server in found.items())
    for one in origins:
        one.close(check=False)


@pytest.mark.parametrize("text, said", [
    ("client_address_from: CF-Connecting-IP\n", "without 'trusted_proxies'"),
    ("trusted_proxies: [10.0.0.0/8]\nclient_address_from: X-Forwarded-For\n", "is read anyway"),
    ("trusted_proxies: [10.0.0.0/8]\nclient_address_from: Host\n", "cannot be changed"),
    ("trusted_proxies: [10.0.0.0/8]\nclient_address_from: \"a b\"\n", "is no name of a field")])
def test_a_field_that_cannot_name_clients_is_refused(tmp_path, text, said):
    path = tmp_path / "t.yaml"
    path.write_text("sites:\n  - hosts: [a.example]\n    respond: {}\n" + text)
    result = command("check", "-c", str(path))
    assert result.returncode == 1 and said in result.stdout + result.stderr
