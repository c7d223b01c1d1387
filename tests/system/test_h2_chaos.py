"""Moody HTTP/2 servers behind impatient clients of both versions: whatever happens, no response is
mixed up with another, and nothing is left at the end."""

import contextlib
import random
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
import h2.exceptions

from client import Connection, Ended, request_bytes
from h2client import Client
from h2origin import CODES, REFUSED_STREAM, H2Origin
from origins import Origin, response_bytes
from waiting import wait_until

REQUESTS = 40
CLIENTS = 8


def moody(seed):
    """A server that does something else for each request, by a dice of its own."""
    def script(connection):
        dice = random.Random(f"{seed} {connection.number}")
        while True:
            request = connection.next_head()
            stream = request.stream
            body = (request.get(":path") + " ").encode() * dice.choice([1, 10, 5000])
            mood = dice.randrange(16)
            if mood == 0:
                connection.reset(stream, REFUSED_STREAM)
            elif mood == 1:
                connection.reset(stream, 2)
            elif mood == 2:
                connection.head(stream)
                connection.data(stream, body[:7])
                connection.reset(stream, 8)
            elif mood == 3 and dice.random() < 0.3:
                connection.send_goaway(stream if dice.random() < 0.5 else 0)
            elif mood == 4 and dice.random() < 0.2:
                connection.raw.reset()
                return
            elif mood == 5:
                connection.raw_headers(stream, [(":status", "200"), ("Bad", "x")], end=True)
            elif mood == 6:
                connection.raw_headers(stream, [(":status", "200"), ("content-length", "3")])
                connection.raw_data(stream, b"more than three", end=True)
            elif mood == 7:
                connection.head(stream, 103, [("link", "</a>")])
                connection.respond(stream, 200, [], body, [("x-sum", "1")])
            elif mood == 8:
                connection.wait(lambda one=request: one.is_whole or one.reset_code is not None)
                connection.respond(stream, 200, [], body)
            else:
                connection.respond(stream, 200, [("content-length", str(len(body)))], body)

    def run(connection):
        with contextlib.suppress(h2.exceptions.ProtocolError, KeyError):
            script(connection)

    return run


def check(target, body):
    """A body is its own request's, however much of it came."""
    pattern = (target + " ").encode()
    assert body == (pattern * (len(body) // len(pattern) + 1))[:len(body)], (target, body[:100])


def run_h1(address, number, wrong):
    dice = random.Random(number)
    for i in range(REQUESTS):
        target = f"/h1-{number}-{i}"
        with contextlib.suppress(Ended, OSError):
            with Connection(address) as client:
                body = b"x" * dice.choice([10, 100000]) if dice.random() < 0.5 else None
                client.send_even_if_refused(request_bytes(
                    target, "POST" if body else "GET", "shop.example", [], body))
                if dice.random() < 0.2:
                    client.reset()
                    continue
                response = client.read_response()
                if response.status == 200:
                    try:
                        check(target, response.body)
                    except AssertionError as failure:
                        wrong.append(failure)


def run_h2(address, number, wrong):
    dice = random.Random(number)
    left = REQUESTS
    while left > 0:
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            with Client(address) as client:
                streams = {}
                for _ in range(dice.randrange(1, 10)):
                    left -= 1
                    target = f"/h2-{number}-{left}"
                    body = b"x" * dice.choice([10, 30000]) if dice.random() < 0.5 else None
                    stream = client.start(target, "POST" if body else "GET", end=body is None)
                    if body:
                        client.data(stream, body, end=True)
                    streams[stream] = target
                for stream, target in streams.items():
                    if dice.random() < 0.2:
                        with contextlib.suppress(h2.exceptions.StreamClosedError):
                            client.reset(stream)
                        continue
                    response = client.wait(stream)
                    if response.fields is not None and response.status == 200:
                        try:
                            check(target, response.body)
                        except AssertionError as failure:
                            wrong.append(failure)


def moody_h1(raw):
    """The same over HTTP/1.1, in fewer moods."""
    dice = random.Random(raw.number)
    while True:
        request = raw.read_request()
        body = (request.target + " ").encode() * dice.choice([1, 10, 5000])
        mood = dice.randrange(10)
        if mood == 0:
            raw.reset()
            return
        raw.send(response_bytes(200, [], body)[:-1 if mood == 1 else None])
        if mood == 1:
            return


def run_clients(gateway, seed):
    wrong = []
    threads = [threading.Thread(target=run, args=(gateway.address, seed * 100 + i, wrong))
               for i in range(CLIENTS) for run in (run_h1, run_h2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong, wrong[0]
    wait_until(lambda: sum(entry.get("status") == 200
                           for entry in gateway.log_entries()) > 100, 10, "a hundred 200s")
    gateway.stop()


def config(backend):
    return {"sites": [{"hosts": ["shop.example"], "backend": "up"}],
            "timeouts": {"stream_idle": "2s"},
            "backends": [{"name": "up", "response_timeout": "2s", **backend}]}


@pytest.mark.parametrize("seed", [1, 2])
def test_moody_servers(start, seed):
    settings = {CODES.MAX_CONCURRENT_STREAMS: 7}
    with H2Origin(moody(seed), settings=settings) as one, H2Origin(moody(seed + 10)) as two:
        run_clients(start(config({"servers": [one.address, two.address], "protocol": "h2c"})),
                    seed)
        for origin in (one, two):
            origin.failures.clear()


def test_moody_servers_of_either_version(start, ca, shop, free_address):
    """One speaks HTTP/2, one HTTP/1.1, and one is not there."""
    h1_context = shop.server_context()
    h1_context.set_alpn_protocols(["http/1.1"])
    settings = {CODES.MAX_CONCURRENT_STREAMS: 5}
    with H2Origin(moody(3), settings=settings, tls=shop.server_context()) as two, \
            Origin(moody_h1, tls=h1_context) as one:
        run_clients(start(config({
            "servers": [one.address, two.address, free_address], "protocol": "auto",
            "tls": {"ca": str(ca.file), "server_name": "shop.example"}})), 3)
        for origin in (one, two):
            origin.failures.clear()
