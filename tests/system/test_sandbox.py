"""The processes of a gateway that runs are confined to what they need (`sandbox`)."""

import json
import os
import shutil

import pytest

from client import Connection, fetch
from tidegate import command, new_folder, status_field
from waiting import wait_until


def shown(control):
    done = command("status", "--sandbox", "--json", "--socket", str(control))
    assert done.returncode == 0, done.stderr
    return {process["role"]: {part["part"]: part for part in process["parts"]}
            for process in json.loads(done.stdout)["processes"]}


def config(folder, **more):
    return {"control": str(folder / "control.sock"),
            "sites": [{"hosts": ["*"], "respond": {"status": 200}}], **more}


def test_processes_are_confined(folder, start):
    gateway = start(config(folder), folder=folder)
    assert fetch(gateway.address).status == 200
    found = shown(folder / "control.sock")
    assert set(found) >= {"supervisor", "gateway"}
    if found["gateway"]["system calls"]["state"] != "holds":
        pytest.skip(found["gateway"]["system calls"]["note"])
    for pid in (gateway.process.pid, gateway.gateway_pid()):
        assert status_field(pid, "NoNewPrivs") == "1"
        assert status_field(pid, "Seccomp") == "2"
    assert int(status_field(gateway.gateway_pid(), "CapPrm"), 16) == 0
    if os.geteuid() == 0:
        sys_admin, sys_ptrace, sys_module = 21, 19, 16
        capabilities = int(status_field(gateway.process.pid, "CapBnd"), 16)
        assert not any(capabilities >> bit & 1 for bit in (sys_admin, sys_ptrace, sys_module))
    text = command("status", "--sandbox", "--socket", str(folder / "control.sock")).stdout
    assert "gateway (process " in text and "system calls   holds  seccomp: " in text


def test_the_sandbox_can_be_off(folder, start):
    gateway = start(config(folder, sandbox="off"), folder=folder)
    assert fetch(gateway.address).status == 200
    assert status_field(gateway.gateway_pid(), "Seccomp") == "0"
    for parts in shown(folder / "control.sock").values():
        assert {part["state"] for part in parts.values()} == {"off"}


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone opens what the gateway's user cannot reach")
def test_a_folder_that_the_gateways_user_cannot_reach_is_served(start, tmp_path):
    """It is opened at the start, with more rights."""
    closed = tmp_path / "closed"
    served = closed / "served"
    served.mkdir(parents=True)
    (served / "a.txt").write_text("a")
    served.chmod(0o755)
    closed.chmod(0o700)
    gateway = start({"sites": [{"hosts": ["*"], "files": str(served)}]})
    assert fetch(gateway.address, "/a.txt").status == 200


def test_a_folder_that_comes_by_a_reload_is_said_to_be_out_of_reach(folder, start):
    """What a process is confined to cannot grow; a restart serves it."""
    gateway = start(config(folder), folder=folder)
    if shown(folder / "control.sock")["gateway"]["files"]["state"] != "holds":
        pytest.skip("a kernel without Landlock")
    text = json.loads(gateway.config_path.read_text())
    elsewhere = new_folder()
    text["sites"].append({"hosts": ["files.example"], "files": str(elsewhere)})
    gateway.config_path.write_text(json.dumps(text))
    try:
        done = command("reload", "--socket", str(folder / "control.sock"))
    finally:
        elsewhere.rmdir()
    assert done.returncode == 1
    assert "is out of reach of the gateway that runs" in done.stdout + done.stderr
    assert "restart it" in done.stdout + done.stderr
    assert fetch(gateway.address, host="files.example").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone starts programs as another user")
def test_without_root_certificates_that_came_by_a_reload_are_renewed(folder, start, ca):
    """They lie where the gateway cannot open them; the supervisor does."""
    elsewhere = new_folder()
    try:
        for path in (folder, elsewhere):
            os.chown(path, 65534, 65534)
        try:
            gateway = start(config(folder, reload_certificates="1s"), folder=folder, user=65534)
        except PermissionError:
            pytest.skip("the binary lies where nobody may not go")
        text = json.loads(gateway.config_path.read_text())
        text["sites"].append({"hosts": ["shop.example"], "respond": {"status": 200},
                              "tls": {"certificate": str(elsewhere / "a.crt"), "key": str(elsewhere / "a.key")}})
        gateway.config_path.write_text(json.dumps(text))
        serials = []
        for _ in range(2):
            pair = ca.server("shop.example")
            for source, name in ((pair.key_file, "a.key"), (pair.crt, "a.crt")):
                shutil.copy(source, elsewhere / "new")
                os.chown(elsewhere / "new", 65534, 65534)
                (elsewhere / "new").rename(elsewhere / name)
            if not serials:
                done = command("reload", "--socket", str(folder / "control.sock"))
                assert done.returncode == 0, done.stderr
            wait_until(lambda: serial(gateway, ca) not in serials, what="the certificate")
            serials.append(serial(gateway, ca))
    finally:
        shutil.rmtree(elsewhere)


def serial(gateway, ca):
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        return connection.sock.getpeercert()["serialNumber"]
