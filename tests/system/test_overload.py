"""More than there is room for: backends that get more than they can take, and who goes first; clients that come too
often; and the gateway's own memory."""

import contextlib
import json
import re
import socket
import time

import pytest

from client import Connection
from h2client import Client
from origins import EchoOrigin
from pairs import FRONTS
from slow import Asker, SlowServer, status, waiting
from tidegate import command
from tlsbytes import client_hello
from waiting import wait_until

BACKS = ["h1", "h2"]


def routes_of(back):
    return [{"match": {"path": f"/{back}/{word}*"}, "priority": word, "backend": back} for word in ("high", "low")] + [
        {"match": {"path": f"/{back}/*"}, "backend": back}]


@pytest.fixture(scope="module", name="world")
def _world(start_for_module, tmp_path_factory, ca):
    folder = tmp_path_factory.mktemp("overload")
    servers = {back: SlowServer(back) for back in BACKS}
    with servers["h1"].origin, servers["h2"].origin, EchoOrigin() as echo:
        gateway = start_for_module({
            "control": str(folder / "control"), "limits": {"handshakes_per_second": 5},
            "sites": [{"hosts": ["tls.example"], "tls": ca.server("tls.example").settings(), "respond": {}}, {"hosts": ["*"], "routes": routes_of("h1") + routes_of("h2") + [{"backend": "free"}]}],
            "backends": [
                {"name": back, "servers": [{"address": servers[back].origin.address}],
                 "protocol": "h1" if back == "h1" else "h2c",
                 "concurrency": {"adapt": "off", "max": 1}, "queue": {"size": 1, "timeout": "30s"}} for back in BACKS
            ] + [{"name": "free", "servers": [echo.address], "concurrency": "latency"}]})
        yield gateway, servers


@FRONTS
@pytest.mark.parametrize("back", BACKS)
def test_an_important_request_has_a_lesser_one_leave_the_line(world, front, back):
    gateway, servers = world
    server, index = servers[back], BACKS.index(back)
    before = status(gateway)["backends"][index]["queue"]["shed"]
    seen = len(server.asked)
    in_hand = Asker(gateway, front, f"/{back}/first")
    wait_until(lambda: len(server.asked) == seen + 1)
    low = Asker(gateway, front, f"/{back}/low")
    wait_until(lambda: waiting(gateway, index) == 1)
    high = Asker(gateway, front, f"/{back}/high")
    refused = low.answer()
    assert refused.status == 503
    assert refused.get("Retry-After" if front == "h1" else "retry-after") == "5"
    entry = gateway.wait_log(status=503, target=f"/{back}/low")
    assert entry["reason"] == "shed" and entry["refused_by"] == "gateway"
    another = Asker(gateway, front, f"/{back}/other").answer()
    assert another.status == 503
    now = status(gateway)["backends"][index]
    assert now["concurrency"] == {"adapts": False, "limit": 1, "in_use": 1, "base_us": 0}
    assert now["queue"]["shed"] == {"high": 0, "normal": before["normal"] + 1, "low": before["low"] + 1}
    server.may_answer.release(2)
    assert in_hand.answer().status == high.answer().status == 200
    assert server.asked[seen:] == [f"/{back}/first", f"/{back}/high"]
    wait_until(lambda: status(gateway)["backends"][index]["concurrency"]["in_use"] == 0)


def test_a_limit_that_adapts_is_shown(world):
    gateway, _ = world
    for _ in range(3):
        assert Asker(gateway, "h1", "/").answer().status == 200
    limit = status(gateway)["backends"][2]["concurrency"]
    assert limit["adapts"] and limit["limit"] == 20 and limit["in_use"] == 0
    done = command("status", "-c", str(gateway.config_path))
    assert re.search(r"concurrency: 0 of 20 requests", done.stdout)
    assert re.search(r"shed: .*\d low", done.stdout)


def test_route_says_who_goes_first(world):
    gateway, _ = world
    done = command("route", "http://x.example/h1/low", "--json", "-c", str(gateway.config_path))
    steps = {step["what"]: step["text"] for step in json.loads(done.stdout)["steps"]}
    assert steps["priority"].startswith("low, in the line of 1")
    assert "75 %" in steps["priority"]


def test_handshakes_of_an_address_have_a_limit(world):
    gateway, _ = world
    hello = client_hello("tls.example")

    def begins(source):
        with socket.create_connection(gateway.address, timeout=20, source_address=(source, 0)) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(hello)
                return sock.recv(1) == b"\x16"
        return False
    begin = time.monotonic()
    begun = [begins("127.0.0.2") for _ in range(20)].count(True)
    assert 5 <= begun <= 5 + 5 * (time.monotonic() - begin + 0.1) and begun < 20
    assert begins("127.0.0.3")
    entry = gateway.wait_log(reason="too_many_handshakes")
    assert entry["client"].startswith("127.0.0.2:") and "handshakes_per_second" in entry["mend"]
    assert Asker(gateway, "h1", "/").answer().status == 200  # which has no handshake
    refused = json.loads(command("bans", "--json", "-c", str(gateway.config_path)).stdout)["refused"]
    assert refused["handshakes"] == 20 - begun


def reload(gateway, before, after):
    text = gateway.config_path.read_text()
    assert before in text
    gateway.config_path.write_text(text.replace(before, after))
    assert command("reload", "-c", str(gateway.config_path), cwd=gateway.folder).returncode == 0


def level(gateway):
    return status(gateway).get("memory", {}).get("level")


def test_marks_of_memory(start, folder):
    """A gateway that has more than the marks from the start, until they are gone."""
    with EchoOrigin() as origin:
        gateway = start({"control": str(folder / "control"), "memory": {"soft": "1M"},
                         "sites": [{"hosts": ["*"], "routes": [
                             {"match": {"path": "/short"}, "backend": origin.address, "timeouts": {"response": "500ms"}},
                             {"backend": origin.address}]}]})
        wait_until(lambda: level(gateway) == "short")
        assert "memory.soft is 1 MiB" in gateway.stderr()
        idle = Connection(gateway.address)
        assert idle.request().status == 200  # small requests are served, and then the connection ends
        assert idle.is_closed_by_peer()
        body = b"x" * 300000
        upload = Client(gateway.address)
        stream = upload.start("/upload", "POST", end=False)
        upload.data(stream, body[:60000])
        upload.flush()
        waits = Client(gateway.address)
        short = waits.start("/short", "POST", end=False)
        waits.data(short, body[:60000])
        assert waits.wait(short).status == 503
        assert gateway.wait_log(target="/short", status=503)["reason"] == "memory_soft"
        waits.close()
        reload(gateway, '"soft": "1M"', '"hard": "1M"')
        wait_until(lambda: level(gateway) == "out")
        refused = upload.request("/other")
        assert refused.status == 503 and refused.get("retry-after") == "5"
        assert gateway.wait_log(target="/other")["reason"] == "memory_hard"
        late = Asker(gateway, "h1", "/late")
        shown = command("status", "-c", str(gateway.config_path)).stdout
        assert re.search(r"memory: out, \d+ MiB, hard 1 MiB", shown)
        reload(gateway, '"hard": "1M"', '"hard": "100G"')
        wait_until(lambda: level(gateway) == "enough")
        assert late.answer().status == 200
        upload.data(stream, body[60000:], end=True)
        assert upload.wait(stream).status == 200
        assert "all goes on" in gateway.stderr()
        upload.close()
