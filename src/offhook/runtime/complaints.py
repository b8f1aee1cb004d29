"""Lines in the log for what peers can bring about at will: refusals with their reason, failures;
never more than an operator can read.

Anybody can make a refusal, thousands a second. So BURST lines may come at once and then one each
PERIOD; how many were left out is told by the next one. Counters count all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

__all__ = ["Complaints"]

BURST = 20  # lines: what a handful of misconfigured trunks write when they try again
PERIOD = 3.0  # seconds

log = structlog.get_logger()


class Complaints:
    """One book for a network, or for one kind of failure. `now` gives monotonic seconds; `level` is
    that of the lines, "warning" or "error"."""

    def __init__(self, now: Callable[[], float], level: str = "warning") -> None:
        self._now = now
        self._level = level
        self._full_at = now()  # when the whole burst is free again
        self._left_out = 0

    def tell(self, event: str, **what: object) -> None:
        """Write a line, unless there were too many."""
        now = self._now()
        free_at = max(self._full_at, now) + PERIOD
        if free_at - now > BURST * PERIOD:
            self._left_out += 1
            return
        self._full_at = free_at
        if self._left_out:
            what["left_out"] = self._left_out
            self._left_out = 0
        getattr(log, self._level)(event, **what)
