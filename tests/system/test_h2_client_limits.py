"""An HTTP/2 client that announces how large a head it takes (SETTINGS_MAX_HEADER_LIST_SIZE) is sent none above that: many would
end the connection for it, with all other streams."""

import pytest

pytest.importorskip("h2")

# pylint: disable=wrong-import-position
from h2client import INTERNAL_ERROR, Client
from pairs import ALL_BACKS, World

LARGE = "x" * 3000
MAX_HEADER_LIST_SIZE = 6


def h1(connection):
    while True:
        request = connection.read_request()
        field = f"X-Large: {LARGE}\r\n"
        if request.target == "/interim":
            connection.send(f"HTTP/1.1 103 Early Hints\r\n{field}\r\n".encode())
        connection.send(("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + (field if request.target == "/head" else "") +
                         "\r\n2\r\nok\r\n0\r\n" + (field if request.target == "/trailers" else "") + "\r\n").encode())


def h2(connection):
    while True:
        request = connection.next_request()
        field = [("x-large", LARGE)]
        target = request.get(":path")
        if target == "/interim":
            connection.raw_headers(request.stream, [(":status", "103"), *field])
        connection.head(request.stream, 200, field if target == "/head" else [])
        connection.data(request.stream, b"ok")
        connection.end(request.stream, field if target == "/trailers" else None)


@ALL_BACKS
def test_head_above_what_the_client_takes(start, ca, shop, back):
    with World(start, ca, shop, back, h1, h2) as world:
        with Client(world.gateway.address) as client:
            client.h2.update_settings({MAX_HEADER_LIST_SIZE: 2000})
            client.flush()
            answer = client.request("/head")
            assert answer.status == 502 and not answer.all("x-large")
            entry = world.gateway.wait_log(target="/head")
            assert entry["reason"] == "response_head_above_client" and entry["refused_by"] == "gateway"
            answer = client.request("/trailers")
            assert (answer.reset, answer.trailers) == (INTERNAL_ERROR, None)
            assert world.gateway.wait_log(target="/trailers")["reason"] == "response_head_above_client"
            answer = client.request("/interim")
            assert (answer.status, answer.body, answer.interim) == (200, b"ok", [])
        with Client(world.gateway.address) as client:  # it announces 64 KiB
            assert client.request("/head").get("x-large") == LARGE
            assert dict(client.request("/trailers").trailers)["x-large"] == LARGE
