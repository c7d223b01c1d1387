"""Another version of the program takes the place of the one that runs: `tidegate upgrade`, SIGUSR2,
sockets by systemd's protocols. Clients notice nothing, and a new one that fails changes nothing."""

import array
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, fetch, request_bytes
from h2client import Client
from h2origin import H2Origin, serve
from origins import EchoOrigin, Origin, free_port
from test_reload_load import Load, echo, web_socket
from tidegate import all_children_of, binary, children_of, command, status_field
from tlsbytes import client_hello
from waiting import wait_until

HOST = "shop.example"


def run(path, *args):
    return command(*args, "--socket", str(path), timeout=100)


def in_charge(gateway):
    """The supervisor that serves: the process that was started, or what took its place."""
    found = re.findall(r"process (\d+) has taken over", gateway.stderr())
    return int(found[-1]) if found else gateway.process.pid


def serving(gateway):
    pids = [pid for pid in children_of(in_charge(gateway)) if status_field(pid, "Name") != "keyholder"]
    return pids[0] if len(pids) == 1 else None


def starter_of(gateway):
    pid, = (pid for pid in all_children_of(in_charge(gateway)) if status_field(pid, "Name") == "starter")
    return pid


def has_ended(pid):
    state = status_field(pid, "State")
    return state is None or state.startswith("Z")


class Program:
    """The program's file as a link, which can lead to something else."""

    def __init__(self, folder):
        self.path = folder / "tidegate-current"
        self.path.symlink_to(binary())

    def __str__(self):
        return str(self.path)

    def becomes(self, text):
        self.path.unlink()
        self.path.write_text(text)
        self.path.chmod(0o755)

    def is_right_again(self):
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(binary())


@pytest.fixture
def program(folder):
    return Program(folder)


def plain(control, **more):
    return {"control": str(control), "sites": [{"hosts": ["*"], "respond": {"body": "ok"}}], **more}


# Under load.


class Again:
    """Requests on one connection at a time: another one once the gateway has said that it ends."""

    def __init__(self, connect):
        self.connect = connect
        self.connection = connect()

    def h1(self):
        response = self.connection.request("/", host=HOST)
        assert response.status == 200, response
        if (response.get("Connection") or "").lower() == "close":
            self.renew()

    def upload(self):
        self.connection.send(request_bytes("/", "POST", HOST, [("Transfer-Encoding", "chunked")]))
        for _ in range(8):
            self.connection.send(chunked(b"x" * 20000)[:-5])  # without the end of the body
        self.connection.send(b"0\r\n\r\n")
        response = self.connection.read_response()
        assert response.status == 200 and json.loads(response.body)["body_bytes"] == 160000
        if (response.get("Connection") or "").lower() == "close":
            self.renew()

    def h2(self):
        assert self.connection.request("/", host=HOST).status == 200
        if self.connection.goaways:
            self.renew()

    def renew(self):
        self.connection.close()
        self.connection = self.connect()


def count(connection, request):
    body = json.dumps({"body_bytes": len(request.body)}).encode()
    connection.respond(request.stream, 200, [("content-type", "application/json")], body)


@pytest.mark.parametrize("back", ["h1", "h2c"])
def test_upgrades_under_load(folder, start, ca, program, back):
    """Three, one after the other: no request fails, no connection is refused, tunnels live on."""
    control = folder / "control.sock"
    shop = ca.server(HOST)
    with EchoOrigin() if back == "h1" else H2Origin(serve(count)) as origin, \
            Origin(web_socket) as sockets, Origin(echo) as bank:
        gateway = start({"control": str(control), "workers": 2, "timeouts": {"drain": "60s"}, "sites": [
            {"hosts": ["bank.example"], "passthrough": bank.address},
            {"hosts": [HOST], "tls": shop.settings(), "plain_http": "serve", "routes": [
                {"match": {"path": "/ws"}, "backend": sockets.address},
                {"backend": {"servers": [origin.address], "protocol": back}}]}]}, folder=folder, program=str(program))
        address = gateway.address

        def tls():
            return {"tls": ca.client_context(), "server_name": HOST}

        h1, h1_tls = Again(lambda: Connection(address)), Again(lambda: Connection(address, **tls()))
        h2, uploads = Again(lambda: Client(address, **tls())), Again(lambda: Connection(address))
        tunnel, web = Connection(address), Connection(address)
        hello = client_hello("bank.example")
        tunnel.send(hello)
        assert tunnel.read(len(hello)) == hello
        web.send(request_bytes("/ws", host=HOST, fields=[
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
        assert web.read_head().status == 101

        def through(connection):
            def turn():
                connection.send(b"still here")
                assert connection.read(10) == b"still here"
            return turn

        def new_connection():
            with Connection(address, **tls()) as fresh:
                assert fresh.request("/", host=HOST).status == 200

        loads = [Load(*pair) for pair in {
            "keep-alive": h1.h1, "keep-alive over TLS": h1_tls.h1, "HTTP/2": h2.h2, "upload": uploads.upload,
            "passthrough": through(tunnel), "WebSocket": through(web), "new connections": new_connection}.items()]
        seen = {gateway.process.pid}
        try:
            for _ in range(3):
                done = run(control, "upgrade")
                assert (done.returncode, done.stdout) == (0, "upgraded\n"), done.stderr + gateway.stderr()
                assert in_charge(gateway) not in seen
                seen.add(in_charge(gateway))
                before = [load.turns for load in loads]
                wait_until(lambda: all(load.failure or load.turns > turns + 2
                                       for load, turns in zip(loads, before)), 60, "turns of all clients")
        finally:
            for load in loads:
                load.is_over = True
            for load in loads:
                load.stop()
            for connection in (h1.connection, h1_tls.connection, h2.connection, uploads.connection, tunnel, web):
                connection.close()
        # Those before end with what they had; the one that was started stands in for the last one.
        assert gateway.process.poll() is None
        wait_until(lambda: all(has_ended(pid) for pid in seen - {gateway.process.pid, in_charge(gateway)}), 20)
        wait_until(lambda: all_children_of(gateway.process.pid) == [in_charge(gateway)], 20, "the stand-in alone")
        assert json.loads(run(control, "status", "--json").stdout)["pid"] == serving(gateway)


def test_an_idle_connection_may_ask_once_more(folder, start):
    """It hears then that this was the last time: a client that is about to ask finds it open."""
    gateway = start(plain(folder / "control.sock", timeouts={"drain": "30s"}), folder=folder)
    with Connection(gateway.address) as idle, Connection(gateway.address) as unused:
        assert idle.request().status == 200
        assert run(folder / "control.sock", "upgrade").returncode == 0
        for connection in (idle, unused):
            response = connection.request()
            assert response.status == 200 and response.get("Connection").lower() == "close"
            assert connection.is_closed_by_peer()


def test_tunnels_end_with_the_drain_of_the_old_one(folder, start):
    with Origin(echo) as bank:
        gateway = start({"control": str(folder / "control.sock"), "timeouts": {"drain": "1s"}, "sites": [
            {"hosts": ["*"], "passthrough": bank.address}]}, folder=folder)
        with Connection(gateway.address) as tunnel:
            hello = client_hello("bank.example")
            tunnel.send(hello)
            assert tunnel.read(len(hello)) == hello
            assert run(folder / "control.sock", "upgrade").returncode == 0
            tunnel.send(b"still here")
            assert tunnel.read(10) == b"still here"
            assert tunnel.is_closed_by_peer()
            wait_until(lambda: all_children_of(gateway.process.pid) == [in_charge(gateway)])


def test_sigusr2_does_the_same(folder, start):
    gateway = start(plain(folder / "control.sock"), folder=folder)
    gateway.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: in_charge(gateway) != gateway.process.pid, 30, "the other process")
    first = in_charge(gateway)
    assert fetch(gateway.address).body == b"ok"
    # Signals to the process that was started go on to the one that is in charge.
    wait_until(lambda: all_children_of(gateway.process.pid) == [first])
    gateway.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: in_charge(gateway) != first, 30, "the third process")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "info: reloaded" in gateway.stderr(), what="a reload")
    assert fetch(gateway.address).body == b"ok"


def test_it_ends_with_the_one_that_was_started_and_the_other_way_round(folder, start):
    gateway = start(plain(folder / "control.sock"), folder=folder)
    gateway.may_die = True
    assert run(folder / "control.sock", "upgrade").returncode == 0
    wait_until(lambda: all_children_of(gateway.process.pid) == [in_charge(gateway)])
    heir, worker = in_charge(gateway), serving(gateway)
    os.kill(heir, signal.SIGKILL)
    assert gateway.wait_exit(10) == 1
    wait_until(lambda: has_ended(worker))
    gateway.kill()
    other = start(plain(folder / "other.sock"))
    other.may_die = True
    assert run(folder / "other.sock", "upgrade").returncode == 0
    heir = in_charge(other)
    other.process.kill()
    other.process.wait(10)
    wait_until(lambda: has_ended(heir), 20, "the end of the process in charge")
    other.kill()


def test_two_at_once_are_one(folder, start):
    gateway = start(plain(folder / "control.sock"), folder=folder)
    done = []
    threads = [threading.Thread(target=lambda: done.append(run(folder / "control.sock", "upgrade"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.returncode for one in done} == {0}, [one.stderr for one in done]
    assert fetch(gateway.address).body == b"ok"


def test_the_configuration_may_be_another_one(folder, start):
    """Sockets that it names no more are closed and named, and new ones are listened on."""
    first, second = free_port(), free_port()
    control = folder / "control.sock"
    gateway = start(plain(control, listeners=[{"bind": ["127.0.0.1:0", f"127.0.0.1:{first}", f"unix:{folder}/a.sock"]}]),
                    folder=folder)
    config = json.loads(gateway.config_path.read_text())
    config["listeners"] = [{"bind": [f"127.0.0.1:{second}", "127.0.0.1:0"]}]
    config["control"] = str(folder / "moved.sock")
    gateway.config_path.write_text(json.dumps(config))
    done = run(control, "upgrade")
    assert done.returncode == 0, done.stderr
    assert f"the socket 127.0.0.1:{first}" in done.stderr and f"the socket unix:{folder}/a.sock" in done.stderr
    assert fetch(gateway.address).body == b"ok"
    assert fetch(("127.0.0.1", second)).body == b"ok"

    def is_refused():
        with contextlib.closing(socket.socket()) as sock:
            return sock.connect_ex(("127.0.0.1", first)) != 0

    wait_until(is_refused)
    wait_until(lambda: not (folder / "a.sock").exists() and not control.exists())
    assert run(folder / "moved.sock", "status").returncode == 0


def test_tickets_and_bans_go_over(folder, start, ca):
    shop = ca.server(HOST)
    control = folder / "control.sock"
    gateway = start({"control": str(control), "timeouts": {"drain": "1s"}, "sites": [
        {"hosts": [HOST], "tls": shop.settings(), "respond": {"body": "ok"}}]}, folder=folder)
    context = ca.client_context()

    def connect(session):
        with Connection(gateway.address) as plain:
            sock = context.wrap_socket(plain.sock, server_hostname=HOST, session=session)
            with contextlib.closing(sock):
                sock.sendall(request_bytes("/", host=HOST, fields=[("Connection", "close")]))
                assert sock.recv(100).startswith(b"HTTP/1.1 200")
                while sock.recv(1000):
                    pass
                return sock.session, sock.session_reused

    session, _ = connect(None)
    session, is_reused = connect(session)
    assert is_reused
    assert run(control, "bans", "--add", "192.0.2.7", "--seconds", "900").returncode == 0
    assert run(control, "upgrade").returncode == 0
    wait_until(lambda: "taken over: keys of tickets of 1 site, 1 ban" in gateway.stderr())
    session, is_reused = connect(session)
    assert is_reused
    assert connect(session)[1]
    assert "192.0.2.7" in run(control, "bans").stdout


# What fails.


def still_serves(gateway, control, pid):
    """As if nothing had been asked for."""
    assert gateway.process.poll() is None and serving(gateway) == pid, gateway.stderr()
    assert fetch(gateway.address).body == b"ok"
    assert run(control, "status").returncode == 0


BROKEN = {
    "no program": ("not a program\n", 2, "Exec format error"),
    "crashes": ("#!/bin/sh\nkill -SEGV $$\n", 2, "ended by signal 11"),
    "lacks a library": ("#!/bin/sh\necho 'cannot open libfoo.so.3' >&2\nexit 127\n", 2, "cannot open libfoo.so.3"),
    "refuses": ("#!/bin/sh\necho 'no luck' >&2\nexit 1\n", 1, "no luck"),
    "cannot take over": ("#!/bin/sh\nexec 3>&-\nexec sleep 100\n", 2, "a version that cannot"),
    "hangs": ("#!/bin/sh\nexec sleep 100\n", 2, "did not serve within 1000 ms (timeouts.upgrade)"),
}


def test_a_new_one_that_does_not_start_changes_nothing(folder, start, program):
    control = folder / "control.sock"
    gateway = start(plain(control, timeouts={"upgrade": "1s"}), folder=folder, program=str(program))
    pid = serving(gateway)
    for name, (text, status, words) in BROKEN.items():
        program.becomes(text)
        done = run(control, "upgrade")
        assert done.returncode == status and words in done.stderr, (name, done.stderr)
        assert "stays in charge" in done.stderr and words in gateway.stderr(), name
        still_serves(gateway, control, pid)
    program.path.unlink()
    done = run(control, "upgrade")
    assert done.returncode == 2 and "No such file" in done.stderr
    still_serves(gateway, control, pid)
    program.is_right_again()
    assert run(control, "upgrade").returncode == 0
    assert fetch(gateway.address).body == b"ok"


def test_a_configuration_that_it_refuses_is_told_with_its_line(folder, start):
    control = folder / "control.sock"
    gateway = start(plain(control), folder=folder)
    pid, good = serving(gateway), gateway.config_path.read_text()
    gateway.config_path.write_text("sites: 1\n")
    done = run(control, "upgrade")
    assert done.returncode == 1 and "tidegate.yaml:1:8: error: 'sites' needs a list" in done.stderr, done.stderr
    still_serves(gateway, control, pid)
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = json.loads(good)
        config["listeners"][0]["bind"] = ["127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"]
        gateway.config_path.write_text(json.dumps(config))
        done = run(control, "upgrade")
    assert done.returncode == 1 and "Address already in use" in done.stderr, done.stderr
    still_serves(gateway, control, pid)
    gateway.config_path.write_text(good)
    assert run(control, "upgrade").returncode == 0


def test_a_new_one_that_is_killed_while_it_starts(folder, start, program):
    control = folder / "control.sock"
    gateway = start(plain(control), folder=folder, program=str(program))
    pid = serving(gateway)
    program.becomes("#!/bin/sh\nwhile true; do sleep 1; done\n")
    asked = subprocess.Popen([binary(), "upgrade", "--socket", str(control)], stderr=subprocess.PIPE, text=True)
    new, = wait_until(lambda: all_children_of(starter_of(gateway)), what="the new process")
    # What is asked meanwhile is not lost: a reload waits for the end of this.
    gateway.process.send_signal(signal.SIGHUP)
    assert run(control, "reload").returncode == 2
    os.kill(new, signal.SIGKILL)
    assert asked.wait(20) == 2 and "ended by signal 9" in asked.stderr.read()
    asked.stderr.close()
    wait_until(lambda: "info: reloaded" in gateway.stderr(), what="the reload")
    wait_until(lambda: serving(gateway) == pid, what="the loader's end")
    still_serves(gateway, control, pid)


def test_a_new_one_that_is_killed_when_it_serves_already(folder, start):
    """But is not in charge yet: its end does not shut the sockets that both have."""
    control = folder / "control.sock"
    gateway = start(plain(control, listeners=[{"bind": ["127.0.0.1:0", f"unix:{folder}/a.sock"]}]), folder=folder)
    gateway.may_die = True
    pid, starter = serving(gateway), starter_of(gateway)
    asked = subprocess.Popen([binary(), "upgrade", "--socket", str(control)], stderr=subprocess.PIPE, text=True)
    new, = wait_until(lambda: all_children_of(starter), what="the new process")
    os.kill(gateway.process.pid, signal.SIGSTOP)
    ready = gateway.stderr().count("info: ready")
    wait_until(lambda: gateway.stderr().count("info: ready") > ready or ready > 1, 30, "the new one")
    worker = wait_until(lambda: children_of(new))[0]
    os.kill(new, signal.SIGKILL)
    wait_until(lambda: has_ended(worker), 20, "the end of its gateway")
    os.kill(gateway.process.pid, signal.SIGCONT)
    assert asked.wait(20) == 2 and "stays in charge" in asked.stderr.read()
    asked.stderr.close()
    still_serves(gateway, control, pid)
    assert fetch(str(folder / "a.sock")).body == b"ok"
    assert run(control, "upgrade").returncode == 0


def test_the_end_of_the_old_one_leaves_the_sockets_alone(folder, start):
    """Killed while it finishes what runs: what it shares with the one in charge stays open."""
    control = folder / "control.sock"
    with Origin(echo) as bank:
        gateway = start({"control": str(control), "timeouts": {"drain": "30s"}, "sites": [
            {"hosts": ["bank.example"], "passthrough": bank.address}, {"hosts": ["*"], "respond": {"body": "ok"}}]},
            folder=folder)
        gateway.may_die = True
        assert run(control, "upgrade").returncode == 0
        second = in_charge(gateway)
        with Connection(gateway.address) as tunnel:
            hello = client_hello("bank.example")
            tunnel.send(hello)
            assert tunnel.read(len(hello)) == hello
            assert run(control, "upgrade").returncode == 0
            assert not has_ended(second)
            os.kill(second, signal.SIGKILL)
            wait_until(lambda: has_ended(second))
            for _ in range(5):
                assert fetch(gateway.address).body == b"ok"
        assert run(control, "status").returncode == 0


# The control socket.


def test_somebody_answers_at_the_control_socket_all_the_time(folder, start):
    control = folder / "control.sock"
    start(plain(control), folder=folder)
    is_over = False
    problems = []

    def ask():
        while not is_over:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
                sock.settimeout(20)
                try:
                    sock.connect(str(control))
                    sock.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
                    if not sock.recv(100).startswith(b"HTTP/1.1 200"):
                        problems.append("no answer")
                except OSError as failure:
                    problems.append(repr(failure))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(3):
            assert run(control, "upgrade").returncode == 0
    finally:
        is_over = True
        thread.join()
    assert not [problem for problem in problems if "refused" in problem or "No such file" in problem], problems


# Orders.


@pytest.mark.parametrize("how", ["death", "reload", "upgrade"])
def test_an_order_outlives(folder, start, how):
    control = folder / "control.sock"
    with EchoOrigin() as a, EchoOrigin() as b, EchoOrigin() as c:
        gateway = start({"control": str(control), "sites": [{"hosts": ["*"], "backend": "group"}],
                         "backends": [{"name": "group", "servers": [a.address, b.address, c.address]}]}, folder=folder)
        gateway.may_die = True
        for order, origin in (("drain", a), ("disable", b), ("drain", c), ("enable", c)):
            done = run(control, order, f"group/{origin.address}")
            assert done.returncode == 0, done.stderr
        assert run(control, "weight", f"group/{c.address}", "3").returncode == 0
        pid = serving(gateway)
        if how == "death":
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: serving(gateway) not in (None, pid))
        else:
            assert run(control, how).returncode == 0
        for _ in range(6):
            assert fetch(gateway.address).status == 200
        assert not a.requests and not b.requests and len(c.requests) == 6
        servers = json.loads(wait_until(lambda: run(control, "status", "--json").stdout))["backends"][0]["servers"]
        assert [server["order"] for server in servers] == ["draining", "disabled", "enabled"]
        assert servers[2]["weight"] == 3, servers
        assert run(control, "enable", f"group/{a.address}").returncode == 0
        wait_until(lambda: fetch(gateway.address).status == 200 and a.requests)


# systemd.


class Manager:
    """What systemd is to a service: hears its notifications, and keeps descriptors."""

    def __init__(self, folder):
        self.path = str(folder / "notify.sock")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o666)
        self.messages = []
        self.store = {}

    def read(self):
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                text, ancillary, _, _ = self.sock.recvmsg(4096, socket.CMSG_SPACE(64))
                fields = dict(line.split("=", 1) for line in text.decode().split("\n") if line)
                self.messages.append(fields)
                for _, _, data in ancillary:
                    fds = array.array("i")
                    fds.frombytes(data)
                    self._keep(fields.get("FDNAME"), fds[0])
                if "FDSTOREREMOVE" in fields:
                    fd = self.store.pop(fields["FDNAME"], None)
                    if fd is not None:
                        os.close(fd)
        return self.messages

    def _keep(self, name, fd):
        if name in self.store:
            os.close(fd)
        else:
            self.store[name] = fd

    def wait(self, **fields):
        def find():
            return [message for message in self.read()
                    if all(message.get(name) == value for name, value in fields.items())]
        return wait_until(find, 20, f"{fields} in {self.messages}")[0]

    def close(self):
        self.sock.close()
        for fd in self.store.values():
            os.close(fd)


@pytest.fixture
def manager(folder):
    with contextlib.closing(Manager(folder)) as one:
        yield one


def test_systemd_hears_all_about_it(folder, start, manager):
    control = folder / "control.sock"
    gateway = start(plain(control), folder=folder, variables={"NOTIFY_SOCKET": manager.path})
    assert "listening on 1 address" in manager.wait(READY="1")["STATUS"]
    assert run(control, "reload").returncode == 0
    assert manager.wait(RELOADING="1")["MONOTONIC_USEC"].isdigit()
    count = len(manager.read())
    gateway.config_path.write_text("sites: 1\n")
    assert run(control, "upgrade").returncode == 1
    wait_until(lambda: any(message.get("READY") == "1" for message in manager.read()[count:]))
    gateway.config_path.write_text(json.dumps(plain(control, listeners=[{"bind": "127.0.0.1:0"}], workers=1)))
    count = len(manager.read())
    assert run(control, "upgrade").returncode == 0
    heir = in_charge(gateway)
    manager.wait(MAINPID=str(heir))
    names = ["MAINPID" if "MAINPID" in message else "READY" for message in manager.read()[count:]
             if "MAINPID" in message or message.get("READY")]
    assert names == ["MAINPID", "READY"]
    # The manager knows who is the main process: nobody stands in.
    assert gateway.wait_exit(20) == 0
    assert fetch(gateway.address).body == b"ok"
    os.kill(heir, signal.SIGTERM)
    manager.wait(STOPPING="1")
    wait_until(lambda: has_ended(heir), 20)


def run_activated(folder, config, sockets, names=None, **variables):
    """A gateway that finds the sockets from descriptor 3 on."""
    path = folder / "activated.yaml"
    path.write_text(json.dumps(config))
    err = open(folder / "activated.txt", "ab")
    with err:
        script = ('import os,sys; os.environ["LISTEN_PID"]=str(os.getpid()); '
                  'os.execv(sys.argv[1], sys.argv[1:])')
        fds = [sock.fileno() for sock in sockets]

        def place():
            high = [os.dup(fd) for fd in fds]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i)
        env = {**os.environ, "LISTEN_FDS": str(len(fds)), "LC_ALL": "C", **variables}
        if names:
            env["LISTEN_FDNAMES"] = ":".join(names)
        return subprocess.Popen(["/usr/bin/python3", "-c", script, binary(), "run", "-c", str(path)], stderr=err,
                                stdout=subprocess.DEVNULL, env=env, close_fds=False, preexec_fn=place, cwd=folder)


@contextlib.contextmanager
def bound(address="127.0.0.1"):
    family = socket.AF_UNIX if "/" in address else socket.AF_INET
    with contextlib.closing(socket.socket(family)) as sock:
        sock.bind(address if "/" in address else (address, 0))
        sock.listen()
        yield sock


def ended(process):
    process.terminate()
    assert process.wait(20) == 0


def wait_said(folder, words):
    wait_until(lambda: words in (folder / "activated.txt").read_text(), 20, words)


def test_sockets_that_systemd_has_bound(folder):
    """Each goes to the listener of its address; what no listener wants is closed, by name."""
    path = str(folder / "web.sock")
    with bound() as web, bound(path) as local, bound() as spare, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        where = web.getsockname()
        early = socket.create_connection(where)  # before there is a gateway
        process = run_activated(folder, {
            "listeners": [{"bind": [f"127.0.0.1:{where[1]}", f"unix:{path}", "127.0.0.1:0"]}], "workers": 1,
            "log": {"access": "off"}, "sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]},
            [spare, web, local, udp], ["spare", "web", "local", "odd"])
        try:
            wait_said(folder, "info: ready")
            text = (folder / "activated.txt").read_text()
            assert f"the socket 127.0.0.1:{spare.getsockname()[1]} (spare)" in text
            assert "odd, which this was started with, is closed: it is no stream socket" in text
            with contextlib.closing(early):
                early.sendall(request_bytes("/", fields=[("Connection", "close")]))
                assert early.recv(100).startswith(b"HTTP/1.1 200")
            assert fetch(path).body == b"ok" and fetch(where).body == b"ok"
        finally:
            ended(process)
        # They are systemd's: who connects now waits for whoever is started next.
        assert os.path.exists(path)
        socket.create_connection(where).close()


def test_the_store_keeps_the_sockets_across_a_death(folder, manager):
    """A gateway that is killed with its supervisor: nobody is refused until the next one runs."""
    config = {"listeners": [{"bind": "127.0.0.1:0"}], "workers": 1, "log": {"access": "off"},
              "control": str(folder / "control.sock"),
              "sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]}
    first = run_activated(folder, config, [], NOTIFY_SOCKET=manager.path, FDSTORE="16")
    try:
        kept = manager.wait(FDSTORE="1")
        manager.wait(READY="1")
        assert re.fullmatch(r"tidegate-127\.0\.0\.1_\d+", kept["FDNAME"]) and len(manager.store) == 1
        where = ("127.0.0.1", int(kept["FDNAME"].rpartition("_")[2]))
        assert fetch(where).body == b"ok"
        worker, = children_of(first.pid)
        first.kill()
        first.wait(10)
        wait_until(lambda: has_ended(worker), 20)
        waiting = socket.create_connection(where)
        config["listeners"] = [{"bind": f"127.0.0.1:{where[1]}"}]
        name, = manager.store
        (folder / "activated.txt").write_text("")
        with contextlib.closing(socket.socket(fileno=os.dup(manager.store[name]))) as sock:
            second = run_activated(folder, config, [sock], [name], NOTIFY_SOCKET=manager.path, FDSTORE="16")
        try:
            with contextlib.closing(waiting):
                waiting.settimeout(20)
                waiting.sendall(request_bytes("/", fields=[("Connection", "close")]))
                assert waiting.recv(100).startswith(b"HTTP/1.1 200")
            # A listener that goes is forgotten, one that comes is kept.
            config["listeners"] = [{"bind": "127.0.0.1:0"}]
            (folder / "activated.yaml").write_text(json.dumps(config))
            assert run(folder / "control.sock", "reload").returncode == 0
            manager.wait(FDSTOREREMOVE="1", FDNAME=name)
            wait_until(lambda: len(manager.read()) and list(manager.store) not in ([], [name]))
        finally:
            ended(second)
    finally:
        if first.poll() is None:
            first.kill()
            first.wait()
