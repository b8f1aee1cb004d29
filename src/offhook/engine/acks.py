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
from offhook.transport.next_hop import NextHop, next_hop_of
from offhook.transport.route_set import bare_uri

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
        self._hops: list[NextHop] = []

    def start(self, now: float) -> None:
        """Find the way."""
        target = self._target
        ways = self._parts.ways
        if target.flow and ways.find(self, self._profile, target.flow, now):
            return
        if target.by_flow:
            return
        route = bare_uri(target.path[0]) if target.path else self._incoming.next_route
        try:
            hop = next_hop_of(route or target.uri)
        except UriError:
            return
        if hop.literal:
            ways.reach(self, self._profile, hop, now)
        else:
            self._hops = [hop]
            ways.look_up(self, hop.host)

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
        data = forward(shared, self._target, flow.via + branch, ())
        self._parts.actions.append(Send(flow, data))

    def way_failed(self, status: int, now: float) -> None:
        """The next address, if there is one."""
        if self._hops:
            self._parts.ways.reach(self, self._profile, self._hops.pop(0), now)

    def resolved(self, addresses: Sequence[str], now: float) -> None:
        """The addresses of the next hop."""
        hop = self._hops.pop()
        self._hops = [
            NextHop(hop.transport, address, hop.port, literal=True, server_name=hop.server_name)
            for address in addresses
        ]
        self.way_failed(503, now)
