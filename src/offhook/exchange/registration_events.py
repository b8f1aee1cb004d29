"""What happens to registrations, told to the hooks of a program.

A binding is known by its Contact, its instance and its reg-id: a phone that comes back with another
Contact is one removed and one added. Costs nothing where no hook is declared. Hooks come after the
fact and cannot change it; what they raise is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable

import structlog

from offhook.exchange.endings import ending_now
from offhook.exchange.handlers import Handlers
from offhook.registrar.binding import Binding
from offhook.registrar.gruu import Gruus
from offhook.registrar.news import RegistrationNews, changes, contact_id, news
from offhook.storage.protocols import BindingStore

__all__ = ["RegistrationEvents"]

log = structlog.get_logger()

# the names that programs know; what ended by itself has one, all other endings another
_NAMES = {
    "created": "registration.added",
    "refreshed": "registration.refreshed",
    "shortened": "registration.refreshed",
    "ended": "registration.removed",
    "expired": "registration.expired",
}


class RegistrationEvents:
    """Watches one store for one program. `unix` tells an expired binding from a removed one."""

    def __init__(
        self,
        handlers: Handlers,
        store: BindingStore,
        unix: Callable[[], float],
        gruus: Gruus,
    ) -> None:
        self._hooks = handlers.registrations
        self._listeners = handlers.registration_news
        self._unix = unix
        self._gruus = gruus
        self._since: dict[str, float] = {}  # when a contact was bound, by its id
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        if self._hooks or self._listeners:
            store.watch(self._changed)

    async def stop(self) -> None:
        """Tell nothing more, and end the hooks that still run."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _changed(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        if self._stopped:
            return
        for change, binding in changes(before, after, self._unix()):
            event = _NAMES[change]
            for hook in self._hooks.get(event, ()):
                self._tell(event, binding.call_id, hook, aor, binding)
        if self._listeners:
            told = self._news(aor, before, after)
            call_id = told.contacts[0].binding.call_id if told.contacts else ""
            for listener in self._listeners:
                self._tell("registration", call_id, listener, told)

    def _news(
        self, aor: str, before: Sequence[Binding], after: Sequence[Binding]
    ) -> RegistrationNews:
        for binding in before:  # also what was bound before this server started
            self._since.setdefault(contact_id(binding), binding.registered)
        told = news(
            aor,
            before,
            after,
            unix=self._unix(),
            gruus=self._gruus,
            ending=ending_now(),
            since=self._since.get,
        )
        for contact in told.contacts:
            if contact.state == "terminated":
                self._since.pop(contact.id, None)
        for binding in after:
            self._since.setdefault(contact_id(binding), binding.registered)
        return told

    def _tell(
        self, event: str, call_id: str, hook: Callable[..., Awaitable[None] | None], *what: object
    ) -> None:
        try:
            waiting = hook(*what)
        except Exception as error:
            _failed(event, call_id, error)
            return
        if isawaitable(waiting):
            task = asyncio.get_running_loop().create_task(_run(waiting, event, call_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _run(waiting: Awaitable[None], event: str, call_id: str) -> None:
    try:
        await waiting
    except Exception as error:
        _failed(event, call_id, error)


def _failed(event: str, call_id: str, error: Exception) -> None:
    log.error("hook_failed", hook=event, call_id=call_id, exc_info=error)
