"""Which destinations failed lately (RFC 3263 4.3, RFC 3261 21.5.4): they are tried after all others
for a while, and never left out.

Healing is by probing: once the time is over one request tries the destination again, and the others
go on avoiding it until that one has heard something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from offhook.transport.next_hop import NextHop

__all__ = ["Standing", "Trouble"]

FIRST = 30.0  # seconds for a first failure: a reboot of most servers takes longer
LONGEST = 300.0  # each failed probe doubles it up to this, so that recovery is seen in minutes
OVERLOADED = 10.0  # for a 503 without Retry-After
LONGEST_RETRY = 3600.0  # what a Retry-After is believed to say at most
PROBE = 5.0  # how long a probe may take: a little more than a silent hop is waited for
MOST = 10_000  # destinations remembered, about 3 MB; the oldest is forgotten first

# transport, address, port, and over TLS the name to be proven: a certificate without one name may
# have the next one
Key = tuple[str, str, int, str]
Tell = Callable[[NextHop, str, float], None]  # what it is now, for how many seconds


@dataclass(slots=True)
class Trouble:
    """One destination that failed. Times are the engine's monotonic seconds."""

    until: float
    penalty: float
    since: float  # of its last failure
    failures: int = 1


class Standing:
    """The destinations of one engine that are in trouble. `tell` hears of each change: "silent",
    "refused", "overloaded" or "recovered"."""

    __slots__ = ("_tell", "_troubles")

    def __init__(self, tell: Tell | None = None) -> None:
        self._tell: Tell = tell or _nobody
        self._troubles: dict[Key, Trouble] = {}

    def failed(self, hop: NextHop, now: float, *, what: str = "refused") -> None:
        """It was silent or refused."""
        trouble = self._troubles.get(_key(hop))
        if trouble is None:
            self._remember(hop, Trouble(now + FIRST, FIRST, now))
            self._tell(hop, what, FIRST)
            return
        trouble.failures += 1
        if now - trouble.since > PROBE:  # else one of many requests that fail together
            trouble.penalty = min(2 * trouble.penalty, LONGEST)
            self._tell(hop, what, trouble.penalty)
        trouble.since = now
        trouble.until = max(trouble.until, now + trouble.penalty)

    def overloaded(self, hop: NextHop, retry_after: float, now: float) -> None:
        """It answered 503; `retry_after` seconds were asked for, 0 if none were said."""
        pause = min(retry_after or OVERLOADED, LONGEST_RETRY)
        if not self.troubled(hop, now):
            self._tell(hop, "overloaded", pause)
        self._remember(hop, Trouble(now + pause, FIRST, now))

    def heard(self, hop: NextHop) -> None:
        """It answered: all is well."""
        if self._troubles and self._troubles.pop(_key(hop), None) is not None:
            self._tell(hop, "recovered", 0.0)

    def avoided(self, hop: NextHop, now: float) -> bool:
        """True if others come first. False once it is to be probed, for whom asks first."""
        if not self._troubles:
            return False
        trouble = self._troubles.get(_key(hop))
        if trouble is None:
            return False
        if trouble.until > now:
            return True
        trouble.until = now + PROBE
        return False

    def troubled(self, hop: NextHop, now: float) -> bool:
        """As `avoided`, for a request that hears no answer and so cannot probe."""
        trouble = self._troubles.get(_key(hop))
        return trouble is not None and trouble.until > now

    def count(self, now: float) -> int:
        """How many are tried after all others now. Those whose time is over wait for a probe, maybe
        for ever: nobody may want them any more."""
        return sum(trouble.until > now for trouble in self._troubles.values())

    def troubles(self) -> Iterator[tuple[Key, Trouble]]:
        """All of them: where they are, and what is known."""
        yield from self._troubles.items()

    def _remember(self, hop: NextHop, trouble: Trouble) -> None:
        self._troubles.pop(_key(hop), None)  # the newest is the last
        if len(self._troubles) >= MOST:
            del self._troubles[next(iter(self._troubles))]
        self._troubles[_key(hop)] = trouble


def _nobody(_hop: NextHop, _what: str, _seconds: float) -> None:
    """Nobody wants to know."""


def _key(hop: NextHop) -> Key:
    name = hop.server_name if hop.transport == "TLS" else ""
    return (hop.transport, hop.host, hop.port, name)
