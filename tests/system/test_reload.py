"""Another configuration for a gateway that runs: no connection is closed, no request fails, and on
any error the one in use stays."""

import json
import os
import re
import shutil
import signal
import socket
import ssl

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, fetch, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import EchoOrigin, Origin, free_port, response_bytes
from tidegate import children_of, command, new_folder
from tlsbytes import client_hello
from waiting import wait_until


def says(word, **more):
    return {"hosts": ["*"], "respond": {"body": word}, **more}


class Reloadable:
    """A gateway with a control socket whose configuration is changed."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.path = self.gateway.config_path
        self.folder = self.gateway.folder

    def config(self):
        return json.loads(self.path.read_text())

    def write(self, text):
        self.path.write_text(text)

    def change(self, sites=None, **more):
        """Writes it; reload() or a signal makes it count."""
        config = {**self.config(), **more}
        if sites is not None:
            config["sites"] = sites
        self.write(json.dumps(config, indent=1))

    def ask(self):
        return command("reload", "--socket", str(self.folder / "control.sock"))

    def reload(self, sites=None, **more):
        self.change(sites, **more)
        done = self.ask()
        assert done.returncode == 0, done.stderr + self.gateway.stderr()
        return done


@pytest.fixture
def reloadable(folder, start):
    """reloadable(sites, ...) -> Reloadable"""
    def make(sites, **more):
        gateway = start({"control": str(folder / "control.sock"), "sites": sites, **more},
                        folder=folder)
        return Reloadable(gateway)
    return make


def connect(front, address, tls=None, server_name="shop.example"):
    if front == "h2":
        return Client(address, tls=tls, server_name=server_name)
    return Connection(address, tls=tls, server_name=server_name)


def body_of(connection, host="shop.example"):
    return connection.request("/", host=host).body


# What changes.


@pytest.mark.parametrize("front", ["h1", "h2"])
@pytest.mark.parametrize("how", ["command", "signal"])
def test_the_next_request_on_a_connection_goes_by_the_new_one(reloadable, front, how):
    tested = reloadable([says("one")], workers=2)
    with connect(front, tested.gateway.address) as connection:
        assert body_of(connection) == b"one"
        if how == "command":
            assert "reloaded" in tested.reload([says("two")]).stdout
        else:
            tested.change([says("two")])
            tested.gateway.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "info: reloaded" in tested.gateway.stderr())
        assert body_of(connection) == b"two"
        assert fetch(tested.gateway.address).body == b"two"


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_request_that_runs_ends_as_it_began(reloadable, front):
    """Its backend is not even there any more."""
    released = []

    def slow(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        wait_until(lambda: released or connection.has_ended, 30)
        connection.send(b" last")

    with Origin(slow) as origin:
        tested = reloadable([{"hosts": ["*"], "backend": origin.address}])
        with connect(front, tested.gateway.address) as connection:
            if front == "h2":
                stream = connection.start("/")
                connection.wait_head(stream)
            else:
                connection.send(request_bytes("/"))
                connection.read_until(b"first")
            tested.reload([says("new")])
            released.append(True)
            if front == "h2":
                assert connection.wait(stream).body == b"first last"
            else:
                assert connection.read(5) == b" last"
            assert body_of(connection) == b"new"


def test_tunnels_live_on(reloadable):
    """One that passes through, one after an Upgrade; their site is gone."""
    def upgrade(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        b"Connection: Upgrade\r\n\r\n")
        echo(connection)

    def echo(connection):
        while True:
            data = connection.recv()
            if not data:
                return
            connection.send(data)

    with Origin(upgrade) as sockets, Origin(echo) as bank:
        tested = reloadable([{"hosts": ["bank.example"], "passthrough": bank.address},
                             {"hosts": ["*"], "backend": sockets.address}])
        with Connection(tested.gateway.address) as web, Connection(tested.gateway.address) as tls:
            web.send(request_bytes("/", fields=[
                ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]))
            assert web.read_head().status == 101
            hello = client_hello("bank.example")
            tls.send(hello)
            assert tls.read(len(hello)) == hello
            for round_number in range(3):
                tested.reload([says(f"new {round_number}")])
                for tunnel in (web, tls):
                    tunnel.send(b"still here")
                    assert tunnel.read(10) == b"still here"


# Errors.


def test_a_broken_file_changes_nothing(reloadable):
    tested = reloadable([says("one")])
    with Connection(tested.gateway.address) as connection:
        assert body_of(connection) == b"one"
        good = tested.path.read_text()
        tested.write(good.replace('"respond"', '"repsond"'))
        checked = command("check", "-c", str(tested.path))
        done = tested.ask()
        assert done.returncode == 1
        # What check would say, with its file, line and caret.
        assert re.search(r"tidegate\.yaml:\d+:\d+: error: .*repsond", done.stderr), done.stderr
        assert "^~~" in done.stderr
        assert checked.stderr.strip() in done.stderr
        assert "stays as it was" in done.stderr
        assert "repsond" in tested.gateway.stderr()
        # -c finds the socket in the broken file, too.
        assert command("reload", "-c", str(tested.path)).returncode == 1
        assert body_of(connection) == b"one"
        tested.write(good.replace("one", "two"))
        assert tested.ask().returncode == 0
        assert body_of(connection) == b"two"


def test_a_certificate_that_cannot_be_read_changes_nothing(reloadable, ca):
    tested = reloadable([says("one")])
    shop = ca.server("shop.example")
    tested.change([{**says("two"), "tls": {**shop.settings(), "key": "/no/such.key"}}])
    done = tested.ask()
    assert done.returncode == 1
    assert "/no/such.key" in done.stderr
    assert fetch(tested.gateway.address).body == b"one"


def test_no_gateway_is_status_2(folder):
    done = command("reload", "--socket", str(folder / "control.sock"))
    assert done.returncode == 2
    assert "control.sock" in done.stderr


def test_what_takes_a_restart_is_said_by_name(reloadable):
    tested = reloadable([says("one")], workers=1)
    pid = tested.gateway.gateway_pid()
    done = tested.reload([says("two")], workers=2, user="daemon")
    assert "not changed until a restart" in done.stderr
    assert "workers" in done.stderr and "user" in done.stderr
    assert fetch(tested.gateway.address).body == b"two"
    assert tested.gateway.gateway_pid() == pid


def test_a_gateway_that_died_begins_with_the_last_good_one(reloadable):
    tested = reloadable([says("one")])
    tested.reload([says("two")])
    pid = tested.gateway.gateway_pid()
    tested.write("sites: [")
    assert tested.ask().returncode == 1
    tested.gateway.may_die = True
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: tested.gateway.gateway_pid() not in (None, pid))
    assert fetch(tested.gateway.address).body == b"two"


def test_the_proof_counts_what_fails(reloadable, ca, folder):
    shop = ca.server("shop.example")
    tested = reloadable([{"hosts": ["127.0.0.1"], "respond": {"body": "plain"}},
                         {"hosts": ["*"], "tls": shop.settings(), "plain_http": "serve",
                          "respond": {"body": "tls"}}], workers=2)
    port, control = tested.gateway.port, str(folder / "control.sock")
    done = command("prove-reload", f"http://127.0.0.1:{port}/", f"https://localhost:{port}/x",
                   "--times", "3", "--socket", control, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    count = int(re.match(r"0 of (\d+) failed, while the gateway reloaded 3 times", done.stdout)[1])
    assert count >= 8
    done = command("prove-reload", f"http://127.0.0.1:{free_port()}/", "--times", "1", "--socket",
                   control, timeout=60)
    assert done.returncode == 1
    assert re.match(r"(\d+) of \1 failed", done.stdout) and "the first: " in done.stdout
    assert command("prove-reload", "--socket", control).returncode == 2
    tested.write("sites: [")
    done = command("prove-reload", f"http://127.0.0.1:{port}/", "--socket", control, timeout=60)
    assert done.returncode == 1 and "not closed" in done.stderr, done.stderr


# Listeners.


def is_refused(address):
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture
def elsewhere():
    path = new_folder()
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_certificates_in_a_folder_that_nobody_named_before(reloadable, elsewhere, ca, mode):
    """It is out of reach of the sandbox, and perhaps of the gateway's user."""
    shop = ca.server("shop.example")
    store = elsewhere / "certs"
    store.mkdir()
    shutil.copy(shop.crt, store / "shop.crt")
    shutil.copy(shop.key_file, store / "shop.key")
    store.chmod(mode)
    tested = reloadable([says("one")])
    tested.reload([says("two", tls={"certificates_from": str(store)})])
    with connect("h1", tested.gateway.address, ca.client_context()) as connection:
        assert body_of(connection) == b"two"


def test_a_list_of_servers_in_a_folder_that_nobody_named_before(reloadable, elsewhere):
    """The first request has a server already, and what changes is seen."""
    with EchoOrigin("one") as one, EchoOrigin("two") as two:
        path = elsewhere / "servers"
        path.write_text(one.address)
        path.chmod(0o600)
        tested = reloadable([says("one")])
        tested.reload([{"hosts": ["*"], "backend": {"servers_from": {"file": str(path), "every": "50ms"}}}])
        assert json.loads(fetch(tested.gateway.address).body)["origin"] == "one"
        path.write_text(two.address)
        wait_until(lambda: json.loads(fetch(tested.gateway.address).body)["origin"] == "two")


def test_listeners_come_and_go(reloadable, folder):
    first, second, third = (f"127.0.0.1:{free_port()}" for _ in range(3))
    unix = str(folder / "second.sock")
    tested = reloadable([says("one")], listeners=[{"bind": [first, second]}])
    addresses = [(text.split(":")[0], int(text.split(":")[1])) for text in (first, second, third)]
    with Connection(addresses[0]) as kept, Connection(addresses[1]) as left:
        assert body_of(kept) == b"one" and body_of(left) == b"one"
        tested.reload([says("two")], listeners=[{"bind": [third, first, f"unix:{unix}"]}])
        assert body_of(kept) == b"two"
        assert left.is_closed_by_peer()
    assert is_refused(addresses[1])
    for address in (addresses[0], addresses[2], unix):
        assert fetch(address).body == b"two"
    tested.reload([says("three")], listeners=[{"bind": second}])
    assert fetch(addresses[1]).body == b"three"
    assert is_refused(addresses[0]) and is_refused(addresses[2])
    assert not os.path.exists(unix)


def test_an_address_that_is_taken_changes_nothing(reloadable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        tested = reloadable([says("one")])
        port = taken.getsockname()[1]
        tested.change([says("two")], listeners=[{"bind": ["127.0.0.1:0", f"127.0.0.1:{port}"]}])
        done = tested.ask()
        assert done.returncode == 1
        assert str(port) in done.stderr and "in use" in done.stderr
        assert fetch(tested.gateway.address).body == b"one"


# TLS.


@pytest.fixture
def held():
    """An origin that answers when it is released."""
    released = []

    def slow(connection):
        connection.read_request()
        wait_until(lambda: released or connection.has_ended, 30)
        connection.send(response_bytes(200, [], b"slow"))

    with Origin(slow) as origin:
        origin.release = lambda: released.append(True)
        yield origin
        origin.release()


def sites_before_and_after(ca, held, change):
    shop = ca.server("shop.example").settings()
    before = [{"hosts": ["shop.example"], "tls": shop, "backend": held.address}]
    after = [{"hosts": ["shop.example"], "respond": {"body": "no"}, "tls": {
        **shop, "clients": {"verify": "required", "ca": str(ca.file)}}}]
    if change == "gone":
        after = [{"hosts": ["other.example"], "tls": ca.server("other.example").settings(),
                  "respond": {"body": "other"}}]
    return before, after


@pytest.mark.parametrize("change", ["gone", "stricter"])
def test_h2_ends_where_the_site_is_another_now(reloadable, ca, held, change):
    """GOAWAY; what runs is finished, what still comes gets 421."""
    before, after = sites_before_and_after(ca, held, change)
    tested = reloadable(before)
    with connect("h2", tested.gateway.address, tls=ca.client_context()) as connection:
        stream = connection.start("/")
        held.wait_connections(1)
        tested.reload(after)
        late = connection.start("/")
        assert connection.wait(late).status == 421
        connection.wait_goaway()
        held.release()
        assert connection.wait(stream).body == b"slow"
        connection.wait_closed()
    assert tested.gateway.wait_log(status=421)["reason"] == "site_has_changed"


@pytest.mark.parametrize("change", ["gone", "stricter"])
def test_h1_ends_where_the_site_is_another_now(reloadable, ca, held, change):
    before, after = sites_before_and_after(ca, held, change)
    tested = reloadable(before)
    context = ca.client_context()
    with connect("h1", tested.gateway.address, tls=context) as connection:
        connection.send(request_bytes("/", host="shop.example"))
        held.wait_connections(1)
        tested.reload(after)
        held.release()
        response = connection.read_response()
        assert response.body == b"slow" and response.get("Connection").lower() == "close"
        assert connection.is_closed_by_peer()


@pytest.mark.parametrize("front", ["h1", "h2"])
def test_a_connection_with_tls_follows_a_renewed_site(reloadable, ca, front):
    """Another certificate and another route; the handshake stays as it was, and tickets go on."""
    site = {"hosts": ["shop.example"], "tls": ca.server("shop.example").settings()}
    tested = reloadable([{**site, "respond": {"body": "one"}}])
    context = ca.client_context()
    with connect(front, tested.gateway.address, tls=context) as connection:
        assert body_of(connection) == b"one"
        site["tls"] = ca.server("shop.example").settings()
        tested.reload([{**site, "respond": {"body": "two"}}])
        assert body_of(connection) == b"two"


def test_the_configurations_in_use_are_shown(reloadable, held):
    """Since when, and by how many; they go with their last user."""
    tested = reloadable([{"hosts": ["*"], "backend": held.address}])
    control = str(tested.folder / "control.sock")

    def shown():
        done = command("status", "--generations", "--json", "--socket", control)
        return json.loads(done.stdout)["generations"]
    with Connection(tested.gateway.address) as connection:
        connection.send(request_bytes("/"))
        held.wait_connections(1)
        tested.reload([says("two")])
        new, old = wait_until(lambda: len(shown()) == 2 and shown())
        assert new["is_present"] and not old["is_present"] and new["number"] > old["number"]
        assert old["requests"] == 1 and new["requests"] == 0
        assert old["loaded"] <= new["loaded"]
        text = command("status", "--generations", "--socket", control).stdout
        assert "present" in text and "old" in text and "1 requests" in text
        held.release()
        assert connection.read_response().body == b"slow"
        wait_until(lambda: len(shown()) == 1, what="the old one's end")


def resumed(address, context, session):
    with socket.create_connection(address, 10) as plain:
        with context.wrap_socket(plain, server_hostname="shop.example", session=session) as tls:
            tls.sendall(request_bytes("/", host="shop.example"))
            assert tls.recv(65536)
            return tls.session_reused, tls.session


@pytest.mark.parametrize("change", ["another site", "its policy"])
def test_a_site_that_is_as_it_was_keeps_its_sessions(reloadable, ca, change):
    """Those of clients without tickets are in the library's cache, which its context has."""
    site = {"hosts": ["shop.example"], "tls": ca.server("shop.example").settings(),
            "respond": {"body": "x"}}
    tested = reloadable([site])
    context = ca.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    _, session = resumed(tested.gateway.address, context, None)
    assert resumed(tested.gateway.address, context, session)[0]
    if change == "another site":
        tested.reload([{"hosts": ["other.example"], "tls": ca.server("other.example").settings(),
                        "respond": {"body": "x"}}, {**site, "respond": {"body": "y"}}])
    else:
        tested.reload([{**site, "tls": {**site["tls"], "session_cache": 1000}}])
    assert resumed(tested.gateway.address, context, session)[0] == (change == "another site")


@pytest.mark.parametrize("server", ["plain", "h1", "h2"])
def test_connections_to_servers_live_on(reloadable, folder, ca, server):
    """Of backends that are as they were; with TLS too. What TLS is to be like otherwise ends them."""
    name = "shop.internal"
    crl = folder / "ca.crl"
    crl.write_bytes(ca.crl())
    tls = {"ca": str(ca.file), "server_name": name, "crl": str(crl)}
    backend = {"name": "shop"}
    context = None
    if server != "plain":
        context = ca.server(name).server_context()
        backend.update(tls=tls, protocol=server)
    with (H2Origin if server == "h2" else EchoOrigin)(tls=context) as origin:
        backend["servers"] = [origin.address]
        site = {"hosts": ["*"], "backend": "shop"}
        tested = reloadable([site], backends=[backend])
        for number in range(20):
            assert fetch(tested.gateway.address).status == 200
            tested.reload([{**says("x"), "hosts": [f"n{number}.example"]}, site],
                          backends=[backend])
        assert fetch(tested.gateway.address).status == 200
        assert len(origin.connections) == 1
        if server != "plain":
            backend["tls"] = {**tls, "min_version": "1.3"}
            tested.reload(backends=[backend])
            assert fetch(tested.gateway.address).status == 200
            assert len(origin.connections) == 2


def test_the_loader_leaves_no_process(reloadable):
    tested = reloadable([says("one")])
    for word in ("two", "three"):
        tested.reload([says(word)])
    assert len(children_of(tested.gateway.process.pid)) == 1


# Watched files.


def log_says(gateway, text, count=1):
    wait_until(lambda: gateway.stderr().count(text) >= count, what=f"'{text}' {count} times")


def test_a_changed_file_is_taken_up_by_itself(reloadable):
    """Written in place, exchanged by a rename, and broken meanwhile."""
    tested = reloadable([says("one")], watch="on")
    tested.change([says("two")])
    log_says(tested.gateway, "info: reloaded")
    assert fetch(tested.gateway.address).body == b"two"
    tested.write("sites: [")
    log_says(tested.gateway, "stays as it was")
    other = tested.folder / "other.yaml"
    other.write_text(json.dumps({
        "listeners": [{"bind": "127.0.0.1:0"}], "workers": 1, "watch": "on", "sites": [says("three")],
        "log": {"access": str(tested.folder / "access.log")}}))
    other.rename(tested.path)
    log_says(tested.gateway, "info: reloaded", 2)
    assert fetch(tested.gateway.address).body == b"three"


def test_parts_and_links_are_watched(reloadable, folder):
    """A part that appears, and a link to a folder that is turned to another one (..data)."""
    parts = folder / "parts"
    for name, word in (("first", "one"), ("second", "two")):
        (folder / name).mkdir()
        (folder / name / "a.yaml").write_text(json.dumps({"sites": [
            {"hosts": ["a.example"], "respond": {"body": word}}]}))
    parts.mkdir()
    (parts / "..data").symlink_to(folder / "first")
    (parts / "a.yaml").symlink_to("..data/a.yaml")
    tested = reloadable([says("main")], watch="on", include=["parts/*.yaml"])
    address = tested.gateway.address
    assert fetch(address, host="a.example").body == b"one"
    (parts / "..new").symlink_to(folder / "second")
    (parts / "..new").rename(parts / "..data")
    wait_until(lambda: fetch(address, host="a.example").body == b"two")
    (parts / "b.yaml").write_text(json.dumps({"sites": [
        {"hosts": ["b.example"], "respond": {"body": "b"}}]}))
    wait_until(lambda: fetch(address, host="b.example").body == b"b")


def leaf_of(address, ca):
    with Connection(address, tls=ca.client_context(), server_name="shop.example") as connection:
        return connection.sock.getpeercert(True)


def lay_out(way, folder, shops):
    """certificates as certbot or Kubernetes lays them out, for root alone; returns the folder that
    the paths are in, and how the second one comes."""
    live = folder / "live"
    folders = [folder / f"archive{number}" for number in range(2)]
    for place, shop in zip(folders, shops):
        place.mkdir(mode=0o700)
        (place / "tls.crt").write_bytes(shop.crt.read_bytes())
        (place / "tls.key").write_bytes(shop.key_file.read_bytes())
        (place / "tls.key").chmod(0o600)
    live.mkdir(mode=0o700)
    if way == "kubernetes":
        (live / "..data").symlink_to(folders[0])
        for name in ("tls.crt", "tls.key"):
            (live / name).symlink_to(f"..data/{name}")

        def renew():
            (live / "..tmp").symlink_to(folders[1])
            (live / "..tmp").rename(live / "..data")
    else:
        for name in ("tls.crt", "tls.key"):
            (live / name).symlink_to(folders[0] / name)

        def renew():
            for name in ("tls.crt", "tls.key"):
                (live / name).unlink()
                (live / name).symlink_to(folders[1] / name)
    return live, renew


@pytest.mark.parametrize("way", ["certbot", "kubernetes"])
def test_renewed_certificates_count_at_once(reloadable, folder, ca, way):
    """Looked for once a day otherwise; the gateway's user may not read the keys."""
    shops = [ca.server("shop.example"), ca.server("shop.example")]
    live, renew = lay_out(way, folder, shops)
    tested = reloadable([{**says("one"), "tls": {
        "certificate": str(live / "tls.crt"), "key": str(live / "tls.key")}}],
        reload_certificates="1d")
    assert leaf_of(tested.gateway.address, ca) == shops[0].der
    renew()
    wait_until(lambda: leaf_of(tested.gateway.address, ca) == shops[1].der, 20)
