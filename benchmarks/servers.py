"""What the measurements need of a server under test, whichever it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["DOMAIN", "PASSWORD", "Access", "Place", "Server"]

DOMAIN = "bench.example"
PASSWORD = "benchmark"  # of every user; the servers live on loopback, for minutes


class Access(enum.Enum):
    """Whether the registrar challenges."""

    OPEN = "open"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: its own folder, its port on 127.0.0.1 (UDP and TCP) and its core."""

    folder: Path
    port: int
    core: int


class Server(Protocol):
    """A running server. `pid` is the root of its process tree."""

    name: str
    pid: int
    place: Place

    def received(self) -> int | None:
        """Requests and responses that the server says it has received, None if it does not tell."""

    def transactions(self) -> int | None:
        """Transactions that the server holds now, None if it does not tell."""

    def stop(self) -> None:
        """End it; the second call does nothing."""
