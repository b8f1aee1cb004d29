"""The hops of one destination, in the order in which one request tries them (RFC 3263 4.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from offhook.transport.next_hop import NextHop

__all__ = ["MOST_TRIES", "Hops"]

MOST_TRIES = 12  # addresses that one request tries: silent ones alone would take 48 seconds
MOST_QUESTIONS = 32  # names of servers that one request asks for: most have no address then

Avoided = Callable[[NextHop, float], bool]


class Hops:
    """Hops still to be tried. Those in trouble come last, in their order."""

    __slots__ = ("_asked", "_avoided", "_hops", "_spared", "_tries")

    def __init__(self, first: NextHop, avoided: Avoided) -> None:
        self._hops = deque((first,))
        self._spared: deque[NextHop] = deque()
        self._avoided: Avoided | None = avoided
        self._tries = 0
        self._asked = 0

    def __bool__(self) -> bool:
        return bool(self._hops or self._spared)

    @property
    def promising(self) -> bool:
        """True if any that is left is not known to be in trouble."""
        return bool(self._hops)

    def found(self, hops: Sequence[NextHop]) -> None:
        """What the hop that was taken last has led to."""
        self._hops.extendleft(reversed(hops))

    def take(self, now: float) -> NextHop | None:
        """The next one, an address or a name to be asked for; None if there is none left."""
        while self._hops:
            hop = self._hops.popleft()
            if not hop.literal:
                self._asked += 1
                if self._asked <= MOST_QUESTIONS:
                    return hop
            elif self._avoided is not None and self._avoided(hop, now):
                self._spared.append(hop)
            else:
                return self._counted(hop)
        if not self._spared:
            return None
        self._hops, self._spared, self._avoided = self._spared, self._hops, None
        return self._counted(self._hops.popleft())

    def _counted(self, hop: NextHop) -> NextHop:
        self._tries += 1
        if self._tries >= MOST_TRIES:
            self._hops.clear()
            self._spared.clear()
        return hop
