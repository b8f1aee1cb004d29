"""Virtual TCP, TLS and WebSocket connections: two ordered, reliable streams of octets, or of whole
messages, until somebody closes or nothing gets through for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from offhook.testing.nat import NatBox
from offhook.transport.flow import Address, Flow

__all__ = ["Carrier", "End", "Stream", "StreamUser"]

T = TypeVar("T")

SEGMENT = 1460  # octets that arrive together at most
RETRY = 1.0  # seconds between tries of what does not get through
TRIES = 32  # after that many the connection is lost, as the real sockets are after 32 s


class StreamUser(Protocol):
    """A network that has one end."""

    def stream_received(self, flow: Flow, data: bytes) -> None:
        """The next octets."""

    def stream_lost(self, flow: Flow, reason: str) -> None:
        """There will be no more."""


class Carrier(Protocol):
    """The wire, as its streams see it."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the wire lives on."""

    def passes(self, stream: Stream) -> bool:
        """False if nothing gets through between the two ends now."""

    def segment_delay(self, stream: Stream) -> float:
        """Seconds that the next piece takes."""

    def note_segment(self, transport: str, ends: tuple[Address, Address], data: bytes) -> None:
        """Record a piece that is sent."""


class Stream:
    """One connection; `near` is the end that connected. `source` is its address as it sees it,
    `seen` as the other end does."""

    def __init__(
        self,
        wire: Carrier,
        transport: str,
        addresses: tuple[Address, Address, Address],
        box: NatBox | None,
        *,
        number: int,
    ) -> None:
        self.wire = wire
        self.transport = transport
        self.source, self.seen, self.destination = addresses
        self.box = box
        self.number = number
        self.shown: frozenset[str] = frozenset()  # what the certificate of the near end proves
        self.near = End(self)
        self.far = End(self)
        self._generation = box.generation if box is not None else 0

    @property
    def cut(self) -> bool:
        """True once the NAT box on the way has forgotten the connection."""
        return self.box is not None and self.box.generation != self._generation


class End:
    """One end. It is open between `begin` and its loss."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._user: StreamUser | None = None
        self._flow: Flow | None = None
        self._arrival = 0.0  # when the last piece for this end arrives
        self._stalled: list[bytes] = []  # sent by this end, not through yet
        self._tries = 0

    @property
    def flow(self) -> Flow | None:
        """The flow, None before the connection is open and after its end."""
        return self._flow

    @property
    def _other(self) -> End:
        stream = self._stream
        return stream.far if self is stream.near else stream.near

    def begin(self, user: StreamUser, flow: Flow) -> None:
        """The connection is open."""
        self._user = user
        self._flow = flow

    def send(self, data: bytes) -> None:
        """Send octets; they arrive in order and in pieces (a WebSocket message whole), or the
        connection is lost."""
        if self._flow is None:
            return
        if self._flow.framed:
            self._stalled.append(data)
        else:
            for start in range(0, len(data), SEGMENT):
                self._stalled.append(data[start : start + SEGMENT])
        if not self._tries:
            self._push()

    def _push(self) -> None:
        stream = self._stream
        if not stream.wire.passes(stream):
            self._tries += 1
            if self._tries > TRIES:
                self.lose("timed out")
            else:
                stream.wire.loop.call_later(RETRY, self._push)
            return
        self._tries = 0
        for piece in self._stalled:
            stream.wire.note_segment(stream.transport, self._addresses(), piece)
            self._schedule(self._other._receive, piece)
        self._stalled.clear()

    def close(self, reason: str) -> None:
        """Close after what was sent has left; the other end hears of it."""
        if self._flow is None:
            return
        if self._stream.wire.passes(self._stream):
            self._push()
            self._schedule(self._other.lose, "closed by the peer")
        self.lose(reason)

    def lose(self, reason: str) -> None:
        """The connection is gone for this end."""
        flow, user = self._flow, self._user
        self._flow = None
        self._stalled.clear()
        if flow is not None and user is not None:
            user.stream_lost(flow, reason)

    def hold(self, until: float) -> None:
        """Nothing arrives here before that time: the end is not open yet."""
        self._arrival = max(self._arrival, until)

    def _receive(self, data: bytes) -> None:
        if self._flow is not None and self._user is not None:
            self._user.stream_received(self._flow, data)

    def _schedule(self, call: Callable[[T], None], argument: T) -> None:
        other = self._other
        loop = self._stream.wire.loop
        arrival = loop.time() + self._stream.wire.segment_delay(self._stream)
        other.hold(arrival)
        loop.call_at(other._arrival, call, argument)

    def _addresses(self) -> tuple[Address, Address]:
        stream = self._stream
        if self is stream.near:
            return stream.seen, stream.destination
        return stream.destination, stream.seen
