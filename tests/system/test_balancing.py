"""Several servers, servers that are down, slow, stale or unknown, and what the client gets then."""

import collections
import contextlib
import json
import socket
import threading
import time

import pytest

from client import Connection, fetch, request_bytes
from origins import EchoOrigin, Origin, UnansweringPort, free_port, response_bytes
from waiting import wait_until


def balanced(servers, **backend):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers": servers, **backend}]}


def origin_names(gateway, count):
    with Connection(gateway.address) as connection:
        return [json.loads(connection.request().body)["origin"] for _ in range(count)]


def test_weighted_round_robin(start):
    with EchoOrigin("a") as a, EchoOrigin("b") as b, EchoOrigin("c") as c:
        gateway = start(balanced([{"address": a.address, "weight": 3},
                                  {"address": b.address, "weight": 2}, c.address]))
        names = origin_names(gateway, 60)
        assert collections.Counter(names) == {"a": 30, "b": 20, "c": 10}
        # Smooth: no server gets its share in one go.
        assert all(len(set(names[i:i + 4])) > 1 for i in range(0, 56))


def test_equal_weights_take_turns(start):
    with EchoOrigin("a") as a, EchoOrigin("b") as b:
        gateway = start(balanced([a.address, b.address]))
        names = origin_names(gateway, 10)
        assert names in (["a", "b"] * 5, ["b", "a"] * 5)


def test_connect_failure_goes_to_the_next_server(start, free_address):
    with EchoOrigin("alive") as alive:
        gateway = start(balanced([free_address, alive.address]))
        with Connection(gateway.address) as connection:
            for _ in range(10):
                assert connection.request("/", "POST", body=b"x").status == 200
        assert len(alive.requests) == 10
        assert gateway.wait_log(status=200)["server"] == alive.address


def test_server_that_does_not_answer_a_connect_is_skipped(start):
    with UnansweringPort() as silent, EchoOrigin("alive") as alive:
        gateway = start(balanced([silent.address, alive.address], connect_timeout="500ms"))
        for _ in range(2):
            assert fetch(gateway.address).status == 200


@pytest.mark.parametrize("count", [1, 3])
def test_all_servers_down(start, count):
    gateway = start(balanced([f"127.0.0.1:{free_port()}" for _ in range(count)]))
    with Connection(gateway.address) as connection:
        response = connection.request("/down")
        assert response.status in (502, 503)
        # The client's connection outlives it.
        assert connection.request("/again").status in (502, 503)
    entry = gateway.wait_log(target="/down")
    assert entry["reason"] and entry["detail"]
    assert entry["request_id"].encode() in response.body


def test_connect_timeout_is_504(start):
    with UnansweringPort() as silent:
        gateway = start(balanced([silent.address], connect_timeout="500ms"))
        started = time.monotonic()
        assert fetch(gateway.address).status == 504
        assert time.monotonic() - started < 5
        assert gateway.wait_log(status=504)["reason"]


def test_response_timeout_is_504(start):
    with Origin(lambda connection: connection.wait_end()) as silent:
        gateway = start(balanced([silent.address], response_timeout="700ms"))
        started = time.monotonic()
        response = fetch(gateway.address, "/slow")
        assert response.status == 504
        assert 0.6 < time.monotonic() - started < 5
        entry = gateway.wait_log(target="/slow")
        assert entry["request_id"].encode() in response.body
        wait_until(lambda: silent.connections[0].is_done)


def test_response_timeout_does_not_count_the_upload(start):
    """It runs from the request's end to the response's head."""
    with EchoOrigin() as origin:
        gateway = start(balanced([origin.address], response_timeout="700ms"))
        pause = threading.Event()
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/", "POST", fields=[("Content-Length", "5")]))
            for _ in range(5):
                pause.wait(0.25)
                connection.send(b"x")
            assert connection.read_response().status == 200


def test_stalled_response_body_ends(start):
    """A body that stops coming does not hold its connections for ever."""
    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.wait_end()

    with Origin(handler) as origin:
        config = balanced([origin.address], response_timeout="1s")
        config["timeouts"] = {"body": "1s", "send": "1s", "stream_idle": "1s"}
        gateway = start(config)
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/stalled"))
            with contextlib.suppress(ConnectionResetError):
                connection.read_until(b"half")
                assert connection.read_to_end() == b""
        assert gateway.wait_log(target="/stalled")["reason"]


def stale_handler(statuses):
    """Answers one request a connection as if it were kept, and closes when the next comes."""
    def handler(connection):
        request = connection.read_request()
        statuses.append(request.method)
        connection.send(response_bytes(200, [], b"ok"))
        connection.read_request()
        connection.sock.close()
    return handler


def test_idempotent_request_is_repeated_on_a_stale_connection(start):
    """The pooled connection ended as the request was written: a GET goes out once more."""
    seen = []
    with Origin(stale_handler(seen)) as origin:
        gateway = start(balanced([origin.address]))
        with Connection(gateway.address) as connection:
            for _ in range(4):
                assert connection.request().status == 200
        assert seen == ["GET"] * 4


def test_post_is_never_repeated(start):
    seen = []
    with Origin(stale_handler(seen)) as origin:
        gateway = start(balanced([origin.address]))
        with Connection(gateway.address) as connection:
            assert connection.request().status == 200
            assert connection.request("/", "POST", body=b"order one").status == 502
            wait_until(lambda: origin.connections[0].is_done)
        assert seen == ["GET"]
        assert len(origin.connections) == 1


def test_get_is_not_repeated_after_an_interim_response(start):
    """The server has begun to answer: it saw the request."""
    def handler(connection):
        connection.read_request()
        connection.send(response_bytes(200, [], b"ok"))
        connection.read_request()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")

    with Origin(handler) as origin:
        gateway = start(balanced([origin.address]))
        with Connection(gateway.address) as connection:
            assert connection.request().status == 200
            response = connection.request()
            assert response.status == 502 and len(response.interim) == 1
        assert len(origin.connections) == 1


def test_get_is_not_repeated_on_a_new_connection(start):
    """A server that ends each connection without an answer is asked a bounded number of times."""
    with Origin(lambda connection: connection.read_request()) as origin:
        gateway = start(balanced([origin.address]))
        assert fetch(gateway.address).status == 502
        assert len(origin.connections) <= 2


def test_pooled_connection_that_ended_is_not_used(start):
    """An origin that closes its idle connections harms nobody, whatever the method."""
    def handler(connection):
        connection.read_request()
        connection.send(response_bytes(200, [], b"ok"))
        connection.sock.close()

    with Origin(handler) as origin:
        gateway = start(balanced([origin.address]))
        with Connection(gateway.address) as connection:
            for count in range(1, 6):
                assert connection.request("/", "POST", body=b"x").status == 200
                wait_until(lambda n=count: len(origin.connections) == n
                           and origin.connections[-1].is_done)
                assert_closed_in_pool(origin)


def assert_closed_in_pool(origin):
    """The gateway has noticed the end: no socket of it is left to that port."""
    def sockets():
        with open("/proc/net/tcp", encoding="ascii") as table:
            remote = f"0100007F:{origin.port:04X}"
            return [line for line in table if line.split()[2] == remote
                    and line.split()[3] in ("01", "08")]
    wait_until(lambda: not sockets(), what="the end of the pooled connection")


def test_idle_connections_are_closed_after_idle_timeout(start):
    with EchoOrigin() as origin:
        gateway = start(balanced([origin.address], idle_timeout="1s"))
        assert fetch(gateway.address).status == 200
        wait_until(lambda: origin.connections[0].has_ended)
        assert fetch(gateway.address).status == 200


def test_idle_connections_are_bounded(start):
    arrived = threading.Barrier(9)

    def handler(connection):
        while True:
            connection.read_request()
            arrived.wait(10)
            connection.send(response_bytes(200, [], b"ok"))

    with Origin(handler) as origin:
        gateway = start(balanced([origin.address], idle_connections=2))
        connections = [Connection(gateway.address) for _ in range(8)]
        for connection in connections:
            connection.send(request_bytes())
        arrived.wait(10)
        for connection in connections:
            assert connection.read_response().status == 200
        wait_until(lambda: sum(one.has_ended for one in origin.connections) == 6)
        for connection in connections:
            connection.close()


def test_server_by_name(start):
    """It is looked up before the gateway says that it is ready."""
    with EchoOrigin() as origin:
        gateway = start(balanced([f"localhost:{origin.port}"]))
        assert fetch(gateway.address).status == 200


def test_name_that_does_not_resolve(start):
    """The gateway starts all the same, and the other server is used."""
    with EchoOrigin() as origin:
        gateway = start(balanced(["no-such-name.invalid:80", origin.address]))
        for _ in range(4):
            assert fetch(gateway.address).status == 200
    gateway = start(balanced(["no-such-name.invalid:80"]))
    assert fetch(gateway.address, "/x").status in (502, 503)
    assert gateway.wait_log(target="/x")["detail"]


def test_server_that_comes_back_is_used_again(start):
    port = free_port()
    gateway = start(balanced([f"127.0.0.1:{port}"]))
    assert fetch(gateway.address).status in (502, 503)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(8)
        listener.settimeout(10)

        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    sock.recv(65536)
                    sock.sendall(response_bytes(200, [("Connection", "close")], b"back"))
        threading.Thread(target=serve, daemon=True).start()
        assert wait_until(lambda: fetch(gateway.address).body == b"back")


def test_backends_of_different_sites_do_not_share_connections(start):
    """The same server for two backends with other TLS settings is two pools; the names differ."""
    with EchoOrigin() as origin:
        gateway = start({"sites": [
            {"hosts": ["a.example"], "backend": "a"}, {"hosts": ["b.example"], "backend": "b"}],
            "backends": [{"name": "a", "servers": [origin.address]},
                         {"name": "b", "servers": [origin.address]}]})
        with Connection(gateway.address) as connection:
            for host in ("a.example", "b.example") * 2:
                assert connection.request(host=host).status == 200
        assert gateway.wait_log(site="b.example")["backend"] == "b"


def test_proxy_protocol_to_an_http_backend(start):
    def handler(connection):
        header = connection.read_until(b"\r\n")
        request = connection.read_request()
        connection.send(response_bytes(200, [], header + request.line.encode()))
        connection.wait_end()

    with Origin(handler) as origin:
        gateway = start(balanced([origin.address], proxy_protocol="v1"))
        for _ in range(2):
            with Connection(gateway.address) as connection:
                port = connection.local_address[1]
                body = connection.request("/p").body
                assert body.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 %d " % port)
                assert body.endswith(b"GET /p HTTP/1.1")
