"""From octets to a message: start line, index of header lines, body (RFC 3261 7, 18.3).

Refuses only what cannot be answered or used at all; every other fault is kept in the message and
found by `validate`.
"""

from __future__ import annotations

import re

from offhook.errors import MessageError
from offhook.message import limits
from offhook.message.lines import split_head
from offhook.message.message import Message
from offhook.message.names import SPELLINGS, canonical

__all__ = ["parse"]

_STATUS_LINE = re.compile(
    r"([Ss][Ii][Pp]/[0-9]{1,3}\.[0-9]{1,3}) ([0-9]{3})(?: (.*))?\Z", re.DOTALL
)
_VERSION = re.compile(r"[Ss][Ii][Pp]/[0-9]{1,3}\.[0-9]{1,3}\Z")
_METHOD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,128}\Z")
_HEAD = limits.DATAGRAM + 4
_METHODS = frozenset({"ACK", "BYE", "CANCEL", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "REGISTER"})
_STATUSES = {str(status): status for status in range(100, 700)}
_OCTETS = {str(count): count for count in range(1024)}


def parse(data: bytes) -> Message:
    """The message in one datagram, or in the octets that a StreamFramer cut out.

    Octets after Content-Length are ignored; CRLFs before the message are skipped. Raises
    MessageError if there is no recognisable start line or the head is too large.
    """
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261 7.5
    lines, start, fault = split_head(data)
    if start > _HEAD:
        raise MessageError(513, "Message Too Large")
    first = lines.pop(0)
    if len(lines) > limits.HEADER_LINES:
        del lines[limits.HEADER_LINES :]
        fault = "Too Many Header Lines"
    message = Message()
    message.fault = _read_start(message, first) or fault
    _index(message, lines)
    message.body = message.received_body = body = data[start:]
    if "content-length" in message.index:
        length = message.index["content-length"]
        if _OCTETS.get(length) != len(body):
            _cut_body(message, length)
    return message


def _index(message: Message, lines: list[str]) -> None:
    """Fill the index; the loop that every header line of every message goes through."""
    index = message.index
    names = SPELLINGS
    for line in lines:
        raw, _, value = line.partition(": ")
        if value and raw in names:
            key = names[raw]
        else:
            if line[:1] in (" ", "\t", ""):
                _index_folded(message, lines)
                return
            raw, colon, value = line.partition(":")
            key = canonical(raw) if colon else ""
            value = value.strip(" \t")
        if key in index:
            message.repeated = [*message.repeated, key]
        else:
            index[key] = value
    message.lines = lines


def _index_folded(message: Message, lines: list[str]) -> None:
    """Index a head with folded lines anew: raw lines keep their folds (RFC 3261 7.3.1)."""
    joined: list[list[str]] = []
    for line in lines:
        if line[:1] not in (" ", "\t"):
            joined.append([line])
        elif joined:
            joined[-1].append(line)
        else:
            message.fault = "Bad Request Line"  # the start line cannot be folded
    message.lines = ["\r\n".join(parts) for parts in joined]
    message.rebuild_index()


def _read_start(message: Message, line: str) -> str:
    """Read the start line; the fault found, if it can be answered."""
    if line[:8] == "SIP/2.0 " and line[8:11] in _STATUSES and line[11:12] == " ":
        message.is_request = False
        message.status = _STATUSES[line[8:11]]
        message.reason = line[12:]
        return ""
    parts = line.split(" ")
    if len(parts) == 3 and parts[2] == "SIP/2.0":
        method = parts[0]
        if method in _METHODS or _METHOD.match(method) is not None:
            message.method = method
            message.uri = parts[1]
            return ""
    if line[:4].upper() == "SIP/":
        _read_status_line(message, line)
        return ""
    return _read_odd_start(message, line)


def _read_status_line(message: Message, line: str) -> None:
    match = _STATUS_LINE.match(line)
    if match is None:
        raise MessageError(400, "Bad Status Line")
    message.is_request = False
    message.version = match[1].upper()
    message.status = int(match[2])
    message.reason = match[3] or ""


def _read_odd_start(message: Message, line: str) -> str:
    """Read a request line that is not of the usual form."""
    trimmed = line.strip(" \t")
    method, _, rest = trimmed.partition(" ")
    uri, _, version = rest.rpartition(" ")
    uri = uri.strip(" \t")
    if _METHOD.match(method) is None or _VERSION.match(version) is None or not uri:
        raise MessageError(400, "Bad Request Line")
    message.method = method
    message.uri = uri
    message.version = version.upper()
    if line != f"{method} {uri} {version}" or " " in uri or "\t" in uri:
        return "Bad Request Line"  # RFC 3261 7.1: exactly one space between the parts
    return ""


def _cut_body(message: Message, length: str) -> None:
    """Apply a Content-Length that differs from the octets at hand (RFC 3261 18.3)."""
    digits = length.strip(" \t")
    if not (digits.isdecimal() and digits.isascii() and len(digits) <= 10):
        message.fault = message.fault or "Bad Content-Length"
    elif int(digits) <= len(message.body):
        message.body = message.body[: int(digits)]
    else:
        message.fault = message.fault or "Truncated Body"
