"""Servers that are checked, fail, drop packets, come back: which of them get requests, what clients
see of it, and what people are told."""

import collections
import json
import socket
import ssl
import time

import pytest

from client import Connection
from failing import tls_server
from h2client import Client
from h2origin import H2Origin, serve
from origins import EchoOrigin, Origin, UnansweringPort, free_port, response_bytes
from tidegate import command
from waiting import wait_until

FAST = {"interval": "100ms", "timeout": "10s", "rise": 1, "fall": 2}


class Server(Origin):
    """Answers /health and everything else with statuses that the test sets."""

    def __init__(self, **options):
        self.health = self.status = 200
        self.heads = []
        self.first = b""
        super().__init__(self.answer, **options)

    def answer(self, connection):
        while True:
            request = connection.read_request()
            is_check = request.target.startswith("/health")
            if not is_check:
                self.heads.append(request)
            status = self.health if is_check else self.status
            if status is None:
                connection.reset()
                return
            connection.send(response_bytes(status, body=b"all is well"))


class H2Server(H2Origin):
    def __init__(self, **options):
        self.health = self.status = 200
        self.heads = []
        super().__init__(serve(self.answer), **options)

    def answer(self, connection, request):
        is_check = request.get(":path").startswith("/health")
        if not is_check:
            self.heads.append(request)
        status = self.health if is_check else self.status
        if status is None:
            connection.reset(request.stream, 2)
        else:
            connection.respond(request.stream, status, body=b"all is well")


def pool(servers, **backend):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers": servers, **backend}]}


def ask(gateway, count, status=200):
    with Connection(gateway.address) as connection:
        for _ in range(count):
            assert connection.request().status == status


BACKS = pytest.mark.parametrize("kind, protocol", [(Server, "h1"), (H2Server, "h2c")], ids=["h1", "h2"])


@BACKS
def test_a_server_that_says_it_is_not_well_gets_no_requests_until_it_is(start, kind, protocol):
    with kind() as ill, kind() as well:
        gateway = start(pool([ill.address, well.address], protocol=protocol,
                             health_check={"path": "/health?deep", **FAST}))
        ask(gateway, 4)
        assert ill.heads and well.heads
        ill.health = 503
        change = gateway.wait_change(ill.address, to="down")
        assert change["from"] == "up" and change["mend"]
        assert change["detail"] == "it answered /health?deep with status 503"
        assert f"backend pool: server {ill.address}: up -> down" in gateway.stderr()
        before = len(ill.heads)
        ask(gateway, 6)
        assert len(ill.heads) == before
        ill.health = 200
        gateway.wait_change(ill.address, to="up")
        ask(gateway, 4)
        assert len(ill.heads) > before


def test_an_answer_must_have_the_status_and_the_text_that_are_expected(start):
    with Server() as status, Server() as text, Server() as well:
        status.health = 401
        gateway = start({
            "sites": [{"hosts": ["*"], "respond": {}}],
            "backends": [
                {"name": "status", "servers": [status.address],
                 "health_check": {**FAST, "http": {"path": "/health", "expect": ["2xx"]}}},
                {"name": "text", "servers": [text.address],
                 "health_check": {**FAST, "http": {"path": "/health", "body": "not well"}}},
                {"name": "well", "servers": [well.address], "health_check": {
                    **FAST, "assume": "down", "http": {
                        "path": "/health", "method": "GET", "host": "shop.example", "expect": ["2xx", "401"],
                        "fields": {"X-Check": "yes"}, "body": "is well"}}}]})
        assert gateway.wait_change(status.address, to="down")["detail"].endswith("status 401")
        assert "'not well'" in gateway.wait_change(text.address, to="down")["detail"]
        assert gateway.wait_change(well.address, to="up")["from"] == "down"


def test_what_a_check_sends(start):
    seen = []

    def handler(connection):
        seen.append(connection.read_until(b"\r\n\r\n"))
        connection.send(response_bytes(204))

    with Origin(handler) as server:
        start(pool([server.address], proxy_protocol="v1", health_check={**FAST, "http": {
            "path": "/health", "method": "OPTIONS", "host": "shop.example", "fields": {"X-Check": "yes"}}}))
        wait_until(lambda: seen)
        lines = seen[0].decode().split("\r\n")
        assert lines[:2] == ["PROXY UNKNOWN", "OPTIONS /health HTTP/1.1"]
        assert {"Host: shop.example", "X-Check: yes", "User-Agent: tidegate"} <= set(lines)


def test_a_server_that_does_not_listen_is_down_and_up_when_it_does(start):
    port = free_port()
    with EchoOrigin() as well:
        gateway = start(pool([f"127.0.0.1:{port}", well.address], health_check={"tcp": {}, **FAST}))
        down = gateway.wait_change(f"127.0.0.1:{port}", to="down")
        assert "Connection refused" in down["detail"]
        ask(gateway, 4)
        with socket.create_server(("127.0.0.1", port)):
            gateway.wait_change(f"127.0.0.1:{port}", to="up")


@BACKS
def test_a_check_may_have_a_regular_expression_for_the_body(start, kind, protocol):
    """The origins say "all is well"."""
    with kind() as server:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "fits"}], "backends": [
            {"name": name, "servers": [server.address], "protocol": protocol,
             "health_check": {"assume": assume, "http": {"path": "/health", "body_regex": regex}, **FAST}}
            for name, assume, regex in (("fits", "down", "^all (is|was) w[e]l{2}$"), ("not", "up", "^is well"))]})
        gateway.wait_change(server.address, backend="fits", to="up")
        change = gateway.wait_change(server.address, backend="not")
        assert "does not fit the regular expression '^is well'" in change["detail"]


def test_checks_by_tls_look_at_the_chain(start, ca, other_ca):
    with tls_server(ca.server("app.example")) as well, tls_server(other_ca.server("app.example")) as wrong:
        gateway = start(pool([well.address, wrong.address], tls={"ca": str(ca.file), "server_name": "app.example"},
                             health_check={"assume": "down", **FAST}))
        gateway.wait_change(well.address, to="up")
        ask(gateway, 4)
        assert not gateway.server_changes(wrong.address)


@BACKS
def test_another_port_may_be_asked_than_requests_go_to(start, kind, protocol):
    """As Patroni answers for PostgreSQL: who is the primary is said beside the database."""
    port = free_port()
    with kind(host="127.0.0.1", port=port) as primary, kind(host="127.0.0.2", port=port) as replica, \
            kind(host="127.0.0.1") as first, kind(host="127.0.0.2") as second:
        replica.health = 503
        gateway = start(pool([first.address, second.address], protocol=protocol, health_check={
            "http": {"path": "/health/primary"}, "port": port, "use_down": False, **FAST}))
        assert gateway.wait_change(second.address, to="down")["detail"] == \
            "it answered /health/primary with status 503"
        before = len(second.heads)
        ask(gateway, 4)
        assert first.heads and len(second.heads) == before and not primary.heads
        primary.health, replica.health = 503, 200
        gateway.wait_change(first.address, to="down")
        gateway.wait_change(second.address, to="up")
        before = len(first.heads)
        ask(gateway, 4)
        assert len(second.heads) >= 4 and len(first.heads) == before


def test_a_port_that_nobody_listens_on_is_down(start):
    with EchoOrigin() as well:
        port = free_port()
        gateway = start(pool([well.address], health_check={"http": {}, "port": port, **FAST}))
        assert "Connection refused" in gateway.wait_change(well.address, to="down")["detail"]


def speaker(role, greeting=b""):
    """Of Redis: answers lines with what it is."""
    def answer(connection):
        connection.send(greeting)
        while True:
            line = connection.read_until(b"\r\n")
            connection.send(b"+PONG\r\n" if line == b"PING\r\n" else b"role:" + role[0] + b"\r\n")
    return answer


@pytest.mark.parametrize("way", ["tcp", "tls"])
def test_what_a_server_says_may_be_asked_for(start, ca, way):
    roles = [b"master"], [b"slave"]
    tls = ca.server("app.example").server_context() if way == "tls" else None
    with Origin(speaker(roles[0]), tls=tls) as one, Origin(speaker(roles[1]), tls=tls) as other:
        check = {way: {"send": "PING\r\nINFO replication\r\n", "expect": "role:master"}, "use_down": False, **FAST,
                 "timeout": "500ms"}
        more = {"tls": {"ca": str(ca.file), "server_name": "app.example"}} if way == "tls" else {}
        gateway = start({"listeners": [{"bind": "127.0.0.1:0", "tcp": "redis"}], "backends": [
            {"name": "redis", "servers": [one.address, other.address], "health_check": check, **more}]})
        assert gateway.wait_change(other.address, to="down")["detail"] == "it did not answer within 500 ms"
        for _ in range(3):
            with socket.create_connection(gateway.address, timeout=10) as client:
                client.sendall(b"INFO\r\n")
                assert client.recv(100) == b"role:master\r\n"
        roles[0][0], roles[1][0] = b"slave", b"master"
        gateway.wait_change(one.address, to="down")
        gateway.wait_change(other.address, to="up")
        with socket.create_connection(gateway.address, timeout=10) as client:
            client.sendall(b"INFO\r\n")
            assert client.recv(100) == b"role:master\r\n"


def test_a_server_that_speaks_first_is_listened_to(start):
    with Origin(speaker([b"x"], b"220 ready\r\n")) as ready, Origin(speaker([b"x"], b"554 no service\r\n")) as wrong:
        gateway = start({"listeners": [{"bind": "127.0.0.1:0", "tcp": "smtp"}], "backends": [
            {"name": "smtp", "servers": [ready.address, wrong.address],
             "health_check": {"tcp": {"expect": "220 "}, **FAST, "timeout": "500ms", "assume": "down"}}]})
        gateway.wait_change(ready.address, to="up")
        assert not gateway.server_changes(wrong.address)


@BACKS
def test_servers_that_are_down_may_be_left_alone_even_if_none_is_well(start, kind, protocol):
    with kind() as ill:
        ill.health = 503
        gateway = start(pool([ill.address], protocol=protocol,
                             health_check={"path": "/health", "assume": "down", "use_down": False, **FAST}))
        ask(gateway, 2, status=503)
        assert not ill.heads
        entry = gateway.wait_log(reason="no_server")
        assert entry["detail"] == "no server of the backend is well"
        ill.health = 200
        gateway.wait_change(ill.address, to="up")
        ask(gateway, 2)


@pytest.mark.parametrize("way", ["tcp", "passthrough"])
def test_what_is_relayed_to_a_server_that_goes_down_ends(start, ca, way):
    with Server() as check_of_first, EchoOrigin() as plain, tls_server(ca.server("pass.example")) as secret:
        server = plain if way == "tcp" else secret
        port = int(check_of_first.address.rsplit(":", 1)[1])
        backend = {"name": "pool", "servers": [server.address], "health_check": {
            "http": {"path": "/health"}, "port": port, "use_down": False, "close_on_down": True, **FAST}}
        ways = {"tcp": {"listeners": [{"bind": "127.0.0.1:0", "tcp": "pool"}]},
                "passthrough": {"sites": [{"hosts": ["pass.example"], "passthrough": "pool"}]}}
        gateway = start({**ways[way], "backends": [backend]})
        options = {} if way == "tcp" else {"tls": ca.client_context(), "server_name": "pass.example"}
        with Connection(gateway.address, **options) as held:
            assert held.request().status == 200
            check_of_first.health = 503
            gateway.wait_change(server.address, to="down")
            with pytest.raises((ConnectionError, EOFError, ssl.SSLError)):
                held.sock.settimeout(10)
                if not held.sock.recv(1):
                    raise EOFError
        entry = gateway.wait_log(reason="server_down")
        assert entry["kind"] == "connection" and entry["server"] == server.address
        check_of_first.health = 200
        gateway.wait_change(server.address, to="up")
        with Connection(gateway.address, **options) as again:
            assert again.request().status == 200


def grpc_health(status, grpc_status="0"):
    def answer(connection, request):
        assert request.get(":path") == "/grpc.health.v1.Health/Check"
        message = b"\x08" + bytes([status])
        connection.respond(request.stream, 200, [("content-type", "application/grpc")],
                           b"\x00\x00\x00\x00\x02" + message, trailers=[("grpc-status", grpc_status)])
    return serve(answer)


def test_checks_by_grpc(start):
    with H2Origin(grpc_health(1)) as serving, H2Origin(grpc_health(2)) as not_serving, \
            H2Origin(grpc_health(0, "12")) as unimplemented:
        gateway = start(pool([serving.address, not_serving.address, unimplemented.address], protocol="h2c",
                             health_check={"grpc": {"service": "shop.Cart"}, "assume": "down", **FAST}))
        gateway.wait_change(serving.address, to="up")
        wait_until(lambda: unimplemented.requests() and not_serving.requests())
        assert not gateway.server_changes(not_serving.address) + gateway.server_changes(unimplemented.address)


def test_servers_of_passthrough_are_checked(start, ca):
    port = free_port()
    with tls_server(ca.server("pass.example")) as well:
        gateway = start({"sites": [{"hosts": ["pass.example"], "passthrough": "pool"}],
                         "backends": [{"name": "pool", "servers": [f"127.0.0.1:{port}", well.address],
                                       "health_check": {"tcp": {}, **FAST}}]})
        gateway.wait_change(f"127.0.0.1:{port}", to="down")
        for _ in range(3):
            with Connection(gateway.address, tls=ca.client_context(), server_name="pass.example") as connection:
                assert connection.request().status == 200


def test_when_no_server_is_well_they_are_used_all_the_same(start):
    with Server() as ill:
        ill.health = 503
        gateway = start(pool([ill.address], health_check={"path": "/health", "assume": "down", **FAST}))
        ask(gateway, 2)


# What traffic shows.

FRONTS = pytest.mark.parametrize("front", [Connection, Client], ids=["from-h1", "from-h2"])


def tried(gateway, server):
    """Requests that were put to the server and were not answered there."""
    return [entry for entry in gateway.log_entries()
            if any(one["server"] == server and "outcome" in one for one in entry.get("tries", []))]


@FRONTS
@BACKS
def test_servers_that_refuse_or_drop_packets_hold_up_one_request_each(start, front, kind, protocol):
    with UnansweringPort() as silent, kind() as one, kind() as other:
        refusing = f"127.0.0.1:{free_port()}"
        gateway = start(pool([refusing, one.address, silent.address, other.address], protocol=protocol,
                             connect_timeout="300ms"))
        with front(gateway.address) as client:
            for number in range(20):
                assert client.request(f"/{number}").status == 200
        gateway.wait_log(target="/19")
        # They are looked for by the gateway itself, in vain, and no request is put to them.
        wait_until(lambda: len(silent.fillers) and gateway.server_changes(refusing, to="ejected"))
        with front(gateway.address) as client:
            for number in range(20, 40):
                assert client.request(f"/{number}").status == 200
        gateway.wait_log(target="/39")
        for server, outcome in ((refusing, "server_unreachable"), (silent.address, "connect_timeout")):
            entry, = tried(gateway, server)
            first, *_, last = entry["tries"]
            assert first["server"] == server and first["outcome"] == outcome and first["ms"] >= 0
            assert last["status"] == 200 and last["server"] == entry["server"]
        assert [change["to"] for change in gateway.server_changes()] == ["ejected", "ejected"]


@BACKS
def test_a_server_that_is_there_again_is_found_without_a_request(start, kind, protocol):
    port = free_port()
    gone = f"127.0.0.1:{port}"
    with kind() as well:
        gateway = start(pool([gone, well.address], protocol=protocol))
        ask(gateway, 2)
        gateway.wait_change(gone, to="ejected")
        with kind(port=port) as back:
            gateway.wait_change(gone, to="trial")
            ask(gateway, 4)
            assert back.heads
            up = gateway.wait_change(gone, to="up")
            assert up["from"] == "trial" and up["lasted_s"] >= 0
        assert len(tried(gateway, gone)) == 1


@FRONTS
@BACKS
@pytest.mark.parametrize("status", [503, None], ids=["503", "reset"])
def test_a_server_that_fails_in_a_row_is_out_and_tried_by_one_request_later(start, front, kind, protocol, status):
    with kind() as ill, kind() as well:
        ill.status = status
        gateway = start(pool([ill.address, well.address], protocol=protocol,
                             outliers={"failures": 3, "eject": "100ms", "eject_max": "200ms"}))
        with front(gateway.address) as client:
            for _ in range(6):
                client.request("/", "POST", body=b"x")
            change = gateway.wait_change(ill.address, to="ejected")
            assert change["detail"].startswith("3 requests in a row failed")
            assert all(client.request().status == 200 for _ in range(2))
            ill.status = 200
            wait_until(lambda: client.request().status == 200 and gateway.server_changes(ill.address, to="up"))


def test_servers_that_all_answer_alike_all_stay(start):
    with Server() as one, Server() as other:
        one.status = other.status = 500
        gateway = start(pool([one.address, other.address], outliers={"failures": 2}))
        ask(gateway, 12, 500)
        assert len(one.heads) == len(other.heads) == 6
        assert not gateway.server_changes()


def test_a_server_that_fails_more_often_than_the_others_is_out(start):
    """Every second request of one server fails, so never two in a row."""
    counter = collections.Counter()

    class Flapping(Server):
        def answer(self, connection):
            while True:
                connection.read_request()
                counter["all"] += 1
                connection.send(response_bytes(200 if counter["all"] % 2 else 500))

    with Flapping() as flapping, Server() as well:
        gateway = start(pool([flapping.address, well.address],
                             outliers={"errors": 40, "requests": 10, "window": "60s", "eject": "60s"}))
        with Connection(gateway.address) as client:
            wait_until(lambda: client.request() and gateway.server_changes(flapping.address, to="ejected"))
        assert "requests failed in" in gateway.server_changes(flapping.address)[0]["detail"]


@BACKS
def test_a_server_that_is_many_times_as_slow_as_the_others_is_out(start, kind, protocol):
    class Slow(kind):
        def answer(self, connection, *request):
            if request:
                time.sleep(0.1)
                super().answer(connection, *request)
                return
            while True:
                head = connection.read_request()
                self.heads.append(head)
                time.sleep(0.1)
                connection.send(response_bytes(200, body=b"all is well"))

    with Slow() as slow, kind() as one, kind() as other:
        config = pool([slow.address, one.address, other.address], protocol=protocol,
                      outliers={"slow": 3, "requests": 10, "window": "60s", "eject": "60s"})
        gateway = start(config)
        with Connection(gateway.address) as client:
            wait_until(lambda: client.request().status == 200 and gateway.server_changes(slow.address), 20)
            change = gateway.wait_change(slow.address, to="ejected")
            assert "half of its requests take 1" in change["detail"] and "the others up to" in change["detail"]
            before = len(slow.heads)
            for _ in range(6):
                assert client.request().status == 200
        assert len(slow.heads) == before and len(gateway.server_changes()) == 1
        # Off unless it is asked for.
        config["backends"][0]["outliers"]["slow"] = 0
        gateway = start(config)
        with Connection(gateway.address) as client:
            for _ in range(36):
                assert client.request().status == 200
        assert not gateway.server_changes()


def test_a_client_that_leaves_counts_for_nothing(start):
    def handler(connection):
        connection.read_request()
        connection.wait_end()

    with Origin(handler) as slow, Server() as well:
        gateway = start({**pool([slow.address, well.address], outliers={"failures": 1}), "on_client_close": "abort"})
        for number in range(4):
            with Connection(gateway.address) as client:
                client.send(f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                wait_until(lambda: len(slow.connections) + len(well.heads) > number)
        for number in range(4):
            gateway.wait_log(target=f"/{number}")
        assert not gateway.server_changes()


def test_a_passthrough_tells_its_tries(start, ca):
    refusing = f"127.0.0.1:{free_port()}"
    with tls_server(ca.server("pass.example")) as well:
        gateway = start({"sites": [{"hosts": ["pass.example"], "passthrough": [refusing, well.address]}]})
        with Connection(gateway.address, tls=ca.client_context(), server_name="pass.example") as connection:
            assert connection.request().status == 200
        entry = gateway.wait_log(mode="passthrough")
        assert entry["server"] == well.address
        assert [(one["server"], one.get("address"), one.get("outcome")) for one in entry["tries"]] == [
            (refusing, refusing, "server_unreachable"), (well.address, None, None)]


# What people order, and what they are shown.

def status_of(folder, server):
    status = json.loads(command("status", "--socket", folder / "control", "--json").stdout)
    return next(one for backend in status["backends"] for one in backend["servers"] if one["address"] == server)


def order(folder, word, name):
    return command(word, name, "--socket", folder / "control")


def control_status(path, method, target):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(f"{method} {target} HTTP/1.1\r\nHost: tidegate\r\n\r\n".encode())
        return int(sock.makefile("rb").readline().split()[1])


def test_a_drained_server_gets_nothing_new_until_it_is_enabled(start, folder):
    with Server() as one, Server() as other:
        gateway = start({**pool([one.address, other.address], health_check={"path": "/health", **FAST}),
                         "control": str(folder / "control")})
        ask(gateway, 4)
        done = order(folder, "drain", f"pool/{one.address}")
        assert done.returncode == 0 and "nothing new" in done.stdout, done
        before = len(one.heads)
        ask(gateway, 6)
        assert len(one.heads) == before
        shown = status_of(folder, one.address)
        assert (shown["order"], shown["state"], shown["served"]) == ("draining", "up", before)
        assert "draining" in command("status", "--socket", folder / "control").stdout
        assert order(folder, "disable", f"pool/{other.address}").returncode == 0
        ask(gateway, 1, 503)
        assert gateway.wait_log(status=503)["reason"] == "no_server"
        # A disabled one is not checked, so what it says is not heard.
        other.health = 503
        for name in (one.address, other.address):
            assert order(folder, "enable", f"pool/{name}").returncode == 0
        gateway.wait_change(other.address, to="down")
        ask(gateway, 2)
        assert len(one.heads) > before
        shown = status_of(folder, other.address)
        assert shown["state"] == "down" and shown["why"] == shown["last_check"] == \
            "it answered /health with status 503"


@pytest.mark.parametrize("strategy", ["round_robin", "least_requests", "random_of_two", "ewma", "hash"])
def test_a_weight_is_ordered_and_kept(start, folder, strategy):
    with Server() as one, Server() as other:
        balance = {"strategy": strategy, **({"hash": {"query": "q"}} if strategy == "hash" else {})}
        gateway = start({**pool([one.address, other.address], balance=balance, slow_start="1s"),
                         "control": str(folder / "control")})
        name = f"pool/{one.address}"

        def weigh(weight):
            done = command("weight", name, weight, "--socket", folder / "control")
            assert done.returncode == 0, done.stderr
            return done.stdout

        def got(requests):
            before = [len(server.heads) for server in (one, other)]
            with Connection(gateway.address) as client:
                for number in range(requests):
                    assert client.request(f"/?q={number}").status == 200
            return [len(server.heads) - old for server, old in zip((one, other), before)]

        assert min(got(40)) > 0
        assert "nothing new" in weigh("0")
        assert got(10) == [0, 10]
        shown = status_of(folder, one.address)
        assert (shown["weight"], shown["ordered_weight"], shown["order"]) == (0, 0, "enabled")
        assert "weight 0 (ordered)" in command("status", "--socket", folder / "control").stdout
        # What runs is another configuration, with another weight, and the order still holds.
        text = json.loads(gateway.config_path.read_text())
        text["backends"][0]["servers"][0] = {"address": one.address, "weight": 7}
        gateway.config_path.write_text(json.dumps(text))
        assert command("reload", "--socket", folder / "control").returncode == 0
        assert got(10) == [0, 10]
        weigh("1000")
        mine, others = got(60)
        assert mine > 8 * others
        shown = status_of(folder, one.address)
        assert (shown["weight"], shown["ordered_weight"]) == (1000, 1000)
        assert "of the configuration" in weigh("default")
        shown = status_of(folder, one.address)
        assert (shown["weight"], shown["ordered_weight"]) == (7, None)
        if strategy != "ewma":  # which may stay with the one that was faster by then
            assert min(got(100)) > 0


def test_a_weight_that_is_none(start, folder):
    with Server() as one:
        start({**pool([one.address]), "control": str(folder / "control")})
        for weight in ("1001", "1.5", "1x", "", "00001"):
            done = command("weight", f"pool/{one.address}", weight, "--socket", folder / "control")
            assert done.returncode == 2 and "from 0 to 1000, or default" in done.stderr
        done = command("weight", f"pool/{one.address}", "--socket", folder / "control")
        assert done.returncode == 2 and "from 0 to 1000, or default" in done.stderr
        for query, status in ((f"pool/{one.address}=1001", 400), (f"pool/{one.address}", 400), ("pool/a=5", 404),
                              (f"pool/{one.address}=", 400), (f"pool/{one.address}=99999999999", 400)):
            assert control_status(folder / "control", "POST", f"/weight?{query}") == status
        assert control_status(folder / "control", "GET", f"/weight?pool/{one.address}=5") == 405


def test_an_order_for_a_server_that_is_not_there(start, folder):
    with Server() as one:
        start({**pool([one.address]), "control": str(folder / "control")})
        assert command("weight", "pool/127.0.0.1:9", "5", "--socket", folder / "control").returncode == 1
        for word in ("drain", "enable", "disable"):
            done = order(folder, word, "pool/127.0.0.1:9")
            assert done.returncode == 1 and "tidegate status" in done.stderr
            assert order(folder, word, "pool").returncode == 2
