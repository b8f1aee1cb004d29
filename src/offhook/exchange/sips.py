"""What the sips scheme means for bindings and targets (RFC 5630 5.2, 5.3).

A phone that registered a sips Contact is reached by both schemes, one with a sip Contact by sip
alone: whoever asks for sips is told 480, never sent on over a hop that is not secure.
"""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.incoming import OwnReply
from offhook.message.message import Message
from offhook.message.uri import Uri
from offhook.registrar.binding import Binding
from offhook.registrar.registration import Registration
from offhook.transport.route_set import bare_uri
from offhook.transport.secure import as_sip, is_sips

__all__ = ["contact_for", "gateway_uri", "mixed_schemes", "not_allowed", "reachable"]


def reachable(bindings: Sequence[Binding], *, secure: bool) -> Sequence[Binding]:
    """The bindings that a request may go to: for a sips URI those with a sips Contact."""
    if not secure:
        return bindings
    return [binding for binding in bindings if is_sips(binding.contact)]


def contact_for(contact: str, *, secure: bool) -> str:
    """The Request-URI for a Contact: sip requests stay sip (RFC 5630 5.3)."""
    return contact if secure else as_sip(contact)


def not_allowed(host: str) -> OwnReply:
    """The answer to a sips request for a user whose phones are reached by sip only."""
    return OwnReply(480, "", (("Warning", f'380 {host} "SIPS Not Allowed"'),))


def mixed_schemes(message: Message, registration: Registration) -> bool:
    """True for a REGISTER that would bind a sips Contact by an insecure way: its Request-URI, all
    of its Contacts and its Path must be sips too (RFC 5630 5.2)."""
    for contact in registration.contacts:
        if contact.expires and is_sips(contact.uri):
            break
    else:
        return False
    contacts = [contact.uri for contact in registration.contacts if contact.expires]
    path = map(bare_uri, registration.path)
    return not (is_sips(message.uri) and all(map(is_sips, contacts)) and all(map(is_sips, path)))


def gateway_uri(own: Uri, *, secure: bool) -> Uri:
    """The Request-URI at a gateway, whose own URI says how it is reached: sip for a sip request,
    and sips for a sips one if the way is TLS."""
    if secure and not own.is_secure and own.transport == "tls":
        return own.replace(scheme="sips", parameters=own.parameters.without("transport").raw())
    return own.replace(scheme="sip") if own.is_secure and not secure else own
