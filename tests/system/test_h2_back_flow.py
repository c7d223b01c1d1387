"""Connections to HTTP/2 servers that many clients share: none of them holds up the others, by
windows, by heads, by resets, or by a connection that is dead."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from hyperframe.frame import ContinuationFrame, HeadersFrame

from client import Connection, fetch, request_bytes
from h2back import config, many
from h2client import Client
from h2origin import CODES, REFUSED_STREAM, H2Origin, serve, text
from origins import free_port
from waiting import wait_stable, wait_until

SHARES_GATEWAYS = True  # see conftest.start


# ---- the server's window ----

def late_reader(may_read):
    """Reads bodies, but opens no windows before it may."""
    def script(connection):
        connection.holds_windows = True
        while True:
            connection.wait(lambda: connection.wholes)
            text(connection, connection.next_request())
    return script


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_full_window_is_not_joined(start, front):
    """A's upload has used up the window; B's short one goes over another connection."""
    with H2Origin(late_reader(None)) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as slow:
            slow.send(request_bytes("/slow", "POST", fields=[("Content-Length", "1000000")]))
            slow.send(b"x" * 200000)
            wait_until(lambda: origin.requests() and len(origin.requests()[0].body) == 65535)
            if front == "h1":
                assert fetch(gateway.address, "/quick", "POST", body=b"y" * 100).body == b"2 /quick"
            else:
                with Client(gateway.address) as client:
                    response = client.request("/quick", "POST", b"y" * 100)
                    assert response.body == b"2 /quick"
            # A request without a body needs no window.
            assert fetch(gateway.address, "/get").body == b"1 /get"


def test_one_upload_leaves_room_for_the_others_that_are_there(start):
    """B's request has been on the connection before A's body came."""
    with H2Origin(late_reader(None)) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as slow, Connection(gateway.address) as quick:
            quick.send(request_bytes("/quick", "POST", fields=[("Content-Length", "5000")]))
            slow.send(request_bytes("/slow", "POST", fields=[("Content-Length", "1000000")]))
            wait_until(lambda: len(origin.requests()) == 2)
            slow.send(b"x" * 200000)
            wait_until(lambda: any(len(one.body) > 30000 for one in origin.requests()))
            sizes = wait_stable(lambda: [len(one.body) for one in origin.requests()])
            assert max(sizes) <= 32768
            quick.send(b"y" * 5000)
            assert quick.read_response().body == b"1 /quick"
            # When B has gone, A may have the rest.
            wait_until(lambda: max(len(one.body) for one in origin.requests()) == 65535 - 5000)


# ---- heads ----

@pytest.mark.parametrize("front", ["h1", "h2"])
def test_announced_limit_of_heads_is_kept(start, front):
    """431 without a word to the server, and its connection goes on."""
    with H2Origin(settings={CODES.MAX_HEADER_LIST_SIZE: 4096}) as origin:
        gateway = start(config(origin))
        fields = [("x-long", "y" * 3900)]
        for _ in range(2):
            if front == "h1":
                response = fetch(gateway.address, "/long", fields=fields)
                assert response.status == 431
            else:
                with Client(gateway.address) as client:
                    response = client.request("/long", fields=fields)
                    assert response.status == 431
        assert fetch(gateway.address, "/short").body.endswith(b" /short")
        assert [one.get(":path") for one in origin.requests()] == ["/short"]
        entry = gateway.wait_log(target="/long")
        assert entry["reason"] == "head_too_large_for_server" and entry["mend"]
        assert "4096" in entry["detail"]  # the page says nothing of what is behind the gateway


def test_a_head_that_ends_its_connection_harms_nobody_else(start):
    def script(connection):
        request = connection.next_request()
        if request.get("cookie") is not None:
            connection.raw.reset()
            return
        connection.head(request.stream)
        connection.data(request.stream, b"begun ")
        assert go_on.wait(20)
        connection.data(request.stream, b"done", end=True)
        serve(text)(connection)

    go_on = threading.Event()
    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Connection(gateway.address) as download:
            download.send(request_bytes("/download"))
            download.read_until(b"begun ")
            for method in ("POST", "GET"):
                assert fetch(gateway.address, "/", method,
                             fields=[("Cookie", "a=" + "z" * 9000)]).status == 502
            go_on.set()
            download.read_until(b"done")
        assert fetch(gateway.address, "/after").body == b"1 /after"


def test_long_heads_that_the_server_answers_share(start):
    """One connection more to find out; then they cost nothing."""
    settings = {CODES.MAX_HEADER_LIST_SIZE: 1 << 20}
    with H2Origin(settings=settings) as origin:
        gateway = start(config(origin))
        fields = [("Cookie", "a=" + "z" * 20000)]
        assert fetch(gateway.address).body == b"1 /"
        for _ in range(20):
            assert fetch(gateway.address, fields=fields).status == 200
        assert {one.status for one in many(gateway.address, 5, fields=fields)} == {200}
        assert len(origin.connections) == 2


# ---- refused streams ----

@pytest.mark.parametrize("front", ["h1", "h2"])
def test_what_a_server_may_still_refuse_is_kept(start, front):
    """A whole window of the body is on its way, and more waits."""
    def refuse(connection):
        connection.holds_windows = True
        while True:
            request = connection.next_head()
            connection.wait(lambda one=request: len(one.body) == 65535)
            connection.reset(request.stream, REFUSED_STREAM)

    def count(connection, request):
        connection.respond(request.stream, 200, [], b"%d" % len(request.body))

    with H2Origin(refuse) as bad, H2Origin(serve(count)) as good:
        gateway = start(config(bad, good))
        for _ in range(4):
            if front == "h1":
                assert fetch(gateway.address, "/", "POST", body=b"x" * 300000).body == b"300000"
            else:
                with Client(gateway.address) as client:
                    assert client.request("/", "POST", b"x" * 300000).body == b"300000"
        assert bad.requests()


@pytest.mark.parametrize("limit, length, status", [("1M", 500000, 200), (0, 1000, 502)])
def test_how_much_is_kept_is_the_routes(start, limit, length, status):
    """More than by default, or nothing."""
    def refuse(connection):
        while True:
            request = connection.next_head()
            connection.wait(lambda one=request: len(one.body) == length)
            connection.reset(request.stream, REFUSED_STREAM)

    def count(connection, request):
        connection.respond(request.stream, 200, [], b"%d" % len(request.body))

    with H2Origin(refuse) as bad, H2Origin(serve(count)) as good:
        settings = config(bad, good)
        site = settings["sites"][0]
        site["routes"] = [{"match": {"path": "/*"}, "backend": site.pop("backend"),
                           "replay_limit": limit}]
        gateway = start(settings)
        answers = [fetch(gateway.address, "/", "PUT", body=b"x" * length) for _ in range(2)]
        assert sorted(one.status for one in answers) == [200, status]
        assert all(one.body == b"%d" % length for one in answers if one.status == 200)
        assert bad.requests()


def test_what_only_the_client_can_repeat_is_refused_to_it(start):
    """The server took more than is kept, and then refused: the client learns that nothing was
    done."""
    def refuse(connection):
        while True:
            request = connection.next_head()
            connection.wait(lambda one=request: len(one.body) > 400000)
            connection.reset(request.stream, REFUSED_STREAM)

    with H2Origin(refuse) as origin:
        gateway = start(config(origin))
        with Client(gateway.address) as client:
            stream = client.start("/", "POST", end=False)
            client.data(stream, b"x" * 500000)
            client.wait_for(lambda: client.streams[stream].reset is not None)
            assert client.streams[stream].reset == REFUSED_STREAM
        assert gateway.wait_log(reason="stream_refused")
        assert fetch(gateway.address, "/", "POST", body=b"x" * 500000).status == 502


def test_nginx_ends_connections_after_so_many_requests(start, folder):
    """A real server that sends GOAWAY in the middle of everything, and uploads of 300 kB."""
    nginx, h2load = shutil.which("nginx") or "/usr/sbin/nginx", shutil.which("h2load")
    if not os.access(nginx, os.X_OK) or h2load is None:
        pytest.fail("nginx and h2load are needed: see tools/deps")
    port, sink = free_port(), free_port()
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 10m;
  server {{ listen 127.0.0.1:{port} http2; keepalive_requests 100;
    location / {{ proxy_pass http://127.0.0.1:{sink}; }} }}
  server {{ listen 127.0.0.1:{sink}; location / {{ return 200 "ok"; }} }}
}}
""")
    (folder / "body").mkdir()
    (folder / "300k").write_bytes(b"x" * 300000)
    with subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            def is_up():
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    return True
                return False
            wait_until(is_up, what="nginx")
            gateway = start(config(f"127.0.0.1:{port}"))
            host, gate = gateway.address
            found = subprocess.run(
                [h2load, "-n", "1000", "-c", "10", "-m", "10", "-d", str(folder / "300k"),
                 f"http://{host}:{gate}/"], capture_output=True, text=True, timeout=300,
                check=False)
            assert "1000 succeeded, 0 failed" in found.stdout, found.stdout
            assert "status codes: 1000 2xx" in found.stdout, found.stdout
        finally:
            server.send_signal(signal.SIGTERM)


# ---- codes ----

@pytest.mark.parametrize("code,seen", [(8, 8), (2, 2), (11, 11), (1, 1), (12, 12), (3, 3), (99, 99),
                                       (0, 2), (7, 2), (13, 2)])
def test_codes_of_resets_reach_the_client(start, code, seen):
    def script(connection):
        while True:
            request = connection.next_head()
            connection.head(request.stream)
            connection.data(request.stream, b"begun")
            connection.reset(request.stream, code)

    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Client(gateway.address) as client:
            stream = client.start("/")
            client.wait_for(lambda: client.streams[stream].reset is not None)
            assert client.streams[stream].reset == seen
        with Connection(gateway.address) as h1:
            h1.send(request_bytes("/"))
            with contextlib.suppress(ConnectionResetError):
                assert not h1.read_to_end().endswith(b"0\r\n\r\n")


def test_http_1_1_required_is_heard(start, ca, shop):
    """Servers with Windows' authentication want HTTP/1.1 for some requests (RFC 9113 section 7)."""
    from h2origin import H2Connection  # pylint: disable=import-outside-toplevel
    from origins import Origin, response_bytes  # pylint: disable=import-outside-toplevel

    def script(raw):
        if raw.sock.selected_alpn_protocol() == "h2":
            connection = H2Connection(raw)
            while True:
                connection.reset(connection.next_head().stream, 13)
        while True:
            raw.read_request()
            raw.send(response_bytes(200, [], b"over 1.1"))

    tls = shop.server_context()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    with Origin(script, tls=tls) as origin:
        gateway = start(config(origin, protocol="auto", tls={
            "ca": str(ca.file), "server_name": "shop.example"}))
        for _ in range(2):
            assert fetch(gateway.address, "/", "POST", body=b"x").body == b"over 1.1"


# ---- servers that are late, or gone ----

def test_no_streams_at_first(start):
    """The server allows some a moment later: the request waits as long as for a connection."""
    def script(connection):
        assert allow.wait(20)
        connection.h2.update_settings({CODES.MAX_CONCURRENT_STREAMS: 10})
        connection.flush()
        serve(text)(connection)

    allow = threading.Event()
    with H2Origin(script, settings={CODES.MAX_CONCURRENT_STREAMS: 0}) as origin:
        gateway = start(config(origin, connect_timeout="15s"))
        with Connection(gateway.address) as client:
            client.send(request_bytes("/patient"))
            wait_until(lambda: origin.h2)
            with Connection(gateway.address) as other:
                other.send(request_bytes("/other"))
                allow.set()
                assert client.read_response().body == b"1 /patient"
                assert other.read_response().status == 200


def test_a_dead_connection_is_found_by_a_request_that_waits(start):
    """A firewall has forgotten it: no answer, no error. Well before response_timeout the request
    goes elsewhere."""
    def script(connection):
        text(connection, connection.next_request())
        if connection.number == 1:
            dead.wait(60)
            return
        serve(text)(connection)

    dead = threading.Event()
    with H2Origin(script) as origin:
        gateway = start(config(origin, ping_timeout="300ms"))
        assert fetch(gateway.address, "/1").body == b"1 /1"
        assert fetch(gateway.address, "/2").body == b"2 /2"
        dead.set()


def test_a_slow_server_that_answers_pings_is_left_alone(start):
    def script(connection):
        while True:
            request = connection.next_request()
            connection.wait(lambda: connection.pings)
            text(connection, request)

    with H2Origin(script) as origin:
        gateway = start(config(origin, ping_timeout="2s"))
        assert fetch(gateway.address, "/slow").body == b"1 /slow"
        assert len(origin.connections) == 1


# ---- our window ----

def send_window(connection, stream, room):
    """All that may go out, before anything that the gateway says of it is heard: a long pipe."""
    left = room
    while left:
        part = min(left, 16384)
        connection.h2.send_data(stream, b"x" * part)
        connection.flush()
        left -= part
    # What has been taken is given back by halves of the stream's window, which is at least `room`.
    connection.wait(lambda: connection.h2.local_flow_control_window(stream) * 2 > room)


def test_windows_grow_as_the_pipe_is_filled(start):
    """A server that always has a window's worth on its way before it hears of us: seen by the
    window that it is given, not by time."""
    def script(connection):
        request = connection.next_request()
        connection.head(request.stream)
        while len(rooms) < 100 and max(rooms, default=0) < 1 << 20:
            room = connection.h2.local_flow_control_window(request.stream)
            rooms.append(room)
            send_window(connection, request.stream, room)
        connection.end(request.stream)
        serve(text)(connection)

    rooms = []
    with H2Origin(script) as origin:
        gateway = start(config(origin))
        with Client(gateway.address, window=1 << 30, keeps_bodies=False) as client:
            client.h2.increment_flow_control_window(1 << 29)
            client.flush()
            response = client.request("/")
            assert response.is_ended and response.received == sum(rooms)
        assert rooms[0] == 32768
        assert max(rooms) >= 1024 * 1024, rooms


def test_the_sum_of_windows_is_bounded(start):
    def script(connection):
        request = connection.next_request()
        connection.head(request.stream)
        for _ in range(8):
            room = connection.h2.local_flow_control_window(request.stream)
            rooms.append(room)
            send_window(connection, request.stream, room)
        connection.end(request.stream)

    rooms = []
    with H2Origin(script) as origin:
        gateway = start({**config(origin), "limits": {"response_windows": "128k"}})
        assert fetch(gateway.address).status == 200
        assert max(rooms) <= 32768 + 131072, rooms


# ---- fields longer than nghttp2 takes ----

def send_long_field(connection, stream):
    """A response head with a field of more than 64 KiB compressed, in as many frames as it takes."""
    block = connection.h2.encoder.encode([(":status", "200"), ("x-long", "x" * 120000)],
                                         huffman=False)
    frames = [HeadersFrame(stream, block[:16384])]
    frames += [ContinuationFrame(stream, block[at:at + 16384])
               for at in range(16384, len(block), 16384)]
    frames[-1].flags.add("END_HEADERS")
    connection.raw.send(b"".join(frame.serialize() for frame in frames))


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_long_field_of_a_server_costs_what_waits_beside_it_a_repetition(start, front):
    """The shared connection cannot go on: what is harmless to repeat is sent on another."""
    def script(connection):
        while True:
            request = connection.next_request()
            if connection.number > 1:
                text(connection, request)
            elif request.get(":path") == "/long":
                send_long_field(connection, request.stream)
            else:
                waits.set()

    waits = threading.Event()
    with H2Origin(script) as origin:
        gateway = start(config(origin))
        beside = []
        other = threading.Thread(target=lambda: beside.append(fetch(gateway.address, "/beside")))
        other.start()
        assert waits.wait(20)
        if front == "h1":
            assert fetch(gateway.address, "/long").status == 502
        else:
            with Client(gateway.address) as client:
                assert client.request("/long").status == 502
        other.join(20)
        assert beside[0].body == b"2 /beside"
        assert gateway.wait_log(target="/long")["reason"] == "h2_connection_error"
