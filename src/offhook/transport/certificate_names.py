"""Which SIP domains a certificate proves, and whether one of them is the domain we wanted (RFC 5922
7.1, 7.2).

Works on what `ssl` tells of a verified certificate; the chain has been checked by then. An IP
address proves itself if the certificate lists it as one, which RFC 5922 leaves open: a gateway may
be configured by its address. Wildcards count for nothing unless the operator allows them (RFC 5922
7.2).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

__all__ = ["identities", "proves", "wanted_name"]

LONGEST_NAME = 253  # RFC 1035 2.3.4, in text

_LABEL = re.compile(r"[a-z0-9_-]{1,63}").fullmatch


def identities(
    certificate: Mapping[str, object] | None, *, wildcards: bool = False
) -> frozenset[str]:
    """The SIP domain identities of a peer certificate as `SSLSocket.getpeercert()` gives it, in
    lower case. `*.example.com` is one only with `wildcards`.
    """
    if not certificate:
        return frozenset()
    read = _pattern if wildcards else wanted_name
    alternatives = _pairs(certificate.get("subjectAltName"))
    if not alternatives:
        # RFC 5922 7.1: the common name counts only without any subjectAltName
        names = _common_names(certificate.get("subject"))
        return frozenset(filter(None, map(read, names)))
    uris = {
        domain
        for kind, value in alternatives
        if kind == "URI" and (domain := read(_sip_host(value)))
    }
    addresses = {
        address
        for kind, value in alternatives
        if kind == "IP Address" and (address := _address(value))
    }
    if uris:  # RFC 5922 7.1: DNS values count only if there is no sip URI
        return frozenset(uris | addresses)
    domains = {
        domain
        for kind, value in alternatives
        if kind == "DNS" and not _address(value) and (domain := read(value))
    }
    return frozenset(domains | addresses)


def proves(proven: frozenset[str], name: str) -> bool:
    """True if `name` is one of the identities: whole names, without case (RFC 5922 7.2). A
    wildcard among them stands for one label."""
    wanted = wanted_name(name)
    if not wanted:
        return False
    return wanted in proven or (not _address(wanted) and f"*.{wanted.partition('.')[2]}" in proven)


def wanted_name(name: str) -> str:
    """The domain or address as it is compared and sent as SNI; "" if it cannot be one."""
    return _address(name) or _name(name)


def _sip_host(uri: str) -> str:
    """The host of `sip:host`; "" for other schemes and for URIs of a user (RFC 5922 7.1)."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.split(";", 1)[0].split("?", 1)[0]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _pattern(name: str) -> str:
    """A host name, or one whose first label is `*` and has at least two behind it."""
    if not name.startswith("*."):
        return wanted_name(name)
    parent = _name(name[2:])
    return f"*.{parent}" if "." in parent else ""


def _name(name: str) -> str:
    """A host name in lower case and in its ASCII form, without the final dot; "" for wildcards and
    for what is none.
    """
    name = name.removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    labels = name.lower().split(".")
    return ".".join(labels) if len(name) <= LONGEST_NAME and all(map(_LABEL, labels)) else ""


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def _pairs(value: object) -> list[tuple[str, str]]:
    """The (kind, value) pairs of `ssl`'s nested tuples; anything else is left out."""
    if not isinstance(value, Iterable):
        return []
    return [
        (item[0], item[1])
        for item in value
        if isinstance(item, tuple)
        and len(item) >= 2
        and isinstance(item[0], str)
        and isinstance(item[1], str)
    ]


def _common_names(subject: object) -> list[str]:
    if not isinstance(subject, Iterable):
        return []
    return [value for part in subject for kind, value in _pairs(part) if kind == "commonName"]
