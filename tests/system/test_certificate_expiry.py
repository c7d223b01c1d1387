"""Certificates that come to their end while the gateway runs, and the list of all of them."""

import json

from tidegate import command
from waiting import wait_until

SECONDS = 60
SOON = 15 / 86400


def put(folder, name, certificate):
    (folder / f"{name}.crt").write_bytes(certificate.crt.read_bytes())
    (folder / f"{name}.key").write_bytes(certificate.key_file.read_bytes())


def test_a_warning_at_each_mark(start, ca, folder):
    """Of a site's own certificates, of a folder's, and of one that is shown to servers."""
    store = folder / "store"
    store.mkdir(mode=0o755)
    for place, name, days, client in [(folder, "month", 30, False), (store, "week", 7, False),
                                      (folder, "day", 1, True), (folder, "end", 0, False)]:
        put(place, name, ca.issue(f"{name}.example", [f"{name}.example"], days=(-1, days + SOON),
                                  client=client))

    def files(name):
        return {"certificate": str(folder / f"{name}.crt"), "key": str(folder / f"{name}.key")}

    gateway = start({"reload_certificates": "off", "sites": [
        {"hosts": ["month.example"], "respond": {}, "tls": files("month")},
        {"hosts": ["end.example"], "respond": {}, "tls": files("end")},
        {"hosts": ["week.example"], "tls": {"certificates_from": str(store)},
         "backend": {"servers": ["127.0.0.1:1"], "tls": {"server_name": "a.example",
                                                         **files("day")}}}]})
    for path, words in [(folder / "month.crt", "expires in 30 days"),
                        (store / "week.crt", "expires in 7 days"),
                        (folder / "day.crt", "expires in 1 day,"),
                        (folder / "end.crt", "has expired, on")]:
        wait_until(lambda: words in gateway.stderr(), SECONDS)  # pylint: disable=cell-var-from-loop
        line = next(line for line in gateway.stderr().splitlines() if words in line)
        assert str(path) in line and f"{path.stem}.example" in line


def test_all_certificates_are_listed(start, ca, folder):
    store = folder / "store"
    store.mkdir(mode=0o755)
    put(store, "b", ca.server("b.example", days=(-1, 400.5)))
    put(folder, "a", ca.server("a.example", days=(-1, 90.5)))
    own = ca.client("gateway", days=(-9, -1.5))
    socket = folder / "control.sock"
    start({"control": str(socket), "sites": [
        {"name": "shop", "hosts": ["*"], "tls": {
            "certificate": str(folder / "a.crt"), "key": str(folder / "a.key"),
            "certificates_from": str(store)},
         "backend": {"servers": ["127.0.0.1:1"], "tls": {
             "server_name": "x.example", "certificate": str(own.crt), "key": str(own.key_file)}}}]})
    done = command("status", "--certificates", "--socket", str(socket))
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 3, done.stdout + done.stderr
    assert "ended 1 days ago" in lines[0] and str(own.crt) in lines[0]
    assert "90 days left" in lines[1] and "site shop" in lines[1] and "a.example" in lines[1]
    assert "400 days left" in lines[2] and f"{store}/b.crt" in lines[2]
    listed = json.loads(command("status", "--certificates", "--json", "--socket",
                                str(socket)).stdout)
    assert listed["total"] == 3
    one = next(one for one in listed["certificates"] if one["names"] == "a.example")
    assert one["owner"] == "site shop" and one["not_after"].startswith("20")


def test_authorities_and_revocation_lists_are_listed_and_told_of(start, ca, folder):
    """What clients and servers are verified by ends, too."""
    client_ca = type(ca)(folder, "Ending CA", days=(-60, 7 + SOON))
    server_ca = type(ca)(folder, "Ended CA", days=(-60, SOON))
    crl = folder / "clients.crl"
    crl.write_bytes(ca.crl(days=(-6, 1 + SOON)))
    put(folder, "a", ca.server("a.example", days=(-1, 90.5)))
    both = folder / "clients.pem"
    both.write_bytes(client_ca.file.read_bytes() + ca.file.read_bytes())
    socket = folder / "control.sock"
    gateway = start({"control": str(socket), "reload_certificates": "off", "sites": [
        {"name": "shop", "hosts": ["*"], "tls": {
            "certificate": str(folder / "a.crt"), "key": str(folder / "a.key"),
            "clients": {"ca": str(both), "crl": str(crl)}},
         "backend": {"servers": ["127.0.0.1:1"], "tls": {
             "server_name": "x.example", "ca": str(server_ca.file)}}}]})
    listed = json.loads(command("status", "--certificates", "--json", "--socket",
                                str(socket)).stdout)["certificates"]
    kinds = {(one["kind"], one["owner"], one["file"]) for one in listed}
    assert ("authority", "site shop", str(both)) in kinds
    assert ("revocation list", "revocation lists", str(crl)) in kinds
    assert any(kind == "authority" and file == str(server_ca.file) for kind, _, file in kinds)
    done = command("status", "--certificates", "--socket", str(socket))
    assert "authority" in done.stdout and "revocation list" in done.stdout
    for path, words in [(both, "expires in 7 days"), (server_ca.file, "has expired, on"),
                        (crl, "revocation list in")]:
        wait_until(lambda: any(str(path) in line and words in line  # pylint: disable=cell-var-from-loop
                               for line in gateway.stderr().splitlines()), SECONDS)
