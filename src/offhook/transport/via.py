"""The topmost Via of a request on arrival, and where its responses go (RFC 3261 18.2.1, 18.2.2; RFC
3581)."""

from __future__ import annotations

from ipaddress import ip_address

from offhook.message.interface import Core, HotMessage
from offhook.transport.flow import WEBSOCKET, Address, Flow

__all__ = ["default_port", "response_address", "same_host", "stamp"]

_DEFAULT_PORTS = {"TLS": 5061, "WS": 80, "WSS": 443}


def default_port(transport: str) -> int:
    """The port that a sent-by or URI without one means (RFC 3261 19.1.2, RFC 7118 5.5)."""
    return _DEFAULT_PORTS.get(transport, 5060)


def same_host(one: str, other: str) -> bool:
    """True if both are the same address; IPv6 in any spelling."""
    if one == other:
        return True
    if ":" not in one or ":" not in other:
        return False
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False


def stamp(message: HotMessage, core: Core, flow: Flow) -> None:
    """Write received and rport into the topmost Via of a request that arrived on `flow`.

    A WebSocket client that does not ask for them gets neither: its responses go back by the
    connection, and the address that we see may be one of a web proxy (RFC 7118 5.3).
    """
    host, port = flow.remote
    if core.rport:
        message.stamp(host, port)  # RFC 3581 4: both, even if nothing differs
    elif flow.transport not in WEBSOCKET and not same_host(core.sent_by_host, host):
        message.stamp(host, 0)  # RFC 3261 18.2.1


def response_address(core: Core, flow: Flow) -> Address | None:
    """Where the response to a request that arrived on `flow` goes; None means the flow itself.

    Over UDP without rport and with a sent-by that is the source host, the port of the sent-by
    counts (RFC 3261 18.2.2). A source host other than the sent-by means an address translation,
    behind which only the source port leads back.
    """
    if flow.reliable or core.rport:
        return None
    port = core.sent_by_port or default_port(core.transport)
    host, source_port = flow.remote
    if port == source_port or not same_host(core.sent_by_host, host):
        return None
    return (host, port)
