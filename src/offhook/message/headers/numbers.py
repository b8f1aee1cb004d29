"""Headers that hold a number, alone or with parameters: seconds, counts, sequences."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.message import limits
from offhook.message.grammar import (
    GrammarError,
    is_token,
    number,
    parameter_items,
    split_parameters,
)
from offhook.message.headers.base import HeaderType, optional
from offhook.message.parameters import Parameters

__all__ = [
    "CONTENT_LENGTH",
    "CSEQ",
    "EXPIRES",
    "MAX_BREADTH",
    "MAX_FORWARDS",
    "MIN_EXPIRES",
    "MIN_SE",
    "RACK",
    "RETRY_AFTER",
    "RSEQ",
    "SESSION_EXPIRES",
    "TIMESTAMP",
    "CSeq",
    "RAck",
    "RetryAfter",
    "SessionExpires",
    "read_seconds",
]


@dataclass(frozen=True, slots=True)
class CSeq:
    """A sequence number and the method it belongs to (RFC 3261 20.16)."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class RAck:
    """The provisional response that a PRACK confirms (RFC 3262 7.2)."""

    rseq: int
    cseq: int
    method: str

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """The session interval in seconds and who refreshes: "uac", "uas" or "" (RFC 4028 4)."""

    seconds: int
    refresher: str = ""

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Seconds to wait, with the comment and parameters of RFC 3261 20.33."""

    seconds: int
    comment: str
    parameters: Parameters


def read_seconds(text: str) -> int:
    """delta-seconds; more than 32 bits are read as the most that 32 bits hold (RFC 3261 20.19, RFC
    4475 3.1.2.4)."""
    digits = text.strip(" \t")
    if not (digits.isdecimal() and digits.isascii()):
        raise GrammarError("not a number of seconds")
    return limits.DELTA_SECONDS if len(digits) > 20 else min(int(digits), limits.DELTA_SECONDS)


def _read_cseq(value: str) -> CSeq:
    parts = value.split()
    if len(parts) != 2 or not is_token(parts[1]):
        raise GrammarError("not a number and a method")
    return CSeq(number(parts[0], limits.CSEQ), parts[1])


def _read_rack(value: str) -> RAck:
    parts = value.split()
    if len(parts) != 3 or not is_token(parts[2]):
        raise GrammarError("not two numbers and a method")
    return RAck(number(parts[0], limits.CSEQ), number(parts[1], limits.CSEQ), parts[2])


def _read_session_expires(value: str) -> SessionExpires:
    seconds, items = split_parameters(value)
    return SessionExpires(read_seconds(seconds), Parameters(items).text("refresher").lower())


def _read_min_se(value: str) -> int:
    return read_seconds(split_parameters(value)[0])


def _read_retry_after(value: str) -> RetryAfter:
    opening = value.find("(")
    comment = ""
    if opening >= 0:
        closing = value.rfind(")")
        if closing < opening:
            raise GrammarError("unbalanced comment")
        comment, rest = value[opening + 1 : closing], value[closing + 1 :]
        return RetryAfter(read_seconds(value[:opening]), comment, Parameters(parameter_items(rest)))
    seconds, items = split_parameters(value)
    return RetryAfter(read_seconds(seconds), "", Parameters(items))


def _read_hops(value: str) -> int:
    return number(value, limits.HOPS)


def _read_32_bits(value: str) -> int:
    return number(value, limits.CSEQ)


def _read_timestamp(value: str) -> str:
    for part in value.split():
        whole, _, fraction = part.partition(".")
        if not (f"{whole}{fraction}".isdecimal() and part.isascii()):
            raise GrammarError("not a number")
    return value


EXPIRES: HeaderType[int | None] = HeaderType("expires", "Expires", optional(read_seconds))
MIN_EXPIRES: HeaderType[int | None] = HeaderType(
    "min-expires", "Min-Expires", optional(read_seconds)
)
MAX_FORWARDS: HeaderType[int | None] = HeaderType(
    "max-forwards", "Max-Forwards", optional(_read_hops)
)
MAX_BREADTH: HeaderType[int | None] = HeaderType(
    "max-breadth", "Max-Breadth", optional(_read_32_bits)
)  # RFC 5393
CONTENT_LENGTH: HeaderType[int | None] = HeaderType(
    "content-length", "Content-Length", optional(_read_32_bits)
)
CSEQ: HeaderType[CSeq | None] = HeaderType("cseq", "CSeq", optional(_read_cseq))
RACK: HeaderType[RAck | None] = HeaderType("rack", "RAck", optional(_read_rack))  # RFC 3262
RSEQ: HeaderType[int | None] = HeaderType("rseq", "RSeq", optional(_read_32_bits))  # RFC 3262
SESSION_EXPIRES: HeaderType[SessionExpires | None] = HeaderType(
    "session-expires", "Session-Expires", optional(_read_session_expires)
)  # RFC 4028
MIN_SE: HeaderType[int | None] = HeaderType("min-se", "Min-SE", optional(_read_min_se))  # RFC 4028
RETRY_AFTER: HeaderType[RetryAfter | None] = HeaderType(
    "retry-after", "Retry-After", optional(_read_retry_after)
)
TIMESTAMP: HeaderType[str | None] = HeaderType("timestamp", "Timestamp", optional(_read_timestamp))
