"""Which web pages may speak SIP to us: the Origin of a WebSocket handshake (RFC 6454, RFC 6455
10.2).

A browser names the site of the page with every WebSocket; a page cannot forge it. Without a list
any page that somebody inside opens could reach an exchange that is closed to the outside. Programs
that are no browser send none, and could send any: they are not judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

__all__ = ["Origins", "read_origin"]

ANY = "*"
OPAQUE = "null"  # what a browser says for a local file or a sandboxed frame
LONGEST = 300  # characters: a host name has 253 at most

_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?)"
    r"(?::(\d{1,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def read_origin(text: str) -> str:
    """An origin as the configuration writes it, spelled as browsers do. Raises ValueError.

    `https://phone.example.com:8443`, `https://*.example.com` for all hosts below a name, `*` for
    every page, `null` for local files.
    """
    if text in (ANY, OPAQUE):
        return text
    match = _ORIGIN.fullmatch(text.lower()) if len(text) <= LONGEST else None
    if match is None:
        raise ValueError(
            f'"{text}" is not an origin; write scheme and host without a path, as in '
            '"https://phone.example.com"'
        )
    scheme, host, port = match.groups()
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


class Origins:
    """`allowed` as `read_origin` gives them; without any, the http and https pages of our own
    `domains` and of the names below them.
    """

    def __init__(self, allowed: Iterable[str] = (), domains: Iterable[str] = ()) -> None:
        self._exact = frozenset(allowed)
        self._below = tuple(each.split("*") for each in sorted(self._exact) if "://*." in each)
        self._domains = tuple(domains) if not self._exact else ()

    def allows(self, origin: str) -> bool:
        """True if a page of this origin may connect."""
        if ANY in self._exact or origin in self._exact:
            return True
        match = _ORIGIN.fullmatch(origin) if len(origin) <= LONGEST else None
        if match is None or "*" in origin:
            return False
        if any(origin.startswith(start) and origin.endswith(end) for start, end in self._below):
            return True
        host = match[2].strip("[]")
        return match[1] in _DEFAULT_PORTS and any(_within(host, name) for name in self._domains)


def _within(host: str, domain: str) -> bool:
    if host == domain:
        return True
    try:
        ip_address(domain)
    except ValueError:
        return host.endswith(f".{domain}")
    return False
