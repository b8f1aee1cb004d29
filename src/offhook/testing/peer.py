"""A peer without a mind of its own: sends the octets it is given and keeps what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from offhook.engine.actions import Open
from offhook.message import Message, StreamFramer, parse
from offhook.testing.network import VirtualNetwork
from offhook.testing.wire import Wire
from offhook.transport.flow import Address, Flow, Listener
from offhook.transport.records import Answer

__all__ = ["Peer"]

PROFILE = "peer"


class Peer:
    """One host on the wire with one UDP or TCP port. `received` is every message that came.

    Made with `await Peer.at(...)`.
    """

    def __init__(self, wire: Wire, address: Address, transport: str, realm: str) -> None:
        self.received: list[Message] = []
        self.refused = 0  # ICMP errors
        self.lost = 0  # connections that ended
        self.address = address
        self.network = VirtualNetwork(wire, address[0], realm=realm)
        self.flows: list[Flow] = []  # over TCP, the newest last
        self._transport = transport
        self._taken = 0
        self._news = asyncio.Event()
        self._opened: dict[int, asyncio.Future[Flow | None]] = {}
        self._framers: dict[str, StreamFramer] = {}
        self.network.attach(self)

    @classmethod
    async def at(
        cls, wire: Wire, host: str, port: int = 5060, *, transport: str = "UDP", realm: str = ""
    ) -> Peer:
        """A peer with an open port."""
        peer = cls(wire, (host, port), transport, realm)
        await peer.network.listen(Listener(PROFILE, transport, host, port))
        return peer

    async def connect(self, destination: Address, transport: str = "") -> Flow | None:
        """A flow to an address, None if it is refused or silent."""
        ticket = len(self._opened) + 1
        future: asyncio.Future[Flow | None] = self.network.wire.loop.create_future()
        self._opened[ticket] = future
        self.network.open(Open(ticket, PROFILE, transport or self._transport, destination))
        return await future

    async def send(self, data: bytes, destination: Address) -> None:
        """Send octets, over the open connection to that address if the peer speaks TCP."""
        flow = next((each for each in self.flows if each.remote == destination), None)
        flow = flow or await self.connect(destination)
        if flow is not None:
            self.network.send(flow, data)

    def reply(self, data: bytes) -> None:
        """Send octets on the flow that the last message came by."""
        self.network.send(self.flows[-1], data)

    async def next(self, within: float = 40.0) -> Message:
        """The next message that was not taken yet. Raises TimeoutError after `within` seconds."""
        async with asyncio.timeout(within):
            while len(self.received) <= self._taken:
                self._news.clear()
                await self._news.wait()
        self._taken += 1
        return self.received[self._taken - 1]

    async def stop(self) -> None:
        """Leave the wire."""
        await self.network.stop()

    # Sink -----------------------------------------------------------------------------------------
    def receive(self, flow: Flow, data: bytes) -> None:
        """A datagram, or the next octets of a connection."""
        self._use(flow)
        found = [data]
        if flow.connection:
            framer = self._framers.setdefault(flow.name, StreamFramer())
            found = [each for each in framer.feed(data) if isinstance(each, bytes)]
        self.received += [parse(each) for each in found]
        self._news.set()

    def flow_accepted(self, flow: Flow) -> None:
        """Somebody connected."""
        self._use(flow)

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        """There is a flow."""
        self._use(flow)
        self._opened[ticket].set_result(flow)

    def open_failed(self, ticket: int, reason: str) -> None:
        """There is none."""
        self._opened[ticket].set_result(None)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection has ended."""
        self.lost += 1
        if flow in self.flows:
            self.flows.remove(flow)

    def send_failed(self, flow: Flow) -> None:
        """ICMP."""
        self.refused += 1

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        """A peer uses literal addresses."""

    def flush(self) -> None:
        """Nothing waits."""

    def _use(self, flow: Flow) -> None:
        if flow in self.flows:
            self.flows.remove(flow)
        self.flows.append(flow)
