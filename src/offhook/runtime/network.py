"""The one seam between the engine's driver and the world: datagrams, streams, DNS, clock.

`runtime.sockets` is the real network, `offhook.testing` has a virtual one. Nothing else in offhook
touches a SIP socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.engine.actions import Open
from offhook.runtime.counters import Counters, Gauges
from offhook.transport.flow import Flow, Listener

__all__ = ["Network", "Sink"]


class Sink(Protocol):
    """What a network calls, on the event loop's thread. The driver is one."""

    def receive(self, flow: Flow, data: bytes) -> None:
        """A datagram, or the next bytes of a stream."""

    def flow_accepted(self, flow: Flow) -> None:
        """A peer connected to us (after the TLS handshake, if any)."""

    def flow_opened(self, ticket: int, flow: Flow) -> None:
        """The answer to `Open`."""

    def open_failed(self, ticket: int, reason: str) -> None:
        """The answer to `Open` when no connection could be made in time."""

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection ended, by the peer, by an error or by `close`."""

    def send_failed(self, flow: Flow) -> None:
        """A datagram did not reach its destination (ICMP, no route)."""

    def resolved(self, ticket: int, addresses: Sequence[str]) -> None:
        """The answer to `Resolve`."""

    def flush(self) -> None:
        """Called once after each batch of the calls above, so that sends leave together."""


class Network(Protocol):
    """Sockets, names and clocks. No method but `listen` and `stop` waits, and none raises for what
    a peer does."""

    counters: Counters

    def gauges(self) -> Gauges:
        """What there is at the moment."""

    def now(self) -> float:
        """Monotonic seconds."""

    def unix(self) -> float:
        """Seconds since 1970, UTC."""

    async def listen(self, listener: Listener) -> Listener:
        """Bind; returns the listener with its real port. Raises StartError with one actionable
        line."""

    def attach(self, sink: Sink) -> None:
        """Name the receiver of everything that follows; called once, before `listen`."""

    def send(self, flow: Flow, data: bytes) -> None:
        """Send now or queue; a full queue of a slow stream peer closes that stream alone."""

    def open(self, request: Open) -> None:
        """Answered through the sink, possibly before this returns."""

    def close(self, flow: Flow) -> None:
        """Close a connection after its queue has drained, bounded by a deadline."""

    def resolve(self, ticket: int, host: str) -> None:
        """A and AAAA look-up with deadline and cache, answered through the sink."""

    def connections(self) -> Sequence[Flow]:
        """The open connections."""

    async def stop(self) -> None:
        """Close every socket."""
