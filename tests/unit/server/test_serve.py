"""The life of a server, on a fake instance."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from offhook.errors import StartError
from offhook.runtime.limits import Limits
from offhook.server import serve as module
from offhook.server.config import load_text
from offhook.server.node import SHUTDOWN_SECONDS
from offhook.server.schema import Config
from offhook.server.serve import STOP_SECONDS, serve
from offhook.storage.connections import DEADLINE, DISPOSE_DEADLINE
from offhook.storage.owner import QUESTION
from offhook.storage.sql import WATCH_INTERVAL
from offhook.storage.write_behind import CLOSE_DEADLINE
from tests.unit.server.fake_instance import FakeInstance

pytestmark = pytest.mark.usefixtures("logging_put_back")


class Running:
    """A server that runs as a task."""

    def __init__(self, config: Config, instance: FakeInstance, environ: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.ready = asyncio.Event()
        self._instance = instance
        self.task = asyncio.create_task(
            serve(config, "program.py", self._build, environ=environ, show=self._show)
        )

    def _build(self, config: Config, program: str | None) -> FakeInstance:
        assert config.storage.url == "memory:"
        assert program == "program.py"
        return self._instance

    def _show(self, line: str) -> None:
        self.lines.append(line)
        if line == "ready":
            self.ready.set()


@asynccontextmanager
async def running(
    folder: Path,
    instance: FakeInstance,
    *,
    more: str = "",
    environ: dict[str, str] | None = None,
) -> AsyncIterator[Running]:
    config = load_text('[storage]\nurl = "memory:"\n[log]\nlevel = "error"\n' + more, folder)
    server = Running(config, instance, environ or {})
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({ready, server.task}, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    try:
        yield server
    finally:
        server.task.cancel()
        await asyncio.gather(server.task, return_exceptions=True)


async def ask(path: Path, noun: str) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(json.dumps({"noun": noun}).encode() + b"\n")
    answer: dict[str, object] = json.loads(await reader.readline())
    writer.close()
    return answer


async def test_greets_and_says_ready_last(tmp_path: Path) -> None:
    async with running(tmp_path, FakeInstance()) as server:
        assert server.lines[-1] == "ready"
        assert "listening udp:127.0.0.1:5060 (internal)" in server.lines
        assert sum(line.startswith("account ") for line in server.lines) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_ends(tmp_path: Path, number: int) -> None:
    instance = FakeInstance()
    async with running(tmp_path, instance) as server:
        os.kill(os.getpid(), number)
        assert await server.task == 0
    assert instance.history == ["start", "drain 5", "stop"]
    assert not (tmp_path / "offhook.sock").exists()


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    instance = FakeInstance(endless_drain=True)
    async with running(tmp_path, instance) as server:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert await server.task == 0
    assert instance.history[-1] == "stop"


async def test_sighup_reads_certificates_again(tmp_path: Path) -> None:
    instance = FakeInstance()
    async with running(tmp_path, instance) as server:
        for error in ("", "tls.key: cannot read /x"):
            instance.reload_error = error
            instance.reloaded.clear()
            os.kill(os.getpid(), signal.SIGHUP)
            await instance.reloaded.wait()
        assert not server.task.done()
    assert instance.history[:3] == ["start", "reload", "reload"]


async def test_a_reload_that_fails_is_told_once(tmp_path: Path) -> None:
    """By the instance, which tells those of `offhook ctl reload` too."""
    instance = FakeInstance()
    instance.reload_error = "tls.key: cannot read /x"
    async with running(tmp_path, instance):
        with structlog.testing.capture_logs() as logs:
            os.kill(os.getpid(), signal.SIGHUP)
            await instance.reloaded.wait()
            await asyncio.sleep(0)
        assert logs == []


async def test_a_drain_that_does_not_end_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", -1.0)
    instance = FakeInstance(endless_drain=True)
    async with running(tmp_path, instance) as server:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await server.task == 0
    assert instance.history[-1] == "stop"


def test_the_end_is_long_enough_for_all_that_it_waits_for() -> None:
    """What a frozen database takes, one after the other; else what was lost is never told."""
    connections = Limits().close_deadline + 1.0
    storage = CLOSE_DEADLINE + WATCH_INTERVAL + DEADLINE
    good_byes = QUESTION + 2 * 2 * DISPOSE_DEADLINE  # the lock; work and connections of two pools
    assert SHUTDOWN_SECONDS + connections + storage + good_byes < STOP_SECONDS


async def test_ctl_status_and_drain(tmp_path: Path) -> None:
    async with running(tmp_path, FakeInstance()) as server:
        result = (await ask(tmp_path / "offhook.sock", "status"))["result"]
        assert isinstance(result, dict)
        assert result["status"] == "ok"
        assert result["listeners"] == ["udp:127.0.0.1:5060"]
        assert result["registrations"] == 2
        await ask(tmp_path / "offhook.sock", "drain")
        assert await server.task == 0


async def test_health_follows_the_storage(tmp_path: Path) -> None:
    instance = FakeInstance()
    instance.storage = "database is locked"
    more = '[admin]\nlisten = "127.0.0.1:0"\n'
    async with running(tmp_path, instance, more=more) as server:
        (line,) = [line for line in server.lines if line.startswith("health")]
        port = int(line.rpartition(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
        writer.close()


async def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(1)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        async with running(tmp_path, FakeInstance(), environ=environ) as server:
            assert manager.recv(100) == b"READY=1"
            os.kill(os.getpid(), signal.SIGTERM)
            await server.task
            assert manager.recv(100) == b"STOPPING=1"


async def test_what_cannot_start_is_closed_again(tmp_path: Path) -> None:
    instance = FakeInstance(start_error="udp:127.0.0.1:5060 is taken")
    async with running(tmp_path, instance) as server:
        with pytest.raises(StartError, match="is taken"):
            await server.task
    assert instance.history == ["start", "stop"]
    assert not (tmp_path / "offhook.sock").exists()


async def test_a_second_server_does_not_touch_the_first(tmp_path: Path) -> None:
    second = FakeInstance()
    async with running(tmp_path, FakeInstance()):
        async with running(tmp_path, second) as server:
            with pytest.raises(StartError, match="another offhook serves"):
                await server.task
        assert "start" not in second.history
        assert (await ask(tmp_path / "offhook.sock", "status"))["ok"] is True
