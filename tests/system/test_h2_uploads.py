"""Uploads over HTTP/2: how much a client may send ahead. Seen by the windows that it is given, not
by time."""

import pytest

from h2client import Client
from h2origin import H2Origin, serve
from origins import Origin

FIRST = 65535
MIB = 1 << 20


def config(origin, kind, **limits):
    return {"sites": [{"hosts": ["*"], "backend": "b"}],
            "backends": [{"name": "b", "servers": [origin.address], "protocol": kind}],
            "limits": limits}


def taker(kind):
    """Takes every body, and says how long it was."""
    def answer(connection, request):
        connection.respond(request.stream, 200, [], str(len(request.body)).encode())

    def h1(connection):
        while (request := connection.read_request()) is not None:
            length = str(len(request.body)).encode()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                            % (len(length), length))

    return Origin(h1) if kind == "h1" else H2Origin(serve(answer))


def fill(client, streams, most, rounds=400):
    """Sends a whole window at a time on each stream; the largest that each was given."""
    widest = dict.fromkeys(streams, 0)
    sent = dict.fromkeys(streams, 0)
    for _ in range(rounds):
        for stream in streams:
            room = client.h2.local_flow_control_window(stream)
            widest[stream] = max(widest[stream], room)
            left = room
            while left:
                part = min(left, 16384)
                client.h2.send_data(stream, bytes(part))
                left -= part
            client.flush()
            sent[stream] += room
        client.wait_for(lambda: all(client.h2.local_flow_control_window(n) for n in streams),
                        "windows")
        if min(widest.values()) >= most:
            break
    for stream in streams:
        client.h2.end_stream(stream)
    client.flush()
    for stream in streams:
        assert client.wait(stream).body == str(sent[stream]).encode()
    return widest


@pytest.mark.parametrize("kind", ["h1", "h2c"])
@pytest.mark.parametrize("count", [1, 8])
def test_windows_grow_while_the_server_takes_all(start, kind, count):
    """Of all streams, however many there are."""
    most = 4 * FIRST if count == 1 else 3 * FIRST
    with taker(kind) as origin:
        gateway = start(config(origin, kind))
        with Client(gateway.address, timeout=60) as client:
            streams = [client.start(method="POST", end=False) for _ in range(count)]
            widest = fill(client, streams, most)
            assert min(widest.values()) >= most, widest


@pytest.mark.parametrize("limits", [{"request_window": "128k"}, {"request_windows": "64k"}])
def test_the_growth_is_bounded(start, limits):
    with taker("h1") as origin:
        gateway = start(config(origin, "h1", **limits))
        with Client(gateway.address, timeout=60) as client:
            streams = [client.start(method="POST", end=False) for _ in range(3)]
            widest = fill(client, streams, 8 * FIRST, 8)
            assert sum(widest.values()) <= 3 * FIRST + 128 * 1024 + FIRST, widest


def test_a_server_that_takes_nothing_is_sent_nothing_ahead(start):
    def stuck(connection):
        connection.read_head()
        connection.wait_end()

    with Origin(stuck) as origin:
        gateway = start(config(origin, "h1"))
        with Client(gateway.address) as client:
            streams = [client.start(method="POST", end=False) for _ in range(20)]
            for stream in streams:
                client.data(stream, bytes(FIRST))
            assert gateway.rss_bytes() < 200 * MIB
            assert all(client.h2.local_flow_control_window(n) <= 2 * FIRST for n in streams)
