"""Whom a source address stands for where something is counted by source: limits and bans."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

__all__ = ["subscriber"]


def subscriber(host: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 address, which one subscriber owns as a whole."""
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
