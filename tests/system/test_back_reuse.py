"""Connections to servers that are used again: what comes or ends on them while they rest, what is
sent again when they break, and those that belong to one client."""

import os
import signal
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, fetch, request_bytes
from h2back import config
from h2client import Client
from h2origin import REFUSED_STREAM, H2Origin, serve, text
from origins import EchoOrigin, Origin, response_bytes
from waiting import wait_until

FORGED = response_bytes(200, [("X-Forged", "yes")], b"forged")


def up(origin, protocol="h1", ca=None, **more):
    backend = {"name": "up", "servers": [origin.address], "protocol": protocol, **more}
    if ca is not None:
        backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
    return {"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [backend]}


def ask(gateway, front, target="/", method="GET", body=None, fields=()):
    """(status, body, interim responses) over either version, on a connection of its own."""
    if front == "h1":
        response = fetch(gateway.address, target, method, fields=fields, body=body)
        return response.status, response.body, len(response.interim)
    with Client(gateway.address) as client:
        stream = client.start(target, method, end=body is None,
                              fields=[(name.lower(), value) for name, value in fields])
        if body is not None:
            client.data(stream, body, end=True)
        response = client.wait(stream)
        assert response.reset is None
        return response.status, response.body, len(response.interim)


class Stopped:
    """The gateway stands still: what happens meanwhile, it sees in one batch of events."""

    def __init__(self, gateway):
        self.pid = gateway.gateway_pid()

    def __enter__(self):
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(self._is_stopped, what="the stop")

    def _is_stopped(self):
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/stat", encoding="ascii") as file:
                if file.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)


def has_arrived(port):
    """Whether bytes of a server at this port lie in the socket of a client: on a busy machine that
    may be some time after they were sent."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return any(int(row[2].split(":")[1], 16) == port and int(row[4].split(":")[1], 16) != 0
               for row in rows)


# ---- what comes, or ends, on a connection that rests ----

@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize("protocol", ["h1", "auto"])
def test_planted_response_in_the_same_batch(start, ca, shop, protocol, first, is_tls):
    """Nobody gets what a server sent without being asked, though the request came with it."""
    if protocol == "auto" and not is_tls:
        protocol = "h1"

    def handler(connection):
        connection.read_request()
        connection.send(response_bytes(200, [], b"good"))
        plant.wait(10)
        if connection.number == 1:
            connection.send(FORGED)
            planted.set()
            connection.wait_end()
            return
        connection.read_request()
        connection.send(response_bytes(200, [], b"good"))

    plant, planted = threading.Event(), threading.Event()
    with Origin(handler, tls=shop.server_context() if is_tls else None) as origin:
        gateway = start(up(origin, protocol, ca if is_tls else None))
        with Connection(gateway.address) as client:
            assert client.request().body == b"good"
            with Stopped(gateway):
                if first == "client":
                    client.send(request_bytes("/", "POST", body=b"x"))
                plant.set()
                assert planted.wait(10)
                wait_until(lambda: has_arrived(origin.port))
                if first == "server":
                    client.send(request_bytes("/", "POST", body=b"x"))
            assert client.read_response().body == b"good"
        assert len(origin.connections) == 2


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_planted_frames_in_the_same_batch(start, front):
    """HTTP/2: frames on the stream that the next request will have."""
    def script(connection):
        text(connection, connection.next_request())
        if connection.number == 1:
            plant.wait(10)
            connection.raw_headers(3, [(":status", "200"), ("x-forged", "yes")])
            connection.raw_data(3, b"forged", end=True)
            planted.set()
        serve(text)(connection)

    plant, planted = threading.Event(), threading.Event()
    with H2Origin(script) as origin:
        gateway = start(config(origin))
        assert ask(gateway, front)[1] == b"1 /"
        with Connection(gateway.address) as client:
            client.send(b"GET /second HTTP/1.1\r\n")
            with Stopped(gateway):
                client.send(b"Host: test.example\r\n\r\n")
                plant.set()
                assert planted.wait(10)
            assert client.read_response().body == b"2 /second"


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("protocol", ["h1", "h2c", "auto"])
def test_end_in_the_same_batch_harms_no_post(start, ca, shop, protocol, front):
    def h1(connection):
        connection.read_request()
        connection.send(response_bytes(200, [], b"good"))
        if connection.number == 1:
            close.wait(10)
            return
        connection.read_request()

    def h2(connection):
        request = connection.next_request()
        connection.respond(request.stream, 200, [], b"good")
        if connection.number == 1:
            close.wait(10)
            return
        connection.next_request()

    close = threading.Event()
    with (H2Origin(h2) if protocol == "h2c" else
          Origin(h1, tls=shop.server_context() if protocol == "auto" else None)) as origin:
        gateway = start(up(origin, protocol, ca if protocol == "auto" else None))
        assert ask(gateway, "h1")[1] == b"good"
        with Connection(gateway.address) as h1_client, Client(gateway.address) as h2_client:
            h1_client.send(b"POST / HTTP/1.1\r\n")
            with Stopped(gateway):
                if front == "h1":
                    h1_client.send(b"Host: test.example\r\nContent-Length: 1\r\n\r\nx")
                else:
                    stream = h2_client.start("/", "POST", end=False)
                    h2_client.data(stream, b"x", end=True)
                close.set()
                wait_until(lambda: origin.connections[0].is_done)
            if front == "h1":
                assert h1_client.read_response().body == b"good"
            else:
                assert h2_client.wait(stream).body == b"good"
        assert len(origin.connections) == 2


# ---- sent again ----

def stale(seen):
    """Answers one request a connection as if it were kept, and closes when the next comes."""
    def handler(connection):
        request = connection.read_request()
        seen.append((request.method, request.body))
        connection.send(response_bytes(200, [], b"ok"))
        connection.read_request()
        connection.sock.close()
    return handler


def stale_h2(seen):
    def script(connection):
        request = connection.next_request()
        seen.append((request.get(":method"), bytes(request.body)))
        connection.respond(request.stream, 200, [], b"ok")
        connection.next_request()
    return script


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("protocol", ["h1", "h2c", "auto"])
def test_idempotent_requests_with_bodies_are_repeated(start, ca, shop, protocol, front):
    seen = []
    with (H2Origin(stale_h2(seen)) if protocol == "h2c" else
          Origin(stale(seen), tls=shop.server_context() if protocol == "auto" else None)) as origin:
        gateway = start(up(origin, protocol, ca if protocol == "auto" else None))
        expected = []
        for method, body in [("GET", None), ("PUT", b"abc"), ("PROPFIND", None),
                             ("PROPFIND", b"<prop/>" * 1000), ("DELETE", b"why"),
                             ("REPORT", b"x"), ("PUT", b"y" * 60000)]:
            assert ask(gateway, front, "/", method, body)[:2] == (200, b"ok"), method
            expected.append((method, body or b""))
        assert seen == expected


@pytest.mark.parametrize("protocol", ["h1", "h2c"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
def test_other_requests_are_not(start, protocol, method):
    seen = []
    with (H2Origin(stale_h2(seen)) if protocol == "h2c" else Origin(stale(seen))) as origin:
        gateway = start(up(origin, protocol))
        assert ask(gateway, "h1")[0] == 200
        assert ask(gateway, "h1", "/", method, b"order one")[0] == 502
        assert seen == [("GET", b"")] and len(origin.connections) == 1


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("end", ["refused", "lost"])
@pytest.mark.parametrize("protocol", ["h1", "h2c"])
def test_nothing_is_repeated_after_an_interim_response(start, protocol, end, front):
    """The server is at work on it, whatever it says afterwards."""
    def h1(connection):
        connection.read_request()
        seen.append(connection.number)
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")

    def h2(connection):
        request = connection.next_request()
        seen.append(connection.number)
        connection.head(request.stream, 103, [("link", "</a.css>")])
        if end == "refused":
            connection.reset(request.stream, REFUSED_STREAM)
            connection.wait_end()

    seen = []
    with (H2Origin(h2) if protocol == "h2c" else Origin(h1)) as origin:
        gateway = start(up(origin, protocol))
        status, _, interim = ask(gateway, front)
        assert (status, interim) == (502, 1)
        assert seen == [1]


@pytest.mark.parametrize("protocol", ["h1", "auto"])
def test_many_stale_connections_fail_one_request_none(start, ca, shop, protocol):
    def handler(connection):
        connection.read_request()
        if connection.number <= 4:
            together.wait(10)
        connection.send(response_bytes(200, [], b"ok"))
        connection.read_request()
        if connection.number > 4:
            connection.send(response_bytes(200, [], b"ok"))

    together = threading.Barrier(4)
    with Origin(handler, tls=shop.server_context()) as origin:
        gateway = start(up(origin, protocol, ca))
        clients = [threading.Thread(target=fetch, args=(gateway.address,)) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(20)
        assert len(origin.connections) == 4
        assert fetch(gateway.address).status == 200
        assert len(origin.connections) == 5


# ---- connections that are one client's ----

def ntlm(seen):
    """As a Windows server does it: whoever asks on a connection that was authenticated is that
    user."""
    def handler(connection):
        user = None
        while True:
            request = connection.read_request()
            given = request.get("Authorization") or ""
            fields = []
            if given.lower().startswith(("ntlm type3", "negotiate ok", "kerberos ok")):
                user = given.split()[-1]
            elif user is None and request.target != "/open":
                fields = challenge
            seen.append((connection.number, user))
            connection.send(response_bytes(401 if fields else 200, fields,
                                           f"{connection.number} {user}".encode()))
    challenge = [("WWW-Authenticate", "Basic realm=\"x\""), ("WWW-Authenticate", "nTlM")]
    return handler


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("protocol", ["h1", "auto"])
@pytest.mark.parametrize("scheme", ["NTLM type3", "ntlm TYPE3", "Negotiate ok", "KERBEROS ok"])
def test_an_authenticated_connection_serves_its_client_alone(start, ca, shop, scheme, protocol,
                                                             front):
    seen = []
    tls = shop.server_context() if protocol == "auto" else None
    with Origin(ntlm(seen), tls=tls) as origin:
        gateway = start(up(origin, protocol, ca if tls else None))
        with Connection(gateway.address) as alice:
            assert alice.request().status == 401
            assert alice.request(fields=[("Authorization", f"{scheme} alice")]).body == b"1 alice"
            assert alice.request().body == b"1 alice"
            for _ in range(3):
                assert ask(gateway, front)[0] == 401
            assert ask(gateway, front, "/open")[1].endswith(b" None")
            assert alice.request().body == b"1 alice"
        wait_until(lambda: origin.connections[0].has_ended)
        assert ask(gateway, front)[0] == 401
        assert {user for number, user in seen if number != 1} == {None}
        assert gateway.stderr().count("NTLM or Negotiate authenticates") == 1


def test_a_client_over_http2_keeps_its_connection(start):
    seen = []
    with Origin(ntlm(seen)) as origin:
        gateway = start(up(origin))
        with Client(gateway.address) as alice:
            assert alice.request().status == 401
            assert alice.request(fields=[("authorization", "NTLM type3 alice")]).body == b"1 alice"
            assert alice.request().body == b"1 alice"
            assert ask(gateway, "h2")[0] == 401
        wait_until(lambda: origin.connections[0].has_ended)


@pytest.mark.parametrize("fields,is_shared", [
    ([("WWW-Authenticate", "Basic realm=\"NTLM\"")], True),
    ([("WWW-Authenticate", "Basic realm=\"x\", Negotiate")], False),
    ([("WWW-Authenticate", "Basic realm=\"x\""), ("www-authenticate", "NEGOTIATE")], False),
    ([("WWW-Authenticate", "Nego2 abc")], False),
    ([("Persistent-Auth", "true")], False),
    ([("Persistent-Auth", "false")], True),
    ([("Proxy-Authenticate", "NTLM")], True),
    ([], True)])
def test_what_binds_a_connection(start, fields, is_shared):
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(response_bytes(200, fields, str(connection.number).encode()))

    with Origin(handler) as origin:
        gateway = start(up(origin))
        with Connection(gateway.address) as first:
            assert first.request().body == b"1"
            with Connection(gateway.address) as second:
                assert second.request().body == (b"1" if is_shared else b"2")
            assert first.request().body == b"1"


@pytest.mark.parametrize("protocol,is_shared", [("Basic YTpi", True), ("Negotiate YII", False)])
def test_http2_servers_get_a_connection_for_each_such_client(start, protocol, is_shared):
    fields = [("Authorization", protocol)]
    with H2Origin() as origin:
        gateway = start(config(origin))
        assert fetch(gateway.address).body == b"1 /"
        with Connection(gateway.address) as alice, Connection(gateway.address) as bob:
            assert alice.request(fields=fields).body == (b"1 /" if is_shared else b"2 /")
            assert alice.request().body == (b"1 /" if is_shared else b"2 /")
            assert bob.request(fields=fields).body == (b"1 /" if is_shared else b"3 /")
            assert fetch(gateway.address).body == b"1 /"
        if not is_shared:
            wait_until(lambda: origin.connections[1].is_done and origin.connections[2].is_done)
        assert fetch(gateway.address).body == b"1 /"


def test_ordinary_credentials_share(start):
    with EchoOrigin() as origin:
        gateway = start(up(origin))
        for _ in range(3):
            assert fetch(gateway.address, fields=[("Authorization", "Bearer ntlm.abc")]).status == 200
        assert len(origin.connections) == 1
