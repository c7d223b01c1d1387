"""An HTTP/2 client at frame level (python3-h2): it can break every rule a test wants broken."""

import socket
import struct
import time

import pytest

from client import open_socket

h2_connection = pytest.importorskip("h2.connection")
h2_config = pytest.importorskip("h2.config")
h2_settings = pytest.importorskip("h2.settings")
h2_events = pytest.importorskip("h2.events")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
PRIORITY_UPDATE = 16
END_STREAM, END_HEADERS = 1, 4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR = 0, 1, 2
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Stream:
    """What has come of one response."""

    def __init__(self):
        self.interim = []
        self.fields = None
        self.body = b""
        self.trailers = None
        self.is_ended = False
        self.reset = None
        self.received = 0

    @property
    def status(self):
        return int(self.get(":status")) if self.fields is not None else None

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class Client:
    """One connection to the gateway. `acks`: whether windows are opened again as data comes."""

    def __init__(self, address, tls=None, server_name="shop.example", acks=True, window=None,
                 keeps_bodies=True, receive_buffer=None, timeout=20):
        self.sock = open_socket(address, timeout, receive_buffer)
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
            self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
            assert self.sock.selected_alpn_protocol() == "h2"
        self.timeout = timeout
        self.host = server_name
        self.scheme = "https" if tls is not None else "http"
        self.acks = acks
        self.keeps_bodies = keeps_bodies
        self.streams = {}
        self.goaways = []
        self.pings = []
        self.is_closed = False
        self.h2 = h2_connection.H2Connection(h2_config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False, validate_inbound_headers=True))
        # What is under way still comes behind a GOAWAY, often in the same read; the library would not take it.
        state, goaway = h2_connection.ConnectionState, h2_connection.ConnectionInputs.RECV_GOAWAY
        machine = self.h2.state_machine
        machine._transitions = {  # pylint: disable=protected-access
            **machine._transitions, (state.CLIENT_OPEN, goaway): (None, state.CLIENT_OPEN)}
        if window is not None:
            self.h2.local_settings = h2_settings.Settings(
                client=True, initial_values={h2_settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def takes_heads_of(self, size):
        """Announces it, too: the library alone would take and announce 64 KiB."""
        self.h2.update_settings({h2_settings.SettingCodes.MAX_HEADER_LIST_SIZE: size})
        self.h2.decoder.max_header_list_size = size
        self.flush()

    def reset_connection(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def raw(self, data):
        """Bytes past the library."""
        self.sock.sendall(data)

    def encode(self, fields):
        return self.h2.encoder.encode(fields)

    def headers(self, target="/", method="GET", host=None, scheme=None, fields=()):
        return [(":method", method), (":scheme", scheme or self.scheme), (":path", target),
                (":authority", host or self.host), *fields]

    def open(self):
        stream = self.h2.get_next_available_stream_id()
        self.streams[stream] = Stream()
        return stream

    def send(self, fields, end=True):
        """Fields as they are; returns the stream's number."""
        stream = self.open()
        self.h2.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def start(self, target="/", method="GET", end=True, **options):
        return self.send(self.headers(target, method, **options), end)

    def data(self, stream, data, end=False):
        """Sends all of it, as the windows open."""
        deadline = time.monotonic() + self.timeout
        while data or end:
            room = min(self.h2.local_flow_control_window(stream),
                       self.h2.max_outbound_frame_size, len(data))
            if data and room == 0:
                assert time.monotonic() < deadline, "the gateway opens no window"
                self.pump()
                if self.streams[stream].reset is not None:
                    return
                continue
            piece, data = data[:room], data[room:]
            self.h2.send_data(stream, piece, end_stream=end and not data)
            end = end and bool(data)
            self.flush()

    def trailers(self, stream, fields):
        self.h2.send_headers(stream, fields, end_stream=True)
        self.flush()

    def request(self, target="/", method="GET", body=None, **options):
        stream = self.start(target, method, end=body is None, **options)
        if body is not None:
            self.data(stream, body, end=True)
        return self.wait(stream)

    def reset(self, stream, code=CANCEL):
        self.h2.reset_stream(stream, code)
        self.flush()

    def pump(self, timeout=None):
        """Reads once. False: the connection has ended."""
        self.sock.settimeout(self.timeout if timeout is None else timeout)
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.is_closed = True
            return False
        for event in self.h2.receive_data(data):
            self._take(event)
        try:
            self.flush()
        except OSError:
            self.is_closed = True
        return True

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, h2_events.ResponseReceived):
            stream.fields = event.headers
        elif isinstance(event, h2_events.InformationalResponseReceived):
            stream.interim.append(dict(event.headers))
        elif isinstance(event, h2_events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2_events.DataReceived):
            stream.received += len(event.data)
            if self.keeps_bodies:
                stream.body += event.data
            if self.acks and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2_events.StreamEnded):
            stream.is_ended = True
        elif isinstance(event, h2_events.StreamReset):
            if stream is not None:
                stream.reset = int(event.error_code)
        elif isinstance(event, h2_events.ConnectionTerminated):
            self.goaways.append((int(event.error_code), event.last_stream_id))
        elif isinstance(event, h2_events.PingAckReceived):
            self.pings.append(event.ping_data)

    def wait_for(self, condition, what="the condition"):
        deadline = time.monotonic() + self.timeout
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}"
            if not self.pump():
                assert condition(), f"the connection ended; waited for {what}"

    def wait(self, stream):
        """The response, whole, or reset."""
        found = self.streams[stream]
        self.wait_for(lambda: found.is_ended or found.reset is not None, "the response's end")
        return found

    def wait_head(self, stream):
        found = self.streams[stream]
        self.wait_for(lambda: found.fields is not None or found.reset is not None, "a response")
        return found

    def wait_closed(self):
        """Reads to the end of the connection."""
        deadline = time.monotonic() + self.timeout
        while self.pump():
            assert time.monotonic() < deadline, "the gateway does not close"

    def wait_goaway(self):
        self.wait_for(lambda: self.goaways, "GOAWAY")
        return self.goaways[-1]
