"""Requests relayed without a transaction, and the way back of their responses (RFC 3261 16.11).

Nothing is remembered: what is sent for a request is a function of the request and of what the
program answers for it, so a copy of it, its CANCEL and the ACK of its refusal take the same way and
get the same branch. A response carries that branch, which names the flow to go back by. A dialog
that began so goes on so: its Record-Route token says it.
"""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.acks import StatelessForward
from offhook.engine.actions import Open, Send
from offhook.engine.downstream import new_path, new_routes
from offhook.engine.identities import hiding, without_asserted
from offhook.engine.parts import Parts
from offhook.errors import MessageError
from offhook.message.core import response_key
from offhook.message.headers.via import VIA
from offhook.message.message import Message
from offhook.message.validate import validate_relayed
from offhook.proxy.forwarding import RECORD_ROUTED, Forward, forward
from offhook.proxy.loop import loop_hash
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop
from offhook.transport.via import default_port, response_address

__all__ = ["StatelessRelay", "return_response"]


class StatelessRelay(StatelessForward):
    """One request on its way without a transaction."""

    __slots__ = ()

    def flow_ready(self, flow: Flow, now: float) -> None:
        """Send it."""
        incoming, parts, target = self._incoming, self._parts, self._target
        message, core = incoming.message, incoming.core
        shared = Forward(message, core.max_forwards, incoming.drop_routes, incoming.next_route)
        if "privacy" in message.index:
            shared.edit = hiding(message, flow, parts.settings.guarded, None)
        routes: list[str] = []
        if not core.to_tag and message.method in RECORD_ROUTED:
            routes = new_routes(parts.settings, incoming, target, flow, stateless=True)
        path = new_path(parts.settings, incoming, flow) if message.method == "REGISTER" else ""
        address = response_address(core, incoming.flow)
        back = incoming.flow if address is None else incoming.flow.beside(address)
        branch = parts.identifiers.stateless_branch(
            core,
            uri=message.uri,
            place=back.name,
            loop_hash=incoming.loop_hash or loop_hash(message, core),
        )
        parts.counters.stateless += 1
        self._send(flow, forward(shared, target, flow.via + branch, routes, path=path))


def return_response(parts: Parts, response: Message, now: float) -> bool:
    """Pass the response of a request on that was relayed without state; False if it is of no such
    request."""
    branch, _ = response_key(response.index)
    if not branch:
        return False
    try:
        place = parts.identifiers.stateless_place(branch, response.core())
    except MessageError:
        return False
    if not place or validate_relayed(response) is not None:
        return False
    parts.counters.stateless += 1
    way = _WayBack(parts, response)
    profile = parts.ways.profile_of(place)  # "" for a connection that we made: while it lives
    known = profile or parts.ways.named(place)
    if known and not parts.ways.find(way, profile, place, now):
        way.connect(profile, place, now)
    return True


class _WayBack:
    """A response that waits for its flow."""

    __slots__ = ("_parts", "_response")

    def __init__(self, parts: Parts, response: Message) -> None:
        self._parts = parts
        self._response = response

    def connect(self, profile: str, place: str, now: float) -> None:
        """The connection of the request is gone: a new one to the sent-by (RFC 3261 18.2.2)."""
        transport, _, remote, *_ = place.split("/")
        try:
            vias = self._response.typed(VIA)
        except MessageError:
            return
        if len(vias) > 1:
            host = remote.rpartition(":")[0].strip("[]")
            port = vias[1].port or default_port(transport.upper())
            request = Open(0, profile, transport.upper(), (host, port))
            self._parts.ways.open(self, request, now)

    def flow_ready(self, flow: Flow, _now: float) -> None:
        """Send it."""
        response = self._response
        if "privacy" in response.index:
            response = without_asserted(response, flow, self._parts.settings.guarded)
        self._parts.actions.append(Send(flow, response.pop_via()))

    def way_failed(self, _status: int, _now: float) -> None:
        """Nobody is there: the client's timers tell it."""

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """Never asked: a flow has a literal address."""
