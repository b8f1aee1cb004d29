"""Requests of our own: Via and client transaction for what the application sends."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.actions import Send
from offhook.engine.events import Answered
from offhook.engine.large import LARGEST_DATAGRAM
from offhook.engine.outgoing import Outgoing
from offhook.engine.parts import Parts
from offhook.message.message import Message
from offhook.message.parse import parse
from offhook.proxy.hop_by_hop import make_ack
from offhook.transaction.client_invite import ClientInvite
from offhook.transaction.client_non_invite import ClientNonInvite
from offhook.transaction.owner import ClientTransaction
from offhook.transport.flow import Flow
from offhook.transport.hops import Hops
from offhook.transport.next_hop import NextHop, next_hop_of
from offhook.transport.secure import as_sips, carries, is_sips

__all__ = ["Origination"]

KEEP_OPEN = b"\r\n\r\n"  # what every SIP stack skips (RFC 3261 7.5, RFC 5626 3.5.1)


class Origination:
    """Implements `outgoing.OutgoingOwner`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.standing = parts.ways.standing

    def start(self, outgoing: Outgoing, next_uri: str, now: float) -> None:
        """Find the way of a request. Raises UriError if its URI names none."""
        hop = next_hop_of(as_sips(next_uri) if is_sips(outgoing.request.uri) else next_uri)
        if hop.literal:
            self.reach_outgoing(outgoing, hop, now)
        else:
            outgoing.hops = Hops(hop, self.standing.avoided)
            outgoing.try_next(503, now)

    def start_on(self, outgoing: Outgoing, flow: str, now: float) -> None:
        """Send a request on the flow of that name, which is the only way: a phone behind a NAT has
        no other (RFC 5626 5.3)."""
        if not self._parts.ways.find(outgoing, outgoing.profile, flow, now):
            outgoing.end(480, now)

    def keep_open(self, profile: str, flow: str, now: float) -> None:
        """Send the octets that keep a NAT open on the flow of that name, if it is there."""
        self._parts.ways.find(_KeepOpen(self._parts), profile, flow, now)

    def reach_outgoing(self, outgoing: Outgoing, hop: NextHop, now: float) -> None:
        """Find a flow to an address, or what a name leads to."""
        parts = self._parts
        if hop.literal:
            parts.ways.reach(outgoing, outgoing.profile, hop, now)
            return
        draw = parts.identifiers.draws(outgoing.request.get("call-id") or "", hop.host)
        parts.ways.look_up(outgoing, outgoing.profile, hop, draw)

    def abandon_outgoing(self, outgoing: Outgoing, now: float) -> None:
        """Forget the current try."""
        machine = outgoing.machine
        if isinstance(machine, ClientTransaction):
            machine.user = None
            machine.abandon(now)

    def start_timer(self, outgoing: Outgoing, delay: float, now: float) -> None:
        """Wake it later."""
        self._parts.timers.start(delay, now, outgoing, 0)

    def send_outgoing(self, outgoing: Outgoing, flow: Flow, now: float) -> None:
        """Send it in a new client transaction."""
        parts = self._parts
        name = parts.identifiers.branch()
        message = outgoing.request.copy()
        message.insert("via", f"{flow.via}{name};rport")
        data = message.to_bytes()
        if not carries(flow, data):
            outgoing.way_failed(503, now)  # RFC 5630: never but over TLS
            return
        if len(data) > LARGEST_DATAGRAM and not flow.reliable:
            parts.counters.large_datagrams += 1
        make = ClientInvite if message.method == "INVITE" else ClientNonInvite
        machine: ClientTransaction = make(name, flow, data, parts.timers, parts.owner, now)
        machine.user = outgoing
        outgoing.machine = machine
        parts.transactions.add_client(machine)
        parts.ways.use(machine)
        machine.start(now)

    def response(self, machine: ClientTransaction, message: Message, now: float) -> None:
        """A response to a request of ours."""
        outgoing = machine.user
        if isinstance(machine, ClientInvite) and message.status >= 300 and not machine.ack:
            machine.ack = make_ack(parse(machine.data), message)
        if machine.response(message.status, now) and isinstance(outgoing, Outgoing):
            outgoing.response(message, now)

    def answered(self, outgoing: Outgoing, response: Message | None, now: float) -> None:
        """Tell the application."""
        self._parts.events.append(Answered(outgoing, response))


class _KeepOpen:
    """Octets that wait for their flow and for no answer."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def flow_ready(self, flow: Flow, _now: float) -> None:
        """Send them."""
        self._parts.actions.append(Send(flow, KEEP_OPEN))

    def way_failed(self, _status: int, _now: float) -> None:
        """Nobody waits."""

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """Never asked: a flow has a literal address."""
