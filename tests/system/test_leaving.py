"""Clients that leave while nothing flows, servers that fall silent, and goodbyes of TLS."""

import os
import socket
import ssl
import threading
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import PREFACE, SETTINGS, Client, frame
from h2origin import H2Origin
from origins import Origin
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

EVENTS = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Silent:
    """Answers /head with the beginning of a response, /events with an event stream; then nothing,
    until it is told to, or the gateway goes. `gone` counts the latter."""

    def __init__(self, kind):
        self.seen = 0
        self.gone = 0
        self.go_on = threading.Event()
        self.origin = Origin(self._h1) if kind == "h1" else H2Origin(self._h2)

    def _h1(self, connection):
        while True:
            request = connection.read_request()
            self.seen += 1
            if request.target == "/events":
                connection.send((EVENTS + "5\r\ndata:\r\n").encode())
            elif request.target == "/head":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1")
            connection.sock.settimeout(0.05)
            while not self.go_on.is_set():
                try:
                    if connection.sock.recv(1) == b"":
                        self.gone += 1
                        return
                except TimeoutError:
                    pass
                except OSError:
                    self.gone += 1
                    return
            connection.sock.settimeout(15)
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    def _h2(self, connection):
        while True:
            request = connection.next_head()
            self.seen += 1
            if request.get(":path") == "/events":
                connection.head(request.stream, 200, [("content-type", "text/event-stream")])
                connection.data(request.stream, b"data:")
            elif request.get(":path") == "/head":
                connection.head(request.stream, 200)
                connection.data(request.stream, b"1")
            connection.wait_reset(request.stream)
            self.gone += 1


def gateway_for(start, origin, backend=None, tls=None, **timeouts):
    site = {"hosts": ["shop.example"], "backend": "up", "plain_http": "serve"}
    if tls is not None:
        site["tls"] = tls.settings()
    return start({"sites": [site], "timeouts": timeouts, "backends": [
        {"name": "up", "servers": [origin.origin.address], **(backend or {})}]})


def ask(gateway, front, target):
    if front == "h1":
        client = Connection(gateway.address)
        client.send(request_bytes(target, host="shop.example"))
        return client
    client = Client(gateway.address)
    client.start(target)
    return client


@pytest.mark.parametrize("back", ["h1", "h2c"])
@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("target", ["/wait", "/head", "/events"])
def test_leaving_is_noticed_while_nothing_flows(start, front, back, target):
    silent = Silent(back)
    gateway = gateway_for(start, silent, {"protocol": back}, half_closed="200ms")
    client = ask(gateway, front, target)
    wait_until(lambda: silent.seen == 1)
    client.close()
    wait_until(lambda: silent.gone == 1)
    entry = gateway.wait_log(target=target)
    assert entry["reason"] in ("client_closed", "client_reset")
    silent.origin.close(check=False)


def test_client_that_only_ends_its_own_direction_gets_its_response(start):
    silent = Silent("h1")
    gateway = gateway_for(start, silent)
    client = ask(gateway, "h1", "/wait")
    client.half_close()
    wait_until(lambda: silent.seen == 1)
    silent.go_on.set()
    assert client.read_response().body == b"late"
    client.close()
    silent.origin.close(check=False)


def open_descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.gateway_pid()}/fd"))


def test_many_clients_that_ask_and_leave_hold_no_descriptors(start):
    silent = Silent("h1")
    gateway = gateway_for(start, silent, half_closed="200ms")
    before = open_descriptors(gateway)
    for _ in range(50):
        ask(gateway, "h1", "/wait").close()
    wait_until(lambda: silent.seen == silent.gone and open_descriptors(gateway) <= before + 2, 20)
    silent.origin.close(check=False)


# ---- silent servers ----

@pytest.mark.parametrize("back", ["h1", "h2c"])
@pytest.mark.parametrize("front", ["h1", "h2"])
def test_silence_in_a_response_has_a_limit_of_its_own(start, front, back):
    silent = Silent(back)
    gateway = gateway_for(start, silent, {"protocol": back, "response_timeout": "30s"},
                          stream_idle="300ms")
    client = ask(gateway, front, "/head")
    entry = gateway.wait_log(target="/head")
    assert entry["reason"] == "stream_idle_timeout" and "timeouts.stream_idle" in entry["mend"]
    client.close()
    silent.origin.close(check=False)


@pytest.mark.parametrize("back", ["h1", "h2c"])
@pytest.mark.parametrize("front", ["h1", "h2"])
def test_event_stream_may_be_silent(start, front, back):
    silent = Silent(back)
    gateway = gateway_for(start, silent, {"protocol": back, "response_timeout": "300ms"},
                          stream_idle="300ms")
    events = ask(gateway, front, "/events")
    for _ in range(3):  # each as long as the limit that does not hold there
        other = ask(gateway, front, "/head")
        wait_until(lambda: any(e["target"] == "/head" for e in gateway.log_entries()))
        other.close()
    assert not any(entry["target"] == "/events" for entry in gateway.log_entries())
    events.close()
    gateway.wait_log(target="/events")
    silent.origin.close(check=False)


# ---- gRPC ----

GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


class Call:
    """The beginning of a call that its client streams."""

    def __init__(self, gateway, target="/pkg.Service/Method"):
        self.client = Client(gateway.address)
        self.stream = self.client.start(target, "POST", end=False, fields=GRPC)

    def answer(self):
        found = self.client.wait(self.stream)
        self.client.close()
        return found


def status_of(fields):
    return dict(fields).get("grpc-status")


def grpc_script(target):
    """Answers /pkg.Service/Talk with a head and a message; others with nothing."""
    def script(connection):
        while True:
            request = connection.next_head()
            if target in request.get(":path"):
                connection.head(request.stream, 200, [("content-type", "application/grpc")])
                connection.data(request.stream, b"\0\0\0\0\2hi")
    return script


@pytest.mark.parametrize("target, has_begun", [("/a.B/Wait", False), ("/a.B/Talk", True)])
def test_grpc_call_may_be_silent_as_long_as_a_tunnel(start, target, has_begun):
    """Not as short as a body or a response; and the limit that strikes is the one that is named."""
    with H2Origin(grpc_script("Talk")) as origin:
        gateway = start({
            "sites": [{"hosts": ["shop.example"], "backend": "up"}],
            "timeouts": {"body": "200ms", "stream_idle": "200ms", "tunnel_idle": "3s"},
            "backends": [{"name": "up", "protocol": "h2c", "servers": [origin.address],
                          "response_timeout": "200ms"}]})
        began = time.monotonic()
        answer = Call(gateway, target).answer()
        assert time.monotonic() - began > 2
        assert answer.reset is None or answer.is_ended
        if has_begun:
            assert answer.body.endswith(b"hi") and status_of(answer.trailers) == "14"
        else:
            assert answer.status == 200 and status_of(answer.fields) == "4"
            assert answer.get("content-type") == "application/grpc"
        entry = gateway.wait_log(target=target)
        assert entry["reason"] == "tunnel_idle_timeout" and "timeouts.tunnel_idle" in entry["mend"]


def test_grpc_errors_that_are_made_here_have_a_status(start, free_address):
    gateway = start({"sites": [{"hosts": ["shop.example"], "routes": [
        {"match": {"path": "/a.B/Down"}, "backend": free_address},
        {"match": {"path": "/a.B/Small"}, "backend": free_address, "body_limit": "0"}]}]})
    for target, host, status in (("/a.B/Down", None, "14"), ("/none", None, "12"),
                                 ("/", "other.example", "14")):
        with Client(gateway.address) as client:
            stream = client.start(target, "POST", end=False, fields=GRPC, host=host)
            answer = client.wait(stream)
            assert answer.status == 200 and answer.body == b""
            assert answer.get("content-type") == "application/grpc"
            assert answer.get("grpc-status") == status and answer.get("grpc-message")
    with Client(gateway.address) as client:
        answer = client.request("/none", "POST", b"x", fields=[
            ("content-type", "application/grpc-web")])
        assert answer.status == 404


@pytest.mark.parametrize("back", ["h2c"])
def test_grpc_call_whose_server_dies_ends_with_unavailable(start, back):
    def script(connection):
        request = connection.next_head()
        connection.head(request.stream, 200, [("content-type", "application/grpc")])
        connection.data(request.stream, b"\0\0\0\0\2hi")
        connection.wait(lambda: len(request.body) > 0)
        connection.raw.reset()

    with H2Origin(script) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "backend": "up"}], "backends": [
            {"name": "up", "protocol": back, "servers": [origin.address]}]})
        call = Call(gateway)
        call.client.wait_head(call.stream)
        call.client.data(call.stream, b"\0\0\0\0\0")
        answer = call.answer()
        assert answer.body.endswith(b"hi") and status_of(answer.trailers) == "14"


# ---- goodbyes ----

class RawTls:
    """TLS over memory, so that the socket's own end is ours to say."""

    def __init__(self, gateway, context):
        self.sock = socket.create_connection(gateway.address, 15)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="shop.example")
        self.run(self.tls.do_handshake)

    def run(self, action):
        while True:
            try:
                result = action()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def send(self, data):
        self.run(lambda: self.tls.write(data))

    def read_to_end(self):
        """All of the plaintext, and whether a close_notify came."""
        data = b""
        while True:
            try:
                piece = self.run(lambda: self.tls.read(65536))
            except ssl.SSLZeroReturnError:
                return data, True
            except (ssl.SSLEOFError, ConnectionResetError):
                return data, False
            if not piece:
                return data, True
            data += piece


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_close_notify_for_a_client_that_sent_fin_before_its_response(start, ca, shop, version):
    silent = Silent("h1")
    gateway = gateway_for(start, silent, tls=shop)
    context = ca.client_context()
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    client = RawTls(gateway, context)
    client.send(request_bytes("/wait", host="shop.example"))
    wait_until(lambda: silent.seen == 1)
    client.sock.shutdown(socket.SHUT_WR)
    silent.go_on.set()
    data, was_told = client.read_to_end()
    assert data.endswith(b"late") and was_told
    client.sock.close()
    silent.origin.close(check=False)


def test_close_notify_and_fin_mean_that_the_client_has_gone(start, ca, shop):
    silent = Silent("h1")
    gateway = gateway_for(start, silent, tls=shop)
    client = RawTls(gateway, ca.client_context())
    client.send(request_bytes("/wait", host="shop.example"))
    wait_until(lambda: silent.seen == 1)
    try:
        client.tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    client.flush()
    client.sock.close()
    wait_until(lambda: silent.gone == 1, 5)
    assert gateway.wait_log(target="/wait")["reason"] in ("client_closed", "client_reset")
    silent.origin.close(check=False)


def test_close_notify_for_an_idle_client_that_says_goodbye(start, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "x"}}]})
    client = RawTls(gateway, ca.client_context())
    client.send(request_bytes("/", host="shop.example"))
    client.run(lambda: client.tls.read(65536))
    try:
        client.tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    client.flush()
    client.sock.shutdown(socket.SHUT_WR)
    _, was_told = client.read_to_end()
    assert was_told
    client.sock.close()


def test_close_notify_for_an_http2_client_that_says_goodbye(start, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "x"}}]})
    context = ca.client_context()
    context.set_alpn_protocols(["h2"])
    client = RawTls(gateway, context)
    client.send(PREFACE + frame(SETTINGS))
    said = b""
    while frame(SETTINGS, 1) not in said:  # its acknowledgement is the last that comes
        said += client.run(lambda: client.tls.read(65536))
    try:
        client.tls.unwrap()
    except ssl.SSLWantReadError:
        pass
    client.flush()
    client.sock.shutdown(socket.SHUT_WR)
    _, was_told = client.read_to_end()
    assert was_told
    client.sock.close()


@pytest.mark.parametrize("ended_by", ["idle_timeout", "drain"])
def test_close_notify_for_a_server_whose_connection_is_not_needed_any_more(start, ca, shop,
                                                                             ended_by):
    def handler(connection):
        connection.sock.suppress_ragged_eofs = False
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        try:
            ends.append(connection.sock.recv(1))
        except (ssl.SSLError, OSError) as failure:
            ends.append(failure)

    ends = []
    with Origin(handler, tls=shop.server_context()) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [
            {"name": "up", "servers": [origin.address],
             "idle_timeout": "200ms" if ended_by == "idle_timeout" else "30s",
             "tls": {"ca": str(ca.file), "server_name": "shop.example"}}]})
        with Connection(gateway.address) as client:
            assert client.request().status == 200
        if ended_by == "drain":
            gateway.terminate()
        wait_until(lambda: ends)
        assert ends == [b""]


# ---- drains ----

def test_drain_while_a_client_is_in_its_handshake(start, ca, shop):
    """Its first request is served, and the end announced."""
    for alpn in ("http/1.1", "h2"):
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "respond": {"body": "served"}}],
                         "workers": 1, "timeouts": {"drain": "20s"}})
        idle = Connection(gateway.address, ca.client_context(), "shop.example")
        assert idle.request("/", host="shop.example").body == b"served"
        sock = socket.create_connection(gateway.address, 15)
        context = ca.client_context()
        context.set_alpn_protocols([alpn])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="shop.example")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        sock.sendall(outgoing.read())
        incoming.write(sock.recv(65536))
        gateway.terminate()
        assert idle.is_closed_by_peer()  # so the worker knows
        idle.close()
        tls.do_handshake()
        if alpn == "http/1.1":
            tls.write(request_bytes("/", host="shop.example"))
        sock.sendall(outgoing.read())
        began = time.monotonic()
        data = b""
        while piece := sock.recv(65536):  # a reset would raise
            incoming.write(piece)
            try:
                data += tls.read(65536)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                pass
        if alpn == "http/1.1":
            assert b"Connection: close" in data and data.endswith(b"served")
        assert time.monotonic() - began < 10
        sock.close()
        gateway.wait_exit(10)


@pytest.mark.parametrize("layer, first", [
    ("plain", b""), ("plain", b"PROXY TCP4 "), ("plain", b"\x16\x03\x01"), ("plain", b"GET / HT"),
    ("tls", b""), ("tls", b"GET / HT")])
def test_drain_before_the_first_request(start, ca, shop, layer, first):
    gateway = start({
        "listeners": [{"bind": "127.0.0.1:0", "proxy_protocol_from": ["127.0.0.1"]}],
        "sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve",
                   "respond": {"body": "served"}}],
        "timeouts": {"drain": "20s", "head": "1s"}})
    client = Connection(gateway.address, ca.client_context() if layer == "tls" else None,
                        "shop.example" if layer == "tls" else None)
    if first:
        client.send(first)
    gateway.terminate()
    began = time.monotonic()
    client.read_to_end()  # a reset would raise
    assert time.monotonic() - began < 10
    client.close()
    gateway.wait_exit(10)
