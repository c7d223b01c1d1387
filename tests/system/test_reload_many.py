"""Another configuration with many sites: each has the right certificate afterwards, and no key is
read again that is as it was."""

import contextlib
import ctypes
import json
import os
import shutil
import ssl
import struct

import pytest

from tidegate import command
from tlsbytes import peer_fingerprint
from client import Connection
from waiting import wait_until

SITES = 60
IN_ACCESS = 1


class Reads:
    """The names of files in a folder that somebody has read (inotify)."""

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self.fd >= 0
        assert self.libc.inotify_add_watch(self.fd, str(folder).encode(), IN_ACCESS) >= 0

    def take(self):
        names = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                data = os.read(self.fd, 65536)
                while data:
                    length = struct.unpack_from("iIII", data)[3]
                    names.add(data[16:16 + length].rstrip(b"\0").decode())
                    data = data[16 + length:]
        return names

    def close(self):
        os.close(self.fd)


class Many:
    def __init__(self, ca, folder):
        self.ca, self.folder = ca, folder
        (folder / "keys").mkdir()
        (folder / "many").mkdir()
        self.certificates = {}  # by host: what is to be served

    def renew(self, host):
        """A certificate with a key of its own, in the place of what was there."""
        made = self.ca.server(host)
        self.certificates[host] = made.fingerprint
        for source, target in ((made.crt, self.folder / f"{host}.crt"),
                               (made.key_file, self.folder / "keys" / f"{host}.key")):
            shutil.copy(source, f"{target}.new")
            os.chmod(f"{target}.new", 0o600)  # of one for everybody it is asked what it is
            os.replace(f"{target}.new", target)

    def put(self, host):
        """One for the folder of certificates."""
        made = self.ca.server(host)
        self.certificates[host] = made.fingerprint
        shutil.copy(made.key_file, self.folder / "many" / f"{host}.key")
        shutil.copy(made.crt, self.folder / "many" / f"{host}.crt")

    def sites(self, hosts, changed=()):
        sites = [{"hosts": [host], "respond": {"body": "new" if host in changed else "ok"}, "tls": {
            "certificate": f"{host}.crt", "key": f"keys/{host}.key"}} for host in hosts]
        return sites + [{"hosts": ["*.many.example"], "tls": {"certificates_from": "many"},
                         "respond": {"body": "many"}}]

    def assert_served(self, gateway, hosts):
        context = self.ca.client_context()
        for host in hosts:
            with Connection(gateway.address, context, host) as connection:
                assert peer_fingerprint(connection.sock) == self.certificates[host], host


@pytest.fixture
def many(ca, folder):
    return Many(ca, folder)


def test_the_right_certificates_and_no_key_read_twice(many, ca, folder, start):
    hosts = [f"s{i}.example" for i in range(SITES)]
    for host in hosts:
        many.renew(host)
    many.put("a.many.example")
    config = {"control": str(folder / "control.sock"), "sites": many.sites(hosts)}
    gateway = start(config, folder=folder)
    many.assert_served(gateway, hosts[::15] + ["a.many.example"])
    reads = Reads(folder / "keys")
    old = dict(many.certificates)
    # Renewed, added, gone; of others only what they answer is another thing.
    renewed, gone, changed = hosts[0:10], hosts[10:20], hosts[20:30]
    added = [f"new{i}.example" for i in range(10)]
    for host in renewed + added:
        many.renew(host)
    many.put("b.many.example")
    text = json.loads(gateway.config_path.read_text())
    text["sites"] = many.sites([host for host in hosts if host not in gone] + added, changed)
    gateway.config_path.write_text(json.dumps(text))
    done = command("reload", "--socket", str(folder / "control.sock"))
    assert done.returncode == 0, done.stderr
    many.assert_served(gateway, [host for host in hosts if host not in gone] + added +
                       ["a.many.example", "b.many.example"])
    assert {many.certificates[host] != old[host] for host in renewed} == {True}
    with pytest.raises((ssl.SSLError, OSError)):
        many.assert_served(gateway, gone[:1])
    assert reads.take() == {f"{host}.key" for host in renewed + added}
    reads.close()
    # What comes to the folder just as a configuration is taken up is not lost.
    many.put("c.many.example")
    assert command("reload", "--socket", str(folder / "control.sock")).returncode == 0
    many.assert_served(gateway, ["c.many.example"])
    many.put("d.many.example")

    def is_served():
        with contextlib.suppress(ssl.SSLError, OSError, AssertionError):
            many.assert_served(gateway, ["d.many.example"])
            return True
        return False
    wait_until(is_served)
