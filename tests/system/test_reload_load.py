"""Reloads under load: fifty in every run, as many as TIDEGATE_RELOADS says in `make soak`. Clients
of every kind go on meanwhile; every tenth file is a broken one. No request fails, no tunnel is
closed, memory is flat after the first ones, and old configurations go."""

import json
import os
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import Client
from origins import EchoOrigin, Origin, free_port
from tidegate import binary, children_of, command
from tlsbytes import client_hello
from waiting import wait_until

RELOADS = int(os.environ.get("TIDEGATE_RELOADS", "50"))
WARM = min(RELOADS // 2, 50)  # so many before memory is measured
MIB = 1 << 20


def echo(connection):
    while True:
        data = connection.recv()
        if not data:
            return
        connection.send(data)


def web_socket(connection):
    connection.read_request()
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\n\r\n")
    echo(connection)


class Load:
    """One kind of client in a thread of its own: `turn` again and again."""

    def __init__(self, name, turn):
        self.name = name
        self.turn = turn
        self.turns = 0
        self.failure = None
        self.is_over = False
        self.thread = threading.Thread(target=self.run, name=name)
        self.thread.start()

    def run(self):
        while not self.is_over and self.failure is None:
            try:
                self.turn()
                self.turns += 1
            except BaseException as failure:  # pylint: disable=broad-except
                self.failure = failure

    def stop(self):
        self.is_over = True
        self.thread.join(60)
        assert not self.thread.is_alive(), self.name
        assert self.failure is None, f"{self.name} after {self.turns} turns: {self.failure!r}"


def loads(gateway, ca):
    """What is under way all the time: its turns, and what is to be closed at the end."""
    address, host = gateway.address, "shop.example"
    h1, tls = Connection(address), Connection(address, tls=ca.client_context(), server_name=host)
    h2 = Client(address, tls=ca.client_context(), server_name=host)
    tunnel, web = Connection(address), Connection(address)
    hello = client_hello("bank.example")
    tunnel.send(hello)
    assert tunnel.read(len(hello)) == hello
    web.send(request_bytes("/ws", host=host, fields=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
    assert web.read_head().status == 101

    def ask(connection):
        def turn():
            response = connection.request("/", host=host)
            assert response.status == 200, response
        return turn

    def upload():
        parts = [b"x" * 20000] * 8
        h1_upload.send(request_bytes("/", "POST", host, [("Transfer-Encoding", "chunked")]))
        for part in parts:
            h1_upload.send(chunked(part)[:-5])  # without the end of the body
        h1_upload.send(b"0\r\n\r\n")
        response = h1_upload.read_response()
        assert response.status == 200, response
        assert json.loads(response.body)["body_bytes"] == 8 * 20000

    def new_connection():
        with Connection(address, tls=ca.client_context(), server_name=host) as fresh:
            assert fresh.request("/", host=host).status == 200

    def through(connection):
        def turn():
            connection.send(b"still here")
            assert connection.read(10) == b"still here"
        return turn

    h1_upload = Connection(address)
    turns = {"keep-alive": ask(h1), "keep-alive over TLS": ask(tls), "HTTP/2": ask(h2),
             "passthrough": through(tunnel), "WebSocket": through(web), "upload": upload,
             "new connections": new_connection}
    return turns, [h1, tls, h2, tunnel, web, h1_upload]


def sites(origin, sockets, bank, shop, number):
    """Another one each time: routes come and go, backends are other ones."""
    return [{"hosts": ["bank.example"], "passthrough": bank.address},
            {"hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve", "routes": [
                *([{"match": {"path": f"/only/{number}"}, "respond": {"body": "x"}}]
                  if number % 2 else []),
                {"match": {"path": "/ws"}, "backend": sockets.address},
                {"backend": {"servers": [origin.address], "idle_connections": 8 + number % 3}}]}]


def resident_kib(gateway):
    """Of the process that carries the traffic, less what the sanitizers have set aside."""
    with open(f"/proc/{gateway.gateway_pid()}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def generations(control):
    shown = command("status", "--generations", "--json", "--socket", str(control))
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["generations"]


def test_reloads_under_load(folder, start, ca):
    control = folder / "control.sock"
    shop = ca.server("shop.example")
    ports = [free_port(), free_port()]
    with EchoOrigin() as origin, Origin(web_socket) as sockets, Origin(echo) as bank:
        def config(number):
            binds = ["127.0.0.1:0", *([f"127.0.0.1:{ports[number % 2]}"] if number % 3 else [])]
            return {**base, "sites": sites(origin, sockets, bank, shop, number),
                    "listeners": [{"bind": binds}]}

        gateway = start({"control": str(control), "workers": 2,
                         "sites": sites(origin, sockets, bank, shop, 0)}, folder=folder)
        base = json.loads(gateway.config_path.read_text())
        turns, connections = loads(gateway, ca)
        processes = set(children_of(gateway.process.pid))
        running = [Load(name, turn) for name, turn in turns.items()]
        memory = []
        try:
            for number in range(1, RELOADS + 1):
                is_broken = number % 10 == 0
                gateway.config_path.write_text(
                    "sites: [" if is_broken else json.dumps(config(number)))
                done = command("reload", "--socket", str(control))
                assert done.returncode == (1 if is_broken else 0), done.stderr + gateway.stderr()
                before = [load.turns for load in running]
                wait_until(lambda: all(load.failure or load.turns > turns
                                       for load, turns in zip(running, before)), 60,
                           "turns of all clients")
                if number >= WARM:
                    memory.append(resident_kib(gateway))
            # The tunnels have the one that they began with.
            assert len(generations(control)) == 2
        finally:
            for load in running:
                load.is_over = True
            for load in running:
                load.stop()
            for connection in connections:
                connection.close()
        assert set(children_of(gateway.process.pid)) == processes
        if "san/" not in binary():  # whose own memory grows
            assert max(memory) - memory[0] < 4 * 1024, memory
        # Old configurations have gone with their last users.
        wait_until(lambda: len(generations(control)) == 1, what="one configuration")
