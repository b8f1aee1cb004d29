"""A bounded memory of flows: the recently used are kept, at the cost of one dict look-up.

Two generations: when the young one is full it becomes the old one, and the old one is forgotten. A
flow found in the old generation moves to the young. So between `limit` and twice `limit` flows are
remembered, and a flood of spoofed sources forgets the idle flows first; whoever still holds a
forgotten flow can go on sending on it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["FlowMemory"]

F = TypeVar("F")


class FlowMemory(Generic[F]):
    """Flows by what a socket tells of a datagram. `young` is read directly on the hot path."""

    __slots__ = ("_limit", "_old", "young")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._old: dict[Hashable, F] = {}
        self.young: dict[Hashable, F] = {}

    def get(self, key: Hashable) -> F | None:
        """The remembered flow, which is then young again."""
        flow = self.young.get(key)
        if flow is None:
            flow = self._old.get(key)
            if flow is not None:
                self.add(key, flow)
        return flow

    def add(self, key: Hashable, flow: F) -> F:
        """Remember `flow`; returns it. `young` may be another dict afterwards."""
        if len(self.young) >= self._limit:
            self._old, self.young = self.young, {}
        self.young[key] = flow
        return flow

    def __len__(self) -> int:
        return len(self.young | self._old)
