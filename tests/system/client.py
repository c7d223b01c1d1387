"""A small strict HTTP/1.1 client on raw sockets: what it reads is what came over the wire."""

import contextlib
import select
import socket
import ssl
import struct

TIMEOUT_SECONDS = 15
BUSY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def open_socket(address, timeout=TIMEOUT_SECONDS, receive_buffer=None):
    """address: (host, port), or the path of a Unix socket."""
    if isinstance(address, (str, bytes)):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(timeout)
    try:
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


class Ended(Exception):
    """The connection ended in the middle of what was being read."""


class Response:
    def __init__(self, version, status, reason, fields):
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self.body = b""
        self.trailers = []
        self.interim = []

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.version} {self.status} {self.fields} {self.body[:200]!r}>"


def parse_fields(lines):
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        assert colon and name and name == name.strip(), f"malformed field line {line!r}"
        fields.append((name, value.strip(" \t")))
    return fields


class Connection:
    """One connection to the gateway; a context manager."""

    def __init__(self, address, tls=None, server_name=None, timeout=TIMEOUT_SECONDS,
                 receive_buffer=None, first=b""):
        self.sock = open_socket(address, timeout, receive_buffer)
        self.buffer = b""
        try:
            if first:
                self.sock.sendall(first)
            if tls is not None:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name,
                                            suppress_ragged_eofs=False)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    @property
    def local_address(self):
        return self.sock.getsockname()

    def local_text(self):
        host, port = self.sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # Raw bytes.

    def send(self, data):
        self.sock.sendall(data)

    def send_even_if_refused(self, data):
        """The other side may close while we still send: that is for the reader to judge."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.sock.sendall(data)

    def exchange(self, data, count):
        """Sends data and reads `count` bytes at the same time, as a WebSocket's two sides do. On one
        thread: an SSLSocket that two threads use breaks its connection now and then."""
        at = 0
        timeout = self.sock.gettimeout()
        self.sock.setblocking(False)
        try:
            while True:
                with contextlib.suppress(*BUSY):
                    at += self.sock.send(data[at:at + 65536]) if at < len(data) else 0
                with contextlib.suppress(*BUSY):
                    while len(self.buffer) < count:
                        self._fill()
                if at == len(data) and len(self.buffer) >= count:
                    break
                waiting = [self.sock] if at < len(data) else []
                ready = select.select([self.sock], waiting, [], timeout)
                assert ready != ([], [], []), f"{at} sent, {len(self.buffer)} read, and no more"
        finally:
            self.sock.settimeout(timeout)
        return self.read(count)

    def half_close(self):
        """Also where the other side has reset the connection already."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise Ended(f"closed after {self.buffer[:200]!r}")
        self.buffer += data

    def read(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_until(self, mark):
        while mark not in self.buffer:
            self._fill()
        end = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:end], self.buffer[end:]
        return data

    def read_to_end(self):
        try:
            while True:
                self._fill()
        except Ended:
            pass
        data, self.buffer = self.buffer, b""
        return data

    def is_closed_by_peer(self):
        """Waits for the end; False when bytes come instead. A reset counts as an end."""
        if self.buffer:
            return False
        try:
            return self.sock.recv(1) == b""
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return True

    # HTTP.

    def read_head(self):
        text = self.read_until(b"\r\n\r\n").decode("latin-1")
        lines = text[:-4].split("\r\n")
        assert "\n" not in "".join(lines) and "\r" not in "".join(lines), text
        version, status, reason = lines[0].split(" ", 2)
        assert version == "HTTP/1.1" and len(status) == 3, lines[0]
        return Response(version, int(status), reason, parse_fields(lines[1:]))

    def read_response(self, method="GET"):
        """Reads interim responses, the head and the whole body."""
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        if method == "HEAD" or response.status in (101, 204, 304):
            return response
        coding = response.get("Transfer-Encoding")
        length = response.get("Content-Length")
        if coding is not None:
            assert coding == "chunked" and length is None
            response.body, response.trailers = self.read_chunked()
        elif length is not None:
            response.body = self.read(int(length))
        else:
            response.body = self.read_to_end()
        return response

    def read_chunked(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n")[:-2], 16)
            if size == 0:
                break
            body += self.read(size)
            assert self.read(2) == b"\r\n"
        lines = []
        while True:
            line = self.read_until(b"\r\n")[:-2]
            if not line:
                return body, parse_fields(lines)
            lines.append(line.decode("latin-1"))

    def request(self, target="/", method="GET", host="test.example", fields=(), body=None):
        """Sends a well-formed request and reads its response."""
        self.send(request_bytes(target, method, host, fields, body))
        return self.read_response(method)


def request_bytes(target="/", method="GET", host="test.example", fields=(), body=None,
                  version="HTTP/1.1"):
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def chunked(*parts, trailers=""):
    """A whole chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + \
        f"0\r\n{trailers}\r\n".encode()


def fetch(address, target="/", method="GET", host="test.example", fields=(), body=None, tls=None,
          server_name=None):
    """One request on a connection of its own."""
    with Connection(address, tls, server_name or (host if tls else None)) as connection:
        return connection.request(target, method, host, fields, body)
