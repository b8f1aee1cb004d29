"""One registration of a tool: REGISTER, refreshed before it ends (RFC 3261 10.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from offhook.auth import DigestClient
from offhook.cli.link import Link
from offhook.cli.one_request import answer_stranger
from offhook.cli.requests import Sender
from offhook.errors import MessageError
from offhook.message import Message, Uri, parse
from offhook.message.headers import CONTACT, EXPIRES, MIN_EXPIRES
from offhook.server.json_value import Json
from offhook.transport.flow import Flow

__all__ = ["Registered", "Registration"]

REFRESH = 0.8  # of the lease, as phones do
SHORTEST_WAIT = 1.0  # seconds between two refreshes, however short the lease


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registrar answered. `expires` is the lease of our binding in seconds, 0 for none."""

    uri: str
    status: int
    reason: str
    expires: int
    contacts: tuple[str, ...]
    seconds: float

    @property
    def accepted(self) -> bool:
        """True for a 2xx."""
        return 200 <= self.status < 300

    def line(self) -> str:
        """For people."""
        text = f"{self.status} {self.reason} in {self.seconds * 1000:.1f} ms"
        if not self.accepted:
            hint = "; give --password-stdin" if self.status in (401, 407) else ""
            return f"{self.uri}: {text}{hint}"
        state = f"registered for {self.expires} s" if self.expires else "not registered"
        return f"{self.uri}: {text}, {state}, {len(self.contacts)} binding(s)"

    def document(self) -> Json:
        """For programs."""
        return {
            "uri": self.uri,
            "status": self.status,
            "reason": self.reason,
            "expires": self.expires,
            "contacts": list(self.contacts),
            "round_trip_ms": round(self.seconds * 1000, 3),
        }


class Registration:
    """The binding of one AoR to our end of a flow. `patience`: seconds for each request."""

    def __init__(
        self, link: Link, flow: Flow, aor: Uri, *, patience: float, digest: DigestClient | None
    ) -> None:
        self._aor = aor.replace(parameters=()).text.partition("?")[0]
        self._sender = Sender(link, flow, self._aor, patience, digest)
        self._domain = aor.replace(user="", parameters=()).text.partition("?")[0]
        self._contact = f"sip:{aor.user}@{flow.own};transport={flow.transport.lower()}"

    async def send(self, lease: int) -> Registered:
        """Ask for this lease (seconds; 0 removes the binding); once more if it is too short (423).

        Raises NoAnswerError.
        """
        registered, response = await self._ask(lease)
        longer = _min_expires(response) if registered.status == 423 else 0
        if longer > lease > 0:
            registered, _ = await self._ask(longer)
        return registered

    async def keep(self, first: Registered, ended: asyncio.Event) -> AsyncIterator[Registered]:
        """Refresh until `ended` is set, each answer as it comes."""
        lease = first.expires
        while not ended.is_set():
            await self._idle(self._sender.link, max(lease * REFRESH, SHORTEST_WAIT), ended)
            if not ended.is_set():
                refreshed = await self.send(lease)
                lease = refreshed.expires or lease
                yield refreshed

    async def _ask(self, lease: int) -> tuple[Registered, Message]:
        headers = [("Contact", f"<{self._contact}>;expires={lease}"), ("Expires", str(lease))]
        answer = await self._sender.send("REGISTER", self._domain, self._aor, headers)
        response = answer.response
        contacts, granted = self._bindings(response, lease)
        registered = Registered(
            self._aor, response.status, response.reason, granted, contacts, answer.seconds
        )
        return registered, response

    def _bindings(self, response: Message, lease: int) -> tuple[tuple[str, ...], int]:
        """The bindings that a 2xx lists, and the lease of ours."""
        if not 200 <= response.status < 300:
            return (), 0
        try:
            contacts = response.typed(CONTACT)
            default = response.typed(EXPIRES)
        except MessageError:
            return (), lease
        granted = 0
        for contact in contacts:
            if contact.uri.text.partition(";")[0] == self._contact.partition(";")[0]:
                written = contact.parameters.text("expires")
                granted = int(written) if written.isdecimal() else default or lease
        return tuple(str(contact) for contact in contacts), granted

    async def _idle(self, link: Link, seconds: float, ended: asyncio.Event) -> None:
        """Answer who asks, until the time is over or `ended` is set."""
        until = link.now() + seconds
        stop = asyncio.create_task(ended.wait())
        while link.now() < until and not stop.done():
            arrival = asyncio.create_task(link.next_arrival(until))
            await asyncio.wait({arrival, stop}, return_when=asyncio.FIRST_COMPLETED)
            came = arrival.result() if arrival.done() else None
            if came is not None and came.data:
                with suppress(MessageError):
                    message = parse(came.data)
                    if message.is_request and message.core():
                        answer_stranger(link, came.flow, message)
            if not arrival.done():
                arrival.cancel()
        stop.cancel()


def _min_expires(response: Message) -> int:
    try:
        return response.typed(MIN_EXPIRES) or 0
    except MessageError:
        return 0
