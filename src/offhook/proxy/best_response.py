"""The choice among final responses (RFC 3261 16.7 steps 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from offhook.message.message import Message

__all__ = ["Candidate", "best", "challenges"]

_CHALLENGE = (401, 407)
# These let the caller mend its request, and say how (RFC 3261 16.7 step 6)
_TELLING = frozenset({401, 407, 415, 416, 420, 421, 422, 423, 428, 484, 494})
# These say little about who was called: a device that knows nobody, a way that failed, a request
# that was given up
_SAYING_LITTLE = frozenset({400, 404, 405, 408, 430, 440, 481, 482, 483, 487})


class Candidate(Protocol):
    """A branch that has ended."""

    @property
    def status(self) -> int:
        """Its final status; ours if the branch got none."""

    @property
    def response(self) -> Message | None:
        """Its final response, if it got one."""


C = TypeVar("C", bound=Candidate)


def _rank(candidate: Candidate) -> tuple[int, int, int]:
    status = candidate.status
    if status >= 600:  # RFC 3261 16.7 step 6: a 6xx before everything
        return (0, 0, status)
    received = (
        0 if candidate.response is not None else 1
    )  # what a peer said tells more than our own 408
    if 400 <= status < 500:
        if status in _TELLING:
            return (4, 0, status)
        if status == 486:  # of all refusals the one that tells most of the person
            return (4, 1, 0)
        return (4, 1 + 2 * received + (1 if status in _SAYING_LITTLE else 0), status)
    return (status // 100, received + (1 if status == 503 else 0), status)


def best(candidates: Sequence[C]) -> C | None:
    """The one whose response goes upstream; the earliest among equals; None without candidates."""
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=_rank, default=None)


def challenges(candidates: Sequence[Candidate], chosen: Candidate) -> tuple[tuple[str, str], ...]:
    """Challenge headers of the other 401 and 407 responses, to be added to the chosen one (RFC 3261
    16.7 step 7)."""
    if chosen.status not in _CHALLENGE:
        return ()
    found: list[tuple[str, str]] = []
    for candidate in candidates:
        if candidate is chosen or candidate.response is None or candidate.status not in _CHALLENGE:
            continue
        for name in ("WWW-Authenticate", "Proxy-Authenticate"):
            found += [(name, value) for value in candidate.response.get_all(name.lower())]
    return tuple(found)
