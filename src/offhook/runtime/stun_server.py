"""A STUN server of our own, for phones and browsers that ask where they are and what kind of NAT
they are behind (RFC 8489; RFC 5780 with two addresses).

With two addresses and two ports there are four sockets. A request may ask to be answered from
another one (CHANGE-REQUEST); where the answer arrives tells the client how its NAT filters. Nothing
is kept of a client but how often it asks: who forges a source makes us send a few small answers
there and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from offhook.auth.subscriber import subscriber
from offhook.errors import StartError
from offhook.runtime.binding import bind_datagrams, checked
from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from offhook.runtime.route_probe import RouteProbe
from offhook.runtime.udp import ConcreteSocket, DatagramFlow, DatagramSetting
from offhook.transport.flow import Flow, Listener
from offhook.transport.records import Answer
from offhook.transport.stun import CHANGE_IP, CHANGE_PORT, answer, read_binding, refuse

__all__ = ["StunCounters", "StunServer"]

RATE = 20.0  # answers a second to one subscriber: a browser asks some ten times for each call
BURST = 100.0  # that many at once: an office behind one NAT that wakes up
SOURCES = 10_000  # subscribers whose rate is known, those that asked last: 2 MB


@dataclass(slots=True)
class StunCounters:
    """What happened since the start."""

    answered: int = 0
    refused: int = 0  # 420: attributes that we would have to understand
    malformed: int = 0
    limited: int = 0  # not answered: too many from one subscriber


class StunServer:
    """One or two listeners, each with a second port if there are two. `start` on a running loop."""

    def __init__(
        self, listeners: Sequence[Listener], *, other_port: int = 0, limits: Limits | None = None
    ) -> None:
        """Two listeners have different addresses and one port; `other_port` is the second one."""
        self._listeners = [checked(listener) for listener in listeners]
        self._other_port = other_port
        self._limits = limits or Limits()
        self._sockets: dict[tuple[int, int], ConcreteSocket] = {}  # by (address, port), each 0 or 1
        self._places: dict[Listener, tuple[int, int]] = {}
        self._tokens: dict[str, tuple[float, float]] = {}  # by source: what is left, and since when
        self._loop: asyncio.AbstractEventLoop | None = None
        self.counters = StunCounters()

    async def start(self) -> Sequence[Listener]:
        """Bind; returns the listeners with their real ports. Raises StartError."""
        self._loop = asyncio.get_running_loop()
        counters, routes = Counters(), RouteProbe(self._limits.route_memory)
        setting = DatagramSetting(self._limits, counters, routes)
        try:
            for address, listener in enumerate(self._listeners):
                for port in range(2 if len(self._listeners) == 2 else 1):
                    self._bind(listener, (address, port), setting)
        except StartError:
            await self.stop()
            raise
        return [bound.listener for bound in self._sockets.values()]

    def _bind(self, listener: Listener, place: tuple[int, int], setting: DatagramSetting) -> None:
        if place[1]:
            listener = replace(listener, port=self._other_port)
        if place[0] and (0, place[1]) in self._sockets:  # the same port as on the first address
            listener = replace(listener, port=self._sockets[0, place[1]].listener.port)
        bound = bind_datagrams(listener, self._limits, share_port=False)
        listener = replace(listener, port=bound.getsockname()[1])
        self._sockets[place] = ConcreteSocket(bound, listener, self, setting=setting)
        self._places[listener] = place

    async def stop(self) -> None:
        """Close every socket."""
        for bound in self._sockets.values():
            bound.close()
        self._sockets.clear()

    # Sink ----------------------------------------------------------------------------------------
    def receive(self, flow: Flow, data: bytes) -> None:
        """A datagram."""
        place = self._places.get(flow.listener)
        if place is None:
            return
        several = len(self._listeners) == 2
        request = read_binding(data, behaviour=several)
        if request is None:
            self.counters.malformed += 1
            return
        if not request.wants_answer:
            return
        if not self._allowed(flow.remote[0]):
            self.counters.limited += 1
            return
        if request.unknown:
            self.counters.refused += 1
            self._send(place, flow, refuse(request))
            return
        self.counters.answered += 1
        address, port = place
        chosen = (
            address ^ bool(request.change & CHANGE_IP),
            port ^ bool(request.change & CHANGE_PORT),
        )
        origin = other = None
        if several:
            origin = _address(self._sockets[chosen].listener)
            other = _address(self._sockets[1 - address, 1 - port].listener)
        self._send(chosen, flow, answer(request, flow.remote, origin=origin, other=other))

    def _send(self, place: tuple[int, int], flow: Flow, data: bytes) -> None:
        bound = self._sockets[place]
        if isinstance(flow, DatagramFlow) and flow.socket is bound:
            bound.send(flow, data)
        else:
            bound.send(bound.flow_to(flow.remote, ""), data)

    def _allowed(self, host: str) -> bool:
        """A token bucket for each subscriber, the one that asked last at the end."""
        now = self._loop.time() if self._loop is not None else 0.0
        source = subscriber(host)
        left, since = self._tokens.pop(source, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        if len(self._tokens) >= SOURCES:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[source] = (max(left - 1.0, 0.0), now)
        return left >= 1.0

    def send_failed(self, flow: Flow) -> None:
        """A client is gone: nothing depends on it."""

    def flush(self) -> None:
        """Everything was sent already."""

    def flow_accepted(self, flow: Flow) -> None:
        """Never: there are no connections here, nor in what follows."""

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        """Never."""

    def open_failed(self, ticket: int, reason: str) -> None:
        """Never."""

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """Never."""

    def resolved(self, ticket: int, answers: Sequence[Answer]) -> None:
        """Never."""


def _address(listener: Listener) -> tuple[str, int]:
    return listener.host, listener.port
