"""GET and HEAD that are asked of a second server, as the first one takes long: who answers, what
becomes of the other one, what it costs, and what it is not done for."""

import select
import threading
import time

import pytest

from client import Connection
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, response_bytes
from waiting import wait_until

HEDGE = {"hedge": {"after": "30ms"}}


class Base:
    """Answers with a status and a body; or not before it is let go (`holds`); or breaks (None)."""

    def set_up(self, status=200, holds=False, body=b"an answer", delay=0):
        self.status = status
        self.body = body
        self.delay = delay
        self.free = threading.Event()
        if not holds:
            self.free.set()
        self.asked = []
        self.ended = 0  # requests of which the gateway wanted no answer any more


class Server(Base, Origin):
    def __init__(self, *args, **options):
        self.set_up(*args, **options)
        super().__init__(self.answer)

    def is_left(self, connection):
        while not self.free.is_set():
            if select.select([connection.sock], [], [], 0.01)[0]:
                return True
        return False

    def answer(self, connection):
        while True:
            request = connection.read_request()
            self.asked.append((request.method, request.target))
            time.sleep(self.delay)
            if self.is_left(connection):
                connection.wait_end()
                self.ended += 1
                return
            if self.status is None:
                connection.reset()
                return
            connection.send(response_bytes(self.status, body=b"" if request.method == "HEAD" else self.body))


class H2Server(Base, H2Origin):
    def __init__(self, *args, **options):
        self.set_up(*args, **options)
        super().__init__(serve(self.answer))

    def answer(self, connection, request):
        self.asked.append((request.get(":method"), request.get(":path")))
        time.sleep(self.delay)
        while not self.free.is_set() and request.reset_code is None:
            connection.poll(0.01)
        if request.reset_code is not None:
            assert request.reset_code == 8
            self.ended += 1
        elif self.status is None:
            connection.raw.reset()
            raise EOFError
        else:
            body = b"" if request.get(":method") == "HEAD" else self.body
            connection.respond(request.stream, self.status, body=body)


FRONTS = pytest.mark.parametrize("front", [Connection, Client], ids=["from-h1", "from-h2"])
BACKS = pytest.mark.parametrize("kind, protocol", [(Server, "h1"), (H2Server, "h2c")], ids=["h1", "h2"])


def pool(servers, retries=HEDGE, **backend):
    """The first server is asked first, so that it is known which is the slow one."""
    return {"workers": 1, "sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers": [one.address for one in servers], "balance": "first",
                          "retries": retries, **backend}]}


def tries(gateway, target):
    entry = gateway.wait_log(target=target)
    return [(one["server"], one.get("status") or one.get("outcome")) for one in entry.get("tries", [])]


@FRONTS
@BACKS
def test_a_server_that_is_slow_is_outrun(start, front, kind, protocol):
    """And nothing of it is held against it."""
    body = bytes(range(256)) * 4096  # more than comes with the head
    with kind(holds=True) as slow, kind(body=body) as quick:
        gateway = start(pool([slow, quick], protocol=protocol))
        with front(gateway.address) as client:
            for number in range(3):
                response = client.request(f"/{number}")
                assert response.status == 200 and response.body == body
            response = client.request("/head", "HEAD")
            assert response.status == 200 and response.body == b""
        wait_until(lambda: slow.ended == 4)
        assert [target for _, target in slow.asked] == [target for _, target in quick.asked] == ["/0", "/1", "/2", "/head"]
        assert tries(gateway, "/1") == [(slow.address, "outrun"), (quick.address, 200)]
        entry = gateway.wait_log(target="/1")
        assert entry["server"] == quick.address and 20 <= entry["tries"][0]["ms"] < 10000
        assert not gateway.server_changes()


@FRONTS
@BACKS
def test_the_first_one_may_still_be_the_faster(start, front, kind, protocol):
    with kind(holds=True, body=b"the first") as slow, kind(holds=True, body=b"the second") as slower:
        gateway = start(pool([slow, slower], protocol=protocol))
        with front(gateway.address) as client:
            threading.Thread(target=lambda: (wait_until(lambda: slower.asked), slow.free.set())).start()
            response = client.request("/one")
            assert response.status == 200 and response.body == b"the first"
            wait_until(lambda: slower.ended == 1)
            assert client.request("/two").body == b"the first"
        assert tries(gateway, "/one") == [(slower.address, "outrun"), (slow.address, 200)]
        assert tries(gateway, "/two") == []
        assert not gateway.server_changes()


@BACKS
def test_an_answer_that_says_it_could_not_is_no_answer(start, kind, protocol):
    with kind(holds=True, body=b"the first") as slow, kind(status=503) as poor:
        gateway = start(pool([slow, poor], protocol=protocol))
        with Connection(gateway.address) as client:
            threading.Thread(target=lambda: (wait_until(lambda: poor.asked), slow.free.set())).start()
            response = client.request("/one")
            assert response.status == 200 and response.body == b"the first"
        assert tries(gateway, "/one") == [(poor.address, 503), (slow.address, 200)]


@BACKS
def test_the_first_one_fails_while_the_second_is_asked(start, kind, protocol):
    """There is no third: what the second one says is the answer."""
    with kind(status=None, holds=True) as broken, kind(holds=True, body=b"the second") as slow, kind() as third:
        gateway = start(pool([broken, slow, third], protocol=protocol))

        def go_on():
            wait_until(lambda: slow.asked)
            broken.free.set()
            time.sleep(0.1)  # the first one's end is seen first
            slow.free.set()

        with Connection(gateway.address) as client:
            threading.Thread(target=go_on).start()
            response = client.request("/one")
            assert response.status == 200 and response.body == b"the second"
        assert not third.asked
        seen = tries(gateway, "/one")
        assert seen[-1] == (slow.address, 200) and seen[0][0] == broken.address and len(seen) == 2


@BACKS
def test_both_fail(start, kind, protocol):
    """Then a third is asked, as if the first had failed alone; and if there is none, that is told."""
    with kind(status=None, holds=True) as broken, kind(status=None) as other, kind(body=b"the third") as third:
        gateway = start(pool([broken, other, third], protocol=protocol))
        with Connection(gateway.address) as client:
            threading.Thread(target=lambda: (wait_until(lambda: other.asked), broken.free.set())).start()
            response = client.request("/one")
            assert response.status == 200 and response.body == b"the third"
        servers = [server for server, _ in tries(gateway, "/one")]
        assert set(servers[:2]) == {other.address, broken.address} and servers[2:] == [third.address]


@BACKS
def test_it_keeps_to_the_budget_of_retries(start, kind, protocol):
    with kind(delay=0.04) as one, kind(delay=0.04) as other:
        gateway = start(pool([one, other], {"hedge": {"after": "10ms"}, "budget": 10}, protocol=protocol))
        with Connection(gateway.address) as client:
            for _ in range(60):
                assert client.request().status == 200
        # Ten at once, and one to ten requests.
        assert 66 <= len(one.asked) + len(other.asked) <= 76


@BACKS
def test_no_more_than_max_at_once(start, kind, protocol):
    with kind(holds=True) as slow, kind(holds=True) as slower:
        gateway = start(pool([slow, slower], {"hedge": {"after": "20ms", "max": 2}}, protocol=protocol))
        clients = [Connection(gateway.address) for _ in range(5)]
        for number, client in enumerate(clients):
            client.send(f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        wait_until(lambda: len(slower.connections) >= 1 and len(slower.asked) >= 1)
        time.sleep(0.2)  # long enough for the others to be asked, if they were
        assert len(slower.connections) <= 2
        slow.free.set()
        slower.free.set()
        for client in clients:
            assert client.read_response().status == 200
            client.close()


@BACKS
def test_a_client_that_leaves_ends_both(start, kind, protocol):
    with kind(holds=True) as slow, kind(holds=True) as slower:
        gateway = start({**pool([slow, slower], protocol=protocol), "on_client_close": "abort"})
        with Connection(gateway.address) as client:
            client.send(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: slower.asked)
        wait_until(lambda: slow.ended == slower.ended == 1)
        assert gateway.wait_log(target="/gone")["reason"] == "client_closed"
        assert not gateway.server_changes()


@FRONTS
@BACKS
def test_what_it_is_not_done_for(start, front, kind, protocol):
    """What may do something twice, and what belongs to one server."""
    with kind(delay=0.15) as slow, kind() as quick:
        config = pool([slow, quick], protocol=protocol)
        gateway = start(config)
        with front(gateway.address) as client:
            for method, body in (("POST", b"x"), ("PUT", b"x"), ("DELETE", None), ("OPTIONS", None)):
                assert client.request("/", method, body=body).status == 200
        assert len(slow.asked) == 4 and not quick.asked
        config["backends"][0]["balance"] = "sticky"
        other = start(config)
        with front(other.address) as client:
            assert client.request("/").status == 200
            assert client.request("/").status == 200
        assert len(slow.asked) + len(quick.asked) == 4 + 2


@BACKS
def test_after_as_long_as_most_requests_take(start, kind, protocol):
    with kind() as first, kind(body=b"the second") as second:
        gateway = start(pool([first, second], {"hedge": "p90"}, protocol=protocol))
        with Connection(gateway.address) as client:
            first.free.clear()  # nothing is known yet: nobody else is asked
            threading.Thread(target=lambda: (wait_until(lambda: first.asked), time.sleep(0.1), first.free.set())).start()
            assert client.request("/unknown").body == b"an answer"
            assert not second.asked
            for number in range(70):
                assert client.request(f"/{number}").status == 200
            second.asked.clear()
            time.sleep(0.11)  # the quantile is looked at anew
            first.free.clear()
            response = client.request("/slow")
            assert response.body == b"the second" and second.asked == [("GET", "/slow")]
        first.free.set()
        assert tries(gateway, "/slow") == [(first.address, "outrun"), (second.address, 200)]
