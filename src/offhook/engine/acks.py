"""ACK for a 2xx: forwarded without a transaction (RFC 3261 16.11, 17.1.1.3), because it is a
request of its own end to end."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.actions import Send
from offhook.engine.incoming import Incoming
from offhook.engine.parts import Parts
from offhook.errors import UriError
from offhook.proxy.forwarding import Forward, forward
from offhook.proxy.target import Target
from offhook.transport.flow import Flow
from offhook.transport.hops import Hops
from offhook.transport.next_hop import NextHop, next_hop_of
from offhook.transport.route_set import bare_uri
from offhook.transport.secure import as_sips, is_sips, keeps_promise

__all__ = ["StatelessForward"]


class StatelessForward:
    """One request on its way without a transaction: the first flow that can be had takes it, nobody
    is told if there is none."""

    __slots__ = ("_hops", "_incoming", "_parts", "_profile", "_target")

    def __init__(self, parts: Parts, incoming: Incoming, target: Target) -> None:
        self._parts = parts
        self._incoming = incoming
        self._target = target
        self._profile = target.profile or incoming.flow.profile
        self._hops: Hops | None = None

    def start(self, now: float) -> None:
        """Find the way."""
        target = self._target
        ways = self._parts.ways
        if target.flow and ways.find(self, self._profile, target.flow, now):
            return
        if target.by_flow:
            return
        route = target.next_hop
        if not route:
            route = bare_uri(target.path[0]) if target.path else self._incoming.next_route
        if route and is_sips(target.uri):
            route = as_sips(route)  # RFC 3261 16.6 step 7
        try:
            hop = next_hop_of(route or target.uri)
        except UriError:
            return
        if hop.literal:
            ways.reach(self, self._profile, hop, now, local=target.local)
        else:
            self._hops = Hops(hop, ways.standing.troubled)
            self.way_failed(503, now)

    def flow_ready(self, flow: Flow, now: float) -> None:
        """Send it."""
        incoming = self._incoming
        shared = Forward(
            incoming.message,
            incoming.core.max_forwards,
            incoming.drop_routes,
            incoming.next_route,
        )
        branch = self._parts.identifiers.stateless_branch(incoming.core)
        self._send(flow, forward(shared, self._target, flow.via + branch, ()))

    def _send(self, flow: Flow, data: bytes) -> None:
        """Nobody is told if it would leave insecurely (RFC 5630 5.3)."""
        if keeps_promise(self._incoming.message.uri, flow, data):
            self._parts.actions.append(Send(flow, data))

    def way_failed(self, status: int, now: float) -> None:
        """The next hop, if there is one."""
        hop = self._hops.take(now) if self._hops is not None else None
        if hop is None:
            return
        parts = self._parts
        if hop.literal:
            parts.ways.reach(self, self._profile, hop, now, local=self._target.local)
        else:
            # RFC 3263 4.4: the same order for every copy, that of its INVITE if nothing has changed
            draw = parts.identifiers.draws(self._incoming.core.call_id, hop.host)
            parts.ways.look_up(self, self._profile, hop, draw)

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """What the next hop's name leads to."""
        if self._hops is not None:
            self._hops.found(hops)
            self.way_failed(503, now)
