"""Which SIP domains a certificate proves, and whether one of them is the domain we wanted (RFC 5922
7.1, 7.2).

Works on what `ssl` tells of a verified certificate; the chain has been checked by then. An IP
address proves itself if the certificate lists it as one, which RFC 5922 leaves open: a gateway may
be configured by its address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping

__all__ = ["identities", "proves", "wanted_name"]

LONGEST_NAME = 253  # RFC 1035 2.3.4, in text

_LABEL = re.compile(r"[a-z0-9_-]{1,63}").fullmatch


def identities(certificate: Mapping[str, object] | None) -> frozenset[str]:
    """The SIP domain identities of a peer certificate as `SSLSocket.getpeercert()` gives it, in
    lower case.
    """
    if not certificate:
        return frozenset()
    alternatives = _pairs(certificate.get("subjectAltName"))
    if not alternatives:
        # RFC 5922 7.1: the common name counts only without any subjectAltName
        names = _common_names(certificate.get("subject"))
        return frozenset(filter(None, map(_domain, names)))
    uris = {
        domain for kind, value in alternatives if kind == "URI" and (domain := _sip_domain(value))
    }
    addresses = {
        address
        for kind, value in alternatives
        if kind == "IP Address" and (address := _address(value))
    }
    if uris:  # RFC 5922 7.1: DNS values count only if there is no sip URI
        return frozenset(uris | addresses)
    domains = {
        domain for kind, value in alternatives if kind == "DNS" and (domain := _domain(value))
    }
    return frozenset(domains | addresses)


def proves(proven: frozenset[str], name: str) -> bool:
    """True if `name` is one of the identities: whole names, without case, no wildcards (RFC 5922
    7.2).
    """
    wanted = wanted_name(name)
    return bool(wanted) and wanted in proven


def wanted_name(name: str) -> str:
    """The domain or address as it is compared and sent as SNI; "" if it cannot be one."""
    return _address(name) or _domain(name)


def _sip_domain(uri: str) -> str:
    """The host of `sip:host`; "" for other schemes and for URIs of a user (RFC 5922 7.1)."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.split(";", 1)[0].split("?", 1)[0]
    if host.startswith("["):
        return _address(host[1:].partition("]")[0])
    return wanted_name(host.partition(":")[0])


def _domain(name: str) -> str:
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
