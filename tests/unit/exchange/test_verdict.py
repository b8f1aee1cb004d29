"""What authentication says besides an answer."""

from __future__ import annotations

from offhook.engine.incoming import OwnReply
from offhook.exchange.verdict import Delayed, Pending


def test_the_three_are_told_apart() -> None:
    """The dispatcher decides by type alone."""
    values = [OwnReply(407), Delayed(OwnReply(407), 2.0), Pending.ACCOUNT, None]
    assert len({type(value) for value in values}) == len(values)
    assert Delayed(None, 0.0) != Delayed(OwnReply(403), 0.0)
