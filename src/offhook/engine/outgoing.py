"""A request of our own: it finds its way, is sent in a client transaction, and its answer becomes
an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.message.message import Message
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop

__all__ = ["Outgoing", "OutgoingOwner"]


class OutgoingOwner(Protocol):
    """The engine, as an outgoing request sees it."""

    def send_outgoing(self, outgoing: Outgoing, flow: Flow, now: float) -> None:
        """Send it on this flow as a new client transaction."""

    def reach_outgoing(self, outgoing: Outgoing, hop: NextHop, now: float) -> None:
        """Find a flow to a literal address."""

    def answered(self, outgoing: Outgoing, response: Message | None, now: float) -> None:
        """Tell the application."""


class Outgoing:
    """A request of the application. `status` is the last one heard, 408 or 503 if none was."""

    __slots__ = ("flow", "handle", "hops", "owner", "profile", "request", "status")

    def __init__(
        self, owner: OutgoingOwner, request: Message, profile: str, handle: object
    ) -> None:
        self.owner = owner
        self.request = request
        self.profile = profile
        self.handle = handle  # the application's
        self.hops: list[NextHop] = []
        self.status = 0
        self.flow: Flow | None = None  # the one it was sent on

    def flow_ready(self, flow: Flow, now: float) -> None:
        """There is a way."""
        self.flow = flow
        self.owner.send_outgoing(self, flow, now)

    def resolved(self, addresses: Sequence[str], now: float) -> None:
        """The addresses of the next hop's name."""
        hop = self.hops.pop()
        self.hops = [
            NextHop(hop.transport, address, hop.port, literal=True, server_name=hop.server_name)
            for address in addresses
        ]
        self.way_failed(503, now)

    def way_failed(self, status: int, now: float) -> None:
        """This way cannot be used: the next one, or the end."""
        if self.status >= 100:
            return
        if self.hops:
            self.owner.reach_outgoing(self, self.hops.pop(0), now)
        else:
            self.end(status, now)

    def response(self, response: Message, now: float) -> None:
        """A response of the transaction."""
        self.status = response.status
        self.owner.answered(self, response, now)

    def end(self, status: int, now: float) -> None:
        """There will be no answer."""
        self.status = status
        self.owner.answered(self, None, now)
