"""Contacts that would lend a user what only routing may give.

A Contact at a gateway, or a Path by way of one, turns every call to that user into a call through
it (toll fraud), and a Contact that is the user's own address every call into a loop, so they are
refused at registration. A name that leads to a gateway's address is seen when it is looked up: the
engine sends nothing there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offhook.errors import UriError
from offhook.exchange.gateway_guard import GatewayGuard, port_of
from offhook.exchange.request import Request
from offhook.exchange.serving import Serving
from offhook.message.uri import parse_uri
from offhook.registrar.registration import ContactRequest, Registration
from offhook.transport.route_set import bare_uri

__all__ = ["forbidden_contact", "forbidden_path", "own_address"]


def forbidden_contact(serving: Serving, contacts: Iterable[ContactRequest]) -> bool:
    """True if one of the contacts leads to a gateway, by its name or by an address of its peers."""
    guarded = serving.guarded
    return guarded is not None and any(_leads_there(guarded, contact.uri) for contact in contacts)


def forbidden_path(serving: Serving, request: Request, path: Sequence[str]) -> bool:
    """True if calls would go to a gateway first, unless it is that gateway which passed the
    REGISTER on."""
    guarded = serving.guarded
    if guarded is None or request.gateway is not None:
        return False
    return _leads_there(guarded, bare_uri(path[0]))


def own_address(serving: Serving, registration: Registration) -> bool:
    """True if one of the contacts is the AoR itself or a GRUU of it, which would be a loop, or
    names a phone by something else than a SIP URI (RFC 5627 5.1)."""
    aor = registration.aor
    place = aor[aor.find("@") :]
    for contact in registration.contacts:
        uri = contact.uri
        if place in uri.lower() and contact.expires and serving.aor_of(uri) == aor:
            return True
        if contact.instance and uri[:3].lower() != "sip":
            return True
    return False


def _leads_there(guarded: GatewayGuard, text: str) -> bool:
    try:
        uri = parse_uri(text)
    except UriError:
        return False
    hosts = {uri.host, uri.parameters.get("maddr") or uri.host}
    return any(guarded(host, port_of(uri)) for host in hosts)
