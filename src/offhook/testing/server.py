"""A whole exchange on a virtual host: the real engine, driver, dispatcher and program.

Nothing of the server is replaced but sockets, clocks, disk and randomness, which is drawn from the
seed of the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network

from offhook.auth import Bans, DigestGuard, NonceRegistry, ha1_of_all
from offhook.engine.engine import Engine
from offhook.engine.settings import EngineSettings
from offhook.errors import StartError
from offhook.exchange import Exchange, Gateway, Profile
from offhook.exchange.counters import Counters
from offhook.exchange.dispatcher import Dispatcher
from offhook.exchange.flow_bindings import FlowBindings
from offhook.exchange.flow_moves import FlowMoves
from offhook.exchange.gateway_guard import guard_of
from offhook.exchange.handlers import Hook
from offhook.exchange.keep_alive import KeepAlive
from offhook.exchange.ping_schedule import KeepAlivePolicy
from offhook.exchange.serving import Clock, Serving
from offhook.registrar.binding import Binding
from offhook.registrar.gruu import Gruus
from offhook.registrar.registration import RegistrarPolicy
from offhook.runtime.driver import Driver
from offhook.server.listen import parse_listener
from offhook.server.loop_lag import LoopLag
from offhook.server.measures import Measures
from offhook.storage.memory import MemoryStorage
from offhook.storage.protocols import Account
from offhook.testing.network import VirtualNetwork
from offhook.testing.wire import EPOCH, Wire
from offhook.transport.flow import Address, Listener

__all__ = ["ProfileSettings", "ServerSettings", "SimulatedExchange", "Trunk"]


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """One profile. Listeners are written as in the configuration: "udp:192.0.2.1:5060"."""

    listen: Sequence[str] = (
        "udp:192.0.2.1:5060",
        "tcp:192.0.2.1:5060",
        "tls:192.0.2.1:5061",
        "ws:192.0.2.1:80",
        "wss:192.0.2.1:443",
    )
    authenticate: bool = True
    registrar: bool = True
    digest: Sequence[str] = ("MD5",)
    qop: Sequence[str] = ("auth",)
    policy: RegistrarPolicy = field(default_factory=RegistrarPolicy)
    advertise: str = ""
    advertise_to: Mapping[str, str] = field(default_factory=dict)
    redirect: bool = False


@dataclass(frozen=True, slots=True)
class Trunk:
    """One gateway."""

    uri: str
    profile: str
    username: str = ""
    password: str = field(default="", repr=False)
    peers: Sequence[str] = ()
    names: Sequence[str] = ()  # of its certificate, which makes a TLS connection its own


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the configuration file says for a real server. Accounts are user@domain: password."""

    domains: Sequence[str] = ("example.com",)
    profiles: Mapping[str, ProfileSettings] = field(
        default_factory=lambda: {"internal": ProfileSettings()}
    )
    accounts: Mapping[str, str] = field(
        default_factory=lambda: {
            f"{name}@example.com": f"{name}-secret" for name in ("alice", "bob", "carol", "dave")
        }
    )
    gateways: Mapping[str, Trunk] = field(default_factory=dict)
    addresses: Sequence[str] = ()  # of the host, besides those of listeners: for wildcards
    max_transactions: int = 200_000
    timer_slack: float = 0.0  # share of its delay by which a timer may be late
    # off, unlike a real server's: its timers would never let a story settle
    keep_alive: KeepAlivePolicy = field(default_factory=lambda: KeepAlivePolicy("off"))


class SimulatedExchange:
    """One server on the wire. `start` opens it; `stop` and `start` are a restart, which keeps
    accounts, keys and bindings and nothing else."""

    engine: Engine
    driver: Driver
    network: VirtualNetwork
    keep_alive: KeepAlive

    def __init__(
        self, wire: Wire, exchange: Exchange | None = None, settings: ServerSettings | None = None
    ) -> None:
        self.wire = wire
        self.exchange = exchange or Exchange()
        self.settings = settings or ServerSettings()
        self.failures: list[BaseException] = []  # what the engine or the application let out
        self.storage = MemoryStorage(random_bytes=wire.random.randbytes)
        self.listeners: Sequence[Listener] = ()
        self._dispatcher: Dispatcher | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._sweeps: set[asyncio.Task[None]] = set()
        self._bans = Bans()
        self._counters = Counters()
        self.storage.bindings.watch(self._watch_expiry)

    async def start(self) -> None:
        """Open the listeners, make the accounts, run the program's start-up."""
        listeners = self._parse_listeners()
        named = [listener.host for listener in listeners if not listener.wildcard]
        hosts = dict.fromkeys([*named, *self.settings.addresses])
        self.network = network = VirtualNetwork(self.wire, *hosts)
        self._bans = Bans()
        self._counters = Counters()
        await self._add_accounts()
        serving = await self._serving(network)
        self.engine = serving.engine
        FlowMoves(self.storage.bindings, self.engine.flow_moved)
        lost = partial(_drop, serving.flows, self._counters)
        dispatcher = Dispatcher(serving, self.exchange.handlers, lost)
        self._dispatcher = dispatcher
        self.driver = Driver(self.engine, network, dispatcher, self.failures.append)
        self.exchange.bind(serving)
        for hook in self.exchange.handlers.startup:
            await _call(hook)
        self.listeners = await self.driver.listen(listeners)
        self.keep_alive = KeepAlive(serving, self.settings.keep_alive)
        await self.keep_alive.start()

    async def stop(self) -> None:
        """End handlers, run the program's shutdown, close every socket."""
        if self._dispatcher is None:
            return
        await self.keep_alive.stop()
        await self._dispatcher.stop()
        self._dispatcher = None
        for hook in self.exchange.handlers.shutdown:
            await _call(hook)
        self.exchange.unbind()
        await self.driver.stop()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def address(self, transport: str = "UDP", profile: str = "") -> Address:
        """Host and port of a listener. Raises StartError if there is none."""
        for listener in self.listeners:
            if listener.transport == transport and profile in ("", listener.profile):
                host = self.network.addresses[0] if listener.wildcard else listener.host
                return (host, listener.port)
        raise StartError(f"profile {profile or 'any'} has no {transport} listener")

    def measures(self) -> Measures:
        """Where the numbers are, as `offhook.server.metrics.Metrics` reads them."""
        return Measures(
            engine=self.engine,
            network=self.network,
            storage=self.storage,
            exchange=self._counters,
            bans=self._bans,
            lag=LoopLag(),  # virtual time is never late
        )

    def bindings_of(self, aor: str) -> Sequence[Binding]:
        """The bindings of an AoR ("sip:bob@example.com"), expired ones left out."""
        unix = self.network.unix()
        return [each for each in self.storage.bindings.lookup_now(aor) if each.expires > unix]

    def leaks(self) -> list[str]:
        """What is left of calls, one line each; nothing once their timers are over."""
        engine = self.engine
        found = [f"server failure: {error!r}" for error in self.failures]
        counts = engine.transactions.counts()
        if counts.servers or counts.clients or counts.cancels:
            found.append(f"transactions: {counts}")
        if engine.pending:
            found.append(f"timers and ways pending: {engine.pending}")
        return found

    # inside -------------------------------------------------------------------------------------
    def _parse_listeners(self) -> list[Listener]:
        return [
            parse_listener(name, text, profile.advertise, profile.advertise_to)
            for name, profile in self.settings.profiles.items()
            for text in profile.listen
        ]

    async def _add_accounts(self) -> None:
        for name, password in self.settings.accounts.items():
            user, _, realm = name.partition("@")
            await self.storage.accounts.put(Account(user, realm, ha1_of_all(user, realm, password)))

    async def _serving(self, network: VirtualNetwork) -> Serving:
        settings, storage = self.settings, self.storage
        draw = self.wire.random
        gateways = {name: _gateway(name, trunk) for name, trunk in settings.gateways.items()}
        engine = Engine(
            EngineSettings(
                key=await storage.secret("route", 32),
                boot=draw.randbytes(4).hex(),
                domains=frozenset(settings.domains),
                timer_slack=settings.timer_slack,
                max_transactions=settings.max_transactions,
                guarded=guard_of(gateways),
            )
        )
        key = await storage.secret("digest", 32)
        return Serving(
            engine=engine,
            clock=Clock(network.now, network.unix),
            flush=self._flush,
            bindings=storage.bindings,
            immediate=storage.bindings,
            flows=FlowBindings(storage.bindings, engine.close_idle),
            gruus=Gruus(await storage.secret("gruu", 32)),
            accounts=storage.accounts,
            profiles={
                name: _profile(name, profile, key, network.unix())
                for name, profile in settings.profiles.items()
            },
            gateways=gateways,
            domains=frozenset(settings.domains),
            default_domain=settings.domains[0],
            bans=self._bans,
            random_hex=lambda: draw.randbytes(8).hex(),
            counters=self._counters,
        )

    def _flush(self) -> None:
        if self._dispatcher is not None:
            self.driver.flush()

    def _watch_expiry(self, _aor: str, _before: object, after: Sequence[Binding]) -> None:
        """Expired bindings go when the first of them ends: a simulation has no periodic timer, so
        that it can tell when nothing is left to happen."""
        soonest = min([binding.expires for binding in after], default=None)
        if soonest is None:
            return
        when = soonest - EPOCH
        if self._expiry is None or self._expiry.when() > when:
            if self._expiry is not None:
                self._expiry.cancel()
            self._expiry = self.wire.loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        self._expiry = None
        task = self.wire.loop.create_task(self._expire())
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    async def _expire(self) -> None:
        store = self.storage.bindings
        gone = await store.expire(EPOCH + self.wire.loop.time())
        self._counters.bindings_expired += len(gone)
        self._watch_expiry("", (), await store.all())


def _profile(name: str, settings: ProfileSettings, key: bytes, unix: float) -> Profile:
    nonces = NonceRegistry(key, not_before=unix)
    guard = DigestGuard(nonces, algorithms=settings.digest, qop=settings.qop)
    return Profile(
        name, settings.authenticate, settings.registrar, guard, settings.policy, settings.redirect
    )


def _gateway(name: str, trunk: Trunk) -> Gateway:
    peers = tuple(ip_network(peer) for peer in trunk.peers)
    names = frozenset(trunk.names)
    password = trunk.password
    return Gateway(name, trunk.uri, trunk.profile, trunk.username, lambda: password, peers, names)


def _drop(bindings: FlowBindings, counters: Counters, flow: str) -> None:
    counters.bindings_lost += bindings.lost(flow)


async def _call(hook: Hook) -> None:
    waiting = hook()
    if waiting is not None:
        await waiting
