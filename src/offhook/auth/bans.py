"""Sources that send wrong passwords are slowed, then banned for a while.

Only a wrong password counts: never a first challenge, never a stale nonce. As a nonce is bound to
the host that asked for it, who has counted here has received our challenge: a forged source address
cannot get somebody else banned. Counts decay, so a forgotten phone with an old password does not
lock its office out. The allow-list wins over everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address

from offhook.auth.subscriber import subscriber

__all__ = ["Admission", "BanPolicy", "BanVerdict", "Bans"]


@dataclass(frozen=True, slots=True)
class BanPolicy:
    """When a source is slowed and banned. A phone that retries every 30 s with a wrong password
    never gets there."""

    slow_after: float = 5.0  # wrong passwords that cost nothing
    ban_after: float = 20.0  # wrong passwords until the ban
    decay: float = 20.0  # seconds in which one wrong password is forgotten
    longest_delay: float = (
        4.0  # seconds: below Timer F of a patient client, beyond the patience of a guesser
    )
    ban: float = 600.0  # seconds
    limit: int = (
        10_000  # sources remembered, the one that was quiet longest forgotten first; 300 bytes each
    )
    allow: tuple[IPv4Network | IPv6Network, ...] = ()


class Admission(Enum):
    """What to do with requests of a source."""

    ALLOW = "allow"
    DELAY = "delay"
    BANNED = "banned"


@dataclass(frozen=True, slots=True)
class BanVerdict:
    """`seconds`: how long to wait before answering (DELAY), or how long the ban still lasts
    (BANNED)."""

    admission: Admission
    seconds: float = 0.0


@dataclass(slots=True)
class _Record:
    score: float
    at: float
    banned_until: float = 0.0


_ALLOW = BanVerdict(Admission.ALLOW)


class Bans:
    """The scores of sources. Times are in seconds of any one clock."""

    __slots__ = ("_policy", "_records")

    def __init__(self, policy: BanPolicy | None = None) -> None:
        self._policy = policy or BanPolicy()
        self._records: dict[str, _Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def verdict(self, source: str, now: float) -> BanVerdict:
        """What to do with a request from the host `source`. Costs one look-up while nobody
        misbehaves."""
        if not self._records:
            return _ALLOW
        key = subscriber(source)
        record = self._records.get(key)
        return _ALLOW if record is None else self._judge(key, record, now)

    def wrong(self, source: str, now: float) -> BanVerdict:
        """Count a wrong password, and tell what that makes of the source."""
        if self._allowed(source):
            return _ALLOW
        policy = self._policy
        key = subscriber(source)
        record = self._records.pop(key, None)
        if record is None:
            record = _Record(1.0, now)
        else:
            record.score = self._decayed(record, now) + 1.0
            record.at = now
        self._records[key] = record  # the last is the youngest
        if record.score > policy.ban_after and record.banned_until <= now:
            record.banned_until = now + policy.ban
        while len(self._records) > policy.limit:
            del self._records[next(iter(self._records))]
        return self._judge(key, record, now)

    def banned(self, now: float) -> Sequence[tuple[str, float]]:
        """The banned sources, an IPv6 one as its /64, with the seconds left."""
        return [
            (key, record.banned_until - now)
            for key, record in self._records.items()
            if record.banned_until > now
        ]

    def forgive(self, source: str) -> bool:
        """Forget a source; True if it was known."""
        return self._records.pop(subscriber(source), None) is not None

    def _judge(self, key: str, record: _Record, now: float) -> BanVerdict:
        policy = self._policy
        if record.banned_until > now:
            return BanVerdict(Admission.BANNED, record.banned_until - now)
        if record.banned_until:
            del self._records[key]  # the ban is served
            return _ALLOW
        score = self._decayed(record, now)
        if score <= 0:
            del self._records[key]
            return _ALLOW
        if score <= policy.slow_after:
            return _ALLOW
        span = policy.ban_after - policy.slow_after
        share = min((score - policy.slow_after) / span, 1.0) if span > 0 else 1.0
        return BanVerdict(Admission.DELAY, policy.longest_delay * share)

    def _decayed(self, record: _Record, now: float) -> float:
        return max(record.score - max(now - record.at, 0.0) / self._policy.decay, 0.0)

    def _allowed(self, source: str) -> bool:
        if not self._policy.allow:
            return False
        try:
            address = ip_address(source)
        except ValueError:
            return False
        return any(address in network for network in self._policy.allow)
