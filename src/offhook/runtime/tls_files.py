"""What TLS is told: files, and who shows and asks for which certificate (RFC 5922, RFC 5923).

Plain values. Contexts are made of them in `tls_contexts`; the configuration writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["KeyPair", "ProfileTls", "TlsFiles"]


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of PEM files: our chain, our own certificate first, and its private key, not encrypted
    ("" = in the same file)."""

    certificate: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class ProfileTls:
    """What the listeners of one profile show and ask for."""

    certificate: str = ""  # a name of `TlsFiles.others`; "" = the one that serves all
    ask: bool = False  # ask for a client certificate: one that is given must be valid (RFC 5923)
    insist: bool = False  # nobody gets in without one
    # whom the certificate must name, lower case (RFC 5922 7.4); None: anybody
    names: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Everything about TLS that a configuration says."""

    certificate: str = ""  # of all profiles that name no other; "" = none
    key: str = ""
    authority: str = ""  # PEM file of those whom we trust; "" = the system's list
    client_authority: str = ""  # whose client certificates count; "" = as `authority`
    wildcards: bool = False  # let *.example.com prove names below it, against RFC 5922 7.2
    others: Mapping[str, KeyPair] = field(default_factory=dict)  # further certificates by name
    profiles: Mapping[str, ProfileTls] = field(default_factory=dict)
    # the certificate that we show to a server, by profile and the name that it must prove
    shown: Mapping[tuple[str, str], str] = field(default_factory=dict)
