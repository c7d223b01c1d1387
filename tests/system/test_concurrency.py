"""The limit of `concurrency` beside a living backend: it falls to what the servers can work on, and rises with it."""

import contextlib
import http.client
import threading
import time

from origins import Origin, response_bytes
from slow import status
from waiting import wait_until

# What a request takes once the server works on it: long beside what Python and a busy machine add.
WORK_SECONDS = 0.04
CLIENTS = 48


class Workshop:
    """A server that works on so many requests at once; the others stand in a line there, and take longer by that."""

    def __init__(self, at_once):
        self.places = threading.Semaphore(at_once)
        self.origin = Origin(self.serve)

    def serve(self, connection):
        with contextlib.suppress(OSError):
            while True:
                connection.read_request()
                with self.places:
                    time.sleep(WORK_SECONDS)  # the work
                connection.send(response_bytes(200, [], b"done"))

    def grow(self, places):
        self.places.release(places)


class Crowd:
    """Clients that ask again as soon as they have an answer: more than the servers work on."""

    def __init__(self, gateway):
        self.gateway, self.ends, self.answers = gateway, threading.Event(), []
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        with contextlib.closing(http.client.HTTPConnection(*self.gateway.address, timeout=60)) as client:
            while not self.ends.is_set():
                client.request("GET", "/")
                response = client.getresponse()
                response.read()
                self.answers.append(response.status)

    def leave(self):
        self.ends.set()
        for thread in self.threads:
            thread.join(60)
        assert set(self.answers) == {200}


def test_the_limit_falls_and_rises_with_what_the_servers_can_do(start):
    shop = Workshop(at_once=2)
    with shop.origin:
        gateway = start({"control": "control.sock", "sites": [{"hosts": ["*"], "backend": "shop"}], "backends": [
            {"name": "shop", "servers": [shop.origin.address], "queue": {"size": 1000, "timeout": "60s"},
             "concurrency": {"adapt": "latency", "start": 40, "probe": "1s"}}]})

        def limit():
            return status(gateway)["backends"][0]["concurrency"]["limit"]

        assert limit() == 40
        crowd = Crowd(gateway)
        # With 40 at two places answers take twenty times as long as the work.
        wait_until(lambda: limit() <= 6, 60)
        low = status(gateway)["backends"][0]["concurrency"]
        assert low["base_us"] >= WORK_SECONDS * 1e6 * 0.9
        shop.grow(30)
        wait_until(lambda: limit() >= 16, 60)
        crowd.leave()
        wait_until(lambda: status(gateway)["backends"][0]["concurrency"]["in_use"] == 0)
