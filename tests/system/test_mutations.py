"""Good and bad messages of both sides with bytes changed, lost, doubled and put in, cut into pieces
anywhere and ended in any way: whatever comes of each, the gateway goes on, and nothing is left."""

import contextlib
import random
import ssl
import threading

import pytest

from client import Connection, Ended, fetch, request_bytes
from origins import Origin, response_bytes
from test_hostile_origins import BODY_CASES, CASES, EXTRA_CASES
from tlsbytes import client_hello

POST = b"POST /echo HTTP/1.1\r\nHost: test.example\r\n"
REQUESTS = [
    request_bytes(), request_bytes(method="HEAD"), request_bytes(version="HTTP/1.0"),
    request_bytes("/file.txt", fields=[("Range", "bytes=0-3,5-9")]), request_bytes("/big"),
    request_bytes("/echo", "PUT", body=b"z" * 100000), request_bytes(method="POST", body=b"hello"),
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    request_bytes("/", "POST", fields=[("Expect", "100-continue")], body=b"abc"),
    request_bytes(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")]) + b"ping",
]
BEGINNINGS = [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"PROXY UNKNOWN\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\1" * 12, client_hello("bank.example"),
    b"\x80\x2e\1\0\2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
]
GOOD = [
    response_bytes(200, [], b"good"), response_bytes(200, [], b"x" * 200000),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 100000, b"HTTP/1.0 200 OK\r\n\r\nbye",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\npong",
    b"HTTP/1.1 100 Continue\r\n\r\n" + response_bytes(204, [], b"", "No Content"),
]
BAD = [data for data in [case[1] for case in CASES + BODY_CASES] + [case[2] for case in EXTRA_CASES]
       if len(data) < 10000]
INSERTS = [b"\r\n", b"\r\n\r\n", b"\n", b"\0", b" ", b":", b";", b",", b"0", b"%00"]


def mutated(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice([0, 0, 1, 1, 2, 5])):
        at = dice.randrange(len(data) + 1)
        act = dice.choice(["change", "lose", "put in", "double", "end"])
        if act == "change":
            data[at:at + 1] = bytes([dice.randrange(256)])
        elif act == "lose":
            del data[at:at + dice.randrange(1, 9)]
        elif act == "put in":
            data[at:at] = dice.choice(INSERTS)
        elif act == "double":
            data[at:at] = data[max(0, at - 20):at]
        else:
            del data[at:]
    return bytes(data)


def send_in_pieces(dice, connection, data):
    while data:
        small = [1, 2, 7, 100] if len(data) < 3000 else [1000]
        size = dice.choice([*small, 70000, len(data)])
        connection.send(data[:size])
        data = data[size:]


def answer_anyhow(connection):
    dice = random.Random(connection.number)
    connection.sock.settimeout(3)
    while True:
        request = connection.read_request() if dice.random() < 0.8 else connection.read_head()
        if request.target == "/good":
            connection.send(response_bytes(200, [], b"good"))
            continue
        data = dice.choice(GOOD if dice.random() < 0.6 else BAD)
        send_in_pieces(dice, connection, mutated(dice, data) if dice.random() < 0.4 else data)
        end = dice.random()
        if end < 0.1:
            connection.reset()
        elif end < 0.2:
            connection.half_close()
            connection.wait_end()
        if end < 0.3 or not (b"Length" in data or b"chunked" in data):
            return


class AnyhowOrigin(Origin):
    def __init__(self):
        super().__init__(self.answer, timeout=5)

    @staticmethod
    def answer(connection):
        # What the gateway sent of a mutated request is seldom what this simple reader expects.
        with contextlib.suppress(OSError, EOFError, ValueError, AssertionError):
            answer_anyhow(connection)


def use_anyhow(connection, dice):
    is_tls = isinstance(connection.sock, ssl.SSLSocket)
    if not is_tls and dice.random() < 0.3:
        send_in_pieces(dice, connection, mutated(dice, dice.choice(BEGINNINGS)))
    for _ in range(dice.choice([1, 1, 2, 5])):
        data = dice.choice(REQUESTS) * dice.choice([1, 1, 1, 3])
        send_in_pieces(dice, connection, mutated(dice, data) if dice.random() < 0.5 else data)
        end = dice.random()
        if end < 0.1:
            connection.reset()
            return
        if end < 0.2 and not is_tls:
            connection.half_close()
        connection.sock.settimeout(dice.choice([0.01, 0.05, 0.3]))
        with contextlib.suppress(TimeoutError):
            while connection.sock.recv(dice.choice([1, 1000, 100000])) and dice.random() < 0.9:
                pass


@pytest.mark.parametrize("seed", range(3))
def test_mutated_bytes_break_nothing(start, folder, ca, shop, seed):
    (folder / "file.txt").write_text("a file of some length")
    (folder / "big").write_bytes(b"q" * 1000000)
    routes = [{"match": {"path": "/file.txt"}, "files": str(folder)},
              {"match": {"path": "/big"}, "files": str(folder)},
              {"match": {"path": "/echo"}, "respond": {"echo": True}}, {"backend": "anyhow"}]
    with AnyhowOrigin() as origin:
        gateway = start({
            "workers": 2,
            "listeners": [{"bind": "127.0.0.1:0", "proxy_protocol_from": ["127.0.0.1"]}],
            "sites": [{"hosts": ["*"], "routes": routes},
                      {"hosts": ["shop.example"], "tls": shop.settings(), "routes": routes},
                      {"hosts": ["bank.example"], "passthrough": [origin.address]}],
            "backends": [{"name": "anyhow", "servers": [origin.address], "response_timeout": "1s"}],
            "timeouts": {"head": "500ms", "body": "500ms", "keep_alive": "1s", "send": "1s",
                         "stream_idle": "1s"}})
        pid = gateway.gateway_pid()

        def clients(number):
            dice = random.Random(seed * 100 + number)
            for _ in range(60):
                is_tls = dice.random() < 0.3
                with contextlib.suppress(OSError, Ended, ValueError):
                    with Connection(gateway.address, ca.client_context() if is_tls else None,
                                    "shop.example" if is_tls else None, timeout=3) as connection:
                        use_anyhow(connection, dice)

        threads = [threading.Thread(target=clients, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert gateway.gateway_pid() == pid, gateway.stderr()
        assert fetch(gateway.address, "/echo").status == 200
