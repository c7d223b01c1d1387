"""Which Host the servers get: the client's, their own, or one that is written down. Over both versions of
HTTP on either side, and in checks."""

import json

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from origins import EchoOrigin, free_port
from test_h2_combinations import answers, ask_h1, ask_h2, field, h1_origin, h2_origin
from tidegate import command
from waiting import wait_until

BACKS = {"h1": h1_origin, "h2c": h2_origin}
ASKS = {"h1": ask_h1, "h2": ask_h2}


def host_of(request):
    """What came as Host, or as :authority."""
    return field(request, ":authority") or field(request, "host")


@pytest.fixture(name="world", scope="module", params=["h1-h1", "h1-h2c", "h2-h1", "h2-h2c"])
def _world(request, start_for_module):
    front, back = request.param.split("-")
    origin = BACKS[back](answers)
    port = origin.address.rpartition(":")[2]
    hosts = {"plain": "client", "own": "server", "named": "app.internal:8080"}
    gateway = start_for_module({
        "sites": [{"hosts": ["shop.example"], "routes": [
            *({"match": {"path": f"/{name}/*"}, "backend": name} for name in hosts),
            {"match": {"path": "/local/*"}, "backend": "local"}]}],
        "backends": [*({"name": name, "servers": [origin.address], "protocol": back, "host": host}
                       for name, host in hosts.items()),
                     {"name": "local", "servers": [f"localhost:{port}"], "protocol": back, "host": "server",
                      "resolve": {"family": "ipv4"}}]})

    def ask(path, method="GET", fields=()):
        del origin.requests_seen[:]
        answer = ASKS[front](gateway, path, method, None, list(fields), None)
        return answer, origin.requests_seen[-1] if origin.requests_seen else None

    ask.origin = origin
    yield ask
    origin.close(check=False)


def test_servers_get_the_host_that_their_backend_says(world):
    address = world.origin.address
    assert host_of(world("/plain/")[1]).startswith("shop.example")
    assert host_of(world("/own/")[1]) == address
    assert host_of(world("/named/")[1]) == "app.internal:8080"


def test_a_server_that_is_named_gets_its_name_and_not_its_number(world):
    port = world.origin.address.rpartition(":")[2]
    wait_until(lambda: world("/local/")[0].status == 201)
    assert host_of(world("/local/")[1]) == f"localhost:{port}"


@pytest.mark.parametrize("name", ["own", "named"])
def test_what_the_client_asked_for_is_told_besides(world, name):
    request = world(f"/{name}/", fields=[("X-Forwarded-Host", "evil.example")])[1]
    assert field(request, "x-forwarded-host").startswith("shop.example")
    assert "host=\"shop.example" in field(request, "forwarded") or "host=shop.example" in field(request, "forwarded")
    assert "evil" not in str(request[2])


@pytest.mark.parametrize("name", ["plain", "own", "named"])
def test_destination_names_the_host_that_the_server_got(world, name):
    request = world(f"/{name}/a", "MOVE", [("Destination", f"http://shop.example/{name}/b")])[1]
    sent = host_of(request)
    assert field(request, "destination") in (f"http://{sent}/{name}/b", f"http://shop.example/{name}/b")
    if name != "plain":
        assert field(request, "destination") == f"http://{sent}/{name}/b"


def test_checks_ask_with_the_same_host(start):
    with EchoOrigin() as origin:
        def host_of_check(**more):
            del origin.requests[:]
            gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}],
                             "backends": [{"name": "up", "servers": [origin.address], **more,
                                           "health_check": {"path": "/up", "interval": "100ms"}}]})
            wait_until(lambda: any(r.target == "/up" for r in list(origin.requests)))
            gateway.stop()
            return next(r for r in origin.requests if r.target == "/up").all("Host")

        assert host_of_check(host="app.internal") == ["app.internal"]
        assert host_of_check(host="server") == [origin.address]
        assert host_of_check() == [origin.address]


def test_route_says_which_host_they_get(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("sites:\n  - hosts: [a.example]\n    routes:\n"
                    "      - { match: { path: /s/* }, backend: { servers: [\"127.0.0.1:1\"], host: server } }\n"
                    "      - { match: { path: /n/* }, backend: { servers: [\"127.0.0.1:2\"], host: n.example } }\n"
                    "      - { backend: \"127.0.0.1:3\" }\n")
    said = {p: command("route", "-c", str(path), f"http://a.example{p}").stdout for p in ("/s/", "/n/", "/")}
    assert "server's own Host" in said["/s/"] and "Host n.example" in said["/n/"] and "Host" not in said["/"]


def test_a_host_that_is_none_is_refused(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": ["*"], "backend": {
        "servers": [f"127.0.0.1:{free_port()}"], "host": "http://a.example/"}}]}))
    result = command("check", "-c", str(path))
    assert result.returncode == 1 and "is not a host" in result.stdout + result.stderr
