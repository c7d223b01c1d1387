"""One server of four that is ill in each of the ways there are, all of them at once, all in turn:
what clients see of it, and what the servers get."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from client import Connection
from failing import tls_server
from h2client import Client
from h2origin import H2Origin, serve
from nameserver import NameServer, address
from origins import Origin, UnansweringPort, free_port, response_bytes
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start


class Server(Origin):
    """Answers with its name, or as script(number of the request) says: a status, None (a reset) or
    bytes in place of an answer."""

    def __init__(self, name="well", script=lambda number: 200, **options):
        self.name = name.encode()
        self.script = script
        self.asked = 0
        self.gate = threading.Lock()
        super().__init__(self.answer, **options)

    def next(self):
        with self.gate:
            self.asked += 1
            return self.script(self.asked - 1)

    def answer(self, connection):
        while True:
            connection.read_request()
            what = self.next()
            if what is None:
                connection.reset()
                return
            if isinstance(what, bytes):
                connection.send(what)
                connection.half_close()
                connection.wait_end()
                return
            with self.gate:
                connection.send(response_bytes(what, body=self.name))

    def leave(self):
        """Ends as a server that is restarted does: between two answers."""
        with self.gate:
            self.close(check=False)


class H2Server(H2Origin):
    def __init__(self, name="well", script=lambda number: 200, **options):
        self.name = name.encode()
        self.script = script
        self.asked = 0
        self.gate = threading.Lock()
        super().__init__(serve(self.answer), **options)

    next = Server.next
    leave = Server.leave

    def answer(self, connection, request):
        what = self.next()
        if what is None:
            connection.raw.reset()
            raise ConnectionResetError("by itself")
        elif isinstance(what, bytes):
            connection.raw.send(what)
            connection.raw.half_close()
            connection.raw.wait_end()
        else:
            with self.gate:
                connection.respond(request.stream, what, body=self.name)


KINDS = {"h1": Server, "h2c": H2Server}
FRONTS = {"h1": Connection, "h2": Client}
PAIRS = pytest.mark.parametrize("front, back", [("h1", "h1"), ("h2", "h2c")], ids=["h1-h1", "h2-h2c"])
BACKS = pytest.mark.parametrize("back", list(KINDS))
Result = collections.namedtuple("Result", "start end status body")


def pool(servers, **backend):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}], "workers": 1,
            "backends": [{"name": "pool", "servers": [getattr(one, "address", one) for one in servers], **backend}]}


@contextlib.contextmanager
def well(back, count=3):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(KINDS[back](f"well {number}")) for number in range(count)]


class Load:
    """Clients that ask one request after the other until they are told to stop."""

    def __init__(self, ask_once, clients=4):
        self.results = []
        self.is_over = threading.Event()
        self.ask_once = ask_once
        self.threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self):
        with contextlib.ExitStack() as stack:
            ask = self.ask_once(stack)
            while not self.is_over.is_set():
                start = time.monotonic()
                try:
                    response = ask()
                    got = response.status, response.body
                except Exception as failure:  # pylint: disable=broad-except
                    got = repr(failure), b""
                self.results.append(Result(start, time.monotonic(), *got))
                if got[0] != 200:
                    return
                self.is_over.wait(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)

    def more(self, count):
        """Waits for so many more answers (or for an error)."""
        goal = len(self.results) + count
        wait_until(lambda: len(self.results) >= goal or {r.status for r in self.results} - {200}, 30,
                   f"{count} more answers")

    def assert_no_errors(self):
        assert {result.status for result in self.results} == {200}


def load(gateway, front="h1", **options):
    def ask_once(stack):
        return stack.enter_context(FRONTS[front](gateway.address)).request
    return Load(ask_once, **options)


def assert_held_up_once(results, at_all):
    """Who came when the first of those that were held up was through was not."""
    slow = [result for result in results if result.end - result.start > 1]
    assert bool(slow) or not at_all
    if slow:
        first = min(result.end for result in slow)
        assert not [result for result in slow if result.start > first]


# One of four.

@contextlib.contextmanager
def unreachable(how):
    if how == "refusing":
        yield f"127.0.0.1:{free_port()}"
    else:
        with UnansweringPort() as silent:
            yield silent.address


HOW = pytest.mark.parametrize("how", ["refusing", "dropping"])


@HOW
@PAIRS
def test_one_that_cannot_be_reached_is_nobodys_error(start, front, back, how):
    with unreachable(how) as gone, well(back) as servers:
        gateway = start(pool([servers[0], gone, *servers[1:]], protocol=back, connect_timeout="1500ms"))
        with load(gateway, front) as clients:
            gateway.wait_change(gone, to="ejected")
            clients.more(200)
        clients.assert_no_errors()
        assert_held_up_once(clients.results, how == "dropping")
        assert {result.body for result in clients.results} == {server.name for server in servers}


@HOW
def test_one_that_cannot_be_reached_is_nobodys_error_in_passthrough(start, ca, how):
    certificate = ca.server("pass.example")
    with unreachable(how) as gone, contextlib.ExitStack() as stack:
        servers = [stack.enter_context(tls_server(certificate)) for _ in range(3)]
        gateway = start({"workers": 1, "sites": [{"hosts": ["pass.example"], "passthrough": [
            servers[0].address, gone, servers[1].address, servers[2].address]}]})

        def ask_once(_):
            context = ca.client_context()

            def ask():
                with Connection(gateway.address, tls=context, server_name="pass.example") as client:
                    return client.request()
            return ask
        with Load(ask_once) as clients:
            gateway.wait_change(gone, to="ejected")
            clients.more(60)
        clients.assert_no_errors()
        assert_held_up_once(clients.results, how == "dropping")


@BACKS
def test_one_that_resets_is_nobodys_error(start, back):
    """All come to it first, so that over HTTP/2 several are lost with one connection."""
    with well(back) as servers, KINDS[back](script=lambda number: None) as ill:
        gateway = start(pool([ill, *servers], protocol=back, balance="first"))
        with load(gateway) as clients:
            gateway.wait_change(ill.address, to="ejected")
            clients.more(50)
        clients.assert_no_errors()
        assert ill.asked >= (5 if back == "h1" else 2)


@BACKS
def test_one_that_is_full_is_nobodys_error(start, back):
    with well(back) as servers, KINDS[back](script=lambda number: 503) as full:
        gateway = start(pool([full, *servers], protocol=back, retries={"for": ["connect", "reset", 503]}))
        with load(gateway) as clients:
            gateway.wait_change(full.address, to="ejected")
            clients.more(50)
        clients.assert_no_errors()


LIES = {"long": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
        "garbage": b"\x16\x03\x01 this is no answer\r\n\r\n",
        "twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nshort"}


@pytest.mark.parametrize("back, lie", [*(("h1", lie) for lie in LIES), ("h2c", "garbage")])
def test_one_that_lies_is_believed_by_nobody_and_soon_not_asked(start, back, lie):
    with well(back) as servers, KINDS[back](script=lambda number: LIES[lie]) as liar:
        gateway = start(pool([liar, *servers], protocol=back, outliers={"failures": 3, "eject": "60s"}))

        def ask():
            with Connection(gateway.address) as client:
                try:
                    response = client.request()
                    return response.status, response.body
                except Exception:  # pylint: disable=broad-except
                    return None, b""
        answers = []
        wait_until(lambda: answers.append(ask()) or gateway.server_changes(liar.address, to="ejected"))
        assert liar.asked <= 8
        answers += [ask() for _ in range(12)]
        assert all(body in {server.name for server in servers} for status, body in answers if status == 200)
        assert [status for status, _ in answers[-12:]] == [200] * 12


@BACKS
def test_one_that_fails_in_a_pattern_is_put_out(start, back):
    """Two good answers, then a 500: never many in a row."""
    with well(back) as servers, KINDS[back](script=lambda number: 500 if number % 3 == 2 else 200) as ill:
        gateway = start(pool([ill, *servers], protocol=back, outliers={"errors": 25, "requests": 12, "eject": "60s"}))
        with Connection(gateway.address) as client:
            wait_until(lambda: client.request() and gateway.server_changes(ill.address, to="ejected"))
            assert [client.request().status for _ in range(12)] == [200] * 12
        assert [change["server"] for change in gateway.server_changes()] == [ill.address]


class Slow(Server):
    """Takes its time for each request, and as many at once as come."""
    delay = 0.4

    def answer(self, connection):
        while True:
            connection.read_request()
            time.sleep(self.delay)
            self.next()
            connection.send(response_bytes(200, body=self.name))


class Usual(Slow):
    delay = 0.04


@pytest.mark.parametrize("balance, answers", [("ewma", 1), ("least_requests", 8)])
def test_one_that_is_ten_times_slower_is_hardly_seen(start, balance, answers):
    """Whose the slowest answers are says as much as how long they took, and on any machine: the 99th
    of a hundred is a healthy server's, once the slow one has answered often enough to be known."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Usual(f"well {number}")) for number in range(3)]
        slow = stack.enter_context(Slow("slow"))
        gateway = start(pool([slow, *servers], balance=balance))
        with load(gateway) as clients:
            wait_until(lambda: sum(result.body == b"slow" for result in list(clients.results)) >= answers,
                       what="its first answers")
            clients.more(10)  # until it is known
            before = len(clients.results)
            clients.more(200)
        clients.assert_no_errors()
        seen = clients.results[before:]
        assert [result.body for result in seen].count(b"slow") <= 0.01 * len(seen)


@pytest.mark.parametrize("back, times", [("h1", 2), ("h2c", 1)])
def test_one_that_comes_and_goes_is_nobodys_error(start, back, times):
    with well(back) as servers:
        port = free_port()
        gone = f"127.0.0.1:{port}"
        gateway = start(pool([gone, *servers], protocol=back))
        with load(gateway) as clients:
            for count in range(1, times + 1):
                wait_until(lambda n=count: len(gateway.server_changes(gone, to="ejected")) >= n, 20, "its leaving")
                flapping = KINDS[back]("flapping", port=port)
                try:
                    wait_until(lambda n=count: len(gateway.server_changes(gone, to="up")) >= n, 20, "its return")
                    clients.more(40)
                    assert flapping.asked
                finally:
                    flapping.leave()
        clients.assert_no_errors()
        assert b"flapping" in {result.body for result in clients.results}


# Processes, which can be stopped, and which can live elsewhere.

@contextlib.contextmanager
def process(back, host="127.0.0.1", prefix=()):
    """A server of its own process, whose name is "process"."""
    with subprocess.Popen([*prefix, sys.executable, __file__, back, host], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as child:
        try:
            child.address = f"{host}:{int(child.stdout.readline())}"
            yield child
        finally:
            child.send_signal(signal.SIGCONT)
            child.kill()


def by_process(clients, start=0):
    return sum(result.body == b"process" for result in clients.results[start:])


TRAFFIC = {"retries": {"for": ["connect", "reset", "timeout"], "per_try": "500ms"},
           "outliers": {"failures": 2, "eject": "200ms", "eject_max": "500ms"}}
CHECKED = {"health_check": {"http": {"path": "/"}, "interval": "100ms", "timeout": "300ms", "rise": 1, "fall": 2},
           "retries": TRAFFIC["retries"], "outliers": {"failures": 0, "errors": 0}}


@PAIRS
@pytest.mark.parametrize("judged", [TRAFFIC, CHECKED], ids=["by-traffic", "by-checks"])
def test_one_that_is_stopped_is_nobodys_error_and_comes_back(start, front, back, judged):
    """Its kernel goes on to take connections."""
    out = "down" if "health_check" in judged else "ejected"
    with well(back) as servers, process(back) as stopped:
        gateway = start(pool([stopped, *servers], protocol=back, **judged))
        with load(gateway, front) as clients:
            wait_until(lambda: by_process(clients), 20, "answers of the process")
            stopped.send_signal(signal.SIGSTOP)
            gateway.wait_change(stopped.address, to=out)
            clients.more(100)
            stopped.send_signal(signal.SIGCONT)
            gateway.wait_change(stopped.address, to="up")
            before = len(clients.results)
            wait_until(lambda: by_process(clients, before), 20, "answers of the process that goes on")
        clients.assert_no_errors()


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Elsewhere:
    """A network namespace with one address, behind a cable that can lose all packets: those that go
    there carry an address that is not its interface's any more, so nobody answers anything."""
    RIGHT, WRONG = "02:00:00:00:77:01", "02:00:00:00:77:02"

    def __init__(self):
        number = os.getpid() % 16384
        self.name, self.near, self.far = f"tg{number}", f"tgn{number}", f"tgf{number}"
        net = f"198.18.{number // 64}."
        self.host = f"{net}{number % 64 * 4 + 2}"
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "address", self.RIGHT, "netns",
               self.name)
            ip("address", "add", f"{net}{number % 64 * 4 + 1}/30", "dev", self.near)
            ip("link", "set", self.near, "up")
            ip("-n", self.name, "address", "add", f"{self.host}/30", "dev", self.far)
            ip("-n", self.name, "link", "set", self.far, "up")
            ip("neigh", "replace", self.host, "lladdr", self.RIGHT, "dev", self.near, "nud", "permanent")
        except OSError:
            self.close()
            raise

    def lose_packets(self, loses):
        ip("-n", self.name, "link", "set", self.far, "address", self.WRONG if loses else self.RIGHT)

    def close(self):
        with contextlib.suppress(OSError):
            ip("link", "del", self.near)
        ip("netns", "del", self.name)


@pytest.fixture
def elsewhere():
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    try:
        made = Elsewhere()
    except OSError as failure:
        pytest.skip(f"no network namespace can be made here: {failure}")
    yield made
    made.close()


@PAIRS
def test_one_whose_packets_are_lost_is_nobodys_error_and_comes_back(start, elsewhere, front, back):
    """Connections that stood do not end: they are silent."""
    with well(back) as servers, process(back, elsewhere.host, ["ip", "netns", "exec", elsewhere.name]) as far:
        gateway = start(pool([far, *servers], protocol=back, connect_timeout="500ms", **TRAFFIC))
        with load(gateway, front) as clients:
            wait_until(lambda: by_process(clients), 20, "answers from there")
            elsewhere.lose_packets(True)
            gateway.wait_change(far.address, to="ejected")
            before = len(clients.results)
            clients.more(200)
            elsewhere.lose_packets(False)
            wait_until(lambda: by_process(clients, before + 200), 30, "answers from there again")
        clients.assert_no_errors()


@PAIRS
def test_one_whose_packets_are_lost_holds_nobody_up(start, elsewhere, front, back):
    """With nothing said of it in the configuration; what cannot be sent again ends early, too."""
    there = ["ip", "netns", "exec", elsewhere.name]
    with well(back) as servers, process(back, elsewhere.host, there) as far, \
            process(back, elsewhere.host, there) as alone:
        config = pool([far, *servers], protocol=back)
        config["backends"].append({"name": "alone", "servers": [alone.address], "protocol": back})
        config["sites"][0] = {"hosts": ["*"], "routes": [{"match": {"path": "/alone"}, "backend": "alone"},
                                                         {"match": {"path": "/*"}, "backend": "pool"}]}
        gateway = start(config)
        with FRONTS[front](gateway.address) as post, load(gateway, front) as clients:
            wait_until(lambda: by_process(clients), 20, "answers from there")
            assert post.request(method="POST", target="/alone").status == 200
            elsewhere.lose_packets(True)
            before = time.monotonic()
            assert post.request(method="POST", target="/alone").status == 502
            gateway.wait_change(far.address, to="ejected")
            clients.more(100)
            lost = gateway.wait_log(target="/alone", status=502)
        assert lost["reason"] == "server_lost"
        clients.assert_no_errors()
        assert max(result.end - result.start for result in clients.results if result.start > before) < 5


# All of them.

@PAIRS
def test_a_rolling_restart_loses_nothing(start, front, back):
    with contextlib.ExitStack() as stack:
        servers = [KINDS[back](f"first {number}") for number in range(4)]
        stack.callback(lambda: [server.close(check=False) for server in servers])
        gateway = start(pool(servers, protocol=back))
        with load(gateway, front) as clients:
            clients.more(40)
            for number in range(4):
                port = servers[number].port
                servers[number].leave()
                if number % 2 == 0:  # the gateway sees that it is gone, or does not
                    clients.more(10)
                servers[number] = KINDS[back](f"second {number}", port=port)
                wait_until(lambda n=number: servers[n].asked >= 3, 20, "requests to the new one")
        clients.assert_no_errors()
        assert {result.body for result in clients.results} == \
            {f"{turn} {number}".encode() for turn in ("first", "second") for number in range(4)}


@BACKS
@pytest.mark.parametrize("answer, retries", [(503, {"for": [503], "times": 3}), (None, {"times": 3})],
                         ids=["503", "reset"])
def test_in_a_full_outage_retries_keep_to_their_budget(start, back, answer, retries):
    """A fifth of the requests, and ten at once."""
    count = 200
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(KINDS[back](script=lambda number: answer)) for _ in range(4)]
        gateway = start(pool(servers, protocol=back, retries=retries))
        with Connection(gateway.address) as client:
            assert {client.request().status for _ in range(count)} <= {502, 503}
        assert count + 10 <= sum(server.asked for server in servers) <= count * 12 // 10 + 10


# Names.

def test_a_thousand_names_that_nobody_tells_at_first(start):
    """The start waits for none of them; each is used when it is told, and a record that changes
    takes effect."""
    seen = set()

    def handler(connection):
        while True:
            connection.read_request()
            seen.add(connection.sock.getsockname()[0])
            connection.send(response_bytes(200))

    count = 1000
    addresses = [f"127.1.{i // 250}.{i % 250 + 1}" for i in range(count)]
    with NameServer() as dns, Origin(handler, host="0.0.0.0", backlog=1024) as origin:
        for i in range(count):
            dns.set(f"n{i}.example", None)
        began = time.monotonic()
        gateway = start(pool([f"n{i}.example:{origin.port}" for i in range(count)], resolve={
            "servers": [dns.address], "every": "1s", "timeout": "200ms", "family": "ipv4"}))
        assert time.monotonic() - began < 10
        for i, text in enumerate(addresses):
            dns.set(f"n{i}.example", address(text, ttl=60))
        with Connection(gateway.address) as client:
            def ask():
                for _ in range(200):
                    client.request()
                return seen >= set(addresses)
            wait_until(ask, 30, "requests to all thousand")
            dns.set("n500.example", address("127.2.0.1", ttl=60))
            wait_until(lambda: ask() and "127.2.0.1" in seen, 30, "a request to the new address")
            wait_until(lambda: f"no longer: {addresses[500]}:" in gateway.stderr(), what="the old one's end")
            seen.clear()
            for _ in range(count + 100):
                assert client.request().status == 200
        assert seen == {*addresses, "127.2.0.1"} - {addresses[500]}


if __name__ == "__main__":
    with KINDS[sys.argv[1]]("process", host=sys.argv[2]) as itself:
        print(itself.port, flush=True)
        sys.stdin.read()
