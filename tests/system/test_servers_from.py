"""Servers that a file lists: followed, and kept when it breaks."""
import collections
import json
import threading

from client import Connection, fetch
from nameserver import NameServer, address
from origins import EchoOrigin, Origin, response_bytes
from tidegate import command
from waiting import wait_until


def config(path, **backend):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers_from": {"file": str(path), "every": "50ms"}, **backend}]}


def whose(gateway):
    response = fetch(gateway.address)
    return json.loads(response.body)["origin"] if response.status == 200 else response.status


def whose_many(gateway, count):
    with Connection(gateway.address) as connection:
        return collections.Counter(json.loads(connection.request().body)["origin"] for _ in range(count))


def write(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def test_a_list_is_followed(start, folder):
    path = folder / "servers.yaml"
    with EchoOrigin("a") as a, EchoOrigin("b") as b, EchoOrigin("c") as c:
        write(path, [a.address, {"address": b.address, "weight": 3}])
        gateway = start(config(path))
        assert whose_many(gateway, 8) == {"a": 2, "b": 6}
        write(path, f"{c.address}\n")
        wait_until(lambda: whose(gateway) == "c", what="the new list")
        assert whose_many(gateway, 4) == {"c": 4}
        write(path, "[]")
        wait_until(lambda: whose(gateway) == 503, what="no servers")
        assert "it lists no servers" in gateway.wait_log(status=503)["detail"]
        write(path, f"servers: [{a.address}]\n")
        wait_until(lambda: whose(gateway) == "a", what="the new list")


def test_what_is_wrong_is_told_and_the_last_good_one_is_kept(start, folder):
    path = folder / "servers.yaml"
    with EchoOrigin("a") as a, EchoOrigin("b") as b:
        write(path, [a.address])
        gateway = start(config(path))
        for broken, words in ((f"- {a.address}\n- nonsense\n", "line 2: address 'nonsense' has no port"),
                              ("", "there is nothing in it"), ("10.0.0.1:80\n" * 100000, "larger than 1 MiB")):
            write(path, broken)
            wait_until(lambda: words in gateway.stderr(), what=words)  # pylint: disable=cell-var-from-loop
            assert "the servers that it had before are used on" in gateway.stderr()
            assert whose(gateway) == "a"
        path.unlink()
        wait_until(lambda: "cannot be opened: No such file" in gateway.stderr(), what="the message")
        assert whose(gateway) == "a"
        write(path, [b.address])
        wait_until(lambda: whose(gateway) == "b", what="the new list")
        assert "is read again: 1 servers" in gateway.stderr()


def test_a_list_that_is_not_there_yet(start, folder):
    """Nothing waits for it; the servers of the configuration are there besides."""
    path = folder / "later.yaml"
    with EchoOrigin("a") as a, EchoOrigin("b") as b:
        gateway = start(config(path, servers=[a.address]))
        assert whose_many(gateway, 4) == {"a": 4}
        write(path, [b.address])
        wait_until(lambda: "b" in whose_many(gateway, 4), what="the list")
        assert whose_many(gateway, 4) == {"a": 2, "b": 2}


def test_names_in_a_list_are_resolved(start, folder):
    path = folder / "servers.yaml"
    with NameServer(app_example=[address("127.0.0.2")]) as dns, EchoOrigin("a", host="127.0.0.2") as a:
        write(path, [f"app.example:{a.port}"])
        gateway = start(config(path, resolve={"servers": [dns.address]}))
        assert whose(gateway) == "a"


def test_lists_change_under_load(start, folder):
    """Nobody sees an error, whatever comes and goes."""
    path = folder / "servers.yaml"
    with EchoOrigin("a") as a, EchoOrigin("b") as b, EchoOrigin("c") as c:
        write(path, [a.address])
        gateway = start({**config(path), "workers": 2})
        is_over = threading.Event()
        counts = collections.Counter()

        def ask():
            mine = collections.Counter()
            while not is_over.is_set():
                mine.update(whose_many(gateway, 20))
            counts.update(mine)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        lists = [[b, c], [c, a], [a], [b, a, c]]
        for i in range(12):
            listed = lists[i % len(lists)]
            before = [len(origin.requests) for origin in listed]
            write(path, [origin.address for origin in listed])
            wait_until(lambda: all(len(origin.requests) > count  # pylint: disable=cell-var-from-loop
                                   for origin, count in zip(listed, before)),  # pylint: disable=cell-var-from-loop
                       what="requests to those of the list")
        is_over.set()
        for thread in threads:
            thread.join(20)
        assert set(counts) == {"a", "b", "c"}
    assert {entry["status"] for entry in gateway.log_entries()} == {200}


class Lists(Origin):
    """Serves `content` with an ETag, and counts what it was asked."""

    def __init__(self):
        self.content, self.etag, self.status = b"[]", '"1"', 200
        self.asked = collections.Counter()
        super().__init__(self.serve)

    def serve(self, connection):
        request = connection.read_request()
        is_same = request.get("If-None-Match") == self.etag
        self.asked[304 if is_same and self.status == 200 else self.status] += 1
        if self.status != 200:
            connection.send(response_bytes(self.status, reason="No", body=b"no"))
        elif is_same:
            connection.send(b"HTTP/1.1 304 Not Modified\r\nETag: " + self.etag.encode() + b"\r\n\r\n")
        else:
            connection.send(response_bytes(200, [("ETag", self.etag)], self.content))

    def set(self, servers, etag):
        self.content, self.etag = json.dumps(servers).encode(), etag


def from_url(lists, **more):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers_from": {"url": f"http://{lists.address}/servers",
                                                           "every": "50ms", **more}}]}


def test_a_list_is_fetched(start):
    """It is there when the gateway is ready, and asked for again by its ETag."""
    with EchoOrigin("a") as a, EchoOrigin("b") as b, Lists() as lists:
        lists.set([a.address], '"1"')
        gateway = start(from_url(lists))
        assert whose(gateway) == "a"
        wait_until(lambda: lists.asked[304] >= 3, what="requests with the ETag")
        assert lists.asked[200] == 1
        lists.set([b.address], '"2"')
        wait_until(lambda: whose(gateway) == "b", what="the new list")
        lists.status = 500
        wait_until(lambda: "it answered with status 500" in gateway.stderr(), what="the message")
        assert whose(gateway) == "b"
        lists.status = 200
        wait_until(lambda: "is read again" in gateway.stderr(), what="the message")
        lists.set("x" * 1100000, '"3"')
        wait_until(lambda: lists.asked[200] >= 3 and gateway.stderr().count("are used on") == 2,
                   what="the message")
        assert whose(gateway) == "b"


def test_a_list_that_cannot_be_fetched_holds_up_nothing(start, free_address):
    gateway = start({"sites": [{"hosts": ["*"], "backend": "pool"}],
                     "backends": [{"name": "pool", "servers_from": {"url": f"http://{free_address}/"}}]})
    assert whose(gateway) == 503
    assert free_address in gateway.wait_log(status=503)["detail"]


def test_check_reads_the_list_and_route_names_it(folder):
    path = folder / "servers.yaml"
    (folder / "tidegate.yaml").write_text(json.dumps(config(path)))
    assert command("check", "-c", str(folder / "tidegate.yaml")).returncode == 0
    path.write_text("[10.0.0.1]")
    done = command("check", "-c", str(folder / "tidegate.yaml"))
    assert done.returncode == 0
    assert "line 1: address '10.0.0.1' has no port" in done.stderr
    text = command("route", "-c", str(folder / "tidegate.yaml"), "http://a.example/").stdout
    assert f"those that {path} lists" in text
    answer = json.loads(command("route", "-c", str(folder / "tidegate.yaml"), "--json", "http://a.example/").stdout)
    assert answer["servers_from"] == str(path)


def test_each_server_may_have_a_name_of_its_own(start, ca, folder):
    path = folder / "servers.yaml"
    one, two = ca.server("one.example"), ca.server("two.example")
    with EchoOrigin("one", tls=one.server_context()) as a, EchoOrigin("two", tls=two.server_context()) as b:
        write(path, [{"address": a.address, "server_name": "one.example"},
                     {"address": b.address, "server_name": "two.example"}])
        gateway = start(config(path, tls={"ca": str(ca.file)}))
        assert whose_many(gateway, 4) == {"one": 2, "two": 2}
        write(path, [{"address": a.address, "server_name": "two.example"}])
        wait_until(lambda: whose(gateway) == 502, what="the wrong name")
