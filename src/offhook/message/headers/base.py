"""What a typed header is: a name, a label for faults, and a reader from value lines to a value.

A new header is a `HeaderType` in a file of its own, or one line in the file of its kind; nothing
else needs to know it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from offhook.errors import MessageError, UriError
from offhook.message import limits
from offhook.message.grammar import GrammarError, split_commas

__all__ = ["HeaderType", "each", "optional"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeaderType(Generic[T]):
    """One header with the type of its value."""

    name: str  # canonical: lower case and long
    label: str  # as it is written in faults
    convert: Callable[
        [list[str]], T
    ]  # value lines, trimmed and unfolded, [] if the header is absent

    def read(self, lines: list[str]) -> T:
        """The value of these lines. Raises MessageError (400) if they are malformed."""
        try:
            return self.convert(lines)
        except GrammarError as fault:
            raise MessageError(400, f"Bad {self.label}: {fault.reason}") from None
        except UriError as fault:
            raise MessageError(
                400, f"Bad {self.label}: {fault.reason.removeprefix('Bad URI: ')}"
            ) from None


def each(read: Callable[[str], T]) -> Callable[[list[str]], list[T]]:
    """A reader of comma lists over any number of lines (RFC 3261 7.3.1); an absent header is an
    empty list."""

    def convert(lines: list[str]) -> list[T]:
        values = [value for line in lines for value in split_commas(line)]
        if len(values) > limits.LIST_VALUES:
            raise GrammarError("too many values")
        return [read(value) for value in values]

    return convert


def optional(read: Callable[[str], T]) -> Callable[[list[str]], T | None]:
    """A reader of a header with one value; an absent header is None, a repeated one is
    malformed."""

    def convert(lines: list[str]) -> T | None:
        if not lines:
            return None
        if len(lines) > 1:
            raise GrammarError("more than one")
        return read(lines[0])

    return convert
