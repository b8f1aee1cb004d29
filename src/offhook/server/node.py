"""One server's moving parts: storage, network, engine, program and the clocks that look after them.
An `instance.Instance`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable

import structlog

from offhook.auth.bans import Bans
from offhook.auth.nonces import NonceRegistry
from offhook.engine.engine import Engine
from offhook.engine.settings import EngineSettings
from offhook.errors import OffhookError, StartError, StorageError, UsageError
from offhook.exchange.counters import Counters as ExchangeCounters
from offhook.exchange.dispatcher import Dispatcher
from offhook.exchange.endings import because
from offhook.exchange.exchange import Exchange
from offhook.exchange.flow_bindings import FlowBindings
from offhook.exchange.flow_moves import FlowMoves
from offhook.exchange.gateway_guard import guard_of
from offhook.exchange.handlers import Hook, Periodic
from offhook.exchange.keep_alive import KeepAlive
from offhook.exchange.serving import Clock, Serving
from offhook.registrar.binding import Binding
from offhook.registrar.gruu import Gruus
from offhook.runtime.driver import Driver
from offhook.runtime.network import Network
from offhook.runtime.origins import Origins
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.stun_server import StunCounters, StunServer
from offhook.runtime.tls import Tls
from offhook.runtime.tls_files import TlsFiles
from offhook.server.collector import quiet_collector
from offhook.server.database import open_configured_storage
from offhook.server.expiry import PERIOD as EXPIRY_LOOKS
from offhook.server.expiry import tell_expiry
from offhook.server.json_value import Json
from offhook.server.listen import listener_text
from offhook.server.loop_lag import LoopLag
from offhook.server.measures import Measures
from offhook.server.policies import make_gateways, make_keep_alive, make_profiles, make_tls
from offhook.server.rows import binding_row, certificate_row, connection_row, transaction_row
from offhook.server.schema import Config
from offhook.storage.protocols import AccountStore, Storage
from offhook.transport.flow import Listener

__all__ = ["Node"]

EXPIRY_PERIOD = 1.0  # seconds between looks for expired bindings
TIMER_SLACK = 0.05  # share of its delay by which a SIP timer may be late: they wake together
SHUTDOWN_SECONDS = 5.0  # for all shutdown functions together: bindings are still to be written
DRAIN_STEP = 0.05  # seconds between looks whether transactions are left

log = structlog.get_logger()


NetworkMaker = Callable[[Config, Tls, Origins], Network]


def _sockets(config: Config, tls: Tls, origins: Origins) -> Network:
    dns = config.dns
    return SocketNetwork(
        tls=tls,
        name_servers=dns.addresses(),
        dns_deadline=dns.deadline,
        origins=origins,
    )


class Node:
    """One server. `start` opens what `stop` closes."""

    def __init__(
        self, config: Config, exchange: Exchange, network: NetworkMaker = _sockets
    ) -> None:
        self._config = config
        self._exchange = exchange
        self._make_network = network
        self._storage: Storage | None = None
        self._driver: Driver | None = None
        self._network: Network | None = None
        self._tls = Tls()
        self._reloading = asyncio.Lock()  # one after the other: the last one asked for counts
        self._dispatcher: Dispatcher | None = None
        self._flow_bindings: FlowBindings | None = None
        self._keep_alive: KeepAlive | None = None
        self._counters = ExchangeCounters()
        self._lag = LoopLag()
        self._stun: StunServer | None = None
        self._bans = Bans()
        self._tasks: list[asyncio.Task[None]] = []
        self.listeners: Sequence[Listener] = ()

    # life ----------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Open storage and network, start the program. Raises StartError; what was opened is closed
        again."""
        try:
            await self._open()
        except BaseException:
            await self.stop()
            raise

    async def _open(self) -> None:
        config = self._config
        gateways = make_gateways(config)
        storage = self._storage = await open_configured_storage(config)
        engine = Engine(
            EngineSettings(
                key=await storage.secret("route", 32),
                boot=secrets.token_hex(4),
                domains=frozenset(config.domains),
                timer_slack=TIMER_SLACK,
                guarded=guard_of(gateways),
            )
        )
        tls = self._tls = Tls(make_tls(config))
        origins = Origins(config.websocket.origins, config.domains)
        network = self._network = self._make_network(config, tls, origins)
        flows = self._flow_bindings = FlowBindings(storage.bindings, engine.close_idle)
        digest_key = await storage.secret("digest", 32)
        start = network.unix()
        serving = Serving(
            engine=engine,
            clock=Clock(network.now, network.unix),
            flush=self._flush,
            bindings=storage.bindings,
            immediate=storage.bindings,
            flows=flows,
            gruus=Gruus(await storage.secret("gruu", 32)),
            accounts=storage.accounts,
            profiles=make_profiles(config, NonceRegistry(digest_key, not_before=start)),
            gateways=gateways,
            domains=frozenset(config.domains),
            default_domain=config.default_domain,
            bans=self._bans,
            random_hex=lambda: secrets.token_hex(8),
            counters=self._counters,
        )
        self._exchange.bind(serving)
        FlowMoves(storage.bindings, engine.flow_moved)
        self._dispatcher = Dispatcher(serving, self._exchange.handlers, self._connection_lost)
        self._driver = Driver(engine, network, self._dispatcher, self._failure)
        for hook in self._exchange.handlers.startup:
            await _start_up(hook)
        self.listeners = await self._driver.listen(config.listeners())
        self._keep_alive = KeepAlive(serving, make_keep_alive(config))
        await self._keep_alive.start()
        self._stun = StunServer(config.stun.listeners(), other_port=config.stun.other_port)
        for listener in await self._stun.start():
            log.info("stun", listener=listener_text(listener))
        self._start_tasks()
        quiet_collector()

    def _start_tasks(self) -> None:
        self._tasks.append(asyncio.create_task(self._expire()))
        self._tasks.append(asyncio.create_task(self._lag.watch()))
        self._tasks.append(asyncio.create_task(self._watch_certificates()))
        for periodic in self._exchange.handlers.periodic:
            self._tasks.append(asyncio.create_task(_repeat(periodic)))

    async def drain(self, seconds: float) -> None:
        """Refuse new requests; return when the running ones are answered, or after `seconds`."""
        driver = self._driver
        if driver is None:
            return
        driver.engine.drain()
        left = seconds
        while driver.engine.unanswered and left > 0:
            await asyncio.sleep(DRAIN_STEP)
            left -= DRAIN_STEP

    async def stop(self) -> None:
        """End handlers, run the program's shutdown, write what is to be kept, close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._stun is not None:
            await self._stun.stop()
            self._stun = None
        if self._keep_alive is not None:
            await self._keep_alive.stop()
            self._keep_alive = None
        if self._dispatcher is not None:
            await self._dispatcher.stop()
            await self._shut_down()
            self._exchange.unbind()
            self._dispatcher = None
        if self._driver is not None:
            await self._driver.stop()
            self._driver = None
        elif self._network is not None:
            await self._network.stop()
        self._network = None
        if self._storage is not None:
            await self._storage.close()
            self._storage = None

    async def _shut_down(self) -> None:
        end = asyncio.get_running_loop().time() + SHUTDOWN_SECONDS
        for hook in self._exchange.handlers.shutdown:
            try:
                async with asyncio.timeout_at(end):
                    await _call(hook)
            except Exception as error:
                log.error("shutdown_failed", exc_info=error)

    # what operators ask --------------------------------------------------------------------------
    @property
    def accounts(self) -> AccountStore:
        """The accounts."""
        return self._opened().accounts

    def measures(self) -> Measures | None:
        """Where the numbers are; None while the server is not open."""
        if self._driver is None or self._network is None or self._storage is None:
            return None
        return Measures(
            engine=self._driver.engine,
            network=self._network,
            storage=self._storage,
            exchange=self._counters,
            bans=self._bans,
            lag=self._lag,
            certificates=self._tls.certificates,
            stun=self._stun.counters if self._stun is not None else StunCounters(),
        )

    async def status(self) -> Mapping[str, Json]:
        """Counts, and whether the storage takes what it is given."""
        driver = self._driver
        counts = driver.engine.transactions.counts() if driver is not None else None
        return {
            "storage": self._opened().fault or "ok",
            "unsaved": self._opened().counts().pending,
            "registrations": self._opened().counts().contacts,
            "transactions": counts.servers + counts.clients + counts.cancels if counts else 0,
            "requests": driver.engine.counters.requests if driver is not None else 0,
            "responses": driver.engine.counters.responses if driver is not None else 0,
            "connections": len(driver.engine.connections()) if driver is not None else 0,
        }

    async def registrations(self) -> Sequence[Mapping[str, Json]]:
        """One object a binding."""
        unix = self._network.unix() if self._network is not None else 0.0
        bindings = await self._opened().bindings.all()
        keep_alive = self._keep_alive
        return [
            binding_row(binding, unix, keep_alive.health(binding) if keep_alive else None)
            for binding in bindings
            if binding.expires > unix
        ]

    async def unregister(self, aor: str) -> int:
        """Remove all bindings of an AoR; how many there were."""
        with because("deactivated"):
            return await self._opened().bindings.update(aor, _nothing_left)

    def transactions(self) -> Sequence[Mapping[str, Json]]:
        """One object a live transaction."""
        if self._driver is None:
            return []
        table = self._driver.engine.transactions
        every = [*table.servers.values(), *table.clients.values(), *table.cancels.values()]
        return [transaction_row(each) for each in every]

    def connections(self) -> Sequence[Mapping[str, Json]]:
        """One object an open connection."""
        return [
            connection_row(flow)
            for flow in (self._driver.engine.connections() if self._driver is not None else ())
        ]

    def certificates(self) -> Sequence[Mapping[str, Json]]:
        """One object a certificate of ours."""
        unix = self._network.unix() if self._network is not None else 0.0
        return [certificate_row(own, unix) for own in self._tls.certificates]

    async def reload_certificates(self) -> Sequence[Mapping[str, Json]]:
        """Read certificates, keys and authorities again; what is in use from now on. Raises
        StartError, and nothing is changed, if one of them cannot be used."""
        tls, network = self._tls, self._network
        if network is None:
            raise UsageError("the server is still starting")
        if tls.files == TlsFiles():
            raise UsageError("there is nothing to reload: the configuration names no certificate")
        try:
            async with self._reloading:
                await asyncio.to_thread(tls.reload, network.unix())
        except StartError as error:
            log.error("certificates_not_reloaded", reason=str(error))
            raise
        rows = self.certificates()
        for row in rows:
            log.info("certificate_reloaded", **row)
        tell_expiry(tls.certificates, network.unix())
        return rows

    def bans(self) -> Sequence[Mapping[str, Json]]:
        """One object a banned source."""
        now = asyncio.get_running_loop().time()
        return [
            {"source": source, "seconds": round(left)} for source, left in self._bans.banned(now)
        ]

    def forgive(self, source: str) -> bool:
        """Lift a ban; True if there was one."""
        return self._bans.forgive(source)

    # inside --------------------------------------------------------------------------------------
    def _opened(self) -> Storage:
        if self._storage is None:
            raise StorageError("the storage is not open")
        return self._storage

    def _flush(self) -> None:
        if self._driver is not None:
            self._driver.flush()

    def _failure(self, error: BaseException) -> None:
        log.error("engine_failed", exc_info=error)

    def _connection_lost(self, flow: str) -> None:
        if self._flow_bindings is not None:
            removed = self._flow_bindings.lost(flow)
            if removed:
                self._counters.bindings_lost += removed
                log.info("bindings_lost", flow=flow, count=removed)

    async def _watch_certificates(self) -> None:
        while self._network is not None:
            tell_expiry(self._tls.certificates, self._network.unix())
            await asyncio.sleep(EXPIRY_LOOKS)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_PERIOD)
            network = self._network
            if network is None:
                return
            try:
                gone = await self._opened().bindings.expire(network.unix())
            except StorageError as error:
                log.error("expiry_failed", error=str(error))
                continue
            self._counters.bindings_expired += len(gone)
            for binding in gone:
                log.info("registration_expired", aor=binding.aor, contact=binding.contact)


def _nothing_left(bindings: Sequence[Binding]) -> tuple[int, Sequence[Binding]]:
    return len(bindings), ()


async def _call(hook: Hook) -> None:
    result = hook()
    if isawaitable(result):
        await result


async def _start_up(hook: Hook) -> None:
    try:
        await _call(hook)
    except OffhookError:
        raise
    except Exception as error:
        name = getattr(hook, "__name__", "startup")
        told = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise StartError(f"startup function {name}: {told}") from error


async def _repeat(periodic: Periodic) -> None:
    while True:
        await asyncio.sleep(periodic.seconds)
        try:
            await _call(periodic.hook)
        except Exception as error:
            log.error("periodic_failed", exc_info=error)
