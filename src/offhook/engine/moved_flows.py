"""Where the phone of a datagram flow is now: calls in progress follow a phone to its next address.

A dialog remembers the flow that its phone had (the route token, which is sealed for the life of the
dialog). A NAT that forgets a mapping, and a phone that changes networks, make that flow another
one. The registrar learns it first; what is sent by the old flow then goes by the new one. It ends
when somebody is heard by the old flow again: the mapping may be another phone's by now.
"""

from __future__ import annotations

__all__ = ["MovedFlows"]

REMEMBERED = 20_000  # moves; the oldest are forgotten first
MOST_MOVES = 8  # of one phone that are followed


class MovedFlows:
    """Names of flows by the names that they had before."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # empty as a rule: looked at for every datagram

    def __len__(self) -> int:
        return len(self.names)

    def move(self, old: str, new: str) -> None:
        """The phone that was reached by `old` is reached by `new` from now on."""
        names = self.names
        names.pop(new, None)
        names.pop(old, None)
        if old == new:
            return
        if len(names) >= REMEMBERED:
            del names[next(iter(names))]
        names[old] = new

    def heard(self, name: str) -> None:
        """Somebody is there."""
        self.names.pop(name, None)

    def now(self, name: str) -> str:
        """The flow that stands for `name` now: itself as a rule."""
        for _ in range(MOST_MOVES):
            further = self.names.get(name)
            if further is None:
                break
            name = further
        return name
