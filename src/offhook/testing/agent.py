"""The lower half of a scripted phone: one virtual host with the real transaction machines.

It keeps flows, matches messages to transactions and wakes their timers (RFC 3261 17, 18). What a
request or response means is left to its `AgentUser`, which is `phones.ScriptedPhone`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from offhook.engine.actions import Open
from offhook.errors import MessageError
from offhook.message import KeepAlive, Message, StreamFramer, parse
from offhook.proxy.hop_by_hop import make_ack, make_cancel
from offhook.testing.network import VirtualNetwork
from offhook.transaction import (
    ClientInvite,
    ClientNonInvite,
    ClientTransaction,
    ServerInvite,
    ServerNonInvite,
    ServerTransaction,
    Timers,
    Transaction,
    Transactions,
    server_key,
)
from offhook.transport.flow import SECURE, Address, Flow, Listener
from offhook.transport.next_hop import NextHop
from offhook.transport.records import Answer
from offhook.transport.via import stamp

__all__ = ["Agent", "AgentUser", "Arrival", "OnResponse"]

PROFILE = "phone"
OnResponse = Callable[[Message | None], None]  # None: no answer, or the way is gone
OnFlow = Callable[[Flow | None], None]


@dataclass(slots=True)
class Arrival:
    """A request that arrived, with its transaction."""

    message: Message
    flow: Flow
    server: ServerTransaction


class AgentUser(Protocol):
    """The upper half."""

    def request_arrived(self, arrival: Arrival) -> None:
        """A new request that is neither ACK nor CANCEL."""

    def cancel_arrived(self, arrival: Arrival) -> None:
        """The request of `arrival` was cancelled; the CANCEL has its 200."""

    def ack_arrived(self, message: Message) -> None:
        """The ACK of a 2xx."""

    def flow_gone(self, flow: Flow) -> None:
        """A connection has ended."""


class Agent:
    """Implements `runtime.network.Sink` and `transaction.Owner` for one phone."""

    def __init__(self, network: VirtualNetwork, user: AgentUser) -> None:
        self.network = network
        self.transactions = Transactions()
        self.timers = Timers()
        self.sends_trying = True  # False: not even a 100, as a phone that hangs
        self.outlet: NextHop | None = None  # of a page: where its only connection leads
        # the host in our Via that a page makes up, not knowing its address (RFC 7118 B.1)
        self.sent_by = ""
        self._user = user
        self._loop = network.wire.loop
        self._draw = network.wire.random
        self._timer: asyncio.TimerHandle | None = None
        self._listeners: dict[str, Listener] = {}
        self._flows: dict[tuple[str, Address], Flow] = {}
        self._opening: dict[tuple[str, Address], list[OnFlow]] = {}
        self._tickets: dict[int, tuple[str, Address]] = {}
        self._framers: dict[str, StreamFramer] = {}
        self._ticket = 0
        network.attach(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the phone lives on."""
        return self._loop

    def token(self) -> str:
        """A random token for tags and Call-IDs."""
        return self._draw.randbytes(6).hex()

    # flows ----------------------------------------------------------------------------------------
    async def listen(self, transport: str, address: Address) -> None:
        """Open a port."""
        listener = Listener(PROFILE, transport, address[0], address[1])
        self._listeners[transport] = await self.network.listen(listener)

    def with_flow(self, hop: NextHop, use: OnFlow) -> None:
        """Call `use` with a flow to a literal address, None if there is none."""
        key = (hop.transport, (hop.host, hop.port))
        flow = self._flows.get(key)
        if flow is not None:
            use(flow)
            return
        waiting = self._opening.setdefault(key, [])
        waiting.append(use)
        if len(waiting) > 1:
            return
        self._ticket += 1
        self._tickets[self._ticket] = key
        name = hop.server_name if hop.transport in SECURE and not hop.literal else ""
        self.network.open(Open(self._ticket, PROFILE, *key, server_name=name))

    def connected_to(self, address: Address) -> Flow | None:
        """The open connection or datagram flow to an address."""
        return next((flow for flow in self._flows.values() if flow.remote == address), None)

    def drop_connections(self) -> None:
        """Close every connection."""
        for flow in self.network.connections():
            self.network.close(flow)

    # requests of ours -----------------------------------------------------------------------------
    def send_request(
        self, message: Message, flow: Flow, on_response: OnResponse
    ) -> ClientTransaction:
        """Send a request without a Via in a client transaction of its own."""
        branch = f"z9hG4bK{self.token()}"
        message.insert("via", self._via(flow, branch))
        make = ClientInvite if message.method == "INVITE" else ClientNonInvite
        machine: ClientTransaction = make(
            branch, flow, message.to_bytes(), self.timers, self, self._loop.time()
        )
        machine.user = on_response
        self.transactions.add_client(machine)
        machine.start(self._loop.time())
        self._arm()
        return machine

    def send_cancel(self, invite: ClientTransaction) -> None:
        """CANCEL an INVITE that has had a provisional response (RFC 3261 9.1)."""
        if not invite.data:
            return
        data = make_cancel(parse(invite.data))
        now = self._loop.time()
        machine = ClientNonInvite(invite.branch, invite.flow, data, self.timers, self, now)
        self.transactions.add_client(machine)
        machine.start(now)
        self._arm()

    def send_ack(self, message: Message, flow: Flow) -> bytes:
        """Send the ACK of a 2xx; returns it, to be sent again as often as the 2xx comes."""
        branch = f"z9hG4bK{self.token()}"
        message.insert("via", self._via(flow, branch))
        data = message.to_bytes()
        self.network.send(flow, data)
        return data

    def _via(self, flow: Flow, branch: str) -> str:
        if self.sent_by:
            return f"SIP/2.0/{flow.transport} {self.sent_by};branch={branch}"
        return f"{flow.via}{branch};rport"

    # responses of ours ----------------------------------------------------------------------------
    def respond(
        self,
        arrival: Arrival,
        status: int,
        *,
        to_tag: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Answer a request; returns what was sent."""
        data = arrival.message.reply(status, "Scripted", to_tag=to_tag, headers=headers)
        self.repeat(arrival, status, data)
        return data

    def repeat(self, arrival: Arrival, status: int, data: bytes) -> None:
        """Send a response that was made before."""
        arrival.server.respond(status, data, self._loop.time())
        self._arm()

    # Owner ----------------------------------------------------------------------------------------
    def transmit(self, flow: Flow, data: bytes) -> None:
        """Send for a transaction; on a newer connection to the same place if that one is gone."""
        if flow.connection and flow not in self.network.connections():
            flow = self.connected_to(flow.remote) or flow
        self.network.send(flow, data)

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        """A 100 is owed."""
        if isinstance(transaction.user, Arrival) and self.sends_trying:
            transaction.respond(100, transaction.user.message.reply(100, "Trying"), now)

    def timed_out(self, transaction: Transaction, now: float) -> None:
        """No answer."""
        if isinstance(transaction, ClientTransaction) and callable(transaction.user):
            transaction.user(None)

    def ended(self, transaction: Transaction) -> None:
        """Forget it."""
        self.transactions.forget(transaction)

    # Sink -----------------------------------------------------------------------------------------
    def receive(self, flow: Flow, data: bytes) -> None:
        """A datagram, a WebSocket message, or the next octets of a connection."""
        if flow.framed:
            self._message(flow, data)
            return
        framer = self._framers.setdefault(flow.name, StreamFramer())
        for each in framer.feed(data):
            if not isinstance(each, KeepAlive):
                self._message(flow, each)

    def flow_accepted(self, flow: Flow) -> None:
        """A server connected to the phone."""

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        """There is a flow."""
        key = self._tickets.pop(ticket)
        self._flows[key] = flow
        for use in self._opening.pop(key, []):
            use(flow)

    def open_failed(self, ticket: int, reason: str) -> None:
        """There is none."""
        for use in self._opening.pop(self._tickets.pop(ticket), []):
            use(None)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection has ended, and what was sent on it."""
        self._flows = {key: known for key, known in self._flows.items() if known is not flow}
        self._framers.pop(flow.name, None)
        for machine in list(self.transactions.clients.values()):
            if machine.flow is flow and not machine.answered:
                user = machine.user
                machine.send_failed(self._loop.time())
                if machine.answered and callable(user):
                    user(None)  # else it is an INVITE with a provisional response, which waits on
        self._user.flow_gone(flow)

    def send_failed(self, flow: Flow) -> None:
        """ICMP: a phone waits for its timers all the same, as most do."""

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        """A phone here uses literal addresses."""

    def flush(self) -> None:
        """Everything was sent already."""
        self._arm()

    # inside ---------------------------------------------------------------------------------------
    def _message(self, flow: Flow, data: bytes) -> None:
        try:
            message = parse(data)
            core = message.core()
        except MessageError:
            return
        if message.is_request:
            stamp(message, core, flow)
            self._request(message, flow)
            return
        machine = self.transactions.client(core)
        if machine is None:
            return
        if message.status >= 300 and isinstance(machine, ClientInvite) and machine.data:
            machine.ack = make_ack(parse(machine.data), message)
        user = machine.user
        if machine.response(message.status, self._loop.time()) and callable(user):
            user(message)

    def _request(self, message: Message, flow: Flow) -> None:
        core = message.core()
        now = self._loop.time()
        if message.method == "ACK":
            server = self.transactions.acknowledged(core, message)
            if server is None or server.ack(now):
                self._user.ack_arrived(message)
            return
        key = server_key(core, message)
        known = self.transactions.servers.get(key)
        if known is not None:
            known.retransmission(now)
            return
        if message.method == "CANCEL":
            self._cancel(message, flow)
            return
        make = ServerInvite if message.method == "INVITE" else ServerNonInvite
        machine = make(key, flow, self.timers, self, now)
        arrival = machine.user = Arrival(message, flow, machine)
        self.transactions.add_server(machine)
        if self.transactions.claim(machine, core):
            self._user.request_arrived(arrival)
        else:
            self.respond(arrival, 482, to_tag="merged")

    def _cancel(self, message: Message, flow: Flow) -> None:
        server = self.transactions.cancelled(message.core(), message)
        status = 481 if server is None else 200
        self.network.send(flow, message.reply(status, "Scripted", to_tag="cancelled"))
        if server is not None and isinstance(server.user, Arrival) and not server.answered:
            self._user.cancel_arrived(server.user)

    def _arm(self) -> None:
        deadline = self.timers.next_deadline()
        timer = self._timer
        if deadline is None or (timer is not None and timer.when() <= deadline):
            return
        if timer is not None:
            timer.cancel()
        self._timer = self._loop.call_at(deadline, self._advance)

    def _advance(self) -> None:
        self._timer = None
        self.timers.advance(self._loop.time())
        self._arm()

    def stop(self) -> None:
        """No timer fires any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
