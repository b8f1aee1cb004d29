"""Scanning the basic rules of RFC 3261 25.1: tokens, quoted strings, hosts, parameters, lists.

Every function walks its text once: no expression here can match the same characters in two ways.
Faults raise `GrammarError`, which the readers of headers and URIs turn into a MessageError or
UriError that names what was wrong.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from offhook.errors import MessageError
from offhook.message import limits

__all__ = [
    "GrammarError",
    "canonical_host",
    "host_and_port",
    "is_token",
    "number",
    "parameter_items",
    "quote",
    "read_host",
    "split_commas",
    "split_parameters",
    "unquote",
]

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NAME = re.compile(r"[ \t]*([A-Za-z0-9\-.!%*_+`'~]+)[ \t]*")
_PLAIN_VALUE = re.compile(r'[^\x00-\x20\x7f;,"<>\\]+')
_LIST_MARK = re.compile(r'[,"<]')
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NUMERIC_NAME = re.compile(r"(?:.*\.)?[0-9]+\.?")
_IPV6_TEXT = re.compile(r"[0-9A-Fa-f:.]{2,45}")


class GrammarError(MessageError):
    """A text does not follow its rule; `reason` says which part. Readers put its header's name
    before it."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, reason)


def is_token(text: str) -> bool:
    """True for a token."""
    return _TOKEN.fullmatch(text) is not None


def number(text: str, highest: int, what: str = "number") -> int:
    """A number made of ASCII digits alone, not above `highest`. Leading zeros are allowed (RFC 4475
    3.1.1.1)."""
    if not (text.isdecimal() and text.isascii()):
        raise GrammarError(f"{what} is not a number")
    digits = text.lstrip("0")
    if len(digits) > 20 or (value := int(digits or "0")) > highest:
        raise GrammarError(f"{what} is too large")
    return value


def unquote(text: str) -> str:
    """The content of a quoted string, escapes resolved; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL) if "\\" in inner else inner


def quote(text: str) -> str:
    """A quoted string with this content."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def end_of_quoted(text: str, start: int) -> int:
    """Where the quoted string that opens at `start` has ended."""
    match = _QUOTED.match(text, start)
    if match is None:
        raise GrammarError("unbalanced quote")
    return match.end()


def split_commas(text: str) -> list[str]:
    """The values of a comma list, trimmed. Commas inside quotes and angle brackets do not separate;
    empty values are dropped."""
    if "," not in text:
        trimmed = text.strip(" \t")
        return [trimmed] if trimmed else []
    values: list[str] = []
    start = position = 0
    while (mark := _LIST_MARK.search(text, position)) is not None:
        position = mark.end()
        if mark[0] == '"':
            position = end_of_quoted(text, mark.start())
        elif mark[0] == "<":
            position = text.find(">", position) + 1
            if not position:
                raise GrammarError("unbalanced angle bracket")
        else:
            values.append(text[start : position - 1].strip(" \t"))
            start = position
    values.append(text[start:].strip(" \t"))
    if len(values) > limits.LIST_VALUES:
        raise GrammarError("too many values")
    return [value for value in values if value]


def parameter_items(text: str, start: int = 0) -> list[tuple[str, str | None]]:
    """The pairs of `;name=value;name` from `start` to the end of the text, quotes kept (RFC 3261
    7.3.1)."""
    items: list[tuple[str, str | None]] = []
    seen: set[str] = set()
    position = start
    while position < len(text):
        if text[position] != ";":
            if text[position] not in " \t":
                raise GrammarError("unexpected text before a parameter")
            position += 1
            continue
        name, value, position = _one_parameter(text, position + 1)
        lowered = name.lower()
        if lowered in seen:  # RFC 3261 7.3.1: a parameter name at most once
            raise GrammarError(f"parameter {name} twice")
        seen.add(lowered)
        items.append((name, value))
        if len(items) > limits.PARAMETERS:
            raise GrammarError("too many parameters")
    return items


def _one_parameter(text: str, start: int) -> tuple[str, str | None, int]:
    match = _NAME.match(text, start)
    if match is None:
        raise GrammarError("empty parameter")
    position = match.end()
    if position >= len(text) or text[position] != "=":
        return match[1], None, position
    position += 1
    while position < len(text) and text[position] in " \t":
        position += 1
    if text[position : position + 1] == '"':
        end = end_of_quoted(text, position)
    else:
        plain = _PLAIN_VALUE.match(text, position)
        if plain is None:
            raise GrammarError(f"parameter {match[1]} without its value")
        end = plain.end()
    return match[1], text[position:end], end


def split_parameters(text: str) -> tuple[str, list[tuple[str, str | None]]]:
    """The part before the first semicolon, trimmed, and the parameters after it."""
    semicolon = text.find(";")
    if semicolon < 0:
        return text.strip(" \t"), []
    return text[:semicolon].strip(" \t"), parameter_items(text, semicolon)


@lru_cache(maxsize=limits.ADDRESS_CACHE)  # a fault is not remembered, so no long text is
def read_host(text: str) -> str:
    """A host as it is kept: lower case, an IPv6 reference without its brackets (RFC 3261 25.1, RFC
    5954 4.1)."""
    if text[:1] == "[":
        return _read_ipv6(text)
    if len(text) > 255 or _HOST_NAME.fullmatch(text) is None or ".." in text:
        raise GrammarError("bad host")
    lowered = text.lower()
    if _NUMERIC_NAME.fullmatch(lowered) is not None:
        try:
            ipaddress.IPv4Address(lowered)
        except ValueError:
            raise GrammarError("bad IPv4 address") from None
    return lowered


def _read_ipv6(text: str) -> str:
    inner = (
        text[1:-1].lower().replace(":::", "::")
    )  # the ABNF of RFC 3261 allowed one colon too many (RFC 5118 4.10)
    if text[-1:] != "]" or _IPV6_TEXT.fullmatch(inner) is None:
        raise GrammarError("bad IPv6 reference")
    try:
        ipaddress.IPv6Address(inner)
    except ValueError:
        raise GrammarError("bad IPv6 address") from None
    return inner


def canonical_host(host: str) -> str:
    """A host as it is compared: IPv6 addresses by value (RFC 5954 4.2), names without a final
    dot."""
    if ":" not in host:
        return host.rstrip(".")
    try:
        return ipaddress.IPv6Address(host).compressed
    except ValueError:
        return host


def host_and_port(text: str) -> tuple[str, int | None]:
    """`host` or `host:port` with the port in 1..65535; white space around the colon is allowed (RFC
    3261 25.1, sent-by)."""
    if text[:1] == "[":
        host, bracket, rest = text.partition("]")
        host += bracket
    else:
        colon = text.find(":")
        host, rest = (text, "") if colon < 0 else (text[:colon], text[colon:])
    rest = rest.strip(" \t")
    if not rest:
        return read_host(host.rstrip(" \t")), None
    if rest[0] != ":":
        raise GrammarError("unexpected text after the host")
    port = number(rest[1:].strip(" \t"), 65535, "port")
    if not port:
        raise GrammarError("port is zero")
    return read_host(host.rstrip(" \t")), port
