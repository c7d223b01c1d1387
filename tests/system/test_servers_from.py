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

    def __init__(self, **options):
        self.content, self.etag, self.status = b"[]", '"1"', 200
        self.raw = b""  # in place of all that; None: nothing is answered
        self.asked = collections.Counter()
        super().__init__(self.serve, **options)

    def serve(self, connection):
        request = connection.read_request()
        if self.raw is None:
            connection.wait_end()
            return
        if self.raw:
            connection.send(self.raw)
            return
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
        write(path, [{"address": a.address, "tls": {"server_name": "one.example"}}])
        wait_until(lambda: whose(gateway) == "one", what="the name in tls")


def fetched(url, **more):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers_from": {"url": url, "every": "50ms", "timeout": "1s", **more}}]}


def test_a_list_is_fetched_by_https_with_an_authority_of_ones_own(start, ca, other_ca, folder):
    own = folder / "lists-ca.pem"
    own.write_text(other_ca.file.read_text())
    with EchoOrigin("a") as a, EchoOrigin("b") as b, \
            Lists(tls=ca.server("lists.example", "127.0.0.1").server_context()) as lists:
        lists.set([a.address], '"1"')
        gateway = start(fetched(f"https://{lists.address}/", ca=str(own)))
        wait_until(lambda: "are used on" in gateway.stderr() or "servers_from" in gateway.stderr()
                   or "certificate" in gateway.stderr(), what="the message")
        assert whose(gateway) == 503 and not lists.asked[200]
        fresh = folder / "fresh.pem"
        fresh.write_text(ca.file.read_text())
        fresh.rename(own)
        wait_until(lambda: whose(gateway) == "a", what="the list")
        wait_until(lambda: lists.asked[304] >= 1, what="a request with the ETag")
        lists.set([b.address], '"2"')
        wait_until(lambda: whose(gateway) == "b", what="the new list")


def test_what_a_url_gives_is_taken_only_if_it_is_a_list(start):
    """Slow, broken, cut short, of another kind: the last good one is kept, and what is wrong is told once."""
    with EchoOrigin("a") as a, EchoOrigin("b") as b, Lists() as lists:
        lists.set([a.address], '"1"')
        gateway = start(fetched(f"http://{lists.address}/"))
        assert whose(gateway) == "a"
        for number, (raw, words) in enumerate([
                (response_bytes(200, body=b'{"servers": ["127.0.0.1:1"'), "is not closed"),
                (response_bytes(200, body=b'{"hosts": ["127.0.0.1:1"]}'), "hosts"),
                (response_bytes(200, body=b'[{"address": "127.0.0.1:1", "weight": "heavy"}]'), "heavy"),
                (response_bytes(200, body=b'[{"address": "127.0.0.1"}]'), "has no port"),
                (response_bytes(200, body=b"<html>hello</html>"), "<html>"),
                (response_bytes(204), "status 204"),
                (response_bytes(302, fields=[("Location", "http://127.0.0.1:1/")]), "status 302"),
                (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", "middle of its response"),
                (b"\x00\x01\x02\r\n\r\n", ""),
                (None, "did not answer in time")]):
            lists.raw = raw
            before = gateway.stderr().count("are used on")
            wait_until(lambda: gateway.stderr().count("are used on") > before, what=words)
            assert words in gateway.stderr().splitlines()[-1], number
            assert whose(gateway) == "a"
            lists.raw = b""
            lists.set([a.address], f'"good {number}"')
            wait_until(lambda: gateway.stderr().count("is read again") == number + 1, what="the good list")
        lists.set([b.address], '"2"')
        wait_until(lambda: whose(gateway) == "b", what="the new list")


def test_the_name_in_a_url_is_asked_of_the_name_servers_of_the_backend(start, ca):
    """One that is not there yet stops nothing; a second address counts where the first refuses."""
    certificate = ca.server("lists.example")
    with EchoOrigin("a") as a, NameServer() as dns, Lists(tls=certificate.server_context()) as lists:
        lists.set([a.address], '"1"')
        config = fetched(f"https://lists.example:{lists.port}/", ca=str(ca.file))
        config["backends"][0]["resolve"] = {"servers": [dns.address], "timeout": "200ms"}
        gateway = start(config)
        assert whose(gateway) == 503
        wait_until(lambda: "cannot resolve lists.example: there is no such name" in gateway.stderr(), what="the message")
        dns.set("lists.example", address("127.0.0.9"), address("127.0.0.1"))
        wait_until(lambda: whose(gateway) == "a", what="the list")
        assert dns.count("lists.example") >= 2
