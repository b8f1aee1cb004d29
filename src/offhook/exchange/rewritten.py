"""Says once of each source that something on the way rewrites SIP by halves.

An application layer gateway in a router, mostly: calls through it fail in ways that nobody
understands, and it can be switched off.
"""

from __future__ import annotations

from offhook.exchange.late_log import LateLog

__all__ = ["Rewritten"]

REMEMBERED = 1000  # sources; all are forgotten when full

log = LateLog()


class Rewritten:
    """The sources that were told."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, source: str, call_id: str) -> None:
        """One log line for a source address."""
        if source in self._told:
            return
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told.add(source)
        log.warning(
            "sip_rewritten_by_router", source=source, call_id=call_id, hint="switch off SIP ALG"
        )
