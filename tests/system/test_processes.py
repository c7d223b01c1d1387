"""Supervisor and gateway: drain, stop, death and restart, workers."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import socket
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, Ended, fetch, open_socket, request_bytes
from h2client import Client
from origins import EchoOrigin, Origin, response_bytes
from tidegate import LEFT, SANITIZER, children_of, command, status_field
from tlsbytes import client_hello
from waiting import wait_until

AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="root alone drops privileges, and may look into the gateway's process")
SIMPLE = {"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]}


def is_refused(address):
    try:
        open_socket(address, 2).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False
    return False


def has_ended(pid):
    state = status_field(pid, "State")
    return state is None or state.startswith("Z")


def idle_connection(gateway):
    connection = Connection(gateway.address)
    assert connection.request().status == 200
    return connection


class HeldOrigin(Origin):
    """Answers /held when it is released, everything else at once."""

    def __init__(self):
        self.held = 0
        self.is_released = False
        super().__init__(self.answer)

    def answer(self, connection):
        while True:
            request = connection.read_request()
            if request.target == "/held":
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
                self.held += 1
                wait_until(lambda: self.is_released or connection.has_ended, 30)
                connection.send(b" last")
            else:
                connection.send(response_bytes(200, [], b"ok"))


@pytest.fixture
def held():
    with HeldOrigin() as origin:
        yield origin
        origin.is_released = True


def holding(held, **more):
    return {"sites": [{"hosts": ["*"], "backend": held.address}], **more}


# Stopping.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_gateway_stops_at_once(start, number):
    gateway = start(SIMPLE)
    pid = gateway.gateway_pid()
    started = time.monotonic()
    gateway.terminate(number)
    assert gateway.wait_exit(10) == 0
    assert time.monotonic() - started < 4
    assert has_ended(pid)
    gateway.assert_clean(0)


def test_sigterm_finishes_what_runs_and_takes_nothing_new(start, held):
    gateway = start(holding(held, timeouts={"drain": "20s"}))
    idle = idle_connection(gateway)
    long = Connection(gateway.address)
    long.send(request_bytes("/held"))
    long.read_until(b"first")
    gateway.terminate()
    wait_until(lambda: is_refused(gateway.address), what="the refusal of new connections")
    assert idle.is_closed_by_peer()
    assert gateway.process.poll() is None
    held.is_released = True
    assert long.read(5) == b" last"
    assert long.is_closed_by_peer()
    assert gateway.wait_exit(10) == 0
    idle.close()
    long.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_who_waits_to_be_accepted_is_served(start, workers):
    """Connected before the end was told: never reset."""
    gateway = start({"workers": workers, **SIMPLE})
    pid = gateway.gateway_pid()
    os.kill(pid, signal.SIGSTOP)
    waiting = [Connection(gateway.address) for _ in range(40)]
    for connection in waiting[:20]:
        connection.send(request_bytes("/"))
    gateway.terminate()
    os.kill(pid, signal.SIGCONT)
    for connection in waiting[20:30]:
        connection.send(request_bytes("/"))
    for connection in waiting[:30]:
        assert connection.read_response().status == 200
    for connection in waiting:
        assert connection.is_closed_by_peer()
        connection.close()
    assert gateway.wait_exit(10) == 0


def test_stop_does_not_wait_for_a_gateway_that_hangs(start):
    gateway = start({**SIMPLE, "timeouts": {"drain": "1s"}})
    os.kill(gateway.gateway_pid(), signal.SIGSTOP)
    gateway.terminate()
    wait_until(lambda: is_refused(gateway.address), what="the refusal of new connections")
    assert gateway.wait_exit(20) == 1
    gateway.kill()


def test_response_while_draining_announces_the_close(start, held):
    """A request whose head comes before the drain and whose response begins after it."""
    gateway = start(holding(held, timeouts={"drain": "20s"}))
    connection = Connection(gateway.address)
    connection.send(request_bytes("/late", "POST", fields=[("Content-Length", "4")]))
    wait_until(lambda: held.connections)
    gateway.terminate()
    wait_until(lambda: is_refused(gateway.address))
    connection.send(b"body")
    response = connection.read_response()
    assert response.status == 200
    assert response.get("Connection").lower() == "close"
    assert connection.is_closed_by_peer()
    connection.close()
    assert gateway.wait_exit(10) == 0


def test_tunnels_end_when_the_drain_is_over(start):
    with Origin(lambda connection: connection.read_to_end()) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "passthrough": origin.address}],
                         "timeouts": {"drain": "1s"}})
        with Connection(gateway.address) as connection:
            connection.send(client_hello("bank.example"))
            origin.wait_connections(1)
            started = time.monotonic()
            gateway.terminate()
            gateway.wait_exit(15)
            assert 0.8 < time.monotonic() - started < 10
            assert connection.is_closed_by_peer()
        text = gateway.stderr()
        assert not SANITIZER.search(text), text
        assert LEFT.search(text), text
        gateway.kill()


def test_second_sigterm_stops_at_once(start, held):
    gateway = start(holding(held, timeouts={"drain": "30s"}))
    connection = Connection(gateway.address)
    connection.send(request_bytes("/held"))
    connection.read_until(b"first")
    gateway.terminate()
    wait_until(lambda: is_refused(gateway.address))
    assert gateway.process.poll() is None
    started = time.monotonic()
    gateway.terminate()
    gateway.wait_exit(10)
    assert time.monotonic() - started < 4
    assert connection.is_closed_by_peer()
    connection.close()
    text = gateway.stderr()
    assert not SANITIZER.search(text), text
    gateway.kill()


def test_no_process_is_left(start, held):
    gateway = start(holding(held, workers=2))
    pids = [gateway.process.pid, *children_of(gateway.process.pid)]
    assert len(pids) == 2
    gateway.stop()
    for pid in pids:
        assert has_ended(pid)


# Death.


def test_gateway_that_is_killed_is_started_again(start):
    gateway = start(SIMPLE)
    first = gateway.gateway_pid()
    address = gateway.address
    gateway.may_die = True
    os.kill(first, signal.SIGKILL)
    # The sockets stay with the supervisor: connections wait in the queue, none is refused.
    for _ in range(5):
        assert fetch(address).body == b"ok"
    wait_until(lambda: gateway.gateway_pid() not in (None, first))
    assert fetch(address).body == b"ok"
    assert gateway.process.poll() is None
    wait_until(lambda: "signal 9" in gateway.stderr() or "SIGKILL" in gateway.stderr()
               or "Killed" in gateway.stderr(), what="a word about the death")


def test_gateway_that_keeps_dying_is_started_again_with_back_off(start):
    gateway = start(SIMPLE)
    gateway.may_die = True
    for _ in range(4):
        pid = wait_until(gateway.gateway_pid)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda old=pid: gateway.gateway_pid() not in (None, old))
    assert fetch(gateway.address).body == b"ok"


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_process_that_dies_says_what_it_had_in_hand(start, front):
    """Its workers' clients and requests, so that whose request it was is known."""
    def hang(connection):
        connection.read_head()
        connection.wait_end()

    with Origin(hang) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
        gateway.may_die = True
        pid = gateway.gateway_pid()
        if front == "h1":
            client = Connection(gateway.address)
            client.send(request_bytes("/poison\xfe?a=b".replace("\xfe", "%FE"), host="shop.example"))
            name = client.local_text()
        else:
            client = Client(gateway.address)
            client.start("/poison%FE?a=b")
            name = f"127.0.0.1:{client.sock.getsockname()[1]}"
        with contextlib.closing(client):
            wait_until(lambda: origin.connections, what="the request at the origin")
            os.kill(pid, signal.SIGABRT)
            wait_until(lambda: gateway.gateway_pid() not in (None, pid))
        text = gateway.stderr()
        assert re.search(rf"had in hand: client {name}, session \d+, request [0-9a-f]{{32}}: "
                         r"GET shop.example/poison%FE\?a=b", text), text
        assert re.search(rf"SIGABRT\), which process {os.getpid()} sent; .* backtrace .*tidegate\+0x", text), text


def end_worker(pid):
    """As if what the worker does had gone wrong: the signal is its thread's own."""
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (thread / "comm").read_text().strip() == "worker":
            assert ctypes.CDLL(None).tgkill(pid, int(thread.name), signal.SIGSEGV) == 0
            return
    raise AssertionError("there is no worker")


def status_from(address, source):
    """What a client at that address is answered, None for a connection that is broken off."""
    sock = socket.create_connection(address, 15, (source, 0))
    with contextlib.closing(sock):
        try:
            sock.sendall(request_bytes("/fine", host="shop.example", fields=[("Connection", "close")]))
            return sock.recv(65536)[:12].decode() or None
        except ConnectionError:
            return None


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_client_in_hand_at_two_deaths_is_refused(folder, start, front):
    """For ten minutes, and nobody else."""
    def hang(connection):
        connection.read_head()
        connection.wait_end()

    with Origin(hang) as origin:
        gateway = start({"control": str(folder / "control.sock"), "sites": [{"hosts": ["*"], "routes": [
            {"match": {"path": "/poison"}, "backend": origin.address}, {"respond": {"status": 200}}]}]},
            folder=folder, sanitizer_options="handle_segv=0")
        gateway.may_die = True
        for death in (1, 2):
            pid = wait_until(gateway.gateway_pid)
            if front == "h1":
                client = Connection(gateway.address)
                client.send(request_bytes("/poison", host="shop.example"))
            else:
                client = Client(gateway.address)
                client.start("/poison")
            with contextlib.closing(client):
                wait_until(lambda: len(origin.connections) >= death, what="the request at the origin")
                assert "is REFUSED" not in gateway.stderr()
                end_worker(pid)
                wait_until(lambda old=pid: gateway.gateway_pid() not in (None, old))
        assert status_from(gateway.address, "127.0.0.2") == "HTTP/1.1 200"
        assert status_from(gateway.address, "127.0.0.1") is None
        gateway.wait_log(reason="client_refused")
        text = gateway.stderr()
        lines = re.findall(r"ended by signal 11 \(SIGSEGV\); worker 0 had in hand: client 127\.0\.0\.1:\d+, "
                           r"session \d+, request [0-9a-f]{32}: GET shop.example/poison; backtrace .*0x[0-9a-f]+$",
                           text, re.M)
        assert len(lines) == 2, text
        assert "client 127.0.0.1 is REFUSED for 10 minutes" in text
        done = command("status", "--socket", str(folder / "control.sock"))
        assert "2 times the process that carries the traffic has died" in done.stdout
        assert lines[0] in done.stdout and re.search(r"client 127\.0\.0\.1 is refused for [56]\d\d s more", done.stdout)


@AS_ROOT
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="knows that machine's registers")
def test_a_worker_whose_stack_is_used_up_says_so_all_the_same(start):
    """As if a handshake's fiber had run into the page below its stack: handlers have their own."""
    gateway = start(SIMPLE, sanitizer_options="handle_segv=0")
    gateway.may_die = True
    pid = gateway.gateway_pid()
    with Connection(gateway.address) as client:
        assert client.request().status == 200
        take_stack_away(pid)
        client.send(request_bytes("/deep", host="shop.example"))
        wait_until(lambda: gateway.gateway_pid() not in (None, pid))
    text = gateway.stderr()
    assert re.search(r"ended by signal 11 \(SIGSEGV\); worker 0 had in hand: client ", text), text


def lowest_of_mapping(pid, address):
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        low, high = (int(number, 16) for number in line.split()[0].split("-"))
        if low <= address < high:
            return low
    raise AssertionError("there is no such memory")


def take_stack_away(pid):
    """From the worker: its stack pointer is made to point at its stack's end (ptrace)."""
    attach, get_registers, set_registers, detach = 16, 12, 13, 17
    rsp = 19  # of struct user_regs_struct
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    tid = next(int(thread.name) for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()
               if (thread / "comm").read_text().strip() == "worker")
    registers = (ctypes.c_ulonglong * 27)()
    assert libc.ptrace(attach, tid, None, None) == 0, os.strerror(ctypes.get_errno())
    assert os.waitpid(tid, 0x40000000)[0] == tid  # __WALL
    assert libc.ptrace(get_registers, tid, None, ctypes.addressof(registers)) == 0
    registers[rsp] = lowest_of_mapping(pid, registers[rsp])
    assert libc.ptrace(set_registers, tid, None, ctypes.addressof(registers)) == 0
    assert libc.ptrace(detach, tid, None, None) == 0


def test_starting_again_takes_little_time_however_often(start):
    """One poisonous request now and then must not keep the others out (BACKOFF_MAX_MS)."""
    gateway = start(SIMPLE)
    gateway.may_die = True
    for _ in range(12):
        pid = wait_until(gateway.gateway_pid)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda old=pid: gateway.gateway_pid() not in (None, old))
    pauses = [int(ms) for ms in re.findall(r"again in (\d+) ms", gateway.stderr())]
    assert len(pauses) == 12 and pauses[0] <= 100 and max(pauses) <= 1000, pauses


def test_only_the_supervisors_end_counts_as_that(start):
    """Whoever may send the gateway signals cannot make it believe that its supervisor has died."""
    gateway = start(SIMPLE)
    pid = gateway.gateway_pid()
    for _ in range(3):
        os.kill(pid, signal.SIGUSR2)
        assert fetch(gateway.address).body == b"ok"
    assert gateway.gateway_pid() == pid


@AS_ROOT
def test_sockets_that_a_gateway_shut_down_listen_again(start):
    """What a gateway that went wrong did to the sockets it shares ends with it."""
    gateway = start({**SIMPLE, "listeners": [{"bind": ["127.0.0.1:0", "127.0.0.1:0"]}]})
    pid = gateway.gateway_pid()
    gateway.may_die = True
    for name in os.listdir(f"/proc/{pid}/fd"):
        shut_down_if_listening(pid, int(name))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: gateway.gateway_pid() not in (None, pid))
    for address in gateway.addresses:
        wait_until(lambda where=address: can_fetch(where), what="the socket")
    assert "opened again" in gateway.stderr()


def shut_down_if_listening(pid, number):
    """The process's own socket, taken by pidfd_getfd."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        fd = libc.syscall(438, pidfd, number, 0)
        if fd < 0:
            return
        with contextlib.suppress(OSError), socket.socket(fileno=fd) as sock:
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                sock.shutdown(socket.SHUT_RDWR)
    finally:
        os.close(pidfd)


def can_fetch(address):
    try:
        return fetch(address).body == b"ok"
    except OSError:
        return False


def test_gateway_ends_when_its_supervisor_is_killed(start):
    gateway = start(SIMPLE)
    pid = gateway.gateway_pid()
    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait(10)
    wait_until(lambda: has_ended(pid), what="the gateway's end")
    gateway.kill()


# Workers.


def threads_of(gateway):
    return len(os.listdir(f"/proc/{gateway.gateway_pid()}/task"))


def test_number_of_workers(start):
    one = threads_of(start({"workers": 1, **SIMPLE}))
    three = threads_of(start({"workers": 3, **SIMPLE}))
    automatic = threads_of(start({"workers": 0, **SIMPLE}))
    assert three - one == 2
    assert automatic - one == len(os.sched_getaffinity(0)) - 1


def test_many_workers_serve_and_drain(start):
    with EchoOrigin() as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}], "workers": 4})
        connections = [Connection(gateway.address) for _ in range(40)]
        for _ in range(3):
            for connection in connections:
                connection.send(request_bytes())
            for connection in connections:
                assert connection.read_response().status == 200
        for connection in connections[::2]:
            connection.close()
        gateway.stop()
        for connection in connections[1::2]:
            with contextlib.suppress(Ended, ConnectionResetError):
                assert connection.is_closed_by_peer()
            connection.close()


@AS_ROOT
def test_no_file_descriptor_is_leaked(start, held):
    gateway = start(holding(held))
    pid = gateway.gateway_pid()

    def count():
        return len(os.listdir(f"/proc/{pid}/fd"))

    fetch(gateway.address)
    base = count()
    for _ in range(30):
        fetch(gateway.address)
        with Connection(gateway.address) as connection:
            connection.send(b"GET / HT")
        with Connection(gateway.address) as connection:
            connection.send(b"\x16\x03\x01\x00")
    wait_until(lambda: count() <= base + 2, what="the closing of all connections")
