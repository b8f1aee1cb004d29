"""What a change of bindings means to whoever watches a registration (RFC 3680 4, 5; RFC 5628).

`news` tells two states of an address-of-record apart, contact by contact, with all that a reg-info
document says of each. Pure: who is told, and in which form, is left to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2s

from offhook.registrar.binding import Binding
from offhook.registrar.gruu import Gruus

__all__ = ["ENDINGS", "ContactNews", "RegistrationNews", "news"]

# events that end a contact without its doing or its time being over (RFC 3680 4.2)
ENDINGS = frozenset({"unregistered", "deactivated", "probation", "rejected"})


@dataclass(frozen=True, slots=True)
class ContactNews:
    """One contact (RFC 3680 5.3). Times are in seconds."""

    id: str  # the same for every change of one contact, and no other's
    uri: str
    state: str  # "active" or "terminated"
    # "registered" (by an operator), "created", "refreshed", "shortened", "expired", or an ending
    event: str
    duration: int  # since it was bound
    expires: int  # what is left, 0 if it has ended
    retry_after: int  # with "probation": how long the phone is asked to stay away
    binding: Binding  # q, Call-ID, CSeq, instance, path...
    pub_gruu: str = ""  # "" for a contact without instance
    temp_gruu: str = ""  # the latest; those of the same Call-ID before it hold too


@dataclass(frozen=True, slots=True)
class RegistrationNews:
    """One address-of-record and what has changed of it (RFC 3680 5.2)."""

    aor: str
    id: str
    state: str  # "init" (nothing bound, nothing ended now), "active" or "terminated"
    contacts: Sequence[ContactNews]


def news(
    aor: str,
    before: Sequence[Binding],
    after: Sequence[Binding],
    *,
    unix: float,
    gruus: Gruus,
    ending: str = "unregistered",
    retry_after: int = 0,
    since: Callable[[str], float | None] = lambda _id: None,
) -> RegistrationNews:
    """What is new in `after`, in Unix seconds. `ending` is why contacts have gone whose time was
    not over; `since` knows when a contact, by its id, was bound first."""
    contacts = []
    for event, binding in changes(before, after, unix):
        name = contact_id(binding)
        gone = event in ("expired", "ended")
        bound = since(name) or binding.registered
        flows = [each for each in after if each.instance == binding.instance] or [binding]
        contacts.append(
            ContactNews(
                name,
                binding.contact,
                "terminated" if gone else "active",
                ending if event == "ended" else event,
                max(int(unix - bound), 0),
                0 if gone else max(int(binding.expires - unix + 0.5), 0),
                retry_after if gone and ending == "probation" else 0,
                binding,
                gruus.public(binding) if binding.instance else "",
                gruus.newest(flows) if binding.instance and not gone else "",
            )
        )
    ended = "terminated" if contacts else "init"
    return RegistrationNews(aor, _hash(aor), "active" if after else ended, contacts)


def changes(
    before: Sequence[Binding], after: Sequence[Binding], unix: float
) -> Iterator[tuple[str, Binding]]:
    """What happened to each contact: "created", "refreshed", "shortened", "expired" or "ended". A
    contact is known by its URI, its instance and which of that phone's flows it is (RFC 5626); a
    phone that comes back with another one is one ended and one created."""
    old = {(each.contact, each.instance, each.reg_id): each for each in before}
    new = {(each.contact, each.instance, each.reg_id): each for each in after}
    for key, binding in old.items():
        if key not in new:
            yield ("expired" if binding.expires <= unix else "ended"), binding
    for key, binding in new.items():
        known = old.get(key)
        if known is None:
            yield "created", binding
        elif known != binding:
            yield ("shortened" if _shortened(known, binding) else "refreshed"), binding


def contact_id(binding: Binding) -> str:
    """What names a contact in all reg-info documents about it."""
    which = f"\0{binding.reg_id}" if binding.reg_id else ""
    return _hash(f"{binding.aor}\0{binding.contact}\0{binding.instance}{which}")


def _shortened(known: Binding, binding: Binding) -> bool:
    """True if it was not the phone that made the time shorter (RFC 3680 4.2)."""
    same = (known.call_id, known.cseq) == (binding.call_id, binding.cseq)
    return same and binding.expires < known.expires


def _hash(text: str) -> str:
    return blake2s(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
