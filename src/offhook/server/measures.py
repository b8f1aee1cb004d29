"""Where the numbers of a running server are: what metrics and status read. Nothing is copied, and
reading waits for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from offhook.auth.bans import Bans
from offhook.engine.engine import Engine
from offhook.exchange.counters import Counters as ExchangeCounters
from offhook.runtime.network import Network
from offhook.runtime.own_certificates import OwnCertificate
from offhook.runtime.stun_server import StunCounters
from offhook.server.loop_lag import LoopLag
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
    lag: LoopLag
    certificates: Sequence[OwnCertificate] = ()
    stun: StunCounters = field(default_factory=StunCounters)  # of the STUN server of its own
