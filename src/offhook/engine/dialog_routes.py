"""Requests inside dialogs: our own Route values, the token in them, and strict routers (RFC 3261
16.4).

A request is relayed by its route set only if our topmost Route carries a token that we wrote for
its Call-ID; the application never sees it. Everything else is an initial request, whatever its To
tag says.
"""

from __future__ import annotations

from offhook.engine.incoming import Incoming
from offhook.engine.settings import EngineSettings
from offhook.message.interface import Core
from offhook.message.message import Message
from offhook.proxy.path_token import PathToken, is_path_token, unseal_path
from offhook.proxy.route_token import unseal
from offhook.proxy.target import Target
from offhook.transport.flow import Flow
from offhook.transport.next_hop import is_literal
from offhook.transport.route_set import (
    RouteUri,
    bare_uri,
    own_routes,
    replace_routes,
    route_values,
    split_route_uri,
)
from offhook.transport.via import default_port

__all__ = ["DialogRoutes", "dialog_target", "edge_target", "learn_own"]

REMEMBERED = 4096  # Request-URIs of dialogs; about 1 MB
VIA_MARKS = 64  # listeners times local addresses that loops are looked for with


class DialogRoutes:
    """Knows which addresses are ours."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._own: set[tuple[str, int]] = set()
        self._locals: set[str] = set()  # addresses of this machine that were hit
        # a domain that is an address counts with our ports only: every phone on that machine has it
        self._names = frozenset(name for name in settings.domains if not is_literal(name))
        self._at_us: dict[str, bool] = {}  # by Request-URI
        self._our_places: set[str] = set()  # what follows the user part in Route URIs of ours
        self.via_marks: tuple[str, ...] = ()  # beginnings of the Via values that we write

    def add_own(self, host: str, port: int) -> None:
        """A host and port that Via and Record-Route of ours show; asked for every connection."""
        host = host.lower()
        if (host, port) in self._own:
            return
        self._own.add((host, port))
        if port == default_port("WSS"):
            # pages write sip:HOST;transport=ws for wss://HOST too, which means another port
            self._own.add((host, default_port("WS")))
        self._at_us.clear()

    def add_local(self, host: str, port: int) -> None:
        """An address of this machine, with the port of a listener."""
        self.add_own(host, port)
        self._locals.add(host)

    def is_own(self, host: str, port: int) -> bool:
        """True for a listener's host with its port."""
        return (host, port) in self._own

    def _ours(self, route: RouteUri) -> bool:
        return (route.host, route.port) in self._own or route.host in self._names

    def read(self, incoming: Incoming) -> None:
        """Find our Route values and the token, and undo what a strict router did."""
        message = incoming.message
        if "~" in message.uri:
            self._undo_strict(message, incoming)
        core = incoming.core
        if not core.route:
            return
        user, _, place = core.route.partition("@")
        if (
            place in self._our_places
            and user[:4] == "sip:"
            and not is_path_token(user[4:])
            and message.only("route") == f"<{core.route}>"
        ):
            incoming.drop_routes = 1  # one Route, spelled as we do: no need to take it apart
            if _may_be_inside(core):
                incoming.token = unseal(user[4:], core.call_id, self._settings.key)
            return
        mine, incoming.next_route = own_routes(message, self._ours)
        incoming.drop_routes = len(mine)
        if len(mine) > 1:
            incoming.onward = mine[-1].host if mine[-1].host in self._locals else ""
        if mine and is_path_token(mine[-1].user):
            self._read_path(incoming, mine[-1].user)
            return
        if mine and mine[0].user and core.route[:4] == "sip:":
            self._remember_place(mine[0])
        if _may_be_inside(core):
            for route in mine:
                if route.user and incoming.token is None:
                    incoming.token = unseal(route.user, core.call_id, self._settings.key)

    def _read_path(self, incoming: Incoming, user: str) -> None:
        """A Route that was our Path: from the registrar, or from the phone itself, for which it
        says nothing (RFC 5626 5.3)."""
        edge = unseal_path(user, behind=incoming.next_route, key=self._settings.key)
        if edge is None:
            incoming.forged = True
        elif edge.flow != incoming.flow.name and incoming.message.method != "REGISTER":
            incoming.edge = edge

    def _remember_place(self, route: RouteUri) -> None:
        """What follows the user part in a Route of ours, spelled as we do."""
        place = route.text.partition("@")[2]
        if len(self._our_places) < VIA_MARKS:
            self._our_places.add(place)

    def _undo_strict(self, message: Message, incoming: Incoming) -> None:
        """A strict router puts our Record-Route into the Request-URI and the target last in the
        Route (RFC 3261 16.4)."""
        if not incoming.core.route:
            return
        uri = split_route_uri(message.uri)
        if uri is None or not uri.user or not self._ours(uri):
            return
        token = unseal(uri.user, incoming.core.call_id, self._settings.key)
        if token is None:
            return
        values = list(route_values(message))
        message.uri = bare_uri(values.pop())
        replace_routes(message, values)
        incoming.core = message.core()
        if _may_be_inside(incoming.core):
            incoming.token = token

    def at_us(self, incoming: Incoming) -> bool:
        """True if the Request-URI of an in-dialog request names one of our domains: the application
        has to look it up. Where the Route goes on elsewhere it need not, except for what only we
        can tell the phone of: a GRUU (RFC 5627 6.1)."""
        text = incoming.message.uri
        if incoming.next_route and ";gr" not in text:
            return False
        found = self._at_us.get(text)
        if found is None:
            uri = split_route_uri(text.partition("?")[0])
            found = uri is not None and self._ours(uri)
            if len(self._at_us) >= REMEMBERED:
                self._at_us.clear()
            self._at_us[text] = found
        return found

    def allowed(self, incoming: Incoming) -> bool:
        """False for a request of one dialog that leads to a gateway which that dialog never was
        with: a token says who may go on talking, not whom else to call.

        Nor does our Path: its phone may have written the value behind it, that we vouch for.
        """
        guarded, token = self._settings.guarded, incoming.token
        if guarded is None or (token is not None and token.trunk):
            return True
        if token is None and (incoming.edge is None or not incoming.next_route):
            return True
        uri = split_route_uri((incoming.next_route or incoming.message.uri).partition("?")[0])
        if uri is None or ";maddr=" in uri.text.lower():
            return False
        return not guarded(uri.host, uri.port)


def _may_be_inside(core: Core) -> bool:
    """True unless it is an initial INVITE. Peers of RFC 2543 send no To tag, and what belongs to a
    dialog is proved by the token: a tag can be written by anybody."""
    return core.to_tag != "" or core.cseq_method != "INVITE"


def dialog_target(incoming: Incoming) -> Target:
    """Where a request with a valid token goes: by the flow of that end, else by its route set and
    Request-URI."""
    token = incoming.token
    uri = incoming.message.uri
    if token is None:
        return Target(uri)
    end = token.destination(incoming.core.from_tag)
    bound = end.flow.startswith(("tls/", "ws/", "wss/")) and not incoming.next_route
    local = _onward(incoming)
    return Target(uri, profile=end.profile, flow=end.flow, by_flow=bound, local=local)


def _onward(incoming: Incoming) -> str:
    """The address of ours that the end of a dialog knows: that of our last Route, which is the one
    that was hit if there is one alone. "" where it is not told: the advertised one is not bound."""
    flow = incoming.flow
    if incoming.drop_routes == 1 and flow.unmasked:
        return flow.local[0]
    return incoming.onward


def edge_target(incoming: Incoming, edge: PathToken) -> Target:
    """Where a request goes that came by our Path: by the flow of the phone, or to the edge that is
    nearer to it."""
    return Target(
        incoming.message.uri,
        profile=edge.profile,
        flow=edge.flow,
        by_flow=not incoming.next_route and bool(edge.flow),
        gone=430,  # RFC 5626 5.3.1: the registrar then tries another flow
    )


def learn_own(routes: DialogRoutes, flow: Flow) -> None:
    """The address that was hit is ours, whatever a wildcard listener is bound to."""
    host, port = flow.sent_by()
    routes.add_own(host, port)
    routes.add_local(flow.local[0], flow.listener.port)
    mark = f"{flow.via.partition(';')[0]};"  # other proxies may put received before the branch
    if mark not in routes.via_marks and len(routes.via_marks) < VIA_MARKS:
        routes.via_marks = (*routes.via_marks, mark)
