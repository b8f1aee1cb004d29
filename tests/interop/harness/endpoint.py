"""What a client needs to know of a server and of its account, whoever the server is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.interop.harness.process import LOOPBACK

DOMAIN = "example.com"
TRANSPORTS = ("udp", "tcp", "tls")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a domain with its password."""

    user: str
    password: str
    domain: str = DOMAIN

    @property
    def address(self) -> str:
        """``user@domain``, as commands take it."""
        return f"{self.user}@{self.domain}"

    @property
    def uri(self) -> str:
        """The address-of-record."""
        return f"sip:{self.address}"

    @property
    def ha1(self) -> str:
        """The MD5 H(A1) of RFC 2617 3.2.2.2, for servers that store nothing else."""
        text = f"{self.user}:{self.domain}:{self.password}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One profile of a running server: where each transport listens and who signed its name."""

    ports: Mapping[str, int]
    authority: Path | None = None
    domain: str = DOMAIN
    host: str = LOOPBACK

    def uri(self, transport: str, user: str = "") -> str:
        """``sip:[user@]host:port;transport=...`` of one listener."""
        prefix = f"{user}@" if user else ""
        return f"sip:{prefix}{self.host}:{self.ports[transport]};transport={transport}"

    def address(self, transport: str) -> tuple[str, int]:
        """Host and port of one listener, as sockets take it."""
        return self.host, self.ports[transport]
