"""A real browser: no warning when it trusts the authority, a warning when it does not."""

import base64
import hashlib
import shutil
import threading

import pytest

from chromium import CERTUTIL, CHROMIUM, load, trust
from origins import Origin, response_bytes
from tidegate import new_folder

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(CERTUTIL is None, reason="certutil (libnss3-tools) is not installed")]

PAGE = "<!doctype html><title>shop</title><p id=greeting>Welcome to the shop.</p>"


@pytest.fixture(scope="module")
def gateway(start_for_module, shop):
    return start_for_module({"sites": [{
        "hosts": ["shop.example"], "tls": shop.settings(),
        "respond": {"body": PAGE, "fields": {"Content-Type": "text/html; charset=utf-8"}}}]})


@pytest.fixture
def home():
    path = new_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_page_loads_without_a_warning_when_the_authority_is_trusted(gateway, ca, home, scheme):
    """By plain http, too: the redirect leads to the same page. The browser thinks in the ports
    of the scheme, as a user does; the resolver rule leads it to the test's port."""
    trust(home, ca)
    page, log = load(home, gateway, f"{scheme}://shop.example/")
    assert "Welcome to the shop." in page, log
    assert "ERR_CERT" not in page
    entry = gateway.wait_log(
        lambda entry: "Chrome" in entry.get("user_agent", ""), status=200, mode="terminate")
    assert entry["tls"] == "TLSv1.3"
    assert entry["version"] == "HTTP/2"
    assert entry["sni"] == "shop.example"


def test_a_page_that_was_compressed(start, ca, shop, home):
    """The browser says what it takes, and reads it: the page, and the script that it names."""
    page = "<!doctype html><p id=here></p><script src=/code.js></script>" + "<!-- tide -->" * 200
    code = "document.getElementById('here').textContent = 'Read ' + 'whole.';" + "// tide\n" * 200
    gateway = start({"log": {"fields": {"coding": "{response.Content-Encoding}"}}, "sites": [{
        "hosts": ["shop.example"], "tls": shop.settings(), "compress": "on", "routes": [
            {"match": {"path": "/code.js"}, "compress": {"encodings": ["br"]},
             "respond": {"body": code, "fields": {"Content-Type": "text/javascript"}}},
            {"respond": {"body": page, "fields": {"Content-Type": "text/html"}}}]}]})
    trust(home, ca)
    loaded, log = load(home, gateway, "https://shop.example/")
    assert "Read whole." in loaded, log
    entries = {entry["target"]: entry.get("coding") for entry in gateway.log_entries() if "target" in entry}
    assert entries["/code.js"] == "br" and entries["/"] in ("zstd", "br")


def test_certificate_error_when_it_is_not(gateway, home):
    lines = len(gateway.log_entries())
    page, log = load(home, gateway, "https://shop.example/")
    assert "Welcome to the shop." not in page, log
    assert "ERR_CERT_AUTHORITY_INVALID" in page or "ERR_CERT_AUTHORITY_INVALID" in log, page
    entry = gateway.wait_log(
        lambda entry: entry in gateway.log_entries()[lines:], kind="connection")
    assert entry["sni"] == "shop.example" and entry["reason"] and entry["mend"]


# The page's load waits for late.js, which the origin holds back until the browser has answered.
CHAT_PAGE = """<!doctype html><title>chat</title><script>
const chat = new WebSocket("wss://shop.example/chat", "words");
chat.onopen = () => chat.send("hello " + chat.protocol);
chat.onmessage = (event) => chat.send("got " + event.data);
</script><script src="/late.js"></script>"""


def read_text(connection):
    """A WebSocket message (RFC 6455 section 5.2) of at most 125 bytes."""
    head = connection.read(2)
    assert head[0] == 0x81 and head[1] & 0x80
    mask = connection.read(4)
    data = connection.read(head[1] & 0x7f)
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)).decode()


def chat_origin(heard, is_over):
    def script(connection):
        while True:
            request = connection.read_head()
            if request.target != "/chat":
                assert is_over.wait(20) or request.target != "/late.js"
                connection.send(response_bytes(200, [("Content-Type", "text/javascript")], b""))
                continue
            key = request.get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            proof = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            connection.send(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n"
                             "Sec-WebSocket-Protocol: words\r\n\r\n").encode())
            heard.append(read_text(connection))
            connection.send(b"\x81\x05world")
            heard.append(read_text(connection))
            is_over.set()
            connection.wait_end()
            return
    return script


def test_websocket_over_http2(start, shop, ca, home):
    """RFC 8441 as a browser does it, to a server that knows HTTP/1.1 alone."""
    heard, is_over = [], threading.Event()
    trust(home, ca)
    with Origin(chat_origin(heard, is_over)) as origin:
        gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(), "routes": [
            {"match": {"path": "/"}, "respond": {
                "body": CHAT_PAGE, "fields": {"Content-Type": "text/html; charset=utf-8"}}},
            {"match": {"path": "/*"}, "backend": origin.address}]}]})
        _, log = load(home, gateway, "https://shop.example/")
        assert heard == ["hello words", "got world"], log
        entry = gateway.wait_log(target="/chat")
        assert entry["version"] == "HTTP/2" and entry["status"] == 200
