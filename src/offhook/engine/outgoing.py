"""A request of our own: it finds its way, is sent in a client transaction, and its answer becomes
an event.

A hop that is silent, refuses or is overloaded leads to the next one (RFC 3263 4.3). An INVITE waits
for timer B: a try of it that was given up might still ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.message.message import Message
from offhook.proxy.branch import GIVE_UP, retry_after
from offhook.transport.flow import Flow
from offhook.transport.hops import Hops
from offhook.transport.next_hop import NextHop
from offhook.transport.standing import Standing

__all__ = ["Outgoing", "OutgoingOwner"]


class OutgoingOwner(Protocol):
    """The engine, as an outgoing request sees it."""

    standing: Standing

    def send_outgoing(self, outgoing: Outgoing, flow: Flow, now: float) -> None:
        """Send it on this flow as a new client transaction."""

    def reach_outgoing(self, outgoing: Outgoing, hop: NextHop, now: float) -> None:
        """Find a flow to an address, or what a name leads to."""

    def abandon_outgoing(self, outgoing: Outgoing, now: float) -> None:
        """Forget the current try."""

    def start_timer(self, outgoing: Outgoing, delay: float, now: float) -> None:
        """Call `fire` after `delay` seconds."""

    def answered(self, outgoing: Outgoing, response: Message | None, now: float) -> None:
        """Tell the application."""


class Outgoing:
    """A request of the application. `status` is the last one heard, 408 or 503 if none was."""

    __slots__ = (
        "flow",
        "handle",
        "hop",
        "hops",
        "machine",
        "owner",
        "patience",
        "profile",
        "request",
        "status",
    )

    def __init__(
        self, owner: OutgoingOwner, request: Message, profile: str, handle: object
    ) -> None:
        self.owner = owner
        self.request = request
        self.profile = profile
        self.handle = handle  # the application's
        self.hops: Hops | None = None  # still to be tried, of a name
        self.hop: NextHop | None = None  # the one of them that is tried now
        self.status = 0
        self.flow: Flow | None = None  # the one it was sent on
        self.machine: object = None  # the engine's transaction of the current try
        self.patience = 0.0  # when the current try is given up

    def flow_ready(self, flow: Flow, now: float) -> None:
        """There is a way."""
        self.flow = flow
        if self.hops and self.request.method != "INVITE":
            self.patience = now + GIVE_UP
            self.owner.start_timer(self, GIVE_UP, now)
        self.owner.send_outgoing(self, flow, now)

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """What the next hop's name leads to."""
        if self.hops is not None:
            self.hops.found(hops)
        self.try_next(503, now)

    def way_failed(self, status: int, now: float) -> None:
        """This way cannot be used: the next one, or the end."""
        if self.status >= 100:
            return
        if self.hop is not None:
            self.owner.standing.failed(self.hop, now)
        self.try_next(status, now)

    def try_next(self, status: int, now: float) -> None:
        """Take the next hop; `status` is what it amounts to if there is none."""
        self.patience = 0.0
        self.hop = hop = self.hops.take(now) if self.hops is not None else None
        if hop is None:
            self.end(status, now)
        else:
            self.owner.reach_outgoing(self, hop, now)

    def fire(self, _letter: int, now: float) -> None:
        """The current try may have been silent for too long."""
        if self.patience and now >= self.patience and self.status < 100 and self.hops:
            self.owner.abandon_outgoing(self, now)
            self._was_silent(now)
            self.try_next(408, now)

    def timed_out(self, now: float) -> None:
        """Timer B or F."""
        if self.status < 100:
            self._was_silent(now)
        self.end(408, now)

    def _was_silent(self, now: float) -> None:
        if self.hop is not None:
            self.owner.standing.failed(self.hop, now, what="silent")

    def response(self, response: Message, now: float) -> None:
        """A response of the transaction."""
        if self.hop is not None:
            if response.status == 503:
                self.owner.standing.overloaded(self.hop, retry_after(response), now)
                if self.hops:
                    self.status = 0
                    self.try_next(503, now)
                    return
            else:
                self.owner.standing.heard(self.hop)
        self.status = response.status
        self.owner.answered(self, response, now)

    def end(self, status: int, now: float) -> None:
        """There will be no answer."""
        self.status = status
        self.owner.answered(self, None, now)
