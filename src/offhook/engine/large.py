"""Requests that are too large for one datagram (RFC 3261 18.1.1): tried over TCP, if the next hop
was found by a URI that leaves the transport to us.

Whether a peer takes TCP is remembered, so that one that does not costs one delay in ten minutes.
Small requests to it go on over UDP whatever is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.engine.parts import Parts
from offhook.transport.flow import Address, Flow
from offhook.transport.next_hop import NextHop

__all__ = ["CONNECT", "LARGEST_DATAGRAM", "StreamPeers", "Upgrade"]

LARGEST_DATAGRAM = 1300  # octets of a request over UDP: RFC 3261 18.1.1, for an unknown path MTU
CONNECT = 1.0  # seconds that a TCP connection may take; then the datagram is sent after all
REMEMBERED = 600.0  # seconds that a peer is believed to take TCP, or not to
MOST = 10_000  # peers remembered, about 2 MB; the oldest is forgotten first

Deliver = Callable[[Flow, float], None]


class StreamPeers:
    """Which UDP peers take TCP at the same address."""

    __slots__ = ("_peers",)

    def __init__(self) -> None:
        self._peers: dict[Address, tuple[bool, float]] = {}

    def note(self, peer: Address, *, takes: bool, now: float) -> None:
        """It was tried."""
        self._peers.pop(peer, None)  # the newest is the last
        if len(self._peers) >= MOST:
            del self._peers[next(iter(self._peers))]
        self._peers[peer] = (takes, now + REMEMBERED)

    def refuses(self, peer: Address, now: float) -> bool:
        """True if a connection failed lately."""
        takes, until = self._peers.get(peer, (True, 0.0))
        return not takes and now < until


class Upgrade:
    """One request on its way to a connection; `deliver` gets that, or the datagram flow after all,
    once."""

    __slots__ = ("_datagram", "_deliver", "_parts", "_peers")

    def __init__(self, parts: Parts, peers: StreamPeers, datagram: Flow, deliver: Deliver) -> None:
        self._parts = parts
        self._peers = peers
        self._datagram = datagram
        self._deliver: Deliver | None = deliver

    def start(self, now: float) -> None:
        """Open the connection, or use one that is open."""
        flow = self._datagram
        host, port = flow.remote
        hop = NextHop("TCP", host, port, literal=True, server_name=host)
        self._parts.timers.start(CONNECT, now, self, 0)
        self._parts.ways.reach(self, flow.profile, hop, now)

    def flow_ready(self, flow: Flow, now: float) -> None:
        """It is there, maybe too late for this request."""
        self._end(flow, now, takes=True)

    def way_failed(self, _status: int, now: float) -> None:
        """Refused, or unreachable."""
        self._end(self._datagram, now, takes=False)

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """Never asked: the peer has an address."""

    def fire(self, _letter: int, now: float) -> None:
        """It takes too long."""
        if self._deliver is not None:
            self._end(self._datagram, now, takes=False)

    def _end(self, flow: Flow, now: float, *, takes: bool) -> None:
        self._peers.note(self._datagram.remote, takes=takes, now=now)
        deliver, self._deliver = self._deliver, None
        if deliver is not None:
            deliver(flow, now)
