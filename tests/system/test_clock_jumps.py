"""The machine's clock is set while the gateway runs: what tokens say of time goes by the new one, everything that is
measured goes on. The clock is another one for the gateway alone, by libfaketime."""

import glob
import json
import time

import pytest

from client import Connection, request_bytes
from issuer import Issuer
from tidegate import release_binary

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
# With a release build: the sanitizers have such a library of their own.
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="there is no libfaketime")

HOUR = 3600


class Clock:
    def __init__(self, folder):
        self.path = folder / "clock"
        self.set(0)
        # Monotonic clocks do not jump. Without a cache, what the file says counts at once.
        self.variables = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(self.path), "FAKETIME_NO_CACHE": "1",
                          "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set(self, seconds):
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.rename(self.path)


@pytest.fixture(name="clock")
def _clock(folder):
    return Clock(folder)


@pytest.fixture(name="issuer")
def _issuer():
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(name="gateway")
def _gateway(start, clock, folder, issuer):
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"keys": [key.jwk() for key in issuer.keys]}))
    jwt = {"issuers": [{"issuer": issuer.name, "audience": "shop", "keys": str(keys), "leeway": "5s"}]}
    return start({"sandbox": "off", "sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/token"}, "auth": {"jwt": jwt}, "respond": {}},
        {"match": {"path": "/rate"}, "respond": {}, "rates": [{"requests": 2, "per": "1h", "by": "address"}]},
        {"match": {"path": "/night"}, "respond": {}, "access": [{"allow": {"hours": {
            "from": time.strftime("%H:%M", time.gmtime(time.time() + 2 * HOUR)),
            "until": time.strftime("%H:%M", time.gmtime(time.time() + 4 * HOUR)), "zone": "utc"}}}]},
        {"respond": {}}]}]}, program=release_binary(), variables=clock.variables)


def ask(gateway, path, fields=()):
    with Connection(gateway.address) as client:
        client.send(request_bytes(path, fields=fields))
        return client.read_response().status


def test_tokens_go_by_the_clock_as_it_is_now(gateway, clock, issuer):
    bearer = [("Authorization", "Bearer " + issuer.token(nbf=int(time.time()) - 60, exp=int(time.time()) + HOUR))]
    for _ in range(2):  # looked at, and remembered
        assert ask(gateway, "/token", bearer) == 200
    clock.set(2 * HOUR)
    assert ask(gateway, "/token", bearer) == 401
    assert gateway.wait_log(target="/token", status=401)["reason"] == "credentials_expired"
    clock.set(0)
    assert ask(gateway, "/token", bearer) == 200
    clock.set(-2 * HOUR)
    assert ask(gateway, "/token", bearer) == 401
    assert gateway.wait_log(target="/token", reason="credentials_early")
    clock.set(0)
    assert ask(gateway, "/token", bearer) == 200


def test_hours_go_by_the_clock_as_it_is_now(gateway, clock):
    assert ask(gateway, "/night") == 403
    clock.set(3 * HOUR)
    assert ask(gateway, "/night") == 200
    clock.set(-3 * HOUR)
    assert ask(gateway, "/night") == 403


def test_what_is_measured_goes_on(gateway, clock):
    """Limits, and connections that are open."""
    with Connection(gateway.address) as client:
        for at, status in ((0, 200), (0, 200), (0, 429), (5 * HOUR, 429), (-5 * HOUR, 429), (400 * 24 * HOUR, 429)):
            clock.set(at)
            client.send(request_bytes("/rate"))
            assert client.read_response().status == status, at
        for at in (0, -400 * 24 * HOUR, 0):
            clock.set(at)
            client.send(request_bytes("/"))
            assert client.read_response().status == 200, at
