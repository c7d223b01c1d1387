"""Servers by name: looked up again and again, in the DNS as it is and as it is at its worst."""
import collections
import json
import signal
import socket
import struct
import threading

import pytest

from client import Connection, fetch, request_bytes
from nameserver import A, REFUSED, SERVFAIL, NameServer, address, alias, service
from origins import EchoOrigin, Origin, free_port
from tidegate import command
from waiting import wait_until

SOON = {"every": "100ms", "timeout": "200ms"}


@pytest.fixture
def dns():
    with NameServer() as server:
        yield server


def config(dns, servers, resolve=None, **backend):
    return {"sites": [{"hosts": ["*"], "backend": "pool"}],
            "backends": [{"name": "pool", "servers": servers,
                          "resolve": {"servers": [dns.address], **SOON, **(resolve or {})}, **backend}]}


def origins_at(*hosts):
    """Origins at these addresses, all on one port, by whose name they answer."""
    first = EchoOrigin(hosts[0], host=hosts[0])
    others = [EchoOrigin(host, host=host, port=first.port) for host in hosts[1:]]
    return [first, *others]


def whose(gateway, **request):
    response = fetch(gateway.address, **request)
    return json.loads(response.body)["origin"] if response.status == 200 else response.status


def whose_many(gateway, count):
    with Connection(gateway.address) as connection:
        return collections.Counter(json.loads(connection.request().body)["origin"] for _ in range(count))


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def wait_told(gateway, words):
    wait_until(lambda: words in gateway.stderr(), what=f"the message '{words}'")


def test_each_address_is_a_server_of_its_own(start, dns):
    one, two, three = origins_at("127.0.0.2", "127.0.0.3", "127.0.0.4")
    with one, two, three:
        dns.set("app.example", address("127.0.0.2"), address("127.0.0.3"))
        gateway = start(config(dns, [f"app.example:{one.port}", {"address": three.address, "weight": 2}]))
        assert whose_many(gateway, 24) == {"127.0.0.2": 4, "127.0.0.3": 4, "127.0.0.4": 16}
        entry = gateway.wait_log(status=200)
        assert entry["server"] in (one.address, two.address, three.address)


def test_a_recreated_container_is_found_by_the_next_request(start, dns):
    """Nobody sees an error, though connections to the old address were kept, and those are closed."""
    old, new = origins_at("127.0.0.2", "127.0.0.3")
    with new:
        with old:
            dns.set("app.example", address("127.0.0.2"))
            gateway = start(config(dns, [f"app.example:{old.port}"]))
            with Connection(gateway.address) as connection:
                assert json.loads(connection.request().body)["origin"] == "127.0.0.2"
                dns.set("app.example", address("127.0.0.3"))
                wait_told(gateway, f"new: {new.address}; no longer: {old.address}")
                assert json.loads(connection.request().body)["origin"] == "127.0.0.3"
                wait_until(lambda: old.connections[0].is_done, what="the old connection's end")
        assert whose(gateway) == "127.0.0.3"
    assert {entry["status"] for entry in gateway.log_entries()} == {200}


def test_what_runs_goes_on_with_the_old_address(start, dns):
    """The next one does not wait for it, and its connection ends behind it."""
    arrived, go = threading.Event(), threading.Event()

    def slow(connection):
        connection.read_request()
        arrived.set()
        assert go.wait(20)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        connection.wait_end()

    with Origin(slow, host="127.0.0.2") as old, \
            EchoOrigin("new", host="127.0.0.3", port=old.port) as new:
        dns.set("app.example", address("127.0.0.2"))
        gateway = start(config(dns, [f"app.example:{old.port}"]))
        with Connection(gateway.address) as connection:
            connection.send(request_bytes())
            assert arrived.wait(10)
            dns.set("app.example", address("127.0.0.3"))
            wait_told(gateway, f"new: {new.address}")
            assert whose(gateway) == "new"
            go.set()
            assert connection.read_response().body == b"old"
        wait_until(lambda: old.connections[0].is_done, what="the old connection's end")


def test_a_server_that_is_gone_has_its_name_looked_up_at_once(start, dns):
    """Whatever its time to live was: names of containers have long ones."""
    old, new = origins_at("127.0.0.2", "127.0.0.3")
    with new:
        with old:
            dns.set("app.example", address("127.0.0.2", ttl=600))
            gateway = start(config(dns, [f"app.example:{old.port}"], {"every": "off", "ttl_max": "1h"}))
            assert whose(gateway) == "127.0.0.2"
            dns.set("app.example", address("127.0.0.3", ttl=600))
        wait_until(lambda: whose(gateway) == "127.0.0.3", what="the new address")


@pytest.mark.parametrize("rcode, words", [(None, "no name server answers"), (SERVFAIL, ""), (REFUSED, "")],
                         ids=["silent", "servfail", "refused"])
def test_failures_keep_the_last_good_answer(start, dns, rcode, words):
    with EchoOrigin("a", host="127.0.0.2") as origin:
        dns.set("app.example", address("127.0.0.2"))
        gateway = start(config(dns, [f"app.example:{origin.port}"]))
        assert whose(gateway) == "a"
        dns.set("app.example", rcode)
        wait_told(gateway, f"app.example cannot be resolved: {words}")
        assert whose(gateway) == "a"
        dns.set("app.example", address("127.0.0.2"))
        wait_told(gateway, "app.example is resolved again")


def test_a_name_that_disappears_is_kept_as_long_as_it_is_said(start, dns):
    with EchoOrigin("a", host="127.0.0.2") as origin:
        dns.set("app.example", address("127.0.0.2"))
        gateway = start(config(dns, [f"app.example:{origin.port}"], {"keep": "off"}))
        assert whose(gateway) == "a"
        dns.drop("app.example")
        wait_until(lambda: whose(gateway) == 503, what="the server's end")
        entry = gateway.wait_log(status=503)
        assert entry["reason"] == "no_server"
        assert "app.example: there is no such name" in entry["detail"]


def test_a_start_waits_for_no_name_for_ever(start, dns):
    """What is not known holds up neither the start nor other servers, and comes when it is there."""
    with EchoOrigin("a", host="127.0.0.2") as origin, EchoOrigin("b") as other:
        dns.set("silent.example", None)
        settings = config(dns, [f"none.example:{origin.port}", "silent.example:80"])
        settings["sites"] = [{"hosts": ["x.example"], "backend": "pool"},
                             {"hosts": ["y.example"], "backend": other.address}]
        gateway = start(settings)
        assert whose(gateway, host="y.example") == "b"
        assert whose(gateway, host="x.example") == 503
        dns.set("none.example", address("127.0.0.2"))
        wait_until(lambda: whose(gateway, host="x.example") == "a", what="the server")


def test_aliases_and_answers_over_tcp(start, dns):
    one, two = origins_at("127.0.0.2", "127.0.0.3")
    with one, two:
        dns.cut = True
        dns.set("www.example", alias("app.example"))
        dns.set("app.example", address("127.0.0.2"), address("127.0.0.3"))
        gateway = start(config(dns, [f"www.example:{one.port}"]))
        assert whose_many(gateway, 4) == {"127.0.0.2": 2, "127.0.0.3": 2}
        assert dns.count("www.example", A, "tcp") != 0


def test_services(start, dns):
    """Names, ports, weights; those of a higher priority's number stand by."""
    with EchoOrigin("a", host="127.0.0.2") as a, EchoOrigin("b", host="127.0.0.3") as b, \
            EchoOrigin("spare", host="127.0.0.4") as spare:
        dns.set("a.example", address("127.0.0.2"))
        dns.set("b.example", address("127.0.0.3"))
        dns.set("spare.example", address("127.0.0.4"))
        dns.set("_http._tcp.example", service("a.example", a.port, 1, 30), service("b.example", b.port, 1, 10),
                service("spare.example", spare.port, 2, 1))
        gateway = start(config(dns, ["srv:_http._tcp.example"]))
        assert whose_many(gateway, 40) == {"a": 30, "b": 10}
        a.close()
        b.close()
        wait_until(lambda: whose(gateway) == "spare", what="who stands by")
        dns.set("_http._tcp.example", service("spare.example", spare.port))
        wait_until(lambda: "no longer" in gateway.stderr(), what="the other service")
        assert whose(gateway) == "spare"
        gateway.wait_log(server=spare.address)
        assert {entry["status"] for entry in gateway.log_entries()} == {200}


def test_names_that_are_whole_are_not_searched_for(start, dns):
    """A dot at the end says so (in Kubernetes, where ndots is 5, it saves several questions each time), and targets of
    services always are."""
    whole, searched = origins_at("127.0.0.2", "127.0.0.3")
    with whole, searched:
        for name in ("app.example", "db.example"):
            dns.set(name, address("127.0.0.2"))
            dns.set(f"{name}.corp.example", address("127.0.0.3"))
        dns.set("_http._tcp.app.example", service("db.example", whole.port))
        of_search = {"LOCALDOMAIN": "corp.example", "RES_OPTIONS": "ndots:5"}
        for server, meant in (("app.example", "127.0.0.3"), ("App.example.", "127.0.0.2")):
            gateway = start(config(dns, [f"{server}:{whole.port}"], host="server"), variables=of_search)
            assert whose(gateway) == meant
        assert json.loads(fetch(gateway.address).body)["fields"][0] == ["Host", f"App.example:{whole.port}"]
        gateway = start(config(dns, ["srv:_http._tcp.app.example."]), variables=of_search)
        assert whose(gateway) == "127.0.0.2"
        gateway = start(config(dns, [f"localhost.:{free_port()}"]), variables=of_search)
        assert whose(gateway) == 502  # 127.0.0.1, of which no name server knows


def test_families(start, dns):
    with EchoOrigin("four", host="127.0.0.2") as four, EchoOrigin("six", host="::1", port=four.port) as six:
        dns.set("app.example", address("127.0.0.2"), address("::1"))
        settings = config(dns, [f"app.example:{four.port}"], {"family": "ipv4"})
        settings["backends"].append({"name": "six", "servers": [f"app.example:{six.port}"],
                                     "resolve": {"servers": [dns.address], "family": "ipv6"}})
        settings["sites"] += [{"hosts": ["six.example"], "backend": "six"}]
        gateway = start(settings)
        assert whose_many(gateway, 4) == {"four": 4}
        assert whose(gateway, host="six.example") == "six"


def compressed_loop(name, kind, question):
    at = 12 + len(question)
    return struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + struct.pack("!H", 0xc000 | at) + bytes(10)


HOSTILE = {
    "garbage": lambda name, kind, question: bytes(range(3, 40)),
    "empty": lambda name, kind, question: b"",
    "another question": lambda name, kind, question:
        struct.pack("!HHHHH", 0x8180, 1, 0, 0, 0) + b"\x05other\x07example\0\0\x01\0\x01",
    "pointer to itself": compressed_loop,
    "more records than bytes": lambda name, kind, question:
        struct.pack("!HHHHH", 0x8180, 1, 65535, 65535, 65535) + question,
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers_change_nothing(start, dns, answer):
    with EchoOrigin("a", host="127.0.0.2") as origin:
        dns.set("app.example", address("127.0.0.2"))
        gateway = start(config(dns, [f"app.example:{origin.port}"]))
        dns.set("app.example", answer)
        before = dns.count("app.example")
        wait_until(lambda: dns.count("app.example") >= before + 3, what="more questions")
        assert whose(gateway) == "a"


def test_more_addresses_than_are_used(start, dns):
    """Of 200, too many for UDP, the first ones are."""
    with EchoOrigin("a", host="0.0.0.0") as origin:
        dns.cut = True
        dns.set("app.example", *(address(f"127.0.1.{i}") for i in range(1, 201)))
        gateway = start(config(dns, [f"app.example:{origin.port}"]))
        assert whose_many(gateway, 200) == {"a": 200}
        wait_until(lambda: len(gateway.log_entries()) == 200, what="the log")
        assert len({entry["server"] for entry in gateway.log_entries()}) == 64


def test_a_thousand_names(start, dns):
    """They do not fire at once, and are all there when the gateway says that it is ready."""
    with EchoOrigin("a", host="0.0.0.0") as origin:
        count = 1000
        for i in range(count):
            dns.set(f"n{i}.example", address(f"127.1.{i // 250}.{i % 250 + 1}", ttl=60))
        servers = [f"n{i}.example:{origin.port}" for i in range(count)]
        gateway = start(config(dns, servers, {"every": "off", "family": "ipv4", "timeout": "5s"}))
        wait_until(lambda: f"{count} servers now" in gateway.stderr() or
                   len(dns.asked) >= count, 20, "all names")
        wait_until(lambda: whose_many(gateway, 50) == {"a": 50}, what="servers")
        assert len(dns.asked) <= 2 * count


def test_status_shows_what_names_say(start, dns, folder):
    with EchoOrigin("a", host="127.0.0.2") as origin:
        dns.set("app.example", address("127.0.0.2"))
        lists = folder / "servers.yaml"
        lists.write_text("nonsense\n")
        settings = config(dns, [f"app.example:{origin.port}", "none.example:80"], {"family": "ipv4"},
                          servers_from=str(lists))
        gateway = start({**settings, "control": str(folder / "control.sock")})
        wait_told(gateway, "has no port")
        done = command("status", "-c", str(gateway.config_path), "--json")
        backend = json.loads(done.stdout)["backends"][0]
        names = {name["name"]: name for name in backend["names"]}
        assert [server["address"] for server in backend["servers"]] == [origin.address]
        assert names["app.example"]["values"] == "127.0.0.2" and names["app.example"]["problem"] is None
        assert names["app.example"]["kind"] == "A" and names["app.example"]["age_s"] >= 0
        assert names["none.example"]["problem"] == "there is no such name"
        assert "has no port" in names[str(lists)]["problem"]
        text = command("status", "-c", str(gateway.config_path)).stdout
        assert "app.example (A): 127.0.0.2; " in text
        assert "none.example (A): nothing; " in text and "; there is no such name" in text


def test_a_reload_keeps_what_is_known_and_waits_for_no_name(start, dns):
    """Name servers that are silent by then, and names that do not exist, hold it up no more than a
    start."""
    with EchoOrigin("a", host="127.0.0.2") as origin:
        dns.set("app.example", address("127.0.0.2"))
        settings = config(dns, [f"app.example:{origin.port}"], {"every": "1h"})
        gateway = start(settings)
        asked = dns.count("app.example")
        dns.set("app.example", None)
        text = json.loads(gateway.config_path.read_text())
        text["backends"].append({**text["backends"][0], "name": "other", "servers": ["none.example:80"]})
        text["sites"].append({"hosts": ["other.example"], "backend": "other"})
        gateway.config_path.write_text(json.dumps(text))
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: whose(gateway, host="other.example") == 503 and
                   "none.example" in gateway.wait_log(status=503)["detail"], 20, "the new configuration")
        assert whose(gateway) == "a"
        assert dns.count("app.example") == asked


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_name_of_both_families_of_which_one_listens(start, dns, host):
    """As localhost is: both addresses are servers. The one that refuses is met by one request, which
    another server answers at once; then it is out until the gateway finds it there."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    dns.set("both.example", address("127.0.0.1"), address("::1"))
    with EchoOrigin("a", host=host) as origin:
        gateway = start({**config(dns, [f"both.example:{origin.port}"]), "workers": 1})
        with Connection(gateway.address) as client:
            for number in range(20):
                method, body = (("GET", None), ("POST", b"x" * 1000))[number % 2]
                assert client.request(f"/{number}", method, body=body).status == 200
        wait_until(lambda: len(gateway.log_entries()) == 20)
        tried = [entry["tries"] for entry in gateway.log_entries() if "tries" in entry]
        assert len(tried) <= 1 and all(one["ms"] < 1000 for entry in tried for one in entry)
        assert {entry["status"] for entry in gateway.log_entries()} == {200}
        assert {change["to"] for change in gateway.server_changes()} <= {"ejected"}


def test_a_family_that_listens_later_is_found(start, dns):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    dns.set("both.example", address("127.0.0.1"), address("::1"))
    with EchoOrigin("a") as v4:
        gateway = start({**config(dns, [f"both.example:{v4.port}"]), "workers": 1})
        for _ in range(4):
            assert whose(gateway) == "a"
        gateway.wait_change(to="ejected")
        with EchoOrigin("b", host="::1", port=v4.port):
            wait_until(lambda: {whose(gateway) for _ in range(4)} == {"a", "b"}, 20)


def test_localhost_is_served(start):
    with EchoOrigin("a") as origin:
        gateway = start({"workers": 1, "sites": [{"hosts": ["*"], "backend": f"localhost:{origin.port}"}]})
        for _ in range(6):
            assert whose(gateway) == "a"
        assert sum("tries" in entry for entry in gateway.log_entries()) <= 1
