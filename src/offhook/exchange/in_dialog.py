"""Requests of dialogs that we routed, which their route token alone does not lead to the phone.

Their Request-URI is an AoR or GRUU of ours, which has to be looked up (RFC 5627 6.1), or the
connection that the token names is gone: then the phone may have come back and registered over
another one. The way then is that of a binding of the same phone of the same AoR, so a token never
leads to anybody else.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

from offhook.engine.dialog_routes import dialog_target
from offhook.engine.incoming import Incoming, OwnReply
from offhook.errors import UriError
from offhook.exchange import builtin
from offhook.exchange.gateway_guard import port_of
from offhook.exchange.location import lookup_now
from offhook.exchange.request import RING, Request
from offhook.exchange.serving import Serving
from offhook.exchange.sips import reachable
from offhook.exchange.targets import binding_target
from offhook.message.uri import parse_uri
from offhook.proxy.target import ForkRequest, Target
from offhook.transport.secure import is_sips

__all__ = ["acknowledge", "in_dialog"]

Answer = OwnReply | ForkRequest


def in_dialog(serving: Serving, request: Request) -> Answer | Awaitable[Answer]:
    """Where a request goes that came with a valid token."""
    incoming = request.incoming
    if request.aor and not incoming.next_route and _reachable(serving, incoming) is None:
        return builtin.call(serving, request)
    return ForkRequest(((_onward(serving, incoming),),), RING, decides=True)


def acknowledge(serving: Serving, incoming: Incoming) -> list[Target]:
    """Where the ACK of a 2xx goes: to the phone that the dialog is with, or to all that the AoR has
    now, since one of them is."""
    aor = serving.aor_of(incoming.message.uri)
    if incoming.token is not None and (not aor or incoming.next_route):
        return [_onward(serving, incoming)]
    if not aor:
        return []
    reachable = _reachable(serving, incoming)
    if reachable is not None:
        return [reachable]
    gruu = serving.gruu_of(incoming.message.uri)
    phones = lookup_now(serving, aor, gruu, secure=is_sips(incoming.message.uri)) or []
    return [_live(serving, phone) for phone in phones]


def _onward(serving: Serving, incoming: Incoming) -> Target:
    """By the token, by the route set behind it, or by what the phone has registered since."""
    target = dialog_target(incoming)
    if incoming.next_route:
        gruu = serving.gruu_of(incoming.message.uri)
        secure = is_sips(incoming.message.uri)
        phones = lookup_now(serving, gruu.aor, gruu, secure=secure) if gruu is not None else None
        # RFC 5627 6.1: the Contact of the phone, and the Route that there is instead of its Path
        return replace(target, uri=phones[0].uri) if phones else target
    if not target.flow or serving.engine.flow_alive(target.flow):
        return target
    heir = serving.flows.heir(target.flow, target.uri, serving.engine.flow_alive)
    if heir is None:
        # a gateway can be connected to anew (RFC 5923 8.2), a phone has to come back by itself
        return replace(target, by_flow=False) if _at_gateway(serving, target.uri) else target
    if not reachable((heir,), secure=is_sips(target.uri)):
        return target  # RFC 5630: what began with sips goes on so, or not at all
    way = binding_target((heir,))
    return replace(way, uri=target.uri)  # the phone knows its dialog by its own Contact of then


def _at_gateway(serving: Serving, text: str) -> bool:
    if serving.guarded is None:
        return False
    try:
        uri = parse_uri(text)
    except UriError:
        return False
    return serving.guarded(uri.host, port_of(uri))


def _reachable(serving: Serving, incoming: Incoming) -> Target | None:
    """The end that the token leads to, for a GRUU whose phone is not registered any more but still
    connected."""
    if incoming.token is None or serving.gruu_of(incoming.message.uri) is None:
        return None
    gruu = serving.gruu_of(incoming.message.uri)
    target = dialog_target(incoming)
    if gruu is None or not target.flow or lookup_now(serving, gruu.aor, gruu) != []:
        return None
    return target if serving.engine.flow_alive(target.flow) else None


def _live(serving: Serving, phone: Target) -> Target:
    """The first way to a phone that is there: an ACK cannot be tried twice."""
    for way in (phone, *phone.alternatives):
        if not way.by_flow or serving.engine.flow_alive(way.flow):
            return way
    return phone
