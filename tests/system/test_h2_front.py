"""HTTP/2 towards clients: real ones, and one that speaks in frames."""

import contextlib
import shutil
import ssl
import subprocess
import threading
import time

import pytest

from client import Connection, request_bytes
from h2client import (CANCEL, END_HEADERS, END_STREAM, HEADERS, INTERNAL_ERROR, NO_ERROR, PREFACE,
                      PROTOCOL_ERROR, Client, frame)
from origins import EchoOrigin, Origin, response_bytes
from tidegate import environment
from waiting import wait_until

MIB = 1024 * 1024
BIG = bytes(range(256)) * 16384  # 4 MiB


def run(*args, timeout=60):
    return subprocess.run(args, capture_output=True, timeout=timeout, env=environment(),
                          stdin=subprocess.DEVNULL, check=False)


def curl(gateway, *args):
    return run("curl", "-sS", "-m", "30", "--noproxy", "*", "--resolve",
               f"shop.example:{gateway.port}:127.0.0.1", *args)


def plain(origin, **more):
    return {"sites": [{"hosts": ["*"], "backend": origin.address}], **more}


def handler(connection):
    """One origin for many tests: its path says what it does."""
    while True:
        request = connection.read_head()
        path = request.target.split("?")[0]
        if path == "/early":
            connection.send(response_bytes(403, [("Connection", "close")], b"no"))
            connection.wait_end()
            return
        connection.read_body(request)
        if path == "/trailers":
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n"
                            b"\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n")
        elif path == "/interim":
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        elif path == "/cut":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
            return
        elif path == "/broken":
            connection.send(b"HTTP/1.1 2x0 OK\r\n\r\n")
            return
        elif path == "/big":
            connection.send(response_bytes(200, [], BIG))
        elif path == "/hop":
            connection.send(response_bytes(200, [("Connection", "keep-alive, x-hop"),
                                                 ("Keep-Alive", "timeout=5"), ("X-Hop", "1"),
                                                 ("X-Upper", "Kept")], b"hop"))
        elif path == "/204":
            connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif path == "/close":
            connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
            return
        else:
            lines = "".join(f"{name}: {value}\n" for name, value in request.fields)
            connection.send(response_bytes(
                200, [], f"{request.method} {request.target}\n{lines}\n".encode() + request.body))


@pytest.fixture(scope="module")
def origin():
    with Origin(handler) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(start_for_module, shop, ca, origin, folder_of_files):
    other = ca.server("other.example")
    return start_for_module({
        "sites": [
            {"hosts": ["shop.example"], "tls": shop.settings(), "plain_http": "serve", "routes": [
                {"match": {"path": "/files/*"}, "files": {"root": str(folder_of_files)}},
                {"match": {"path": "/echo"}, "respond": {"echo": True}},
                {"match": {"path": "/small"}, "backend": origin.address, "body_limit": "1k"},
                {"match": {"path": "/*"}, "backend": origin.address}]},
            {"hosts": ["other.example"], "tls": other.settings(), "respond": {"body": "other"}},
            {"hosts": ["relayed.example"], "passthrough": "127.0.0.1:9"}],
        "limits": {"head": "4k", "fields": 50, "target": "1k", "streams": 20},
        "timeouts": {"body": "1s", "head": "1s"}})


@pytest.fixture(scope="module")
def folder_of_files(pki_folder):
    path = pki_folder / "www" / "files"
    path.mkdir(parents=True)
    (path / "big.bin").write_bytes(BIG)
    (path / "big.bin").chmod(0o644)
    for each in (path, path.parent):
        each.chmod(0o755)
    return path.parent


@pytest.fixture
def client(gateway, ca):
    with Client(gateway.address, ca.client_context()) as found:
        yield found


# Real clients.


@pytest.mark.parametrize("options, scheme", [
    (["--http2"], "https"), (["--http2-prior-knowledge"], "http")], ids=["alpn", "prior"])
def test_curl(gateway, ca, options, scheme):
    done = curl(gateway, *options, "--cacert", str(ca.file), "-w", "%{http_version}",
                f"{scheme}://shop.example:{gateway.port}/curl-{scheme}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"GET /curl-{scheme}\n".encode()) and done.stdout.endswith(b"2")
    entry = gateway.wait_log(target=f"/curl-{scheme}")
    assert entry["version"] == "HTTP/2" and entry["status"] == 200
    assert entry["mode"] == ("terminate" if scheme == "https" else "plain")


def test_upgrade_to_h2c_is_ignored(gateway):
    done = curl(gateway, "--http2", "-w", "%{http_version}",
                f"http://shop.example:{gateway.port}/h2c")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"1.1")
    assert b"upgrade" not in done.stdout.lower() and b"http2-settings" not in done.stdout.lower()


def test_curl_big_bodies(gateway, ca, folder):
    upload = folder / "upload"
    upload.write_bytes(BIG)
    url = f"https://shop.example:{gateway.port}"
    for target in ("/big", "/files/big.bin"):
        done = curl(gateway, "--http2", "--cacert", str(ca.file), url + target)
        assert done.returncode == 0 and done.stdout == BIG, done.stderr
    done = curl(gateway, "--http2", "--cacert", str(ca.file), "--data-binary", f"@{upload}",
                url + "/upload")
    assert done.returncode == 0 and done.stdout.endswith(BIG), done.stderr


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="nghttp is not installed")
def test_nghttp(gateway):
    done = run("nghttp", "-nv", f"http://127.0.0.1:{gateway.port}/echo", "-H",
               ":authority: shop.example")
    assert b":status: 200" in done.stdout, done.stdout + done.stderr
    assert b"PROTOCOL_ERROR" not in done.stdout


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
def test_h2load_many_streams(start):
    with EchoOrigin() as echo:
        gateway = start(plain(echo))
        done = run("h2load", "-n", "2000", "-c", "4", "-m", "32",
                   f"http://127.0.0.1:{gateway.port}/load")
        assert b"2000 succeeded" in done.stdout, done.stdout + done.stderr


def test_prior_knowledge_in_pieces(gateway):
    """The preface may come byte by byte, and so may a request that only begins like it."""
    with Connection(gateway.address) as connection:
        for byte in PREFACE[:-1]:
            connection.send(bytes([byte]))
        connection.send(PREFACE[-1:] + frame(4))
        assert connection.read(9)[3] == 4  # SETTINGS
    with Connection(gateway.address) as connection:
        for piece in (b"P", b"R", b"OPFIND /pieces HTTP/1.1\r\nHost: shop.example\r\n\r\n"):
            connection.send(piece)
        assert connection.read_response().status == 200


# Responses.


def test_request_reaches_the_origin(client):
    response = client.request("/a?b=c", fields=[("x-one", "1"), ("te", "trailers")])
    assert response.status == 200
    text = response.body.decode()
    assert text.startswith("GET /a?b=c\n")
    assert "Host: shop.example\n" in text and "x-one: 1\n" in text
    assert "X-Forwarded-Proto: https\n" in text and "Via:" not in text
    assert response.get("date")


def test_no_connection_fields_in_responses(client):
    response = client.request("/hop")
    assert response.body == b"hop"
    names = [name for name, _ in response.fields]
    assert names == [name.lower() for name in names]
    assert not {"connection", "keep-alive", "x-hop", "transfer-encoding"} & set(names)
    assert response.get("x-upper") == "Kept"


def test_trailers_of_a_response(client):
    response = client.request("/trailers")
    assert response.body == b"hello"
    assert response.trailers == [("x-sum", "42")]


def test_trailers_of_a_request(client):
    stream = client.start("/post", "POST", end=False)
    client.data(stream, b"body")
    client.trailers(stream, [("x-check", "7")])
    assert client.wait(stream).body.endswith(b"body")


def test_interim_response(client):
    response = client.request("/interim")
    assert response.interim == [{":status": "103", "link": "</a.css>"}]
    assert response.status == 200 and response.body == b"ok"


def test_head_and_204_and_close_delimited(client):
    response = client.request("/big", "HEAD")
    assert response.status == 200 and response.body == b""
    assert response.get("content-length") == str(len(BIG))
    response = client.request("/204")
    assert response.status == 204 and response.get("content-length") is None
    assert client.request("/close").body == b"until the end"


def test_early_response_ends_the_upload(client):
    """The answer is whole; then RST_STREAM with NO_ERROR says that no more of the body is
    wanted."""
    stream = client.start("/early", "POST", end=False)
    client.data(stream, b"x" * 1000)
    response = client.wait(stream)
    assert response.status == 403 and response.body == b"no" and response.is_ended
    client.wait_for(lambda: response.reset is not None, "RST_STREAM")
    assert response.reset == NO_ERROR
    assert client.request("/after").status == 200


def test_response_cut_short_is_reset(client):
    stream = client.start("/cut")
    response = client.wait(stream)
    assert response.reset == INTERNAL_ERROR and not response.is_ended
    assert client.request("/broken").status == 502
    assert client.request("/after").status == 200


def test_body_over_the_limit(client):
    assert client.request("/small", "POST", body=b"x" * 1000).status == 200
    stream = client.start("/small", "POST", end=False)
    client.data(stream, b"x" * 5000)
    assert client.wait(stream).status == 413


def test_files(client):
    assert client.request("/files/big.bin").body == BIG
    response = client.request("/files/big.bin", fields=[("range", "bytes=10-19")])
    assert response.status == 206 and response.body == BIG[10:20]


def test_content_length_of_zero(client):
    stream = client.start("/zero", "POST", end=False, fields=[("content-length", "0")])
    client.data(stream, b"", end=True)
    assert client.wait(stream).status == 200


def test_cookie_crumbs_are_joined(client):
    response = client.request("/", fields=[("cookie", "a=1"), ("x-y", "z"), ("cookie", "b=2"),
                                           ("cookie", "c=3")])
    assert b"Cookie: a=1; b=2; c=3\n" in response.body
    assert response.body.lower().count(b"cookie") == 1


def test_asterisk(client):
    assert client.request("*", "OPTIONS").status in (200, 404)


# Many streams at once.


def test_streams_are_independent(gateway, ca):
    """A client that opens no window for one stream still gets the others."""
    with Client(gateway.address, ca.client_context(), acks=False, window=1000) as client:
        blocked = client.start("/big")
        client.wait_for(lambda: client.streams[blocked].received == 1000, "the first window")
        for number in range(10):
            assert client.request(f"/other-{number}").status == 200
        assert client.streams[blocked].received == 1000
        client.acks = True
        client.h2.acknowledge_received_data(1000, blocked)
        client.flush()
        assert client.wait(blocked).body == BIG


def test_concurrent_uploads(client):
    streams = [client.start(f"/up-{n}", "POST", end=False) for n in range(8)]
    for part in range(4):
        for stream in streams:
            client.data(stream, b"%d" % part * 20000, end=part == 3)
    for stream in streams:
        assert client.wait(stream).body.endswith(
            b"0" * 20000 + b"1" * 20000 + b"2" * 20000 + b"3" * 20000)


def test_more_streams_than_allowed(client):
    client.wait_for(lambda: client.h2.remote_settings.max_concurrent_streams == 20, "SETTINGS")
    for _ in range(20):
        client.start("/echo", "POST", end=False)
    block = client.encode(client.headers("/echo"))
    client.raw(frame(HEADERS, END_HEADERS | END_STREAM, client.h2.get_next_available_stream_id(),
                     block))
    assert client.wait_goaway()[0] == PROTOCOL_ERROR


def test_cancel_reaches_the_origin(start, ca, shop):
    ended = threading.Event()
    asked = threading.Event()

    def slow(connection):
        connection.read_request()
        asked.set()
        connection.wait_end()
        ended.set()

    with Origin(slow) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                    "backend": origin.address}]})
        with Client(gateway.address, ca.client_context()) as client:
            stream = client.start("/slow")
            assert asked.wait(20)
            client.reset(stream)
            assert ended.wait(20)
            entry = gateway.wait_log(target="/slow")
            assert entry["reason"] == "client_reset"


def test_lost_client_reaches_the_origin(start):
    ended = threading.Event()
    asked = threading.Event()

    def slow(connection):
        connection.read_request()
        asked.set()
        connection.wait_end()
        ended.set()

    with Origin(slow) as origin:
        gateway = start(plain(origin))
        client = Client(gateway.address)
        client.start("/slow")
        assert asked.wait(20)
        client.reset_connection()
        assert ended.wait(20)


def test_ping_is_answered(client):
    client.h2.ping(b"12345678")
    client.flush()
    client.wait_for(lambda: client.pings == [b"12345678"], "the PING's answer")


def test_priority_field_and_update(gateway, ca):
    """RFC 9218: a stream of urgency 0 that comes later overtakes one of urgency 7."""
    with Client(gateway.address, ca.client_context(), acks=False) as client:
        low = client.start("/files/big.bin", fields=[("priority", "u=7")])
        client.wait_for(lambda: client.h2.remote_flow_control_window(low) >= 0
                        and client.streams[low].received == 65535, "a full window")
        high = client.start("/files/big.bin", fields=[("priority", "u=0")])
        client.wait_for(lambda: client.h2.remote_settings is not None, "SETTINGS")
        client.h2.increment_flow_control_window(MIB, low)
        client.h2.increment_flow_control_window(MIB, high)
        client.flush()
        client.wait_head(high)
        client.h2.increment_flow_control_window(200000)
        client.flush()
        client.wait_for(lambda: client.streams[low].received + client.streams[high].received
                        == 265535, "the connection's window")
        # A frame of the other may have been on its way already.
        assert client.streams[high].received >= 200000 - 2 * 16384
        client.raw(frame(16, 0, 0, low.to_bytes(4, "big") + b"u=0, i"))
        client.h2.increment_flow_control_window(200000)
        client.flush()
        client.wait_for(lambda: client.streams[low].received + client.streams[high].received
                        == 465535, "the connection's window")
        assert client.streams[low].received > 65535


@pytest.mark.parametrize("kind", ["files", "h1"])
def test_the_urgent_one_goes_first_on_a_slow_network(start, folder_of_files, kind):
    """Where the socket is what holds them up, too; and the other one is not taken for stalled."""
    total = 64 * MIB

    def endless(connection):
        connection.read_head()
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n".encode())
        with contextlib.suppress(OSError):
            for _ in range(total // MIB):
                connection.sock.sendall(bytes(MIB))
        connection.wait_end()

    with open(folder_of_files / "long.bin", "wb") as file:
        file.truncate(total)
    (folder_of_files / "long.bin").chmod(0o644)
    with Origin(endless) as origin:
        what = {"backend": origin.address} if kind == "h1" else {
            "files": {"root": str(folder_of_files)}}
        gateway = start({"workers": 1, "sites": [{"hosts": ["*"], **what}],
                         "timeouts": {"send": "500ms"}})
        with Client(gateway.address, window=2 ** 31 - 1, keeps_bodies=False,
                    receive_buffer=65536) as client:
            client.h2.increment_flow_control_window(2 ** 31 - 1 - 65535)
            client.flush()
            low = client.start("/long.bin", fields=[("priority", "u=7")])
            client.wait_for(lambda: client.streams[low].received > MIB)
            high = client.start("/long.bin", fields=[("priority", "u=0")])
            client.wait_for(lambda: client.streams[high].received > MIB)
            before = client.streams[low].received
            while client.streams[high].received < 40 * MIB:
                client.pump()
                time.sleep(0.002)
            assert client.streams[low].received - before < 12 * MIB  # or half, if it were its turn
            assert client.streams[low].reset is None
            client.wait_for(lambda: client.streams[high].is_ended)
            client.wait_for(lambda: client.streams[low].received - before > 8 * MIB)


# Malformed requests: a stream error, and never forwarded.

GOOD = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "shop.example")]


def without(name):
    return [field for field in GOOD if field[0] != name]


def instead(name, value):
    return [(key, value if key == name else old) for key, old in GOOD]


MALFORMED = {
    "no method": without(":method"),
    "no path": without(":path"),
    "no scheme": without(":scheme"),
    "no authority": without(":authority"),
    "an empty path": instead(":path", ""),
    "a path without a slash": instead(":path", "x"),
    "an absolute path": instead(":path", "https://shop.example/"),
    "a space in the path": instead(":path", "/a b"),
    "a fragment": instead(":path", "/a#b"),
    "CR LF in the path": instead(":path", "/ HTTP/1.1\r\nX: y"),
    "an asterisk with GET": instead(":path", "*"),
    "a bad method": instead(":method", "GE T"),
    "an empty method": instead(":method", ""),
    "another scheme": instead(":scheme", "ftp"),
    "a bad authority": instead(":authority", "shop.example/x"),
    "userinfo": instead(":authority", "user@shop.example"),
    "two authorities": GOOD + [("host", "bank.example")],
    "two hosts": GOOD + [("host", "shop.example"), ("host", "shop.example")],
    "a pseudo-field twice": GOOD + [(":path", "/b")],
    "a pseudo-field late": [*GOOD[:3], ("x", "y"), GOOD[3]],
    "an unknown pseudo-field": GOOD + [(":x", "y")],
    "a response's pseudo-field": GOOD + [(":status", "200")],
    "protocol without connect": GOOD + [(":protocol", "websocket")],
    "an upper-case name": GOOD + [("X-Upper", "y")],
    "an empty name": GOOD + [("", "y")],
    "a colon in a name": GOOD + [("x:y", "z")],
    "a space in a name": GOOD + [("x y", "z")],
    "CR LF in a value": GOOD + [("x", "y\r\nz: 1")],
    "NUL in a value": GOOD + [("x", "y\0z")],
    "LF in a value": GOOD + [("x", "y\nz")],
    "a leading space": GOOD + [("x", " y")],
    "a trailing tab": GOOD + [("x", "y\t")],
    "Connection": GOOD + [("connection", "close")],
    "Keep-Alive": GOOD + [("keep-alive", "1")],
    "Proxy-Connection": GOOD + [("proxy-connection", "close")],
    "Upgrade": GOOD + [("upgrade", "websocket")],
    "Transfer-Encoding": GOOD + [("transfer-encoding", "chunked")],
    "TE: gzip": GOOD + [("te", "gzip")],
    "Content-Length without a body": GOOD + [("content-length", "5")],
    "two Content-Lengths": GOOD + [("content-length", "0"), ("content-length", "0")],
    "a list of Content-Lengths": GOOD + [("content-length", "0, 0")],
    "a signed Content-Length": GOOD + [("content-length", "+0")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_request(client, origin, fields):
    before = len(origin.connections) if hasattr(origin, "connections") else None
    stream = client.send(fields)
    response = client.wait(stream)
    assert response.reset == PROTOCOL_ERROR and response.fields is None
    assert before is None or len(origin.connections) == before
    assert client.request("/echo").status == 200, "the connection must go on"


@pytest.mark.parametrize("declared, sent", [(3, b"four"), (5, b"four")], ids=["longer", "shorter"])
def test_body_against_content_length(client, declared, sent):
    stream = client.start("/length", "POST", end=False,
                          fields=[("content-length", str(declared))])
    client.h2.streams[stream]._expected_content_length = None
    client.data(stream, sent, end=True)
    assert client.wait(stream).reset == PROTOCOL_ERROR


@pytest.mark.parametrize("trailers", [
    [(":path", "/x")], [("x y", "4")], [("", "x")], [("X-Upper", "1")],
    [("transfer-encoding", "chunked")], [("x", "y\r\nz")]])
def test_bad_trailers(client, trailers):
    stream = client.start("/post", "POST", end=False)
    client.data(stream, b"body")
    client.raw(frame(HEADERS, END_HEADERS | END_STREAM, stream, client.encode(trailers)))
    assert client.wait(stream).reset == PROTOCOL_ERROR


def test_trailers_that_do_not_end_the_stream(client):
    stream = client.start("/post", "POST", end=False)
    client.raw(frame(HEADERS, END_HEADERS, stream, client.encode([("x", "y")])))
    assert client.wait(stream).reset == PROTOCOL_ERROR


@pytest.mark.parametrize("fields, status", [
    ([("x-big", "x" * 5000)], 431), ([(f"x-{n}", "y") for n in range(60)], 431),
    ([("expect", "something")], 417)])
def test_too_much(client, fields, status):
    assert client.request("/", fields=fields).status == status
    assert client.request("/echo").status == 200


def test_target_too_long(client):
    assert client.request("/" + "x" * 2000).status == 414


def test_connect_is_refused(client):
    response = client.wait(client.send([(":method", "CONNECT"),
                                        (":authority", "shop.example:443")]))
    assert response.status == 405


# Coalescing (RFC 9110 section 15.5.20).


@pytest.mark.parametrize("host", ["other.example", "relayed.example", "unknown.example"])
def test_authority_of_another_site_is_misdirected(gateway, client, host):
    response = client.request("/", host=host)
    assert response.status == 421
    assert client.request("/echo").status == 200
    assert gateway.wait_log(authority=host)["reason"] in ("misdirected_request", "unknown_host")


@pytest.mark.parametrize("host", ["deep.wild.example", "guarded.wild.example"])
def test_a_certificate_that_covers_the_name_is_not_enough(start, ca, host):
    """A browser may reuse the connection then; the names are passed through, or for clients with a
    certificate alone."""
    wild = ca.server("*.wild.example").settings()
    gateway = start({"sites": [
        {"hosts": ["*.wild.example"], "tls": wild, "respond": {"body": "wild"}},
        {"hosts": ["guarded.wild.example"], "respond": {"body": "guarded"},
         "tls": {**wild, "clients": {"verify": "required", "ca": str(ca.file)}}},
        {"hosts": ["deep.wild.example"], "passthrough": "127.0.0.1:9"}]})
    with Client(gateway.address, ca.client_context(), server_name="a.wild.example") as client:
        assert client.request("/", host="b.wild.example").body == b"wild"
        assert client.request("/", host=host).status == 421
        assert client.request("/", host=host.upper() + ":443").status == 421


# Time, and the end.


def test_body_that_stops_coming(client):
    stream = client.start("/stops", "POST", end=False)
    client.data(stream, b"some")
    assert client.wait(stream).status == 408
    assert client.request("/echo").status == 200


def test_head_that_stops_coming(gateway, client):
    client.request("/echo")
    client.raw(frame(HEADERS, END_STREAM, client.h2.get_next_available_stream_id(), b"\x82"))
    client.wait_closed()
    assert client.goaways
    gateway.wait_log(reason="head_timeout")


def test_idle_connection_is_closed(start):
    with EchoOrigin() as echo:
        gateway = start(plain(echo, timeouts={"keep_alive": "500ms"}))
        with Client(gateway.address) as client:
            assert client.request("/one").status == 200
            client.wait_closed()
            assert client.goaways[-1][0] == NO_ERROR


def test_client_that_opens_no_window(start):
    with Origin(handler) as origin:
        gateway = start(plain(origin, timeouts={"send": "1s"}))
        with Client(gateway.address, acks=False, window=100) as client:
            stream = client.start("/big")
            assert client.wait(stream).reset == CANCEL
            assert gateway.wait_log(target="/big")["reason"] == "client_stalled"
            assert client.request("/204").status == 204


def test_slow_clients_cost_a_bounded_amount(start):
    """A hundred blocked responses of 4 MiB each: memory grows by a few receive buffers each."""
    with Origin(handler) as origin:
        gateway = start(plain(origin))
        with Client(gateway.address, acks=False, window=100) as client:
            client.request("/204")
            before = gateway.rss_bytes()
            streams = [client.start("/big") for _ in range(90)]
            client.wait_for(lambda: all(client.streams[s].received == 100 for s in streams),
                            "all windows full")
            assert gateway.rss_bytes() - before < 90 * 400 * 1024


def test_drain_lets_requests_finish(start):
    go_on = threading.Event()
    asked = threading.Event()

    def slow(connection):
        connection.read_request()
        asked.set()
        go_on.wait(20)
        connection.send(response_bytes(200, [("Connection", "close")], b"late"))

    with Origin(slow) as origin:
        gateway = start(plain(origin))
        with Client(gateway.address) as client:
            stream = client.start("/slow")
            assert asked.wait(20)
            gateway.terminate()
            client.wait_for(lambda: len(client.goaways) == 2, "two GOAWAYs")
            assert client.goaways == [(NO_ERROR, 2 ** 31 - 1), (NO_ERROR, stream)]
            go_on.set()
            assert client.wait(stream).body == b"late"
            client.wait_closed()
        gateway.wait_exit()


def test_drain_of_idle_connections(start):
    with EchoOrigin() as echo:
        gateway = start(plain(echo))
        with Client(gateway.address) as client:
            assert client.request("/").status == 200
            gateway.terminate()
            client.wait_closed()
            assert client.goaways[-1][0] == NO_ERROR
        gateway.wait_exit()


# Configuration.


@pytest.mark.parametrize("protocols, offered, chosen", [
    ("h1", ["h2", "http/1.1"], "http/1.1"), ("h2", ["h2", "http/1.1"], "h2"),
    ("h2+h1", ["http/1.1", "h2"], "h2"), ("h2+h1", ["http/1.1"], "http/1.1")])
def test_protocols(start, shop, ca, protocols, offered, chosen):
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "x"},
                                "tls": {**shop.settings(), "protocols": protocols}}]})
    context = ca.client_context()
    context.set_alpn_protocols(offered)
    with Connection(gateway.address, context, "shop.example") as connection:
        assert connection.sock.selected_alpn_protocol() == chosen


def test_h2_alone_refuses_others(start, shop, ca):
    gateway = start({"sites": [{"hosts": ["shop.example"], "respond": {"body": "x"},
                                "tls": {**shop.settings(), "protocols": "h2"}}]})
    context = ca.client_context()
    context.set_alpn_protocols(["http/1.1"])
    with pytest.raises(ssl.SSLError):
        with Connection(gateway.address, context, "shop.example"):
            pass


def test_http11_still_works_beside_it(gateway, ca):
    context = ca.client_context()
    context.set_alpn_protocols(["http/1.1"])
    with Connection(gateway.address, context, "shop.example") as connection:
        connection.send(request_bytes("/h1", host="shop.example"))
        assert connection.read_response().status == 200
    wait_until(lambda: gateway.wait_log(target="/h1")["version"] == "HTTP/1.1")
