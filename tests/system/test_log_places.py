"""What is in the access log of whom, in which form, and where it goes: sites and routes of their own,
exclusions, samples; syslog and the journal as the test plays them."""

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest

from client import Connection, fetch
from h2client import Client
from origins import EchoOrigin
from tidegate import command, new_folder
from waiting import wait_until

PLAIN = {"sites": [{"hosts": ["*"], "respond": {"body": "x"}}]}


class Collector:
    """A datagram socket that keeps what comes."""

    def __init__(self, path=None):
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(str(path) if path else ("127.0.0.1", 0))
        if path:
            path.chmod(0o666)  # as those of syslog and the journal are
        self.socket.settimeout(0.05)
        self.path = path
        self.datagrams = []

    def port(self):
        return self.socket.getsockname()[1]

    def wait(self, text):
        def find():
            try:
                self.datagrams.append(self.socket.recv(1 << 17))
            except socket.timeout:
                pass
            return next((one for one in self.datagrams if text in one), None)
        return wait_until(find, what=f"a datagram with {text}")

    def close(self):
        self.socket.close()
        if self.path:
            self.path.unlink()


@pytest.fixture
def place():
    """A folder that the gateway's user can look into."""
    folder = new_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def collect(place):
    made = []

    def make(name=None):
        made.append(Collector(place / name if name else None))
        return made[-1]
    yield make
    for one in made:
        one.socket.close()


def config(places, **log):
    return {**PLAIN, "log": {"access": "-", "to": places, **log}}


# ---- places ----

@pytest.mark.parametrize("is_local", [True, False], ids=["socket", "udp"])
def test_syslog_gets_a_datagram_for_each_line(start, collect, is_local):
    collector = collect("log" if is_local else None)
    place = f"syslog:{collector.path}" if is_local else f"syslog:127.0.0.1:{collector.port()}"
    gateway = start(config([place]))
    fetch(gateway.address, "/one")
    fetch(gateway.address, "/two")
    for target in (b"/one", b"/two"):
        text = collector.wait(target).decode()
        found = re.fullmatch(r"<30>1 (\S+) (\S+) tidegate (\d+) access - (\{.*\})", text)
        assert found, text
        entry = json.loads(found[4])
        assert entry["target"] == target.decode() and entry["time"] == found[1]
        assert int(found[3]) == gateway.gateway_pid()
    assert gateway.stdout() == ""


def fields_of(datagram):
    """The journal's native protocol."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        if b"=" in line:
            name, _, value = line.partition(b"=")
            datagram = rest
        else:
            size = int.from_bytes(rest[:8], "little")
            name, value, datagram = line, rest[8:8 + size], rest[8 + size + 1:]
        fields.setdefault(name.decode(), []).append(value.decode())
    return fields


def test_the_journal_gets_fields(start, collect):
    collector = collect("journal")
    gateway = start({"sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/broken"}, "respond": {"status": 503}}, {"respond": {"body": "x"}}]}],
        "log": {"access": "-", "to": f"journal:{collector.path}", "format": "combined",
                "fields": {"tenant": "{request.X-Tenant}"}}})
    fetch(gateway.address, "/a?b", fields=[("X-Tenant", "acme")])
    fields = fields_of(collector.wait(b"/a?b"))
    assert fields["SYSLOG_IDENTIFIER"] == ["tidegate"] and fields["PRIORITY"] == ["6"]
    assert fields["TIDEGATE_TARGET"] == ["/a?b"] and fields["TIDEGATE_STATUS"] == ["200"]
    assert fields["TIDEGATE_TENANT"] == ["acme"]
    assert re.search(r'"GET /a\?b HTTP/1\.1" 200 ', fields["MESSAGE"][0])
    fetch(gateway.address, "/broken")
    assert fields_of(collector.wait(b"/broken"))["PRIORITY"] == ["3"]


def test_several_places_get_every_line(start, collect):
    syslog, journal = collect("log"), collect("journal")
    gateway = start({**PLAIN, "log": {"to": ["file", "stdout", f"syslog:{syslog.path}",
                                             f"journal:{journal.path}"]}})
    fetch(gateway.address, "/everywhere")
    gateway.wait_log(target="/everywhere")
    wait_until(lambda: "/everywhere" in gateway.stdout())
    syslog.wait(b"/everywhere")
    journal.wait(b"/everywhere")


def test_a_place_that_is_missing_costs_its_own_lines_alone_and_is_told_of(start, collect, place):
    gateway = start({**PLAIN, "log": {"to": ["file", f"syslog:{place}/log"]}})
    fetch(gateway.address, "/before")
    gateway.wait_log(target="/before")
    wait_until(lambda: re.search(r"cannot write the access log syslog:\S*/log: No such file or "
                                 r"directory; \d+ lines lost so far", gateway.stderr()))
    collector = collect("log")
    fetch(gateway.address, "/after")
    collector.wait(b"/after")
    assert not any(b"/before" in one for one in collector.datagrams)


def test_a_place_that_takes_nothing_holds_up_nobody(start, collect):
    collector = collect("log")
    gateway = start({**PLAIN, "log": {"to": ["file", f"syslog:{collector.path}"]}})
    with Connection(gateway.address) as connection:
        for number in range(300):  # more than a socket's queue holds
            assert connection.request(f"/{number}").status == 200
    gateway.wait_log(target="/299")
    for number in range(300):
        collector.wait(f'"/{number}"'.encode())


def test_a_full_disk_is_counted_and_told_of(start, folder):
    control = str(folder / "control")
    gateway = start({**PLAIN, "control": control, "log": {"access": "/dev/full", "to": ["file", "stdout"]}})
    fetch(gateway.address, "/told")
    wait_until(lambda: re.search(r"cannot write the access log /dev/full: No space left on device; "
                                 r"\d+ blocks of lines lost", gateway.stderr()))
    done = command("status", "--json", "-c", str(gateway.config_path))
    places = {place["to"]: place for place in json.loads(done.stdout)["log"]}
    assert places["/dev/full"]["lost_lines"] >= 1 and places["standard output"]["lost_lines"] == 0
    assert "access log /dev/full: " in command("status", "-c", str(gateway.config_path)).stdout
    wait_until(lambda: "/told" in gateway.stdout())


def test_reload_changes_places_and_sigusr1_opens_the_file_anew(start, collect):
    syslog = collect("log")
    gateway = start({**PLAIN, "log": {"to": ["file"]}})
    fetch(gateway.address, "/file")
    gateway.wait_log(target="/file")
    settings = json.loads(gateway.config_path.read_text())
    settings["log"]["to"] = ["file", f"syslog:{syslog.path}"]
    gateway.config_path.write_text(json.dumps(settings))
    gateway.process.send_signal(signal.SIGHUP)

    wait_until(lambda: "reloaded" in gateway.stderr())
    fetch(gateway.address, "/both")
    gateway.wait_log(target="/both")
    syslog.wait(b"/both")
    moved = gateway.log_path.with_suffix(".1")
    gateway.log_path.rename(moved)
    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(gateway.log_path.exists)
    fetch(gateway.address, "/anew")
    gateway.wait_log(target="/anew")
    syslog.wait(b"/anew")


# ---- forms ----

def test_logfmt_has_pairs_that_no_value_breaks(start):
    gateway = start({**PLAIN, "log": {"format": "logfmt"}})
    fetch(gateway.address, "/a", fields=[("User-Agent", 'x" status=999 y')])
    line = wait_until(lambda: gateway.log_path.read_text()).splitlines()[0]
    pairs = dict(re.findall(r'(\w+)=("(?:\\.|[^"\\])*"|\S+)', line))
    assert pairs["target"] == "/a" and pairs["status"] == "200" and pairs["kind"] == "request"
    assert json.loads(pairs["user_agent"]) == 'x" status=999 y'
    assert float(pairs["ms_total"]) >= 0


def test_a_template_has_variables_and_members(start, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "x"}}],
                     "trusted_proxies": ["127.0.0.1"],
                     "log": {"format": "template", "template":
                             '{client.address} {tls.version} "{method} {target}" {log.status} {log.bytes_out} '
                             '"{request.User-Agent}" {request.X-None} {log.ms_total} {{end}}'}})
    with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
        connection.request("/a", "GET", "shop.example", fields=[
            ("User-Agent", 'a" \\ 1'), ("X-Forwarded-For", "203.0.113.9")])
    line = wait_until(lambda: gateway.log_path.read_text()).splitlines()[0]
    assert re.fullmatch(r'203\.0\.113\.9 TLSv1\.3 "GET /a" 200 \d+ "a\\x22 \\x5c 1" - \d+\.\d{3} \{end\}', line), line
    with socket.create_connection(gateway.address) as raw:  # a line of a connection
        raw.sendall(b"GET / HT")
        raw.shutdown(socket.SHUT_WR)
        raw.recv(1)
    wait_until(lambda: len(gateway.log_path.read_text().splitlines()) == 2)
    assert gateway.log_path.read_text().splitlines()[1].startswith("127.0.0.1 ")


FAILREGEX = r'^<HOST> - \S+ \[.*\] "[^"]*" 401 '


def test_fail2ban_reads_the_combined_form(start):
    if not shutil.which("fail2ban-regex"):
        pytest.skip("no fail2ban-regex")
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"status": 401}}],
                     "trusted_proxies": ["127.0.0.1"], "log": {"format": "combined"}})
    for number in range(3):
        fetch(gateway.address, f"/{number}", fields=[
            ("X-Forwarded-For", "203.0.113.9"),
            ("User-Agent", '" 200 1\\n198.51.100.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 401 ')])
    wait_until(lambda: len(gateway.log_path.read_text().splitlines()) == 3)
    done = subprocess.run(["fail2ban-regex", "--print-all-matched", str(gateway.log_path), FAILREGEX],
                          capture_output=True, text=True, timeout=60)
    assert re.search(r"Failregex: 3 total", done.stdout), done.stdout + done.stderr
    done = subprocess.run(["fail2ban-regex", "-o", "ip", str(gateway.log_path), FAILREGEX],
                          capture_output=True, text=True, timeout=60)
    assert set(done.stdout.split()) == {"203.0.113.9"}, done.stdout + done.stderr


# ---- whose lines, and what is in them ----

def test_sites_and_routes_have_rules_of_their_own(start):
    gateway = start({
        "log": {"fields": {"who": "file", "of": "{site}"}, "redact": ["token"]},
        "sites": [{"hosts": ["a.example"], "log": {"redact": ["key"], "fields": {"who": "site"}},
                   "routes": [{"match": {"path": "/r"}, "respond": {},
                               "log": {"fields": {"who": "route", "more": "{path}"}, "redact": ["pin"]}},
                              {"respond": {}}]},
                  {"hosts": ["b.example"], "respond": {}}]})
    query = "?token=1&key=2&pin=3"
    for host, path in (("a.example", "/r"), ("a.example", "/s"), ("b.example", "/t")):
        fetch(gateway.address, path + query, host=host)
    hidden = "(redacted)"
    line = gateway.wait_log(more="/r")
    assert line["who"] == "route" and line["of"] == "a.example"
    assert line["target"] == f"/r?token={hidden}&key={hidden}&pin={hidden}"
    line = gateway.wait_log(target=f"/s?token={hidden}&key={hidden}&pin=3")
    assert line["who"] == "site" and "more" not in line
    line = gateway.wait_log(target=f"/t?token={hidden}&key=2&pin=3")
    assert line["who"] == "file"


@pytest.mark.parametrize("is_h2", [False, True], ids=["h1", "h2"])
def test_probes_are_left_out_but_not_when_they_fail(start, is_h2):
    with EchoOrigin() as origin:
        gateway = start({
            "trusted_proxies": ["127.0.0.1"],
            "log": {"exclude": [{"paths": ["/healthz"]}, {"paths": ["*.ico"], "statuses": ["404"]},
                                {"clients": ["198.51.100.0/24"], "methods": ["HEAD"]}]},
            "sites": [{"hosts": ["shop.example"], "routes": [
                {"match": {"path": "/favicon.ico"}, "respond": {"status": 404}},
                {"match": {"path": "/broken"}, "respond": {"status": 503},
                 "log": {"exclude": [{"paths": ["/broken"]}]}},
                {"backend": origin.address}]}]})

        def ask(path, method="GET", fields=()):
            if not is_h2:
                return fetch(gateway.address, path, method=method, host="shop.example", fields=list(fields))
            with Client(gateway.address) as client:
                return client.request(path, method, fields=[(n.lower(), v) for n, v in fields])
        probe = [("X-Forwarded-For", "198.51.100.7")]
        ask("/healthz")
        ask("/%68ealthz?x")
        ask("/favicon.ico")
        ask("/x", "HEAD", probe)
        ask("/broken")
        ask("/x", "HEAD")
        ask("/x", "GET", probe)
        gateway.wait_log(target="/x", method="GET")
        told = [(entry["method"], entry["target"], entry["status"]) for entry in gateway.log_entries()]
        assert told == [("GET", "/broken", 503), ("HEAD", "/x", 200), ("GET", "/x", 200)]


def test_a_sample_has_some_lines_and_all_errors(start):
    gateway = start({"log": {"sample": "1 of 10"}, "sites": [{"hosts": ["*"], "routes": [
        {"match": {"path": "/broken"}, "respond": {"status": 500}},
        {"match": {"path": "/all"}, "respond": {}, "log": {"sample": "1 of 1"}},
        {"respond": {}}]}]})
    with Connection(gateway.address) as connection:
        for number in range(500):
            connection.request(f"/{number}")
        for _ in range(5):
            connection.request("/broken")
            connection.request("/all")
    wait_until(lambda: sum(entry["target"] == "/all" for entry in gateway.log_entries()) == 5)
    entries = gateway.log_entries()
    assert sum(entry["target"] == "/broken" for entry in entries) == 5
    assert 10 <= len(entries) - 10 <= 120  # one in ten of 500


@pytest.mark.parametrize("log, text", [
    ({"to": ["file", "file"]}, "to the same place twice"),
    ({"to": ["file", "stdout"]}, "to the same place twice"),
    ({"access": "/tmp/a.log", "to": "journal"}, "'access' names a file that 'to' leaves out"),
    ({"access": "off", "to": "journal"}, "'to' without an access log"),
    ({"to": "syslog:example.com:514"}, "no place for a log"),
    ({"to": "jounal"}, "no place for a log"),
    ({"format": "template"}, "without a template"),
    ({"template": "{host}"}, "a template that is not used"),
    ({"format": "template", "template": "{hots}"}, "did you mean {host}"),
    ({"format": "template", "template": "{log.stauts}"}, "there is no member stauts"),
    ({"format": "template", "template": "a\nb"}, "a line break"),
    ({"fields": {"a": "{log.status}"}}, "is known only in the log's 'template'"),
    ({"sample": "1 in 10"}, "no sample"),
    ({"sample": "3 of 2"}, "no sample"),
    ({"exclude": [{}]}, "an exclusion from the log of everything"),
    ({"exclude": [{"paths": ["healthz"]}]}, "is no path"),
    ({"exclude": [{"paths": ["/a*b"]}]}, "is no path"),
    ({"exclude": [{"statuses": ["2x"]}]}, "is not a status"),
])
def test_check_tells_what_cannot_be(tmp_path, log, text):
    file = tmp_path / "tidegate.yaml"
    file.write_text(json.dumps({**PLAIN, "log": log}))
    found = command("check", "-c", str(file))
    assert found.returncode == 1 and text in found.stderr + found.stdout, found.stderr
