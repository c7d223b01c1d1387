"""TLS passed through by the protocol that the client offers (ALPN): which server gets it, and that `route` and
`check` say the same."""

import contextlib
import json

import pytest

import tlsbytes
from client import Connection
from origins import Origin
from tidegate import command

HOST = "parted.example"


@pytest.fixture(scope="module")
def certificate(ca):
    return ca.server(HOST)


def server(certificate, name, protocols):
    context = certificate.server_context()
    context.set_alpn_protocols(protocols)

    def handler(connection):
        connection.send(name)
        connection.half_close()
        connection.read_to_end()
    return Origin(handler, tls=context)


def offering(ca, *protocols):
    context = ca.client_context()
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def ask(gateway, ca, *protocols):
    with Connection(gateway.address, offering(ca, *protocols), HOST) as connection:
        return connection.sock.selected_alpn_protocol(), connection.read_to_end()


@contextlib.contextmanager
def parted(start, certificate, **rest):
    """A site whose h2, and whose imap and xmpp, go to servers of their own."""
    with server(certificate, b"two", ["h2", "http/1.1"]) as two, \
            server(certificate, b"mail", ["imap", "xmpp-client"]) as mail, \
            server(certificate, b"one", ["http/1.1"]) as one:
        site = {"hosts": [HOST], "passthrough_by_alpn": [
            {"alpn": ["h2"], "backend": two.address},
            {"alpn": ["imap", "xmpp-client"], "backend": "mail"}], **(rest or {"passthrough": one.address})}
        yield start({"sites": [site], "backends": [{"name": "mail", "servers": [mail.address]}]}), two


def test_the_protocol_decides_among_servers(start, ca, certificate):
    with parted(start, certificate) as (gateway, two):
        assert ask(gateway, ca, "h2") == ("h2", b"two")
        assert ask(gateway, ca, "http/1.1", "h2") == ("h2", b"two")
        assert ask(gateway, ca, "xmpp-client") == ("xmpp-client", b"mail")
        assert ask(gateway, ca, "http/1.1") == ("http/1.1", b"one")
        assert ask(gateway, ca) == (None, b"one")
        assert ask(gateway, ca, "imap", "h2") == ("h2", b"two")  # the first entry's
        assert ask(gateway, ca, "H2", "h", "h22") == (None, b"one")
        entry = gateway.wait_log(server=two.address)
        assert entry["mode"] == "passthrough" and entry["sni"] == HOST and "reason" not in entry
        assert gateway.wait_log(backend="mail")["mode"] == "passthrough"


def test_what_is_left_is_terminated(start, ca, certificate):
    with parted(start, certificate, tls=certificate.settings(), respond={"body": "here"}) as (gateway, _):
        assert ask(gateway, ca, "imap") == ("imap", b"mail")
        with Connection(gateway.address, offering(ca, "http/1.1"), HOST) as connection:
            assert connection.request(host=HOST).body == b"here"


def test_what_is_left_of_a_plain_site_is_refused(start, ca, certificate):
    with parted(start, certificate, respond={"body": "plain"}) as (gateway, _):
        assert ask(gateway, ca, "imap") == ("imap", b"mail")
        with Connection(gateway.address) as connection:
            connection.send(tlsbytes.client_hello(HOST))
            assert tlsbytes.alerts_in(connection.read_to_end()) == [tlsbytes.ALERT_UNRECOGNIZED_NAME]
        assert gateway.wait_log(reason="site_without_tls")


def test_a_hello_in_many_records_is_read_all_the_same(start, ca, certificate):
    """The protocols lie in any of them."""
    def handler(connection):
        connection.read(1)
        connection.send(b"two")
        connection.half_close()
        connection.read_to_end()

    with Origin(handler) as two:
        gateway = start({"sites": [{"hosts": [HOST], "passthrough": "127.0.0.1:9", "passthrough_by_alpn": [
            {"alpn": ["h2"], "backend": two.address}]}]})
        handshake = tlsbytes.handshake_of(tlsbytes.client_hello(HOST, offering(ca, "h2")))
        hello = tlsbytes.to_records(handshake, [1] * len(handshake))
        with Connection(gateway.address) as connection:
            connection.send(hello)
            assert connection.read(3) == b"two"
            connection.half_close()
            connection.read_to_end()
        assert bytes(two.connections[0].received) == hello


def route(path, url, *args):
    done = command("route", "-c", str(path), url, "--json", *args)
    return json.loads(done.stdout)


def test_route_decides_as_connections_are_decided(folder, certificate):
    path = folder / "tidegate.yaml"
    path.write_text(json.dumps({"listeners": [{"bind": ":443"}], "sites": [
        {"hosts": [HOST], "passthrough": "127.0.0.1:1", "acme_passthrough": "127.0.0.1:4", "passthrough_by_alpn": [
            {"alpn": ["h2"], "backend": "127.0.0.1:2"}, {"alpn": ["imap"], "backend": "127.0.0.1:3"}]},
        {"hosts": ["h1.example"], "tls": {**certificate.settings(), "protocols": "h1"}, "respond": {"body": "a"}}]}))
    url = f"https://{HOST}/"
    for alpn, backend in [("h2", "127.0.0.1:2"), ("http/1.1", "127.0.0.1:1"), ("", "127.0.0.1:1"),
                          ("imap,h2", "127.0.0.1:2"), ("imap", "127.0.0.1:3"), ("acme-tls/1", "127.0.0.1:4")]:
        answer = route(path, url, "--alpn", alpn)
        assert (answer["result"], answer["backend"]) == ("passthrough", backend), alpn
    assert route(path, url)["backend"] == "127.0.0.1:2"  # as browsers offer
    refused = route(path, "https://h1.example/", "--alpn", "h2")
    assert (refused["result"], refused["reason"]) == ("refused", "no_common_protocol")
    assert route(path, "https://h1.example/")["result"] == "respond"
    assert command("route", "-c", str(path), "http://h1.example/", "--alpn", "h2").returncode == 2
    assert command("route", "-c", str(path), url, "--alpn", "h2,,imap").returncode == 2


@pytest.mark.parametrize("entries, more, said", [
    ([{"alpn": ["h2"], "backend": "127.0.0.1:1"}, {"alpn": ["imap", "h2"], "backend": "127.0.0.1:2"}], {},
     "protocol 'h2' has an entry already"),
    ([{"alpn": ["h2", "h2"], "backend": "127.0.0.1:1"}], {}, "protocol 'h2' has an entry already"),
    ([{"alpn": ["acme-tls/1"], "backend": "127.0.0.1:1"}], {"acme_passthrough": "127.0.0.1:2"},
     "protocol 'acme-tls/1' has an entry already"),
    ([{"alpn": ["HTTP/2"], "backend": "127.0.0.1:1"}], {}, "write it as the list of IANA has it: h2"),
    ([{"alpn": ["two words"], "backend": "127.0.0.1:1"}], {}, "is not a protocol's name"),
    ([{"alpn": ["x" * 256], "backend": "127.0.0.1:1"}], {}, "is not a protocol's name"),
    ([{"alpn": ["h2"]}], {}, "backend"),
    ([{"backend": "127.0.0.1:1"}], {}, "alpn"),
    ([{"alpn": ["h2"], "backend": {"servers": ["127.0.0.1:1"], "tls": {"verify": False}}}], {},
     "'passthrough_by_alpn' to a backend with 'tls'"),
    ([{"alpn": ["h2"], "backend": "nosuch"}], {}, "unknown backend 'nosuch'"),
])
def test_check_says_what_cannot_be(folder, entries, more, said):
    path = folder / "tidegate.yaml"
    path.write_text(json.dumps({"sites": [{"hosts": [HOST], "passthrough": "127.0.0.1:9",
                                           "passthrough_by_alpn": entries, **more}]}))
    done = command("check", "-c", str(path))
    assert done.returncode == 1 and said in done.stderr + done.stdout


def test_check_sees_a_backend_that_only_an_entry_uses(folder):
    path = folder / "tidegate.yaml"
    path.write_text(json.dumps({
        "listeners": [{"bind": "127.0.0.1:8443"}],
        "backends": [{"name": "used", "servers": ["127.0.0.1:8443"]}],
        "sites": [{"hosts": [HOST], "passthrough": "127.0.0.1:9",
                   "passthrough_by_alpn": [{"alpn": ["h2"], "backend": "used"}]}]}))
    said = command("check", "-c", str(path))
    assert said.returncode == 0 and "is not used" not in said.stderr + said.stdout
    assert "connections would come back for ever" in said.stderr + said.stdout
