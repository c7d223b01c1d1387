"""Applications and suites from npm and Debian that take their time: `make apps` runs them, and says where npm's are
(TIDEGATE_APPS). http.dev's cache-tests, socket.io, Jupyter."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

websockets = pytest.importorskip("websockets")

# pylint: disable=wrong-import-position
from chromium import CERTUTIL, CHROMIUM, load, trust
from client import fetch
from origins import free_port
from tidegate import new_folder
from waiting import wait_until

MODULES = os.environ.get("TIDEGATE_APPS")
SCRIPTS = Path(__file__).resolve().parent.parent / "apps"
pytestmark = pytest.mark.skipif(MODULES is None, reason="these are for `make apps`")


@contextlib.contextmanager
def running(command, is_ready, **options):
    """A program until the end of the block, ended by its own id."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options) as process:
        try:
            wait_until(lambda: process.poll() is not None or is_ready(), seconds=60)
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            yield process
        finally:
            process.terminate()
            process.wait(20)


def answers(port, target="/", **options):
    with contextlib.suppress(OSError):
        return fetch(("127.0.0.1", port), target, **options).status < 500
    return False


# ---- http.dev's cache-tests ----

# Of those that a cache must pass; each with why this one does otherwise.
OTHERWISE = {
    # A response with Set-Cookie is somebody's, unless it says `public`.
    "304-etag-update-response-Set-Cookie", "headers-store-Set-Cookie",
    # Transfer-Encoding of an origin that means nothing: refused, as it is what requests are smuggled with.
    "headers-store-Transfer-Encoding",
    # Stored ETags stay, and the 304 that named another updates nothing, its freshness included (RFC 9111 section 4.3.4).
    "304-etag-update-response-ETag",
    # The server closes without an answer: 502 is no answer from the cache, but has not the field that the suite counts by.
    "stale-close-must-revalidate", "stale-close-no-cache", "stale-close-proxy-revalidate", "stale-close-s-maxage=2",
    # The first member of Age counts, and what is no number is ignored (RFC 9111 section 5.1, which came later).
    "age-parse-dup-0", "age-parse-dup-0-twoline", "age-parse-dup-old", "age-parse-float", "age-parse-negative",
    "age-parse-nonnumeric", "age-parse-numeric-parameter", "age-parse-parameter", "age-parse-prefix-twoline"}


def test_cache_tests(start):
    port = free_port()
    environment = {**os.environ, "npm_config_protocol": "http", "npm_config_port": str(port),
                   "npm_config_pidfile": str(new_folder() / "pid")}
    with running(["node", "server/server.mjs"], lambda: answers(port), cwd=f"{MODULES}/http-cache-tests", env=environment):
        gateway = start({"sites": [{"hosts": ["*"], "backend": f"127.0.0.1:{port}", "cache": True}]})
        done = subprocess.run(["node", "--no-warnings", SCRIPTS / "cache_tests.mjs", MODULES, f"http://127.0.0.1:{gateway.port}"],
                              capture_output=True, text=True, timeout=300, check=True)
    found = json.loads(done.stdout)
    failed = {name: one for name, one in found.items() if one["kind"] == "required" and one["result"] is not True}
    assert len(found) > 250
    assert not {name: one for name, one in failed.items() if name not in OTHERWISE}
    optimal = [one["result"] is True for one in found.values() if one["kind"] == "optimal"]
    assert sum(optimal) >= 60, f"{sum(optimal)} of {len(optimal)}"


# ---- socket.io ----

@pytest.fixture(name="sockets", scope="module")
def _sockets(start_for_module):
    port = free_port()
    with running(["node", SCRIPTS / "socket_server.cjs", MODULES, str(port)],
                 lambda: answers(port, "/socket.io/?EIO=4&transport=polling")):
        yield start_for_module({"sites": [{"hosts": ["*"], "backend": f"127.0.0.1:{port}"}]})


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socket_io(sockets, transport):
    done = subprocess.run(["node", SCRIPTS / "socket_client.cjs", MODULES, f"http://127.0.0.1:{sockets.port}", transport],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["heard"] == "h\u00e9llo" and answer["same"] and answer["transports"] == [transport] * 2


# ---- Jupyter ----

def ask_jupyter(gateway, target, method="GET", body=None):
    fields = [("Authorization", "token tide")] + ([("Content-Type", "application/json")] if body is not None else [])
    answer = fetch(gateway.address, target, method=method, host="localhost", fields=fields, body=body)
    return answer.status, json.loads(answer.body) if answer.body else None


async def compute(url, code):
    """What it printed, in bytes, and its result."""
    async with websockets.connect(url, open_timeout=30, max_size=None) as channel:
        await channel.send(json.dumps({
            "channel": "shell", "parent_header": {}, "metadata": {}, "buffers": [],
            "header": {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "s", "username": "u",
                       "version": "5.3", "date": ""},
            "content": {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                        "allow_stdin": False}}))
        printed, result, is_idle = 0, None, False
        while not is_idle or result is None:
            message = json.loads(await asyncio.wait_for(channel.recv(), 60))
            if message["msg_type"] == "stream":
                printed += len(message["content"]["text"])
            elif message["msg_type"] == "execute_result":
                result = message["content"]["data"]["text/plain"]
            elif message["msg_type"] == "status":
                is_idle = message["content"]["execution_state"] == "idle"
        return printed, result


@pytest.mark.skipif(shutil.which("jupyter-notebook") is None, reason="jupyter-notebook is not installed")
def test_jupyter(start):
    """A kernel is started over HTTP, and computes over a WebSocket."""
    port, folder = free_port(), new_folder()
    command = ["jupyter-notebook", "--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--notebook-dir={folder}",
               "--NotebookApp.token=tide", "--allow-root"]
    environment = {**os.environ, "HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    with running(command, lambda: answers(port, "/api"), env=environment):
        gateway = start({"sites": [{"hosts": ["localhost"], "routes": [
            {"backend": f"127.0.0.1:{port}", "timeouts": {"tunnel_idle": "1d"}}]}]})
        status, kernel = ask_jupyter(gateway, "/api/kernels", "POST", b"{}")
        assert status == 201
        url = f"ws://localhost:{gateway.port}/api/kernels/{kernel['id']}/channels?token=tide"
        assert asyncio.run(compute(url, "print('tide' * 100000); 6 * 7")) == (400001, "42")
        assert ask_jupyter(gateway, f"/api/kernels/{kernel['id']}", "DELETE")[0] == 204


# ---- oidc-provider, in a browser ----


@pytest.mark.skipif(CHROMIUM is None or CERTUTIL is None, reason="chromium, or certutil, is not installed")
def test_signing_in_and_out_at_a_provider_by_chromium(start, ca, shop):
    port, home = free_port(), new_folder()
    secret = home / "secret"
    secret.write_text("secret")
    gateway = start({"sites": [{
        "hosts": ["shop.example", "127.0.0.1"], "tls": shop.settings(), "plain_http": "serve",
        "request_fields": {"set": {"X-User": "{user}", "X-Email": "{claim.email}"}},
        "auth": {"oidc": {"issuer": f"http://127.0.0.1:{port}", "client_id": "gateway", "client_secret": str(secret),
                          "scopes": ["email"], "signed_out": "/open", "pause": "100ms"}},
        "routes": [{"match": {"path": "/open"}, "auth": "off",
                    "respond": {"body": "<p>Nobody is here.</p>", "fields": {"Content-Type": "text/html"}}},
                   {"respond": {"echo": True}}]}]})
    trust(home, ca)
    with running(["node", "--no-warnings", SCRIPTS / "oidc_provider.mjs", MODULES, str(port), "https://shop.example",
                  f"http://127.0.0.1:{gateway.port}/.tidegate/back-channel"],
                 lambda: answers(port, "/.well-known/openid-configuration")):
        wait_until(lambda: fetch(gateway.address, "/", host="shop.example",
                                 fields=[("Accept", "text/html")]).status == 302, 20)

        def browse(path):
            page, log = load(home, gateway, f"https://shop.example{path}", ",EXCLUDE 127.0.0.1")
            return page or log

        def signed_in():
            return len([entry for entry in gateway.log_entries() if entry.get("reason") == "signed_in"])

        page = browse("/page?x=1")
        assert '"target":"/page?x=1"' in page.replace(" ", "").replace("&amp;", "&"), page
        assert "__Host-tidegate" not in page and "sec-fetch-mode" in page.lower()
        assert gateway.wait_log(target="/page?x=1", status=200)["user"] == "ann"
        assert '"target":"/again"' in browse("/again").replace(" ", "") and signed_in() == 1
        assert "Nobody is here." in browse("/.tidegate/sign-out")
        gateway.wait_log(reason="signed_out_elsewhere")
        assert '"target":"/again"' in browse("/again").replace(" ", "") and signed_in() == 2
