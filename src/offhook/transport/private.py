"""Does the source of a request hide its sender? (private addresses of RFC 1918, 4193, 6598; flows
of design: source or Contact)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network

from offhook.message.interface import Core
from offhook.transport.flow import Flow
from offhook.transport.via import default_port, same_host

__all__ = ["behind_translation", "is_private"]

_SHARED = ip_network("100.64.0.0/10")  # RFC 6598: private too, though not by Python's word
_CACHE = 4096  # distinct hosts remembered


@lru_cache(_CACHE)
def is_private(host: str) -> bool:
    """True for an address that no other network can reach; False for public ones and for names."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_private or (address.version == 4 and address in _SHARED)


def behind_translation(core: Core, flow: Flow, contact_host: Callable[[], str]) -> bool:
    """True if the Contact of a request does not lead back to its sender, so that its source has to
    be used.

    Over UDP that is so when the sent-by differs from the source, or the Contact is private and the
    source is not. `contact_host` is asked only where it matters.
    """
    host, port = flow.remote
    if not same_host(core.sent_by_host, host):
        return True
    if (core.sent_by_port or default_port(core.transport)) != port:
        return True
    return not is_private(host) and is_private(contact_host())
