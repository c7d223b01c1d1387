"""The control socket and `tidegate status`: who may ask, what is answered, and what a bad client
can do there."""

import concurrent.futures
import json
import os
import socket
import stat

import pytest

from client import Connection, fetch
from origins import EchoOrigin
from tidegate import command
from tlsbytes import client_hello
from waiting import wait_until


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture
def control(folder):
    return folder / "control.sock"


@pytest.fixture
def gateway(start, control, origin, ca, shop, free_address):
    return start({"control": str(control), "workers": 2, "sites": [
        {"hosts": ["shop.example"], "tls": shop.settings(), "backend": "echo"},
        {"hosts": ["plain.example"], "backend": "echo"},
        {"hosts": ["dead.example"], "backend": "dead"}],
        "backends": [{"name": "echo", "servers": [origin.address]},
                     {"name": "dead", "servers": [free_address]}]})


def ask(control, data, seconds=10):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds)
        sock.connect(str(control))
        sock.sendall(data)
        answer = b""
        while True:
            more = sock.recv(65536)
            if not more:
                return answer
            answer += more


def get(control, path):
    answer = ask(control, f"GET {path} HTTP/1.1\r\nHost: tidegate\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    assert f"Content-Length: {len(body)}".encode() in head
    return json.loads(body)


def refuse_names(gateway, count=1):
    for number in range(count):
        with Connection(gateway.address) as connection:
            connection.send(client_hello(f"nobody{number}.example"))
            connection.read_to_end()


def test_the_file_is_for_its_owner_alone(gateway, control):
    mode = os.stat(control).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    gateway.stop()
    assert not control.exists()


def test_status(gateway, control, origin, ca):
    context = ca.client_context()
    assert fetch(gateway.address, host="shop.example", tls=context).status == 200
    with Connection(gateway.address, context, "shop.example") as connection:
        assert connection.request(host="shop.example").status == 200
        answer = get(control, "/status")
        assert answer["workers"] == 2
        assert answer["silent_workers"] == 0
        assert answer["sessions"] >= 1
        assert answer["pid"] == gateway.gateway_pid()
        echo = next(b for b in answer["backends"] if b["name"] == "echo")
        assert [s["address"] for s in echo["servers"]] == [origin.address]
        assert echo["servers"][0]["idle"] >= 1
    done = command("status", "-c", str(gateway.config_path))
    assert done.returncode == 0, done.stderr
    assert "2 workers" in done.stdout
    assert origin.address in done.stdout
    assert json.loads(command("status", "--json", "--socket", str(control)).stdout)["workers"] == 2


def test_a_server_that_cannot_be_reached(gateway, control, free_address):
    assert fetch(gateway.address, host="dead.example").status == 502
    answer = get(control, "/status")
    dead = next(b for b in answer["backends"] if b["name"] == "dead")
    assert dead["servers"][0]["down_at"] >= 1
    assert "cannot connect to" in command("status", "--socket", str(control)).stdout
    groups = get(control, "/handshakes")["groups"]
    group = next(g for g in groups if g["side"] == "backend")
    assert group["reason"] == "server_unreachable"
    assert group["example"]["name"] == "dead"
    assert group["example"]["peer"] == free_address
    assert group["example"]["who"] == "network"


def test_handshakes_are_grouped_by_reason(gateway, control):
    assert get(control, "/handshakes") == {"total": 0, "groups": [], "last": []}
    assert "No handshake" in command("status", "--handshakes", "--socket", str(control)).stdout
    refuse_names(gateway, 3)
    with Connection(gateway.address) as connection:
        connection.send(client_hello(None))
        connection.read_to_end()
    answer = wait_until(lambda: (a := get(control, "/handshakes"))["total"] == 4 and a)
    assert [(g["reason"], g["count"]) for g in answer["groups"]] == [
        ("unknown_server_name", 3), ("no_server_name", 1)]
    first = answer["groups"][0]
    assert first["first"] <= first["last"]
    assert "hosts" in first["mend"]
    assert first["example"]["name"] == "nobody2.example"
    assert first["example"]["who"] == "gateway"
    assert [f["reason"] for f in answer["last"]] == ["no_server_name"] + 3 * ["unknown_server_name"]
    done = command("status", "--handshakes", "-c", str(gateway.config_path))
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "4 failed" in text
    assert text.index("3  unknown_server_name") < text.index("1  no_server_name")
    assert "asked for nobody2.example" in text
    assert "what to do" in text


def test_the_ring_is_bounded(gateway, control):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: refuse_names(gateway, 60), range(4)))
    answer = wait_until(lambda: (a := get(control, "/handshakes"))["total"] == 240 and a, 20)
    assert len(answer["last"]) == 100
    assert answer["groups"][0]["count"] == 240


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"POST /status HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 413),
    (b"GET /status HTTP/1.1\r\n\r\n", 400),
    (b"GET /status HTTP/1.1\nHost: x\n\n", 400),
    (b"GET  /status HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ((b"GET /status HTTP/1.1\r\nHost: x\r\nA: ").ljust(8192, b"a"), 431),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400)],
    ids=["unknown path", "POST", "body", "no host", "bare LF", "two spaces", "too large", "TLS"])
def test_bad_requests(gateway, control, request_bytes, status):
    answer = ask(control, request_bytes)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_head_has_no_body(gateway, control):
    answer = ask(control, b"HEAD /status HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")


def test_a_request_in_single_bytes(gateway, control):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(control))
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n":
            sock.sendall(bytes([byte]))
        answer = sock.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"/handshakes"' in answer


def test_silent_clients_do_not_keep_others_out(gateway, control):
    """More silent ones than there is room for: they are dropped in time, and the next is served."""
    silent = []
    try:
        for _ in range(9):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(20)
            sock.connect(str(control))
            silent.append(sock)
        assert get_slowly(control)["workers"] == 2
        assert silent[0].recv(1) == b""
    finally:
        for sock in silent:
            sock.close()


def get_slowly(control):
    answer = ask(control, b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n", 30)
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def test_it_is_there_again_after_the_gateway_died(gateway, control):
    pid = gateway.gateway_pid()
    gateway.may_die = True
    os.kill(pid, 9)
    wait_until(lambda: gateway.gateway_pid() not in (None, pid), 20, "a new gateway")
    assert get_slowly(control)["pid"] == gateway.gateway_pid()


def test_a_new_supervisor_gets_the_socket_while_the_old_gateway_finishes(start, control, folder):
    """The first supervisor is killed; a connection keeps its gateway for a while."""
    config = {"control": str(control), "timeouts": {"drain": "5s"}, "sites": [
        {"hosts": ["a.example"], "respond": {"status": 200, "body": "ok"}}]}
    first = start(config)
    old = first.gateway_pid()
    with Connection(first.address) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a.exam")  # a request that is under way
        wait_until(lambda: get(control, "/status")["sessions"] == 1)
        first.process.kill()
        first.process.wait(10)
        second = start(config)
        assert get(control, "/status")["pid"] == second.gateway_pid() != old
        assert os.path.exists(f"/proc/{old}")
    wait_until(lambda: not os.path.exists(f"/proc/{old}"), 20, "the old gateway's end")
    assert get(control, "/status")["pid"] == second.gateway_pid()
    first.kill()


def test_no_control_socket(start, folder):
    gateway = start({"sites": [{"hosts": ["a.example"], "respond": {"status": 200}}]})
    done = command("status", "-c", str(gateway.config_path))
    assert done.returncode == 1
    assert "control" in done.stderr
    gateway.stop()
    done = command("status", "--socket", str(folder / "nothing.sock"))
    assert done.returncode == 1
    assert "does the gateway run" in done.stderr


def test_only_one_of_the_lists_is_shown_at_a_time(control):
    done = command("status", "--handshakes", "--certificates", "--socket", str(control))
    assert done.returncode == 2
    assert "one at a time" in done.stderr


def test_a_file_that_is_no_socket_is_left_alone(start, folder):
    path = folder / "precious"
    path.write_text("precious")
    gateway = start({"control": str(path), "sites": [
        {"hosts": ["a.example"], "respond": {"status": 200}}]}, wait=False)
    assert gateway.wait_exit() == 1
    assert "no socket" in gateway.stderr()
    assert path.read_text() == "precious"
    gateway.kill()
