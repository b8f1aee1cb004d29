"""What a 3xx response adds to a request that follows redirections (RFC 3261 16.5, 16.7 step 4).

Contacts become targets by falling q; which ones may is the application's to say, and those that may
not stay in the response. No place is tried twice for one request, redirections follow each other
to a depth and add up to a number, so a chain of them ends and a loop is told: 482 and 483 of our
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from offhook.errors import MessageError
from offhook.message.headers.address import CONTACT, NameAddr
from offhook.message.message import Message
from offhook.message.parameters import Parameters
from offhook.message.uri import Uri
from offhook.proxy.target import Redirects, Target

__all__ = ["MAX_ADDED", "MAX_DEPTH", "Redirection", "redirection"]

MAX_DEPTH = 5  # redirections one behind the other; people forward once or twice
MAX_ADDED = 20  # targets that redirections may add to one request
MAX_CONTACTS = 50  # of one response that are looked at; the rest stays in it
FOLLOWED = frozenset({300, 301, 302, 305})  # 380 describes another service (RFC 3261 21.3.5)


@dataclass(slots=True)
class Redirection:
    """What comes of one 3xx: targets by falling q, and what its branch ends with; a status of 0
    says that nothing is left of the response."""

    groups: list[list[Target]]
    status: int
    response: Message | None


def redirection(
    redirects: Redirects, response: Message, target: Target, tried: Iterable[Target]
) -> Redirection:
    """Read a 3xx of `target`. `tried` is every target of the request so far, waiting ones
    included."""
    if response.status not in FOLLOWED:
        return Redirection([], response.status, response)
    try:
        contacts = response.typed(CONTACT)
    except MessageError:
        return Redirection([], response.status, response)
    so_far = list(tried)
    depth = target.redirections + 1
    room = MAX_ADDED - sum(each.redirections > 0 for each in so_far)
    known = {_key(each) for each in so_far}
    known.add((redirects.uri, ""))
    groups: list[list[Target]] = []
    kept: list[NameAddr] = []
    beyond = again = False
    kept += contacts[MAX_CONTACTS:]
    for q, same in _by_q(contacts[:MAX_CONTACTS]):
        group: list[Target] = []
        for contact in same:
            if (contact.uri.text, "") in known:
                again = True  # RFC 3261 16.7 step 4: nobody upstream shall try it again
                continue
            found = _targets(redirects, contact.uri, response.status, target)
            fresh = [each for each in found if _key(each) not in known]
            if not found:
                kept.append(contact)
            elif not fresh:
                again = True
            elif depth > MAX_DEPTH or len(fresh) > room:
                beyond = True
            else:
                room -= len(fresh)
                known.update(map(_key, fresh))
                group += [replace(each, q=q, redirections=depth) for each in fresh]
        if group:
            groups.append(group)
    if kept and (groups or again or beyond):
        return Redirection(groups, response.status, _with_contacts(response, kept))
    if groups:
        return Redirection(groups, 0, None)
    if again or beyond:
        return Redirection([], 483 if beyond else 482, None)
    return Redirection([], response.status, response)


def _by_q(contacts: Sequence[NameAddr]) -> list[tuple[int, list[NameAddr]]]:
    groups: dict[int, list[NameAddr]] = {}
    for contact in contacts:
        groups.setdefault(_q(contact.parameters), []).append(contact)
    return sorted(groups.items(), key=lambda group: -group[0])


def _q(parameters: Parameters) -> int:
    """A q value in thousandths; 1 if it is absent or malformed (RFC 3261 20.10)."""
    text = parameters.text("q")
    whole, _, part = text.partition(".")
    if whole not in ("0", "1") or not (part + "0").isascii() or not (part + "0").isdigit():
        return 1000
    return min(int(whole) * 1000 + int((part + "000")[:3]), 1000)


def _targets(redirects: Redirects, uri: Uri, status: int, target: Target) -> Sequence[Target]:
    secure = redirects.uri[:5].lower() == "sips:"
    if uri.scheme == "*" or (secure and not uri.is_secure):
        return ()  # RFC 3261 16.7 step 4: never downgraded
    found = redirects.follow(_as_request_uri(uri))
    if secure:
        found = [each for each in found if each.uri[:5].lower() == "sips:"]
    if status != 305:
        return found
    return [  # RFC 3261 21.3.4: the same request by way of that proxy
        replace(each, uri=target.uri, next_hop=each.next_hop or each.uri) for each in found
    ]


def _as_request_uri(uri: Uri) -> str:
    """A Contact URI without what a Request-URI may not have: headers and a method (RFC 3261 19.1.1
    table 1)."""
    if not uri.is_sip:
        return uri.text
    if "method" in uri.parameters:
        uri = uri.replace(parameters=uri.parameters.without("method").raw())
    before, at, place = uri.text.rpartition("@")  # headers have no @, a user may have a ?
    return f"{before}{at}{place.partition('?')[0]}"


def _key(target: Target) -> tuple[str, str]:
    return (target.uri, target.next_hop)


def _with_contacts(response: Message, contacts: Sequence[NameAddr]) -> Message:
    """The response with the contacts that were not tried (RFC 3261 16.7 step 4)."""
    left = response.copy()
    left.remove("contact")
    for contact in contacts:
        left.add("Contact", str(contact))
    return left
