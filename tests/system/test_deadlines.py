"""How long a request may take as a whole, whoever says so."""

import contextlib
import threading

import pytest

from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, UnansweringPort

FRONTS = pytest.mark.parametrize("front", [Connection, Client], ids=["from-h1", "from-h2"])
BACKS = pytest.mark.parametrize("kind, protocol", [(Origin, "h1"), (H2Origin, "h2c")], ids=["h1", "h2"])


def config(server, request="200ms", **backend):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}], "timeouts": {"request": request},
            "backends": [{"name": "pool", "servers": [server], "outliers": {"failures": 1}, **backend}]}


def never(connection):
    """Takes the request, and says nothing."""
    (getattr(connection, "next_request", None) or connection.read_request)()
    connection.wait_end()


@FRONTS
@BACKS
def test_a_request_that_is_not_answered_in_its_time_gets_504(start, front, kind, protocol):
    with kind(never) as server:
        gateway = start(config(server.address, protocol=protocol))
        with front(gateway.address) as client:
            assert client.request("/slow").status == 504
        entry = gateway.wait_log(target="/slow")
        assert entry["reason"] == "request_timeout" and entry["server"] == server.address
        assert not gateway.server_changes()  # the limit is ours: it says nothing of the server


@FRONTS
def test_a_response_that_does_not_end_in_time_is_cut_short(start, front):
    def drips(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        pause = threading.Event()
        while not pause.wait(0.02):
            connection.send(b"data: x\n\n")  # until nobody takes it

    with Origin(drips) as server:
        gateway = start(config(server.address))
        with front(gateway.address) as client:
            if front is Client:
                assert client.wait(client.start("/drips")).reset is not None
            else:
                client.send(request_bytes("/drips"))
                with contextlib.suppress(ConnectionResetError):
                    client.read_to_end()
        assert gateway.wait_log(target="/drips")["reason"] == "request_timeout"


def test_the_time_runs_while_a_server_is_sought(start):
    with UnansweringPort() as silent:
        gateway = start(config(silent.address, connect_timeout="30s"))
        with Connection(gateway.address) as client:
            assert client.request("/sought").status == 504
        assert gateway.wait_log(target="/sought")["reason"] == "request_timeout"


GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


def test_a_server_is_told_what_is_left_of_a_call(start):
    def answer(connection, request):
        connection.respond(request.stream, 200, [("content-type", "application/grpc")],
                           trailers=[("grpc-status", "0")])

    with H2Origin(serve(answer)) as server:
        gateway = start(config(server.address, request="off", protocol="h2c"))
        with Client(gateway.address) as client:
            assert client.request("/a.B/C", "POST", fields=[*GRPC, ("grpc-timeout", "10S")], body=b"").status == 200
        told = server.requests()[0].get("grpc-timeout")
        assert told.endswith("u") and 0 < int(told[:-1]) <= 10_000_000


def test_a_call_ends_at_its_deadline(start):
    with H2Origin(never) as server:
        gateway = start(config(server.address, request="off", protocol="h2c"))
        with Client(gateway.address) as client:
            response = client.request("/a.B/C", "POST", fields=[*GRPC, ("grpc-timeout", "100m")], body=b"")
            assert response.get("grpc-status") == "4"
        assert gateway.wait_log(target="/a.B/C")["reason"] == "request_timeout"
        assert not gateway.server_changes()


FILM = 8 * 1024 * 1024  # more than sockets and windows hold


class Films:
    """Sends a film as far as it is taken."""

    def __init__(self, kind):
        self.body = bytes(FILM)
        self.server = kind(self.h1) if kind is Origin else H2Origin(serve(self.h2))

    def h1(self, connection):
        with contextlib.suppress(OSError, EOFError):
            while connection.read_request() is not None:
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % FILM + self.body)

    def h2(self, connection, request):
        with contextlib.suppress(OSError, EOFError):
            connection.respond(request.stream, 200, body=self.body)


@FRONTS
@BACKS
def test_a_route_has_its_own_time_for_clients_that_take_nothing(start, front, kind, protocol):
    with Films(kind).server as server, Films(kind).server as another:
        gateway = start({"timeouts": {"send": "400ms"}, "sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/film"}, "backend": "pool", "timeouts": {"send": "1h"}}, {"backend": "more"}]}],
            "backends": [{"name": "pool", "servers": [server.address], "protocol": protocol},
                         {"name": "more", "servers": [another.address], "protocol": protocol}]})
        with front(gateway.address) as paused:
            if front is Client:
                stream = paused.start("/film")
            else:
                paused.send(request_bytes("/film"))
            with front(gateway.address, receive_buffer=4096) as stalled:  # is not waited for so long
                _ = stalled.start("/other") if front is Client else stalled.send(request_bytes("/other"))
                assert gateway.wait_log(target="/other", seconds=20)["reason"] == "client_stalled"
            paused.timeout = 60
            answer = paused.wait(stream) if front is Client else paused.read_response()
            assert answer.status == 200 and len(answer.body) == FILM


def test_files_have_their_own_time_too(start, folder):
    (folder / "film").write_bytes(bytes(FILM))
    gateway = start({"timeouts": {"send": "400ms"}, "sites": [
        {"hosts": ["*"], "routes": [{"files": str(folder), "timeouts": {"send": "200ms"}}]}]})
    with Connection(gateway.address, receive_buffer=4096) as stalled:
        stalled.send(request_bytes("/film"))
        assert gateway.wait_log(target="/film", seconds=20)["reason"] == "client_stalled"
