"""A binding: one contact of an address-of-record (RFC 3261 10, RFC 3327, RFC 5626)."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Binding"]

_REG_ID = re.compile(r";reg-id=(\d{1,9})(?:;|\Z)", re.ASCII | re.IGNORECASE)


@dataclass(slots=True)
class Binding:
    """One registered contact. Times are Unix seconds, so that they outlive the process.

    Never changed once it is made; not frozen, since one is made for each REGISTER (0.5 µs against
    2.2).
    """

    aor: str  # canonical, as `Uri.aor()` gives it
    contact: str  # the URI as the phone wrote it
    expires: float  # Unix seconds
    q: int  # thousandths, 1000 if absent
    call_id: str
    cseq: int
    instance: str  # +sip.instance without quotes, "" if absent
    path: tuple[str, ...]  # Path values, topmost first (RFC 3327)
    flow: str  # name of the flow that the REGISTER came by
    by_flow: bool  # reach it by `flow` only: a connection, or a phone behind NAT
    user_agent: str
    registered: float  # Unix seconds of the last refresh
    parameters: str = ""  # further Contact parameters to give back, with their leading ";"

    @property
    def reg_id(self) -> int:
        """Which of its phone's flows this is (RFC 5626 4.2), 0 if it does not say."""
        match = _REG_ID.search(self.parameters) if self.parameters else None
        return int(match[1]) if match else 0
