"""nginx behind the gateway, curl in front of it, and many clients at once."""

import hashlib
import os
import shutil
import subprocess
import threading

import pytest

from client import Connection, fetch
from origins import free_port
from tidegate import environment, new_folder
from tlsbytes import peer_fingerprint
from waiting import wait_until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    default_type text/plain;
    server {{
        listen 127.0.0.1:{plain};
        listen unix:{folder}/nginx.sock;
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {certificate.crt};
        ssl_certificate_key {certificate.key_file};
        root {folder}/root;
        keepalive_requests 100000;
        location /headers {{
            return 200 "$http_x_forwarded_for $http_x_forwarded_proto $http_host";
        }}
        location /stub {{ return 204; }}
        location /moved {{ return 301 /elsewhere; }}
        location /limited {{ client_max_body_size 1k; return 200 "ok"; }}
        location /gzip/ {{ alias {folder}/root/; gzip on; gzip_proxied any;
            gzip_types text/plain; gzip_min_length 1; }}
        location /gzip-of-old/ {{ alias {folder}/root/; gzip on;
            gzip_types text/plain; gzip_min_length 1; }}
        location /dav/ {{ alias {folder}/dav/; dav_methods PUT DELETE MKCOL COPY MOVE; }}
    }}
}}
"""


class Nginx:
    def __init__(self, certificate):
        self.folder = new_folder()
        root = self.folder / "root"
        root.mkdir()
        (self.folder / "dav").mkdir()
        (root / "hello.txt").write_text("hello from nginx\n")
        self.big = os.urandom(8 << 20)
        (root / "big.bin").write_bytes(self.big)
        self.plain, self.tls = free_port(), free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=self.folder, plain=self.plain, tls=self.tls,
                                        certificate=certificate, user=user))
        self.process = subprocess.Popen(
            [NGINX, "-p", str(self.folder), "-c", str(config), "-e", f"{self.folder}/error.log"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment())
        wait_until(self.is_up, what="nginx")
        (self.folder / "nginx.sock").chmod(0o666)

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "error.log").read_text())
        try:
            return fetch(("127.0.0.1", self.plain), "/stub").status == 204
        except ConnectionRefusedError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nginx(bank):
    server = Nginx(bank)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def gateway(start_for_module, nginx, shop, ca):
    return start_for_module({
        "workers": 2,
        "sites": [
            {"hosts": ["test.example"], "backend": f"127.0.0.1:{nginx.plain}"},
            {"hosts": ["unix.example"], "backend": f"unix:{nginx.folder}/nginx.sock"},
            {"hosts": ["inner.example"], "backend": "inner"},
            {"hosts": ["bank.example"], "passthrough": f"127.0.0.1:{nginx.tls}"},
            {"hosts": ["shop.example"], "tls": shop.settings(),
             "backend": f"127.0.0.1:{nginx.plain}"}],
        "backends": [{"name": "inner", "servers": [f"127.0.0.1:{nginx.tls}"],
                      "tls": {"ca": str(ca.file), "server_name": "bank.example"}}]})


@pytest.mark.parametrize("host", ["test.example", "unix.example", "inner.example"])
def test_small_and_big_files(gateway, nginx, host):
    with Connection(gateway.address) as connection:
        for _ in range(3):
            assert connection.request("/hello.txt", host=host).body == b"hello from nginx\n"
            assert connection.request("/big.bin", host=host).body == nginx.big
            assert connection.request("/stub", host=host).status == 204
            assert connection.request("/big.bin", "HEAD", host).get("Content-Length") == \
                str(len(nginx.big))
            assert connection.request("/missing", host=host).status == 404


@pytest.mark.parametrize("host", ["test.example", "inner.example"])
def test_an_origin_that_does_not_compress_for_proxies_compresses(gateway, host):
    """nginx's default, gzip_proxied off, which looks for Via."""
    with Connection(gateway.address) as connection:
        response = connection.request("/gzip-of-old/hello.txt", host=host,
                                      fields=[("Accept-Encoding", "gzip")])
        assert response.get("Content-Encoding") == "gzip"


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize("host, is_tls", [("test.example", False), ("shop.example", True),
                                          ("inner.example", False)])
def test_webdav_destination_is_where_the_server_is(gateway, ca, host, is_tls, method):
    """nginx compares its scheme and host with its own."""
    scheme = "https" if is_tls else "http"
    with Connection(gateway.address, ca.client_context() if is_tls else None,
                    host if is_tls else None) as connection:
        name = f"/dav/{host}-{method}"
        assert connection.request(name, "PUT", host, body=b"text").status in (201, 204)
        response = connection.request(name, method, host, fields=[
            ("Destination", f"{scheme}://{host}{name}-2")])
        assert response.status in (201, 204), response
        assert connection.request(f"{name}-2", host=host).body == b"text"
        response = connection.request(f"{name}-2", method, host, fields=[
            ("Destination", f"{scheme}://elsewhere.example{name}-3")])
        assert response.status == 400
    assert gateway.wait_log(method=method, status=400)


def test_ranges_conditions_and_chunked_gzip(gateway):
    with Connection(gateway.address) as connection:
        response = connection.request("/hello.txt", fields=[("Range", "bytes=0-4")])
        assert (response.status, response.body) == (206, b"hello")
        first = connection.request("/hello.txt")
        assert connection.request("/hello.txt", fields=[
            ("If-None-Match", first.get("ETag"))]).status == 304
        response = connection.request("/gzip/hello.txt", fields=[("Accept-Encoding", "gzip")])
        assert response.get("Content-Encoding") == "gzip"
        assert response.get("Transfer-Encoding") == "chunked"


def test_what_nginx_sees(gateway, ca):
    assert fetch(gateway.address, "/headers").body == b"127.0.0.1 http test.example"
    assert fetch(gateway.address, "/headers", host="shop.example",
                 tls=ca.client_context()).body == b"127.0.0.1 https shop.example"


def test_refused_upload(gateway):
    """nginx answers 413 before it has read the body."""
    with Connection(gateway.address) as connection:
        connection.send_even_if_refused(
            b"POST /limited HTTP/1.1\r\nHost: test.example\r\nContent-Length: 4000000\r\n\r\n"
            + b"x" * 4000000)
        assert connection.read_response().status == 413


def test_passed_through(gateway, ca, bank, nginx):
    with Connection(gateway.address, ca.client_context(), "bank.example") as connection:
        assert peer_fingerprint(connection.sock) == bank.fingerprint
        assert connection.request("/big.bin", host="bank.example").body == nginx.big


@pytest.mark.parametrize("host", ["shop.example", "bank.example"])
def test_curl_with_http2_offered(gateway, ca, nginx, host):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "30", "--cacert", str(ca.file), "--resolve",
         f"{host}:{gateway.port}:127.0.0.1", f"https://{host}:{gateway.port}/big.bin"],
        capture_output=True, env=environment(), check=False, timeout=40)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(nginx.big).digest()


def test_many_clients_at_once(gateway, ca):
    """Every client gets its own answers, by every way through the gateway."""
    context = ca.client_context()
    failures = []

    def client(number):
        host = ["test.example", "shop.example", "bank.example", "unix.example"][number % 4]
        tls = context if host in ("shop.example", "bank.example") else None
        try:
            for _ in range(3):
                with Connection(gateway.address, tls, host) as connection:
                    for _ in range(10):
                        response = connection.request("/headers", host=host)
                        assert response.body.endswith(host.encode()), response
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
