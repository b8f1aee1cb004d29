"""Why bindings go that nobody asked to remove: said where it is done, heard where it is told (RFC
3680 4.2).

The store does not know reasons, so one travels beside the change, with the task that makes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from offhook.errors import UsageError
from offhook.registrar.news import ENDINGS

__all__ = ["because", "ending_now"]

_ENDING: ContextVar[str] = ContextVar("ending", default="unregistered")


@contextmanager
def because(ending: str) -> Iterator[None]:
    """Bindings that go inside this block go for that reason: "deactivated" (the phone may register
    again at once), "rejected", "probation" or "unregistered". Raises UsageError for another one."""
    if ending not in ENDINGS:
        raise UsageError(f'"{ending}" ends no registration; use {", ".join(sorted(ENDINGS))}')
    token = _ENDING.set(ending)
    try:
        yield
    finally:
        _ENDING.reset(token)


def ending_now() -> str:
    """The reason for what goes now."""
    return _ENDING.get()
