"""Session tickets: who may resume, across workers and rotations, and who not."""

import os
import re
import signal
import ssl
import subprocess
import time

import pytest

from client import Connection
from tidegate import environment
from waiting import wait_until

HOST = "shop.example"
VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLSv1.2", "TLSv1.3"])


def config(shop, workers=1, **tls):
    return {"workers": workers, "sites": [
        {"hosts": [HOST], "respond": {"status": 200, "body": "ok"},
         "tls": {**shop.settings(), **tls}}]}


def visit(gateway, context, session=None, server_name=HOST):
    """Whether it was resumed, and the session for the next time."""
    with Connection(gateway.address) as connection:
        connection.sock = context.wrap_socket(connection.sock, server_hostname=server_name,
                                              session=session)
        assert connection.request(host=server_name).status == 200
        return connection.sock.session_reused, connection.sock.session


def ticket_name(session_text):
    """The first 16 bytes of the ticket, as openssl prints a session: the name of its key."""
    return re.search(r"0000 - ((?:[0-9a-f]{2}[ -]){16})", session_text).group(1).strip()


@VERSIONS
def test_across_workers(start, ca, shop, version):
    """Each worker opens what any other sealed."""
    gateway = start(config(shop, workers=4))
    context = ca.client_context(maximum_version=version)
    reused, session = visit(gateway, context)
    assert not reused
    for _ in range(24):
        reused, session = visit(gateway, context, session)
        assert reused


def s_client(gateway, ca, version, *options):
    request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", HOST,
         "-CAfile", str(ca.file), "-verify_return_error", "-ign_eof", version, *options],
        input=request, capture_output=True, timeout=30, check=False,
        env=environment()).stdout.decode(errors="replace")


def is_reused(text):
    assert ("\nReused, TLSv1" in text) != ("\nNew, TLSv1" in text), text
    return "\nReused, TLSv1" in text


def see_rotations(gateway, ca, saved, version, rotation):
    """Whether a ticket is taken after one rotation, and after two, told by the names of the keys;
    None where the machine was too slow to see just one rotation between two connections."""
    first = ticket_name(s_client(gateway, ca, version, "-sess_out", str(saved)))
    second = first
    while second == first:
        asked = time.monotonic()
        second = ticket_name(s_client(gateway, ca, version))
    resumed = is_reused(s_client(gateway, ca, version, "-sess_in", str(saved)))
    # The last but one connection was made with the first key, or began when that was new.
    if time.monotonic() - asked >= rotation:
        return None
    wait_until(lambda: ticket_name(s_client(gateway, ca, version)) not in (first, second), 120)
    return resumed, is_reused(s_client(gateway, ca, version, "-sess_in", str(saved)))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_across_rotations(start, ca, shop, folder, version):
    """A ticket outlives one rotation, but not two."""
    seen = None
    rotation = 2
    while seen is None:
        rotation *= 2
        assert rotation <= 64, "connections that take half a minute"
        gateway = start(config(shop, ticket_rotation=f"{rotation}s"))
        seen = see_rotations(gateway, ca, folder / "session.pem", version, rotation)
    assert seen == (True, False)


@VERSIONS
def test_not_after_a_restart(start, ca, shop, version):
    """Keys are kept in memory alone."""
    context = ca.client_context(maximum_version=version)
    _, session = visit(start(config(shop)), context)
    reused, _ = visit(start(config(shop)), context, session)
    assert not reused


@VERSIONS
def test_not_at_another_site(start, ca, shop, version):
    other = ca.server("other.example")
    gateway = start({"sites": [
        {"hosts": [HOST], "respond": {"status": 200}, "tls": shop.settings()},
        {"hosts": ["other.example"], "respond": {"status": 200}, "tls": other.settings()}]})
    context = ca.client_context(maximum_version=version)
    _, session = visit(gateway, context)
    reused, _ = visit(gateway, context, session, "other.example")
    assert not reused


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_gets_one_ticket_and_uses_it(start, ca, shop, folder, version):
    gateway = start(config(shop, workers=2))
    saved = folder / "session.pem"

    first = s_client(gateway, ca, version, "-sess_out", str(saved))
    assert "\nNew, TLSv1" in first and "HTTP/1.1 200" in first
    if version == "-tls1_3":
        assert first.count("Post-Handshake New Session Ticket arrived") == 1
    second = s_client(gateway, ca, version, "-sess_in", str(saved))
    assert "\nReused, TLSv1" in second and "HTTP/1.1 200" in second
    assert ticket_name(first) == ticket_name(second)  # one key for all workers
    assert "early data was not sent" in second.lower() or version == "-tls1_2"


def test_early_data_is_off_by_default(start, ca, shop, folder):
    """No 0-RTT unless the site asks for it (test_early_data.py): a ticket does not offer it."""
    gateway = start(config(shop))
    saved = folder / "session.pem"
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", HOST,
         "-CAfile", str(ca.file), "-ign_eof", "-tls1_3", "-sess_out", str(saved)],
        input=f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode(),
        capture_output=True, timeout=30, check=False, env=environment())
    assert b"Max Early Data: 0" in done.stdout


def memory_of(pid):
    """What a process has in memory that it may write, in pieces; a sanitizer's shadow left out."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            if " rw" not in line or end - begin > 64 << 20:
                continue
            try:
                memory.seek(begin)
                yield memory.read(end - begin)
            except OSError:  # it went in the meantime, or is a device's
                continue


def has_in_memory(pid, what):
    return any(what in piece for piece in memory_of(pid))


def sealed_by(ca, gateway):
    """The name of the key that a new ticket is sealed with."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", HOST,
         "-CAfile", str(ca.file), "-tls1_2"], input=b"", capture_output=True, timeout=30,
        check=False, env=environment())
    return bytes.fromhex(re.sub(r"[ -]", "", ticket_name(done.stdout.decode())))


def test_keys_are_made_by_the_process_that_uses_them(start, ca, shop):
    """The supervisor has none, so they end with the process that sealed with them: a copy of what
    was sent to it stays closed for ever (forward secrecy)."""
    gateway = start(config(shop))
    supervisor, first = gateway.process.pid, gateway.gateway_pid()
    name = sealed_by(ca, gateway)
    try:
        assert has_in_memory(first, name), "the test does not find what is there"
        assert not has_in_memory(supervisor, name)
    except PermissionError:
        pass  # who may not look is told by the second half
    gateway.may_die = True
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: gateway.gateway_pid() not in (None, first), 20, "another process")
    assert sealed_by(ca, gateway) != name


@VERSIONS
def test_not_after_a_crash(start, ca, shop, version):
    gateway = start(config(shop))
    context = ca.client_context(maximum_version=version)
    _, session = visit(gateway, context)
    first = gateway.gateway_pid()
    gateway.may_die = True
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: gateway.gateway_pid() not in (None, first), 20, "another process")
    reused, session = visit(gateway, context, session)
    assert not reused
    reused, _ = visit(gateway, context, session)
    assert reused


def visit_without_tickets(gateway, ca, folder, *options, reuse=False):
    """Whether it was resumed: by the session's number, which TLS 1.2 has besides tickets."""
    kept = folder / "session.pem"
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", HOST,
         "-CAfile", str(ca.file), "-tls1_2", "-no_ticket", "-ign_eof",
         "-sess_in" if reuse else "-sess_out", str(kept), *options], timeout=30,
        input=f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode(),
        capture_output=True, check=False, env=environment())
    text = done.stdout.decode(errors="replace")
    assert "HTTP/1.1 200" in text
    return re.search(r"^(New|Reused), ", text, re.MULTILINE).group(1) == "Reused"


def test_clients_without_tickets(start, ca, shop, folder):
    """On any worker."""
    gateway = start(config(shop, workers=4))
    assert not visit_without_tickets(gateway, ca, folder)
    for _ in range(12):
        assert visit_without_tickets(gateway, ca, folder, reuse=True)


def test_clients_without_tickets_are_as_many_as_there_is_room_for(start, ca, shop, folder):
    gateway = start(config(shop, session_cache=3))
    assert not visit_without_tickets(gateway, ca, folder)
    assert visit_without_tickets(gateway, ca, folder, reuse=True)
    for i in range(3):
        other = folder / str(i)
        other.mkdir()
        assert not visit_without_tickets(gateway, ca, other)
    assert not visit_without_tickets(gateway, ca, folder, reuse=True)


@pytest.mark.parametrize("tls", [{"session_cache": 0}, {"clients": "optional"}], ids=str)
def test_clients_without_tickets_where_nothing_is_kept(start, ca, shop, folder, tls):
    if "clients" in tls:
        tls = {"clients": {"verify": "optional", "ca": str(ca.file)}}
    gateway = start(config(shop, **tls))
    assert not visit_without_tickets(gateway, ca, folder)
    if (folder / "session.pem").exists():  # else openssl saw that there is none to keep
        assert not visit_without_tickets(gateway, ca, folder, reuse=True)
