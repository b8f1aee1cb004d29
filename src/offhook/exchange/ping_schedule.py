"""Which contact is pinged when, and which has been silent for too long: pure, on any clock.

A wheel of slots that is turned once an interval. A contact stands in the slot that its name hashes
to, so that a hundred thousand that came at once, after a restart, are pinged evenly. A new one is
pinged within an interval of its registration and then once in each.

A ping counts as lost when no response has come by the next one. A response of any status is a sign
of life, and so is a REGISTER.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from offhook.registrar.binding import Binding

__all__ = ["Contact", "Due", "KeepAlivePolicy", "PingSchedule"]

SLOTS = 1000  # of the wheel: 100,000 contacts are 100 in each, some milliseconds of work
BURST = 500  # pings of one turn at most, when the clock has run ahead: the others follow


@dataclass(frozen=True, slots=True)
class KeepAlivePolicy:
    """How registered contacts are kept reachable, and found out when they are gone."""

    method: str = "options"  # "options", "crlf" or "off"
    interval: float = 25.0  # seconds: many NAT boxes forget a UDP mapping after 30
    lost: int = 3  # pings in a row without a response, then the contact is removed
    every: bool = False  # contacts that are not behind a NAT too, and connections


class Contact:
    """One binding that is looked after. Times are those of the clock that the schedule is fed."""

    __slots__ = ("alive_since", "binding", "gone", "latency", "lost", "sent", "waiting")

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.gone = False
        self.waiting = False  # for the response to the last ping
        self.lost = 0  # pings without a response since the last sign of life
        self.sent = 0.0  # when the last ping left
        self.alive_since: float | None = None  # the first response of an unbroken row
        self.latency: float | None = None  # seconds from the last answered ping to its response


@dataclass(slots=True)
class Due:
    """What is to be done now."""

    pings: list[Contact]
    silent: list[Contact]  # they have missed their last chance


class PingSchedule:
    """The contacts of one server. `watch` a store with `changed`."""

    def __init__(self, policy: KeepAlivePolicy) -> None:
        self.policy = policy
        self._width = policy.interval / SLOTS
        self._slots: list[list[Contact]] = [[] for _ in range(SLOTS)]
        self._contacts: dict[str, list[Contact]] = {}  # by AoR
        self._count = 0
        self._tick: int | None = None  # the last one that was looked at, of the clock

    def __len__(self) -> int:
        return self._count

    def wants(self, binding: Binding) -> bool:
        """True for a contact that is kept alive. What a Path leads to is the edge proxy's."""
        if binding.path:
            return False
        return self.policy.every or (binding.by_flow and binding.flow.startswith("udp/"))

    def changed(self, aor: str, _before: Sequence[Binding], after: Sequence[Binding]) -> bool:
        """The bindings of an AoR have changed. True if `next_due` may be earlier than before."""
        known = self._contacts.get(aor, ())
        wanted = [binding for binding in after if self.wants(binding)]
        if not known and not wanted:
            return False
        added = False
        contacts: list[Contact] = []
        for binding in wanted:
            contact = next((each for each in known if _same(each.binding, binding)), None)
            if contact is None:
                contact = self._add(binding)
                added = True
            elif contact.binding.registered != binding.registered:
                contact.lost = 0
                contact.waiting = False
            contact.binding = binding
            contacts.append(contact)
        for contact in known:
            if contact not in contacts:
                contact.gone = True  # it leaves its slot when that is looked at
                self._count -= 1
        if contacts:
            self._contacts[aor] = contacts
        else:
            self._contacts.pop(aor, None)
        return added

    def due(self, now: float) -> Due:
        """What is to be done at `now`; a ping that is named counts as sent."""
        found = Due([], [])
        current = int(now / self._width)
        if self._tick is None or current - self._tick > SLOTS:
            self._tick = current - (1 if self._tick is None else SLOTS)
        while self._tick < current and len(found.pings) < BURST:
            self._tick += 1
            self._look_at(self._tick % SLOTS, now, found)
        return found

    def next_due(self, now: float) -> float | None:
        """When `due` is wanted next, None while there is no contact."""
        if not self._count:
            return None
        first = (int(now / self._width) if self._tick is None else self._tick) + 1
        for tick in range(first, first + SLOTS):
            if self._slots[tick % SLOTS]:
                return (tick + 0.5) * self._width  # not at the edge, where a rounding counts
        return None

    def answered(self, contact: Contact, now: float) -> None:
        """A response to a ping has come."""
        if contact.waiting:
            contact.latency = now - contact.sent
        contact.waiting = False
        contact.lost = 0
        if contact.alive_since is None:
            contact.alive_since = now

    def of(self, binding: Binding) -> Contact | None:
        """What is known of a binding, None if it is not looked after."""
        known = self._contacts.get(binding.aor, ())
        return next((each for each in known if _same(each.binding, binding)), None)

    def _add(self, binding: Binding) -> Contact:
        contact = Contact(binding)
        place = crc32(f"{binding.aor} {binding.flow}".encode()) % SLOTS
        self._slots[place].append(contact)
        self._count += 1
        return contact

    def _look_at(self, place: int, now: float, found: Due) -> None:
        slot = self._slots[place]
        if not slot:
            return
        self._slots[place] = stay = [contact for contact in slot if not contact.gone]
        for contact in stay:
            if contact.waiting:
                contact.lost += 1
                contact.alive_since = None
            if contact.lost >= self.policy.lost:
                found.silent.append(contact)
            else:
                found.pings.append(contact)
                contact.sent = now
                contact.waiting = self.policy.method == "options"


def _same(one: Binding, other: Binding) -> bool:
    return (one.contact, one.instance, one.flow) == (other.contact, other.instance, other.flow)
