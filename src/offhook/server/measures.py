"""Where the numbers of a running server are: what metrics and status read. Nothing is copied, and
reading waits for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offhook.auth.bans import Bans
from offhook.engine.engine import Engine
from offhook.exchange.counters import Counters as ExchangeCounters
from offhook.runtime.network import Network
from offhook.runtime.own_certificates import OwnCertificate
from offhook.storage.protocols import Storage

__all__ = ["Measures"]


@dataclass(frozen=True, slots=True)
class Measures:
    """The parts of one started server."""

    engine: Engine
    network: Network
    storage: Storage
    exchange: ExchangeCounters
    bans: Bans
    certificates: Sequence[OwnCertificate] = ()
