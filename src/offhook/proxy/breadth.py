"""Max-Breadth: how many branches a request may have at a time, here and further down (RFC 5393 5).

A request may ring in `MAX_BREADTH` places at most; forking in parallel divides what it has, a
branch that has ended gives its part back.
"""

from __future__ import annotations

from offhook.errors import MessageError
from offhook.message.message import Message

__all__ = ["MAX_BREADTH", "breadth_of", "shares", "whole_breadth"]

MAX_BREADTH = 60  # RFC 5393 5.3.3


def breadth_of(message: Message) -> int:
    """What a request may still divide. Raises MessageError (400) if it says something else than a
    positive number."""
    if "max-breadth" not in message.index:
        return MAX_BREADTH
    text = message.index["max-breadth"].strip(" \t")
    if not text.isascii() or not text.isdigit() or int(text[:9]) == 0:
        raise MessageError(400, "Bad Max-Breadth")
    return min(int(text[:9]), MAX_BREADTH)


def whole_breadth(message: Message) -> int:
    """As `breadth_of`; for an ACK, which nobody can refuse."""
    try:
        return breadth_of(message)
    except MessageError:
        return MAX_BREADTH


def shares(available: int, wanted: int, *, reserve: bool) -> list[int]:
    """The parts of branches that start together, as many as may start. `reserve`: keep a part for
    branches that join later."""
    count = min(available, wanted)
    if count <= 0:
        return []
    parts = count + 1 if reserve and available > count else count
    each, rest = divmod(available, parts)
    if parts > count:
        return [each] * count
    return [each + 1] * rest + [each] * (count - rest)
