"""A program's edits and inspections run inside the engine, which must not see what they raise.

An edit that fails ends its branch with 500: the request must not leave half edited. An inspection
that fails is logged, and the response goes on: a 2xx that is held back would lose a call.
"""

from __future__ import annotations

from collections.abc import Callable

from offhook.errors import PeerError
from offhook.exchange.late_log import LateLog
from offhook.message.message import Message

__all__ = ["guarded_edit", "guarded_inspection"]

log = LateLog()

Edit = Callable[[Message], None]


def guarded_edit(edit: Edit | None, call_id: str) -> Edit | None:
    """An edit that raises PeerError (500) and nothing else."""
    if edit is None:
        return None

    def run(message: Message) -> None:
        try:
            edit(message)
        except Exception as error:
            log.error("branch_edit_failed", call_id=call_id, exc_info=error)
            raise PeerError(500, "Branch Edit Failed") from error

    return run


def guarded_inspection(inspect: Edit | None, call_id: str) -> Edit | None:
    """An inspection that raises nothing."""
    if inspect is None:
        return None

    def run(message: Message) -> None:
        try:
            inspect(message)
        except Exception as error:
            log.error("reply_inspection_failed", call_id=call_id, exc_info=error)

    return run
