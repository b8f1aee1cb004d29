"""The hot interface of a message: what the engine calls for every message, and nothing else.

A native implementation can stand beside the pure one (`message.Message`) and run through the same
tests. Everything that is not on the path of every message (typed headers, edits, validation) is
built on `get`, `get_all` and `copy` of the pure one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Core", "HotMessage"]


@dataclass(slots=True)
class Core:
    """The values that routing and transaction matching read from every message (RFC 3261 8.1.1,
    17.1.3, 17.2.3).

    Not frozen: a frozen dataclass of this size costs 2.5 µs to make, this one 0.6.
    """

    branch: str  # of the topmost Via; "" if it has none
    sent_by_host: str  # of the topmost Via, lower case, IPv6 without brackets
    sent_by_port: int  # 0 if absent
    transport: str  # of the topmost Via, upper case
    rport: bool  # the topmost Via asks for the source port (RFC 3581), with or without a value
    call_id: str
    cseq: int
    cseq_method: str
    from_tag: str  # "" if absent
    to_tag: str  # "" if absent
    max_forwards: int  # 70 if absent (RFC 3261 16.6 step 3)
    route: str  # the URI inside the topmost Route value, "" if there is none


class HotMessage(Protocol):
    """One SIP message. `get` names are lower case and long ("call-id", never "i")."""

    is_request: bool
    method: str  # of a request; "" for a response
    uri: str  # the Request-URI as received; "" for a response
    status: int  # of a response; 0 for a request
    reason: str
    body: bytes

    def core(self) -> Core:
        """The core values, parsed once. Raises MessageError (400) if a mandatory one is missing or
        malformed."""

    def get(self, name: str) -> str | None:
        """The first value line of a header, trimmed and unfolded, not split at commas."""

    def get_all(self, name: str) -> list[str]:
        """All value lines of a header in their order, not split at commas."""

    def stamp(self, received: str, rport: int) -> None:
        """Write `received` (unless "") and the value of `rport` (unless 0) into the topmost Via
        (RFC 3261 18.2.1, 3581)."""

    def reply(
        self,
        status: int,
        reason: str,
        *,
        to_tag: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> bytes:
        """A response by RFC 3261 8.2.6: Vias, From, To (with `to_tag` if it has none), Call-ID,
        CSeq, Record-Routes (for 101-299) and Timestamp (for 100) copied; Content-Length computed.
        """

    def forward(
        self,
        uri: str,
        via: str,
        max_forwards: int,
        *,
        drop_routes: int = 0,
        record_routes: Sequence[str] = (),
        max_breadth: int = 0,
    ) -> bytes:
        """The request as a proxy sends it on (RFC 3261 16.6): Request-URI replaced, `via` (a value
        such as `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK7`) pushed on top, Max-Forwards set or
        added, the first `drop_routes` Route values removed, `record_routes` (values with their
        brackets, the first ends up topmost) put on top, Max-Breadth
        set or added unless it is 0; all other lines byte for byte."""

    def pop_via(self) -> bytes:
        """The response without its topmost Via value (RFC 3261 16.7 step 3), all other lines byte
        for byte."""
