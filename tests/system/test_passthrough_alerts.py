"""Alerts in plain on connections that are passed through: the access log says who gave up, why, and what to do."""

import json
import ssl
import subprocess

import pytest

from client import Connection
from origins import EchoOrigin, Origin
from tidegate import binary
from tlsbytes import client_hello
from waiting import wait_until

HOST = "bank.example"
WAIT = 25


def alert(number, level=2):
    return bytes([21, 3, 3, 0, 2, level, number])


def passing(origin, **more):
    return {"sites": [{"hosts": [HOST], "passthrough": origin.address}], **more}


def answering(answer):
    def handler(connection):
        connection.read(5)
        connection.send(answer)
        connection.half_close()
        connection.read_to_end()
    return Origin(handler)


@pytest.mark.parametrize("number, reason, said", [
    (40, "alert_handshake_failure", "no common settings"),
    (70, "alert_protocol_version", "none of the client's TLS versions"),
    (112, "alert_unrecognized_name", "no site of the name"),
    (120, "alert_no_application_protocol", "none of the protocols"),
    (80, "alert_internal_error", "the server ended the handshake"),
])
def test_a_servers_alert_is_named(start, number, reason, said):
    with answering(alert(number)) as origin:
        gateway = start(passing(origin))
        with Connection(gateway.address) as connection:
            connection.send(client_hello(HOST))
            assert connection.read_to_end() == alert(number)
        entry = gateway.wait_log(reason=reason, seconds=WAIT)
        assert entry["refused_by"] == "backend" and said in entry["detail"]
        assert f", {number})" in entry["detail"] and entry["mend"]
        assert entry["mode"] == "passthrough" and entry["server"] == origin.address


def test_an_alert_in_single_bytes_after_a_server_hello_is_found(start):
    data = bytes([22, 3, 3, 0, 4, 2, 0, 0, 0]) + alert(43)

    def handler(connection):
        connection.read(5)
        for i in range(len(data)):
            connection.send(data[i:i + 1])
        connection.half_close()
        connection.read_to_end()

    with Origin(handler) as origin:
        gateway = start(passing(origin))
        with Connection(gateway.address) as connection:
            connection.send(client_hello(HOST))
            assert connection.read_to_end() == data
        assert gateway.wait_log(reason="alert_unsupported_certificate", seconds=WAIT)["refused_by"] == "backend"


def test_a_clients_alert_is_named_even_where_it_resets_then(start):
    with Origin(lambda connection: connection.read_to_end()) as origin:
        gateway = start(passing(origin))
        hello = client_hello(HOST)
        connection = Connection(gateway.address)
        connection.send(hello)
        connection.send(alert(48))
        wait_until(lambda: origin.connections and
                   len(origin.connections[0].received) == len(hello) + len(alert(48)))
        connection.reset()
        entry = gateway.wait_log(reason="alert_unknown_ca", seconds=WAIT)
        assert entry["refused_by"] == "client" and "does not trust the CA" in entry["detail"]


def test_real_peers(start, ca, other_ca, bank, folder):
    """A client of TLS 1.2 that does not trust the server, and a server that is too old for its client."""
    control = folder / "control.sock"
    with EchoOrigin(tls=bank.server_context()) as origin:
        gateway = start(passing(origin, control=str(control)))
        with pytest.raises(ssl.SSLCertVerificationError):
            Connection(gateway.address, other_ca.client_context(maximum_version=ssl.TLSVersion.TLSv1_2), HOST)
        entry = gateway.wait_log(reason="alert_unknown_ca", seconds=WAIT)
        assert entry["refused_by"] == "client"
        done = subprocess.run([binary(), "status", "--handshakes", "--json", "--socket", str(control)],
                              capture_output=True, text=True, timeout=30, check=True)
        assert "alert_unknown_ca" in json.dumps(json.loads(done.stdout))
    with EchoOrigin(tls=bank.server_context(maximum_version=ssl.TLSVersion.TLSv1_2)) as origin:
        gateway = start(passing(origin))
        with pytest.raises(ssl.SSLError):
            Connection(gateway.address, ca.client_context(minimum_version=ssl.TLSVersion.TLSv1_3), HOST)
        entry = gateway.wait_log(reason="alert_protocol_version", seconds=WAIT)
        assert entry["refused_by"] == "backend" and "TLS versions" in entry["detail"]


@pytest.mark.parametrize("data", [alert(0, 1), alert(112, 1), bytes([22, 3, 3, 0, 1, 2, 20, 3, 3, 0, 1, 1]) + alert(40),
                                  bytes([23, 3, 3, 0, 1, 0]) + alert(40), b"no TLS at all" + alert(40)])
def test_what_is_no_fatal_alert_in_plain_is_no_failure(start, data):
    with answering(data) as origin:
        gateway = start(passing(origin))
        with Connection(gateway.address) as connection:
            connection.send(client_hello(HOST))
            assert connection.read_to_end() == data
            connection.half_close()
        assert "reason" not in gateway.wait_log(kind="connection", seconds=WAIT)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_connection_that_works_has_no_reason(start, ca, bank, version):
    with EchoOrigin(tls=bank.server_context()) as origin:
        gateway = start(passing(origin))
        with Connection(gateway.address, ca.client_context(maximum_version=version), HOST) as connection:
            assert connection.request(host=HOST, body=b"x" * 300000, method="POST").status == 200
        assert "reason" not in gateway.wait_log(kind="connection", seconds=WAIT)
