"""Which of a profile's listeners a new flow uses: the one on the wanted address, else the one that
the route leads through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from offhook.transport.flow import Listener

__all__ = ["choose"]


class Bound(Protocol):
    """A socket with its listener."""

    @property
    def listener(self) -> Listener:
        """As it is bound."""


B = TypeVar("B", bound=Bound)


def choose(sockets: Sequence[B], local: str, routed: Callable[[], str]) -> B | None:
    """One of `sockets`, all of the profile, transport and IP version in question.

    `local` is the wanted local address, "" = any; then `routed` is asked, if there is a choice,
    which address the system would use. None if no socket can send from `local`.
    """
    if not local and len(sockets) == 1:
        return sockets[0]
    wanted = local or (routed() if sockets else "")
    wildcard = None
    for candidate in sockets:
        listener = candidate.listener
        if listener.host == wanted:
            return candidate
        if wildcard is None and listener.wildcard:
            wildcard = candidate
    if wildcard is None and sockets and not local:
        return sockets[0]
    return wildcard
