"""Clients and origins that end, stall and cut their bytes wherever they like. Whatever they do, the
others are served, and at the end no session, exchange, lease, descriptor or memory is left."""

import contextlib
import json
import os
import random
import ssl
import threading
import time

import pytest

from client import Connection, Ended, chunked, fetch, request_bytes
from origins import EchoOrigin, Origin, response_bytes
from waiting import wait_until

MIB = 1 << 20
ENDS = (Ended, OSError, ssl.SSLError, AssertionError, ValueError)


def descriptors(gateway):
    """Root alone may count them: the gateway's process is closed to others."""
    if os.geteuid() != 0:
        return 0
    return len(os.listdir(f"/proc/{gateway.gateway_pid()}/fd"))


def in_pieces(dice, data):
    """The data in up to 12 pieces, cut anywhere."""
    cuts = sorted(dice.randrange(1, len(data)) for _ in range(dice.randrange(12)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)]) if a != b]


def some_requests(dice, count, host="test.example"):
    """Pipelined requests of every framing, and what the echo has to say of each."""
    data, expected = b"", []
    for number in range(count):
        size = dice.choice([0, 1, 100, 5000, 70000])
        body = dice.randbytes(size)
        kind = dice.choice(["get", "length", "chunked"])
        target = f"/{number}/{'x' * dice.randrange(200)}"
        if kind == "get":
            data += request_bytes(target, host=host)
            size = 0
        elif kind == "length":
            data += request_bytes(target, "POST", host, body=body)
        else:
            data += request_bytes(target, "POST", host, [("Transfer-Encoding", "chunked")])
            parts = [body[i:i + 4000] for i in range(0, size, 4000)]
            data += chunked(*parts, trailers="X-Sum: 1\r\n" if dice.random() < 0.5 else "")
        expected.append((target, size))
    return data, expected


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("way", ["plain", "tls"])
def test_wherever_the_bytes_are_cut_the_requests_are_the_same(start_shared, ca, seed, way):
    gateway, _ = start_shared
    dice = random.Random(seed)
    tls = ca.client_context() if way == "tls" else None
    host = "shop.example" if tls else "test.example"
    data, expected = some_requests(dice, 20, host)
    with Connection(gateway.address, tls, "shop.example" if tls else None) as connection:
        def send():
            for piece in in_pieces(dice, data):
                connection.send(piece)
        sender = threading.Thread(target=send, daemon=True)
        # A TLS object is not for two threads: there the requests are sent first, a part at a time.
        if tls is None:
            sender.start()
        else:
            data, expected = some_requests(dice, 3, host)
            send()
        for target, size in expected:
            answer = json.loads(connection.read_response().body)
            assert (answer["target"], answer["body_bytes"]) == (target, size)
        if tls is None:
            sender.join(10)


@pytest.fixture(scope="module")
def start_shared(start_for_module, shop):
    with EchoOrigin() as origin:
        yield start_for_module({"sites": [
            {"hosts": ["*"], "backend": origin.address},
            {"hosts": ["shop.example"], "tls": shop.settings(),
             "backend": origin.address}]}), origin


@pytest.mark.parametrize("size", [1, 2, 7])
def test_response_in_small_segments(start, size):
    """The head and the chunks of a response may come in any pieces, too."""
    data = (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 42\r\n\r\n")

    def handler(connection):
        while True:
            connection.read_request()
            for at in range(0, len(data), size):
                connection.send(data[at:at + size])

    with Origin(handler) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        with Connection(gateway.address) as connection:
            for _ in range(3):
                response = connection.request()
                assert response.body == b"hello world"
                assert response.trailers == [("X-Sum", "42")]
                assert len(response.interim) == 1
        assert len(origin.connections) == 1


class MoodyOrigin(Origin):
    """Answers, stalls, cuts off or resets, as the dice say."""

    def __init__(self, seed, **options):
        self.dice = random.Random(seed)
        self.stalled = threading.Event()
        super().__init__(self.answer, **options)

    def answer(self, connection):
        while True:
            request = connection.read_request()
            mood = "good" if request.target == "/good" else self.dice.choice(
                ["good", "good", "big", "cut", "reset", "half", "garbage", "close", "slow"])
            if mood == "good":
                connection.send(response_bytes(200, [], b"good"))
            elif mood == "big":
                connection.send(response_bytes(200, [], b"x" * (2 * MIB)))
            elif mood == "cut":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut")
                return
            elif mood == "reset":
                connection.reset()
                return
            elif mood == "half":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-")
                connection.half_close()
                connection.wait_end()
                return
            elif mood == "garbage":
                connection.send(b"\xff" * 1000)
                connection.wait_end()
                return
            elif mood == "close":
                connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 50000)
                return
            else:
                self.stalled.wait(0.05)
                connection.send(response_bytes(200, [], b"slow"))


def moody_client(gateway, ca, dice):
    """One connection, used and left in some way."""
    way = dice.choice(["plain", "plain", "tls", "passed"])
    host = {"plain": "test.example", "tls": "shop.example", "passed": "bank.example"}[way]
    tls = ca.client_context() if way != "plain" else None
    with contextlib.suppress(*ENDS):
        with Connection(gateway.address, tls, host if tls else None, timeout=1) as connection:
            for _ in range(dice.randrange(1, 4)):
                data, _ = some_requests(dice, dice.randrange(1, 4), host)
                act = dice.choice(["whole", "whole", "cut", "unread", "reset", "half"])
                if act in ("cut", "reset", "half"):
                    data = data[:dice.randrange(1, len(data))]
                connection.send(data)
                if act == "reset":
                    connection.reset()
                    return
                if act in ("cut", "unread"):
                    return
                if act == "half":
                    if tls is None:
                        connection.half_close()
                    connection.read_to_end()
                    return
                connection.read_response()


def chaotic(ca, shop, outer, inner):
    """Plain, terminated and passed through, to origins that cannot be relied on."""
    return {
        "workers": 2,
        "sites": [{"hosts": ["*"], "backend": "outer"},
                  {"hosts": ["shop.example"], "tls": shop.settings(), "backend": "inner"},
                  {"hosts": ["bank.example"], "passthrough": "passed"}],
        "backends": [
            {"name": "outer", "servers": [outer.address], "response_timeout": "1s"},
            {"name": "inner", "servers": [inner.address], "response_timeout": "1s",
             "tls": {"ca": str(ca.file), "server_name": "bank.example"}},
            {"name": "passed", "servers": [inner.address]}],
        "timeouts": {"head": "2s", "body": "2s", "stream_idle": "1s", "first_byte": "2s",
                     "keep_alive": "2s", "drain": "15s"}}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_of_moody_clients_and_origins(start, ca, shop, bank, seed):
    with MoodyOrigin(seed) as outer, MoodyOrigin(seed, tls=bank.server_context()) as inner:
        gateway = start(chaotic(ca, shop, outer, inner))
        fetch(gateway.address, "/good")
        base = descriptors(gateway)
        pid = gateway.gateway_pid()

        def clients(number):
            dice = random.Random(seed * 100 + number)
            for _ in range(20):
                moody_client(gateway, ca, dice)

        threads = [threading.Thread(target=clients, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert gateway.gateway_pid() == pid, gateway.stderr()
        for _ in range(5):
            assert fetch(gateway.address, "/good").body == b"good"
        # What stays is what the pools keep, two sockets for each of eight clients at the most.
        wait_until(lambda: descriptors(gateway) <= base + 16, 15, "the end of all connections")


@pytest.mark.parametrize("seed", range(3))
def test_drain_in_the_middle_of_it_all(start, ca, shop, bank, seed):
    """SIGTERM under load: what began is finished, what is left is nothing, the status is 0."""
    with MoodyOrigin(seed) as outer, MoodyOrigin(seed, tls=bank.server_context()) as inner:
        gateway = start(chaotic(ca, shop, outer, inner))
        served = []

        def clients(number):
            dice = random.Random(seed * 100 + number)
            while not gateway.is_terminated:
                moody_client(gateway, ca, dice)
                served.append(number)

        threads = [threading.Thread(target=clients, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(served) > 20, 30)
        gateway.terminate()
        for thread in threads:
            thread.join(30)
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < 8, "something was waited for until the drain's limit"


def test_pipelining_without_reading_is_not_buffered_for_ever(start):
    """A client that asks and asks and never reads is no longer read after a while."""
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x" * 8000}}]},
                    sanitizer_options="quarantine_size_mb=4")
    before = gateway.rss_bytes()
    sent = 0
    batch = request_bytes() * 1000
    with Connection(gateway.address, timeout=1) as connection:
        with contextlib.suppress(TimeoutError, OSError):
            while sent < 64 * MIB:
                connection.send(batch)
                sent += len(batch)
        assert sent < 64 * MIB
        assert gateway.rss_bytes() - before < 16 * MIB


def test_drip_of_connections_costs_nothing(start):
    """Thousands of connections, each doing little, leave the memory as it was."""
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}]},
                    sanitizer_options="quarantine_size_mb=1")
    for _ in range(300):
        fetch(gateway.address)
    before = gateway.rss_bytes()
    for number in range(2000):
        if number % 3 == 0:
            fetch(gateway.address)
        else:
            with Connection(gateway.address) as connection:
                connection.send(b"GET / HT" if number % 3 == 1 else b"\x16\x03\x01\x02\x00\x01")
    assert gateway.rss_bytes() - before < 12 * MIB
