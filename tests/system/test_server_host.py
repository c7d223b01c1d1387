"""Servers that are asked for a host of their own, whatever the client asked for."""

import json

import pytest

from client import Connection
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, response_bytes
from tidegate import command
from waiting import wait_until

FAST = {"interval": "100ms", "timeout": "10s"}


class Server(Origin):
    """Notes the hosts that it is asked for, and what it is told of the client's."""

    def __init__(self):
        self.hosts = []
        self.checked = []
        super().__init__(self.answer)

    def answer(self, connection):
        while True:
            request = connection.read_request()
            assert len(request.all("Host")) == 1
            if request.target == "/health":
                self.checked.append(request.get("Host"))
            else:
                self.hosts.append((request.get("Host"), request.get("X-Forwarded-Host")))
            connection.send(response_bytes(200))


class H2Server(H2Origin):
    def __init__(self):
        self.hosts = []
        self.checked = []
        super().__init__(serve(self.answer))

    def answer(self, connection, request):
        assert request.get("host") is None
        if request.get(":path") == "/health":
            self.checked.append(request.get(":authority"))
        else:
            self.hosts.append((request.get(":authority"), request.get("x-forwarded-host")))
        connection.respond(request.stream, 200)


FRONTS = pytest.mark.parametrize("front", [Connection, Client], ids=["from-h1", "from-h2"])
BACKS = pytest.mark.parametrize("kind, protocol", [(Server, "h1"), (H2Server, "h2c")], ids=["h1", "h2"])


def pool(servers, **backend):
    return {"workers": 1, "sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers": servers, **backend}]}


@FRONTS
@BACKS
def test_a_server_gets_its_own_host(start, front, kind, protocol):
    with kind() as one, kind() as other:
        gateway = start(pool([{"address": one.address, "host": "shop.hosting.example:8080"}, other.address],
                             protocol=protocol))
        with front(gateway.address) as client:
            for method, body in (("GET", None), ("POST", b"x" * 100)) * 2:
                assert client.request("/", method, body=body, host="shop.example").status == 200
        assert one.hosts == [("shop.hosting.example:8080", "shop.example")] * 2
        assert other.hosts == [("shop.example", "shop.example")] * 2


@BACKS
def test_one_address_has_sites_of_several_hosts(start, kind, protocol):
    """Each is a server of its own, with its own health."""
    with kind() as server:
        gateway = start({**pool([{"address": server.address, "host": f"{name}.example"} for name in "ab"],
                                protocol=protocol, health_check={"path": "/health", **FAST})})
        with Connection(gateway.address) as client:
            for _ in range(4):
                assert client.request(host="shop.example").status == 200
        assert sorted(host for host, _ in server.hosts) == ["a.example"] * 2 + ["b.example"] * 2
        wait_until(lambda: {"a.example", "b.example"} <= set(server.checked))
        assert set(server.checked) == {"a.example", "b.example"}


@BACKS
def test_a_check_may_have_a_host_of_its_own(start, kind, protocol):
    with kind() as server:
        start(pool([{"address": server.address, "host": "a.example"}], protocol=protocol,
                   health_check={"http": {"path": "/health", "host": "check.example"}, **FAST}))
        wait_until(lambda: len(server.checked) >= 2)
        assert set(server.checked) == {"check.example"}


@BACKS
def test_lists_have_hosts_too_and_they_change(start, folder, kind, protocol):
    path = folder / "servers.json"
    with kind() as server:
        path.write_text(json.dumps([{"address": server.address, "host": "one.example"}]))
        gateway = start({"sites": [{"hosts": ["*"], "backend": "pool"}], "backends": [
            {"name": "pool", "servers_from": {"file": str(path), "every": "50ms"}, "protocol": protocol}]})

        def host():
            with Connection(gateway.address) as client:
                assert client.request().status == 200
            return server.hosts[-1][0]

        assert host() == "one.example"
        fresh = folder / "fresh"
        fresh.write_text(json.dumps([{"address": server.address, "host": "two.example"}]))
        fresh.rename(path)
        wait_until(lambda: host() == "two.example")


@pytest.mark.parametrize("host", ["a b", "http://a.example", "a/b", ""])
def test_a_host_that_is_none(folder, host):
    (folder / "tidegate.yaml").write_text(json.dumps(pool([{"address": "127.0.0.1:1", "host": host}])))
    done = command("check", "-c", str(folder / "tidegate.yaml"))
    assert done.returncode == 1 and "host" in done.stderr
