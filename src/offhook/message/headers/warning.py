"""Warning: a code, who says it, and a text (RFC 3261 20.43)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.message.grammar import GrammarError, quote, unquote
from offhook.message.headers.base import HeaderType, each

__all__ = ["WARNING", "Warning"]

_WARNING = re.compile(r'([0-9]{3})[ \t]+([^ \t",]+)[ \t]+("[^"\\]*(?:\\.[^"\\]*)*")\Z', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Warning:
    """One warning: code 300-399, host or pseudonym, text without quotes."""

    code: int
    agent: str
    text: str

    def __str__(self) -> str:
        return f"{self.code:03} {self.agent} {quote(self.text)}"


def _read_warning(value: str) -> Warning:
    match = _WARNING.match(value)
    if match is None:
        raise GrammarError("not a code, an agent and a text")
    return Warning(int(match[1]), match[2], unquote(match[3]))


WARNING: HeaderType[list[Warning]] = HeaderType("warning", "Warning", each(_read_warning))
