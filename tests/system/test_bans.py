"""Who is kept off: for what it did, for having too many connections, or as the rest is for others."""

import contextlib
import json
import socket
import time

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, request_bytes
from h2client import Client
from tidegate import command
from tlsbytes import client_hello
from waiting import wait_until

SITES = [{"hosts": ["*"], "routes": [{"match": {"path": "/ok"}, "respond": {"body": "ok"}},
                                     {"match": {"path": "/no"}, "respond": {"status": 403}}]}]


def bans(gateway, *options):
    return command("bans", "-c", str(gateway.config_path), *options, cwd=gateway.folder)


def shown(gateway):
    return json.loads(bans(gateway, "--json").stdout)


def connect(gateway, source):
    sock = socket.create_connection(gateway.address, timeout=20, source_address=(source, 0))
    return sock


def ask_h1(gateway, source, target="/ok", fields=()):
    """The status; None: the connection was closed without an answer."""
    with contextlib.closing(connect(gateway, source)) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(request_bytes(target, host="a.example", fields=[*fields, ("Connection", "close")]))
            data = b""
            while True:
                more = sock.recv(65536)
                if not more:
                    break
                data += more
            return int(data.split(b" ", 2)[1]) if data else None
    return None


@pytest.fixture(name="gateway", scope="module")
def _gateway(start_for_module):
    return start_for_module({
        "control": "control.sock", "workers": 2, "sites": SITES, "trusted_proxies": ["127.0.0.9"],
        "bans": [{"name": "scanners", "after": 3, "of": [404, "bad_request"], "within": "1h", "for": "1h",
                  "except": ["127.0.0.8"]},
                 {"name": "shakers", "after": 3, "of": ["handshake"], "within": "1h", "for": "1h"},
                 {"name": "dry", "after": 2, "of": ["403"], "within": "1h", "dry_run": True}]})


def test_scanner_is_kept_off_and_let_in_again(gateway):
    assert [ask_h1(gateway, "127.0.0.2", "/a") for _ in range(2)] == [404, 404]
    with contextlib.closing(connect(gateway, "127.0.0.2")) as waiting:
        waiting.sendall(b"nonsense\r\n\r\n")  # the third
        assert waiting.recv(100).startswith(b"HTTP/1.1 400")
    wait_until(lambda: ask_h1(gateway, "127.0.0.2") is None)
    assert ask_h1(gateway, "127.0.0.3") == 200
    assert "ban: client 127.0.0.2 is kept off for 3600 s by 'scanners': 3 times in 3600 s, the last one bad_request" \
        in gateway.stderr()
    listed = shown(gateway)
    assert [(ban["address"], ban["by"]) for ban in listed["bans"]] == [("127.0.0.2", "scanners")]
    assert 3590 <= listed["bans"][0]["left_s"] <= 3600 and listed["refused"]["banned"] >= 1
    assert "127.0.0.2" in bans(gateway).stdout and "by scanners" in bans(gateway).stdout
    done = bans(gateway, "--lift", "127.0.0.2")
    assert done.returncode == 0 and done.stdout == "1 lifted\n"
    assert ask_h1(gateway, "127.0.0.2") == 200
    assert bans(gateway, "--lift", "127.0.0.2").returncode == 1


def test_what_is_open_is_refused_too(gateway):
    """A connection that was there before, over both versions; and what a trusted proxy brings from the client."""
    with contextlib.closing(connect(gateway, "127.0.0.4")) as sock:
        sock.sendall(request_bytes("/ok", host="a.example"))
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
        assert bans(gateway, "--add", "127.0.0.4", "--seconds", "100").returncode == 0
        sock.sendall(request_bytes("/ok", host="a.example"))
        data = sock.recv(4096)
        assert data.startswith(b"HTTP/1.1 403") and b"kept off" not in data
    assert gateway.wait_log(reason="banned")["client"].startswith("127.0.0.4:")
    assert bans(gateway, "--add", "192.0.2.7").returncode == 0
    forwarded = [("X-Forwarded-For", "192.0.2.7")]
    assert ask_h1(gateway, "127.0.0.9", fields=forwarded) == 403
    assert ask_h1(gateway, "127.0.0.9", fields=[("X-Forwarded-For", "192.0.2.8")]) == 200
    assert bans(gateway, "--add", "127.0.0.1").returncode == 0
    try:
        with pytest.raises((ConnectionError, OSError, AssertionError, EOFError)):
            with Client(gateway.address) as client:
                client.request("/ok")
    finally:
        assert bans(gateway, "--lift", "all").returncode == 0
    with Client(gateway.address) as client:
        assert client.request("/ok").status == 200
    for _ in range(5):  # the proxy's clients, each once
        assert ask_h1(gateway, "127.0.0.9", "/a", [("X-Forwarded-For", f"192.0.2.{20 + _}")]) == 404
    assert ask_h1(gateway, "127.0.0.9", fields=[("X-Forwarded-For", "192.0.2.8")]) == 200
    for _ in range(3):
        assert ask_h1(gateway, "127.0.0.9", "/a", [("X-Forwarded-For", "192.0.2.30")]) == 404
    assert ask_h1(gateway, "127.0.0.9", fields=[("X-Forwarded-For", "192.0.2.30")]) == 403
    assert ask_h1(gateway, "127.0.0.9", fields=[("X-Forwarded-For", "192.0.2.8")]) == 200
    assert bans(gateway, "--lift", "all").returncode == 0


def test_bad_handshakes(gateway):
    def say_hello(source):
        with contextlib.closing(connect(gateway, source)) as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(client_hello("nobody.example"))
                return sock.recv(1)
        return b""
    assert [say_hello("127.0.0.11") for _ in range(3)] == [b"\x15"] * 3  # an alert
    wait_until(lambda: any(ban["address"] == "127.0.0.11" and ban["by"] == "shakers" for ban in shown(gateway)["bans"]))
    assert say_hello("127.0.0.11") == b""
    assert ask_h1(gateway, "127.0.0.11") is None
    assert ask_h1(gateway, "127.0.0.12") == 200
    assert bans(gateway, "--lift", "127.0.0.11").returncode == 0


def test_exceptions_and_dry_runs(gateway):
    assert [ask_h1(gateway, "127.0.0.8", "/a") for _ in range(5)] == [404] * 5
    assert [ask_h1(gateway, "127.0.0.5", "/no") for _ in range(4)] == [403] * 4
    wait_until(lambda: "client 127.0.0.5 would be kept off" in gateway.stderr())
    assert ask_h1(gateway, "127.0.0.5") == 200
    for options in (["--lift", "nobody"], ["--add", "10.0.0.0/8"], ["--add", "127.0.0.1", "--seconds", "0"]):
        assert bans(gateway, *options).returncode == 2


def test_bans_outlive_a_reload(gateway):
    assert bans(gateway, "--add", "127.0.0.6").returncode == 0
    text = gateway.config_path.read_text()
    gateway.config_path.write_text(text.replace('"ok"', '"changed"'))
    assert command("reload", "-c", str(gateway.config_path), cwd=gateway.folder).returncode == 0
    assert ask_h1(gateway, "127.0.0.6") is None
    assert bans(gateway, "--lift", "127.0.0.6").returncode == 0
    assert ask_h1(gateway, "127.0.0.6") == 200


@pytest.mark.parametrize("change", [('"except": [', '"except": ["127.0.0.12", '),
                                    ('"name": "scanners"', '"name": "scanners", "dry_run": true')])
def test_who_is_excepted_by_a_reload_is_let_in(gateway, change):
    text = json.dumps(json.loads(gateway.config_path.read_text()))
    assert change[0] in text
    assert [ask_h1(gateway, "127.0.0.12", "/a") for _ in range(3)] == [404] * 3
    wait_until(lambda: ask_h1(gateway, "127.0.0.12") is None)
    for source, expected in ((text.replace(*change), 200), (text, None)):
        gateway.config_path.write_text(source)
        assert command("reload", "-c", str(gateway.config_path), cwd=gateway.folder).returncode == 0
        wait_until(lambda wanted=expected: ask_h1(gateway, "127.0.0.12") == wanted)
        # One of the proxy's clients, over its connection.
        wait_until(lambda wanted=expected or 403: ask_h1(
            gateway, "127.0.0.9", fields=[("X-Forwarded-For", "127.0.0.12")]) == wanted)
    assert bans(gateway, "--lift", "127.0.0.12").returncode == 0


def is_open(sock):
    """After a moment in which the gateway would have closed it."""
    sock.settimeout(0.3)
    try:
        return sock.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_connections_of_an_address(start):
    gateway = start({"control": "control.sock", "workers": 2, "sites": SITES,
                     "limits": {"connections_per_address": 3, "reserved_for": ["127.0.0.7"]}})
    with contextlib.ExitStack() as stack:
        def opened(source):
            return stack.enter_context(contextlib.closing(connect(gateway, source)))
        mine = [opened("127.0.0.2") for _ in range(3)]
        assert all(is_open(sock) for sock in mine)
        assert not is_open(opened("127.0.0.2"))
        assert is_open(opened("127.0.0.3"))
        assert all(is_open(opened("127.0.0.7")) for _ in range(5))
        mine[0].close()
        wait_until(lambda: ask_h1(gateway, "127.0.0.2") == 200)
    assert shown(gateway)["refused"]["too_many"] >= 1
    assert "a connection of 127.0.0.2" in gateway.stderr() and "limits.connections_per_address" in gateway.stderr()


def test_connections_in_a_second(start):
    gateway = start({"control": "control.sock", "workers": 2, "sites": SITES, "limits": {"connections_per_second": 20}})
    begin = time.monotonic()
    answers = [ask_h1(gateway, "127.0.0.2") for _ in range(200)]
    seconds = time.monotonic() - begin
    assert 20 <= answers.count(200) <= 20 + 20 * (seconds + 1) and answers.count(200) + answers.count(None) == 200
    assert answers.count(None) == shown(gateway)["refused"]["too_often"]
    assert ask_h1(gateway, "127.0.0.3") == 200
    wait_until(lambda: ask_h1(gateway, "127.0.0.2") == 200)


def test_reserved_connections(start):
    gateway = start({"control": "control.sock", "workers": 1, "sites": SITES,
                     "limits": {"connections": 10, "reserved": 50, "reserved_for": ["127.0.0.7"]}})
    with contextlib.ExitStack() as stack:
        def opened(source):
            return stack.enter_context(contextlib.closing(connect(gateway, source)))
        assert all(is_open(opened("127.0.0.2")) for _ in range(5))
        assert not is_open(opened("127.0.0.3"))
        assert all(is_open(opened("127.0.0.7")) for _ in range(4))
    assert shown(gateway)["refused"]["reserved"] >= 1
