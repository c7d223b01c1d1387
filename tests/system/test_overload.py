"""Backends that get more than they can take: who goes first, and what the others are told."""

import json
import re

import pytest

from origins import EchoOrigin
from pairs import FRONTS
from slow import Asker, SlowServer, status, waiting
from tidegate import command
from waiting import wait_until

BACKS = ["h1", "h2"]


def routes_of(back):
    return [{"match": {"path": f"/{back}/{word}*"}, "priority": word, "backend": back} for word in ("high", "low")] + [
        {"match": {"path": f"/{back}/*"}, "backend": back}]


@pytest.fixture(scope="module", name="world")
def _world(start_for_module, tmp_path_factory):
    folder = tmp_path_factory.mktemp("overload")
    servers = {back: SlowServer(back) for back in BACKS}
    with servers["h1"].origin, servers["h2"].origin, EchoOrigin() as echo:
        gateway = start_for_module({
            "control": str(folder / "control"),
            "sites": [{"hosts": ["*"], "routes": routes_of("h1") + routes_of("h2") + [{"backend": "free"}]}],
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
