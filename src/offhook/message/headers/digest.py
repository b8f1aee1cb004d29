"""Digest headers as a scheme and its parameters (RFC 3261 20.7, 20.27, 20.28, 20.44, 22.4, RFC
7616, RFC 8760).

What the parameters mean is left to `auth`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.message import limits
from offhook.message.grammar import GrammarError, end_of_quoted, unquote
from offhook.message.headers.base import HeaderType

__all__ = [
    "AUTHENTICATION_INFO",
    "AUTHORIZATION",
    "PROXY_AUTHENTICATE",
    "PROXY_AUTHORIZATION",
    "WWW_AUTHENTICATE",
    "Credentials",
]

_SCHEME = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)(?:[ \t]+|\Z)")
_NAME = re.compile(r"[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*=[ \t]*")
_PLAIN = re.compile(r'[^\x00-\x20\x7f,"\\]+')
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)+|[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class Credentials:
    """One challenge or one set of credentials: values without quotes under names in lower case."""

    scheme: str  # as received
    parameters: dict[str, str]

    def get(self, name: str) -> str:
        """The value of a parameter, "" if absent."""
        return self.parameters.get(name, "")


def read_pairs(text: str, start: int = 0) -> dict[str, str]:
    """Comma separated `name=value` pairs from `start` on. Raises GrammarError."""
    pairs: dict[str, str] = {}
    position = start
    while position < len(text):
        match = _NAME.match(text, position)
        if match is None:
            raise GrammarError("not a list of parameters")
        position = match.end()
        if text[position : position + 1] == '"':
            end = end_of_quoted(text, position)
        else:
            plain = _PLAIN.match(text, position)
            end = position if plain is None else plain.end()
        name = match[1].lower()
        if name in pairs:
            raise GrammarError(f"parameter {name} twice")
        pairs[name] = unquote(text[position:end])
        if len(pairs) > limits.PARAMETERS:
            raise GrammarError("too many parameters")
        separator = _SEPARATOR.match(text, end)
        if separator is None:
            raise GrammarError("no comma between parameters")
        position = separator.end()
    return pairs


def _read_credentials(value: str) -> Credentials:
    match = _SCHEME.match(value)
    if match is None:
        raise GrammarError("no scheme")
    return Credentials(match[1], read_pairs(value, match.end()))


def _each_line(lines: list[str]) -> list[Credentials]:
    return [
        _read_credentials(line) for line in lines
    ]  # RFC 3261 7.3.1: these headers are never joined by commas


def _read_info(lines: list[str]) -> dict[str, str]:
    return read_pairs(lines[0]) if lines else {}


WWW_AUTHENTICATE: HeaderType[list[Credentials]] = HeaderType(
    "www-authenticate", "WWW-Authenticate", _each_line
)
PROXY_AUTHENTICATE: HeaderType[list[Credentials]] = HeaderType(
    "proxy-authenticate", "Proxy-Authenticate", _each_line
)
AUTHORIZATION: HeaderType[list[Credentials]] = HeaderType(
    "authorization", "Authorization", _each_line
)
PROXY_AUTHORIZATION: HeaderType[list[Credentials]] = HeaderType(
    "proxy-authorization", "Proxy-Authorization", _each_line
)
AUTHENTICATION_INFO: HeaderType[dict[str, str]] = HeaderType(
    "authentication-info", "Authentication-Info", _read_info
)
