"""Databases behind passthrough with `starttls: postgres`: what is said before TLS on both sides, with real
clients (openssl, psql, and a real server where there is one) and scripted ones."""

import contextlib
import glob
import itertools
import os
import shutil
import ssl
import struct
import subprocess

import pytest

import applications
from client import Connection
from origins import Origin, UnansweringPort, free_port
from tidegate import command, environment
from tlsbytes import ALERT_UNRECOGNIZED_NAME, alerts_in, client_hello, peer_fingerprint
from waiting import wait_until

SHARES_GATEWAYS = True  # see conftest.start

ALERT_UNEXPECTED_MESSAGE = 10
ALERT_NO_APPLICATION_PROTOCOL = 120
TLS_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)
CANCEL_REQUEST = struct.pack("!IIII", 16, 80877102, 4711, 815)
STARTUP = struct.pack("!II", 8 + 1 + 14, 3 << 16) + b"user\0somebody\0\0"
STARTUP = struct.pack("!I", len(STARTUP)) + STARTUP[4:]


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def exactly(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def play_session(tls):
    """A server's part: anybody may come in, and every query is answered with its own text."""
    size, _ = struct.unpack("!II", exactly(tls, 8))
    exactly(tls, size - 8)
    tls.sendall(message(b"R", struct.pack("!I", 0)))
    for name, value in [(b"server_version", b"15.1"), (b"client_encoding", b"UTF8"),
                        (b"standard_conforming_strings", b"on")]:
        tls.sendall(message(b"S", name + b"\0" + value + b"\0"))
    tls.sendall(message(b"Z", b"I"))
    while True:
        kind, size = struct.unpack("!cI", exactly(tls, 5))
        body = exactly(tls, size - 4)
        if kind == b"X":
            return
        assert kind == b"Q"
        text = body[:-1]
        column = b"text\0" + struct.pack("!IHIHIH", 0, 0, 25, 0xffff, 0xffffffff, 0)
        tls.sendall(message(b"T", struct.pack("!H", 1) + column) +
                    message(b"D", struct.pack("!HI", 1, len(text)) + text) +
                    message(b"C", b"SELECT 1\0") + message(b"Z", b"I"))


def database(certificate, begin=TLS_REQUEST, protocols=()):
    """A handler of an origin: asked for TLS, it says yes, and plays a server inside it."""
    context = certificate.server_context()
    if protocols:
        context.set_alpn_protocols(list(protocols))

    def handler(connection):
        assert connection.read(len(begin)) == begin
        assert not connection.buffer, "bytes behind the request for TLS"
        connection.sock.sendall(b"S")
        with contextlib.closing(context.wrap_socket(connection.sock, server_side=True)) as tls:
            with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
                play_session(tls)
    return handler


def saying(answer):
    """A server that says something else to the request for TLS."""
    def handler(connection):
        connection.read(len(TLS_REQUEST))
        connection.send(answer)
        if answer:
            connection.read_to_end()
    return handler


def serving(origin, *more, hosts=("bank.example",), **root):
    address = origin if isinstance(origin, str) else origin.address
    return {"sites": [{"name": "base", "hosts": list(hosts), "passthrough": address,
                       "starttls": "postgres"}, *more], **root}


def ask_for_tls(connection):
    connection.send(TLS_REQUEST)
    assert connection.read(1) == b"S"


@contextlib.contextmanager
def encrypted(gateway, context, name, asks=True):
    """A client in TLS, asked for or begun at once."""
    with Connection(gateway.address) as connection:
        if asks:
            ask_for_tls(connection)
        connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
        yield connection


def query(connection, text):
    """The first and only value of a query's answer; begins the session, too."""
    connection.send(STARTUP)
    connection.read_until(message(b"Z", b"I"))
    connection.send(message(b"Q", text.encode() + b"\0"))
    answer = connection.read_until(message(b"Z", b"I"))
    row = answer[answer.index(b"D"):]
    size, = struct.unpack("!I", row[7:11])
    connection.send(message(b"X", b""))
    return row[11:11 + size].decode()


def read_error(data):
    """An ErrorResponse as a dictionary of its fields."""
    assert data[:1] == b"E" and struct.unpack("!I", data[1:5])[0] == len(data) - 1, data
    assert data.endswith(b"\0\0")
    return {field[:1].decode(): field[1:].decode() for field in data[5:-2].split(b"\0")}


# What passes.


def test_a_client_that_asks_for_tls_reaches_the_server_of_its_name(start, ca, bank, shop):
    with Origin(database(bank)) as first, Origin(database(shop)) as second:
        gateway = start(serving(first, {"hosts": ["shop.example"], "passthrough": second.address,
                                        "starttls": "postgres"}))
        for name, certificate in [("bank.example", bank), ("shop.example", shop)]:
            with encrypted(gateway, ca.client_context(), name) as connection:
                assert peer_fingerprint(connection.sock) == certificate.fingerprint
                assert query(connection, f"select '{name}'") == f"select '{name}'"
            entry = gateway.wait_log(sni=name)
            assert entry["mode"] == "passthrough" and "reason" not in entry


def test_a_client_that_asks_for_kerberos_first_is_told_to_go_on(start, ca, bank):
    with Origin(database(bank)) as origin:
        gateway = start(serving(origin))
        with Connection(gateway.address) as connection:
            connection.send(GSS_REQUEST)
            assert connection.read(1) == b"N"
            ask_for_tls(connection)
            connection.sock = ca.client_context().wrap_socket(connection.sock,
                                                              server_hostname="bank.example")
            assert query(connection, "select 1") == "select 1"


def test_a_request_in_single_bytes_is_understood(start, ca, bank):
    with Origin(database(bank)) as origin:
        gateway = start(serving(origin))
        with Connection(gateway.address) as connection:
            for i in range(len(TLS_REQUEST)):
                connection.send(TLS_REQUEST[i:i + 1])
            assert connection.read(1) == b"S"
            connection.sock = ca.client_context().wrap_socket(connection.sock,
                                                              server_hostname="bank.example")
            assert query(connection, "select 1") == "select 1"


def test_tls_at_once_is_known_by_its_protocol(start, ca, bank):
    """As sslnegotiation=direct does since PostgreSQL 17; the server is asked in the old way."""
    with Origin(database(bank, protocols=["postgresql"])) as origin:
        gateway = start(serving(origin))
        context = ca.client_context()
        context.set_alpn_protocols(["postgresql"])
        with encrypted(gateway, context, "bank.example", asks=False) as connection:
            assert connection.sock.selected_alpn_protocol() == "postgresql"
            assert query(connection, "select 1") == "select 1"


def test_the_proxy_header_goes_first_both_ways(start, ca, bank):
    def handler(connection):
        assert connection.read_until(b"\r\n").startswith(b"PROXY TCP4 192.0.2.7 ")
        database(bank)(connection)

    with Origin(handler) as origin:
        config = serving("base", backends=[{"name": "base", "servers": [origin.address],
                                            "proxy_protocol": "v1"}],
                         listeners=[{"bind": "127.0.0.1:0",
                                     "proxy_protocol_from": ["127.0.0.1"]}])
        gateway = start(config)
        with Connection(gateway.address) as connection:
            connection.send(b"PROXY TCP4 192.0.2.7 192.0.2.8 1000 5432\r\n" + TLS_REQUEST)
            assert connection.read(1) == b"S"
            connection.sock = ca.client_context().wrap_socket(connection.sock,
                                                              server_hostname="bank.example")
            assert query(connection, "select 1") == "select 1"
        assert gateway.wait_log(sni="bank.example")["client"] == "192.0.2.7:1000"


def test_web_sites_on_the_same_port_are_served_as_before(start, ca, bank, shop):
    with Origin(database(bank)) as origin:
        gateway = start(serving(origin, {"hosts": ["shop.example"], "tls": shop.settings(),
                                         "respond": {"body": "shop"}}))
        with Connection(gateway.address, ca.client_context(), "shop.example") as connection:
            assert connection.request(host="shop.example").body == b"shop"
        with encrypted(gateway, ca.client_context(), "bank.example") as connection:
            assert query(connection, "select 1") == "select 1"
        with Connection(gateway.address) as connection:
            response = connection.request(host="bank.example")
            assert response.status == 400
        assert gateway.wait_log(status=400)["reason"] == "plain_http_refused"


# What is refused.


def refused(gateway, data, answer=b""):
    with Connection(gateway.address) as connection:
        connection.send(data)
        if answer:
            assert connection.read(len(answer)) == answer
        return connection.read_to_end()


@pytest.mark.parametrize("data, code, reason", [
    (STARTUP, "28000", "postgres_without_tls"),
    (CANCEL_REQUEST, "0A000", "postgres_cancel_without_tls"),
    (struct.pack("!II", 8, 1234), "08P01", "postgres_malformed"),
    (struct.pack("!II", 8, 80877105), "08P01", "postgres_malformed"),
    (struct.pack("!II", 9, 80877103) + b"x", "08P01", "postgres_malformed"),
    (struct.pack("!II", 20000, 3 << 16), "08P01", "postgres_malformed"),
    (TLS_REQUEST + client_hello("bank.example"), "08P01", "postgres_bytes_too_early"),
    (GSS_REQUEST + TLS_REQUEST, "08P01", "postgres_bytes_too_early"),
], ids=itertools.count())
def test_what_begins_otherwise_gets_an_error_of_the_servers_kind(start, free_address, data, code,
                                                                 reason):
    gateway = start(serving(free_address))
    error = read_error(refused(gateway, data))
    assert error["S"] == error["V"] == "FATAL" and error["C"] == code
    assert error["M"] and error["H"]
    entry = gateway.wait_log(reason=reason)
    assert entry["refused_by"] == "gateway" and entry["detail"] and entry["mend"]


def test_a_second_request_for_kerberos_is_an_error(start, free_address):
    gateway = start(serving(free_address))
    with Connection(gateway.address) as connection:
        connection.send(GSS_REQUEST)
        assert connection.read(1) == b"N"
        connection.send(GSS_REQUEST)
        assert read_error(connection.read_to_end())["C"] == "08P01"
    gateway.wait_log(reason="postgres_malformed")


@pytest.mark.parametrize("data", [STARTUP, TLS_REQUEST, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_after_the_yes_nothing_but_a_client_hello_is_taken(start, free_address, data):
    gateway = start(serving(free_address))
    with Connection(gateway.address) as connection:
        ask_for_tls(connection)
        connection.send(data)
        assert alerts_in(connection.read_to_end()) == [ALERT_UNEXPECTED_MESSAGE]
    gateway.wait_log(reason="no_client_hello")


def test_a_client_that_leaves_after_the_yes_has_a_line(start, free_address):
    gateway = start(serving(free_address, timeouts={"first_byte": "1s"}))
    with Connection(gateway.address) as connection:
        ask_for_tls(connection)
    gateway.wait_log(reason="closed_before_request")
    with Connection(gateway.address) as connection:
        ask_for_tls(connection)
        assert connection.is_closed_by_peer()
    gateway.wait_log(reason="first_bytes_timeout")


def test_a_name_of_another_kind_of_site_is_refused(start, shop, free_address):
    gateway = start(serving(free_address, {"hosts": ["shop.example"], "tls": shop.settings(),
                                           "respond": {"body": "shop"}}))
    for name, reason in [("shop.example", "starttls_not_here"),
                         ("unknown.example", "unknown_server_name")]:
        with Connection(gateway.address) as connection:
            ask_for_tls(connection)
            connection.send(client_hello(name))
            assert alerts_in(connection.read_to_end()) == [ALERT_UNRECOGNIZED_NAME]
        gateway.wait_log(reason=reason, sni=name)
    answer = refused(gateway, client_hello("bank.example"))
    assert alerts_in(answer) == [ALERT_NO_APPLICATION_PROTOCOL]
    gateway.wait_log(reason="starttls_missing", sni="bank.example")


def test_without_the_setting_nothing_of_it_is_understood(start, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "respond": {"body": "shop"}}]})
    for data in (TLS_REQUEST, STARTUP):
        assert refused(gateway, data).startswith(b"HTTP/1.1 400 ")
    assert gateway.wait_log(status=400)["reason"] == "request_line"


def test_a_listener_without_such_a_site_does_not_understand_it(start, ca, bank, shop):
    with Origin(database(bank)) as origin:
        gateway = start(serving(origin, {"hosts": ["shop.example"], "tls": shop.settings(),
                                         "respond": {"body": "shop"}},
                                listeners=[{"bind": "127.0.0.1:0"},
                                           {"bind": "127.0.0.1:0", "sites": ["shop.example"]}]))
        with encrypted(gateway, ca.client_context(), "bank.example") as connection:
            assert query(connection, "select 1") == "select 1"
        with Connection(gateway.addresses[1]) as connection:
            connection.send(TLS_REQUEST)
            assert connection.read_to_end().startswith(b"HTTP/1.1 400 ")


# Servers.


@pytest.mark.parametrize("answer, reason, said", [
    (b"N", "postgres_no_tls", "speaks no TLS"),
    (message(b"E", b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"), "postgres_error",
     "the database system is starting up"),
    (b"Etoo many clients\n\0", "postgres_error", "too many clients"),
    (b"S\x16", "postgres_bad_answer", "no PostgreSQL server"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "postgres_bad_answer", "no PostgreSQL server"),
    (b"", "server_closed", "closed the connection"),
])
def test_a_server_that_says_no_is_told_of(start, answer, reason, said):
    with Origin(saying(answer)) as origin:
        gateway = start(serving(origin))
        with Connection(gateway.address) as connection:
            ask_for_tls(connection)
            connection.send(client_hello("bank.example"))
            assert connection.is_closed_by_peer()
        entry = gateway.wait_log(reason=reason)
        assert entry["mode"] == "passthrough" and entry["server"] == origin.address
        assert said in entry["detail"] and origin.address in entry["detail"]
        assert entry["mend"] and entry["refused_by"]


def test_a_server_that_says_nothing_is_given_up_after_connect_timeout(start):
    with Origin(lambda connection: connection.read_to_end()) as origin:
        gateway = start(serving("base", backends=[{"name": "base", "servers": [origin.address],
                                                   "connect_timeout": "1s"}]))
        with Connection(gateway.address) as connection:
            ask_for_tls(connection)
            connection.send(client_hello("bank.example"))
            assert connection.is_closed_by_peer()
        entry = gateway.wait_log(reason="connect_timeout")
        assert "did not answer SSLRequest within 1000 ms" in entry["detail"]


def test_a_client_that_is_gone_before_the_server_answers_leaves_nothing(start):
    with Origin(lambda connection: connection.read_to_end()) as origin:
        gateway = start(serving(origin))
        with Connection(gateway.address) as connection:
            ask_for_tls(connection)
            connection.send(client_hello("bank.example"))
            origin.wait_connections(1)
            wait_until(lambda: len(origin.connections[0].received) == len(TLS_REQUEST))
            connection.reset()
        wait_until(lambda: origin.connections[0].is_done)
        gateway.wait_log(reason="client_reset")


def test_a_server_that_cannot_be_reached_is_told_of(start):
    with UnansweringPort() as port:
        gateway = start(serving("base", backends=[{"name": "base", "servers": [port.address],
                                                   "connect_timeout": "1s"}]))
        with Connection(gateway.address) as connection:
            ask_for_tls(connection)
            connection.send(client_hello("bank.example"))
            assert connection.is_closed_by_peer()
        gateway.wait_log(reason="connect_timeout")


# Commands.


def test_check_refuses_what_cannot_be(folder, shop):
    site = {"hosts": ["a.example"], "starttls": "postgres"}
    for more, said in [
            ({"backend": "127.0.0.1:5432"}, "'starttls' in a site without 'passthrough'"),
            ({"tls": shop.settings(), "backend": "127.0.0.1:5432"},
             "'starttls' in a site without 'passthrough'"),
            ({"passthrough": "127.0.0.1:5432", "plain_http": "redirect"},
             "'plain_http: redirect' in a site with 'starttls'"),
            ({"passthrough": "127.0.0.1:5432", "starttls": "postgresql"}, "did you mean 'postgres'?")]:
        path = folder / "tidegate.yaml"
        path.write_text(repr({"sites": [{**site, **more}]}).replace("'", '"'))
        done = command("check", "-c", str(path))
        assert done.returncode == 1 and said in done.stderr + done.stdout


def test_route_says_what_a_database_client_gets(folder):
    path = folder / "tidegate.yaml"
    path.write_text("listeners: [{ bind: ':5432' }, { bind: ':80', sites: [web.example] }]\n"
                    "sites:\n"
                    "  - { hosts: [db.example], passthrough: '127.0.0.1:1', starttls: postgres }\n"
                    "  - { hosts: [web.example], passthrough: '127.0.0.1:2' }\n")

    def route(*args):
        return command("route", "-c", str(path), *args).stdout

    assert "=> passed through to '127.0.0.1:1'" in route("postgres://db.example")
    assert "request for TLS, then" in route("postgresql://me:secret@db.example:5432/base")
    assert "=> refused: starttls_not_here" in route("postgres://web.example")
    assert "=> refused: unknown_server_name" in route("postgres://other.example")
    assert "=> refused: starttls_missing" in route("https://db.example:5432/")
    assert "=> passed through" in route("https://db.example:5432/", "--alpn", "postgresql")
    assert "=> refused: 400 (request_line)" in route("postgres://web.example:80")
    assert "plain_http_refused" in route("http://db.example:5432/")


# Real clients.


def test_openssl_s_client_speaks_it(start, ca, bank):
    with Origin(database(bank)) as origin:
        gateway = start(serving(origin))
        done = subprocess.run(
            ["openssl", "s_client", "-starttls", "postgres", "-connect", f"127.0.0.1:{gateway.port}",
             "-servername", "bank.example", "-verify_return_error", "-CAfile", str(ca.file)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        assert "Verify return code: 0 (ok)" in done.stdout, done.stdout + done.stderr
        assert "CN = bank.example" in done.stdout


def psql(folder, ca, port, text, **more):
    done = subprocess.run(
        [applications.find("psql"), "-XtAc", text,
         f"host=bank.example hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres "
         f"sslmode={more.get('sslmode', 'verify-full')} sslrootcert={ca.file} connect_timeout=30"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        env=environment(HOME=str(folder), PATH=applications.PATH))
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.skipif(not applications.find("psql"), reason="psql is not installed")
def test_psql_speaks_it(start, folder, ca, bank):
    with Origin(database(bank)) as origin:
        gateway = start(serving(origin))
        assert psql(folder, ca, gateway.port, "select 42") == (0, "select 42", "")
        status, _, said = psql(folder, ca, gateway.port, "select 42", sslmode="disable")
        assert status != 0 and "without TLS" in said and "sslmode=require" in said


def find_server():
    return next((os.path.dirname(path) for path in sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)), None)


@contextlib.contextmanager
def real_server(folder, certificate):
    """A PostgreSQL that lets anybody in over TLS, and nobody without; as a user that is not root."""
    programs = find_server()
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] \
        if os.geteuid() == 0 else []
    data = folder / "data"
    data.mkdir()
    if as_user:
        shutil.chown(data, "postgres", "postgres")
    applications.run(*as_user, f"{programs}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N",
                     cwd=folder)
    for name, source in [("server.crt", certificate.crt), ("server.key", certificate.key_file)]:
        shutil.copyfile(source, data / name)
        (data / name).chmod(0o600)
        if as_user:
            shutil.chown(data / name, "postgres", "postgres")
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    port = free_port()
    with applications.running([*as_user, f"{programs}/postgres", "-D", str(data), "-p", str(port), "-c",
                               "ssl=on", "-c", "listen_addresses=127.0.0.1", "-c",
                               "unix_socket_directories=", "-c", "fsync=off"],
                              ("127.0.0.1", port), folder):
        yield f"127.0.0.1:{port}"


@pytest.mark.skipif(not applications.find("psql") or not find_server(),
                    reason="PostgreSQL is not installed")
def test_a_real_server_and_its_client(start, folder, ca, bank):
    with real_server(folder, bank) as address:
        gateway = start(serving(address))
        assert psql(folder, ca, gateway.port, "select 6 * 7") == (0, "42", "")
        status, out, _ = psql(folder, ca, gateway.port, "select length(repeat('x', 20000000))")
        assert (status, out) == (0, "20000000")
        status, out, _ = psql(folder, ca, gateway.port,
                              "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        assert (status, out) == (0, "t")
