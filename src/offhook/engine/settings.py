"""What an engine is told once: who it is and which names are its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from offhook.transaction.timers import Timing

__all__ = ["EngineSettings"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Identity and limits of one engine. `key` and `boot` are random: `key` is kept in the storage,
    `boot` is new at every start."""

    key: bytes  # 16-32 bytes: route tokens, To tags, stateless branches
    boot: str  # a few token characters
    worker: str = "0"
    domains: frozenset[str] = frozenset()  # lower case
    timing: Timing = field(default_factory=Timing)
    timer_slack: float = 0.0  # share of its delay by which a timer may be late; see Timers
    max_transactions: int = 200_000  # about 1 GB at 5 kB each: beyond it new requests get 503
    # True for a host and port (0: any) that only a dialog which the application routed there may
    # reach: gateways. None: there is none
    guarded: Callable[[str, int], bool] | None = None
    retry_after: int = 5  # seconds told with that 503
