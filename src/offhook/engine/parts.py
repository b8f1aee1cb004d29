"""What the parts of one engine share."""

from __future__ import annotations

from dataclasses import dataclass, field

from offhook.engine.actions import Action
from offhook.engine.events import Event
from offhook.engine.identifiers import Identifiers
from offhook.engine.settings import EngineSettings
from offhook.engine.traffic import Traffic
from offhook.engine.ways import Ways
from offhook.transaction.owner import Owner
from offhook.transaction.table import Transactions
from offhook.transaction.timers import Timers

__all__ = ["Counters", "Parts"]


@dataclass(slots=True)
class Counters:
    """What happened since the start, for status and metrics."""

    requests: int = 0
    responses: int = 0
    malformed: int = 0  # dropped or refused with 400
    stray_responses: int = 0  # of no transaction: dropped (RFC 6026 8.9)
    stray_acks: int = 0  # of no transaction and no dialog that we routed
    stateless: int = 0  # requests and responses that were relayed without a transaction
    retransmissions: int = 0  # requests that came again
    refused_overload: int = 0
    stun: int = 0  # binding requests on SIP ports: keep-alives of phones (RFC 5626 8)
    traffic: Traffic = field(default_factory=Traffic)
    large_datagrams: int = 0  # requests above 1300 octets that left over UDP: fragments may be lost
    failovers: int = 0  # a hop was given up or refused, and the next one tried


@dataclass(slots=True)
class Parts:
    """One engine's identity, clocks, tables and outputs; `owner` is the engine as its transactions
    see it."""

    settings: EngineSettings
    identifiers: Identifiers
    timers: Timers
    transactions: Transactions
    actions: list[Action]
    events: list[Event]
    ways: Ways
    owner: Owner
    counters: Counters = field(default_factory=Counters)
