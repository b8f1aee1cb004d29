"""From a URI to the transport, host and port of the next hop (RFC 3263 4.1, 4.2 for literal
addresses and A/AAAA names)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from offhook.errors import UriError
from offhook.message.uri import Uri, parse_uri
from offhook.transport.via import default_port

__all__ = ["NextHop", "is_literal", "next_hop", "next_hop_of"]

REMEMBERED = 4096  # URIs of next hops; about 2 MB

_TRANSPORTS = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}


@dataclass(frozen=True, slots=True)
class NextHop:
    """A place to send a request to. `host` may be a name; `literal` says that it is an address."""

    transport: str
    host: str
    port: int
    literal: bool
    server_name: str  # what the certificate of a TLS peer must name (RFC 5922 7.1)


@lru_cache(REMEMBERED)
def next_hop_of(text: str) -> NextHop:
    """As `next_hop`, for a URI as text; the same Contacts come again with every request."""
    return next_hop(parse_uri(text))


def next_hop(uri: Uri) -> NextHop:
    """Read the next hop from a SIP or SIPS URI. Raises UriError (416 for a foreign scheme, 503 for
    a transport we do not have, 480 for a WebSocket client, which is reached by its flow alone)."""
    if uri.scheme not in ("sip", "sips"):
        raise UriError(416, "Unsupported URI Scheme")
    name = uri.transport
    if name in ("ws", "wss") or uri.host.endswith(".invalid"):
        # RFC 7118 5.2, RFC 2606: whoever is there connects to us
        raise UriError(480, "Reached by Its Own Connection Only")
    if uri.scheme == "sips":
        if name not in ("", "tcp", "tls"):
            raise UriError(503, "No Secure Transport")  # RFC 5630 3.1.3
        transport = "TLS"
    else:
        found = _TRANSPORTS.get(name or "udp")
        if found is None:
            raise UriError(503, "Transport Not Available")
        transport = found
    host = uri.parameters.get("maddr") or uri.host
    return NextHop(transport, host, uri.port or default_port(transport), is_literal(host), uri.host)


def is_literal(host: str) -> bool:
    """True for an IP address, IPv6 without brackets."""
    if ":" in host:
        return True
    if not host[-1:].isdigit():
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
