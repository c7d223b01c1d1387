"""Real applications and their real clients, with the gateway between: WebDAV by litmus, Subversion,
Git, a container registry, etcd. Each way is as good as the direct one."""

import hashlib
import json
import re
import socket
import subprocess

import pytest

from applications import Apache, find, run, running
from origins import free_port
from tidegate import environment, new_folder
from waiting import wait_until

pytestmark = [pytest.mark.skipif(find(program) is None, reason=f"{program} is not installed")
              for program in ("apache2", "litmus", "svn", "git")]

SUITES = ["basic", "copymove", "props", "locks"]


@pytest.fixture(name="local", scope="module")
def _local(ca):
    return ca.server("localhost")


@pytest.fixture(name="apache", scope="module")
def _apache(local):
    apache = Apache(new_folder(), local)
    with apache.running():
        yield apache


def backend(apache, ca, way):
    """Configuration of the site's way to the server."""
    plain, tls = (f"127.0.0.1:{port}" for port in (apache.plain[1], apache.tls[1]))
    if way == "passthrough":
        return {"passthrough": tls}, []
    if way == "re-encryption":
        return {"backend": "dav"}, [{"name": "dav", "servers": [tls],
                                     "tls": {"ca": str(ca.file), "server_name": "localhost"}}]
    return {"backend": "dav"}, [{"name": "dav", "servers": [plain]}]


def every_localhost():
    """A port at each address that the name has here: Subversion tries the first alone."""
    port = free_port()
    found = {where[0] for *_, where in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    return [f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip in sorted(found)]


@pytest.fixture(name="gate", scope="module", params=["termination", "re-encryption", "passthrough"])
def _gate(request, start_for_module, apache, ca, local):
    site, backends = backend(apache, ca, request.param)
    if request.param != "passthrough":
        site["tls"] = local.settings()
    gateway = start_for_module({"listeners": [{"bind": every_localhost()}], "sites": [{"hosts": ["localhost"], **site}],
                                "backends": backends})
    gateway.url = f"https://localhost:{gateway.port}"
    gateway.way = request.param
    yield gateway


@pytest.fixture(name="plain", scope="module")
def _plain(start_for_module, apache):
    gateway = start_for_module({"sites": [
        {"hosts": ["localhost"], "backend": f"127.0.0.1:{apache.plain[1]}"}]})
    gateway.url = f"http://localhost:{gateway.port}"
    yield gateway


def litmus(url, folder):
    """How many tests of each suite there are, all of which pass; other versions have others."""
    said = run("litmus", url + "/", cwd=folder, TESTS=" ".join(SUITES))
    found = re.findall(r"summary for `(\w+)': of (\d+) tests run: (\d+) passed, 0 failed", said)
    assert [suite for suite, _, _ in found] == SUITES, said
    assert all(total == passed for _, total, passed in found), said
    return found


@pytest.fixture(name="direct", scope="module")
def _direct(apache):
    folder = new_folder()
    return litmus(f"http://localhost:{apache.plain[1]}", folder)


def test_webdav_by_litmus(gate, direct, folder):
    assert litmus(gate.url, folder) == direct


def test_webdav_by_litmus_without_tls(plain, direct, folder):
    assert litmus(plain.url, folder) == direct


def svn(folder, ca, *args):
    return run("svn", "--non-interactive", "--config-dir", folder / "svn-config",
               "--config-option", f"servers:global:ssl-authority-files={ca.file}", *args, cwd=folder)


def test_subversion(gate, ca, folder):
    """mkdir, checkout, commit, copies on the server (COPY with Destination), moves, update, log."""
    top = f"{gate.url}/svn/{gate.way}"
    svn(folder, ca, "mkdir", "-m", "begin", top)
    svn(folder, ca, "checkout", top, "work")
    (folder / "work" / "a.txt").write_text("first\n")
    (folder / "work" / "big.bin").write_bytes(bytes(range(256)) * 8000)
    svn(folder, ca, "add", "work/a.txt", "work/big.bin")
    svn(folder, ca, "commit", "-m", "files", "work")
    svn(folder, ca, "copy", "-m", "copy", f"{top}/a.txt", f"{top}/b.txt")
    svn(folder, ca, "move", "-m", "move", f"{top}/b.txt", f"{top}/c.txt")
    svn(folder, ca, "copy", "-m", "branch", top, f"{gate.url}/svn/{gate.way}-branch")
    svn(folder, ca, "update", "work")
    assert (folder / "work" / "c.txt").read_text() == "first\n"
    assert not (folder / "work" / "b.txt").exists()
    assert len(re.findall(r"^r\d+ ", svn(folder, ca, "log", top), re.MULTILINE)) == 4
    svn(folder, ca, "checkout", f"{gate.url}/svn/{gate.way}-branch", "other")
    assert (folder / "other" / "big.bin").read_bytes() == bytes(range(256)) * 8000


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_git(gate, ca, folder, version):
    """Clone, push, fetch, a pack of some megabytes, over either version."""
    def git(*args):
        return run("git", "-c", f"http.sslCAInfo={ca.file}", "-c", f"http.version={version}",
                   "-c", "user.name=tester", "-c", "user.email=tester@localhost",
                   "-c", "http.postBuffer=65536", "-c", "protocol.version=2", *args, cwd=folder,
                   GIT_TERMINAL_PROMPT="0", GIT_CONFIG_NOSYSTEM="1")

    branch = f"{gate.way}-{version[5:]}".replace(".", "-")
    url = f"{gate.url}/git/repo"
    git("init", "-q", "first")
    block = hashlib.sha512(branch.encode()).digest()
    noise = b"".join(hashlib.sha512(block + str(i).encode()).digest() for i in range(20000))
    (folder / "first" / "noise.bin").write_bytes(noise)  # zlib makes nothing of it
    git("-C", "first", "add", ".")
    git("-C", "first", "commit", "-qm", "one")
    git("-C", "first", "push", "-q", url, f"HEAD:refs/heads/{branch}")
    git("clone", "-q", "-b", branch, url, "second")
    assert (folder / "second" / "noise.bin").read_bytes() == noise
    (folder / "second" / "more.txt").write_text("more\n")
    git("-C", "second", "add", ".")
    git("-C", "second", "commit", "-qm", "two")
    git("-C", "second", "push", "-q", "origin", branch)
    git("-C", "first", "pull", "-q", url, branch)
    assert (folder / "first" / "more.txt").read_text() == "more\n"


# A container registry, whose uploads are PATCH in pieces, with Location in each answer.


@pytest.fixture(name="registry", scope="module")
def _registry():
    if find("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    folder = new_folder()
    port = free_port()
    (folder / "config.yml").write_text(json.dumps({
        "version": 0.1, "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}", "relativeurls": True}}))
    with running([find("docker-registry"), "serve", str(folder / "config.yml")],
                 ("127.0.0.1", port), folder):
        yield f"127.0.0.1:{port}"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_container_registry(start, registry, ca, local, folder, version):
    """What `docker push` and `docker pull` do: POST, PATCH, PUT, HEAD, a manifest, GET."""
    gateway = start({"sites": [{"hosts": ["localhost"], "tls": local.settings(),
                                "backend": registry}]})
    url = f"https://localhost:{gateway.port}"
    blob = hashlib.sha512(version.encode()).digest() * 60000
    (folder / "blob").write_bytes(blob)
    digest = "sha256:" + hashlib.sha256(blob).hexdigest()

    def curl(*args):
        return run("curl", "-sS", "--fail-with-body", version, "--cacert", ca.file, *args, cwd=folder)

    def location(head):
        found = re.search(r"^location: (\S+)", head, re.MULTILINE | re.IGNORECASE).group(1)
        return found if found.startswith("http") else url + found

    begun = location(curl("-i", "-X", "POST", f"{url}/v2/app/blobs/uploads/"))
    where = location(curl("-i", "-X", "PATCH", "-H", "Content-Type: application/octet-stream",
                          "-T", "blob", begun))
    curl("-X", "PUT", f"{where}&digest={digest}")
    assert f"content-length: {len(blob)}" in curl("-I", f"{url}/v2/app/blobs/{digest}").lower()
    curl("-o", "back", f"{url}/v2/app/blobs/{digest}")
    assert (folder / "back").read_bytes() == blob
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    part = {"mediaType": "application/octet-stream", "size": len(blob), "digest": digest}
    (folder / "manifest").write_text(json.dumps({
        "schemaVersion": 2, "mediaType": kind, "config": part, "layers": [part]}))
    curl("-X", "PUT", "-H", f"Content-Type: {kind}", "--data-binary", "@manifest",
         f"{url}/v2/app/manifests/latest")
    assert digest in curl("-H", f"Accept: {kind}", f"{url}/v2/app/manifests/latest")


# etcd: gRPC with watches, by a Go client.


@pytest.fixture(name="etcd", scope="module")
def _etcd():
    if find("etcd") is None or find("etcdctl") is None:
        pytest.skip("etcd is not installed")
    folder = new_folder()
    port, peer = free_port(), free_port()
    with running([find("etcd"), "--data-dir", str(folder / "data"),
                  "--listen-client-urls", f"http://127.0.0.1:{port}",
                  "--advertise-client-urls", f"http://127.0.0.1:{port}",
                  "--listen-peer-urls", f"http://127.0.0.1:{peer}",
                  "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                  "--initial-cluster", f"default=http://127.0.0.1:{peer}"],
                 ("127.0.0.1", port), folder):
        yield f"127.0.0.1:{port}"


def test_etcd_with_a_watch(start, etcd, ca, local, folder):
    gateway = start({"sites": [{"hosts": ["localhost"], "tls": local.settings(), "backend": "etcd"}],
                     "backends": [{"name": "etcd", "servers": [etcd], "protocol": "h2c"}]})
    options = [f"--endpoints=https://localhost:{gateway.port}", f"--cacert={ca.file}"]

    def ctl(*args):
        return run("etcdctl", *options, *args, cwd=folder, ETCDCTL_API="3")

    for number in range(10):
        ctl("put", f"key/{number}", f"value {number}" * 100)
    assert len(ctl("get", "--prefix", "key/", "--keys-only").split()) == 10
    # A watch that begins in the past delivers what was put before, and then what comes.
    seen = folder / "seen"
    with open(seen, "wb") as out:
        watch = subprocess.Popen([find("etcdctl"), *options, "watch", "--prefix", "key/", "--rev=1"],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder,
                                 env=environment(ETCDCTL_API="3"))
    try:
        wait_until(lambda: seen.read_text().count("PUT") == 10, 30, "what was put before")
        ctl("put", "key/late", "news")
        wait_until(lambda: seen.read_text().count("PUT") == 11, 30, "what was put since")
        assert watch.poll() is None
    finally:
        watch.kill()
        watch.wait()
    assert ctl("del", "--prefix", "key/").strip() == "11"
