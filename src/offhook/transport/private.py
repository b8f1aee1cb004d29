"""Does the source of a request hide its sender? (private addresses of RFC 1918, 3927, 4193, 6598;
flows of design: source or Contact)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from offhook.message.interface import Core
from offhook.transport.flow import Flow
from offhook.transport.via import default_port, same_host

__all__ = ["PRIVATE", "behind_translation", "halfway_rewritten", "is_private"]

# not Python's `is_private`: that holds for documentation networks and not for RFC 6598
PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",  # RFC 1918
            "100.64.0.0/10",  # RFC 6598
            "0.0.0.0/8",  # RFC 1122: a phone that knows no address of its own
            "127.0.0.0/8",
            "169.254.0.0/16",  # RFC 3927
            "fc00::/7",  # RFC 4193
            "fe80::/10",
            "::/127",  # unspecified and loopback
        ),
    )
)
_CACHE = 4096  # distinct hosts remembered


@lru_cache(_CACHE)
def is_private(host: str) -> bool:
    """True for an address that no other network can reach; False for public ones and for names."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in PRIVATE)


def behind_translation(
    core: Core, flow: Flow, host_of: Callable[[], str], *, relayed: bool = False
) -> bool:
    """True if the address that a request gives does not lead back to its sender, so that its source
    has to be used.

    That is so when that address is private and the source is not. Over UDP also when the sent-by
    differs from the source; not where the request was `relayed` by another proxy, whose Via that is
    and whose sent-by says nothing of the Contact. `host_of` gives the host of the Contact, or of
    the Record-Route that stands for it, and is asked only where it matters.
    """
    host, port = flow.remote
    if not relayed and not flow.reliable:
        if not same_host(core.sent_by_host, host):
            return True
        if (core.sent_by_port or default_port(core.transport)) != port:
            return True
    return not is_private(host) and is_private(host_of())


def halfway_rewritten(core: Core, flow: Flow, host_of: Callable[[], str]) -> bool:
    """True for a datagram that names its public source in the Via and a private address in the
    Contact: a phone knows both or neither, so something on the way rewrote one of them (an
    application layer gateway in a router)."""
    if flow.reliable or is_private(flow.remote[0]):
        return False
    return same_host(core.sent_by_host, flow.remote[0]) and is_private(host_of())
