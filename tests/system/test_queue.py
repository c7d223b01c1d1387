"""Servers with limits: who waits in front of them, over both versions and for tunnels, and who is told to come back."""

import json
import threading

import pytest

from client import Connection, open_socket
from origins import EchoOrigin, Origin, free_port, response_bytes
from pairs import FRONTS
from slow import Asker, SlowServer, waiting
from tidegate import command
from tlsbytes import client_hello
from waiting import wait_until

BACKS = pytest.mark.parametrize("back", ["h1", "h2"])


def limited(server, back, folder, **backend):
    return {"control": str(folder / "control"), "sites": [{"hosts": ["*"], "backend": {
        "name": "app", "servers": [{"address": server.origin.address, "max_requests": 1}],
        "protocol": "h1" if back == "h1" else "h2c", **backend}}]}


@FRONTS
@BACKS
def test_requests_wait_in_turn_and_those_of_clients_that_leave_go_at_once(start, folder, front, back):
    server = SlowServer(back)
    with server.origin:
        gateway = start(limited(server, back, folder, queue={"size": 3, "timeout": "30s"}))
        askers = []
        for i in range(4):
            askers.append(Asker(gateway, front, f"/{i}"))
            wait_until(lambda i=i: server.asked == ["/0"] and waiting(gateway) == i)
        turned_away = Asker(gateway, front, "/4").answer()
        assert turned_away.status == 503
        assert turned_away.get("Retry-After" if front == "h1" else "retry-after") == "5"
        assert gateway.wait_log(status=503)["reason"] == "queue_full"
        askers[2].leave()
        wait_until(lambda: waiting(gateway) == 2)
        server.may_answer.release(3)
        for i in (0, 1, 3):
            assert askers[i].answer().status == 200
        assert server.asked == ["/0", "/1", "/3"]
        assert waiting(gateway) == 0


@FRONTS
@BACKS
def test_who_waits_too_long_is_told_to_come_back(start, folder, front, back):
    server = SlowServer(back)
    with server.origin:
        gateway = start(limited(server, back, folder, queue={"timeout": "100ms"}))
        first = Asker(gateway, front, "/0")
        wait_until(lambda: server.asked)
        assert Asker(gateway, front, "/1").answer().status == 503
        entry = gateway.wait_log(status=503)
        assert entry["reason"] == "queue_timeout" and "max_requests" in entry["mend"]
        server.may_answer.release()
        assert first.answer().status == 200


@FRONTS
@BACKS
def test_who_meets_a_server_that_is_gone_waits_for_those_that_are_full(start, folder, front, back):
    """That one cannot be reached is no answer while another will have room."""
    server = SlowServer(back)
    with server.origin:
        gone = f"127.0.0.1:{free_port()}"
        gateway = start({"control": str(folder / "control"), "sites": [{"hosts": ["*"], "backend": {
            "servers": [{"address": server.origin.address, "max_requests": 1}, gone], "balance": "first",
            "protocol": "h1" if back == "h1" else "h2c"}}]})
        first = Asker(gateway, front, "/0")
        wait_until(lambda: server.asked)
        second = Asker(gateway, front, "/1")
        wait_until(lambda: waiting(gateway) == 1)
        server.may_answer.release(2)
        assert first.answer().status == second.answer().status == 200
        entry = gateway.wait_log(target="/1")
        assert [one.get("outcome", one.get("status")) for one in entry["tries"]] == ["server_unreachable", 200]


def test_what_an_address_carries_for_several_backends_counts_together(start, folder):
    """However each of them judges it, and across a reload that has it judged otherwise."""
    server = SlowServer("h1")
    with server.origin:
        def backends(failures):
            servers = [{"address": server.origin.address, "max_requests": 1}]
            return [{"name": "one", "servers": servers},
                    {"name": "two", "servers": servers, "outliers": {"failures": failures}}]
        gateway = start({"control": str(folder / "control"), "backends": backends(3), "sites": [
            {"hosts": ["*"], "backend": "one", "routes": [{"match": {"path": "/two"}, "backend": "two"}]}]})
        first = Asker(gateway, "h1", "/one")
        wait_until(lambda: server.asked == ["/one"])
        second = Asker(gateway, "h1", "/two")
        wait_until(lambda: waiting(gateway, 1) == 1)
        gateway.config_path.write_text(json.dumps({**json.loads(gateway.config_path.read_text()), "backends": backends(4)}))
        assert command("reload", "-c", str(gateway.config_path)).returncode == 0
        third = Asker(gateway, "h1", "/two")
        wait_until(lambda: waiting(gateway, 1) == 1)
        assert server.asked == ["/one"]
        server.may_answer.release(3)
        for asker in (first, second, third):
            assert asker.answer().status == 200


def test_tunnels_wait_too(start, folder):
    with EchoOrigin() as origin:
        gateway = start({"control": str(folder / "control"), "sites": [{"hosts": ["a.example"], "passthrough": {
            "servers": [{"address": origin.address, "max_connections": 1}], "queue": {"size": 1}}}]})
        hello = client_hello("a.example")
        with open_socket(gateway.address) as first:
            first.sendall(hello)
            wait_until(lambda: len(origin.connections) == 1)
            with open_socket(gateway.address) as second:
                second.sendall(hello)
                wait_until(lambda: waiting(gateway) == 1)
                with open_socket(gateway.address) as third:
                    third.sendall(hello)
                    gateway.wait_log(reason="queue_full")
                first.close()
                wait_until(lambda: len(origin.connections) == 2)


def test_a_tunnel_waits_for_the_full_ones_too_where_another_is_gone(start, folder):
    with EchoOrigin() as origin:
        gateway = start({"control": str(folder / "control"), "sites": [{"hosts": ["a.example"], "passthrough": {
            "servers": [{"address": origin.address, "max_connections": 1}, f"127.0.0.1:{free_port()}"],
            "balance": "first"}}]})
        hello = client_hello("a.example")
        with open_socket(gateway.address) as first, open_socket(gateway.address) as second:
            first.sendall(hello)
            wait_until(lambda: len(origin.connections) == 1)
            second.sendall(hello)
            wait_until(lambda: waiting(gateway) == 1)
            first.close()
            wait_until(lambda: len(origin.connections) == 2)


def test_backups_are_for_when_the_others_are_gone_and_zones_come_first(start):
    with EchoOrigin("near") as near, EchoOrigin("far") as far, EchoOrigin("backup") as backup:
        gateway = start({"zone": "a", "sites": [{"hosts": ["*"], "backend": {"servers": [
            {"address": backup.address, "backup": True, "zone": "a"}, {"address": far.address, "zone": "b"},
            {"address": near.address, "zone": "a"}]}}]})

        def server():
            return json.loads(connection.request().body)["origin"]
        with Connection(gateway.address) as connection:
            assert [server() for _ in range(3)] == ["near"] * 3
            near.close()
            assert [server() for _ in range(3)] == ["far"] * 3
            far.close()
            assert [server() for _ in range(3)] == ["backup"] * 3


def test_status_has_the_latency_of_each_server(start, folder):
    server = SlowServer("h1")
    with server.origin:
        gateway = start(limited(server, "h1", folder))
        server.may_answer.release(5)
        for i in range(5):
            assert Asker(gateway, "h1", f"/{i}").answer().status == 200

        def latency():
            done = command("status", "--json", "-c", str(gateway.config_path))
            return json.loads(done.stdout)["backends"][0]["servers"][0].get("latency_ms")
        wait_until(latency)
        found = latency()
        assert 0 < found["p50"] <= found["p90"] <= found["p99"] < 10000
        done = command("status", "-c", str(gateway.config_path))
        assert "half within" in done.stdout and "0 waiting" in done.stdout


def test_a_limit_holds_over_all_workers(start, folder):
    lock, gate = threading.Lock(), threading.Event()
    at_work = most = served = 0

    def count(more):
        nonlocal at_work, most, served
        with lock:
            at_work += more
            most = max(most, at_work)
            served += more < 0

    def handler(connection):
        while True:
            connection.read_request()
            count(1)
            assert gate.wait(30)
            count(-1)
            connection.send(response_bytes(200, body=b"done"))
    with Origin(handler) as origin:
        gateway = start({"workers": 4, "control": str(folder / "control"), "sites": [{"hosts": ["*"], "backend": {
            "servers": [{"address": origin.address, "max_requests": 2}], "queue": {"size": 100, "timeout": "30s"}}}]})

        def ask():
            with Connection(gateway.address) as connection:
                statuses.extend(connection.request().status for _ in range(25))
        statuses = []
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        wait_until(lambda: waiting(gateway) == 10)
        gate.set()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 300 and served == 300
        assert most == 2
        assert waiting(gateway) == 0
