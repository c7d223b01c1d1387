"""A name server of the tests' own, on loopback: what it answers is said by the test, and can be
changed at any time; what it was asked is kept."""
import socket
import struct
import threading

A, CNAME, SOA, AAAA, SRV = 1, 5, 6, 28, 33
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def address(text, ttl=1):
    if ":" in text:
        return AAAA, socket.inet_pton(socket.AF_INET6, text), ttl
    return A, socket.inet_pton(socket.AF_INET, text), ttl


def alias(target, ttl=1):
    return CNAME, name_bytes(target), ttl


def service(target, port, priority=0, weight=0, ttl=1):
    return SRV, struct.pack("!HHH", priority, weight, port) + name_bytes(target), ttl


def read_question(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    kind, = struct.unpack_from("!H", message, at + 1)
    return ".".join(labels).lower(), kind, message[12:at + 5]


class NameServer:
    """`names`: what there is, by name: a list of records (address(), alias(), service()), a number
    (that rcode), None (no answer at all) or a function of the question that returns bytes behind the
    id, or None. A name that is not there does not exist. `cut`: answers over UDP are truncated."""

    def __init__(self, **names):
        self.names = {name.replace("_", "."): value for name, value in names.items()}
        self.asked = []
        self.cut = False
        self.lock = threading.Lock()
        self.tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.tcp.getsockname())
        self.port = self.tcp.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self._udp, self._tcp)]
        self.is_over = False

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"end", ("127.0.0.1", self.port))
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        for thread in self.threads:
            thread.join(10)
        self.tcp.close()
        self.udp.close()

    def set(self, name, *records):
        with self.lock:
            self.names[name] = records[0] if len(records) == 1 and not isinstance(records[0], tuple) \
                else list(records)

    def drop(self, name):
        with self.lock:
            del self.names[name]

    def count(self, name, kind=None, via=None):
        with self.lock:
            return sum(asked == name and kind in (None, its) and via in (None, how)
                       for asked, its, how in self.asked)

    def _records(self, name, kind):
        """Those of the answer, along aliases."""
        found, owner = [], name
        for _ in range(20):
            records = self.names.get(owner, [])
            if not isinstance(records, list):
                break
            found += [(owner, *record) for record in records if record[0] in (kind, CNAME)]
            aliases = [record for record in records if record[0] == CNAME]
            if not aliases:
                break
            owner = read_question(bytes(12) + aliases[0][1] + bytes(4))[0]
        return found

    def answer(self, message, via):
        name, kind, question = read_question(message)
        with self.lock:
            self.asked.append((name, kind, via))
            value = self.names.get(name, NXDOMAIN)
            if value is None:
                return None
            if callable(value):
                rest = value(name, kind, question)
                return rest and message[:2] + rest
            records = self._records(name, kind) if isinstance(value, list) else []
            rcode = value if isinstance(value, int) else NOERROR
        is_cut = self.cut and via == "udp"
        records = [] if is_cut else records
        flags = 0x8180 | rcode | (0x0200 if is_cut else 0)
        body = b"".join(name_bytes(owner) + struct.pack("!HHIH", its, 1, ttl, len(data)) + data
                        for owner, its, data, ttl in records)
        return (message[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + body)

    def _udp(self):
        while True:
            message, peer = self.udp.recvfrom(4096)
            if self.is_over:
                return
            answer = self.answer(message, "udp")
            if answer is not None:
                self.udp.sendto(answer, peer)

    def _tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            with connection:
                if self.is_over:
                    return
                connection.settimeout(10)
                stream = connection.makefile("rb")
                while len(head := stream.read(2)) == 2:
                    answer = self.answer(stream.read(struct.unpack("!H", head)[0]), "tcp")
                    if answer is not None:
                        connection.sendall(struct.pack("!H", len(answer)) + answer)
