"""The life of one server: start, greet, `ready`, drain on a signal, end.

SIGTERM or SIGINT drains: new initial requests are refused, running transactions may end within
DRAIN_SECONDS. A second signal ends at once. SIGHUP reads certificates again. What is served is left
to the `Instance`.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus

import structlog

from offhook.errors import OffhookError, StartError, StorageError
from offhook.server.admin import Admin, Page, Reply, health_page, live_page
from offhook.server.control import Control
from offhook.server.first_accounts import make_first_accounts
from offhook.server.greeting import greeting
from offhook.server.instance import Build, Instance
from offhook.server.json_value import Json
from offhook.server.listen import listener_text, parse_address
from offhook.server.logging import Log
from offhook.server.nouns import register_nouns
from offhook.server.schema import Config
from offhook.server.systemd import notify
from offhook.version import __version__

__all__ = ["Server", "serve"]

DRAIN_SECONDS = 5.0  # a ringing call may still be answered; service managers wait 90
# with a frozen database: shutdown functions 5, connections 3, the last rows 8, look-ups 2.5 and the
# good-byes to the database 10; what was lost must still be told, and service managers wait 90
STOP_SECONDS = 30.0

log = structlog.get_logger()

Print = Callable[[str], None]


async def serve(
    config: Config,
    program: str | None,
    build: Build,
    *,
    environ: Mapping[str, str],
    show: Print,
) -> int:
    """Run one server until a signal ends it; the exit code. `show` prints one line, flushed.

    Raises StartError and ConfigurationError, one line each, with everything closed again.
    """
    logs = Log(config.log.level)
    server = Server(config, build(config, program), logs)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    try:
        await server.run(environ, show)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
    return 0


class Server:
    """One server with its control socket and admin listener."""

    def __init__(self, config: Config, instance: Instance, logs: Log) -> None:
        self._config = config
        self._instance = instance
        self._control = Control(config.admin.socket)
        listen = config.admin.listen
        self._admin = Admin(parse_address(listen), self._pages()) if listen else None
        self._started = time.monotonic()
        self._ending = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reloads: set[asyncio.Task[None]] = set()
        register_nouns(self._control, instance, logs, status=self.status, end=self.end)

    def end(self) -> None:
        """Begin to drain; called again, end at once."""
        (self._at_once if self._ending.is_set() else self._ending).set()

    def reload(self) -> None:
        """Read certificates again; the log tells what came of it."""
        task = asyncio.get_running_loop().create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        try:
            with suppress(StartError):  # the instance has told it
                await self._instance.reload_certificates()
        except OffhookError as error:
            log.error("reload_failed", reason=str(error))

    async def run(self, environ: Mapping[str, str], show: Print) -> None:
        """Start, say `ready`, wait for `end`, drain and stop. Raises StartError."""
        try:
            lines = await self._start()
            for line in lines:
                show(line)
            show("ready")
            notify("READY=1", environ)
            log.info("ready", version=__version__, listeners=self._listeners())
            await self._ending.wait()
            notify("STOPPING=1", environ)
            await self._drain()
        finally:
            await self._stop()
        log.info("ended")

    async def status(self) -> Mapping[str, Json]:
        """What `/health` and `offhook ctl status` tell; "status" is ok, draining or failed."""
        try:
            state = dict(await self._instance.status())
        except StorageError as error:
            state = {"storage": str(error)}
        healthy = state.get("storage") == "ok"
        word = "draining" if self._ending.is_set() else "ok" if healthy else "failed"
        return {
            "status": word,
            "version": __version__,
            "uptime": round(time.monotonic() - self._started, 1),
            "listeners": self._listeners(),
            **state,
        }

    def _listeners(self) -> Sequence[str]:
        return [listener_text(listener) for listener in self._instance.listeners]

    async def _start(self) -> list[str]:
        """Open everything; the lines to greet with. The control socket is first: who has it is the
        one server of this configuration."""
        await self._control.start()
        await self._instance.start()
        accounts = await make_first_accounts(self._config, self._instance.accounts)
        lines = greeting(self._config, self._instance.listeners, accounts)
        if self._admin is not None:
            host, port = await self._admin.start()
            shown = f"[{host}]" if ":" in host else host
            lines.append(f"health    http://{shown}:{port}/health")
            lines.append(f"metrics   http://{shown}:{port}/metrics")
        return lines

    def _pages(self) -> Mapping[str, Page]:
        # imported only by a server that shows metrics: 80 ms, which a first scrape must not take
        from offhook.server.metrics import CONTENT_TYPE, Metrics  # noqa: PLC0415

        metrics = Metrics(self._instance.measures)

        async def metrics_page() -> Reply:
            return Reply(HTTPStatus.OK, await metrics.page(), CONTENT_TYPE)

        return {"/health": health_page(self.status), "/live": live_page, "/metrics": metrics_page}

    async def _drain(self) -> None:
        log.info("draining", seconds=DRAIN_SECONDS)
        work = asyncio.create_task(self._instance.drain(DRAIN_SECONDS))
        hurry = asyncio.create_task(self._at_once.wait())
        done, pending = await asyncio.wait(
            {work, hurry}, timeout=DRAIN_SECONDS + 1, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if work in done and work.exception():
            log.error("drain_failed", exc_info=work.exception())

    async def _stop(self) -> None:
        for task in self._reloads:
            task.cancel()
        if self._admin is not None:
            await self._admin.stop()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._instance.stop()
        except TimeoutError:
            log.error("stop_took_too_long", seconds=STOP_SECONDS)
        await self._control.stop()
