"""Addresses as the configuration writes them: `udp:HOST:PORT` for SIP, `HOST:PORT` for the admin.

Hosts are literal IP addresses, IPv6 in brackets; a missing SIP port is the scheme's default (RFC
3261 19.1.2, RFC 7118 5.5). Every fault is a ValueError whose text says what to write instead.
Binding is left to the network.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from offhook.transport import Address, Listener
from offhook.transport.private import PRIVATE

__all__ = [
    "TRANSPORTS",
    "listener_text",
    "parse_address",
    "parse_destination",
    "parse_listener",
    "parse_name_server",
    "parse_network",
]

# scheme: default port
TRANSPORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
NOT_AVAILABLE = ("sctp",)
HIGHEST_PORT = 65535
NAME_SERVER_PORT = 53  # RFC 1035 4.2

_HOST_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([^:]*))?")


def parse_listener(
    profile: str,
    text: str,
    advertise: str = "",
    advertise_to: Mapping[str, str] = MappingProxyType({}),
) -> Listener:
    """The listener that `text` (`udp:0.0.0.0:5060`, `tls:[::1]`) describes. Raises ValueError.

    Port 0 is any free port. `advertise_to`: hosts by destination, as `parse_destination` reads it.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme in NOT_AVAILABLE and colon:
        raise ValueError(
            f'"{text}": {scheme} listeners are not available; use {", ".join(TRANSPORTS)}'
        )
    if scheme not in TRANSPORTS or not colon:
        raise ValueError(
            f'"{text}" is not a listener; write udp:HOST:PORT, or tcp:, tls:, ws:, wss:'
        )
    if rest.startswith("//"):
        raise ValueError(f'"{text}": write it without slashes, {scheme}:{rest.lstrip("/")}')
    host, port = _split(text, rest, TRANSPORTS[scheme])
    exceptions = tuple(
        (network, shown) for to, shown in advertise_to.items() for network in parse_destination(to)
    )
    return Listener(profile, scheme.upper(), host, port, advertise, exceptions)


def parse_destination(text: str) -> Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks that a key of `advertise_to` means: one, or all private ones for "private".
    Raises ValueError."""
    return PRIVATE if text == "private" else (parse_network(text),)


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The network that `text` ("10.0.0.0/8", "2001:db8::/32") names. Raises ValueError."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is not a network; write it as in "198.51.100.0/24"') from None
    raise ValueError(f'"{text}" has bits set behind its prefix; did you mean "{meant}"?')


def parse_address(text: str) -> Address:
    """The host and port of `HOST:PORT`; port 0 is any free port. Raises ValueError."""
    if not re.search(r":[^:\]]*$", text):
        raise ValueError(f'"{text}" has no port; write HOST:PORT, as in 127.0.0.1:8060')
    return _split(text, text, 0)


def parse_name_server(text: str) -> Address:
    """The host and port of `HOST` or `HOST:PORT`, port 53 by default. Raises ValueError."""
    if ":" in text and "." not in text and "[" not in text:
        raise ValueError(f'"{text}": an IPv6 address needs brackets, as in [::1] or [::1]:53')
    host, port = _split(text, text, NAME_SERVER_PORT)
    if not port:
        raise ValueError(f'"{text}": a name server has a port from 1 to {HIGHEST_PORT}')
    return host, port


def listener_text(listener: Listener) -> str:
    """The listener as the configuration writes it."""
    host = f"[{listener.host}]" if listener.ipv6 else listener.host
    return f"{listener.transport.lower()}:{host}:{listener.port}"


def _split(text: str, rest: str, default_port: int) -> Address:
    match = _HOST_PORT.fullmatch(rest)
    if match is None:
        raise ValueError(f'"{text}": an IPv6 address needs brackets, as in [::1]:5060')
    return _host(text, match[1]), default_port if match[2] is None else _port(text, match[2])


def _host(text: str, written: str) -> str:
    host = written.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(
            f'"{text}": "{host}" is not an IP address; use one of this machine, or 0.0.0.0 for all'
        ) from None
    if (address.version == 6) != written.startswith("["):
        raise ValueError(f'"{text}": brackets are for IPv6 addresses')
    return str(address)


def _port(text: str, written: str) -> int:
    if not (written.isascii() and written.isdigit() and len(written) <= 5):
        raise ValueError(f'"{text}": the port "{written}" is not a number from 1 to {HIGHEST_PORT}')
    port = int(written)
    if port > HIGHEST_PORT:
        raise ValueError(f'"{text}": the port {port} is above {HIGHEST_PORT}')
    return port
