"""The handlers that a program declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from offhook.errors import UsageError
from offhook.exchange.fork import Fork
from offhook.exchange.relay import Relay
from offhook.exchange.reply import Reply
from offhook.exchange.request import Request
from offhook.proxy.target import Outcome
from offhook.registrar.binding import Binding
from offhook.registrar.news import RegistrationNews

__all__ = [
    "Decision",
    "Handler",
    "Handlers",
    "Hook",
    "NewsHook",
    "Periodic",
    "RegistrationHook",
]

Decision = Reply | Fork | Outcome | Relay
Handler = Callable[[Request], Decision | Awaitable[Decision]]
Hook = Callable[[], Awaitable[None] | None]
RegistrationHook = Callable[[str, Binding], Awaitable[None] | None]  # (AoR, binding)
NewsHook = Callable[[RegistrationNews], Awaitable[None] | None]
EVENTS = (
    "registration.added",
    "registration.refreshed",
    "registration.removed",
    "registration.expired",
)


class Periodic:
    """A function that runs every `seconds`."""

    __slots__ = ("hook", "seconds")

    def __init__(self, seconds: float, hook: Hook) -> None:
        if seconds <= 0:
            raise UsageError(f"every({seconds}): seconds must be above 0")
        self.seconds = seconds
        self.hook = hook


class Handlers:
    """What one program declared."""

    def __init__(self) -> None:
        self._requests: dict[str, Handler] = {}
        self.startup: list[Hook] = []
        self.shutdown: list[Hook] = []
        self.periodic: list[Periodic] = []
        self.registrations: dict[str, list[RegistrationHook]] = {}  # by event
        self.registration_news: list[NewsHook] = []

    def add(self, methods: tuple[str, ...], handler: Handler) -> None:
        """Declare the handler of these methods; none means every method without one. Raises
        UsageError for a second one."""
        for method in methods or ("*",):
            if not method.isascii() or method != method.upper():
                raise UsageError(f'request("{method}"): methods are written in capitals')
            if method in self._requests:
                raise UsageError(f'request("{method}") is declared twice; join the two handlers')
            self._requests[method] = handler

    def add_event(self, event: str, hook: RegistrationHook) -> None:
        """Declare a hook of an event. Raises UsageError for an event that there is not."""
        if event not in EVENTS:
            raise UsageError(f'on("{event}"): no such event; there are {", ".join(EVENTS)}')
        self.registrations.setdefault(event, []).append(hook)

    @property
    def unmatched(self) -> frozenset[str]:
        """ACK and CANCEL, as far as the program asked for them."""
        return frozenset({"ACK", "CANCEL"} & self._requests.keys())

    def of(self, method: str) -> Handler | None:
        """The handler of a method, None if the built-in program serves it."""
        return self._requests.get(method) or self._requests.get("*")
