"""Headers that are lists of tokens: methods, option tags, packages (RFC 3261 20.5, 20.29, 20.32,
20.37, 20.40)."""

from __future__ import annotations

from offhook.message.grammar import GrammarError, is_token
from offhook.message.headers.base import HeaderType, each

__all__ = [
    "ALLOW",
    "ALLOW_EVENTS",
    "PRIVACY",
    "PROXY_REQUIRE",
    "RECV_INFO",
    "REQUIRE",
    "SUPPORTED",
    "UNSUPPORTED",
]


def _read_token(value: str) -> str:
    if not is_token(value):
        raise GrammarError("not a token")
    return value


def _read_privacy(lines: list[str]) -> list[str]:
    return [
        _read_token(part.strip(" \t"))
        for line in lines
        for part in line.split(";")
        if part.strip(" \t")
    ]


ALLOW: HeaderType[list[str]] = HeaderType("allow", "Allow", each(_read_token))
SUPPORTED: HeaderType[list[str]] = HeaderType("supported", "Supported", each(_read_token))
REQUIRE: HeaderType[list[str]] = HeaderType("require", "Require", each(_read_token))
PROXY_REQUIRE: HeaderType[list[str]] = HeaderType(
    "proxy-require", "Proxy-Require", each(_read_token)
)
UNSUPPORTED: HeaderType[list[str]] = HeaderType("unsupported", "Unsupported", each(_read_token))
ALLOW_EVENTS: HeaderType[list[str]] = HeaderType(
    "allow-events", "Allow-Events", each(_read_token)
)  # RFC 6665
RECV_INFO: HeaderType[list[str]] = HeaderType(
    "recv-info", "Recv-Info", each(_read_token)
)  # RFC 6086
PRIVACY: HeaderType[list[str]] = HeaderType(
    "privacy", "Privacy", _read_privacy
)  # RFC 3323, separated by semicolons
