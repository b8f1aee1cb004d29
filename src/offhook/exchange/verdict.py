"""What authentication may say besides an immediate answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from offhook.engine.incoming import OwnReply

__all__ = ["Delayed", "Pending"]


class Pending(Enum):
    """The account has to be looked up first."""

    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Delayed:
    """An answer that a guesser has to wait for; None for one that gets none at all."""

    reply: OwnReply | None
    seconds: float
