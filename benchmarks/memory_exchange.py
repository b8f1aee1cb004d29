"""A registrar and proxy in memory: the engine, the smallest program above it, and a wire of lists.

No sockets, no loop, no storage: what is measured here is what the core alone costs. The program is
a plain function, as the built-in ones are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.servers import DOMAIN
from offhook.engine.actions import Open, Send
from offhook.engine.engine import Engine
from offhook.engine.events import Event, RequestReceived
from offhook.engine.incoming import Incoming
from offhook.engine.settings import EngineSettings
from offhook.errors import PeerError
from offhook.proxy.target import ForkRequest, Target
from offhook.registrar import Binding, RegistrarPolicy, change, read
from offhook.transport import Flow, Listener

__all__ = ["CALLEE", "CALLER", "MemoryExchange"]

SERVER = ("127.0.0.1", 5060)
CALLER = ("127.0.0.1", 5070)
CALLEE = ("127.0.0.1", 5080)
UNIX = 1_800_000_000.0  # seconds; what the wall clock shows when the monotonic one shows 0


class MemoryExchange:
    """One engine with its program. `now` is set by the caller; `sent` collects what leaves."""

    def __init__(self) -> None:
        self.engine = Engine(
            EngineSettings(key=bytes(range(16)), boot="bench", domains=frozenset({DOMAIN}))
        )
        self.now = 0.0
        self.sent: list[Send] = []
        self.handle: Callable[[Event], None] = self._handle  # or another program's
        self._listener = Listener("bench", "UDP", *SERVER)
        self._flows: dict[tuple[str, int], Flow] = {}
        self._bindings: dict[str, Sequence[Binding]] = {}
        self._policy = RegistrarPolicy()
        self.engine.add_listener(self._listener)

    def flow(self, remote: tuple[str, int]) -> Flow:
        """The one flow to an address."""
        found = self._flows.get(remote)
        if found is None:
            found = self._flows[remote] = Flow(self._listener, SERVER, remote)
        return found

    def receive(self, flow: Flow, data: bytes) -> None:
        """One message through the engine and the program; what it causes is in `sent`."""
        engine = self.engine
        engine.receive(flow, data, self.now)
        for event in engine.events():
            self.handle(event)
        for action in engine.actions():
            if isinstance(action, Send):
                self.sent.append(action)
            elif isinstance(action, Open):
                engine.flow_opened(action.ticket, self.flow(action.destination), self.now)
                self._flush()

    def advance(self, now: float) -> None:
        """Let time pass."""
        self.now = now
        self.engine.advance(now)
        self._flush()

    def _flush(self) -> None:
        self.sent += [action for action in self.engine.actions() if isinstance(action, Send)]

    def take(self) -> list[Send]:
        """What was sent since the last time."""
        found, self.sent = self.sent, []
        return found

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            if event.incoming.message.method == "REGISTER":
                self._register(event.incoming)
            else:
                self._route(event.incoming)

    def _register(self, incoming: Incoming) -> None:
        flow = incoming.flow.name
        try:
            registration = read(incoming.message, policy=self._policy, flow=flow, by_flow=False)
        except PeerError as error:
            self.engine.respond(incoming, error.status, self.now, reason=error.reason)
            return
        known = self._bindings.get(registration.aor, ())
        update = change(known, registration, UNIX + self.now)
        self._bindings[registration.aor] = update.bindings
        self.engine.respond(
            incoming, update.status, self.now, reason=update.reason, headers=update.headers
        )

    def _route(self, incoming: Incoming) -> None:
        bindings = self._bindings.get(incoming.message.uri)
        if not bindings:
            self.engine.respond(incoming, 480, self.now)
            return
        targets = tuple(Target(binding.contact) for binding in bindings)
        self.engine.fork(incoming, ForkRequest((targets,), decides=True), self.now)
