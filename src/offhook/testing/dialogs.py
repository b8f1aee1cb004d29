"""Dialogs of scripted phones: what a 2xx makes of an INVITE, and requests inside (RFC 3261 12)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from offhook.message import Message, make_request, parse_uri
from offhook.message.grammar import split_commas
from offhook.transport.next_hop import NextHop, next_hop
from offhook.transport.route_set import bare_uri

__all__ = ["PhoneDialog", "callee_dialog", "caller_dialog", "cseq_of", "tag_of", "way_of"]


@dataclass(slots=True)
class PhoneDialog:
    """One dialog of a phone. `ended` says by whom, "" while it lasts."""

    call_id: str
    local: str  # From or To value of ours, with tag
    remote: str
    target: str  # Contact URI of the other side
    routes: Sequence[str]
    cseq: int = 1
    ended: str = ""
    confirmed: bool = False  # the callee has its ACK
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> tuple[str, str, str]:
        """Call-ID, own tag, remote tag: a forked call has several of one own tag."""
        return self.call_id, tag_of(self.local), tag_of(self.remote)

    def request(self, method: str, *, cseq: int = 0) -> Message:
        """A request inside the dialog, without a Via (RFC 3261 12.2.1.1)."""
        if not cseq:
            self.cseq += 1
        message = make_request(
            method,
            self.target,
            via=(),
            from_=self.local,
            to=self.remote,
            call_id=self.call_id,
            cseq=cseq or self.cseq,
        )
        for route in self.routes:
            message.add("route", route)
        return message

    def end(self, who: str) -> None:
        """The dialog is over."""
        if not self.ended:
            self.ended = who
            self.over.set()


def caller_dialog(invite: Message, response: Message) -> PhoneDialog:
    """The dialog of a 2xx as the caller sees it, its route set turned around (RFC 3261 12.1.2)."""
    return PhoneDialog(
        call_id=invite.get("call-id") or "",
        local=invite.get("from") or "",
        remote=response.get("to") or "",
        target=bare_uri(response.get("contact") or ""),
        routes=_values(response)[::-1],
        cseq=cseq_of(invite),
    )


def callee_dialog(invite: Message, tag: str) -> PhoneDialog:
    """The dialog of a 2xx as the callee sees it (RFC 3261 12.1.1)."""
    to = invite.get("to") or ""
    return PhoneDialog(
        call_id=invite.core().call_id,
        local=to if invite.core().to_tag else f"{to};tag={tag}",
        remote=invite.get("from") or "",
        target=bare_uri(invite.get("contact") or ""),
        routes=_values(invite),
    )


def way_of(message: Message) -> NextHop:
    """Where a request goes by its route set and Request-URI."""
    route = message.get("route")
    return next_hop(parse_uri(bare_uri(route) if route else message.uri))


def cseq_of(message: Message) -> int:
    """The CSeq number of a message that may have no Via yet."""
    return int((message.get("cseq") or "0").partition(" ")[0])


def tag_of(value: str) -> str:
    """The tag of a From or To value."""
    return value.partition(";tag=")[2].partition(";")[0]


def _values(message: Message) -> list[str]:
    return [value for line in message.get_all("record-route") for value in split_commas(line)]
