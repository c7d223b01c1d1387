"""Everyday values of everyday fields, cut short at every byte, go through the whole gateway: over
both versions of HTTP on either side, to servers, files and answers of its own. Whatever is
answered, nobody's process ends for it and every other request is served."""

import itertools
import threading

import pytest

from client import Connection, Ended, request_bytes
from everyday import HOP_BY_HOP, REQUEST, RESPONSE, cases
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin

# Such a message is malformed over HTTP/2, and many of them are a flood.
NOT_IN_H2 = ("Keep-Alive", "Proxy-Connection", "TE")
ROUTES = ["/file.txt", "/own", "/echo", "/moved"]


class Answers:
    """What the origin answers next: one more response field at each request."""

    def __init__(self):
        self.lock = threading.Lock()
        self.fields = itertools.cycle(cases(RESPONSE))

    def next(self):
        with self.lock:
            return [next(self.fields)]


def h1_origin(tls=None):
    answers = Answers()

    def script(connection):
        while True:
            connection.read_request()
            lines = "".join(f"{name}: {value}\r\n" for name, value in answers.next())
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{lines}\r\nok".encode())

    return Origin(script, tls=tls)


def h2_origin(tls=None):
    answers = Answers()

    def answer(connection, request):
        fields = [(name.lower(), value.strip()) for name, value in answers.next()
                  if name not in NOT_IN_H2]
        connection.respond(request.stream, 200, fields, b"ok")

    return H2Origin(serve(answer), tls=tls)


@pytest.fixture(name="world", scope="module", params=["h1", "h2c", "auto-h1", "auto-h2"])
def _world(request, start_for_module, pki_folder, ca, bank):
    root = pki_folder / "everyday"
    root.mkdir(exist_ok=True)
    root.chmod(0o755)
    (root / "file.txt").write_text("some text\n" * 100)
    protocol, _, chosen = request.param.partition("-")
    tls = bank.server_context() if protocol == "auto" else None
    origin = h2_origin(tls) if "h2" in request.param else h1_origin(tls)
    backend = {"name": "up", "servers": [origin.address], "protocol": protocol}
    if tls is not None:
        if chosen == "h1":
            tls.set_alpn_protocols(["http/1.1"])
        backend["tls"] = {"ca": str(ca.file), "server_name": "bank.example"}
    gateway = start_for_module({
        "sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/file.txt"}, "files": str(root)},
            {"match": {"path": "/own"}, "respond": {"status": 200, "body": "own\n"}},
            {"match": {"path": "/echo"}, "respond": {"echo": True}},
            {"match": {"path": "/moved"}, "respond": {"status": 302, "fields": {"Location": "/own"}}},
            {"backend": "up"}]}],
        "backends": [backend]})
    yield gateway
    origin.close(check=False)


def ask_h1(gateway, requests):
    """Every request is answered; a connection may end behind an answer, never without one."""
    client = Connection(gateway.address)
    seen = set()
    try:
        for target, fields in requests:
            client.send_even_if_refused(request_bytes(target, "GET", "shop.example", fields))
            try:
                response = client.read_response()
            except Ended as end:
                raise AssertionError(f"{target} {fields}: no answer, {end}") from None
            seen.add(response.status)
            if response.get("Connection") == "close" or response.status == 101:
                client.close()
                client = Connection(gateway.address)
    finally:
        client.close()
    return seen


def ask_h2(gateway, requests):
    seen = set()
    client = Client(gateway.address)
    batches = iter(lambda: list(itertools.islice(requests, 50)), [])
    try:
        for batch in batches:
            streams = []
            for target, fields in batch:
                # As libraries send them: in lower case, without blanks at the ends.
                fields = [(name.lower(), value.strip()) for name, value in fields
                          if name not in NOT_IN_H2]
                streams.append((client.start(target, fields=fields), target, fields))
            for stream, target, fields in streams:
                response = client.wait(stream)
                assert response.reset is not None or response.status, (target, fields)
                seen.add(response.status)
    finally:
        client.close()
    return seen


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_no_everyday_value_ends_anything(world, front):
    gateway = world
    before = gateway.gateway_pid()
    ask = ask_h1 if front == "h1" else ask_h2
    fields = REQUEST + HOP_BY_HOP if front == "h1" else REQUEST
    forwarded = (("/", [case]) for case in cases(fields))
    assert 200 in ask(gateway, forwarded)
    assert gateway.gateway_pid() == before, gateway.stderr()


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_no_everyday_value_ends_an_answer_of_our_own(world, front):
    gateway = world
    before = gateway.gateway_pid()
    ask = ask_h1 if front == "h1" else ask_h2
    fields = REQUEST + HOP_BY_HOP if front == "h1" else REQUEST
    seen = ask(gateway, ((target, [case]) for case in cases(fields) for target in ROUTES))
    assert {200, 206, 302, 412} <= seen, seen
    assert gateway.gateway_pid() == before, gateway.stderr()


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_all_of_them_at_once(world, front):
    gateway = world
    before = gateway.gateway_pid()
    ask = ask_h1 if front == "h1" else ask_h2
    longest = max(len(value) for _, value in REQUEST)
    requests = ((target, [(name, value[:n]) for name, value in REQUEST])
                for n in range(longest + 1) for target in ["/", *ROUTES])
    assert ask(gateway, requests)
    assert gateway.gateway_pid() == before, gateway.stderr()
