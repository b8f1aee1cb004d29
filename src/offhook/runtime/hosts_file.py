"""Reads a hosts file: names that need no name server."""

from __future__ import annotations

import ipaddress

__all__ = ["parse_hosts"]

LOOPBACK = ("127.0.0.1", "::1")


def parse_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """Addresses by lower-case name, IPv4 first, else in the order of the file. `localhost` is
    always there (RFC 6761 6.3).
    """
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        address, *names = line.partition("#")[0].split() or [""]
        try:
            literal = str(ipaddress.ip_address(address))
        except ValueError:
            continue
        for name in names:
            addresses = found.setdefault(name.lower(), [])
            if literal not in addresses:
                addresses.append(literal)
    hosts = {
        name: tuple(sorted(addresses, key=lambda text: ":" in text))
        for name, addresses in found.items()
    }
    hosts.setdefault("localhost", LOOPBACK)
    return hosts
