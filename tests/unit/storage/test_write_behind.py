"""Write-behind when the database does not do as it should."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from structlog.testing import capture_logs

from offhook.registrar import Binding
from offhook.storage import MemoryBindings
from offhook.storage.schema import BINDINGS, METADATA
from offhook.storage.write_behind import CHUNK, WriteBehind

BINDING = Binding("sip:a@h", "sip:a@1", 4e9, 1000, "c", 1, "", (), "f", False, "", 0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", connect_args={"timeout": 0.001}
    )
    async with made.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield made
    await made.dispose()


def put(memory: MemoryBindings, *bindings: Binding, aor: str = "") -> None:
    memory.update_now(aor or bindings[0].aor, lambda _before: (None, bindings))


async def stored(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        query = select(BINDINGS.c.contact).order_by(BINDINGS.c.aor, BINDINGS.c.slot)
        return list((await connection.execute(query)).scalars())


def lock(engine: AsyncEngine) -> sqlite3.Connection:
    connection = sqlite3.connect(engine.url.database or "", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


async def test_what_could_not_be_written_stays_pending(engine: AsyncEngine) -> None:
    memory, clock = MemoryBindings(), Clock()
    writer = WriteBehind(engine, memory, monotonic=clock)
    put(memory, BINDING)
    with closing(lock(engine)), capture_logs() as logs:
        assert not await writer.flush()
        assert "locked" in writer.fault
        put(memory, replace(BINDING, contact="sip:a@2"))
        assert not await writer.flush()
        assert len(logs) == 1  # once a minute
        clock.now = 61.0
        assert not await writer.flush()
        assert len(logs) == 2
        assert logs[0]["event"] == "storage.write_failed"
    assert (writer.flushes, writer.flushes_failed, writer.pending) == (3, 3, 1)
    assert await writer.flush()
    assert writer.fault == ""
    assert (writer.flushes, writer.flushes_failed, writer.pending) == (4, 3, 0)
    assert await stored(engine) == ["sip:a@2"]


async def test_rows_that_were_there_before_a_failure_are_still_removed(
    engine: AsyncEngine,
) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, monotonic=Clock())
    put(memory, BINDING, replace(BINDING, contact="sip:a@2"), replace(BINDING, contact="sip:a@3"))
    assert await writer.flush()
    put(memory, BINDING)
    with closing(lock(engine)):
        assert not await writer.flush()
        put(memory, replace(BINDING, cseq=9))
    assert await writer.flush()
    assert await stored(engine) == ["sip:a@1"]


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * 2 + 3])
async def test_any_number_of_rows_is_written_and_removed(engine: AsyncEngine, count: int) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, monotonic=Clock())
    for number in range(count):
        put(memory, replace(BINDING, aor=f"sip:{number}@h"))
    assert await writer.flush()
    assert len(await stored(engine)) == count
    for number in range(count):
        put(memory, aor=f"sip:{number}@h")
    assert await writer.flush()
    assert await stored(engine) == []


async def test_nothing_pending_costs_nothing(engine: AsyncEngine) -> None:
    writer = WriteBehind(engine, MemoryBindings(), monotonic=Clock())
    with closing(lock(engine)):
        assert await writer.flush()


async def test_octets_that_are_no_text_are_written_readably(engine: AsyncEngine) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, monotonic=Clock())
    put(memory, replace(BINDING, contact="sip:\udcff@h"))
    put(memory, replace(BINDING, aor="sip:b@h", contact="sip:b@h"))
    assert await writer.flush()
    assert await stored(engine) == ["sip:\\udcff@h", "sip:b@h"]


async def test_a_value_that_no_column_takes_is_a_fault_and_no_crash(engine: AsyncEngine) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, monotonic=Clock())
    put(memory, replace(BINDING, cseq=2**70))
    assert not await writer.flush()
    assert writer.fault
    put(memory, BINDING)
    assert await writer.flush()


async def test_it_writes_by_itself_and_at_its_end(engine: AsyncEngine) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, interval=0.001, monotonic=Clock())
    writer.start()
    put(memory, BINDING)
    async with asyncio.timeout(5):
        while writer.pending:  # noqa: ASYNC110 - the writer has nobody to tell
            await asyncio.sleep(0.001)
    put(memory, replace(BINDING, contact="sip:a@2"))
    await writer.close()
    assert await stored(engine) == ["sip:a@2"]


async def test_an_end_that_cannot_write_says_what_is_lost(engine: AsyncEngine) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, interval=3600.0, monotonic=Clock())
    writer.start()
    put(memory, BINDING)
    with closing(lock(engine)), capture_logs() as logs:
        await writer.close()
    assert [entry["event"] for entry in logs] == ["storage.write_failed", "storage.bindings_lost"]
    assert logs[1]["pending"] == 1


async def test_an_end_that_hangs_is_given_up(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    monkeypatch.setattr("offhook.storage.write_behind.CLOSE_DEADLINE", 0.0)
    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, interval=3600.0, monotonic=Clock())
    monkeypatch.setattr(writer, "flush", go_on.wait)
    writer.start()
    put(memory, BINDING)
    with capture_logs() as logs:
        await writer.close()
    assert [entry["event"] for entry in logs] == ["storage.close_gave_up"]
    go_on.set()


async def test_an_end_before_the_start_is_quiet(engine: AsyncEngine) -> None:
    await WriteBehind(engine, MemoryBindings(), monotonic=Clock()).close()


async def test_the_time_of_writes_adds_up(engine: AsyncEngine) -> None:
    class Ticking(Clock):
        def __call__(self) -> float:
            self.now += 0.25
            return self.now

    memory = MemoryBindings()
    writer = WriteBehind(engine, memory, monotonic=Ticking())
    for number in range(3):
        put(memory, replace(BINDING, contact=f"sip:a@{number}"))
        assert await writer.flush()
    assert await writer.flush()  # nothing to write is no flush
    assert (writer.flushes, writer.flush_seconds) == (3, 0.75)
