"""`tidegate explain`: the diagram, the JSON, each option, resumption, two-way TLS, HTTP/1.1 and 2."""

import json
import os
import pty
import re
import shutil
import ssl
import subprocess

import pytest

from origins import EchoOrigin, Origin, free_port, response_bytes
from tidegate import binary, command, environment
from client import open_socket
from waiting import wait_until

HOST = "shop.example"


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as echo:
        yield echo


@pytest.fixture(scope="module")
def gateway(start_for_module, ca, origin, shop):
    two_way = {**ca.server("partners.example").settings(),
               "clients": {"verify": "required", "ca": str(ca.file)}}
    return start_for_module({"sites": [
        {"hosts": [HOST], "backend": origin.address, "tls": shop.settings()},
        {"hosts": ["partners.example"], "backend": origin.address, "tls": two_way},
        {"hosts": ["early.example"], "backend": origin.address,
         "tls": {**ca.server("early.example").settings(), "early_data": True,
                 "ticket_rotation": "1h"}}]})


def explain(gateway, ca, *options, host=HOST, target="/"):
    done = command("explain", f"https://{host}{target}", "--connect", f"127.0.0.1:{gateway.port}",
                   "--ca", str(ca.file), *options)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def explain_json(gateway, ca, *options, **where):
    return json.loads(explain(gateway, ca, "--json", *options, **where))


def steps_of(answer):
    return [step["step"] for step in answer["steps"]]


def step(answer, name):
    return next(step for step in answer["steps"] if step["step"] == name)


def in_order(text, *parts):
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} is not behind the others in\n{text}"
        at = found + len(part)


def test_the_diagram(gateway, ca, origin):
    text = explain(gateway, ca, "--http1.1", target="/drawn?a=b")
    in_order(text, "client", "server\n", "- TCP connect -", "- connected -", "- ClientHello -",
             "TLS 1.3, TLS 1.2", HOST, "- ServerHello -", "TLS_AES_128_GCM_SHA256",
             "- EncryptedExtensions -", "- Certificate -", f"CN={HOST}", "CN=Test Root",
             f"{HOST}: yes", "up to the root CN=Test Root", "- CertificateVerify",
             "- Finished -", "- Finished -", "the connection is secure", "TLSv1.3",
             "- GET /drawn?a=b HTTP/1.1 -", f"Host: {HOST}", "- HTTP/1.1 200 OK -",
             "- body: ", "\nFine:")
    assert "\033" not in text
    rows = text.split("\n\n")[0].split("\n")[1:]
    assert {len(row) for row in rows} == {77}
    for row in rows:
        assert re.match(r"^( {9}|[ \d]{6}\.\d )[|*].*\|$", row), row
    times = [float(row[:9]) for row in rows if row[:9].strip()]
    assert times == sorted(times)
    assert origin.requests[-1].target == "/drawn?a=b"


def test_colours_on_a_terminal(gateway, ca):
    args = [binary(), "explain", f"https://{HOST}/", "--connect", f"127.0.0.1:{gateway.port}",
            "--ca", str(ca.file)]
    for extra, colored in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        ours, theirs = pty.openpty()
        with subprocess.Popen(args, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL,
                              env=environment(**extra)) as process:
            os.close(theirs)
            text = b""
            while True:
                try:
                    data = os.read(ours, 65536)
                except OSError:
                    break
                if not data:
                    break
                text += data
            os.close(ours)
            assert process.wait(20) == 0
        assert (b"\033[" in text) == colored
        assert b"ClientHello" in text


def test_json(gateway, ca):
    answer = explain_json(gateway, ca, "--http1.1")
    assert answer["ok"] is True
    assert answer["failure"] is None
    assert answer["status"] == 200
    assert answer["body_bytes"] > 0
    assert answer["server"] == f"127.0.0.1:{gateway.port}"
    assert steps_of(answer)[:6] == ["connect", "connected", "client_hello", "server_hello",
                                    "encrypted_extensions", "certificate"]
    hello = step(answer, "client_hello")["details"]
    assert hello["server_name"] == HOST
    assert "TLS_AES_256_GCM_SHA384" in hello["cipher_suites"]
    assert "X25519" in hello["groups"]
    assert hello["alpn"] == "http/1.1"
    certificate = step(answer, "certificate")["details"]
    assert certificate["names"] == HOST
    assert certificate["key"] == "EC P-256"
    assert "days left" in certificate["valid"]
    secure = step(answer, "established")["details"]
    assert secure["version"] == "TLSv1.3"
    assert secure["resumed"] == "no"
    for one in answer["steps"]:
        assert one["from"] in ("client", "server")
        assert one["ms"] >= 0


def test_tls12(gateway, ca):
    answer = explain_json(gateway, ca, "--tls1.2", "--http1.1")
    assert step(answer, "established")["details"]["version"] == "TLSv1.2"
    in_order(" ".join(steps_of(answer)), "server_hello", "certificate", "server_key_exchange",
             "server_hello_done", "client_key_exchange", "finished", "finished", "request",
             "response", "body")


@pytest.mark.parametrize("options", [(), ("--tls1.2",)], ids=["TLSv1.3", "TLSv1.2"])
def test_resume(gateway, ca, options):
    answer = explain_json(gateway, ca, "--resume", "--http1.1", *options)
    assert answer["resumed"] is True
    assert steps_of(answer).count("client_hello") == 2
    assert steps_of(answer).count("certificate") == 1
    assert answer["steps"][-1]["title"] == "the session was resumed"


def test_what_a_ticket_is_good_for(gateway, ca):
    ticket = step(explain_json(gateway, ca), "new_session_ticket")
    assert ticket["details"]["early_data"] == "not taken"
    ticket = step(explain_json(gateway, ca, host="early.example"), "new_session_ticket")
    assert ticket["details"] == {"good_for": "7200 s", "early_data": "up to 16384 bytes (0-RTT)"}


def test_resume_where_the_server_does_not(ca, shop):
    context = shop.server_context(options=ssl.OP_NO_TICKET, num_tickets=0)
    with EchoOrigin(tls=context) as server:
        answer = explain_json(server, ca, "--resume")
    assert answer["resumed"] is False
    assert answer["steps"][-1]["title"] == "the session was not resumed"


def test_two_way_tls(gateway, ca):
    friend = ca.client("friend")
    answer = explain_json(gateway, ca, "--cert", str(friend.crt), "--key", str(friend.key_file),
                          host="partners.example")
    assert answer["status"] == 200
    request = step(answer, "certificate_request")["details"]
    assert request["accepted_ca"] == ["/CN=Test Root"]
    ours = [one for one in answer["steps"]
            if one["step"] == "certificate" and one["from"] == "client"]
    assert ours[0]["details"]["subject"] == "CN=friend"
    # The certificate and its key in one file.
    both = friend.crt.with_suffix(".both")
    both.write_bytes(friend.crt.read_bytes() + friend.key_file.read_bytes())
    assert "CN=friend" in explain(gateway, ca, "--cert", str(both), host="partners.example")


def test_the_request(gateway, ca, origin):
    explain(gateway, ca, "--http1.1", "--method", "PUT", "--data", "hello", "-H", "X-One: 1",
            "--header", "X-Two: 2", "--header=User-Agent: me", target="/put")
    request = origin.requests[-1]
    assert (request.method, request.target) == ("PUT", "/put")
    assert request.body == b"hello"
    assert (request.get("X-One"), request.get("X-Two")) == ("1", "2")
    assert request.get("User-Agent") == "me"
    explain(gateway, ca, "--http1.1", "--data", "x")
    assert origin.requests[-1].method == "POST"


def test_sni(gateway, ca):
    answer = explain_json(gateway, ca, "--sni", HOST, "--http1.1", "-H", f"Host: {HOST}",
                          host="other.example")
    assert step(answer, "client_hello")["details"]["server_name"] == HOST
    assert step(answer, "certificate")["details"]["covers_host"] == f"{HOST}: yes"


@pytest.mark.parametrize("host, options, sent, covered", [
    (f"{HOST}.", (), HOST, HOST),
    (HOST, ("--sni", f"{HOST}."), HOST, HOST),
    (HOST, ("--sni", ""), "none sent", HOST),
    ("127.0.0.1", (), "none sent", "127.0.0.1"),
    (HOST, ("--sni", "127.0.0.1"), "none sent", "127.0.0.1")])
def test_names_are_asked_for_as_curl_does(start, ca, host, options, sent, covered):
    """Without a dot at the end, and no address; the certificate must carry what was meant."""
    gateway = start({"sites": [{"hosts": ["*"], "respond": {"body": "x"},
                                "tls": ca.server(HOST, "127.0.0.1").settings()}]})
    answer = explain_json(gateway, ca, *options, "--http1.1", host=host)
    assert step(answer, "client_hello")["details"]["server_name"] == sent
    assert step(answer, "certificate")["details"]["covers_host"] == f"{covered}: yes"
    assert answer["ok"] is True


@pytest.mark.parametrize("host, options", [("127.0.0.1", ()), (HOST, ("--sni", ""))])
def test_name_that_was_not_sent_is_not_blamed(gateway, ca, host, options):
    done = command("explain", f"https://{host}/", "--connect", f"127.0.0.1:{gateway.port}", "--ca",
                   str(ca.file), "--json", *options)
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and answer["failure"]["reason"] == "server_name_missing"
    assert "with --sni" in done.stdout


def test_plain_http(gateway, origin):
    done = command("explain", f"http://{origin.address}/plain")
    assert done.returncode == 0, done.stdout
    assert "ClientHello" not in done.stdout
    in_order(done.stdout, "TCP connect", "GET /plain HTTP/1.1", "HTTP/1.1 200 OK", "Fine:")


def test_localhost_by_name(origin):
    done = command("explain", f"http://localhost:{origin.port}/", "--json")
    answer = json.loads(done.stdout)
    assert steps_of(answer)[0] == "resolve"
    assert step(answer, "resolve")["details"]["name"] == "localhost"


def test_interim_and_chunked(ca, shop):
    def handler(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
        connection.wait_end()
    with Origin(handler, tls=shop.server_context()) as server:
        answer = explain_json(server, ca)
    assert answer["body_bytes"] == 6
    assert step(answer, "interim")["title"] == "HTTP/1.1 103 Early Hints"


def test_a_server_cannot_write_to_the_terminal(ca, shop):
    head = response_bytes(200, [("X", "\x1b[31mred"), ("Y", "\u009b2J")])
    def handler(connection):
        connection.read_head()
        connection.send(head.replace(b"\x1b", b"\xc2\x9b"))
        connection.wait_end()
    with Origin(handler, tls=shop.server_context()) as server:
        text = explain(server, ca)
    assert "\x1b" not in text
    assert "\u009b" not in text


@pytest.fixture(scope="module")
def h2_server(ca, shop, pki_folder):
    if shutil.which("nghttpd") is None:
        pytest.skip("needs nghttpd")
    (pki_folder / "index.html").write_text("x" * 100000)
    port = free_port()
    with subprocess.Popen(["nghttpd", "-d", str(pki_folder), str(port), str(shop.key_file),
                           str(shop.crt)], stdout=subprocess.DEVNULL) as process:
        def is_up():
            try:
                open_socket(("127.0.0.1", port)).close()
            except OSError:
                return False
            return True
        wait_until(is_up, 20, "nghttpd")
        yield type("Server", (), {"port": port})
        process.terminate()


def test_http2(h2_server, ca):
    answer = explain_json(h2_server, ca, target="/index.html")
    assert answer["protocol"] == "HTTP/2"
    assert (answer["status"], answer["body_bytes"]) == (200, 100000)
    assert step(answer, "established")["details"]["protocol"] == "h2"
    assert ":authority: shop.example" in step(answer, "request")["details"]["field"]
    assert "HTTP/2 404" in explain(h2_server, ca, "--data", "abc", "-H", "X-A: b", target="/no")
    assert explain_json(h2_server, ca, "--resume")["resumed"] is True


def test_http2_of_the_gateway(gateway, ca):
    answer = explain_json(gateway, ca)
    assert answer["status"] == 200
    assert answer["protocol"] in ("HTTP/2", "HTTP/1.1")


@pytest.mark.parametrize("arguments", [
    (), ("ftp://x/",), ("https://",), ("https://a b/",), ("https://x/", "--timeout", "soon"),
    ("https://x/", "--timeout", "0"), ("https://x/", "--connect", "x:y"),
    ("https://x/", "--header", "no colon"), ("https://x/", "--header", "a: b\nc: d"),
    ("https://x/", "--header"), ("https://x/", "--key", "k"), ("https://x/", "--method", "A B"),
    ("https://x/", "--what"), ("https://x/", "y"), ("https://x/", "--ca", "/no/such/file"),
    ("https://x/", "--cert", "/no/such/file")])
def test_usage(arguments):
    done = command("explain", *arguments)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.startswith("tidegate explain: ")
    assert done.stdout == ""


def test_help():
    done = command("help", "explain")
    for option in ("--ca", "--cert", "--key", "--sni", "--tls1.2", "--method", "--header",
                   "--data", "--resume", "--connect", "--timeout", "--json", "--http1.1"):
        assert option in done.stdout


@pytest.mark.parametrize("version", ["--http1.1", None])
def test_an_answer_of_5xx_is_a_failure_with_the_requests_id(start, ca, shop, free_address, version):
    """Whoever asks learns where to look: the id is in the gateway's log, with the reason."""
    gateway = start({"sites": [{"hosts": [HOST], "backend": free_address, "tls": shop.settings()}]})
    options = ["explain", f"https://{HOST}/", "--connect", f"127.0.0.1:{gateway.port}",
               "--ca", str(ca.file), *([version] if version else [])]
    done = command(*options)
    assert done.returncode == 1 and "Fine" not in done.stdout, done.stdout
    entry = gateway.wait_log(status=502)
    assert f"request id {entry['request_id']}" in done.stdout
    assert re.search(r"what to do: .*log", done.stdout)
    failure = json.loads(command(*options, "--json").stdout)["failure"]
    assert failure["reason"] == "server_error"


def test_an_answer_of_4xx_is_an_answer(gateway, ca):
    done = command("explain", f"https://{HOST}/", "--connect", f"127.0.0.1:{gateway.port}",
                   "--ca", str(ca.file), "--header", "Host: other.example")
    assert done.returncode == 0 and re.search(r"Fine: .* answered 4\d\d", done.stdout), done.stdout


@pytest.mark.parametrize("option, content, word", [
    ("--ca", None, "does not exist"), ("--ca", b"hello\n", "PEM"), ("--ca", b"", "certificate"),
    ("--cert", None, "does not exist"), ("--cert", b"hello\n", "PEM")])
def test_files_that_are_none_are_told_in_words(folder, option, content, word):
    path = folder / "file.pem"
    if content is not None:
        path.write_bytes(content)
    done = command("explain", "https://127.0.0.1:1/", option, str(path))
    assert done.returncode == 2 and str(path) in done.stderr and word in done.stderr, done.stderr
    assert "lib" not in done.stderr.replace(str(path), ""), done.stderr


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_the_diagram_fits_the_terminal(gateway, ca, columns):
    done = command("explain", f"https://{HOST}/", "--connect", f"127.0.0.1:{gateway.port}",
                   "--ca", str(ca.file), COLUMNS=str(columns))
    assert done.returncode == 0
    lines = done.stdout.split("\n")
    assert max(map(len, lines)) <= columns, done.stdout
    ends = {len(line) for line in lines if line.endswith("|")}
    assert len(ends) == 1, done.stdout  # the server's line is straight


def test_the_configuration_says_who_gets_it(start, folder, ca, shop):
    """As `tidegate route` does, and as it was."""
    with EchoOrigin("0") as one, EchoOrigin("1") as other:
        gateway = start({"control": str(folder / "control"), "sites": [
            {"hosts": [HOST], "backend": "pool", "tls": shop.settings()}],
            "backends": [{"name": "pool", "servers": [one.address, other.address],
                          "balance": {"hash": {"header": "X-User"}}}]})
        for user in ("ann", "bob", "cyn", "dan"):
            before = [len(origin.requests) for origin in (one, other)]
            options = ("-c", str(gateway.config_path), "--http1.1", "-H", f"X-User: {user}")
            answer = explain_json(gateway, ca, *options)
            was, = (origin.address for origin, count in zip((one, other), before) if len(origin.requests) > count)
            assert steps_of(answer)[-1] == "route"
            said = step(answer, "route")["details"]
            assert said["outcome"] == "backend"
            assert said["backend"].startswith("'pool', by the field 'X-User' one of ")
            assert said["first"].startswith(f"{was}, if it is well")
            assert sorted(said["now"]) == sorted(f"{origin.address} is up" for origin in (one, other))
        text = explain(gateway, ca, *options)
        in_order(text, "what the configuration makes of this request", "backend", "Fine:")
    done = command("explain", f"https://{HOST}/", "-c", str(folder / "none.yaml"))
    assert done.returncode == 2 and "none.yaml" in done.stderr
