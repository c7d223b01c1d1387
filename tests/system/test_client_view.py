"""A request as its client sees it: its address, scheme, host and port, whoever stood in between, and
the same in whatever tells of them."""

import pytest

from client import Connection, fetch, request_bytes
from origins import EchoOrigin
from waiting import wait_until

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from test_h2_combinations import answers, ask_h1, ask_h2, field, h1_origin, h2_origin

SHARES_GATEWAYS = True  # see conftest.start

TRUSTED = ["127.0.0.0/8", "10.0.0.0/8"]


@pytest.fixture(name="behind", scope="module",
                params=["1-h1", "1-h2c", "2-h1", "2-h2c"])
def _behind(request, start_for_module):
    """behind(fields) -> the fields that the server got, of a request by a trusted proxy."""
    front, back = request.param.split("-")
    origin = (h2_origin if back == "h2c" else h1_origin)(answers)
    gateway = start_for_module({
        "trusted_proxies": TRUSTED, "sites": [{"hosts": ["shop.example"], "backend": "up"}],
        "backends": [{"name": "up", "servers": [origin.address], "protocol": back}]})

    def run(fields):
        del origin.requests_seen[:]
        answer = (ask_h2 if front == "2" else ask_h1)(gateway, "/", "GET", None, fields, None)
        assert answer.status == 201
        return origin.requests_seen[0]

    yield run
    origin.close(check=False)


def told(request):
    return {name: field(request, name) for name in (
        "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
        "x-real-ip")}


def test_only_x_forwarded_of_a_trusted_proxy_is_told_in_both_families(behind):
    request = behind([("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https")])
    assert told(request) == {
        "x-forwarded-for": "192.0.2.1, 127.0.0.1", "x-forwarded-proto": "https",
        "x-forwarded-host": "shop.example", "x-forwarded-port": "443", "x-real-ip": "192.0.2.1"}
    forwarded = field(request, "forwarded")
    assert forwarded.startswith("for=192.0.2.1;host=shop.example;proto=https, for=\"127.0.0.1:")
    assert "proto=http;" not in forwarded + ";"


def test_only_forwarded_of_a_trusted_proxy_is_told_in_both_families(behind):
    request = behind([("Forwarded", 'for="[2001:db8::1]:99";proto=https;host="out.example:8443"')])
    assert told(request) == {
        "x-forwarded-for": "2001:db8::1, 127.0.0.1", "x-forwarded-proto": "https",
        "x-forwarded-host": "out.example:8443", "x-forwarded-port": "8443",
        "x-real-ip": "2001:db8::1"}
    elements = field(request, "forwarded").split(", ")
    assert elements[0] == 'for="[2001:db8::1]:99";proto=https;host="out.example:8443"'
    assert all("proto=https" in one and "out.example:8443" in one for one in elements)


@pytest.mark.parametrize("sent", [
    ("X-Forwarded-For", '"' + "x" * 5000 + ", 192.0.2.1"),
    ("X-Forwarded-For", "\\\", 192.0.2.1, 10.0.0.1"),
    ("Forwarded", 'for="x, for=192.0.2.1'),
    ("Forwarded", 'for="' + "x," * 2500 + ', for="192.0.2.1:80";proto=http'),
    ("Forwarded", "x=\"\\, for=192.0.2.1, for=10.0.0.1"),
])
def test_nothing_of_a_client_hides_what_a_trusted_proxy_appended(behind, sent):
    request = behind([sent])
    assert field(request, "x-real-ip") == "192.0.2.1"
    assert "192.0.2.1" in field(request, "x-forwarded-for")
    assert field(request, "x-forwarded-for").endswith(", 127.0.0.1")
    forwarded = field(request, "forwarded")
    assert "192.0.2.1" in forwarded and forwarded.count('"') % 2 == 0 and "xx" not in forwarded


@pytest.mark.parametrize("proto", ["https", "http"])
def test_no_other_field_tells_another_scheme(behind, proto):
    on, off = ["on", "https", "SSL", "1"], ["off", "http", "", "0"]
    agreeing, denying = (on, off) if proto == "https" else (off, on)
    names = ["X-Forwarded-Ssl", "X-Forwarded-Scheme", "Front-End-Https", "X-Url-Scheme"]
    request = behind([("X-Forwarded-Proto", proto), *zip(names, agreeing)])
    assert [field(request, name.lower()) for name in names] == agreeing
    request = behind([("X-Forwarded-Proto", proto), *zip(names, denying)])
    assert [field(request, name.lower()) for name in names] == [None] * 4
    assert field(request, "x-forwarded-proto") == proto


@pytest.mark.parametrize("back", ["h1", "h2c"])
def test_connection_takes_nothing_off_that_a_trusted_proxy_says(start, back):
    """Many proxies pass a client's Connection on as it came."""
    said = [("X-Remote-User", "alice"), ("Remote-Groups", "a"), ("X-SSL-Client-Verify", "FAILED"),
            ("SM_USER", "alice"), ("OIDC_CLAIM_email", "alice@a.test"), ("X-Forwarded-User", "alice")]
    named = ("Connection", ", ".join(name for name, _ in said) + ", X-Custom")
    with (h2_origin if back == "h2c" else h1_origin)(answers) as origin:
        def run(trusted):
            gateway = start({"trusted_proxies": trusted, "sites": [{"hosts": ["shop.example"], "backend": "up"}],
                             "backends": [{"name": "up", "servers": [origin.address], "protocol": back}]})
            ask_h1(gateway, "/", "GET", None, [*said, ("X-Custom", "1"), named], None)
            return [field(origin.requests_seen[-1], name.lower()) for name in
                    [*(name for name, _ in said), "x-custom"]], gateway

        values, gateway = run(TRUSTED)
        assert values == [*(value for _, value in said), None]
        for name in ("X-Forwarded-For", "x-real-ip", "Forwarded", "Early-Data"):
            answer = ask_h1(gateway, "/", "GET", None, [(name, "192.0.2.1"), ("Connection", name)], None)
            assert answer.status == 400
        assert run(["10.0.0.0/8"])[0] == [None] * (len(said) + 1)


@pytest.mark.parametrize("name", ["HTTP_X_FORWARDED_FOR", "HTTP_CLIENT_IP", "Http-Client-Ip", "Incap-Client-IP",
                                  "Ali-CDN-Real-IP", "X-Consumer-Username",
                                  "X-Anonymous-Consumer"])
def test_names_that_only_applications_know_are_no_strangers_to_say(start, echo, name):
    gateway = start({"sites": [{"hosts": ["*"], "backend": echo.address}]})
    with Connection(gateway.address) as connection:
        assert connection.request(fields=[(name, "192.0.2.1")]).status == 200
    assert not echo.requests[-1].all(name)


@pytest.mark.parametrize("sent, real", [
    ("::ffff:c000:201", "192.0.2.1"), ("[::FFFF:192.0.2.1]:80", "192.0.2.1"),
    ("2001:DB8:0:0::1", "2001:db8::1"), ("[2001:0db8::0001]", "2001:db8::1")])
def test_an_address_is_told_in_its_one_spelling(behind, sent, real):
    request = behind([("X-Forwarded-For", sent)])
    assert field(request, "x-real-ip") == real
    assert field(request, "forwarded").startswith(f'for="[{real}' if ":" in real else f"for={real}"
                                                  if not sent.endswith(":80") else f'for="{real}:80"')


@pytest.mark.parametrize("sent", [
    ("Forwarded", ",,for=192.0.2.1;proto=https,,"), ("Forwarded", "for=192.0.2.1;proto=https, ;;;"),
    ("X-Forwarded-For", ", ,192.0.2.1, , ,")])
def test_empty_elements_are_none(behind, sent):
    request = behind([sent])
    assert field(request, "x-real-ip") == "192.0.2.1"
    assert field(request, "x-forwarded-for").endswith("192.0.2.1, 127.0.0.1")
    assert field(request, "x-forwarded-proto") == ("https" if sent[0] == "Forwarded" else "http")


def test_x_real_ip_alone_is_believed_of_a_trusted_proxy(behind):
    request = behind([("X-Real-IP", "192.0.2.1"), ("X-Forwarded-Proto", "https")])
    assert told(request)["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert told(request)["x-real-ip"] == "192.0.2.1"


def test_a_forwarded_that_contradicts_x_forwarded_is_a_strangers(behind):
    request = behind([("X-Forwarded-For", "192.0.2.1"),
                      ("Forwarded", "for=198.51.100.7;proto=https;host=forged.example")])
    assert "198.51.100.7" not in str(request) and "forged" not in str(request)
    assert "proto=https" not in field(request, "forwarded")


@pytest.fixture(scope="module")
def echo():
    with EchoOrigin() as origin:
        yield origin


@pytest.mark.parametrize("host, port", [("a.test", "80"), ("a.test:8443", "8443"),
                                        ("[::1]:81", "81"), ("a.test:80", "80")])
def test_the_port_is_the_one_that_the_client_wrote(start, echo, host, port):
    """Not the one bound here, which may lie behind a port map."""
    gateway = start({"sites": [{"hosts": ["*"], "backend": echo.address}]})
    fetch(gateway.address, host=host)
    request = echo.requests[-1]
    assert request.get("X-Forwarded-Port") == port
    assert request.get("X-Real-IP") == "127.0.0.1"


def test_the_port_over_tls_is_443(start, echo, ca, shop):
    gateway = start({"sites": [{"hosts": ["shop.example"], "tls": shop.settings(),
                                "backend": echo.address}]})
    fetch(gateway.address, host="shop.example", tls=ca.client_context())
    assert echo.requests[-1].get("X-Forwarded-Port") == "443"


def ask(gateway, *fields, host="shop.example", tls=None):
    with Connection(gateway.address, tls=tls, server_name=host if tls else None) as connection:
        return connection.request("/x?y", host=host, fields=list(fields))


def secured(echo, shop, **site):
    return {"trusted_proxies": TRUSTED, "sites": [
        {"hosts": ["shop.example"], "tls": shop.settings(), "backend": echo.address, **site}]}


def test_a_client_that_came_by_https_is_not_redirected_to_it(start, echo, shop):
    gateway = start(secured(echo, shop))
    for fields in ([("X-Forwarded-Proto", "https")], [("Forwarded", "for=192.0.2.1;proto=https")],
                   [("X-Forwarded-For", "192.0.2.1, 10.0.0.1"),
                    ("X-Forwarded-Proto", "https, http")]):
        assert ask(gateway, *fields).status == 200
        assert echo.requests[-1].get("X-Forwarded-Proto") == "https"
    assert ask(gateway).status == 308
    assert ask(gateway, ("X-Forwarded-Proto", "http")).status == 308
    assert ask(gateway, ("X-Forwarded-Proto", "gopher")).status == 308


def test_a_client_that_came_in_plain_is_redirected_to_where_it_was(start, echo, ca, shop):
    gateway = start(secured(echo, shop))
    response = ask(gateway, ("X-Forwarded-Host", "out.example"), ("X-Forwarded-Proto", "http"))
    assert (response.status, response.get("Location")) == (308, "https://out.example/x?y")
    response = ask(gateway, ("Forwarded", 'proto=http;host="out.example:8443"'))
    assert (response.status, response.get("Location")) == (308, "https://out.example:8443/x?y")
    # Though the proxy speaks TLS to us.
    response = ask(gateway, ("X-Forwarded-Proto", "http"), tls=ca.client_context())
    assert (response.status, response.get("Location")) == (308, "https://shop.example/x?y")


@pytest.mark.parametrize("line, host, location", [
    ("GET / HTTP/1.1", "shop.example:8443", "https://shop.example:8443/"),
    ("GET / HTTP/1.1", "shop.example:00080", "https://shop.example/"),
    ("GET / HTTP/1.1", "[::1]:81", "https://[::1]:81/"), ("GET / HTTP/1.1", "[::1]:", "https://[::1]/"),
    ("GET //evil.test/x HTTP/1.1", "shop.example", "https://shop.example//evil.test/x"),
    ("GET http://shop.example?x HTTP/1.1", "shop.example", "https://shop.example/?x"),
    ("OPTIONS * HTTP/1.1", "shop.example", "https://shop.example/"),
    ("GET /%0d%0aX:y?%0d%0a HTTP/1.1", "shop.example", "https://shop.example/%0d%0aX:y?%0d%0a"),
    ("GET /a\"<b>?<script>\xe9 HTTP/1.1", "shop.example", "https://shop.example/a%22%3Cb%3E?%3Cscript%3E%E9"),
    ("GET /a/../b HTTP/1.1", "shop.example", "https://shop.example/b"),
    ("GET /%5cevil.test HTTP/1.1", "shop.example", "https://shop.example/%5cevil.test"),
    ("GET /\\evil.test HTTP/1.1", "shop.example", 400), ("GET @evil.test/ HTTP/1.1", "shop.example", 400),
    ("GET .evil.test/ HTTP/1.1", "shop.example", 400), ("GET :81/ HTTP/1.1", "shop.example", 400),
    ("GET http://evil.test/ HTTP/1.1", "shop.example", 400),
    ("GET http://shop.example/ HTTP/1.1", "evil.test", 400),
    ("GET http://shop.example@evil.test/ HTTP/1.1", "shop.example", 400),
    ("GET / HTTP/1.1", "shop.example@evil.test", 400), ("GET / HTTP/1.1", "shop.example/evil", 400),
    ("GET / HTTP/1.1", "shop.example:0", 400), ("GET / HTTP/1.1", "shop.example:65536", 400),
    ("GET / HTTP/1.1", "shop.example, evil.test", 400), ("GET / HTTP/1.1", "::1", 400),
    ("GET / HTTP/1.1", "", 400), ("GET / HTTP/1.1", "evil.test", 421), ("GET / HTTP/1.0", None, 421),
])
def test_no_request_steers_the_redirect_off_the_site(start, shop, line, host, location):
    gateway = start({"sites": [{"hosts": ["shop.example", "[::1]"], "tls": shop.settings(),
                                "respond": {"body": "ok"}}]})
    with Connection(gateway.address) as connection:
        connection.send((line + "\r\n" + (f"Host: {host}\r\n" if host is not None else "") + "\r\n").encode("latin-1"))
        response = connection.read_response()
    if isinstance(location, int):
        assert (response.status, response.get("Location")) == (location, None)
    else:
        assert (response.status, response.get("Location")) == (308, location)


def test_a_strangers_https_is_redirected(start, echo, shop):
    gateway = start({**secured(echo, shop), "trusted_proxies": ["10.0.0.0/8"]})
    response = ask(gateway, ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "forged.example"))
    assert (response.status, response.get("Location")) == (308, "https://shop.example/x?y")


def test_plain_http_refuse_counts_how_the_client_came(start, echo, shop):
    gateway = start(secured(echo, shop, plain_http="refuse"))
    assert ask(gateway, ("X-Forwarded-Proto", "https")).status == 200
    assert ask(gateway, ("X-Forwarded-Proto", "http")).status == 400


def test_no_proxy_stands_in_for_a_required_client_certificate(start, echo, ca, shop):
    clients = {"ca": str(ca.file), "verify": "required"}
    gateway = start({"trusted_proxies": TRUSTED, "sites": [
        {"hosts": ["shop.example"], "tls": {**shop.settings(), "clients": clients},
         "backend": echo.address},
        {"hosts": ["through.example"], "passthrough": echo.address}]})
    for host in ("shop.example", "through.example"):
        assert ask(gateway, ("X-Forwarded-Proto", "https"), host=host).status == 400
        assert gateway.wait_log(authority=host)["reason"] == "plain_http_refused"


def test_the_log_has_the_client_and_the_proxy(start, echo):
    gateway = start({"trusted_proxies": TRUSTED,
                     "sites": [{"hosts": ["*"], "backend": echo.address}]})
    with Connection(gateway.address) as connection:
        connection.request("/far", fields=[("X-Forwarded-For", "192.0.2.1, 10.0.0.1")])
        peer = f"127.0.0.1:{connection.local_address[1]}"
        line = gateway.wait_log(target="/far")
        assert (line["client"], line["proxy"]) == ("192.0.2.1", peer)
        connection.request("/six", fields=[("Forwarded", 'for="[2001:db8::1]:99"')])
        assert gateway.wait_log(target="/six")["client"] == "[2001:db8::1]:99"
        connection.request("/near")
        line = gateway.wait_log(target="/near")
        assert line["client"] == peer and "proxy" not in line
        connection.send(request_bytes("/ x", fields=[("X-Forwarded-For", "192.0.2.1")]))
        assert connection.read_head().status == 400
    assert gateway.wait_log(status=400)["client"] == peer


def test_the_combined_log_has_the_client(start, echo):
    gateway = start({"trusted_proxies": TRUSTED, "log": {"format": "combined"},
                     "sites": [{"hosts": ["*"], "backend": echo.address}]})
    fetch(gateway.address, fields=[("X-Forwarded-For", "2001:db8::1")])
    line = wait_until(lambda: gateway.log_path.read_text())
    assert line.startswith("2001:db8::1 - ")
