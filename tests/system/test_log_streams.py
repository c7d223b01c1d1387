"""Syslog over TCP (RFC 6587, octet counting) and TLS (RFC 5425): collectors that come, go, take nothing."""

import json
import re
import socket
import ssl

import pytest

from client import Connection, fetch
from nameserver import NameServer, address
from tidegate import command, new_folder
from waiting import wait_until


class Collector:
    """Takes the messages of one connection at a time."""

    def __init__(self, context=None, port=0):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(4)
        self.listener.settimeout(0.05)
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.connection = None
        self.bytes = b""
        self.messages = []
        self.refused = 0

    def take(self):
        try:
            if self.connection is None:
                plain, _ = self.listener.accept()
                plain.settimeout(2)
                self.connection = self.context.wrap_socket(plain, server_side=True) if self.context else plain
                self.connection.settimeout(0.05)
                self.bytes = b""
            self.bytes += self.connection.recv(1 << 16)
        except ssl.SSLError as error:
            if not isinstance(error, ssl.SSLWantReadError):
                self.refused += 1
        except OSError:
            pass
        while found := re.match(rb"(\d+) <", self.bytes):  # a length, a blank, and so many bytes
            end = found.end() - 1 + int(found[1])
            if len(self.bytes) < end:
                break
            self.messages.append(self.bytes[found.end() - 1:end].decode())
            self.bytes = self.bytes[end:]

    def wait(self, text):
        def find():
            self.take()
            return next((one for one in self.messages if text in one), None)
        return wait_until(find, what=f"a message with {text}")

    def drop(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def close(self):
        self.drop()
        self.listener.close()


@pytest.fixture(scope="module")
def tcp():
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def collector_certificate(ca):
    return ca.server("logs.example")


@pytest.fixture(scope="module")
def tls(collector_certificate):
    collector = Collector(collector_certificate.server_context())
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def other(collector_certificate):
    """That is asked for another name than its certificate has."""
    collector = Collector(collector_certificate.server_context())
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def stuck():
    """That takes connections and no bytes."""
    collector = Collector()
    collector.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def gateway(start_for_module, ca, tcp, tls, other, stuck):
    def by_tls(collector, name):
        return {"to": f"syslog+tls:127.0.0.1:{collector.port}", "ca": str(ca.file), "server_name": name}
    return start_for_module({
        "control": str(new_folder() / "control"),
        "log": {"queue": "64k", "to": ["file", f"syslog+tcp:127.0.0.1:{tcp.port}", by_tls(tls, "logs.example")]},
        "sites": [{"hosts": ["*"], "respond": {}},
                  {"hosts": ["other.example"], "respond": {}, "log": {"to": [by_tls(other, "wrong.example")]}},
                  {"hosts": ["stuck.example"], "respond": {},
                   "log": {"to": [f"syslog+tcp:127.0.0.1:{stuck.port}"], "keep_above": True}}]})


def place(gateway, collector):
    status = json.loads(command("status", "--json", "-c", str(gateway.config_path)).stdout)
    return next(one for one in status["log"] if one["to"].endswith(f":{collector.port}"))


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_a_collector_gets_messages_with_their_lengths(gateway, tcp, tls, kind):
    collector = tcp if kind == "tcp" else tls
    fetch(gateway.address, f"/one-{kind}")
    fetch(gateway.address, f"/two-{kind}")
    for target in (f"/one-{kind}", f"/two-{kind}"):
        found = re.fullmatch(r"<30>1 (\S+) (\S+) tidegate \d+ access - (\{.*\})", collector.wait(f'"{target}"'))
        assert json.loads(found[3])["target"] == target and json.loads(found[3])["time"] == found[1]
    assert place(gateway, collector)["connections"] >= 1


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_a_collector_that_comes_back_gets_what_waited(gateway, tcp, tls, kind):
    collector = tcp if kind == "tcp" else tls
    fetch(gateway.address, f"/before-{kind}")
    collector.wait(f"/before-{kind}")
    before = place(gateway, collector)["connections"]
    collector.close()
    fetch(gateway.address, f"/away-{kind}")
    wait_until(lambda: re.search(rf"the access log \S+:{collector.port} waits for its collector: "
                                 r"(Connection refused|it has ended the connection)", gateway.stderr()))
    again = Collector(collector.context, collector.port)
    collector.__dict__.update(again.__dict__)  # the same for the module
    collector.wait(f"/away-{kind}")
    assert place(gateway, collector)["connections"] > before
    assert place(gateway, collector)["lost_lines"] == 0


def test_a_collector_is_found_by_its_name(start, ca, collector_certificate):
    """Which is asked for again until there is one, and for each connection; its certificate has the name."""
    collector = Collector(collector_certificate.server_context())
    with NameServer() as names:
        gateway = start({"resolve": {"servers": [names.address]}, "sites": [{"hosts": ["*"], "respond": {}}],
                         "log": {"to": ["file", {"to": f"syslog+tls:logs.example:{collector.port}", "ca": str(ca.file)}]}})
        fetch(gateway.address, "/early")
        wait_until(lambda: f"logs.example:{collector.port} waits for its collector" in gateway.stderr())
        names.set("logs.example", address("127.0.0.1"))
        collector.wait('"/early"')
        asked = len(names.asked)
        collector.drop()
        # What a broken connection has taken may be lost: so until one is there.
        def is_back():
            fetch(gateway.address, "/late")
            collector.take()
            return any('"/late"' in one for one in collector.messages)

        wait_until(is_back, 30)
        assert len(names.asked) > asked
        collector.close()


def test_a_collector_is_shown_a_certificate_where_it_wants_one(start, ca, collector_certificate):
    """By a key that the gateway's process need not have."""
    context = collector_certificate.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(str(ca.file))
    collector, own = Collector(context), ca.client("gate.example")
    own.key_file.chmod(0o600)
    gateway = start({"control": "control.sock", "sites": [{"hosts": ["*"], "respond": {}}], "log": {"to": ["file", {
        "to": f"syslog+tls:127.0.0.1:{collector.port}", "ca": str(ca.file), "server_name": "logs.example",
        "certificate": str(own.crt), "key": str(own.key_file)}]}})
    fetch(gateway.address, "/shown")
    collector.wait('"/shown"')
    assert ("commonName", "gate.example") in [pair for part in collector.connection.getpeercert()["subject"] for pair in part]
    done = command("reload", "-c", str(gateway.config_path), cwd=gateway.folder)
    assert done.returncode == 0, done.stderr
    fetch(gateway.address, "/again")
    collector.wait('"/again"')
    collector.close()


def test_a_collector_of_another_name_gets_nothing(gateway, other):
    fetch(gateway.address, "/other", host="other.example")

    def is_refused():
        other.drop()
        other.take()
        return re.search(rf"the access log \S+:{other.port} waits for its collector: .*name", gateway.stderr())
    wait_until(is_refused)
    assert not other.messages
    # Once the name is put right it gets what has waited, by the same writer.
    config = gateway.config_path.read_text()
    gateway.config_path.write_text(config.replace("wrong.example", "logs.example"))
    done = command("reload", "-c", str(gateway.config_path))
    assert done.returncode == 0, done.stderr
    other.drop()

    def arrives():
        other.take()
        if not other.messages and other.connection is not None and other.refused:
            other.drop()
            other.refused = 0
        return any("/other" in one for one in other.messages)
    wait_until(arrives)


def test_a_collector_that_takes_nothing_costs_its_own_lines_alone(gateway, tcp, stuck):
    with Connection(gateway.address) as connection:
        def is_full():
            for _ in range(100):
                connection.request("/" + "x" * 4000, host="stuck.example")
            return place(gateway, stuck)["lost_lines"] > 0
        wait_until(is_full)

        def goes_on():  # with a queue so small the file may have lost some, too
            connection.request("/behind-all", host="stuck.example")
            return "/behind-all" in gateway.log_path.read_text()
        wait_until(goes_on)
    assert place(gateway, stuck)["waiting_bytes"] <= 64 << 10
    stuck.drop()
    stuck.close()


@pytest.mark.parametrize("log, text", [
    ({"to": "syslog+tcp:logs.300:601"}, "no place for a log"),
    ({"to": "syslog+tls:127.0.0.1"}, "no place for a log"),
    ({"to": "syslog+tcp:/a/socket"}, "no place for a log"),
    ({"to": [{"to": "syslog+tcp:127.0.0.1:601", "ca": "a.pem"}]}, "a collector that is spoken to by TLS"),
    ({"to": [{"to": "syslog", "certificate": "a.pem", "key": "a.pem"}]}, "a collector that is spoken to by TLS"),
    ({"to": [{"to": "syslog+tls:127.0.0.1:601", "certificate": "a.pem"}]}, "'certificate' without 'key'"),
    ({"to": [{"to": "syslog+tls:127.0.0.1:6514", "server_name": "no name"}]}, "no name"),
    ({"to": [{"to": "syslog+tls:127.0.0.1:6514", "ca": "/nonexistent/ca.pem"}]}, "/nonexistent/ca.pem"),
])
def test_check_tells_what_cannot_be(tmp_path, log, text):
    file = tmp_path / "tidegate.yaml"
    file.write_text(json.dumps({"sites": [{"hosts": ["*"], "respond": {}}], "log": log}))
    found = command("check", "-c", str(file))
    assert found.returncode == 1 and text in found.stderr + found.stdout, found.stderr


def test_check_wants_one_word_about_a_collector(tmp_path):
    file = tmp_path / "tidegate.yaml"
    file.write_text(json.dumps({
        "log": {"to": [{"to": "syslog+tls:127.0.0.1:6514", "server_name": "a.example"}]},
        "sites": [{"hosts": ["*"], "respond": {}, "log": {"to": "syslog+tls:127.0.0.1:6514"}}]}))
    found = command("check", "-c", str(file))
    assert found.returncode == 1 and "another 'ca', 'server_name', 'certificate' or 'key' elsewhere" in found.stderr + found.stdout
