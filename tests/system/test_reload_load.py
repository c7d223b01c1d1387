"""Reloads under load: fifty in every run, as many as TIDEGATE_RELOADS says in `make soak`. Clients
of every kind go on meanwhile; every tenth file is a broken one, and every fifth reload has renewed
certificates, as certbot and Kubernetes have them. No request fails, no tunnel and no stream is
closed, memory is flat after the first ones, and old configurations go."""

import base64
import hashlib
import json
import os
import pathlib
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import EchoOrigin, Origin, free_port
from tidegate import binary, children_of, command
from tlsbytes import client_hello
from waiting import wait_until

RELOADS = int(os.environ.get("TIDEGATE_RELOADS", "50"))
WARM = min(RELOADS // 2, 50)  # so many before memory is measured
MIB = 1 << 20
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def echo(connection):
    while True:
        data = connection.recv()
        if not data:
            return
        connection.send(data)


def web_socket(connection):
    key = connection.read_request().get("Sec-WebSocket-Key").encode()
    proof = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n")
    echo(connection)


def echo_messages(connection):
    """A gRPC server's stream in both directions: each message comes back at once."""
    sent, begun = {}, set()
    while True:
        for stream, request in list(connection.requests.items()):
            if stream not in begun:
                begun.add(stream)
                connection.head(stream, 200, [("content-type", "application/grpc")])
            new = bytes(request.body[sent.get(stream, 0):])
            if new:
                sent[stream] = len(request.body)
                connection.data(stream, new)
        connection.pump()


class Renewed:
    """A certificate for root alone: as certbot has it (live/ are links into archive/, one after the
    other set anew), or Kubernetes (..data is a link to a folder, which is exchanged)."""

    def __init__(self, way, folder, ca):
        self.way, self.ca, self.number = way, ca, 0
        self.host = f"{way}.example"
        self.archive, self.live = folder / f"{way}-archive", folder / f"{way}-live"
        for path in (self.archive, self.live):
            path.mkdir(mode=0o700)
        self.renew()

    def _link(self, target, name):
        (self.live / ".new").symlink_to(target)
        os.replace(self.live / ".new", self.live / name)

    def renew(self):
        self.number += 1
        self.certificate = self.ca.server(self.host)
        place = self.archive / str(self.number)
        place.mkdir(mode=0o700)
        (place / "tls.crt").write_bytes(self.certificate.crt.read_bytes())
        (place / "tls.key").write_bytes(self.certificate.key_file.read_bytes())
        (place / "tls.key").chmod(0o600)
        if self.way == "kubernetes":
            self._link(place, "..data")
        for name in ("tls.crt", "tls.key"):
            if self.way == "certbot":
                self._link(place / name, name)
            elif self.number == 1:
                (self.live / name).symlink_to(pathlib.Path("..data") / name)

    def site(self):
        return {"hosts": [self.host], "respond": {"body": "x"}, "tls": {
            "certificate": str(self.live / "tls.crt"), "key": str(self.live / "tls.key")}}

    def is_served(self, address):
        with Connection(address, tls=self.ca.client_context(), server_name=self.host) as fresh:
            assert fresh.request("/", host=self.host).status == 200
            return fresh.sock.getpeercert(True) == self.certificate.der


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
    calls, sockets = (Client(address, tls=ca.client_context(), server_name=host) for _ in "12")
    hello = client_hello("bank.example")
    tunnel.send(hello)
    assert tunnel.read(len(hello)) == hello
    web.send(request_bytes("/ws", host=host, fields=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
    assert web.read_head().status == 101
    call = calls.start("/test.Words/Echo", "POST", end=False, host=host,
                       fields=[("content-type", "application/grpc"), ("te", "trailers")])
    assert calls.wait_head(call).status == 200
    sockets.wait_for(lambda: sockets.h2.remote_settings.enable_connect_protocol == 1)
    socket = sockets.send([(":method", "CONNECT"), (":protocol", "websocket"),
                           (":scheme", "https"), (":path", "/ws"), (":authority", host),
                           ("sec-websocket-version", "13")], end=False)
    assert sockets.wait_head(socket).status == 200

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

    def stream(client, number, message):
        def turn():
            found = client.streams[number]
            found.body = b""
            client.data(number, message)
            client.wait_for(lambda: len(found.body) >= len(message) or found.is_ended)
            assert found.body == message and found.reset is None
        return turn

    h1_upload = Connection(address)
    turns = {"keep-alive": ask(h1), "keep-alive over TLS": ask(tls), "HTTP/2": ask(h2),
             "passthrough": through(tunnel), "WebSocket": through(web), "upload": upload,
             "gRPC stream": stream(calls, call, b"\0\0\0\0\x05hello"),
             "WebSocket over HTTP/2": stream(sockets, socket, b"still here"),
             "new connections": new_connection}
    return turns, [h1, tls, h2, tunnel, web, h1_upload, calls, sockets]


def sites(origins, shop, renewed, number):
    """Another one each time: routes come and go, backends are other ones."""
    origin, sockets, bank, words = origins
    return [*(one.site() for one in renewed), {"hosts": ["bank.example"], "passthrough": bank.address},
            {"hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve", "routes": [
                *([{"match": {"path": f"/only/{number}"}, "respond": {"body": "x"}}]
                  if number % 2 else []),
                {"match": {"path": "/ws"}, "backend": sockets.address},
                {"match": {"path": "/test.Words/*"},
                 "backend": {"servers": [words.address], "protocol": "h2c"}},
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
    renewed = [Renewed(way, folder, ca) for way in ("certbot", "kubernetes")]
    with EchoOrigin() as origin, Origin(web_socket) as sockets, Origin(echo) as bank, \
            H2Origin(echo_messages) as words:
        origins = origin, sockets, bank, words

        def config(number):
            binds = ["127.0.0.1:0", *([f"127.0.0.1:{ports[number % 2]}"] if number % 3 else [])]
            return {**base, "sites": sites(origins, shop, renewed, number),
                    "listeners": [{"bind": binds}]}

        gateway = start({"control": str(control), "workers": 2,
                         "sites": sites(origins, shop, renewed, 0)}, folder=folder)
        base = json.loads(gateway.config_path.read_text())
        turns, connections = loads(gateway, ca)
        processes = set(children_of(gateway.process.pid))
        running = [Load(name, turn) for name, turn in turns.items()]
        memory = []
        try:
            for number in range(1, RELOADS + 1):
                is_broken = number % 10 == 0
                if number % 5 == 0:
                    for one in renewed:
                        one.renew()
                gateway.config_path.write_text(
                    "sites: [" if is_broken else json.dumps(config(number)))
                done = command("reload", "--socket", str(control))
                assert done.returncode == (1 if is_broken else 0), done.stderr + gateway.stderr()
                before = [load.turns for load in running]
                wait_until(lambda: all(load.failure or load.turns > turns
                                       for load, turns in zip(running, before)), 60,
                           "turns of all clients")
                for one in renewed if number % 5 == 0 else ():
                    wait_until(lambda one=one: one.is_served(gateway.address), 30,
                               f"the renewed certificate of {one.host}")
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
