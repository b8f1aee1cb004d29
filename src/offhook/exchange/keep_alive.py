"""Phones behind NATs are pinged, so that their mapping stays open and a dead one is found out (RFC
5626 4.4 from the server's side; OPTIONS as RFC 3261 11 has it).

OPTIONS by the flow of the binding: any response is a sign of life, and what goes out through the
NAT refreshes the mapping in every kind of box. CRLF is four octets and no answer: it keeps a
mapping open in boxes that count what comes in, and cannot find out that a phone is gone.

Pacing is `ping_schedule`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from offhook.engine.outgoing import Outgoing
from offhook.errors import PeerError, StorageError, UsageError
from offhook.exchange.endings import because
from offhook.exchange.ping_schedule import Contact, KeepAlivePolicy, PingSchedule
from offhook.exchange.serving import Serving
from offhook.message.build import make_request
from offhook.message.message import Message
from offhook.registrar.binding import Binding

__all__ = ["Health", "KeepAlive"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """What the pings of a contact have shown. Seconds; None as long as nothing was shown."""

    alive: float | None  # since the first response of an unbroken row
    latency: float | None  # of the last answered ping
    lost: int  # pings in a row without a response


class KeepAlive:
    """Keeps the contacts of one server alive. Made on a running loop."""

    def __init__(self, serving: Serving, policy: KeepAlivePolicy) -> None:
        self._serving = serving
        self._policy = policy
        self._schedule = PingSchedule(policy)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._removals: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._start = serving.random_hex()
        self._count = 0
        if policy.method != "off":
            serving.bindings.watch(self._changed)

    async def start(self) -> None:
        """Take over the bindings that are there already. Raises StorageError."""
        if self._policy.method == "off":
            return
        by_aor: dict[str, list[Binding]] = {}
        for binding in await self._serving.bindings.all():
            by_aor.setdefault(binding.aor, []).append(binding)
        for aor, bindings in by_aor.items():
            self._changed(aor, (), bindings)

    async def stop(self) -> None:
        """Ping nobody any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._removals:
            task.cancel()
        await asyncio.gather(*self._removals, return_exceptions=True)

    @property
    def sent(self) -> int:
        """Pings since the start."""
        return self._serving.counters.pings

    @property
    def dropped(self) -> int:
        """Contacts that were silent for too long."""
        return self._serving.counters.bindings_silent

    def __len__(self) -> int:
        return len(self._schedule)

    def health(self, binding: Binding) -> Health | None:
        """What is known of a contact, None if it is not pinged."""
        contact = self._schedule.of(binding)
        if contact is None:
            return None
        since = contact.alive_since
        alive = None if since is None else self._serving.clock.now() - since
        return Health(alive, contact.latency, contact.lost)

    # the clock -----------------------------------------------------------------------------------
    def _changed(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        if self._stopped:
            return
        if self._schedule.changed(aor, before, after):
            self._arm()

    def _arm(self) -> None:
        when = self._schedule.next_due(self._serving.clock.now())
        timer = self._timer
        if timer is not None:
            if when is not None and timer.when() <= when:
                return
            timer.cancel()
        self._timer = None if when is None else self._loop.call_at(when, self._turn)

    def _turn(self) -> None:
        self._timer = None
        due = self._schedule.due(self._serving.clock.now())
        try:
            for contact in due.silent:
                self._give_up(contact)
            for contact in due.pings:
                self._ping(contact)
            self._serving.flush()
        finally:  # whatever one contact does, the others are pinged
            self._arm()

    # pings ---------------------------------------------------------------------------------------
    def _ping(self, contact: Contact) -> None:
        serving = self._serving
        binding = contact.binding
        profile = serving.engine.profile_of(binding.flow)
        if not profile:
            contact.waiting = False  # another server's flow, or a listener that is no more
            return
        serving.counters.pings += 1
        flow = binding.flow if binding.by_flow or not binding.flow.startswith("udp/") else ""
        now = serving.clock.now()
        if self._policy.method == "crlf":
            serving.engine.keep_open(profile, flow or binding.flow, now)
            return
        try:
            serving.engine.request(
                self._options(binding),
                profile,
                now,
                flow=flow,
                handle=partial(self._answered, contact),
            )
        except (PeerError, UsageError) as error:  # a Contact that no request can be sent to
            contact.waiting = False
            log.info("ping_impossible", aor=binding.aor, contact=binding.contact, error=str(error))

    def _options(self, binding: Binding) -> Message:
        self._count += 1
        domain = self._serving.default_domain
        return make_request(
            "OPTIONS",
            binding.contact,
            via=(),
            from_=f"<sip:keep-alive@{domain}>;tag={self._count:x}",
            to=f"<{binding.contact}>",
            call_id=f"{self._start}.{self._count:x}",
            cseq=1,
            headers=(("Accept", "application/sdp"),),  # RFC 3261 11.1
        )

    def _answered(self, contact: Contact, _outgoing: Outgoing, response: Message | None) -> None:
        if response is not None:
            self._schedule.answered(contact, self._serving.clock.now())

    # the dead ------------------------------------------------------------------------------------
    def _give_up(self, contact: Contact) -> None:
        if self._serving.immediate is not None:
            with because("deactivated"):
                removed = self._serving.immediate.update_now(
                    contact.binding.aor, _Without(contact.binding)
                )
            self._dropped(contact, removed)
            return
        task = self._loop.create_task(self._remove(contact))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def _remove(self, contact: Contact) -> None:
        binding = contact.binding
        try:
            with because("deactivated"):
                removed = await self._serving.bindings.update(binding.aor, _Without(binding))
        except StorageError as error:  # the next turn tries again
            log.warning("contact_not_removed", aor=binding.aor, error=str(error))
            return
        self._dropped(contact, removed)

    def _dropped(self, contact: Contact, removed: int) -> None:
        if not removed:
            return  # it has registered anew, or is gone
        self._serving.counters.bindings_silent += 1
        binding = contact.binding
        log.info(
            "contact_silent",
            aor=binding.aor,
            contact=binding.contact,
            flow=binding.flow,
            call_id=binding.call_id,
            pings=contact.lost,
        )


class _Without:
    """The change that removes one binding, unless it was refreshed meanwhile."""

    __slots__ = ("_binding",)

    def __init__(self, binding: Binding) -> None:
        self._binding = binding

    def __call__(self, bindings: Sequence[Binding]) -> tuple[int, Sequence[Binding]]:
        left = [binding for binding in bindings if binding != self._binding]
        return len(bindings) - len(left), left
