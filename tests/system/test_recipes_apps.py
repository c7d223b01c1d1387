"""Recipes of docs/recipes/ for applications: `check` takes them as they are, and with servers in place of the applications
they do what they say: who gets what, with which Host and X-Forwarded-*, WebSocket, redirects, bounds and patience. What
differs for a test are addresses, folders and certificates."""

import base64
import hashlib
import json
import os
import re
import ssl
import subprocess
import time

import pytest
import yaml

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from client import Connection, Ended, fetch, request_bytes
from fcgiorigin import STDIN, answer, read_head, read_record
from h2client import Client
from origins import Origin, response_bytes
from tidegate import ROOT, binary, command

RECIPES = ROOT / "docs" / "recipes"
NAMES = ["discourse", "gitlab", "grafana", "home-assistant", "internal-php", "jellyfin", "mastodon", "nextcloud", "synapse",
         "vaultwarden", "wordpress"]
ABOUT_FILES = re.compile(r"No such file|does not exist|cannot open|cannot read")
SHORT, SILENCE = "800ms", 1.6
LARGE = 32 << 20
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
FRONTS = pytest.mark.parametrize("front", ["h1", "h2"])

FILES = {
    "index.php": "front", "status.php": "status", "remote.php": "dav", "wp-login.php": "login", "wp-admin/index.php": "admin",
    "wp-config.php": "password", "xmlrpc.php": "calls", "wp-content/uploads/2026/evil.php": "evil", "vendor/autoload.php": "lib",
    "wp-content/uploads/2026/boat.jpg": "boat", "wp-includes/js/app.js": "let wp;", "core/css/app.css": "p { }",
    "core/js/app.mjs": "let nc;", "config/config.php": "password", "data/ann/boat.jpg": "private", "occ": "console",
    "apps/files/inner.php": "inner", "packs/app-3f2a9c1b.js": "let m;", "sw.js": "let sw;", "system/media/1.svg": "<svg/>", "robots.txt": "User-agent: *", ".user.ini": "secret", ".git/app.js": "secret", "about.html": "<p>about</p>",
}


def leave_unread(connection):
    """Somebody who has answered and takes what still comes, until the other side has enough of it."""
    try:
        while connection.recv():
            pass
    except OSError:
        pass


def application(name, seen):
    """Says what came, as JSON; takes WebSockets, and echoes what they bring; `?wait` and `?pause` are silent for a while,
    before the head or within the body. A body above LARGE is answered without being waited for."""
    def handler(connection):
        while True:
            request = connection.read_head()
            seen.append(request)
            if int(request.get("Content-Length") or 0) > LARGE:
                connection.send(response_bytes(200, [("Connection", "close")], b"large"))
                return leave_unread(connection)
            connection.read_body(request)
            if request.get("Upgrade") == "websocket":
                proof = hashlib.sha1((request.get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode())
                connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                b"Sec-WebSocket-Accept: " + base64.b64encode(proof.digest()) + b"\r\n\r\n" +
                                name.encode().ljust(12))
                while data := connection.recv():
                    connection.send(data)
                return None
            if request.target.endswith("?wait"):
                time.sleep(SILENCE)
            body = json.dumps({"server": name, "method": request.method, "target": request.target,
                               "fields": {field.lower(): value for field, value in request.fields},
                               "bytes": len(request.body)}).encode()
            whole = response_bytes(200, [("Content-Type", "application/json")], body)
            if request.target.endswith("?pause"):
                connection.send(whole[:-7])
                time.sleep(SILENCE)
                connection.send(whole[-7:])
            else:
                connection.send(whole)
    return handler


def script(connection):
    """What php-fpm is here: says what it was told, and like the others is silent, and answers large bodies early."""
    while True:
        request = read_head(connection)
        if int(request.params.get("CONTENT_LENGTH") or 0) > LARGE:
            connection.send(answer(b"large"))
            return leave_unread(connection)
        while (record := read_record(connection))[1]:
            assert record[0] == STDIN
            request.body += record[1]
        if request.params["QUERY_STRING"] == "wait":
            time.sleep(SILENCE)
        told = json.dumps({**request.params, "bytes": len(request.body)}).encode()
        connection.send(answer(told, b"Content-Type: application/json\r\nX-Powered-By: PHP\r\nX-Frame-Options: ALLOW\r\n"))
        if not request.keeps:
            return None


class World:
    """A recipe with this test's servers in place of its own, and with a client for its names."""

    def __init__(self, name, start, ca, folder, impatient=False):
        self.config = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
        self.ca = ca
        self.folder = folder
        self.root = folder / "www"
        self.origins = {}
        self.seen = {}
        self._write_files()
        for site in self.config["sites"]:
            certificate = ca.server(*site["hosts"])
            os.chmod(certificate.key_file, 0o600)  # `check` warns of others
            site["tls"] = certificate.settings()
            for place in [site, *site.get("routes", [])]:
                self._put_own_places(place)
        for backend in self.config.get("backends", []):
            self._put_own_servers(backend, impatient)
        if impatient:
            self.config["timeouts"] = {**self.config.get("timeouts", {}), "tunnel_idle": SHORT, "stream_idle": SHORT}
        try:
            self.gateway = start(self.config)
            checked = command("check", "-c", str(self.gateway.config_path))
            assert checked.returncode == 0 and "warning:" not in checked.stderr, checked.stderr
        except BaseException:
            self.close()
            raise

    def _write_files(self):
        for name, text in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.folder / "sorry.html").write_text("<p>back soon</p>")
        for path in [self.root, *self.root.rglob("*"), self.folder / "sorry.html"]:
            path.chmod(0o755 if path.is_dir() else 0o644)

    def _write_users(self):
        made = subprocess.run([binary(), "passwd", "ann"], input="tide-and-time\n", text=True, check=True,
                              capture_output=True, timeout=60)
        (self.folder / "users.htpasswd").write_text(made.stdout)

    def _put_own_places(self, place):
        if "files" in place:
            place["files"]["root"] = str(self.root)
        if "errors" in place:
            place["errors"] = {status: str(self.folder / "sorry.html") for status in place["errors"]}
        if isinstance(place.get("auth"), dict):  # or off
            self._write_users()
            place["auth"]["basic"]["users"] = str(self.folder / "users.htpasswd")
        backend = place.get("backend")
        if isinstance(backend, dict):
            self._put_own_servers(backend, False)
        elif backend is not None and ":" in backend:
            place["backend"] = self._origin("website", application("website", self.seen.setdefault("website", [])))

    def _put_own_servers(self, backend, impatient):
        name = backend["name"]
        if impatient:
            backend["response_timeout"] = SHORT
        if backend.get("protocol") == "fastcgi":
            backend["root"] = str(self.root)
            backend["servers"] = [self._origin(name, script)]
        else:
            backend["servers"] = [self._origin(name, application(name, self.seen.setdefault(name, [])))]

    def _origin(self, name, what):
        origin = self.origins[name] = Origin(what)
        origin.__enter__()
        return origin.address

    def close(self):
        for origin in self.origins.values():
            origin.close()

    def connect(self, host):
        return Connection(self.gateway.address, self.ca.client_context(), host)

    def get(self, front, host, target, body=None, fields=(), method=None):
        method = method or ("GET" if body is None else "POST")
        if front == "h1":
            return fetch(self.gateway.address, target, host=host, tls=self.ca.client_context(), method=method, body=body,
                         fields=list(fields))
        fields = [(name.lower(), value) for name, value in fields]
        if body is not None:
            fields.append(("content-length", str(len(body))))
        with Client(self.gateway.address, self.ca.client_context(), host) as client:
            return client.request(target, method, body, host=host, scheme="https", fields=fields)

    def told(self, front, host, target, **more):
        got = self.get(front, host, target, **more)
        assert got.status == 200, (target, got.status, got.body)
        return json.loads(got.body)

    def websocket(self, front, host, target):
        """Whose WebSocket it is, having sent something there and back."""
        if front == "h1":
            with self.connect(host) as client:
                client.send(request_bytes(target, host=host, fields=UPGRADE))
                assert client.read_head().status == 101
                return client.exchange(b"over", 12 + 4)
        with Client(self.gateway.address, self.ca.client_context(), host) as client:
            client.wait_for(lambda: client.h2.remote_settings.enable_connect_protocol == 1, "extended CONNECT")
            stream = client.send([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                                  (":path", target), (":authority", host), ("sec-websocket-version", "13")], end=False)
            response = client.wait_head(stream)
            assert response.status == 200
            client.data(stream, b"over")
            client.wait_for(lambda: len(response.body) >= 16, "the echo")
            return bytes(response.body)

    def bound(self, host, target, size):
        """A body of more than `size` bytes is refused when its head has come, one of as many is not."""
        for length, refused in ((size + 1, True), (size, False)):
            with self.connect(host) as client:
                client.send(request_bytes(target, "POST", host, [("Content-Length", str(length))]))
                response = client.read_response()
                assert (response.status == 413) == refused, (target, length, response.status)
                assert refused or response.body == b"large"


@pytest.fixture(name="world")
def _world(start, ca, folder):
    made = []

    def make(name, **more):
        made.append(World(name, start, ca, folder, **more))
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("name", NAMES)
def test_check_takes_the_recipe_as_it_is(name):
    done = command("check", "-c", str(RECIPES / f"{name}.yaml"))
    problems = re.findall(r"(?:error|warning): (.*)", done.stderr)
    assert [problem for problem in problems if not ABOUT_FILES.search(problem)] == [], done.stderr


def test_every_recipe_is_tested_and_told_of():
    elsewhere = {"single-page-application", "api-under-a-prefix", "sign-in"}  # test_recipes_web.py, test_oidc.py
    text = (ROOT / "docs" / "recipes.md").read_text()
    for path in RECIPES.glob("*.yaml"):
        assert path.stem in elsewhere.union(NAMES) and f"(recipes/{path.name})" in text


WEB = [("mastodon", "social.example.com", "/about?x=1", "web"),
       ("gitlab", "gitlab.example.com", "/a/b.git/info/refs?service=x", "workhorse"),
       ("gitlab", "registry.example.com", "/v2/", "registry"), ("grafana", "grafana.example.com", "/d/1", "grafana"),
       ("home-assistant", "home.example.com", "/lovelace", "home"), ("vaultwarden", "vault.example.com", "/api/sync", "vault"),
       ("jellyfin", "media.example.com", "/Videos/1/stream.mp4", "jellyfin"), ("discourse", "forum.example.com", "/t/1", "discourse"),
       ("synapse", "matrix.example.com", "/_matrix/client/v3/sync", "synapse"), ("synapse", "example.com", "/", "website")]


@pytest.mark.parametrize("name, host, target, server", WEB)
def test_servers_are_told_who_asked(world, name, host, target, server):
    here = world(name)
    for front in ("h1", "h2"):
        told = here.told(front, host, target, fields=[("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-Proto", "http")])
        fields = told["fields"]
        assert (told["server"], told["target"]) == (server, target)
        assert fields["host"] == fields["x-forwarded-host"] == host
        assert fields["x-forwarded-proto"] == "https"
        assert fields["x-forwarded-for"] == fields["x-real-ip"] == "127.0.0.1"
    plain = fetch(here.gateway.address, target, host=host)
    assert plain.status == 308 and plain.get("Location") == f"https://{host}{target}"


SOCKETS = [("mastodon", "social.example.com", "/api/v1/streaming?stream=user", b"streaming"),
           ("gitlab", "gitlab.example.com", "/-/cable", b"workhorse"), ("grafana", "grafana.example.com", "/api/live/ws", b"grafana"),
           ("home-assistant", "home.example.com", "/api/websocket", b"home"),
           ("vaultwarden", "vault.example.com", "/notifications/hub?access_token=x", b"vault"),
           ("jellyfin", "media.example.com", "/socket?api_key=x", b"jellyfin")]


@pytest.mark.parametrize("name, host, target, server", SOCKETS)
def test_websockets(world, name, host, target, server):
    here = world(name)
    for front in ("h1", "h2"):
        assert here.websocket(front, host, target) == server.ljust(12) + b"over"


PATIENCE = [
    ("mastodon", "social.example.com", ["/api/v1/streaming"], [], ["/api/v1/streaming/user?pause"], ["/api/v1/timelines?pause"]),
    ("gitlab", "gitlab.example.com", ["/-/cable"], ["/a.git/git-upload-pack?wait"], ["/a.git/git-upload-pack?pause"], []),
    ("grafana", "grafana.example.com", ["/api/live/ws"], ["/api/ds/query?wait"], [], ["/api/ds/query?pause"]),
    ("home-assistant", "home.example.com", ["/api/websocket"], [], ["/api/camera_proxy_stream/door?pause"], ["/api/states?wait"]),
    ("vaultwarden", "vault.example.com", ["/notifications/hub"], [], [], ["/api/sync?wait"]),
    ("jellyfin", "media.example.com", ["/socket"], ["/Videos/1/stream?wait"], ["/Videos/1/stream?pause"], ["/web/?wait"]),
    ("synapse", "matrix.example.com", [], ["/_matrix/client/v3/sync?wait"], ["/_matrix/media/v3/download/a?pause"], []),
    ("discourse", "forum.example.com", [], ["/message-bus/1/poll?wait"], ["/message-bus/1/poll?pause"], ["/t/1?pause"]),
    ("nextcloud", "cloud.example.com", [], ["/remote.php/dav/uploads/ann/1/.file?wait"], [], ["/apps/files/?wait"]),
    ("wordpress", "blog.example.com", [], ["/wp-admin/?wait"], [], ["/wp-content/none?wait"]),
]


@pytest.mark.parametrize("name, host, tunnels, waits, pauses, given_up", PATIENCE)
def test_silence(world, name, host, tunnels, waits, pauses, given_up):
    """With the file's own times made short, what the recipe is patient with goes on; something else does not."""
    here = world(name, impatient=True)
    clients = {}
    try:
        for target in (*tunnels, *waits, *pauses, *given_up):
            clients[target] = here.connect(host)
            clients[target].send(request_bytes(target, host=host, fields=UPGRADE if target in tunnels else []))
        for target in tunnels:
            assert clients[target].read_head().status == 101
            clients[target].read(12)
        if tunnels:
            time.sleep(SILENCE)
        for target in tunnels:
            assert clients[target].exchange(b"still", 5) == b"still"
        for target in (*waits, *pauses):
            response = clients[target].read_response()
            assert response.status == 200 and json.loads(response.body)
        for target in given_up:
            if target.endswith("?wait"):
                assert clients[target].read_response().status == 504
            else:
                with pytest.raises((Ended, ssl.SSLEOFError, ConnectionError)):
                    clients[target].read_response()
    finally:
        for client in clients.values():
            client.close()


def test_mastodon(world):
    here = world("mastodon")
    host = "social.example.com"
    assert here.told("h2", host, "/api/v1/streaming/health")["server"] == "streaming"
    pack = here.get("h2", host, "/packs/app-3f2a9c1b.js")
    assert pack.body == b"let m;" and "immutable" in pack.get("cache-control")
    assert pack.get("content-security-policy") is None  # workers among them fetch
    upload = here.get("h2", host, "/system/media/1.svg")
    assert upload.body == b"<svg/>" and "immutable" in upload.get("cache-control")
    assert upload.get("content-security-policy").startswith("default-src 'none'") and \
        upload.get("x-content-type-options") == "nosniff"
    assert here.get("h1", host, "/packs/gone.js").status == 404
    worker = here.get("h1", host, "/sw.js")
    assert worker.body == b"let sw;" and "must-revalidate" in worker.get("cache-control")
    assert here.told("h1", host, "/api/v2/media", body=b"m" * 300000)["bytes"] == 300000
    here.bound(host, "/api/v2/media", 99 << 20)


@FRONTS
def test_gitlab(world, front):
    here = world("gitlab")
    told = here.told(front, "gitlab.example.com", "/api/v4/projects/group%2Fproject/repository/files/a%2Fb.c")
    assert told["target"] == "/api/v4/projects/group%2Fproject/repository/files/a%2Fb.c"
    push = here.told(front, "gitlab.example.com", "/a/b.git/git-receive-pack", body=b"PACK" * (3 << 20))
    assert push["bytes"] == 12 << 20
    with here.connect("registry.example.com") as client:  # more than limits.body
        client.send(request_bytes("/v2/a/blobs/uploads/1", "PATCH", "registry.example.com",
                                  [("Content-Length", str(64 << 30))]))
        assert client.read_response().body == b"large"


@FRONTS
def test_grafana(world, front):
    here = world("grafana")
    for target in ("/metrics", "/metrics/plugins/a", "/x/..%2fmetrics", "/%6detrics", "//metrics"):
        assert here.get(front, "grafana.example.com", target).status in (400, 404), target
    assert here.told(front, "grafana.example.com", "/api/datasources/proxy/1/label/a%2Fb/values")["server"] == "grafana"
    assert not any("metrics" in request.target for request in here.seen["grafana"])


@FRONTS
def test_jellyfin(world, front):
    here = world("jellyfin")
    for target in ("/metrics", "/Metrics", "/METRICS/"):
        assert here.get(front, "media.example.com", target).status == 404
    page = here.get(front, "media.example.com", "/web/index.html?" + "x" * 2000, fields=[("Accept-Encoding", "gzip")])
    assert page.get("content-encoding") == "gzip"
    film = here.get(front, "media.example.com", "/Videos/1/stream?" + "x" * 2000,
                    fields=[("Accept-Encoding", "gzip"), ("Range", "bytes=0-")])
    assert film.get("content-encoding") is None and json.loads(film.body)["fields"]["range"] == "bytes=0-"


@FRONTS
def test_vaultwarden(world, front):
    here = world("vaultwarden")
    host = "vault.example.com"
    for target in ("/admin", "/admin/diagnostics", "/%61dmin", "/x/../admin"):
        assert here.get(front, host, target).status == 404
    assert here.told(front, host, "/administer")["server"] == "vault"
    here.bound(host, "/api/sends/file", 525 << 20)
    assert not any(request.target.startswith("/admin/") or request.target == "/admin" for request in here.seen["vault"])


def test_vaultwarden_admin_from_inside(start, ca, folder):
    """The same file, with the loopback for the networks that may."""
    here = World("vaultwarden", lambda config: (config["sites"][0]["routes"][0]["match"]["not"].update(
        client_address=["127.0.0.0/8"]), start(config))[1], ca, folder)
    try:
        assert here.told("h1", "vault.example.com", "/admin/")["target"] == "/admin/"
    finally:
        here.close()


@FRONTS
def test_synapse(world, front):
    here = world("synapse")
    server = here.get(front, "example.com", "/.well-known/matrix/server")
    assert json.loads(server.body) == {"m.server": "matrix.example.com:443"}
    assert server.get("content-type").startswith("application/json")
    client = here.get(front, "example.com", "/.well-known/matrix/client")
    assert json.loads(client.body) == {"m.homeserver": {"base_url": "https://matrix.example.com"}}
    assert client.get("access-control-allow-origin") == "*"
    host = "matrix.example.com"
    alias = "/_matrix/client/v3/directory/room/%23a%2Fb%3Aexample.com"
    assert here.told(front, host, alias)["target"] == alias
    assert here.told(front, host, "/_synapse/client/password_reset")["server"] == "synapse"
    for target in ("/_synapse/admin/v1/users", "/", "/_matrix/..%2f_synapse/admin"):
        assert here.get(front, host, target).status in (400, 404)
    here.bound(host, "/_matrix/media/v3/upload", 50 << 20)


@FRONTS
def test_discourse(world, front):
    here = world("discourse")
    host = "forum.example.com"
    assert here.told(front, host, "/uploads.json", body=b"u" * 200000)["bytes"] == 200000
    here.bound(host, "/uploads.json", 100 << 20)
    here.origins.pop("discourse").close()
    for target in ("/t/1", "/message-bus/1/poll"):
        gone = here.get(front, host, target)
        assert gone.status in (502, 503) and gone.body == b"<p>back soon</p>"


@FRONTS
def test_home_assistant(world, front):
    here = world("home-assistant")
    told = here.told(front, "home.example.com", "/api/hassio/backups/new/upload", body=b"b" * (2 << 20))
    assert told["bytes"] == 2 << 20
    here.bound("home.example.com", "/api/hassio/backups/new/upload", 16 << 30)


@FRONTS
def test_wordpress(world, front):
    here = world("wordpress")
    host = "blog.example.com"

    def runs(target, **more):
        told = here.told(front, host, target, **more)
        assert (told["HTTPS"], told["REMOTE_ADDR"], told["HTTP_HOST"]) == ("on", "127.0.0.1", host)
        assert told["REQUEST_URI"] == target
        return told["SCRIPT_FILENAME"].removeprefix(str(here.root))

    assert runs("/") == runs("/2026/11/tide/?p=1") == runs("/wp-json/wp/v2/posts") == "/index.php"
    assert runs("/wp-login.php", body=b"log=ann") == "/wp-login.php"
    assert runs("/wp-admin/") == "/wp-admin/index.php"
    assert runs("/wp-content/gone.css") == "/index.php"
    script_file = here.get(front, host, "/wp-includes/js/app.js?ver=6")
    assert script_file.body == b"let wp;" and script_file.get("cache-control") == "public, max-age=604800"
    assert here.get(front, host, "/wp-content/uploads/2026/boat.jpg").body == b"boat"
    for target in ("/wp-config.php", "/wp-content/uploads/2026/evil.php", "/wp-content/uploads/2026/evil.php/x",
                   "/wp-content//uploads/./2026/%65vil.php"):
        assert here.get(front, host, target).status == 404, target
    assert here.get(front, host, "/xmlrpc.php", body=b"<x/>").status == 403
    tried = [here.get(front, host, "/wp-login.php", body=b"log=ann&pwd=1").status for _ in range(10)]
    assert tried == [200] * 9 + [429]  # one more was above
    assert runs("/wp-login.php") == "/wp-login.php"
    assert here.get(front, host, "/").get("x-content-type-options") == "nosniff"
    here.bound(host, "/wp-admin/async-upload.php", 64 << 20)


@FRONTS
def test_nextcloud(world, front):
    here = world("nextcloud")
    host = "cloud.example.com"
    for name in ("carddav", "caldav"):
        for method in ("GET", "PROPFIND"):
            to = here.get(front, host, f"/.well-known/{name}", method=method)
            assert to.status == 301 and to.get("location") in ("/remote.php/dav/", f"https://{host}/remote.php/dav/")
    to = here.get(front, host, "/.well-known/webfinger?resource=acct:a")
    assert to.status == 301 and to.get("location").endswith("/index.php/.well-known/webfinger?resource=acct:a")
    windows = here.get(front, host, "/?a", fields=[("User-Agent", "DavClnt")], method="OPTIONS")
    assert windows.status == 302 and windows.get("location").endswith("/remote.php/webdav/?a")
    assert here.get(front, host, "/robots.txt").body == b"User-agent: *"
    assert here.get(front, host, "/remote/dav").get("location").endswith("/remote.php/remote/dav")

    def runs(target, **more):
        told = here.told(front, host, target, **more)
        assert told["REQUEST_URI"] == target and told["HTTPS"] == "on"
        return told["SCRIPT_FILENAME"].removeprefix(str(here.root)), told.get("PATH_INFO", "")

    dav = "/remote.php/dav/files/ann/100%25;v=2%20of%23it.txt"
    assert runs(dav, method="PROPFIND", body=b"<x/>") == ("/remote.php", "/dav/files/ann/100%;v=2 of#it.txt")
    assert runs("/status.php") == ("/status.php", "")
    assert runs("/") == runs("/apps/files/?dir=/") == runs("/login", body=b"user=ann") == ("/index.php", "")
    assert runs("/apps/files/inner.php")[0] == "/index.php"
    assert here.told(front, host, "/remote.php/dav/files/ann/film", body=b"f" * (6 << 20), method="PUT")["bytes"] == 6 << 20
    style = here.get(front, host, "/core/css/app.css?v=1")
    assert style.body == b"p { }" and style.get("cache-control") == "public, max-age=15778463"
    assert here.get(front, host, "/core/js/app.mjs").get("content-type").startswith("text/javascript")
    assert runs("/core/css/made.css") == ("/index.php", "")
    for target in ("/config/config.php", "/data/ann/boat.jpg", "/occ", "/.git/app.js", "/.user.ini", "/%64ata/ann/boat.jpg", "/x/..%2fdata/ann/boat.jpg"):
        assert here.get(front, host, target).status in (400, 404), target
    page = here.get(front, host, "/")
    assert page.get("x-powered-by") is None and page.all("x-frame-options") == ["SAMEORIGIN"]
    assert page.get("strict-transport-security") == "max-age=15552000" and page.get("x-robots-tag") == "noindex, nofollow"
    here.bound(host, "/remote.php/dav/files/ann/film", 16 << 30)


@FRONTS
def test_internal_php(world, front):
    here = world("internal-php")
    host = "intranet.example.com"
    word = [("Authorization", "Basic " + base64.b64encode(b"ann:tide-and-time").decode()), ("Remote_User", "root"), ("Remote-User", "root")]
    for target in ("/", "/about.html", "/vendor/autoload.php", "/healthz/x"):
        asked = here.get(front, host, target)
        assert asked.status == 401 and 'realm="Intranet"' in asked.get("www-authenticate"), target
    assert here.get(front, host, "/healthz").body == b"ok\n"
    told = here.told(front, host, "/reports?n=1", fields=word)
    assert told["SCRIPT_FILENAME"] == str(here.root / "index.php") and told["REMOTE_USER"] == "ann" and "HTTP_REMOTE_USER" not in told
    assert "HTTP_AUTHORIZATION" not in told
    assert here.get(front, host, "/about.html", fields=word).body == b"<p>about</p>"
    assert here.get(front, host, "/vendor/autoload.php", fields=word).status == 404
