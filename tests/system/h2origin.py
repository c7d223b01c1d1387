"""An HTTP/2 origin, scripted at the level of frames. Each connection has a thread of its own; what
it does is a function of the connection, most often `serve(answer)`."""

import collections
import select
import socket

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import DataFrame, HeadersFrame

from origins import Origin

CODES = h2.settings.SettingCodes
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, CANCEL = 0, 1, 7, 8


class H2Request:
    """What came on one stream."""

    def __init__(self, stream, fields):
        self.stream = stream
        self.fields = [(name.decode(), value.decode("latin-1")) for name, value in fields]
        # Those that the sender says never to keep in a table (RFC 7541 section 7.1.3).
        self.never_indexed = {pair[0].decode() for pair in fields
                              if not getattr(pair, "indexable", True)}
        self.body = bytearray()
        self.trailers = []
        self.is_whole = False
        self.reset_code = None

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.stream} {self.fields} {len(self.body)} bytes>"


class H2Connection:
    """The origin's side of one connection."""

    def __init__(self, connection, settings=None):
        self.raw = connection
        self.number = connection.number
        self.requests = {}
        self.heads = collections.deque()  # streams whose head has come, in order
        self.wholes = collections.deque()  # streams that have ended, in order
        self.goaway = None
        self.pings = 0
        self.holds_windows = False
        config = h2.config.H2Configuration(
            client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        if settings:
            self.h2.local_settings.update(settings)
            self.h2.local_settings.acknowledge()
            self.h2.decoder.max_header_list_size = settings.get(CODES.MAX_HEADER_LIST_SIZE, 65536)
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.raw.send(data)

    def pump(self):
        """Waits for bytes and takes the frames in them."""
        data = self.raw.recv()
        if not data:
            raise EOFError
        for event in self.h2.receive_data(data):
            self._take(event)
        self.flush()

    def poll(self, seconds):
        """The same, but only if they come soon; not over TLS."""
        if select.select([self.raw.sock], [], [], seconds)[0]:
            self.pump()

    def _take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = H2Request(event.stream_id, event.headers)
            self.heads.append(event.stream_id)
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id].body += event.data
            if not self.holds_windows and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self.requests[event.stream_id].trailers = [
                (name.decode(), value.decode()) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            self.requests[event.stream_id].is_whole = True
            self.wholes.append(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.requests[event.stream_id].reset_code = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif isinstance(event, h2.events.PingReceived):
            self.pings += 1

    # Waiting.

    def wait(self, condition):
        while not condition():
            self.pump()

    def next_head(self):
        """The next request whose head has come; its body may still be coming."""
        self.wait(lambda: self.heads)
        return self.requests[self.heads.popleft()]

    def next_request(self):
        """The next request that has come whole."""
        self.wait(lambda: self.wholes)
        return self.requests[self.wholes.popleft()]

    def wait_reset(self, stream):
        self.wait(lambda: self.requests[stream].reset_code is not None)
        return self.requests[stream].reset_code

    def wait_end(self):
        """Until the gateway closes."""
        try:
            while True:
                self.pump()
        except EOFError:
            pass

    # Answering.

    def head(self, stream, status=200, fields=(), end=False):
        self.h2.send_headers(stream, [(":status", str(status)), *fields], end_stream=end)
        self.flush()

    def data(self, stream, data, end=False):
        """As the windows allow."""
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.pump()
                if self.requests[stream].reset_code is not None:
                    raise EOFError
                continue
            part, data = data[:room], data[room:]
            self.h2.send_data(stream, part, end_stream=end and not data)
            self.flush()
        if end and not data and self.h2.streams[stream].open:
            self.end(stream)

    def end(self, stream, trailers=None):
        if trailers is not None:
            self.h2.send_headers(stream, trailers, end_stream=True)
        elif self.h2.streams[stream].open:
            self.h2.end_stream(stream)
        self.flush()

    def respond(self, stream, status=200, fields=(), body=b"", trailers=None):
        self.head(stream, status, fields, end=not body and trailers is None)
        if body:
            self.data(stream, body)
        if body or trailers is not None:
            self.end(stream, trailers)

    def reset(self, stream, code):
        self.h2.reset_stream(stream, code)
        self.flush()

    def send_goaway(self, last_stream, code=NO_ERROR):
        """Without this side's ideas of what may follow."""
        self.raw.send(b"\0\0\x08\x07\0\0\0\0\0" + last_stream.to_bytes(4, "big") +
                      code.to_bytes(4, "big"))

    # Breaking the rules.

    def raw_headers(self, stream, fields, end=False):
        """Fields as they are, in one frame."""
        frame = HeadersFrame(stream, self.h2.encoder.encode(fields))
        frame.flags.add("END_HEADERS")
        if end:
            frame.flags.add("END_STREAM")
        self.raw.send(frame.serialize())

    def raw_data(self, stream, data, end=False):
        frame = DataFrame(stream, data)
        if end:
            frame.flags.add("END_STREAM")
        self.raw.send(frame.serialize())


def serve(answer):
    """Calls answer(connection, request) for each whole request."""
    def script(connection):
        while True:
            answer(connection, connection.next_request())
    return script


def text(connection, request):
    """The usual answer: which connection it was, and the path."""
    body = f"{connection.number} {request.get(':path')}".encode()
    connection.respond(request.stream, 200, [("content-type", "text/plain")], body)


class H2Origin(Origin):
    """Runs `script(connection)` for each connection."""

    def __init__(self, script=None, settings=None, tls=None, **options):
        script = script or serve(text)
        self.h2 = []
        if tls is not None:
            tls.set_alpn_protocols(["h2"])

        def handler(raw):
            raw.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = H2Connection(raw, settings)
            self.h2.append(connection)
            try:
                script(connection)
            except h2.exceptions.StreamClosedError:
                pass  # the gateway had reset it meanwhile

        super().__init__(handler, tls=tls, **options)

    def requests(self):
        return [request for connection in self.h2 for request in connection.requests.values()]
