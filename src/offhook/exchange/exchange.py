"""The Exchange: what a routing program declares, and what a running server binds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from offhook.errors import NotServing, UsageError
from offhook.exchange.handlers import Handler, Handlers, Hook, NewsHook, Periodic, RegistrationHook
from offhook.exchange.location import Location
from offhook.exchange.profile import Gateway
from offhook.exchange.serving import Serving

__all__ = ["Exchange"]

H = TypeVar("H", bound=Handler)
K = TypeVar("K", bound=Hook)
R = TypeVar("R", bound=RegistrationHook)
N = TypeVar("N", bound=NewsHook)


class Exchange:
    """A routing program.

        exchange = Exchange()

        @exchange.request("INVITE")
        async def invite(request: Request) -> Decision:
            phones = await exchange.location.lookup(request.uri)
            return await request.fork(phones, ring=20) if phones else Reply(480)

    Stores and gateways come from the configuration of the server that binds it; before that they
    raise NotServing.
    """

    def __init__(self) -> None:
        self.handlers = Handlers()
        self.location = Location(self._bound)
        self._serving: Serving | None = None

    # declarations --------------------------------------------------------------------------------
    def request(self, *methods: str) -> Callable[[H], H]:
        """Declare the handler of some methods, or of all that have none. Methods without any go to
        the built-in program."""

        def declare(handler: H) -> H:
            self.handlers.add(methods, handler)
            return handler

        return declare

    def startup(self, hook: K) -> K:
        """Declare a function, plain or async, that runs before the first request."""
        self.handlers.startup.append(hook)
        return hook

    def shutdown(self, hook: K) -> K:
        """Declare a function, plain or async, that runs after the last request."""
        self.handlers.shutdown.append(hook)
        return hook

    def every(self, seconds: float) -> Callable[[K], K]:
        """Declare a function, plain or async, that runs every so many seconds."""

        def declare(hook: K) -> K:
            self.handlers.periodic.append(Periodic(seconds, hook))
            return hook

        return declare

    def on(self, event: str) -> Callable[[R], R]:
        """Declare a function, plain or async, that hears of registrations: it gets the AoR and the
        Binding.

        Events: "registration.added", "registration.refreshed", "registration.removed" and
        "registration.expired". Raises UsageError for another one.
        """

        def declare(hook: R) -> R:
            self.handlers.add_event(event, hook)
            return hook

        return declare

    def registration(self, hook: N) -> N:
        """Declare a function, plain or async, that gets a RegistrationNews for each change of the
        bindings of an AoR: what a reg-info document says (RFC 3680, RFC 5628)."""
        self.handlers.registration_news.append(hook)
        return hook

    # what a running server gives -----------------------------------------------------------------
    @property
    def gateways(self) -> Mapping[str, Gateway]:
        """The gateways of the configuration, by name. Raises NotServing."""
        return self._bound().gateways

    def bind(self, serving: Serving) -> None:
        """Belong to a running server. Raises UsageError if another one has it."""
        if self._serving is not None:
            raise UsageError("this exchange is bound to a running server already")
        self._serving = serving

    def unbind(self) -> None:
        """The server has ended."""
        self._serving = None

    def _bound(self) -> Serving:
        if self._serving is None:
            raise NotServing("use stores inside handlers or startup functions: no server runs yet")
        return self._serving
