"""From a URI to the transport, host and port of the next hop, or to the question that leads there
(RFC 3263 4.1, 4.2). What the answers lead to is in `locate`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address

from offhook.errors import UriError
from offhook.message.uri import Uri, parse_uri
from offhook.transport.via import default_port

__all__ = ["NextHop", "Search", "Service", "is_literal", "next_hop", "next_hop_of"]

REMEMBERED = 4096  # URIs of next hops; about 2 MB

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)  # ip_address takes six times as long
_TRANSPORTS = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
_LABELS = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}  # RFC 3263 4.2


class Search(IntEnum):
    """What is asked next about a hop that is no address yet."""

    ADDRESSES = 0  # A and AAAA of its host: the port is known
    SERVERS = 1  # SRV of its services
    SERVICES = 2  # NAPTR of its host: not even the transport is known


@dataclass(frozen=True, slots=True)
class Service:
    """A transport of a domain and the name of its SRV records. Only services of the lowest `order`
    that has records are used."""

    transport: str
    name: str
    order: int = 0


@dataclass(slots=True)
class NextHop:
    """A place to send a request to. `host` may be a name; `literal` says that it is an address.

    Shared, so never changed. Not frozen: one is made for each new Contact (0.7 µs against 2).
    """

    transport: str  # of a hop that is searched for by services: the one to fall back to
    host: str
    port: int
    literal: bool
    server_name: str  # what the certificate of a TLS peer must name (RFC 5922 7.1)
    search: Search = Search.ADDRESSES
    services: tuple[Service, ...] = ()
    secure: bool = False  # a SIPS URI: TLS or nothing
    fixed: bool = True  # the URI says which transport; a large request cannot choose another one


@lru_cache(REMEMBERED)
def next_hop_of(text: str) -> NextHop:
    """As `next_hop`, for a URI as text; the same Contacts come again with every request."""
    return next_hop(parse_uri(text))


def next_hop(uri: Uri) -> NextHop:
    """Read the next hop from a SIP or SIPS URI. Raises UriError (416 for a foreign scheme, 503 for
    a transport we do not have, 480 for a WebSocket client, which is reached by its flow alone)."""
    name = uri.transport
    transport = _transport(uri, name)
    host = (uri.parameters.get("maddr") or uri.host).strip("[]")  # TARGET of RFC 3263 4
    literal = is_literal(host)
    search = Search.ADDRESSES
    services: tuple[Service, ...] = ()
    if not literal and uri.port is None:
        # RFC 3263 4.1: NAPTR only if neither transport nor port is said; 4.2: SRV if no port is
        search = Search.SERVERS if name else Search.SERVICES
        services = (service_of(transport, host),)
    return NextHop(
        transport,
        host,
        uri.port or default_port(transport),
        literal,
        uri.host,
        search,
        services,
        secure=uri.scheme == "sips",
        fixed=bool(name),
    )


def _transport(uri: Uri, name: str) -> str:
    if uri.scheme not in ("sip", "sips"):
        raise UriError(416, "Unsupported URI Scheme")
    if name in ("ws", "wss") or uri.host.endswith(".invalid"):
        # RFC 7118 5.2, RFC 2606: whoever is there connects to us
        raise UriError(480, "Reached by Its Own Connection Only")
    if uri.scheme == "sips":
        if name not in ("", "tcp", "tls"):
            raise UriError(503, "No Secure Transport")  # RFC 5630 3.1.3
        return "TLS"
    found = _TRANSPORTS.get(name or "udp")
    if found is None:
        raise UriError(503, "Transport Not Available")
    return found


def service_of(transport: str, host: str, order: int = 0) -> Service:
    """The service of a transport at a domain, its SRV name made by RFC 3263 4.2."""
    return Service(transport, f"{_LABELS[transport]}.{host}", order)


def is_literal(host: str) -> bool:
    """True for an IP address, IPv6 without brackets."""
    if _IPV4.fullmatch(host) is not None:
        return True
    if ":" not in host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
