"""Requests that are sent again: for what, where to, how often, and what the log says of it."""

import time

import pytest

from client import Connection
from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin, free_port, response_bytes
from slow import status
from waiting import wait_until

BODY = b"x" * 1000


class Server(Origin):
    """Answers with a status, or never (None)."""

    def __init__(self, status=200, **options):
        self.status = status
        self.asked = []
        super().__init__(self.answer, **options)

    def answer(self, connection):
        while True:
            request = connection.read_request()
            self.asked.append((request.method, request.body))
            if self.status is None:
                connection.wait_end()
                return
            connection.send(response_bytes(self.status, body=b"an answer"))


class H2Server(H2Origin):
    def __init__(self, status=200, **options):
        self.status = status
        self.asked = []
        super().__init__(serve(self.answer), **options)

    def answer(self, connection, request):
        self.asked.append((request.get(":method"), bytes(request.body)))
        if self.status is not None:
            connection.respond(request.stream, self.status, body=b"an answer")


FRONTS = pytest.mark.parametrize("front", [Connection, Client], ids=["from-h1", "from-h2"])
BACKS = pytest.mark.parametrize("kind, protocol", [(Server, "h1"), (H2Server, "h2c")], ids=["h1", "h2"])


def pool(servers, routes=None, **backend):
    """Nobody is out for failing: what is sent again is what is looked at."""
    return {"sites": [{"hosts": ["*"], **({"routes": routes} if routes else {"backend": "pool"})}],
            "backends": [{"name": "pool", "servers": servers, "outliers": {"failures": 0, "errors": 0}, **backend}]}


def tries(gateway, target):
    entry = gateway.wait_log(target=target)
    assert all(one["ms"] <= entry["ms"]["total"] + 1 for one in entry.get("tries", [])), entry
    return entry, [(one["server"], one.get("status") or one.get("outcome")) for one in entry.get("tries", [])]


@FRONTS
@BACKS
def test_an_answer_that_says_try_elsewhere_is_not_passed_on(start, front, kind, protocol):
    with kind(503) as full, kind() as free:
        gateway = start(pool([full.address, free.address], protocol=protocol, retries={"for": [503]}, routes=[
            {"match": {"path": "/any"}, "backend": "pool", "retries": {"for": [503], "any_method": True}},
            {"match": {"path": "/never"}, "backend": "pool", "retries": {"times": 0}},
            {"backend": "pool"}]))
        with front(gateway.address) as client:
            for number in range(4):
                assert client.request(f"/{number}").status == 200
            assert len(full.asked) == 2
            entry, seen = tries(gateway, "/0" if len(tries(gateway, "/0")[1]) == 2 else "/1")
            assert seen == [(full.address, 503), (free.address, 200)]
            assert entry["status"] == 200 and entry["server"] == free.address
            # A method that is not idempotent is not repeated unless the route says that it may be.
            assert sorted(client.request("/", "POST", body=BODY).status for _ in range(2)) == [200, 503]
            assert sorted(client.request("/never").status for _ in range(2)) == [200, 503]
            full.asked.clear()
            free.asked.clear()
            assert [client.request("/any", "POST", body=BODY).status for _ in range(2)] == [200, 200]
            assert full.asked == [("POST", BODY)] and free.asked == [("POST", BODY)] * 2


@FRONTS
@BACKS
def test_a_server_that_takes_too_long_for_one_try_is_left_for_another(start, front, kind, protocol):
    with kind(None) as slow, kind() as quick:
        gateway = start(pool([slow.address, quick.address], protocol=protocol, response_timeout="10s",
                             retries={"for": ["timeout"], "per_try": "100ms"}))
        with front(gateway.address) as client:
            for number in range(2):
                assert client.request(f"/{number}").status == 200
        assert len(slow.asked) == 1
        seen = [tries(gateway, f"/{number}")[1] for number in range(2)]
        assert [(slow.address, "response_timeout"), (quick.address, 200)] in seen


def bring_slowly(client):
    """A PUT whose body takes more than a second to come; its status."""
    if isinstance(client, Connection):
        client.send(b"PUT /slowly HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 12\r\n\r\n")
    else:
        stream = client.start("/slowly", "PUT", end=False, fields=[("content-length", "12")])
    for number in range(6):
        time.sleep(0.2)
        if isinstance(client, Connection):
            client.send(b"xx")
        else:
            client.data(stream, b"xx", end=number == 5)
            client.flush()
    return (client.read_response() if isinstance(client, Connection) else client.wait(stream)).status


@FRONTS
@BACKS
def test_the_time_that_a_client_takes_for_its_body_is_not_the_servers(start, folder, front, kind, protocol):
    """Neither for the time of a try, nor for the latency that balancing goes by."""
    with kind() as one, kind() as other:
        gateway = start({"control": str(folder / "control"),
                         **pool([one.address, other.address], protocol=protocol, retries={"for": ["timeout"], "per_try": "500ms"})})
        with front(gateway.address) as client:
            assert bring_slowly(client) == 200
        assert tries(gateway, "/slowly")[1] == []
        assert len(one.asked) + len(other.asked) == 1

        def latencies():
            return [server["latency_ms"]["p99"] for server in status(gateway)["backends"][0]["servers"]
                    if "latency_ms" in server]
        wait_until(latencies)
        assert latencies()[0] < 500


@BACKS
def test_when_all_answer_so_the_last_answer_is_passed_on(start, kind, protocol):
    with kind(503) as one, kind(503) as other:
        gateway = start(pool([one.address, other.address], protocol=protocol, retries={"for": [503], "times": 5}))
        with Connection(gateway.address) as client:
            response = client.request("/all")
            assert response.status == 503 and response.body == b"an answer"
        assert sorted(server for server, _ in tries(gateway, "/all")[1]) == sorted([one.address, other.address])


@BACKS
def test_retries_keep_to_their_budget(start, kind, protocol):
    with kind(503) as one, kind(503) as other:
        gateway = start({**pool([one.address, other.address], protocol=protocol,
                                retries={"for": [503], "budget": 10}), "workers": 1})
        with Connection(gateway.address) as client:
            for _ in range(100):
                assert client.request().status == 503
        assert 110 <= len(one.asked) + len(other.asked) <= 120


def test_without_connect_no_other_server_is_tried(start):
    refusing = f"127.0.0.1:{free_port()}"
    with Server() as well:
        gateway = start(pool([refusing, well.address], retries={"for": ["reset"]}))
        with Connection(gateway.address) as client:
            assert [client.request(f"/{number}").status for number in range(3)].count(502) == 1
        wait_until(lambda: len(gateway.log_entries()) == 3)
        failed, = [entry for entry in gateway.log_entries() if entry["status"] == 502]
        assert failed["server"] == refusing and len(failed["tries"]) == 1
