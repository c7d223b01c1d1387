"""Small services that answer by a function, over HTTP/1.1 or HTTP/2: answer(asked) -> (status, fields, body)."""

import contextlib

from h2origin import H2Origin, serve
from origins import Origin, response_bytes


class Asked:
    def __init__(self, method, target, fields, body, trailers):
        self.method, self.target, self.body, self.trailers = method, target, body, trailers
        self.fields = [(name.lower(), value) for name, value in fields if not name.startswith(":")]

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


def service(back, answer):
    """back: h1 or h2c. What was asked is in its list `asked`."""
    asked = []

    def reply(one):
        asked.append(one)
        return answer(one)

    def on_h1(connection):
        with contextlib.suppress(OSError):
            while True:
                request = connection.read_request()
                status, fields, content = reply(Asked(request.method, request.target, request.fields,
                                                      bytes(request.body), request.trailers))
                connection.send(response_bytes(status, fields, content, reason="Said"))

    def on_h2(connection, request):
        status, fields, content = reply(Asked(request.get(":method"), request.get(":path"), request.fields,
                                              bytes(request.body), request.trailers))
        connection.respond(request.stream, status, [(name.lower(), value) for name, value in fields], content)

    made = H2Origin(serve(on_h2)) if back == "h2c" else Origin(on_h1)
    made.asked = asked
    return made
