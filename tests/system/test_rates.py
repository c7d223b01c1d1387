"""How much may come: rates and requests at once, shared by the workers. Over both versions of HTTP on either side."""

import concurrent.futures
import contextlib
import json
import threading
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin, response_bytes
from tidegate import command
from waiting import wait_until

RATES = {
    "plain": [{"requests": 3, "per": "1h", "name": "three"}],
    "field": [{"requests": 1, "per": "1h", "by": "{request.X-Tenant}", "name": "tenant"}],
    "window": [{"requests": 2, "per": "1h", "kind": "window", "name": "window"}],
    "dry": [{"requests": 1, "per": "1h", "dry_run": True, "name": "dry"}],
    "quiet": [{"requests": 1, "per": "1h", "fields": False, "name": "quiet"}],
    "post": [{"requests": 1, "per": "1h", "only": {"methods": ["POST"]}, "name": "posts"}],
    "two": [{"requests": 9, "per": "1h", "name": "nine"}, {"requests": 1, "per": "1h", "by": "all", "name": "one"}],
    "wait": [{"requests": 10, "per": "1s", "burst": 1, "wait": "5s", "name": "waits"}],
    "held": [{"at_once": 1, "name": "single"}],
    "line": [{"at_once": 1, "queue": 1, "wait": "20s", "name": "line"}],
    "brief": [{"at_once": 1, "queue": 1, "wait": "100ms", "name": "brief"}],
    "dryheld": [{"at_once": 1, "dry_run": True, "name": "dryheld"}],
}


class World:
    def __init__(self, start, back):
        self.may_answer = threading.Semaphore(0)
        self.asked = []
        self.origin = H2Origin(self._h2) if back == "h2c" else Origin(self._h1)
        self.config = {
            "control": "control.sock", "workers": 3, "trusted_proxies": ["127.0.0.1"],
            "sites": [{"hosts": ["*"], "backend": "up",
                       "rates": [{"requests": 5, "per": "1h", "only": {"path": "/site/*"}, "name": "site"}],
                       "routes": [{"match": {"path": f"/{name}/*"}, "rates": rates, "backend": "up"}
                                  for name, rates in RATES.items()]}],
            "backends": [{"name": "up", "servers": [self.origin.address], "protocol": back}]}
        self.gateway = start(self.config)

    def _h1(self, connection):
        with contextlib.suppress(OSError):
            while True:
                target = connection.read_request().target
                self.asked.append(target)
                if "hold" in target:
                    assert self.may_answer.acquire(timeout=30)
                connection.send(response_bytes(200, body=b"ok"))

    def _h2(self, connection):
        """All streams share a connection, so none waits for another."""
        held = []
        while True:
            connection.poll(0.01)
            while connection.wholes:
                request = connection.next_request()
                self.asked.append(request.get(":path"))
                if "hold" in request.get(":path"):
                    held.append(request.stream)
                else:
                    connection.respond(request.stream, 200, [], b"ok")
            if held and self.may_answer.acquire(blocking=False):
                connection.respond(held.pop(0), 200, [], b"ok")


@pytest.fixture(name="world", scope="module", params=["h1", "h2c"])
def _world(request, start_for_module):
    world = World(start_for_module, request.param)
    yield world
    world.origin.close(check=False)


class Asker:
    """One request, by a client of its own."""

    def __init__(self, gateway, front, target, address, fields=(), method="GET"):
        fields = [("X-Forwarded-For", address), *fields]
        self.client = Connection(gateway.address, timeout=30) if front == "h1" else Client(gateway.address)
        if front == "h1":
            self.client.send(request_bytes(target, method, "shop.example", fields))
        else:
            self.stream = self.client.start(target, method, fields=[(n.lower(), v) for n, v in fields])

    def answer(self):
        if isinstance(self.client, Connection):
            response = self.client.read_response()
            return response.status, {name.lower(): value for name, value in response.fields}
        response = self.client.wait(self.stream)
        return response.status, dict(response.fields)

    def leave(self):
        if isinstance(self.client, Connection):
            self.client.reset()
        else:
            self.client.reset(self.stream)
            self.client.flush()


def ask(world, front, target, address, **options):
    return Asker(world.gateway, front, target, address, **options).answer()


FRONTS = pytest.mark.parametrize("front, net", [("h1", "192.0.2"), ("h2", "198.51.100")], ids=["h1", "h2"])


@FRONTS
def test_what_is_over_a_rate_is_told_when_to_come_back(world, front, net):
    for left in (2, 1, 0):
        status, fields = ask(world, front, "/plain/a", f"{net}.1")
        assert status == 200
        assert fields["ratelimit-policy"] == '"three";q=3;w=3600'
        assert fields["ratelimit"].startswith(f'"three";r={left};t=')
    before = len(world.asked)
    status, fields = ask(world, front, "/plain/over?" + front, f"{net}.1")
    assert (status, len(world.asked)) == (429, before)
    assert 1190 <= int(fields["retry-after"]) <= 1200
    assert fields["ratelimit"].startswith('"three";r=0;t=')
    entry = world.gateway.wait_log(target="/plain/over?" + front)
    assert (entry["reason"], entry["limit"]) == ("rate_limited", "three")
    assert ask(world, front, "/plain/a", f"{net}.2")[0] == 200  # another key


@FRONTS
def test_keys(world, front, net):
    network = "2001:db8:1" if front == "h1" else "2001:db8:2"
    for host in ("::1", "::2", "::3"):  # one /64
        assert ask(world, front, "/plain/6", f"[{network}{host}]")[0] == 200
    assert ask(world, front, "/plain/6", f"[{network}::4]")[0] == 429
    assert ask(world, front, "/plain/6", f"[{network}:1::1]")[0] == 200
    one, other = [("X-Tenant", front + "1")], [("X-Tenant", front + "2")]
    assert ask(world, front, "/field/a", f"{net}.3", fields=one)[0] == 200
    assert ask(world, front, "/field/a", f"{net}.4", fields=one)[0] == 429
    assert ask(world, front, "/field/a", f"{net}.3", fields=other)[0] == 200
    assert ask(world, front, "/field/a", f"{net}.3")[0] == 200  # without it, the address
    assert ask(world, front, "/field/a", f"{net}.3")[0] == 429


@FRONTS
def test_kinds(world, front, net):
    address = f"{net}.5"
    assert [ask(world, front, "/window/a", address)[0] for _ in range(3)] == [200, 200, 429]
    assert [ask(world, front, "/quiet/a", address)[0] for _ in range(2)] == [200, 429]
    status, fields = ask(world, front, "/quiet/a", address)
    assert status == 429 and "ratelimit" not in fields and "retry-after" in fields
    assert [ask(world, front, "/post/a", address)[0] for _ in range(3)] == [200, 200, 200]
    assert [ask(world, front, "/post/a", address, method="POST")[0] for _ in range(2)] == [200, 429]
    assert [ask(world, front, "/site/a", address)[0] for _ in range(6)] == [200] * 5 + [429]
    for _ in range(2):
        status, fields = ask(world, front, "/dry/a?" + front, address)
        assert status == 200 and "ratelimit" not in fields
    entry = world.gateway.wait_log(target="/dry/a?" + front, limit_dry_run="dry")
    assert entry["status"] == 200 and "reason" not in entry


def test_several_rates_are_told_of_together(world):
    status, fields = ask(world, "h1", "/two/a", "192.0.2.6")
    assert status == 200
    assert fields["ratelimit-policy"] == '"one";q=1;w=3600, "nine";q=9;w=3600'
    assert fields["ratelimit"].startswith('"one";r=0;t=3600, "nine";r=8;t=')
    assert ask(world, "h1", "/two/a", "192.0.2.7")[0] == 429  # by: all


@FRONTS
def test_what_is_early_waits(world, front, net):
    askers = [Asker(world.gateway, front, "/wait/a", f"{net}.8") for _ in range(4)]
    begin = time.monotonic()
    assert [asker.answer()[0] for asker in askers] == [200] * 4
    assert time.monotonic() - begin > 0.2  # three of them a tenth of a second apart
    early = [Asker(world.gateway, front, "/wait/b", f"{net}.8") for _ in range(3)]
    early[2].leave()
    assert [asker.answer()[0] for asker in early[:2]] == [200, 200]


@FRONTS
def test_requests_at_once(world, front, net):
    address = f"{net}.9"
    first = Asker(world.gateway, front, "/held/hold", address)
    wait_until(lambda: "/held/hold" in world.asked)
    status, fields = ask(world, front, "/held/b?" + front, address)
    assert status == 429 and fields["retry-after"] == "1"
    assert world.gateway.wait_log(target="/held/b?" + front)["reason"] == "too_many_at_once"
    assert ask(world, front, "/held/c", f"{net}.10")[0] == 200
    world.may_answer.release()
    assert first.answer()[0] == 200
    wait_until(lambda: ask(world, front, "/held/d", address)[0] == 200)
    world.asked.clear()
    first = Asker(world.gateway, front, "/dryheld/hold", address)
    wait_until(lambda: "/dryheld/hold" in world.asked)
    assert ask(world, front, "/dryheld/b", address)[0] == 200
    world.may_answer.release()
    assert first.answer()[0] == 200
    world.asked.clear()


@FRONTS
def test_line_of_those_who_wait(world, front, net):
    address = f"{net}.11"
    world.asked.clear()
    first = Asker(world.gateway, front, "/line/hold", address)
    wait_until(lambda: "/line/hold" in world.asked)
    second = Asker(world.gateway, front, "/line/b?" + front, address)
    wait_until(lambda: ask(world, front, "/line/c", address)[0] == 429)  # the line is full
    second.leave()  # whose place in the line is free again
    world.gateway.wait_log(target="/line/b?" + front)
    askers = [Asker(world.gateway, front, target, address) for target in ("/line/d", "/line/e")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # one of them, whichever comes first, has that place
        answers = [pool.submit(asker.answer) for asker in askers]
        refused, _ = concurrent.futures.wait(answers, 15, concurrent.futures.FIRST_COMPLETED)
        assert [answer.result()[0] for answer in refused] == [429]
        world.may_answer.release()
        assert first.answer()[0] == 200
        assert sorted(answer.result()[0] for answer in answers) == [200, 429]
    assert "/line/b?" + front not in world.asked
    world.asked.clear()
    first = Asker(world.gateway, front, "/brief/hold", address)
    wait_until(lambda: "/brief/hold" in world.asked)
    assert ask(world, front, "/brief/b", address)[0] == 429  # it has waited for 100 ms
    world.may_answer.release()
    assert first.answer()[0] == 200
    world.asked.clear()


def test_what_was_counted_outlives_a_reload(world):
    """Also with another number: what was taken is taken."""
    assert [ask(world, "h1", "/plain/r", "192.0.2.20")[0] for _ in range(4)] == [200, 200, 200, 429]
    changed = json.loads(json.dumps(world.config))
    changed["sites"][0]["routes"][0]["rates"][0]["fields"] = False
    world.gateway.config_path.write_text(json.dumps({**json.loads(world.gateway.config_path.read_text()),
                                                     "sites": changed["sites"]}))
    assert command("reload", "-c", str(world.gateway.config_path), cwd=world.gateway.folder).returncode == 0
    status, fields = ask(world, "h1", "/plain/r", "192.0.2.20")
    assert status == 429 and "ratelimit" not in fields
    rules = json.loads(command("status", "--json", "-c", str(world.gateway.config_path),
                               cwd=world.gateway.folder).stdout)["access"]
    assert {"rule": "dry", "verdict": "would limit"}.items() <= next(r for r in rules if r["rule"] == "dry").items()
    assert next(r for r in rules if r["rule"] == "three")["decided"] >= 2
