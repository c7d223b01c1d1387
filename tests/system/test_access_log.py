"""The access log: what each line says, in both formats, and that nothing a peer sends breaks it."""

import datetime
import json
import os
import re
import signal
import threading

import pytest

from client import Connection, fetch, request_bytes
from origins import EchoOrigin
from tidegate import Gateway
from tlsbytes import client_hello
from waiting import wait_until


@pytest.fixture
def origin():
    with EchoOrigin() as echo:
        yield echo


def test_fields_of_a_request(start, origin, ca, shop):
    gateway = start({"sites": [{"name": "the-shop", "hosts": ["shop.example"],
                                "tls": shop.settings(), "routes": [
                                    {"name": "everything", "match": {"path": "/*"},
                                     "backend": "pool"}]}],
                     "backends": [{"name": "pool", "servers": [origin.address]}]})
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        client = connection.local_text()
        response = connection.request("/a?b", "POST", "shop.example", body=b"12345", fields=[
            ("User-Agent", "tests/1"), ("Referer", "https://shop.example/before")])
    entry = gateway.wait_log(target="/a?b")
    expected = {
        "kind": "request", "mode": "terminate", "client": client, "sni": "shop.example",
        "tls": "TLSv1.3", "site": "the-shop", "route": "everything", "backend": "pool",
        "server": origin.address, "method": "POST", "authority": "shop.example",
        "target": "/a?b", "version": "HTTP/1.1", "status": 200, "bytes_in": 5,
        "user_agent": "tests/1", "referer": "https://shop.example/before"}
    assert {name: entry.get(name) for name in expected} == expected
    assert entry["cipher"].startswith("TLS_")
    assert entry["listener"] == f"127.0.0.1:{gateway.port}"
    assert entry["bytes_out"] >= len(response.body)
    assert entry["request_id"] == origin.requests[0].get("X-Request-Id")
    assert "reason" not in entry and "detail" not in entry and "mend" not in entry
    time = datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
    age = datetime.datetime.now(datetime.timezone.utc) - time
    assert abs(age.total_seconds()) < 60
    times = entry["ms"]
    assert set(times) >= {"tls", "head", "connect", "first_byte", "total"}
    assert all(0 <= value < 60000 for value in times.values())
    assert times["total"] >= times["first_byte"]


def test_plain_request_has_no_tls_fields(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
    fetch(gateway.address, "/plain")
    entry = gateway.wait_log(target="/plain")
    assert entry["mode"] == "plain"
    assert not {"tls", "cipher", "sni", "client_subject"} & set(entry)
    assert "tls" not in entry["ms"]


def test_one_line_for_each_request_of_a_connection(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
    with Connection(gateway.address) as connection:
        for number in range(5):
            connection.request(f"/{number}")
    gateway.wait_log(target="/4")
    assert [entry["target"] for entry in gateway.log_entries()] == [f"/{n}" for n in range(5)]


def test_combined_format(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}],
                     "log": {"format": "combined"}})
    fetch(gateway.address, '/a?b="', fields=[("User-Agent", 'te"st\xe9'), ("Referer", "r")])
    text = wait_until(lambda: gateway.log_path.read_text())
    line = text.splitlines()[0]
    found = re.fullmatch(r'127\.0\.0\.1 - - \[(.*?)\] "(.*?)" 200 (\d+) "(.*?)" "(.*?)"', line)
    assert found, line
    when, request, size, referer, agent = found.groups()
    assert datetime.datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z")
    assert request == r"GET /a?b=\x22 HTTP/1.1"
    assert int(size) > 0 and referer == "r"
    assert agent == r"te\x22st\xe9"


@pytest.mark.parametrize("data", [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\x16\x03\x01", id="half a record"),
    pytest.param(b"GET / HT", id="half a request line"),
    pytest.param(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", id="a broken hello")])
def test_connection_that_never_became_a_request_has_a_reason(start, data):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}]})
    with Connection(gateway.address) as connection:
        client = connection.local_text()
        connection.send(data)
        connection.half_close()
        try:
            connection.read_to_end()
        except ConnectionResetError:
            pass
    if not data:
        # A probe that says nothing may go unlogged; if it is, it says why.
        fetch(gateway.address, "/mark")
        gateway.wait_log(target="/mark")
        assert all(entry.get("reason") for entry in gateway.log_entries()
                   if entry["client"] == client)
        return
    entry = gateway.wait_log(client=client)
    assert re.fullmatch(r"[a-z0-9_]+", entry["reason"])


def raw_hello_with_sni(name):
    """A hello with any bytes for a name, of the right length."""
    plain = client_hello("x" * len(name))
    assert plain.count(b"x" * len(name)) >= 1
    at = plain.rindex(b"x" * len(name)) if len(name) > 4 else plain.index(b"x" * len(name))
    return plain[:at] + name + plain[at + len(name):]


@pytest.mark.parametrize("name", [b'evil"}\n{"kind":1', b"nul\0.example", b"\xff\xfe\xfd\xfc\xfb",
                                  b"a\r\nb: c", b"<script>alert</script>", b"../../../etc/passwd",
                                  b"\x1b[31mred.example"])
def test_odd_bytes_in_the_sni_do_not_break_the_log(start, shop, name):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "x"}}]})
    with Connection(gateway.address) as connection:
        connection.send(raw_hello_with_sni(name))
        connection.read_to_end()
    assert gateway.wait_log(kind="connection")["reason"]
    raw = gateway.log_path.read_bytes()
    assert raw.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7f or byte >= 0x80 or byte == 0x0a for byte in raw)


@pytest.mark.parametrize("fields, target", [
    ([("User-Agent", '"}\xe9\xff\\')], "/"),
    ([("Referer", "a\tb\xc3")], "/"),
    ([], '/?"{}'),
    ([("User-Agent", "u" * 20000)], "/")])
def test_odd_bytes_of_a_request_do_not_break_the_log(start, origin, fields, target):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
    assert fetch(gateway.address, target, fields=fields).status == 200
    entry = gateway.wait_log(target=target)
    assert len(json.dumps(entry)) < 16384
    assert gateway.log_path.read_bytes().count(b"\n") == 1


def test_malformed_requests_are_logged_without_breaking_it(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}]})
    for data in (b'GET /"\xff\n HTTP/1.1\r\n\r\n', b"\x00\x01\x02\x03\r\n\r\n",
                 b"\xff" * 100 + b"\r\n\r\n"):
        with Connection(gateway.address) as connection:
            connection.send(data)
            connection.read_to_end()
    wait_until(lambda: len(gateway.log_entries()) == 3)
    assert all(entry["status"] == 400 and entry["reason"] for entry in gateway.log_entries())


@pytest.mark.parametrize("access", ["/dev/full", "off"])
def test_full_disk_does_not_stop_traffic(start, origin, access):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}],
                     "log": {"access": access}})
    with Connection(gateway.address) as connection:
        for _ in range(200):
            assert connection.request().status == 200
    if access == "/dev/full":
        wait_until(lambda: "No space left" in gateway.stderr()
                   or "/dev/full" in gateway.stderr(), what="a word about the full disk")


def test_log_to_standard_output(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}],
                     "log": {"access": "-"}})
    fetch(gateway.address, "/out")
    text = wait_until(lambda: gateway.stdout())
    assert json.loads(text.splitlines()[0])["target"] == "/out"


def test_log_that_cannot_be_opened_stops_the_start(folder):
    gateway = Gateway({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}],
                       "log": {"access": str(folder / "missing" / "access.log")}}, wait=False)
    try:
        assert gateway.wait_exit() == 1
        assert "missing/access.log" in gateway.stderr()
    finally:
        gateway.kill()


def test_log_is_reopened_after_rotation(start, folder):
    os.chmod(folder, 0o700)  # the supervisor opens it: the gateway's user may not even look
    path = folder / "access.log"
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}],
                     "log": {"access": str(path)}})
    fetch(gateway.address, "/before")
    gateway.wait_log(target="/before")
    path.rename(folder / "access.log.1")
    gateway.terminate(signal.SIGUSR1)

    def is_new():
        fetch(gateway.address, "/after")
        return path.exists() and "/after" in path.read_text()
    wait_until(is_new, what="the new file")
    assert "/before" in (folder / "access.log.1").read_text()
    assert gateway.process.poll() is None


def test_a_gateway_started_anew_goes_on_with_the_new_file(start, folder):
    """Not with the one that the supervisor opened when it was started itself."""
    path = folder / "access.log"
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}],
                     "log": {"access": str(path)}})
    path.rename(folder / "access.log.1")
    gateway.terminate(signal.SIGUSR1)
    wait_until(path.exists, what="the new file")
    gateway.may_die = True
    os.kill(gateway.gateway_pid(), signal.SIGKILL)
    fetch(gateway.address, "/after")
    gateway.wait_log(target="/after")
    assert "/after" not in (folder / "access.log.1").read_text()


def start_with_log(folder, path):
    """Its exit status, and what it said."""
    gateway = Gateway({"sites": [{"hosts": ["*"], "respond": {"body": "x"}}],
                       "log": {"access": str(path)}}, folder=folder, wait=False)
    try:
        wait_until(lambda: gateway.process.poll() is not None or "ready" in gateway.stderr())
        return gateway.process.poll(), gateway.stderr()
    finally:
        gateway.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="others' folders are made by root")
@pytest.mark.parametrize("kind", ["symlink", "symlinked folder", "hard link", "others' file"])
def test_root_follows_no_link_that_others_made(folder, kind):
    """The folder is the gateway user's, who may be somebody else by now (CVE-2016-1247)."""
    secret = folder / "secret"
    secret.mkdir()
    target = secret / "access.log"
    target.write_text("root's\n")
    logs = folder / "logs"
    logs.mkdir()
    path = logs / "access.log"
    if kind == "symlink":
        path.symlink_to(target)
    elif kind == "symlinked folder":
        (logs / "sub").symlink_to(secret)
        path = logs / "sub" / "access.log"
    elif kind == "hard link":
        os.link(target, path)
    else:
        path.write_text("")
        os.chown(path, 1234, 1234)
    os.chown(logs, 65534, 65534)
    code, text = start_with_log(folder, path)
    assert code == 1 and str(path) in text, text
    assert target.read_text() == "root's\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="others' folders are made by root")
def test_links_that_root_made_and_folders_of_others_serve(folder):
    (folder / "data").mkdir()
    (folder / "logs").symlink_to("data")
    (folder / "data" / "real.log").write_text("")
    (folder / "data" / "access.log").symlink_to("../data/./real.log")
    assert start_with_log(folder, folder / "logs" / "access.log")[0] is None
    theirs = folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    assert start_with_log(folder, theirs / "access.log")[0] is None
    assert (theirs / "access.log").exists()


def test_standard_error_by_its_name(folder):
    assert start_with_log(folder, "/dev/stderr")[0] is None


def test_every_line_is_whole_under_load(start, origin):
    gateway = start({"sites": [{"hosts": ["*"], "backend": origin.address}], "workers": 2})

    def ask(worker):
        with Connection(gateway.address) as connection:
            for number in range(50):
                connection.send(request_bytes(f"/{worker}/{number}"))
                connection.read_response()

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    wait_until(lambda: len(gateway.log_entries()) == 400)
    assert len({entry["target"] for entry in gateway.log_entries()}) == 400
    assert len({entry["request_id"] for entry in gateway.log_entries()}) == 400
