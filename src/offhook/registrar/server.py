"""The registrar: bindings in, bindings and an answer out (RFC 3261 10.3, RFC 3327, RFC 5626 6).

`change` is pure and may run twice, so that a store applies it as a compare-and-set. What it
replaces, in this order:

- a binding of the same +sip.instance (and, where both carry one, the same reg-id), whatever its
address; - a binding whose Contact is equal by RFC 3261 19.1.4; but two instances that are both
reached by flow only, over different
  flows, are two phones whose private addresses happen to be equal;
- a binding without instance of the same Call-ID, user and transport that came by another flow, if
the request has one
  Contact: the phone came back from another address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offhook.errors import UriError
from offhook.message import parse_uri
from offhook.registrar.binding import Binding
from offhook.registrar.gruu import Gruus
from offhook.registrar.registration import ContactRequest, Registration
from offhook.transport.secure import as_sip

__all__ = ["Update", "change"]

_OUT_OF_ORDER = (500, "CSeq Out Of Order")
_TOO_MANY = (403, "Too Many Contacts")  # 503 would make a phone leave us for another server


@dataclass(slots=True)
class Update:
    """The bindings as they are now, and the answer. Not frozen: made for each REGISTER."""

    bindings: Sequence[Binding]
    status: int
    reason: str
    headers: list[tuple[str, str]]


def change(bindings: Sequence[Binding], registration: Registration, now: float) -> Update:
    """Apply a registration to the bindings of its address-of-record. `now` is in Unix seconds.

    All contacts are applied or none: any other answer than 200 leaves the bindings as they are (RFC
    3261 10.3 step 7).
    """
    refusal = registration.refusal
    if refusal is not None:
        return Update(bindings, refusal.status, refusal.reason, list(refusal.headers))
    live = [binding for binding in bindings if binding.expires > now]
    if registration.wildcard:
        if any(_out_of_order(binding, registration) for binding in live):
            return Update(bindings, *_OUT_OF_ORDER, [])
        return _accepted([], registration, now)
    added: list[Binding] = []
    for contact in registration.contacts:
        kept = []
        for binding in live:
            if not _replaces(contact, registration, binding):
                kept.append(binding)
            elif _out_of_order(binding, registration):
                return Update(bindings, *_OUT_OF_ORDER, [])
        live = kept
        if added:  # a contact named twice in one request: the last counts
            added = [binding for binding in added if not _replaces(contact, registration, binding)]
        if contact.expires:
            added.append(_binding(contact, registration, now))
    live += added
    if added and len(live) > registration.policy.max_contacts:
        return Update(bindings, *_TOO_MANY, [])
    return _accepted(live, registration, now)


def _accepted(live: list[Binding], registration: Registration, now: float) -> Update:
    """The 200 with all bindings and what is left of them (RFC 3261 10.3 step 8)."""
    gruus = registration.gruus
    if gruus is None:
        headers = [("Contact", _contact(binding, now)) for binding in live]
    else:
        headers = [
            ("Contact", _contact(binding, now) + _gruus(binding, live, gruus)) for binding in live
        ]
    if live and registration.policy.service_route:
        route = ", ".join([f"<{uri}>" for uri in registration.policy.service_route])
        headers.append(("Service-Route", route))  # RFC 3608 6.3
    if registration.show_path:
        headers.append(("Path", ", ".join(registration.path)))  # RFC 3327 5.3
    if registration.outbound:
        headers.append(("Require", "outbound"))  # RFC 5626 6
    return Update(live, 200, "OK", headers)


def _contact(binding: Binding, now: float) -> str:
    left = int(binding.expires - now + 0.5) or 1
    value = f"<{binding.contact}>;expires={left}{binding.parameters}"
    if binding.q != 1000:
        value = f"{value};q={binding.q / 1000:g}"
    if binding.instance:
        value = f'{value};+sip.instance="{binding.instance}"'
    return value


def _gruus(binding: Binding, live: Sequence[Binding], gruus: Gruus) -> str:
    """The GRUUs of the phone of a binding, as Contact parameters (RFC 5627 5.2)."""
    if not binding.instance:
        return ""
    flows = [each for each in live if each.instance == binding.instance]
    return f';pub-gruu="{gruus.public(binding)}";temp-gruu="{gruus.newest(flows)}"'


def _binding(contact: ContactRequest, registration: Registration, now: float) -> Binding:
    return Binding(
        registration.aor,
        contact.uri,
        now + contact.expires,
        contact.q,
        registration.call_id,
        registration.cseq,
        contact.instance,
        registration.path,
        registration.flow,
        registration.by_flow,
        registration.user_agent,
        now,
        contact.parameters,
    )


def _out_of_order(binding: Binding, registration: Registration) -> bool:
    """RFC 3261 10.3 steps 6 and 7: within one Call-ID only a higher CSeq changes a binding."""
    return binding.call_id == registration.call_id and registration.cseq <= binding.cseq


def _replaces(contact: ContactRequest, registration: Registration, binding: Binding) -> bool:
    if contact.instance and binding.instance:
        if contact.instance == binding.instance:
            theirs = binding.reg_id if contact.reg_id else 0
            return not theirs or theirs == contact.reg_id  # RFC 5626 6
        apart = registration.by_flow and binding.by_flow and registration.flow != binding.flow
        return not apart and _equal(contact.uri, binding.contact)
    if _equal(contact.uri, binding.contact):
        return True
    return (
        binding.call_id == registration.call_id
        and binding.flow != registration.flow
        and contact.expires > 0
        and not contact.instance
        and not binding.instance
        and len(registration.contacts) == 1
        and _same_line(contact.uri, binding.contact)
    )


def _equal(one: str, other: str) -> bool:
    """Comparison by RFC 3261 19.1.4, where sip and sips are one: the later of both replaces the
    other (RFC 5630 5.1.1.1). Addresses that differ before their parameters are told apart
    without parsing."""
    if one == other:
        return True
    one, other = as_sip(one), as_sip(other)
    if "%" not in one and "%" not in other and "[" not in one and "[" not in other:
        here = one.partition(";")[0].partition("?")[0].lower()
        there = other.partition(";")[0].partition("?")[0].lower()
        if here != there:
            return False
    try:
        return parse_uri(one).equals(parse_uri(other))
    except UriError:
        return False  # a stored contact that an older version let in


def _same_line(one: str, other: str) -> bool:
    try:
        here, there = parse_uri(one), parse_uri(other)
    except UriError:
        return False
    return (
        here.is_sip
        and here.scheme == there.scheme
        and here.user_unescaped == there.user_unescaped
        and here.transport == there.transport
    )
