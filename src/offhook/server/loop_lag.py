"""How late the event loop is: a timer that should fire every PERIOD, and by how much it does not.

Everything waits that long, so it is the one number that tells a server with too much to do, or a
routing program that blocks.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left

__all__ = ["BOUNDS", "LoopLag"]

PERIOD = 0.1  # seconds: a block of a few hundred milliseconds is seen, at 0.02 % of a core
BOUNDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)  # seconds


class LoopLag:
    """A histogram: `counts[n]` are the delays up to `BOUNDS[n]`, the last one those beyond."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0  # all delays together

    def add(self, late: float) -> None:
        """One delay in seconds; being early is none."""
        late = max(late, 0.0)
        self.counts[bisect_left(BOUNDS, late)] += 1
        self.seconds += late

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await asyncio.sleep(PERIOD)
            self.add(loop.time() - due)
