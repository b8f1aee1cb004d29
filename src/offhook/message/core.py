"""The core values of a message: a fast way for the usual spellings, a careful one that names what
is wrong.

The expressions of the fast way prove that a value is well-formed in the same match that takes it
apart, so that validation need not look again (RFC 3261 8.1.1, 20.10, 20.16, 20.20, 20.22, 20.34,
20.42). Values that came lately are remembered: From and To return six times in a call.
"""

from __future__ import annotations

import re
from functools import lru_cache

from offhook.errors import MessageError
from offhook.message import limits
from offhook.message.grammar import GrammarError, is_token, number, read_host, split_commas
from offhook.message.headers.address import read_name_addr
from offhook.message.headers.via import read_via
from offhook.message.interface import Core

__all__ = ["is_plain_address", "read_core", "response_key"]

_VIA = re.compile(
    r"SIP/2\.0/([A-Z]{2,4}) ([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?"
    r"((?:;rport(?:=[0-9]{1,5})?|;received=[0-9A-Fa-f.:]+|;alias)*)"
    r";branch=([A-Za-z0-9\-.!%*_+`'~=]+)"
    r"((?:;rport(?:=[0-9]{1,5})?|;received=[0-9A-Fa-f.:]+|;alias)*)(?=,|\Z)"
)
_ADDRESS = re.compile(
    r"""(?:"[^"\\\x00-\x1f\x7f]*"[ ]?|[A-Za-z0-9\-.!%*_+`'~]+[ ])?"""
    r"<sips?:(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#]+@)?(?:[A-Za-z0-9_][A-Za-z0-9_-]*)(?:\.[A-Za-z0-9_-]+)*"
    r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(?:;transport=[A-Za-z]+)?(?:;lr)?>(?:;tag=([A-Za-z0-9\-.!%*_+`'~=]+))?\Z"
)
_CSEQ = re.compile(r"([0-9]{1,9}) ([A-Z]{1,32})\Z")
_MANDATORY = (
    ("via", "Via"),
    ("from", "From"),
    ("to", "To"),
    ("call-id", "Call-ID"),
    ("cseq", "CSeq"),
)  # RFC 3261 8.1.1
_CACHED = limits.CACHED_TEXT
_HOPS = {str(hops): hops for hops in range(limits.HOPS + 1)}


def read_core(index: dict[str, str]) -> Core:
    """The core values from the first values of each header. Raises MessageError (400) on the first
    fault."""
    try:
        via = index["via"]
        sender = index["from"]
        recipient = index["to"]
        call_id = index["call-id"]
        sequence = index["cseq"]
    except KeyError:
        raise _missing(index) from None
    match = _VIA.match(via)
    if match is None:
        top = _careful_via(via)
    else:
        transport, host, port, before, branch, after = match.groups()
        top = (branch, host, port, transport, "rport" in before or "rport" in after)
    branch, host, port, transport, rport = top
    sent_by_host = _remembered_host(host) if len(host) < _CACHED else _read_host(host)
    sent_by_port = 0
    if port is not None:
        sent_by_port = int(port)
        if not 0 < sent_by_port < 65536:
            raise MessageError(400, "Bad Via: bad port")
    if not call_id or not call_id.isprintable() or " " in call_id:
        call_id = _careful_call_id(call_id)
    cseq, method = _read_cseq(sequence)
    hops = 70  # RFC 3261 16.6 step 3
    if "max-forwards" in index:
        value = index["max-forwards"]
        hops = _HOPS[value] if value in _HOPS else _careful_hops(value)
    return Core(
        branch,
        sent_by_host,
        sent_by_port,
        transport,
        rport,
        call_id,
        cseq,
        method,
        _remembered_tag(sender, "From") if len(sender) < _CACHED else _address_tag(sender, "From"),
        _remembered_tag(recipient, "To")
        if len(recipient) < _CACHED
        else _address_tag(recipient, "To"),
        hops,
        _top_route(index["route"]) if "route" in index else "",
    )


_BRANCH = re.compile(r";branch=([A-Za-z0-9\-.!%*_+`'~=]+)")


def response_key(index: dict[str, str]) -> tuple[str, str]:
    """What finds the client transaction of a response: branch and CSeq method (RFC 3261 17.1.3).

    Cheaper than the whole core; the branch is one that we wrote, so nothing but its usual form can
    match. ("", "") if either is missing or malformed.
    """
    match = _BRANCH.search(index.get("via", ""))
    if match is None or "cseq" not in index:
        return "", ""
    try:
        return match[1], _read_cseq(index["cseq"])[1]
    except MessageError:
        return "", ""


def _read_host(host: str) -> str:
    try:
        return read_host(host)
    except GrammarError:
        raise MessageError(400, "Bad Via: bad host") from None


_remembered_host = lru_cache(maxsize=limits.ADDRESS_CACHE)(_read_host)


def _missing(index: dict[str, str]) -> MessageError:
    for name, label in _MANDATORY:
        if name not in index:
            return MessageError(400, f"Missing {label}")
    raise AssertionError("no mandatory header is missing")


def _careful_via(value: str) -> tuple[str, str, str | None, str, bool]:
    try:
        via = read_via((split_commas(value) or [""])[0])
    except GrammarError as fault:
        raise MessageError(400, f"Bad Via: {fault.reason}") from None
    host = f"[{via.host}]" if ":" in via.host else via.host
    port = None if via.port is None else str(via.port)
    return via.branch, host, port, via.transport, "rport" in via.parameters


def _careful_call_id(value: str) -> str:
    trimmed = value.strip(" \t")
    if not trimmed or not trimmed.isprintable() or " " in trimmed:
        raise MessageError(400, "Bad Call-ID")
    return trimmed


@lru_cache(maxsize=limits.ADDRESS_CACHE)  # a fault is not remembered, so no long text is
def _read_cseq(value: str) -> tuple[int, str]:
    match = _CSEQ.match(value)
    if match is not None:
        return int(match[1]), match[2]
    parts = value.split()
    if len(value) > limits.CACHED_TEXT or len(parts) != 2 or not is_token(parts[1]):
        raise MessageError(400, "Bad CSeq")
    try:
        return number(parts[0], limits.CSEQ, "number"), parts[1]
    except GrammarError as fault:
        raise MessageError(400, f"Bad CSeq: {fault.reason}") from None


def _careful_hops(value: str) -> int:
    try:
        return number(value.strip(" \t"), limits.HOPS)
    except GrammarError:
        raise MessageError(400, "Bad Max-Forwards") from None


def _address_tag(value: str, label: str) -> str:
    match = _ADDRESS.match(value)
    if match is not None:
        return match[1] or ""
    try:
        return read_name_addr(value.strip(" \t")).parameters.text("tag")
    except GrammarError as fault:
        raise MessageError(400, f"Bad {label}: {fault.reason}") from None


_remembered_tag = lru_cache(maxsize=limits.ADDRESS_CACHE)(_address_tag)


def is_plain_address(value: str) -> bool:
    """True if the fast way proves that this is one SIP address of the usual form, without
    parameters but a tag."""
    return _ADDRESS.match(value) is not None


def _top_route(value: str) -> str:
    if value[:1] == "<":
        end = value.find(">")
        if end > 0:
            return value[1:end]
    try:
        return read_name_addr((split_commas(value) or [""])[0]).uri.text
    except GrammarError as fault:
        raise MessageError(400, f"Bad Route: {fault.reason}") from None
