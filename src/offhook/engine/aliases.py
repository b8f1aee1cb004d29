"""Connections that peers made and let us use in the other direction (RFC 5923).

A proxy that connects to us with a certificate may write `alias` into its Via: requests for the
address in that Via may then go by its connection, instead of one more. It is believed only for what
its verified certificate proves, when it asks and again when the connection is to be used. So nobody
draws the requests of others to himself.
"""

from __future__ import annotations

from offhook.engine.actions import Open
from offhook.errors import MessageError
from offhook.message.headers.via import VIA
from offhook.message.interface import Core
from offhook.message.message import Message
from offhook.transport.certificate_names import proves
from offhook.transport.flow import Address, Flow
from offhook.transport.via import default_port

__all__ = ["MAX_PLACES", "Aliases"]

MAX_PLACES = 4  # addresses that one connection may stand for: a proxy has one, rarely a second port

Place = tuple[str, Address]  # profile, address


class Aliases:
    """The alias table of one engine."""

    def __init__(self) -> None:
        self._flows: dict[Place, dict[str, Flow]] = {}  # the flows of a place by their names
        self._places: dict[str, dict[Place, None]] = {}  # the places of a flow, by its name

    def learn(self, flow: Flow, message: Message, core: Core) -> None:
        """Note the alias that a request asks for, if its peer proves the sent-by. Only for flows
        with `identities`; the others prove nothing."""
        if flow.transport != "TLS" or not _asks(message):
            return
        # RFC 5923 8.2: the source address, and the port of the sent-by
        address = (flow.remote[0], core.sent_by_port or default_port("TLS"))
        place = (flow.profile, address)
        places = self._places.setdefault(flow.name, {})
        if place in places or len(places) >= MAX_PLACES:
            return
        if proves(flow.identities, core.sent_by_host):  # RFC 5923 9.2, RFC 5922 7.4
            places[place] = None
            self._flows.setdefault(place, {})[flow.name] = flow

    def find(self, request: Open) -> Flow | None:
        """The newest connection that stands for this destination and proves its name."""
        if request.transport != "TLS":
            return None
        wanted = request.server_name or request.destination[0]
        flows = self._flows.get((request.profile, request.destination), {})
        for flow in reversed(flows.values()):
            here = request.local in ("", flow.local[0])
            if here and proves(flow.identities, wanted):  # RFC 5923 8.2, condition 2
                return flow
        return None

    def lose(self, flow: Flow) -> None:
        """A connection has ended."""
        for place in self._places.pop(flow.name, ()):
            flows = self._flows[place]
            flows.pop(flow.name, None)
            if not flows:
                del self._flows[place]


def _asks(message: Message) -> bool:
    if ";alias" not in (message.get("via") or "").lower():
        return False
    try:
        return "alias" in message.typed(VIA)[0].parameters
    except MessageError:  # in a value below ours, which is not our affair
        return False
