"""A MaxMind DB file of countries, written as their format (version 2.0) says: a tree of addresses' bits, and data."""

import ipaddress


def _control(kind, size):
    assert size < 29
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])


def _value(value):
    if isinstance(value, str):
        data = value.encode()
        return _control(2, len(data)) + data
    if isinstance(value, int):
        data = value.to_bytes(4, "big").lstrip(b"\0")
        return _control(6, len(data)) + data
    return _control(7, len(value)) + b"".join(_value(k) + _value(v) for k, v in value.items())


def _record_pair(left, right, bits):
    if bits == 28:
        return (left & 0xffffff).to_bytes(3, "big") + bytes([(left >> 24) << 4 | right >> 24]) + \
            (right & 0xffffff).to_bytes(3, "big")
    return left.to_bytes(bits // 8, "big") + right.to_bytes(bits // 8, "big")


def write(path, networks, bits=24, kind="GeoLite2-Country", member="country"):
    """networks: {"192.0.2.0/24": "DE", "2001:db8::/32": "AT"}"""
    nodes = [[None, None]]
    data, offsets = b"", {}
    for text, code in networks.items():
        network = ipaddress.ip_network(text)
        if code not in offsets:
            offsets[code] = len(data)
            data += _value({"continent": {"code": "EU", "names": {"en": "Europe"}},
                            member: {"geoname_id": 17, "iso_code": code}})
        number = int(network.network_address)
        length = network.prefixlen + (96 if network.version == 4 else 0)
        node = 0
        for at in range(length):
            bit = number >> (127 - at) & 1
            if at == length - 1:
                nodes[node][bit] = ("data", offsets[code])
            else:
                if nodes[node][bit] is None:
                    nodes[node][bit] = len(nodes)
                    nodes.append([None, None])
                node = nodes[node][bit]
    count = len(nodes)

    def record(value):
        return count if value is None else value if isinstance(value, int) else count + 16 + value[1]

    tree = b"".join(_record_pair(record(left), record(right), bits) for left, right in nodes)
    described = _value({"node_count": count, "record_size": bits, "ip_version": 6, "database_type": kind,
                        "binary_format_major_version": 2, "binary_format_minor_version": 0})
    path.write_bytes(tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + described)
