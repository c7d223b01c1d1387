"""Logs of sites' and routes' own: their files, several at once, each in its form; while it runs, places come
and go."""

import json
import os
import re
import signal
import socket
import ssl

import pytest

from client import Connection, fetch, request_bytes
from origins import free_port
from tidegate import command, new_folder
from waiting import wait_until


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def wait_line(path, text):
    return wait_until(lambda: next((one for one in lines(path) if text in one), None),
                      what=f"a line of {path.name} with {text}")


@pytest.fixture(scope="module")
def own():
    return new_folder()


@pytest.fixture(scope="module")
def gateway(start_for_module, own):
    return start_for_module({
        "log": {"to": ["file", {"to": f"file:{own}/combined.log", "format": "combined"}]},
        "sites": [
            {"hosts": ["a.example"], "log": {"access": f"{own}/a.log", "format": "logfmt"}, "routes": [
                {"match": {"path": "/both"}, "respond": {}, "log": {"access": f"{own}/both.log", "keep_above": True}},
                {"match": {"path": "/off"}, "respond": {"status": 500}, "log": {"access": "off"}},
                {"match": {"path": "/full"}, "respond": {},
                 "log": {"to": ["file:/dev/full", f"file:{own}/beside.log"]}},
                {"respond": {}}]},
            {"hosts": ["b.example"], "respond": {}, "log": {"format": "combined"}},
            {"hosts": ["c.example"], "respond": {}, "log": {"fields": {"of": "c"}}},
            {"hosts": ["p.example"], "passthrough": f"127.0.0.1:{free_port()}", "log": {"access": f"{own}/p.log"}},
            {"hosts": ["d.example"], "respond": {}, "log": {
                "to": [f"file:{own}/a.log",
                       {"to": f"file:{own}/d.log", "format": "template", "template": "{host} {path}"}]}}]})


def test_a_site_has_a_file_of_its_own_and_the_others_go_on(gateway, own):
    fetch(gateway.address, "/1", host="a.example")
    fetch(gateway.address, "/2", host="c.example")
    assert re.search(r"\bstatus=200\b", wait_line(own / "a.log", "target=/1"))
    assert gateway.wait_log(target="/2")["of"] == "c"
    assert '"GET /2 HTTP/1.1" 200' in wait_line(own / "combined.log", "/2")
    assert not any("/1 " in one for one in lines(own / "combined.log"))
    assert not any(one["target"] == "/1" for one in gateway.log_entries())


def test_a_route_adds_a_place_and_keeps_those_above(gateway, own):
    fetch(gateway.address, "/both", host="a.example")
    wait_line(own / "a.log", "target=/both")
    wait_line(own / "both.log", "target=/both")


def test_a_route_without_a_log_has_no_lines_even_of_failures(gateway, own):
    with Connection(gateway.address) as connection:
        assert connection.request("/off", host="a.example").status == 500
        connection.request("/after-off", host="a.example")
    wait_line(own / "a.log", "target=/after-off")
    assert not any("/off " in one for one in lines(own / "a.log"))


def test_a_site_may_change_the_form_alone(gateway, own):
    fetch(gateway.address, "/form", host="b.example")
    assert '"GET /form HTTP/1.1" 200' in wait_line(own / "combined.log", "/form")
    wait_until(lambda: '"GET /form HTTP/1.1" 200' in gateway.log_path.read_text())
    lines_of_file = [one for one in gateway.log_path.read_text().splitlines() if "/form" in one]
    assert len(lines_of_file) == 1 and not lines_of_file[0].startswith("{")
    gateway.log_path.write_text("")  # which is no JSON, for those who read it after this


def test_two_sites_write_to_one_file_and_each_place_in_its_form(gateway, own):
    fetch(gateway.address, "/d", host="d.example")
    assert json.loads(wait_line(own / "a.log", '"/d"'))["site"] == "d.example"
    assert wait_line(own / "d.log", "/d") == "d.example /d"


def test_connections_of_a_site_have_their_lines_there(gateway, own):
    context = ssl.create_default_context()
    with socket.create_connection(gateway.address) as plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname="p.example")
    line = json.loads(wait_line(own / "p.log", "p.example"))
    assert line["kind"] == "connection" and line["reason"] == "server_unreachable"
    assert not any(one.get("site") == "p.example" for one in gateway.log_entries())


def test_a_full_disk_costs_the_others_nothing(gateway, own):
    fetch(gateway.address, "/full", host="a.example")
    wait_line(own / "beside.log", "target=/full")
    wait_until(lambda: "cannot write the access log /dev/full" in gateway.stderr())


def test_sigusr1_opens_all_files_anew(gateway, own):
    names = ["a.log", "combined.log"]
    for name in names:
        fetch(gateway.address, "/old", host="a.example")
        fetch(gateway.address, "/old", host="c.example")
        wait_line(own / name, "/old")
        (own / name).rename(own / (name + ".1"))
    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: all((own / name).exists() for name in names))

    def arrives():
        fetch(gateway.address, "/new", host="a.example")
        fetch(gateway.address, "/new", host="c.example")
        return all(any("/new" in one for one in lines(own / name)) for name in names)
    wait_until(arrives)


def open_files(gateway):
    folder = f"/proc/{gateway.gateway_pid()}/fd"
    return [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)
            if os.path.islink(f"{folder}/{fd}")]


def test_reload_brings_files_and_takes_them_away_behind_the_last_line(start, own):
    def site(log, delay="0s"):
        return [{"hosts": ["*"], "routes": [{"match": {"path": "/slow"}, "respond": {}, "delay": delay},
                                            {"respond": {}}], "log": log}]
    old, new = own / "old.log", own / "new" / "new.log"
    new.parent.mkdir()
    control = str(own / "control.sock")
    gateway = start({"control": control, "sites": site({"access": str(old)}, "300ms")})

    def change(sites):
        config = json.loads(gateway.config_path.read_text())
        gateway.config_path.write_text(json.dumps({**config, "sites": sites}))
        return command("reload", "--socket", control)
    with Connection(gateway.address) as slow, Connection(gateway.address) as other:
        slow.send(request_bytes("/slow"))
        done = change(site({"access": str(new)}))
        assert done.returncode == 0, done.stderr
        other.request("/now")
        wait_line(new, '"/now"')
        assert slow.read_response().status == 200
    wait_line(old, '"/slow"')
    assert not any("/slow" in one for one in lines(new))
    wait_until(lambda: str(old) not in open_files(gateway))
    assert str(new) in open_files(gateway)
    status = json.loads(command("status", "--json", "--socket", control).stdout)
    assert {place["to"] for place in status["log"]} == {str(gateway.log_path), str(new)}
    done = change(site({"access": f"{own}/missing/x.log"}))
    assert done.returncode != 0 and "cannot open the access log" in done.stdout + done.stderr
    fetch(gateway.address, "/still")
    wait_line(new, '"/still"')


def test_route_says_where_lines_go(gateway, own):
    def said(url):
        return command("route", "-c", str(gateway.config_path), url).stdout
    assert re.search(rf"\blog +lines go to {own}/a.log \(logfmt\), {own}/both.log \(logfmt\) ",
                     said("http://a.example/both"))
    assert re.search(r"\blog +no lines in any log ", said("http://a.example/off"))


@pytest.mark.parametrize("log, text", [
    ({"to": "file"}, "'to' has a 'file' that this log does not name"),
    ({"keep_above": True}, "'keep_above' in a log without places"),
    ({"access": "/var/log/a", "to": ["journal"]}, "'access' names a file that 'to' leaves out"),
    ({"to": ["stdout"], "keep_above": True}, "is written to the same place twice"),
    ({"to": [{"format": "json"}]}, "has no 'to'"),
    ({"to": [{"to": "journal", "format": "template"}]}, "without a template"),
    ({"to": [{"to": "journal", "template": "x"}]}, "a template that is not used"),
    ({"to": "file:a.log"}, "the whole path of a file"),
    ({"to": [f"file:/l{i}" for i in range(17)]}, "16"),
    ({"access": "/nonexistent/folder/a.log"}, "cannot open the access log /nonexistent/folder/a.log"),
])
def test_check_tells_what_cannot_be(tmp_path, log, text):
    file = tmp_path / "tidegate.yaml"
    file.write_text(json.dumps({"sites": [{"hosts": ["*"], "routes": [{"respond": {}, "log": log}]}]}))
    found = command("check", "-c", str(file))
    assert found.returncode == 1 and text in found.stderr + found.stdout, found.stderr
