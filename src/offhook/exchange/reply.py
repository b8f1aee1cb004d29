"""A final answer of our own, as a plain value that a handler returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offhook.errors import UsageError
from offhook.message.status import reason_for

__all__ = ["Reply"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A final answer of our own: `status` 200-699, header values by name (a list for several
    lines), and a body with its Content-Type.

    Raises UsageError for a status outside 200-699 or a body without a Content-Type.
    """

    status: int
    reason: str = ""  # the standard phrase if empty
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 699:
            raise UsageError(f"Reply({self.status}): a final status is 200-699")
        if self.body and not any(name.lower() == "content-type" for name in self.headers):
            raise UsageError("Reply: a body needs a Content-Type header")

    @property
    def phrase(self) -> str:
        """The reason phrase that is sent."""
        return self.reason or reason_for(self.status)

    def lines(self) -> list[tuple[str, str]]:
        """The header lines, one for each value."""
        found: list[tuple[str, str]] = []
        for name, value in self.headers.items():
            for each in [value] if isinstance(value, str) else value:
                if any(mark in each or mark in name for mark in "\r\n\0"):
                    raise UsageError(f"Reply: the value of {name} must be one line")
                found.append((name, each))
        return found
