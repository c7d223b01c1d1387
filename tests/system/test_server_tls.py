"""Servers that have TLS of their own, beside others of the same backend."""

import json

import pytest

from client import Connection
from failing import tls_server
from origins import EchoOrigin
from tidegate import command
from waiting import wait_until

FAST = {"interval": "100ms", "timeout": "10s", "assume": "down"}


def pool(servers, tls, **backend):
    return {"workers": 1, "sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers": servers, "tls": tls, **backend}]}


def answers(gateway, count):
    with Connection(gateway.address) as client:
        return [client.request() for _ in range(count)]


def names(gateway, count):
    return sorted(json.loads(response.body)["origin"] for response in answers(gateway, count))


@pytest.mark.parametrize("protocol", ["h1", "auto"])
def test_each_server_is_verified_by_its_own_authority(start, ca, other_ca, protocol):
    one, two = ca.server("one.example"), other_ca.server("two.example")
    with EchoOrigin("one", tls=one.server_context()) as a, EchoOrigin("two", tls=two.server_context()) as b:
        own = {"ca": str(other_ca.file), "server_name": "two.example"}
        usual = {"ca": str(ca.file), "server_name": "one.example"}
        gateway = start(pool([a.address, {"address": b.address, "tls": own}], usual, protocol=protocol))
        assert names(gateway, 6) == ["one"] * 3 + ["two"] * 3
        # Neither one's authority is good for the other one.
        wrong = start(pool([{"address": a.address, "tls": own}, {"address": b.address, "tls": own}], usual,
                           protocol=protocol))
        assert names(wrong, 4) == ["two"] * 4
        assert wrong.server_changes(a.address)[0]["to"] == "ejected"
        # A section of its own says all: the name and the authority of the backend do not count.
        bare = start(pool([{"address": a.address, "tls": {"ca": str(ca.file)}}], usual, protocol=protocol))
        assert [response.status for response in answers(bare, 1)] == [502]


def test_one_server_may_be_shown_a_certificate_of_ours(start, ca):
    mine = ca.client("gateway.example")
    server = ca.server("app.example")
    asking = server.server_context(verify_mode=2)
    asking.load_verify_locations(str(ca.file))
    usual = {"ca": str(ca.file), "server_name": "app.example"}
    with EchoOrigin("asks", tls=asking) as a, EchoOrigin("not", tls=server.server_context()) as b:
        own = {**usual, "certificate": str(mine.crt), "key": str(mine.key_file)}
        gateway = start(pool([{"address": a.address, "tls": own}, b.address], usual))
        assert names(gateway, 4) == ["asks"] * 2 + ["not"] * 2


def test_one_server_may_be_unverified(start, ca, other_ca):
    with EchoOrigin("known", tls=ca.server("app.example").server_context()) as a, \
            EchoOrigin("odd", tls=other_ca.server("x.example").server_context()) as b, \
            EchoOrigin("wrong", tls=other_ca.server("x.example").server_context()) as c:
        gateway = start(pool([a.address, {"address": b.address, "tls": {"verify": False}}, c.address],
                             {"ca": str(ca.file), "server_name": "app.example"}))
        assert set(names(gateway, 8)) == {"known", "odd"}
        assert "not verified" in gateway.stderr()


def test_checks_go_by_it_too(start, ca, other_ca):
    with tls_server(ca.server("app.example")) as one, tls_server(other_ca.server("app.example")) as two, \
            tls_server(other_ca.server("app.example")) as wrong:
        gateway = start(pool([one.address, {"address": two.address, "tls": {
            "ca": str(other_ca.file), "server_name": "app.example"}}, wrong.address],
            {"ca": str(ca.file), "server_name": "app.example"}, health_check=FAST))
        gateway.wait_change(one.address, to="up")
        gateway.wait_change(two.address, to="up")
        assert not gateway.server_changes(wrong.address)


def test_its_files_are_followed(start, ca, other_ca, folder):
    own = folder / "own.pem"
    own.write_text(ca.file.read_text())
    with EchoOrigin("a", tls=ca.server("one.example").server_context()) as a:
        gateway = start(pool([{"address": a.address, "tls": {"ca": str(own), "server_name": "one.example"}}],
                             {"ca": str(other_ca.file)}, idle_connections=0))
        assert names(gateway, 1) == ["a"]
        fresh = folder / "fresh.pem"
        fresh.write_text(other_ca.file.read_text())
        fresh.rename(own)
        wait_until(lambda: "its changed TLS files are in use now" in gateway.stderr(), 20)
        assert [response.status for response in answers(gateway, 1)] == [502]


def test_a_list_cannot_say_how_servers_are_verified(start, ca, folder):
    path = folder / "servers.json"
    with EchoOrigin("a", tls=ca.server("one.example").server_context()) as a:
        path.write_text(json.dumps([{"address": a.address, "server_name": "one.example"}]))
        gateway = start({"sites": [{"hosts": ["*"], "backend": "pool"}], "backends": [
            {"name": "pool", "servers_from": {"file": str(path), "every": "50ms"}, "tls": {"ca": str(ca.file)}}]})
        assert names(gateway, 1) == ["a"]
        fresh = folder / "fresh.json"
        fresh.write_text(json.dumps([{"address": a.address, "tls": {"verify": False}}]))
        fresh.rename(path)
        wait_until(lambda: "a list says where servers are" in gateway.stderr())
        assert names(gateway, 1) == ["a"]


def test_a_server_with_tls_in_a_plain_backend_is_told_by_check(folder):
    (folder / "tidegate.yaml").write_text(json.dumps({"sites": [{"hosts": ["*"], "backend": {
        "servers": [{"address": "a.example:1", "tls": {}}]}}]}))
    done = command("check", "-c", str(folder / "tidegate.yaml"))
    assert done.returncode == 1 and "add 'tls: {}' to the backend" in done.stderr
