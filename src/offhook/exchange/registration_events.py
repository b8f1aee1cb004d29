"""What happens to registrations, told to the hooks of a program.

A binding is known by its Contact and its instance: a phone that comes back with another Contact is
one removed and one added. Costs nothing where no hook is declared. Hooks come after the fact and
cannot change it; what they raise is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from inspect import isawaitable

import structlog

from offhook.exchange.handlers import Handlers
from offhook.registrar.binding import Binding
from offhook.storage.protocols import BindingStore

__all__ = ["RegistrationEvents"]

log = structlog.get_logger()


class RegistrationEvents:
    """Watches one store for one program. `unix` tells an expired binding from a removed one."""

    def __init__(self, handlers: Handlers, store: BindingStore, unix: Callable[[], float]) -> None:
        self._hooks = handlers.registrations
        self._unix = unix
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        if self._hooks:
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
        for event, binding in _events(before, after, self._unix()):
            for hook in self._hooks.get(event, ()):
                try:
                    waiting = hook(aor, binding)
                except Exception as error:
                    _failed(event, binding, error)
                    continue
                if isawaitable(waiting):
                    task = asyncio.get_running_loop().create_task(_run(waiting, event, binding))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)


def _events(
    before: Sequence[Binding], after: Sequence[Binding], unix: float
) -> Iterator[tuple[str, Binding]]:
    old = {(binding.contact, binding.instance): binding for binding in before}
    new = {(binding.contact, binding.instance): binding for binding in after}
    for key, binding in old.items():
        if key not in new:
            ended = binding.expires <= unix
            yield "registration.expired" if ended else "registration.removed", binding
    for key, binding in new.items():
        known = old.get(key)
        if known is None:
            yield "registration.added", binding
        elif known != binding:
            yield "registration.refreshed", binding


async def _run(waiting: Awaitable[None], event: str, binding: Binding) -> None:
    try:
        await waiting
    except Exception as error:
        _failed(event, binding, error)


def _failed(event: str, binding: Binding, error: Exception) -> None:
    log.error("hook_failed", hook=event, call_id=binding.call_id, exc_info=error)
