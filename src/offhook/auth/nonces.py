"""Nonces of the server side: made without state, replays found with little (RFC 7616 3.3, 5.5; RFC
3261 22.4).

A nonce is its time of making, a serial number, and a keyed hash of both with realm and source host
(not the port, which a NAT may change between two requests). Nothing is kept until a nonce has been
used with success; from then on its highest nonce count is kept, so that a captured request is never
accepted again. The record is bounded: when a nonce is forgotten, all unknown nonces as old as it
become stale, so forgetting never opens a door.
"""

from __future__ import annotations

import hmac
from enum import Enum
from hashlib import blake2s

__all__ = ["NonceRegistry", "NonceVerdict"]

# seconds; phones answer in one, and reuse a nonce for the requests that follow a registration
LIFETIME = 300.0
MAX_RECORDS = 100_000  # nonces in use; 200 bytes each
_TAG_BYTES = 12  # 96 bits: forging takes longer than a nonce lives
_HEAD = 16  # hexadecimal digits: 8 of seconds, 8 of serial number
_NEVER_AGAIN = 1 << 32  # above every nonce count: a use without count is the only one


class NonceVerdict(Enum):
    """What a nonce is worth."""

    VALID = "valid"
    STALE = "stale"  # not ours, of another source, expired, or its count was used


class NonceRegistry:
    """Makes and judges nonces. Times are Unix seconds.

    `key` is 16 to 32 random bytes. If the key outlives the process, `not_before` is the time of the
    start: the record of used nonces does not outlive it. `serial` is where numbering begins, random
    if several servers share a key.
    """

    __slots__ = ("_counts", "_floor", "_key", "_lifetime", "_limit", "_serial")

    def __init__(
        self,
        key: bytes,
        *,
        lifetime: float = LIFETIME,
        limit: int = MAX_RECORDS,
        not_before: float = 0.0,
        serial: int = 0,
    ) -> None:
        self._key = key[:32]
        self._lifetime = lifetime
        self._limit = limit
        self._serial = serial & 0xFFFFFFFF
        self._floor = (
            f"{int(not_before):08x}" if not_before > 0 else ""
        )  # unknown heads up to here are stale
        self._counts: dict[str, int] = {}  # nonce -> highest count used, oldest first use first

    def __len__(self) -> int:
        return len(self._counts)

    def make(self, realm: str, source: str, now: float) -> str:
        """A new nonce for one realm and source host. Costs one hash, keeps nothing."""
        self._serial = serial = (self._serial + 1) & 0xFFFFFFFF
        head = f"{int(now):08x}{serial:08x}"
        return head + self._tag(head, realm, source)

    def check(self, nonce: str, nc: int, *, realm: str, source: str, now: float) -> NonceVerdict:
        """Judge a nonce and its count (0: sent without one) before the password is looked at.
        Changes nothing."""
        head = nonce[:_HEAD]
        expected = self._tag(head, realm, source)
        if not hmac.compare_digest(
            nonce[_HEAD:].encode("utf-8", "surrogateescape"), expected.encode()
        ):
            return NonceVerdict.STALE
        age = now - int(head[:8], 16)  # the tag is right, so these are our own digits
        if age > self._lifetime or age < -self._lifetime:
            return NonceVerdict.STALE
        return NonceVerdict.VALID if self._fresh(nonce, nc) else NonceVerdict.STALE

    def use(self, nonce: str, nc: int, now: float) -> bool:
        """Record a use with the right password. False if that count was used in the meantime:
        answer as for a stale one."""
        if not self._fresh(nonce, nc):
            return False
        self._counts[nonce] = nc or _NEVER_AGAIN
        self._forget(now)
        return True

    def _fresh(self, nonce: str, nc: int) -> bool:
        used = self._counts.get(nonce)
        if used is not None:
            return nc > used
        return nonce[:_HEAD] > self._floor

    def _forget(self, now: float) -> None:
        """Drop the oldest records: up to two that have expired, and one over the limit."""
        counts = self._counts
        for _ in range(2):
            oldest = next(iter(counts))
            expired = now - int(oldest[:8], 16) > self._lifetime
            if not expired and len(counts) <= self._limit:
                return
            del counts[oldest]
            self._floor = max(self._floor, oldest[:_HEAD])
            if not counts:
                return

    def _tag(self, head: str, realm: str, source: str) -> str:
        text = f"{head}\0{realm}\0{source}".encode("utf-8", "surrogateescape")
        return blake2s(text, key=self._key, digest_size=_TAG_BYTES).hexdigest()
