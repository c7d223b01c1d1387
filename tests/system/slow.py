"""Servers that answer when they are told to, and those who ask them: for tests of who waits."""

import json
import threading

import h2origin
from client import Connection, request_bytes
from h2client import Client
from h2origin import H2Origin
from origins import Origin, response_bytes
from tidegate import command


class SlowServer:
    """Answers when it is told to."""

    def __init__(self, back):
        self.may_answer = threading.Semaphore(0)
        self.asked = []
        self.origin = Origin(self._h1) if back == "h1" else H2Origin(h2origin.serve(self._h2))

    def _h1(self, connection):
        while True:
            request = connection.read_request()
            self.asked.append(request.target)
            assert self.may_answer.acquire(timeout=30)
            connection.send(response_bytes(200, body=b"done"))

    def _h2(self, connection, request):
        self.asked.append(request.get(":path"))
        assert self.may_answer.acquire(timeout=30)
        connection.respond(request.stream, 200, body=b"done")


class Asker:
    """One request, by a client of its own."""

    def __init__(self, gateway, front, target):
        self.client = Connection(gateway.address) if front == "h1" else Client(gateway.address)
        if front == "h1":
            self.client.send(request_bytes(target))
        else:
            self.stream = self.client.start(target)

    def answer(self):
        response = (self.client.read_response() if isinstance(self.client, Connection)
                    else self.client.wait(self.stream))
        return response

    def leave(self):
        if isinstance(self.client, Connection):
            self.client.reset()
        else:
            self.client.reset(self.stream)
            self.client.flush()


def status(gateway):
    done = command("status", "--json", "-c", str(gateway.config_path))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def waiting(gateway, backend=0):
    return status(gateway)["backends"][backend]["queue"]["waiting"]
