"""gRPC end to end, with a real client and server: every kind of call, over h2 and h2c servers."""

import concurrent.futures
import threading

import pytest

pytest.importorskip("h2")
grpc = pytest.importorskip("grpc")

# pylint: disable=wrong-import-position
from waiting import wait_until

SERVICE = "test.Words"
SECONDS = 20


class Words(grpc.GenericRpcHandler):
    """Messages are plain bytes."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.begun = threading.Event()
        self.seen = []

    def service(self, details):
        self.seen.append((details.method, dict(details.invocation_metadata)))
        name = details.method.rpartition("/")[2]
        make = {
            "Upper": (grpc.unary_unary_rpc_method_handler, self.upper),
            "Split": (grpc.unary_stream_rpc_method_handler, self.split),
            "Join": (grpc.stream_unary_rpc_method_handler, self.join),
            "Echo": (grpc.stream_stream_rpc_method_handler, self.echo),
            "Refuse": (grpc.unary_unary_rpc_method_handler, self.refuse),
            "Wait": (grpc.unary_unary_rpc_method_handler, self.wait),
            "Big": (grpc.unary_unary_rpc_method_handler, self.big),
            "Endless": (grpc.unary_stream_rpc_method_handler, self.endless),
        }.get(name)
        return make[0](make[1]) if make else None

    def upper(self, request, context):
        context.send_initial_metadata([("x-initial", "1")])
        context.set_trailing_metadata([("x-trailing", "2"), ("x-bytes-bin", b"\0\xff")])
        return request.upper()

    def split(self, request, context):
        del context
        for word in request.split():
            yield word

    def join(self, requests, context):
        del context
        return b" ".join(requests)

    def echo(self, requests, context):
        del context
        for request in requests:
            yield request

    def refuse(self, request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you: " + request.decode())

    def wait(self, request, context):
        """Until the call is cancelled."""
        del request
        context.add_callback(self.cancelled.set)
        self.begun.set()
        self.cancelled.wait(SECONDS)
        return b""

    def big(self, request, context):
        del context
        return request * 2

    def endless(self, request, context):
        context.add_callback(self.cancelled.set)
        while not self.cancelled.is_set():
            yield request


class Server:
    def __init__(self, certificate=None):
        self.words = Words()
        self.pool = concurrent.futures.ThreadPoolExecutor(16)
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        self.server = grpc.server(self.pool, [self.words], options=options)
        if certificate is None:
            port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            pair = (certificate.key_file.read_bytes(), certificate.crt.read_bytes())
            port = self.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        self.address = f"127.0.0.1:{port}"
        self.server.start()

    def stop(self):
        self.words.cancelled.set()
        self.server.stop(1).wait(10)


def config(backend, tls):
    site = {"hosts": ["shop.example"], "backend": "words"}
    if tls:
        site["tls"] = tls
    return {"sites": [site], "backends": [{"name": "words", **backend}]}


OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.enable_retries", 0),
           ("grpc.default_authority", "shop.example"),
           ("grpc.ssl_target_name_override", "shop.example"),
           ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]


@pytest.fixture(name="world", scope="module", params=["tls-h2", "tls-h2c", "plain-h2c"])
def _world(request, start_for_module, ca, shop):
    """A client's channel, the gateway and the server's handler; client and server with TLS or
    without."""
    front, back = request.param.split("-")
    server = Server(shop if back == "h2" else None)
    backend = {"servers": [server.address], "protocol": back}
    if back == "h2":
        backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
    gateway = start_for_module(config(backend, shop.settings() if front == "tls" else None))
    target = f"127.0.0.1:{gateway.port}"
    if front == "tls":
        credentials = grpc.ssl_channel_credentials(ca.file.read_bytes())
        channel = grpc.secure_channel(target, credentials, OPTIONS)
    else:
        channel = grpc.insecure_channel(target, OPTIONS)
    yield channel, gateway, server.words
    channel.close()
    server.stop()


def test_unary(world):
    channel, gateway, words = world
    response, call = channel.unary_unary(f"/{SERVICE}/Upper").with_call(
        b"hello", timeout=SECONDS, metadata=[("x-mine", "3")])
    assert response == b"HELLO"
    assert call.code() == grpc.StatusCode.OK
    assert ("x-initial", "1") in [tuple(one) for one in call.initial_metadata()]
    trailing = [tuple(one) for one in call.trailing_metadata()]
    assert ("x-trailing", "2") in trailing and ("x-bytes-bin", b"\0\xff") in trailing
    method, metadata = words.seen[-1]
    assert method == f"/{SERVICE}/Upper" and metadata["x-mine"] == "3"
    assert metadata["x-forwarded-for"] == "127.0.0.1"
    entry = gateway.wait_log(target=f"/{SERVICE}/Upper")
    assert entry["status"] == 200 and entry["version"] == "HTTP/2"


def test_server_streaming(world):
    channel, _, _ = world
    text = b" ".join(b"%d" % i for i in range(500))
    answers = channel.unary_stream(f"/{SERVICE}/Split")(text, timeout=SECONDS)
    assert list(answers) == text.split()


def test_client_streaming(world):
    channel, _, _ = world
    parts = [b"%d" % i for i in range(500)]
    answer = channel.stream_unary(f"/{SERVICE}/Join")(iter(parts), timeout=SECONDS)
    assert answer == b" ".join(parts)


def test_many_small_messages(world):
    """As fast as they go, in each direction: what a client measures meanwhile is no flood."""
    channel, _, words = world
    words.cancelled.clear()
    call = channel.unary_stream(f"/{SERVICE}/Endless")(b"x", timeout=60)
    for _, answer in zip(range(5000), call):
        assert answer == b"x"
    call.cancel()
    assert words.cancelled.wait(SECONDS)
    answers = channel.stream_stream(f"/{SERVICE}/Echo")(
        (b"%d" % i for i in range(3000)), timeout=60)
    assert [int(answer) for answer in answers] == list(range(3000))


def test_both_ways_in_turns(world):
    """Each message is answered before the next is sent: nothing may wait for more bytes."""
    channel, _, _ = world
    turn = threading.Semaphore(1)
    sent = []

    def messages():
        for i in range(20):
            assert turn.acquire(timeout=SECONDS)
            sent.append(b"message %d" % i)
            yield sent[-1]

    received = []
    for answer in channel.stream_stream(f"/{SERVICE}/Echo")(messages(), timeout=SECONDS):
        received.append(answer)
        assert received == sent
        turn.release()
    assert len(received) == 20


def test_response_of_trailers_only(world):
    channel, _, _ = world
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary(f"/{SERVICE}/Refuse")(b"stranger", timeout=SECONDS)
    assert failure.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert failure.value.details() == "not you: stranger"


def test_unknown_method(world):
    channel, _, _ = world
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary(f"/{SERVICE}/Nothing")(b"", timeout=SECONDS)
    assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_large_messages(world):
    channel, _, _ = world
    request = bytes(range(256)) * 20000
    assert channel.unary_unary(f"/{SERVICE}/Big")(request, timeout=60) == request * 2


def test_many_calls_at_once(world):
    channel, _, _ = world
    calls = [channel.unary_unary(f"/{SERVICE}/Upper").future(b"word %d" % i, timeout=60)
             for i in range(200)]
    assert [call.result() for call in calls] == [b"WORD %d" % i for i in range(200)]


def test_deadline_reaches_the_server(world):
    channel, _, words = world
    words.cancelled.clear()
    with pytest.raises(grpc.RpcError) as failure:
        channel.unary_unary(f"/{SERVICE}/Wait")(b"", timeout=0.5)
    assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert words.cancelled.wait(SECONDS)
    assert "grpc-timeout" not in words.seen[-1][1]  # the library takes it for itself


def test_cancelled_call_reaches_the_server(world):
    channel, _, words = world
    words.cancelled.clear()
    words.begun.clear()
    call = channel.unary_unary(f"/{SERVICE}/Wait").future(b"", timeout=SECONDS)
    assert words.begun.wait(SECONDS)
    call.cancel()
    assert words.cancelled.wait(SECONDS)


def test_endless_stream_is_cancelled(world):
    channel, gateway, words = world
    words.cancelled.clear()
    answers = channel.unary_stream(f"/{SERVICE}/Endless")(b"x" * 1000, timeout=60)
    for _ in range(100):
        assert next(answers) == b"x" * 1000
    answers.cancel()
    assert words.cancelled.wait(SECONDS)
    gateway.wait_log(target=f"/{SERVICE}/Endless")


def test_server_that_goes_away(start):
    """A restarted server: calls that it had not begun are sent to the other one."""
    servers = [Server(), Server()]
    gateway = start(config({"servers": [one.address for one in servers], "protocol": "h2c"}, None))
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}", OPTIONS) as channel:
        upper = channel.unary_unary(f"/{SERVICE}/Upper")
        for i in range(4):
            assert upper(b"a", timeout=SECONDS) == b"A"
        servers[0].server.stop(0).wait(10)
        wait_until(lambda: upper(b"b", timeout=SECONDS) == b"B", SECONDS)
        for i in range(10):
            assert upper(b"%d" % i, timeout=SECONDS) == b"%d" % i
    servers[1].stop()
