"""What the tests of HTTP/2 towards servers share."""

import threading

from client import fetch


def config(*origins, tls=None, protocol=None, **backend):
    servers = [origin if isinstance(origin, str) else origin.address for origin in origins]
    backend = {"name": "up", "servers": servers,
               "protocol": protocol or ("h2" if tls else "h2c"), **backend}
    if tls is not None:
        backend["tls"] = tls
    return {"sites": [{"hosts": ["*"], "backend": "up"}], "backends": [backend]}


def many(address, count, target="/", **options):
    """So many requests at the same time, each on a connection of its own."""
    results = [None] * count

    def run(i):
        try:
            results[i] = fetch(address, f"{target}{i}", **options)
        except Exception as failure:  # pylint: disable=broad-except
            results[i] = failure

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
