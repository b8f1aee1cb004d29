"""A network in memory, with the contract of `runtime.network.Network`: it notes what is sent, and a
test plays the peers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from offhook.engine.actions import Open
from offhook.errors import StartError
from offhook.message import Message, parse
from offhook.runtime.counters import Counters, Gauges
from offhook.runtime.network import Sink
from offhook.transport.flow import Address, Flow, Listener

__all__ = ["EPOCH", "RecordingNetwork", "Sent"]

EPOCH = 1_700_000_000.0  # Unix seconds at the start of the loop's time
LOCAL = "192.0.2.1"  # where a wildcard listener was hit


@dataclass(frozen=True)
class Sent:
    """One message that left."""

    time: float
    flow: Flow
    data: bytes

    @property
    def message(self) -> Message:
        """The message."""
        return parse(self.data)


class RecordingNetwork:
    """`refused` are addresses where nobody listens, `names` what the name servers know."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.listeners: list[Listener] = []
        self.sent: list[Sent] = []
        self.opened: list[Open] = []
        self.resolved: list[str] = []
        self.closed: list[Flow] = []
        self.names: Mapping[str, Sequence[str]] = {}
        self.refused: set[Address] = set()
        self.busy: set[int] = set()  # ports that somebody else has
        self.stopped = False
        self._sink: Sink | None = None
        self._flows: dict[tuple[Listener, Address], Flow] = {}
        self._open: list[Flow] = []

    @property
    def sink(self) -> Sink:
        """Who hears."""
        assert self._sink is not None
        return self._sink

    def listener(self, profile: str = "", transport: str = "UDP") -> Listener:
        """The first listener of that kind."""
        return next(
            each
            for each in self.listeners
            if profile in ("", each.profile) and each.transport == transport
        )

    def datagram(self, remote: Address, profile: str = "") -> Flow:
        """The way between a UDP listener and an address."""
        listener = self.listener(profile)
        known = self._flows.get((listener, remote))
        if known is None:
            local = (LOCAL if listener.wildcard else listener.host, listener.port)
            known = self._flows[listener, remote] = Flow(listener, local, remote)
        return known

    def accept(self, remote: Address, profile: str = "", transport: str = "TCP") -> Flow:
        """A peer connects."""
        flow = self._stream(self.listener(profile, transport), remote)
        self.sink.flow_accepted(flow)
        return flow

    def receive(self, flow: Flow, data: bytes) -> None:
        """A peer sends."""
        self.sink.receive(flow, data)
        self.sink.flush()

    def lose(self, flow: Flow) -> None:
        """A connection ends."""
        self._open.remove(flow)
        self.sink.flow_lost(flow, "reset by the peer")
        self.sink.flush()

    # Network --------------------------------------------------------------------------------------
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def unix(self) -> float:
        return EPOCH + self.now()

    async def listen(self, listener: Listener) -> Listener:
        if listener.port in self.busy:
            raise StartError(f"{listener.host}:{listener.port}: in use")
        self.listeners.append(replace(listener, port=listener.port or 5060))
        return self.listeners[-1]

    def gauges(self) -> Gauges:
        return Gauges(datagram_bytes_waiting=300, datagrams_lost=2, names_remembered=4)

    def attach(self, sink: Sink) -> None:
        self._sink = sink

    def send(self, flow: Flow, data: bytes) -> None:
        self.sent.append(Sent(self.now(), flow, data))

    def open(self, request: Open) -> None:
        self.opened.append(request)
        asyncio.get_running_loop().call_soon(self.sink.flush)
        if request.destination in self.refused:
            self.sink.open_failed(request.ticket, "refused")
        elif request.transport == "UDP":
            self.sink.flow_opened(
                request.ticket, self.datagram(request.destination, request.profile)
            )
        else:
            listener = self.listener(request.profile, request.transport)
            self.sink.flow_opened(request.ticket, self._stream(listener, request.destination))

    def close(self, flow: Flow) -> None:
        self.closed.append(flow)

    def resolve(self, ticket: int, host: str) -> None:
        self.resolved.append(host)
        asyncio.get_running_loop().call_soon(self.sink.flush)
        self.sink.resolved(ticket, self.names.get(host, ()))

    def connections(self) -> Sequence[Flow]:
        return list(self._open)

    async def stop(self) -> None:
        self.stopped = True

    def _stream(self, listener: Listener, remote: Address) -> Flow:
        name = f"c{len(self._open)}"
        flow = Flow(listener, (listener.host, listener.port), remote, name)
        self._open.append(flow)
        return flow
