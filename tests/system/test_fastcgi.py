"""FastCGI: php-fpm as it is, and servers that lie. Which script, what it is told, bodies both ways,
what ends how."""

import hashlib
import json
import os
import shutil
import struct
import subprocess

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, chunked, fetch, request_bytes
from fcgiorigin import (ABORT, END, STDERR, FcgiOrigin, PhpFpm, answer, end, out, php_fpm,
                        read_head, read_record, read_request, record)
from h2client import Client
from origins import Origin, free_port
from tidegate import command, new_folder
from waiting import wait_until

needs_php = pytest.mark.skipif(php_fpm() is None, reason="there is no php-fpm")

SCRIPTS = {
    "index.php": """<?php header('X-Front: yes');
        echo 'front of ', $_SERVER['REQUEST_URI'], ' by ', $_SERVER['SCRIPT_NAME'];""",
    "env.php": "<?php header('Content-Type: application/json'); echo json_encode($_SERVER);",
    "hash.php": "<?php echo hash('sha256', file_get_contents('php://input')), ' ',"
                " strlen(file_get_contents('php://input'));",
    "upload.php": "<?php $f = $_FILES['f']; echo $f['name'], ' ', hash_file('sha256', $f['tmp_name']);",
    "big.php": """<?php header('Content-Type: application/octet-stream');
        $n = (int)$_GET['mb']; $b = str_repeat('0123456789abcdef', 65536);
        if (isset($_GET['length'])) header('Content-Length: ' . ($n * 1048576));
        for ($i = 0; $i < $n; $i++) { echo $b; }""",
    "slow.php": """<?php echo "one\\n"; flush(); while (!file_exists(__DIR__ . '/go')) { usleep(10000); clearstatcache(); } echo "two\\n";""",
    "limit.php": "<?php echo ini_get('memory_limit');",
    "error.php": "<?php http_response_code(503); echo 'not now';",
    "throw.php": "<?php error_log('something to say'); throw new Exception('gone wrong');",
    "die.php": "<?php shell_exec('kill -9 ' . getmypid()); sleep(10);",
    "away.php": "<?php header('Location: /elsewhere');",
    "sub/index.php": "<?php echo 'index of ', $_SERVER['SCRIPT_NAME'];",
    "style.css": "p { }",
    "upload.jpg": "<?php echo 'a picture was run';",
    ".git/hook.php": "<?php echo 'hidden';",
}


def write_scripts(folder):
    for name, text in SCRIPTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def site(address, root, files=None, **backend):
    route = {"backend": {"servers": [address], "protocol": "fastcgi", "root": str(root), **backend}}
    if files is not None:
        route["files"] = files
    return {"sites": [{"hosts": ["*"], "routes": [route]}]}


@pytest.fixture(name="world", scope="module", params=["port", "socket"])
def fixture_world(request, start_for_module):
    if php_fpm() is None:
        pytest.skip("there is no php-fpm")
    folder = new_folder()
    root = folder / "www"
    write_scripts(root)
    with PhpFpm(folder, request.param == "socket") as fpm:
        gateway = start_for_module(site(
            fpm.address, root, files={"root": str(root), "try": ["{path}", "/index.php"]},
            params={"APP_ENV": "test {method}", "X_TENANT": "{request.X-Tenant}", "PHP_VALUE": "memory_limit=77M"}))
        gateway.root = root
        yield gateway
    shutil.rmtree(folder, ignore_errors=True)


def ask(front, address, target, **more):
    if front == "h1":
        return fetch(address, target, **more)
    fields = [(name.lower(), value) for name, value in more.pop("fields", [])]
    if more.get("body") is not None:
        fields.append(("content-length", str(len(more["body"]))))
    with Client(address) as client:
        return client.request(target, fields=fields, **more)


FRONTS = pytest.mark.parametrize("front", ["h1", "h2"])


# php-fpm.


@FRONTS
@pytest.mark.parametrize("target, status, body", [
    ("/", 200, b"front of / by /index.php"),
    ("/blog/post?x=1", 200, b"front of /blog/post?x=1 by /index.php"),
    ("/index.php/a/b", 200, b"front of /index.php/a/b by /index.php"),
    ("/sub/", 200, b"index of /sub/index.php"),
    ("/style.css", 200, b"p { }"),
    ("/upload.jpg/x.php", 200, b"front of /upload.jpg/x.php by /index.php"),
    ("/.git/hook.php", 200, b"front of /.git/hook.php by /index.php"),
    ("/missing.php", 200, b"front of /missing.php by /index.php"),
    ("/error.php", 503, b"not now"),
])
def test_which_script_answers(world, front, target, status, body):
    response = ask(front, world.address, target)
    assert (response.status, response.body) == (status, body)


@FRONTS
def test_posts_go_to_the_front_controller(world, front):
    response = ask(front, world.address, "/style.css", method="POST", body=b"x")
    assert response.body == b"front of /style.css by /index.php"


@FRONTS
def test_scripts_are_told_of_the_request(world, front):
    response = ask(front, world.address, "/env.php/in%20fo?a=b&c", host="www.example",
                   fields=[("X-Good", "1"), ("X_Good", "2"), ("Proxy", "evil:1"),
                           ("Cookie", "a=1"), ("Content-Type", "text/x")])
    env = json.loads(response.body)
    assert (response.get("Content-Type") or response.get("content-type")) == "application/json"
    assert env["SCRIPT_FILENAME"] == f"{world.root}/env.php"
    assert env["SCRIPT_NAME"] == "/env.php" and env["PATH_INFO"] == "/in fo"
    assert env["DOCUMENT_ROOT"] == str(world.root)
    assert env["REQUEST_URI"] == "/env.php/in%20fo?a=b&c" and env["QUERY_STRING"] == "a=b&c"
    assert env["REMOTE_ADDR"] == "127.0.0.1" and int(env["REMOTE_PORT"]) > 0
    assert env["SERVER_NAME"] == "www.example" and env["HTTP_HOST"] == "www.example"
    assert env["REQUEST_SCHEME"] == "http" and "HTTPS" not in env
    assert env["HTTP_X_GOOD"] == "1" and env["HTTP_COOKIE"] == "a=1"
    assert env["CONTENT_TYPE"] == "text/x" and "HTTP_PROXY" not in env
    assert env["SERVER_PROTOCOL"] == ("HTTP/1.1" if front == "h1" else "HTTP/2.0")
    assert env["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


@FRONTS
def test_scripts_get_further_parameters(world, front):
    def env(*fields):
        return json.loads(ask(front, world.address, "/env.php", fields=fields).body)
    told = env(("X-Tenant", "a%b=c"), ("App-Env", "forged"))
    assert told["APP_ENV"] == "test GET" and told["X_TENANT"] == "a%b=c" and told["HTTP_APP_ENV"] == "forged"
    assert "X_TENANT" not in env(("App_Env", "forged"))  # it is not sent where it is empty
    limit = ask(front, world.address, "/limit.php").body
    assert limit == b"77M"  # php-fpm's own way to be told of settings


@FRONTS
@pytest.mark.parametrize("size", [0, 1, 70000, 3 << 20])
def test_bodies_arrive_whole(world, front, size):
    body = os.urandom(size)
    response = ask(front, world.address, "/hash.php", method="POST", body=body,
                   fields=[("Content-Type", "application/octet-stream")])
    assert response.body == f"{hashlib.sha256(body).hexdigest()} {size}".encode()


def test_a_body_of_unknown_length_is_gathered(world):
    with Connection(world.address) as connection:
        connection.send(request_bytes("/hash.php", "POST", fields=[
            ("Transfer-Encoding", "chunked"), ("Content-Type", "x/y")]) + chunked(b"ab", b"c" * 90000))
        whole = b"ab" + b"c" * 90000
        assert connection.read_response().body == \
            f"{hashlib.sha256(whole).hexdigest()} {len(whole)}".encode()
        connection.send(request_bytes("/hash.php", "POST", fields=[("Transfer-Encoding", "chunked")])
                        + chunked(b"d" * (1 << 20), b"e"))
        response = connection.read_response()
        assert response.status == 411
    assert world.wait_log(status=411)["reason"] == "length_required"


@FRONTS
def test_files_are_uploaded(world, front):
    data = os.urandom(2 << 20)
    body = (b"--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--xx--\r\n")
    response = ask(front, world.address, "/upload.php", method="POST", body=body,
                   fields=[("Content-Type", "multipart/form-data; boundary=xx")])
    assert response.body == b"a.bin " + hashlib.sha256(data).hexdigest().encode()


@FRONTS
@pytest.mark.parametrize("length", ["", "&length=1"])
def test_fifty_megabytes_come_whole(world, front, length):
    host, port = world.address
    done = subprocess.run(["curl", "-s", *(["--http2-prior-knowledge"] if front == "h2" else []),
                           f"http://{host}:{port}/big.php?mb=50{length}"],
                          stdout=subprocess.PIPE, timeout=60, check=True)
    assert len(done.stdout) == 50 << 20
    assert hashlib.sha256(done.stdout).digest() == \
        hashlib.sha256(b"0123456789abcdef" * (65536 * 50)).digest()


def test_what_is_flushed_comes_at_once(world):
    with Connection(world.address) as connection:
        connection.send(request_bytes("/slow.php"))
        assert connection.read_until(b"one\n")
        (world.root / "go").write_text("")
        assert connection.read_until(b"two\n")
    (world.root / "go").unlink()


@FRONTS
def test_head_has_no_body(world, front):
    response = ask(front, world.address, "/big.php?mb=1&length=1", method="HEAD")
    assert response.status == 200 and response.body == b""
    assert (response.get("Content-Length") or response.get("content-length")) == str(1 << 20)
    assert ask(front, world.address, "/error.php").status == 503


def test_a_script_that_fails_is_told_of(world):
    assert fetch(world.address, "/throw.php").status == 500
    wait_until(lambda: "gone wrong" in world.stderr())
    assert "something to say" in world.stderr() and "the script says" in world.stderr()


def test_a_process_that_dies_is_a_502(world):
    response = fetch(world.address, "/die.php")
    assert response.status == 502
    assert world.wait_log(status=502)["reason"] in ("server_closed", "server_reset")
    assert fetch(world.address, "/").status == 200


def test_a_location_is_a_redirect(world):
    response = fetch(world.address, "/away.php")
    assert response.status == 302 and response.get("Location") == "/elsewhere"


def test_conditional_requests_of_files_are_answered(world):
    response = fetch(world.address, "/style.css")
    again = fetch(world.address, "/style.css", fields=[("If-None-Match", response.get("ETag"))])
    assert again.status == 304


@needs_php
def test_ping_tells_of_health(start, folder):
    with PhpFpm(folder, False) as fpm:
        dead = f"127.0.0.1:{free_port()}"
        config = site(fpm.address, folder, script_files="trusted",
                      health_check={"path": "/ping", "interval": "100ms", "fall": 1, "rise": 1})
        config["sites"][0]["routes"][0]["backend"]["servers"].append(dead)
        gateway = start(config)
        gateway.wait_change(server=dead)
        assert gateway.server_changes(fpm.address, to="down") == []


# Without files beside them.


@pytest.fixture(name="root")
def fixture_root(folder):
    write_scripts(folder / "www")
    return folder / "www"


@pytest.mark.parametrize("target, status", [
    ("/index.php", 200), ("/", 200), ("/sub/", 200), ("/env.php/x", 200), ("/ENV.PHP", 404),
    ("/nothing.php", 404), ("/style.css", 404), ("/upload.jpg/x.php", 404), ("/.git/hook.php", 404),
    ("/sub/../index.php", 200), ("/..%2findex.php", 400), ("/index.php%00.jpg", 400)])
def test_scripts_that_are_not_there_are_not_asked_for(start, root, target, status):
    with FcgiOrigin(lambda request: answer(b"run")) as origin:
        gateway = start(site(origin.address, root))
        assert fetch(gateway.address, target).status == status
        assert len(origin.requests) == (status == 200)


def test_a_script_never_is_served_as_a_file(start, root):
    with FcgiOrigin(lambda request: answer(b"run")) as origin:
        gateway = start(site(origin.address, root, files={"root": str(root), "index": "index.php"}))
        for target in ("/index.php", "/env.php", "/", "/sub/", "/ENV.php"):
            for method in ("GET", "HEAD", "POST"):
                response = fetch(gateway.address, target, method)
                assert b"<?php" not in response.body
                assert response.status == (404 if target == "/ENV.php" else 200)
        assert fetch(gateway.address, "/sub").status == 308


def test_a_link_that_leads_out_is_not_followed(start, root, folder):
    (folder / "secret.php").write_text("<?php")
    (root / "out.php").symlink_to(folder / "secret.php")
    (root / "in.php").symlink_to("index.php")
    with FcgiOrigin(lambda request: answer(b"run")) as origin:
        gateway = start(site(origin.address, root))
        assert fetch(gateway.address, "/out.php").status == 404
        assert fetch(gateway.address, "/in.php").status == 200
        assert len(origin.requests) == 1


def test_trusted_scripts_are_not_looked_for(start):
    with FcgiOrigin(lambda request: answer(b"run")) as origin:
        gateway = start(site(origin.address, "/var/elsewhere", script_files="trusted"))
        assert fetch(gateway.address, "/any.php/x").status == 200
        assert fetch(gateway.address, "/any").status == 404
        params = origin.requests[0].params
        assert params["SCRIPT_FILENAME"] == "/var/elsewhere/any.php"
        assert params["PATH_TRANSLATED"] == "/var/elsewhere/x"


def test_the_client_is_the_one_that_trusted_proxies_name(start, root):
    with FcgiOrigin(lambda request: answer()) as origin:
        gateway = start({**site(origin.address, root), "trusted_proxies": ["127.0.0.0/8"]})
        fetch(gateway.address, "/index.php", fields=[
            ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "www.example")])
        params = origin.requests[0].params
        assert params["REMOTE_ADDR"] == "192.0.2.7" and params["HTTPS"] == "on"
        assert params["REQUEST_SCHEME"] == "https" and params["SERVER_PORT"] == "443"


def test_fields_of_one_name_are_one(start, root):
    with FcgiOrigin(lambda request: answer()) as origin:
        gateway = start(site(origin.address, root, forwarded=False))
        fetch(gateway.address, "/index.php", fields=[
            ("X-A", "1"), ("x-a", "2"), ("X_A", "3"), ("X.A", "4"), ("X-B", ""),
            ("Cookie", "a=1"), ("cookie", "b=2"), ("pRoXy", "x"), ("Expect", "100-continue")])
        params = origin.requests[0].params
        assert params["HTTP_X_A"] == "1, 2" and params["HTTP_COOKIE"] == "a=1; b=2"
        assert params["HTTP_X_B"] == "" and "HTTP_PROXY" not in params
        assert not [name for name in params if name.startswith("HTTP_X_FORWARDED")]


# Connections.


@pytest.mark.parametrize("kept", [True, False])
def test_connections_are_kept_where_the_backend_says_so(start, root, kept):
    with FcgiOrigin(lambda request: answer(b"x")) as origin:
        gateway = start(site(origin.address, root, **({"idle_connections": 4} if kept else {})))
        for _ in range(4):
            assert fetch(gateway.address, "/index.php").body == b"x"
        assert {request.keeps for request in origin.requests} == {kept}
        assert len(origin.connections) == (1 if kept else 4)


def test_the_next_server_is_asked(start, root):
    busy = lambda request: end(status=2)  # noqa: E731
    with FcgiOrigin(busy) as full, FcgiOrigin(lambda request: answer(b"here")) as other:
        config = site(full.address, root, balance="first")
        config["sites"][0]["routes"][0]["backend"]["servers"].append(other.address)
        gateway = start(config)
        assert fetch(gateway.address, "/index.php").body == b"here"
        assert len(full.requests) == len(other.requests) == 1


@FRONTS
def test_a_client_that_leaves_ends_the_script(start, root, front):
    seen = []

    def handler(connection):
        read_request(connection)
        connection.send(out(b"X-A: b\r\n\r\nbegun"))
        try:
            seen.append(read_record(connection)[0])
        except (EOFError, ConnectionResetError):
            seen.append("end")

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root))
        if front == "h1":
            with Connection(gateway.address) as connection:
                connection.send(request_bytes("/index.php"))
                connection.read_until(b"begun")
                connection.reset()
        else:
            with Client(gateway.address) as client:
                stream = client.send([(":method", "GET"), (":scheme", "http"), (":authority", "a"),
                                      (":path", "/index.php")])
                client.wait_for(lambda: client.streams[stream].body == b"begun", "the beginning")
        wait_until(lambda: seen)
        assert seen == [ABORT]


def test_a_slow_client_holds_the_server_up(start, root):
    sent = []

    def handler(connection):
        read_request(connection)
        connection.send(out(b"X-A: b\r\n\r\n"))
        for _ in range(1024):
            connection.send(out(b"z" * 65535))
            sent.append(65535)
        connection.send(end())

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root))
        with Connection(gateway.address, receive_buffer=65536) as connection:
            connection.send(request_bytes("/index.php"))
            connection.read_until(b"\r\n\r\n")
            last = -1
            while last != len(sent):
                last = len(sent)
                try:
                    wait_until(lambda: len(sent) > last, seconds=0.5)
                except AssertionError:
                    break
            assert len(sent) < 512
        wait_until(lambda: origin.connections[0].is_done)


def test_100_continue_is_said_here(start, root):
    with FcgiOrigin(lambda request: answer(request.body)) as origin:
        gateway = start(site(origin.address, root))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/index.php", "POST", fields=[
                ("Content-Length", "5"), ("Expect", "100-continue")]))
            assert connection.read_head().status == 100
            connection.send(b"hello")
            assert connection.read_response("POST").body == b"hello"


# Servers that lie.


LIES = {
    "another protocol": (b"HTTP/1.1 200 OK\r\n\r\n", 502, "fcgi_version"),
    "another version": (record(6, b"x", version=2), 502, "fcgi_version"),
    "another kind": (record(10, b""), 502, "fcgi_type"),
    "another request": (record(6, b"A: b\n\n", request=2), 502, "fcgi_request_id"),
    "a short end": (record(END, b"\0\0\0\0"), 502, "fcgi_end"),
    "an unknown end": (end(status=9), 502, "fcgi_end"),
    "another role": (end(status=3), 502, "fcgi_role"),
    "no answer": (end(), 502, "cgi_no_answer"),
    "no head": (out(b"\r\nhello") + end(), 502, "cgi_empty_head"),
    "a bad status": (out(b"Status: 2\r\n\r\n") + end(), 502, "cgi_status"),
    "101": (out(b"Status: 101\r\n\r\n") + end(), 502, "cgi_status"),
    "a coding": (out(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") + end(), 502,
                 "cgi_transfer_encoding"),
    "a status line": (out(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n") + end(), 502, "cgi_status_line"),
    "no field": (out(b"<html>\r\n\r\n") + end(), 502, None),
    "two lengths": (out(b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx") + end(), 502, None),
    "a long head": (out(b"A: " + b"x" * 300000 + b"\r\n\r\n") + end(), 502, "cgi_head_too_large"),
    "a head without an end": (out(b"A: b\r\n") + end(), 502, "cgi_no_answer"),
    "nothing": (b"", 502, "server_closed"),
    "half a record": (record(6, b"A: b\r\n\r\n")[:10], 502, "server_closed"),
    "emptiness": (record(STDERR) * 100, 502, "fcgi_empty"),
}


@FRONTS
@pytest.mark.parametrize("lie", LIES)
def test_lies_are_told_apart(start, root, front, lie):
    sent, status, reason = LIES[lie]

    def handler(connection):
        read_request(connection)
        connection.send(sent)

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root))
        assert ask(front, gateway.address, "/index.php").status == status
        entry = gateway.wait_log(status=502)
        assert reason is None or entry["reason"] == reason


@FRONTS
@pytest.mark.parametrize("sent", [
    out(b"Content-Length: 10\r\n\r\nhello") + end(), out(b"A: b\r\n\r\nhello"),
    out(b"A: b\r\n\r\nhello") + record(6) + record(6, b"more")])
def test_an_answer_that_is_cut_short_is_no_answer(start, root, front, sent):
    def handler(connection):
        read_request(connection)
        connection.send(sent)

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root))
        if front == "h1":
            with Connection(gateway.address) as connection:
                connection.send(request_bytes("/index.php"))
                try:
                    assert not connection.read_to_end().endswith(b"0\r\n\r\n")
                except ConnectionResetError:
                    pass
        else:
            with Client(gateway.address) as client:
                stream = client.send([(":method", "GET"), (":scheme", "http"), (":authority", "a"),
                                      (":path", "/index.php")])
                client.wait_for(lambda: client.streams[stream].reset is not None, "a reset")
        assert gateway.wait_log()["reason"] in ("response_cut_short", "fcgi_after_end")


def test_more_than_the_length_is_left_out(start, root):
    with FcgiOrigin(lambda request: out(b"Content-Length: 2\r\n\r\nabcdef") + end()) as origin:
        gateway = start(site(origin.address, root, idle_connections=4))
        for _ in range(2):
            assert fetch(gateway.address, "/index.php").body == b"ab"
        assert len(origin.connections) == 2


def test_what_comes_behind_an_answer_is_nobodys(start, root):
    with FcgiOrigin(lambda request: answer(b"one") + answer(b"two")) as origin:
        gateway = start(site(origin.address, root, idle_connections=4))
        for _ in range(3):
            assert fetch(gateway.address, "/index.php").body == b"one"
        assert len(origin.connections) == 3


def test_an_answer_may_come_in_any_pieces(start, root):
    whole = record(STDERR, b"a word\0\r\n", padding=7) + record(6, b"Sta", padding=3) + \
        out(b"tus: 404\r") + out(b"\nA: b\n\nhel") + record(6, b"lo", padding=255) + record(6) + \
        record(END, struct.pack("!IBxxx", 1, 0), padding=8)

    def handler(connection):
        for step in (1, 3, 8):
            request = read_request(connection)
            assert request.keeps
            for at in range(0, len(whole), step):
                connection.sock.sendall(whole[at:at + step])
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root, idle_connections=1))
        for _ in range(3):
            response = fetch(gateway.address, "/index.php")
            assert (response.status, response.body) == (404, b"hello")
        wait_until(lambda: "a word" in gateway.stderr())
        assert len(origin.connections) == 1


def test_what_scripts_say_to_the_log_has_a_bound(start, root):
    noise = b"".join(record(STDERR, b"\x1b[31m" + b"n" * 60000) for _ in range(20))
    with FcgiOrigin(lambda request: noise + answer(b"x")) as origin:
        gateway = start(site(origin.address, root))
        for _ in range(30):
            assert fetch(gateway.address, "/index.php").body == b"x"
        said = gateway.stderr()
        assert "the script says" in said and "\x1b" not in said
        assert len(said) < 30 * 1500


def test_a_server_that_reads_nothing_does_not_hold_the_body(start, root):
    def handler(connection):
        read_head(connection)
        connection.send(answer(b"enough"))

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes("/index.php", "POST",
                                          fields=[("Content-Length", "50000000")]) + b"x" * 100000)
            assert connection.read_response("POST").body == b"enough"


def test_a_server_that_is_silent_has_its_time(start, root):
    def handler(connection):
        read_request(connection)
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = start(site(origin.address, root, response_timeout="300ms"))
        assert fetch(gateway.address, "/index.php").status == 504


# What is said of it beforehand.


@pytest.mark.parametrize("backend, message", [
    ({"protocol": "fastcgi"}, "has no 'root'"),
    ({"root": "/"}, "'root' in a backend that does not speak FastCGI"),
    ({"split_path": ".php"}, "'split_path' in a backend that does not speak FastCGI"),
    ({"protocol": "fastcgi", "root": "/nowhere/at/all"}, "/nowhere/at/all"),
    ({"protocol": "fastcgi", "root": "/", "split_path": "a/b"}, "not the end of a file's name"),
    ({"params": {"A": "b"}}, "'params' in a backend that does not speak FastCGI"),
    ({"protocol": "fastcgi", "root": "/", "params": {"A-B": "b"}}, "'A-B' is no name of a parameter"),
    ({"protocol": "fastcgi", "root": "/", "params": {"script_filename": "b"}}, "the gateway says 'script_filename' itself"),
    ({"protocol": "fastcgi", "root": "/", "params": {"HTTP_PROXY": "b"}}, "would be a field of the request"),
    ({"protocol": "fastcgi", "root": "/", "params": {"A": "{nothing}"}}, "nothing"),
    ({"protocol": "fastcgi", "root": "/", "health_check": {"grpc": {}}}, "by gRPC")])
def test_what_is_wrong_is_told(folder, backend, message):
    (folder / "tidegate.yaml").write_text(json.dumps({"sites": [{"hosts": "*", "backend": {
        "servers": "127.0.0.1:9000", **backend}}]}))
    done = command("check", "-c", "tidegate.yaml", cwd=folder)
    assert done.returncode == 1 and message in done.stderr


@pytest.mark.parametrize("target, step", [
    ("/a.php/b", "/srv/www/a.php, if it is there; else 404; PATH_INFO /b"), ("/a", "404")])
def test_route_names_the_script(folder, target, step):
    (folder / "tidegate.yaml").write_text(json.dumps(
        {**site("127.0.0.1:9000", "/srv/www", script_files="trusted"),
         "listeners": [{"bind": "127.0.0.1:80"}]}))
    done = command("route", f"http://a.example{target}", "--json", "-c", "tidegate.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    steps = {one["what"]: one["text"] for one in json.loads(done.stdout)["steps"]}
    assert step in steps["script"] and "FastCGI" in steps["upstream"]
