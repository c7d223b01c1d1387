"""Private keys in a process of their own: handshakes of every kind, its death under load, and that
no other process has a key in its memory."""

import contextlib
import json
import os
import re
import signal
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from client import Connection, fetch
from origins import Origin, echo_handler
from tidegate import children_of, command
from tlsbytes import peer_fingerprint
from waiting import wait_until

KINDS = ("ec", "p384", "p521", "rsa", "ed25519")
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another's memory")


def site(host, certificate):
    return {"hosts": [host], "tls": certificate.settings(), "respond": {"body": "ok"}}


def version_of(ca, version, **options):
    return ca.client_context(minimum_version=VERSIONS[version], maximum_version=VERSIONS[version],
                             **options)


@pytest.fixture(scope="module")
def certificates(ca):
    return {kind: ca.server(f"{kind}.example", kind=kind) for kind in KINDS}


@pytest.fixture(scope="module")
def gateway(start_for_module, certificates, tmp_path_factory):
    return start_for_module({
        "workers": 2, "control": str(tmp_path_factory.mktemp("control") / "control.sock"),
        "sites": [site(f"{kind}.example", one) for kind, one in certificates.items()]})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_handshakes(gateway, ca, kind, version):
    """The client verifies each signature against the certificate."""
    answer = fetch(gateway.address, host=f"{kind}.example", tls=version_of(ca, version))
    assert answer.body == b"ok"


def test_status_counts_them(gateway, ca):
    def signed():
        text = command("status", "--json", "-c", str(gateway.config_path)).stdout
        return json.loads(text)["signatures"]

    before = signed()
    assert fetch(gateway.address, host="ec.example", tls=ca.client_context()).status == 200
    after = signed()
    assert after["signed"] == before["signed"] + 1
    assert after["refused"] == 0
    assert "keys in a process of their own" in command(
        "status", "-c", str(gateway.config_path)).stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_client_certificates_towards_servers(start, ca, kind, version):
    server = ca.server("api.internal").server_context(
        verify_mode=ssl.CERT_REQUIRED, maximum_version=VERSIONS[version])
    server.load_verify_locations(ca.file)
    partner = ca.client("partner", kind=kind)
    with Origin(echo_handler(), tls=server) as origin:
        gateway = start({"sites": [{"hosts": ["*"], "backend": {
            "servers": [origin.address],
            "tls": {"ca": str(ca.file), "server_name": "api.internal", **partner.settings()}}}]})
        assert gateway.keyholder_pid()
        assert fetch(gateway.address).status == 200


def test_off_is_one_process_less(start, ca, shop):
    gateway = start({"key_process": "off", "sites": [site("shop.example", shop)]})
    assert len(children_of(gateway.process.pid)) == 1
    assert fetch(gateway.address, host="shop.example", tls=ca.client_context()).body == b"ok"


def test_without_keys_there_is_none(start):
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "ok"}}]})
    assert len(children_of(gateway.process.pid)) == 1


def test_a_key_of_another_certificate_is_told_at_the_start(start, ca, shop):
    other = ca.server("other.example")
    gateway = start({"sites": [{**site("shop.example", shop), "tls": {
        "certificate": str(shop.crt), "key": str(other.key_file)}}]}, wait=False)
    assert gateway.wait_exit() == 1
    assert "does not belong to the certificate" in gateway.stderr()
    gateway.kill()


# Its death.


class Load:
    """Full handshakes, one after the other, from a few threads; what fails is kept."""

    def __init__(self, gateway, ca, names):
        self.gateway, self.ca, self.names = gateway, ca, names
        self.count = 0
        self.failures = []
        self.is_over = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(3)]

    def _run(self, number):
        while not self.is_over:
            name = self.names[number % len(self.names)]
            try:
                answer = fetch(self.gateway.address, host=name, tls=self.ca.client_context())
                assert answer.body == b"ok", answer
            except (OSError, AssertionError, EOFError) as failure:
                self.failures.append(repr(failure))
            with self.lock:
                self.count += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def wait_for(self, more):
        target = self.count + more
        wait_until(lambda: self.count >= target, 60)


def test_killed_under_load_it_is_started_again_and_no_handshake_fails(start, ca, certificates):
    gateway = start({"workers": 2, "sites": [
        site(f"{kind}.example", certificates[kind]) for kind in ("ec", "rsa")]})
    gateway.may_die = True
    first, carrier = gateway.keyholder_pid(), gateway.gateway_pid()
    with Load(gateway, ca, ["ec.example", "rsa.example"]) as load:
        for _ in range(3):
            load.wait_for(6)
            pid = wait_until(gateway.keyholder_pid)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda killed=pid: gateway.keyholder_pid() not in (None, killed), 30)
        load.wait_for(6)
    assert not load.failures, load.failures
    assert gateway.gateway_pid() == carrier
    assert gateway.keyholder_pid() != first
    assert "handshakes wait meanwhile" in gateway.stderr()


def test_it_outlives_the_gateway(start, ca, shop):
    gateway = start({"sites": [site("shop.example", shop)]})
    gateway.may_die = True
    keyholder, carrier = gateway.keyholder_pid(), gateway.gateway_pid()
    for _ in range(2):
        os.kill(carrier, signal.SIGKILL)
        assert fetch(gateway.address, host="shop.example", tls=ca.client_context()).body == b"ok"
        carrier = wait_until(lambda gone=carrier: gateway.gateway_pid() not in (None, gone)
                             and gateway.gateway_pid())
    assert gateway.keyholder_pid() == keyholder


@pytest.mark.parametrize("whose", ["gateway", "keyholder"])
def test_how_long_nobody_is_served_after_a_death(release, start, ca, shop, whose):
    """Under load, with full handshakes: nobody is refused, and the best of some deaths takes as long
    as they should on a machine that has nothing else to do (100 ms)."""
    del release
    gateway = start({"workers": 2, "sites": [site("shop.example", shop)]})
    gateway.may_die = True
    find = gateway.gateway_pid if whose == "gateway" else gateway.keyholder_pid
    times = []
    with Load(gateway, ca, ["shop.example"]) as load:
        for _ in range(6):
            load.wait_for(6)
            pid = wait_until(find)
            os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            assert fetch(gateway.address, host="shop.example", tls=ca.client_context()).body == b"ok"
            times.append(time.monotonic() - killed)
            wait_until(lambda killed=pid: find() not in (None, killed), 30)
    assert not [failure for failure in load.failures if "refused" in failure], load.failures
    assert whose == "gateway" or not load.failures, load.failures
    assert min(times) < 0.3 and max(times) < 5, times


# Other configurations.


def write(config, text):
    new = config.with_suffix(".new")
    new.write_text(json.dumps(text))
    os.replace(new, config)


def served(gateway, ca, name):
    context = ca.client_context()
    with Connection(gateway.address, context, name) as connection:
        return peer_fingerprint(connection.sock)


def test_keys_of_another_configuration(start, ca, tmp_path):
    """Read when it is loaded, used when it is taken up; what is broken later counts for nothing."""
    first, second = ca.server("a.example"), ca.server("b.example")
    key, crt = tmp_path / "site.key", tmp_path / "site.crt"
    key.write_bytes(first.key_file.read_bytes())
    crt.write_bytes(first.crt.read_bytes())
    files = {"certificate": str(crt), "key": str(key)}
    config = {"reload_certificates": "off", "sites": [
        {"hosts": ["a.example"], "tls": files, "respond": {"body": "ok"}}]}
    gateway = start(config)
    gateway.may_die = True
    assert served(gateway, ca, "a.example") == first.fingerprint
    # One that does not fit changes nothing.
    key.write_bytes(second.key_file.read_bytes())
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "does not belong to the certificate" in gateway.stderr())
    assert served(gateway, ca, "a.example") == first.fingerprint
    # One that fits is taken.
    crt.write_bytes(second.crt.read_bytes())
    text = json.loads(gateway.config_path.read_text())
    text["sites"][0]["hosts"] = ["b.example"]
    write(gateway.config_path, text)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in gateway.stderr())
    assert served(gateway, ca, "b.example") == second.fingerprint
    # And a gateway that is started again has it, whatever is there now.
    broken = tmp_path / "broken"
    broken.write_text("nothing")
    os.replace(broken, key)
    crt.unlink()
    carrier = gateway.gateway_pid()
    os.kill(carrier, signal.SIGKILL)
    wait_until(lambda: gateway.gateway_pid() not in (None, carrier))
    assert served(gateway, ca, "b.example") == second.fingerprint
    # The keyholder, too.
    keyholder = gateway.keyholder_pid()
    os.kill(keyholder, signal.SIGKILL)
    assert served(gateway, ca, "b.example") == second.fingerprint


def test_a_configuration_with_the_first_key(start, ca, shop):
    """Until then there is no keyholder."""
    gateway = start({"sites": [{"hosts": ["plain.example"], "respond": {"body": "ok"}}]})
    assert gateway.keyholder_pid() is None
    text = json.loads(gateway.config_path.read_text())
    text["sites"].append(site("shop.example", shop))
    write(gateway.config_path, text)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in gateway.stderr())
    assert gateway.keyholder_pid()
    assert served(gateway, ca, "shop.example") == shop.fingerprint


# Who has the keys.


def parts_of(certificate):
    """What is never to be seen: a key's numbers, in either order of their bytes, and its file."""
    key = certificate.key
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        values = [(numbers.p, 128), (numbers.q, 128), (numbers.d, 256), (numbers.dmp1, 128)]
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        values = [(key.private_numbers().private_value, size)]
    else:
        raw = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                                serialization.NoEncryption())
        values = [(int.from_bytes(raw, "big"), len(raw))]
    parts = []
    for value, size in values:
        data = value.to_bytes(size, "big")
        # Without the ends, which may be cut off as zeros.
        parts += [data[1:-1], data[::-1][1:-1]]
    return parts + [certificate.key_file.read_bytes().splitlines()[1]]


def memory_of(pid):
    """All that the process could read, region by region."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb",
                                                                   buffering=0) as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r.{3} ", line)
            if not found or "[v" in line:
                continue
            start, end = (int(number, 16) for number in found.groups())
            with contextlib.suppress(OSError, OverflowError):
                memory.seek(start)
                yield memory.read(end - start)


def found_in(pid, parts):
    return any(part in region for region in memory_of(pid) for part in parts)


@pytest.fixture
def release():
    """A sanitizer's shadow is too large to be searched, and it keeps what was freed for a while."""
    path = os.environ.get("TIDEGATE_RELEASE_BIN", "")
    if not os.access(path, os.X_OK):
        pytest.skip("there is no build without sanitizers: make build/tidegate")
    before = os.environ.get("TIDEGATE_BIN")
    os.environ["TIDEGATE_BIN"] = path
    yield path
    os.environ["TIDEGATE_BIN"] = before or ""
    if before is None:
        del os.environ["TIDEGATE_BIN"]


def assert_only_keyholder(gateway, certificates):
    parts = [part for one in certificates for part in parts_of(one)]
    assert not found_in(gateway.process.pid, parts), "in the supervisor"
    assert not found_in(gateway.gateway_pid(), parts), "in the gateway"
    for one in certificates:
        assert found_in(gateway.keyholder_pid(), parts_of(one)), one.subject


@AS_ROOT
def test_only_the_keyholder_has_the_keys(release, start, ca, certificates, tmp_path):
    del release
    folder = tmp_path / "folder"
    folder.mkdir()
    lazy = ca.server("lazy.example")
    (folder / "lazy.crt").write_bytes(lazy.crt.read_bytes())
    (folder / "lazy.key").write_bytes(lazy.key_file.read_bytes())
    partner = ca.client("partner")
    renewed = ca.server("renewed.example")
    crt, key = tmp_path / "renewed.crt", tmp_path / "renewed.key"
    crt.write_bytes(renewed.crt.read_bytes())
    key.write_bytes(renewed.key_file.read_bytes())
    kinds = ("ec", "rsa", "ed25519")
    server = ca.server("api.internal").server_context(verify_mode=ssl.CERT_REQUIRED)
    server.load_verify_locations(ca.file)
    with Origin(echo_handler(), tls=server) as origin:
        gateway = start({"reload_certificates": "1s", "workers": 1, "sites": [
            *(site(f"{kind}.example", certificates[kind]) for kind in kinds),
            {"hosts": ["lazy.example"], "tls": {"certificates_from": str(folder)},
             "respond": {"body": "ok"}},
            {"hosts": ["renewed.example"], "respond": {"body": "ok"},
             "tls": {"certificate": str(crt), "key": str(key)}},
            {"hosts": ["*"], "backend": {"servers": [origin.address], "tls": {
                "ca": str(ca.file), "server_name": "api.internal", **partner.settings()}}}]})
        gateway.may_die = True
        mine = [*(certificates[kind] for kind in kinds), partner, renewed]
        assert_only_keyholder(gateway, mine)
        names = [*(f"{kind}.example" for kind in kinds), "lazy.example", "renewed.example"]
        with Load(gateway, ca, names) as load:
            load.wait_for(10)
            assert fetch(gateway.address).status == 200
            assert fetch(gateway.address, host="lazy.example",
                         tls=ca.client_context()).body == b"ok"
            assert_only_keyholder(gateway, [*mine, lazy])
            following = ca.server("renewed.example")
            for path, source in ((key, following.key_file), (crt, following.crt)):
                new = path.with_suffix(".new")
                new.write_bytes(source.read_bytes())
                os.replace(new, path)
            wait_until(lambda: "renewed.crt' is in use now" in gateway.stderr(), 30)
            load.wait_for(5)
            assert_only_keyholder(gateway, [*mine[:-1], lazy, following])
            os.kill(gateway.gateway_pid(), signal.SIGKILL)
            load.wait_for(10)
            wait_until(gateway.gateway_pid)
            assert_only_keyholder(gateway, mine[:-1])


class Searched:
    """Stops the other children of the supervisor again and again, whatever they are (the loader of
    a configuration), and searches them; keyholder and gateway are searched by others."""

    def __init__(self, gateway, certificates):
        self.parts = [part for one in certificates for part in parts_of(one)]
        self.supervisor = gateway.process.pid
        self.known = set(children_of(self.supervisor))
        self.found, self.searches = [], 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.is_over.is_set():
            for pid in set(children_of(self.supervisor)) - self.known:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGSTOP)
                    self.found += [pid] if found_in(pid, self.parts) else []
                    self.searches += 1
                    os.kill(pid, signal.SIGCONT)
            self.is_over.wait(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join(30)


@AS_ROOT
def test_reloads_leave_the_keys_where_they_are(release, start, ca, certificates, tmp_path):
    """With keys that stay, come and go; in the loader, too, and after the last handshake."""
    del release
    kinds = ("ec", "rsa")
    stay = [site(f"{kind}.example", certificates[kind]) for kind in kinds]
    fresh = [ca.server("new.example", kind=kind) for kind in kinds]
    control = str(tmp_path / "control.sock")
    gateway = start({"control": control, "workers": 1, "sites": stay})
    mine = [certificates[kind] for kind in kinds]

    def reload(sites):
        config = json.loads(gateway.config_path.read_text())
        gateway.config_path.write_text(json.dumps({**config, "sites": sites}))
        done = command("reload", "--socket", control, timeout=60)
        assert done.returncode == 0, done.stderr

    with Load(gateway, ca, [f"{kind}.example" for kind in kinds]) as load:
        load.wait_for(5)
        with Searched(gateway, [*mine, *fresh]) as searched:
            for one in fresh:
                reload([*stay, site("new.example", one)])
                assert fetch(gateway.address, host="new.example",
                             tls=ca.client_context()).body == b"ok"
                assert_only_keyholder(gateway, [*mine, one])
        assert searched.searches and not searched.found
        reload(stay)
        load.wait_for(5)
        assert_only_keyholder(gateway, mine)
    assert_only_keyholder(gateway, mine)


@AS_ROOT
def test_the_search_finds_what_is_there(release, start, ca, certificates):
    """The same search where the gateway has its keys itself: they are found."""
    del release
    gateway = start({"key_process": "off", "sites": [
        site(f"{kind}.example", certificates[kind]) for kind in ("ec", "rsa", "ed25519")]})
    for kind in ("ec", "rsa", "ed25519"):
        assert fetch(gateway.address, host=f"{kind}.example",
                     tls=ca.client_context()).body == b"ok"
        assert found_in(gateway.gateway_pid(), parts_of(certificates[kind])), kind
