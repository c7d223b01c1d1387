"""Starting, rightly and wrongly, with what a shell may leave open; and whose privileges a gateway has."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from client import Connection, fetch
from nameserver import NameServer
from origins import EchoOrigin
from tidegate import Gateway, account, binary, children_of, command, environment, status_field
from waiting import wait_until

AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="root alone drops privileges, and may look into the gateway's process")
SIMPLE = {"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]}


def wrong_start(folder, config, **options):
    gateway = Gateway(config, folder=folder, wait=False, **options)
    try:
        return gateway.wait_exit(20), gateway.stderr()
    finally:
        gateway.kill()


@pytest.mark.parametrize("config, word", [
    ("sites: [", "tidegate.yaml:"),
    ("sites:\n  - hosts: [a.example]\n    bakcend: 127.0.0.1:1\n", "backend"),
    ("sites:\n  - hosts: [a.example]\n    backend: nowhere\n", "nowhere"),
    ("sites:\n  - hosts: [a.example]\n    tls: {certificate: no.crt, key: no.key}\n"
     "    backend: 127.0.0.1:1\n", "no.crt")])
def test_wrong_configuration_never_starts(folder, config, word):
    code, text = wrong_start(folder, config)
    assert code == 1
    assert word in text and "error" in text


def test_port_in_use_is_said(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        code, text = wrong_start(folder, {"listeners": [{"bind": f"127.0.0.1:{port}"}], **SIMPLE})
        assert code == 1
        assert str(port) in text and "in use" in text


def has_answered(address):
    try:
        fetch(address)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running_with(folder, redirections="", config=None, variables=None, **options):
    """A gateway on a Unix socket whose standard descriptors or environment are not the usual ones;
    its process and address."""
    path = folder / "gate.sock"
    (folder / "tidegate.yaml").write_text(json.dumps({
        "listeners": [{"bind": f"unix:{path}"}], "workers": 1,
        "log": {"access": str(folder / "access.log")}, **(config or SIMPLE)}))
    line = f"exec '{binary()}' run -c '{folder}/tidegate.yaml' {redirections}"
    with subprocess.Popen(["/bin/sh", "-c", line], env=environment(**(variables or {})),
                          **options) as process:
        try:
            # Its socket is there before it listens, and before signals are heard.
            wait_until(lambda: has_answered(str(path)), 20)
            yield process, str(path)
        finally:
            process.kill()


@pytest.mark.parametrize("redirections", [
    "0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-", "0<&- 2>&-"])
def test_closed_standard_descriptors_are_no_sockets(folder, redirections):
    """Else a listening socket or a client's connection would be what messages are written to."""
    with running_with(folder, redirections) as (process, address):
        with Connection(address) as connection:
            assert connection.request().body == b"ok"
            # Only root may look into the gateway's own process.
            gateways = children_of(process.pid) if os.geteuid() == 0 else []
            for pid in [process.pid, *gateways]:
                for fd in redirections.split():
                    target = os.readlink(f"/proc/{pid}/fd/{fd[0]}")
                    assert target == "/dev/null", f"{fd}: {target}"
        process.terminate()
        assert process.wait(20) == 0


def test_descriptors_of_the_shell_are_closed(folder):
    """Neither process holds what whoever started it had open."""
    (folder / "secret").write_text("of the shell")
    with running_with(folder, f"7<'{folder}/secret' 9<'{folder}/secret'") as (process, _):
        gateways = children_of(process.pid) if os.geteuid() == 0 else []
        for pid in [process.pid, *gateways]:
            held = set()
            for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                    held.add(os.readlink(path))
            assert held and str(folder / "secret") not in held
        process.terminate()
        assert process.wait(20) == 0


def test_reader_of_standard_error_that_has_stopped_stops_nothing(folder):
    out, into = os.pipe()
    try:
        os.set_blocking(into, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(into, b"x" * 4096)
        os.set_blocking(into, True)
        with running_with(folder, stderr=into) as (process, address):
            def answers():
                with contextlib.suppress(OSError):
                    return fetch(address).body == b"ok"
            wait_until(answers, 20, "an answer")
            process.send_signal(signal.SIGUSR1)
            assert answers()
            process.terminate()
            assert process.wait(20) == 0
    finally:
        os.close(out)
        os.close(into)


def test_name_servers_that_do_not_answer_hold_up_nothing(folder):
    """Neither the start nor the drain nor other servers wait for an answer that does not come."""
    with NameServer(slow_example=None) as dns, EchoOrigin() as origin:
        config = {"backends": [{"name": "b", "servers": ["slow.example:80", origin.address],
                                "resolve": {"servers": [dns.address], "timeout": "60s"}}],
                  "sites": [{"hosts": ["*"], "backend": "b"}], "timeouts": {"drain": "60s"}}
        with running_with(folder, config=config) as (process, address):
            def answers():
                with contextlib.suppress(OSError):
                    return fetch(address).status == 200
            wait_until(answers, 20, "an answer")
            process.terminate()
            assert process.wait(20) == 0
        assert dns.count("slow.example") != 0
        assert '"status":200' in (folder / "access.log").read_text().replace(": ", ":")


@pytest.mark.parametrize("limit", [6, 64])
def test_too_few_descriptors_are_told_with_what_to_do(folder, limit):
    (folder / "tidegate.yaml").write_text(json.dumps({
        "listeners": [{"bind": "127.0.0.1:0"}], "workers": 64, "log": {"access": "off"}, **SIMPLE}))
    line = f"ulimit -n {limit}; exec '{binary()}' run -c '{folder}/tidegate.yaml'"
    done = subprocess.run(["/bin/sh", "-c", line], env=environment(), capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "Too many open files; raise the limit" in done.stderr
    assert "LimitNOFILE" in done.stderr


def test_missing_configuration_is_said(folder):
    done = command("run", "-c", str(folder / "none.yaml"))
    assert done.returncode == 1
    assert "none.yaml" in done.stderr


def test_configuration_of_the_working_directory_is_found(folder):
    (folder / "tidegate.yaml").write_text("sites: wrong\n")
    done = command("check", cwd=folder)
    assert done.returncode == 1
    assert "tidegate.yaml:1" in done.stdout + done.stderr


def test_stale_unix_socket_is_replaced(start, folder):
    path = folder / "gate.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    gateway = start({"listeners": [{"bind": f"unix:{path}"}], **SIMPLE})
    assert fetch(gateway.address).body == b"ok"


def test_unix_socket_in_use_and_other_files_are_left_alone(folder):
    path = folder / "gate.sock"
    with socket.socket(socket.AF_UNIX) as used:
        used.bind(str(path))
        used.listen(1)
        code, text = wrong_start(folder, {"listeners": [{"bind": f"unix:{path}"}], **SIMPLE})
        assert code == 1 and "gate.sock" in text
        assert path.exists()
    path.unlink()
    path.write_text("precious")
    code, text = wrong_start(folder, {"listeners": [{"bind": f"unix:{path}"}], **SIMPLE})
    assert code == 1
    assert path.read_text() == "precious"


# Privileges.


@AS_ROOT
def test_root_is_dropped_and_root_only_keys_are_read(start, folder, ca):
    certificate = ca.server("shop.example")
    secret = folder / "secret"
    secret.mkdir(mode=0o700)
    for file in (certificate.crt, certificate.key_file):
        copy = secret / file.name
        copy.write_bytes(file.read_bytes())
        copy.chmod(0o600)
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "ok"}, "tls": {
        "certificate": str(secret / certificate.crt.name),
        "key": str(secret / certificate.key_file.name)}}]})
    assert fetch(gateway.address, host="shop.example", tls=ca.client_context()).body == b"ok"
    pid = gateway.gateway_pid()
    uid, gid = str(account().pw_uid), str(account().pw_gid)
    assert status_field(pid, "Uid").split() == [uid] * 4
    assert status_field(pid, "Gid").split() == [gid] * 4
    assert status_field(pid, "Groups") in ("", gid)
    assert int(status_field(pid, "CapEff"), 16) == 0
    assert int(status_field(pid, "CapPrm"), 16) == 0
    assert status_field(pid, "NoNewPrivs") == "1"
    # Every thread of it, not the first alone.
    for thread in os.listdir(f"/proc/{pid}/task"):
        text = pathlib.Path(f"/proc/{pid}/task/{thread}/status").read_text()
        assert f"Uid:\t{uid}\t" in text


@AS_ROOT
def test_another_user_can_be_named(start):
    gateway = start({"user": "daemon", **SIMPLE})
    uid = pathlib.Path("/etc/passwd").read_text().split("\ndaemon:")[1].split(":")[1]
    assert status_field(gateway.gateway_pid(), "Uid").split()[0] == uid


@AS_ROOT
def test_unknown_user_never_starts(folder):
    code, text = wrong_start(folder, {"user": "no-such-user", **SIMPLE})
    assert code == 1
    assert "no-such-user" in text
