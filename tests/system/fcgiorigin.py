"""A FastCGI server that says what a test wants it to, and php-fpm itself."""

import os
import shutil
import struct
import subprocess
import types

from origins import Origin, free_port
from waiting import wait_until

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)


def record(kind, content=b"", request=1, padding=0, version=1):
    return struct.pack("!BBHHBB", version, kind, request, len(content), padding, 0) + content + \
        b"\0" * padding


def out(content):
    return b"".join(record(STDOUT, content[at:at + 65535]) for at in range(0, len(content), 65535))


def end(status=0, app=0):
    return record(END, struct.pack("!IBxxx", app, status))


def answer(body=b"", head=b"Content-Type: text/plain\r\n"):
    return out(head + b"\r\n" + body) + record(STDOUT) + end()


def read_record(connection):
    version, kind, request, size, padding = struct.unpack("!BBHHBx", connection.read(8))
    assert version == 1 and request == 1
    content = connection.read(size)
    connection.read(padding)
    return kind, content


def read_length(data):
    if data[0] < 128:
        return data[0], data[1:]
    return struct.unpack("!I", data[:4])[0] & 0x7fffffff, data[4:]


def read_params(data):
    found = {}
    while data:
        name_size, data = read_length(data)
        value_size, data = read_length(data)
        name = data[:name_size].decode("latin-1")
        assert name not in found, f"{name} twice"
        found[name] = data[name_size:name_size + value_size].decode("latin-1")
        data = data[name_size + value_size:]
    return found


def read_head(connection):
    """The beginning of a request: whether the connection goes on, and the parameters."""
    kind, content = read_record(connection)
    assert kind == BEGIN
    role, flags = struct.unpack("!HB5x", content)
    assert role == 1
    params = b""
    while True:
        kind, content = read_record(connection)
        assert kind == PARAMS
        if not content:
            return types.SimpleNamespace(keeps=bool(flags & 1), params=read_params(params), body=b"")
        params += content


def read_request(connection):
    request = read_head(connection)
    while True:
        kind, content = read_record(connection)
        assert kind == STDIN
        if not content:
            return request
        request.body += content


class FcgiOrigin(Origin):
    """Answers each request with what `respond(request)` gives, as long as it is asked."""

    def __init__(self, respond, **options):
        self.requests = []

        def handler(connection):
            while True:
                request = read_request(connection)
                self.requests.append(request)
                connection.send(respond(request))
                if not request.keeps:
                    return
        super().__init__(handler, **options)


POOL = """[global]
error_log = {folder}/fpm.log
daemonize = no
[www]
listen = {address}
listen.mode = 0666
pm = static
pm.max_children = 3
ping.path = /ping
catch_workers_output = yes
security.limit_extensions = .php
php_admin_value[upload_max_filesize] = 100M
php_admin_value[post_max_size] = 100M
php_admin_value[display_errors] = 0
php_admin_value[log_errors] = 1
{user}
"""


def php_fpm():
    for name in ("php-fpm", "php-fpm8.2", "php-fpm8.3", "php-fpm8.4", "php-fpm8.1"):
        found = shutil.which(name) or shutil.which("/usr/sbin/" + name)
        if found:
            return found
    return None


class PhpFpm:
    """The real one, in the foreground, on a port or a Unix socket of its own."""

    def __init__(self, folder, on_socket):
        self.folder = folder
        listen = str(folder / "fpm.sock") if on_socket else f"127.0.0.1:{free_port()}"
        self.address = f"unix:{listen}" if on_socket else listen
        is_root = os.getuid() == 0
        (folder / "fpm.conf").write_text(POOL.format(
            folder=folder, address=listen, user="user = root\ngroup = root" if is_root else ""))
        words = [php_fpm(), "-F", "-O", "-n", "-y", str(folder / "fpm.conf")]
        with open(folder / "fpm.out", "wb") as log:
            self.process = subprocess.Popen(words + (["-R"] if is_root else []), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)
        wait_until(lambda: "ready to handle connections" in (folder / "fpm.out").read_text(),
                   what="php-fpm")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
