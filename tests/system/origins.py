"""Origins behind the gateway: scripted byte by byte, or answering with what they were asked."""

import contextlib
import hashlib
import json
import os
import socket
import ssl
import struct
import threading

from client import parse_fields
from waiting import wait_until

TIMEOUT_SECONDS = 20


class OriginConnection:
    """The origin's side of one connection, with everything that came and went on it."""

    def __init__(self, sock, number):
        self.sock = sock
        self.number = number
        self.received = bytearray()
        self.sent = bytearray()
        self.buffer = b""
        self.requests = 0
        self.is_done = False
        self.has_ended = False  # the peer closed or reset
        self.was_reset = False

    def recv(self, size=65536):
        try:
            data = self.sock.recv(size)
        except TimeoutError:
            # Idle for all the time an origin waits (in the gateway's pool): its own end.
            return b""
        except (ConnectionResetError, ssl.SSLError):
            self.has_ended = self.was_reset = True
            return b""
        if not data:
            self.has_ended = True
        self.received += data
        return data

    def send(self, data):
        self.sock.sendall(data)
        self.sent += data

    def read(self, count):
        while len(self.buffer) < count:
            data = self.recv()
            if not data:
                raise EOFError
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_until(self, mark):
        while mark not in self.buffer:
            data = self.recv()
            if not data:
                raise EOFError
            self.buffer += data
        end = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def read_to_end(self):
        while True:
            data = self.recv()
            if not data:
                break
            self.buffer += data
        data, self.buffer = self.buffer, b""
        return data

    def wait_end(self):
        """Until the gateway closes; returns whatever else it sent before that."""
        return self.read_to_end()

    def read_head(self):
        text = self.read_until(b"\r\n\r\n").decode("latin-1")
        self.requests += 1
        return Request(text)

    def read_request(self):
        request = self.read_head()
        self.read_body(request)
        return request

    def read_body(self, request):
        if request.get("Transfer-Encoding") == "chunked":
            body = b""
            while True:
                size = int(self.read_until(b"\r\n")[:-2], 16)
                if size == 0:
                    break
                body += self.read(size)
                assert self.read(2) == b"\r\n"
            lines = []
            while True:
                line = self.read_until(b"\r\n")[:-2].decode("latin-1")
                if not line:
                    break
                lines.append(line)
            request.trailers = parse_fields(lines)
            request.body = body
        else:
            request.body = self.read(int(request.get("Content-Length") or 0))

    def reset(self):
        """Closes with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        """Also where the gateway has reset the connection already."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)


class Request:
    def __init__(self, head):
        self.head = head
        lines = head[:-4].split("\r\n")
        self.line = lines[0]
        self.method, self.target, self.version = lines[0].split(" ")
        self.fields = parse_fields(lines[1:])
        self.body = b""
        self.trailers = []

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


class Origin:
    """Accepts connections on a free port (or a Unix socket) and runs `handler(connection)` in a
    thread for each. Unexpected failures of handlers are raised by close()."""

    def __init__(self, handler, host="127.0.0.1", path=None, tls=None, backlog=128,
                 timeout=TIMEOUT_SECONDS, port=0):
        self.handler = handler
        self.tls = tls
        self.timeout = timeout
        self.path = str(path) if path else None
        self.connections = []
        self.failures = []
        self.handshake_errors = []
        self.lock = threading.Lock()
        self.is_closing = False
        if self.path:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(self.path)
            os.chmod(self.path, 0o666)
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.socket(family, socket.SOCK_STREAM)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
        self.listener.listen(backlog)
        self.threads = []
        self.acceptor = threading.Thread(target=self._accept, daemon=True)
        self.acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(check=kind is None)

    @property
    def address(self):
        """As the configuration has it."""
        if self.path:
            return f"unix:{self.path}"
        host, port = self.listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.is_closing:
                sock.close()
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        sock.settimeout(self.timeout)
        if self.tls is not None:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except (OSError, ssl.SSLError) as failure:
                self.handshake_errors.append(failure)
                sock.close()
                return
        with self.lock:
            connection = OriginConnection(sock, len(self.connections) + 1)
            self.connections.append(connection)
        try:
            self.handler(connection)
        except (EOFError, BrokenPipeError, ConnectionResetError, ssl.SSLError):
            connection.has_ended = True
        except Exception as failure:  # pylint: disable=broad-except
            if not self.is_closing:
                self.failures.append(failure)
        finally:
            connection.sock.close()
            connection.is_done = True

    def wait_connections(self, count):
        wait_until(lambda: len(self.connections) >= count, what=f"{count} connections")
        return self.connections[count - 1]

    def close(self, check=True):
        self.is_closing = True
        # A shutdown wakes the thread that waits in accept; closing alone does not.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join(5)
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        if check and self.failures:
            raise self.failures[0]


def response_bytes(status=200, fields=(), body=b"", reason="OK", version="HTTP/1.1"):
    lines = [f"{version} {status} {reason}"]
    lines += [f"{name}: {value}" for name, value in fields]
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def echo_handler(name="origin", requests=None):
    """Answers each request of a kept-alive connection with what came, as JSON."""
    def handler(connection):
        while True:
            request = connection.read_request()
            if requests is not None:
                requests.append(request)
            peer_certificate = None
            if isinstance(connection.sock, ssl.SSLSocket):
                peer_certificate = connection.sock.getpeercert()
            answer = json.dumps({
                "origin": name, "connection": connection.number, "line": request.line,
                "method": request.method, "target": request.target,
                "fields": request.fields, "trailers": request.trailers,
                "body_bytes": len(request.body),
                "body_sha256": hashlib.sha256(request.body).hexdigest(),
                "client_certificate": peer_certificate,
            }).encode()
            head = response_bytes(200, [("Content-Type", "application/json"),
                                        ("Server", "scripted")], answer)
            if request.method == "HEAD":
                head = head[:-len(answer)]
            connection.send(head)
    return handler


class EchoOrigin(Origin):
    """An origin that records all requests and echoes them."""

    def __init__(self, name="origin", **options):
        self.requests = []
        super().__init__(echo_handler(name, self.requests), **options)


def canned(data, close=True):
    """Whatever is asked, answers with the same bytes."""
    def handler(connection):
        while True:
            connection.read_request()
            connection.send(data)
            if close:
                connection.half_close()
                connection.wait_end()
                return
    return handler


def free_port():
    """A port on which nobody listens right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class UnansweringPort:
    """A port whose connection attempts neither succeed nor fail: its accept queue is full."""

    def __init__(self):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.fillers = []
        for _ in range(8):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self.listener.getsockname())
            self.fillers.append(filler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for filler in self.fillers:
            filler.close()
        self.listener.close()
