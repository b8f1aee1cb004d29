"""Percent escapes in URIs (RFC 3261 19.1.2, RFC 2396 2.4): reading, writing and the form in which
two texts compare."""

from __future__ import annotations

import re

__all__ = ["UNRESERVED", "USER_PLAIN", "comparable", "escape", "unescape", "well_escaped"]

_LETTERS_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
UNRESERVED = frozenset(_LETTERS_DIGITS + "-_.!~*'()")
USER_PLAIN = UNRESERVED | frozenset("&=+$,;?/")
"""Characters that a user part may hold unescaped."""

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")


def well_escaped(text: str) -> bool:
    """True if every percent sign opens an escape."""
    return _STRAY.search(text) is None


def unescape(text: str) -> str:
    """The text with all escapes resolved, as UTF-8; octets that are no UTF-8 become lone
    surrogates."""
    if "%" not in text:
        return text
    octets = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda match: bytes([int(match[1], 16)]),
        text.encode("utf-8", "surrogateescape"),
    )
    return octets.decode("utf-8", "surrogateescape")


def escape(text: str, plain: frozenset[str] = USER_PLAIN) -> str:
    """The text with every character outside `plain` escaped."""
    if plain.issuperset(text):
        return text
    return "".join(
        [
            character
            if character in plain
            else "".join(
                [f"%{octet:02X}" for octet in character.encode("utf-8", "surrogateescape")]
            )
            for character in text
        ]
    )


def comparable(text: str, plain: frozenset[str] = UNRESERVED) -> str:
    """The text with escapes of `plain` characters resolved and all others in upper case (RFC 3261
    19.1.4)."""
    if "%" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in plain else match[0].upper()

    return _ESCAPE.sub(one, text)
