"""A program's edits and inspections run inside the engine, which must not see what they raise.

An edit that fails ends its branch with 500: the request must not leave half edited. An inspection
that fails is logged, and the response goes on: a 2xx that is held back would lose a call.
"""

from __future__ import annotations

from collections.abc import Callable

from offhook.errors import PeerError
from offhook.message.message import Message

__all__ = ["guarded_edit", "guarded_inspection"]

Edit = Callable[[Message], None]


def guarded_edit(edit: Edit | None, call_id: str) -> Edit | None:
    """An edit that raises PeerError (500) and nothing else."""
    if edit is None:
        return None

    def run(message: Message) -> None:
        try:
            edit(message)
        except Exception as error:
            _log_failure("branch_edit_failed", call_id, error)
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
            _log_failure("reply_inspection_failed", call_id, error)

    return run


def _log_failure(event: str, call_id: str, error: Exception) -> None:
    # imported only now: structlog and what it looks for take a fifth of `import offhook`
    import structlog  # noqa: PLC0415

    structlog.get_logger().error(event, call_id=call_id, exc_info=error)
