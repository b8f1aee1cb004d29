"""What is asked of the DNS and what it answers: plain values, whoever asks (RFC 2782, RFC 3403, RFC
1035, RFC 3596)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["NOTHING", "Answer", "Kind", "Naptr", "Question", "Srv"]


class Kind(IntEnum):
    """What a question is for."""

    ADDRESSES = 1  # A and AAAA together
    SRV = 2
    NAPTR = 3


@dataclass(frozen=True, slots=True)
class Question:
    """One name and what to find out about it."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Srv:
    """One server of a service (RFC 2782). `target` "" stands for the root: no such service."""

    priority: int
    weight: int
    port: int
    target: str  # without its final dot


@dataclass(frozen=True, slots=True)
class Naptr:
    """One way on (RFC 3403 4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str  # without its final dot
    regexp: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known now: records of the kind that was asked for, none if there are none in time."""

    addresses: tuple[str, ...] = ()  # literal, IPv4 first
    srv: tuple[Srv, ...] = ()
    naptr: tuple[Naptr, ...] = ()


NOTHING = Answer()
