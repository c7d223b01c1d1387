"""Servers of each kind behind one gateway, asked over either version: for what must be the same over every pair."""

import socket

import pytest

from client import Connection, chunked, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin

FRONTS = pytest.mark.parametrize("front", ["h1", "h2"])
# auto1 and auto2: `protocol: auto`, where the server chooses HTTP/1.1 or HTTP/2.
BACKS = pytest.mark.parametrize("back", ["h1", "h1tls", "h2c", "auto1", "auto2"])
ALL_BACKS = pytest.mark.parametrize("back", ["h1", "h1tls", "h2c", "h2tls", "auto1", "auto2"])
PROTOCOLS = {"h1": "h1", "h1tls": "h1", "h2c": "h2c", "h2tls": "h2", "auto1": "auto", "auto2": "auto"}


class World:
    """Servers of one kind, with one script for each version, behind one gateway."""

    def __init__(self, start, ca, shop, back, h1, h2, count=1, also=(), timeouts=None, site=None, limits=None,
                 **more):
        """`also`: addresses of other servers, before these; `site`: more of what the site says."""
        is_tls = back in ("h1tls", "h2tls", "auto1", "auto2")
        self.is_h2 = back in ("h2c", "h2tls", "auto2")
        self.origins = [
            (H2Origin(h2, tls=shop.server_context() if is_tls else None) if self.is_h2 else
             Origin(h1, tls=shop.server_context() if is_tls else None)) for _ in range(count)]
        for origin in self.origins:
            origin.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        backend = {"name": "up", "servers": [*also, *(origin.address for origin in self.origins)],
                   "protocol": PROTOCOLS[back], **more}
        if is_tls:
            backend["tls"] = {"ca": str(ca.file), "server_name": "shop.example"}
        self.gateway = start({"sites": [{"hosts": ["*"], "backend": "up", **(site or {})}], "backends": [backend],
                              **({"timeouts": timeouts} if timeouts else {}),
                              **({"limits": limits} if limits else {})})

    @property
    def connections(self):
        return [c for origin in self.origins for c in origin.connections]

    def ask(self, front, target="/", method="GET", body=None, fields=(), trailers=None):
        """(status, body, reset)"""
        if front == "h1":
            with Connection(self.gateway.address) as client:
                if trailers is not None:
                    fields = [*fields, ("Transfer-Encoding", "chunked"), ("Trailer", "x-sum")]
                    text = "".join(f"{n}: {v}\r\n" for n, v in trailers)
                    client.send(request_bytes(target, method, fields=fields) +
                                chunked(body, trailers=text))
                else:
                    client.send(request_bytes(target, method, fields=fields, body=body))
                response = client.read_response(method)
                return response.status, response.body, None
        with Client(self.gateway.address) as client:
            stream = client.start(target, method, end=body is None,
                                  fields=[(n.lower(), v) for n, v in fields])
            if body is not None:
                client.data(stream, body, end=trailers is None)
                if trailers is not None:
                    client.trailers(stream, trailers)
            response = client.wait(stream)
            return response.status, response.body, response.reset

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for origin in self.origins:
            origin.close(check=kind is None)
