"""One exchange on a bench: the real engine, driver and dispatcher on a recording network in virtual
time.

Every method is synchronous: it plays its part on the bench's own loop until nobody can go on
without time passing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TypedDict, TypeVar, Unpack

from offhook.auth import Bans, DigestClient, DigestGuard, Learned, NonceRegistry, ha1_of_all
from offhook.engine.engine import Engine
from offhook.engine.settings import EngineSettings
from offhook.exchange import Exchange, Gateway, Profile
from offhook.exchange.dispatcher import Dispatcher
from offhook.exchange.flow_bindings import FlowBindings
from offhook.exchange.gateway_guard import guard_of
from offhook.exchange.serving import Clock, Serving
from offhook.message import Message
from offhook.registrar import Binding, Gruus
from offhook.runtime.driver import Driver
from offhook.storage.memory import MemoryAccounts, MemoryBindings
from offhook.storage.protocols import Account, AccountStore
from offhook.testing.builders import build_request, build_response
from offhook.testing.loop import VirtualLoop
from offhook.transport.flow import Address, Flow, Listener
from tests.unit.recording_network import EPOCH, RecordingNetwork

__all__ = [
    "ALICE",
    "BOB",
    "CAROL",
    "PASSWORD",
    "STRANGER",
    "Bench",
    "Changes",
    "ColdAccounts",
    "Setting",
    "binding",
    "credentials",
]

T = TypeVar("T")

ALICE = ("198.51.100.1", 5060)
BOB = ("198.51.100.2", 5060)
CAROL = ("198.51.100.3", 5060)
STRANGER = ("203.0.113.9", 5060)
PASSWORD = "a-good-one"
TURNS = 20  # of the loop until everybody has had their say


class ColdAccounts(MemoryAccounts):
    """A store that has to look every account up; `asked` are the look-ups."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def cached(self, user: str, realm: str) -> tuple[bool, Account | None]:
        return False, None

    async def get(self, user: str, realm: str) -> Account | None:
        self.asked.append(f"{user}@{realm}")
        await asyncio.sleep(0.01)
        return await super().get(user, realm)


@dataclass
class Setting:
    """What a configuration says. Profile "internal" is at 192.0.2.1:5060 (UDP, TCP), "external",
    which never authenticates, at 192.0.2.1:5080."""

    authenticate: bool = True
    registrar: bool = True
    domains: Sequence[str] = ("example.com",)
    accounts: Sequence[str] = ("alice", "bob")
    gateways: Sequence[Gateway] = ()
    immediate: bool = True  # the location store answers without waiting
    store: AccountStore = field(default_factory=MemoryAccounts)
    host: str = "192.0.2.1"
    digest: Sequence[str] = ("MD5",)
    redirect: bool = False
    secure: bool = False  # profile "internal" is at 192.0.2.1:5061 over TLS too


class Options(TypedDict, total=False):
    """What `builders.build_request` takes; `caller` is the bare URI."""

    source: Address
    transport: str
    branch: str
    caller: str
    callee: str
    call_id: str
    cseq: int
    headers: Sequence[tuple[str, str]]
    without: Sequence[str]
    body: bytes


class Changes(TypedDict, total=False):
    """Fields of a binding."""

    aor: str
    contact: str
    expires: float
    q: int
    instance: str
    path: tuple[str, ...]
    flow: str
    by_flow: bool
    registered: float


def binding(user: str, host: str, **changes: Unpack[Changes]) -> Binding:
    """A registered contact of a user of example.com."""
    made = Binding(
        f"sip:{user}@example.com",
        f"sip:{user}@{host}:5060",
        EPOCH + 3600,
        1000,
        f"registration of {user}",
        1,
        "",
        (),
        f"udp/192.0.2.1:5060/{host}:5060",
        by_flow=False,
        user_agent="",
        registered=EPOCH,
    )
    return replace(made, **changes)


class Bench:
    """Use as a context manager."""

    def __init__(
        self,
        exchange: Exchange | None = None,
        setting: Setting | None = None,
        bindings: MemoryBindings | None = None,
    ) -> None:
        self.exchange = exchange or Exchange()
        self.setting = setting or Setting()
        self.loop = VirtualLoop()
        self.network = RecordingNetwork()
        self.bindings = MemoryBindings() if bindings is None else bindings
        self.failures: list[BaseException] = []
        self.lost: list[str] = []  # connections that the dispatcher reported
        self.engine = Engine(
            EngineSettings(
                key=b"k" * 16,
                boot="b1",
                domains=frozenset(self.setting.domains),
                worker="0",
                guarded=guard_of({each.name: each for each in self.setting.gateways}),
            )
        )
        self._count = 0
        self.run(self._open())

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.run(self._close())
        self.loop.close()
        if error is None:
            assert not self.failures, self.failures
            assert not self.loop.failures, self.loop.failures

    # time -----------------------------------------------------------------------------------------
    def run(self, work: Coroutine[object, object, T]) -> T:
        """Let something happen on the bench."""
        return self.loop.run_until_complete(work)

    def play(self, action: Callable[[], object]) -> list[Message]:
        """Call something on the bench's loop: what was sent because of it."""
        return self.run(self._watch(action, 0.0))

    def advance(self, seconds: float) -> list[Message]:
        """Time passes: what was sent meanwhile."""
        return self.run(self._watch(lambda: None, seconds))

    # messages -------------------------------------------------------------------------------------
    def receive(
        self, data: bytes, source: Address | Flow = ALICE, profile: str = "internal"
    ) -> list[Message]:
        """A message arrives: what was sent because of it."""
        flow = source if isinstance(source, Flow) else self.network.datagram(source, profile)
        return self.play(lambda: self.network.receive(flow, data))

    def ask(
        self, method: str, uri: str, *, profile: str = "internal", **options: Unpack[Options]
    ) -> list[Message]:
        """A request without credentials."""
        source = options.get("source", ALICE)
        return self.receive(self.request(method, uri, **options), source, profile)

    def ask_as(
        self,
        user: str,
        method: str,
        uri: str,
        *,
        password: str = PASSWORD,
        profile: str = "internal",
        **options: Unpack[Options],
    ) -> list[Message]:
        """A request, and the same again with credentials: what came of the second."""
        options.setdefault("caller", f"sip:{user}@example.com")
        challenge = self.ask(method, uri, profile=profile, **options)[-1]
        return self.prove(
            user, challenge, method, uri, password=password, profile=profile, **options
        )

    def prove(
        self,
        user: str,
        challenge: Message,
        method: str,
        uri: str,
        *,
        password: str = PASSWORD,
        profile: str = "internal",
        **options: Unpack[Options],
    ) -> list[Message]:
        """A request with the answer to a challenge."""
        proof = credentials(user, password, challenge, method, uri)
        options["headers"] = [*options.get("headers", ()), *proof]
        options.setdefault("caller", f"sip:{user}@example.com")
        return self.ask(method, uri, profile=profile, **options)

    def request(self, method: str, uri: str, **options: Unpack[Options]) -> bytes:
        """A request with names of its own."""
        self._count += 1
        caller = options.get("caller", "sip:alice@example.com")
        made: Options = {
            "source": ALICE,
            "branch": f"z9hG4bKbench{self._count}",
            "call_id": f"call{self._count}@bench",
            "callee": f"<{caller if method == 'REGISTER' else uri}>",
            **options,
            "caller": f"<{caller}>;tag=from{self._count}",
        }
        return build_request(method, uri, **made)

    def respond(
        self,
        request: Message,
        status: int,
        source: Address = BOB,
        *,
        headers: Sequence[tuple[str, str]] = (),
    ) -> list[Message]:
        """A phone answers what it received: what was sent because of it."""
        data = build_response(request.to_bytes(), status, to_tag=f"at-{source[0]}", headers=headers)
        return self.receive(data, source)

    def cancel(self, request: bytes, source: Address = ALICE) -> list[Message]:
        """The caller gives up: what was sent because of it."""
        kept = [
            line
            for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
            if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"Max-Forwards")
        ]
        uri = request.split(b" ")[1]
        lines = [b"CANCEL " + uri + b" SIP/2.0", *kept, b"CSeq: 1 CANCEL", b"Content-Length: 0"]
        return self.receive(b"\r\n".join([*lines, b"", b""]), source)

    def bind(self, user: str, host: str, **changes: Unpack[Changes]) -> Binding:
        """A phone is registered."""
        made = binding(user, host, **changes)
        self.bindings.update_now(made.aor, lambda before: (None, (*before, made)))
        return made

    # inside ---------------------------------------------------------------------------------------
    async def _open(self) -> None:
        setting = self.setting
        for user in setting.accounts:
            await setting.store.put(
                Account(user, setting.domains[0], ha1_of_all(user, setting.domains[0], PASSWORD))
            )
        self.serving = self._serving()
        self.dispatcher = Dispatcher(self.serving, self.exchange.handlers, self.lost.append)
        self.driver = Driver(self.engine, self.network, self.dispatcher, self.failures.append)
        self.exchange.bind(self.serving)
        listeners = [
            Listener("internal", "UDP", setting.host, 5060),
            Listener("internal", "TCP", setting.host, 5060),
            Listener("external", "UDP", setting.host, 5080),
        ]
        if setting.secure:
            listeners.append(Listener("internal", "TLS", setting.host, 5061))
        await self.driver.listen(listeners)

    def _serving(self) -> Serving:
        setting = self.setting
        return Serving(
            engine=self.engine,
            clock=Clock(self.network.now, self.network.unix),
            flush=lambda: self.driver.flush(),
            bindings=self.bindings,
            immediate=self.bindings if setting.immediate else None,
            flows=FlowBindings(self.bindings),
            gruus=Gruus(b"g" * 32),
            accounts=setting.store,
            profiles=_profiles(setting),
            gateways={gateway.name: gateway for gateway in setting.gateways},
            domains=frozenset(setting.domains),
            default_domain=setting.domains[0],
            bans=Bans(),
            random_hex=lambda: "c0ffee",
        )

    async def _watch(self, action: Callable[[], object], seconds: float) -> list[Message]:
        """What is sent by an action, while time passes, and until nobody can go on."""
        start = len(self.network.sent)
        action()
        if seconds:
            await asyncio.sleep(seconds)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return [each.message for each in self.network.sent[start:]]

    async def _close(self) -> None:
        await self.dispatcher.stop()
        await self.driver.stop()
        self.exchange.unbind()


def _profiles(setting: Setting) -> Mapping[str, Profile]:
    guard = DigestGuard(NonceRegistry(b"n" * 16), algorithms=setting.digest)
    return {
        "internal": Profile(
            "internal",
            setting.authenticate,
            setting.registrar,
            guard,
            redirect=setting.redirect,
        ),
        "external": Profile("external", False, False, guard),
    }


def credentials(
    user: str, password: str, challenge: Message, method: str, uri: str
) -> list[tuple[str, str]]:
    """The header that answers a challenge."""
    client = DigestClient(user, password)
    assert client.learn(challenge, ()) is Learned.RETRY, challenge.to_bytes()
    return client.headers(method, uri, cnonce="c0ffee")
