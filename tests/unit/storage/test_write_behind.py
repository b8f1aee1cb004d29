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
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from offhook.registrar import Binding
from offhook.storage import MemoryBindings
from offhook.storage.schema import BINDINGS
from offhook.storage.sqlite import SqliteDatabase, SqliteStatements
from offhook.storage.write_behind import WriteBehind

CHUNK = SqliteStatements.rows
BINDING = Binding("sip:a@h", "sip:a@1", 4e9, 1000, "c", 1, "", (), "f", False, "", 0.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteDatabase]:
    monkeypatch.setattr("offhook.storage.sqlite._PRAGMAS", ("busy_timeout=1",))
    made = SqliteDatabase(tmp_path / "x.db")
    await made.prepare(serving=False)
    yield made
    await made.dispose()


def put(memory: MemoryBindings, *bindings: Binding, aor: str = "") -> None:
    memory.update_now(aor or bindings[0].aor, lambda _before: (None, bindings))


async def stored(database: SqliteDatabase) -> list[str]:
    async def work(connection: AsyncConnection) -> list[str]:
        query = select(BINDINGS.c.contact).order_by(BINDINGS.c.aor, BINDINGS.c.slot)
        return list((await connection.execute(query)).scalars())

    return await database.reader.run(work)


def lock(database: SqliteDatabase) -> sqlite3.Connection:
    connection = sqlite3.connect(database.name, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


async def test_what_could_not_be_written_stays_pending(database: SqliteDatabase) -> None:
    memory, clock = MemoryBindings(), Clock()
    writer = WriteBehind(database, memory, monotonic=clock)
    put(memory, BINDING)
    with closing(lock(database)), capture_logs() as logs:
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
    assert await stored(database) == ["sip:a@2"]


async def test_rows_that_were_there_before_a_failure_are_still_removed(
    database: SqliteDatabase,
) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, monotonic=Clock())
    put(memory, BINDING, replace(BINDING, contact="sip:a@2"), replace(BINDING, contact="sip:a@3"))
    assert await writer.flush()
    put(memory, BINDING)
    with closing(lock(database)):
        assert not await writer.flush()
        put(memory, replace(BINDING, cseq=9))
    assert await writer.flush()
    assert await stored(database) == ["sip:a@1"]


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK * 2 + 3])
async def test_any_number_of_rows_is_written_and_removed(
    database: SqliteDatabase, count: int
) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, monotonic=Clock())
    for number in range(count):
        put(memory, replace(BINDING, aor=f"sip:{number}@h"))
    assert await writer.flush()
    assert len(await stored(database)) == count
    for number in range(count):
        put(memory, aor=f"sip:{number}@h")
    assert await writer.flush()
    assert await stored(database) == []


async def test_nothing_pending_costs_nothing(database: SqliteDatabase) -> None:
    writer = WriteBehind(database, MemoryBindings(), monotonic=Clock())
    with closing(lock(database)):
        assert await writer.flush()


async def test_octets_that_are_no_text_are_written_readably(database: SqliteDatabase) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, monotonic=Clock())
    put(memory, replace(BINDING, contact="sip:\udcff@h"))
    put(memory, replace(BINDING, aor="sip:b@h", contact="sip:b@h"))
    assert await writer.flush()
    assert await stored(database) == ["sip:\\udcff@h", "sip:b@h"]


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_a_row_with_a_value_that_no_column_takes_is_left_out_alone(
    database: SqliteDatabase, place: int
) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, monotonic=Clock())
    for number in range(7):
        cseq = 2**70 if number == place else 1
        put(memory, replace(BINDING, aor=f"sip:{number}@h", contact=f"sip:{number}@1", cseq=cseq))
    with capture_logs() as logs:
        assert await writer.flush()
    assert writer.fault == ""
    assert writer.refused == 1
    assert [(entry["event"], entry["aor"]) for entry in logs] == [
        ("storage.row_refused", f"sip:{place}@h")
    ]
    assert await stored(database) == [f"sip:{n}@1" for n in range(7) if n != place]
    assert writer.pending == 0


async def test_a_long_outage_is_made_up_for_in_several_transactions(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.storage.write_behind.BATCH", 3)
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, monotonic=Clock())
    for number in range(8):
        put(memory, replace(BINDING, aor=f"sip:{number}@h"))
    assert await writer.flush()
    assert writer.pending == 0
    assert len(await stored(database)) == 8


async def test_it_writes_by_itself_and_at_its_end(database: SqliteDatabase) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, interval=0.001, monotonic=Clock())
    writer.start()
    put(memory, BINDING)
    async with asyncio.timeout(5):
        while writer.pending:  # noqa: ASYNC110 - the writer has nobody to tell
            await asyncio.sleep(0.001)
    put(memory, replace(BINDING, contact="sip:a@2"))
    await writer.close()
    assert await stored(database) == ["sip:a@2"]


async def test_an_end_that_cannot_write_says_what_is_lost(database: SqliteDatabase) -> None:
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, interval=3600.0, monotonic=Clock())
    writer.start()
    put(memory, BINDING)
    with closing(lock(database)), capture_logs() as logs:
        await writer.close()
    assert [entry["event"] for entry in logs] == ["storage.write_failed", "storage.bindings_lost"]
    assert logs[1]["pending"] == 1


async def test_an_end_that_hangs_is_given_up(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    monkeypatch.setattr("offhook.storage.write_behind.CLOSE_DEADLINE", 0.0)
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, interval=3600.0, monotonic=Clock())
    monkeypatch.setattr(writer, "flush", go_on.wait)
    writer.start()
    put(memory, BINDING)
    with capture_logs() as logs:
        await writer.close()
    assert [entry["event"] for entry in logs] == ["storage.close_gave_up"]
    go_on.set()


async def test_what_is_being_written_is_pending_once_and_told_at_the_end(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    written = WriteBehind._store

    async def slow(writer: WriteBehind, batch: dict[str, int]) -> None:
        begun.set()
        await go_on.wait()
        await written(writer, batch)

    monkeypatch.setattr(WriteBehind, "_store", slow)
    monkeypatch.setattr("offhook.storage.write_behind.CLOSE_DEADLINE", 0.0)
    memory = MemoryBindings()
    writer = WriteBehind(database, memory, interval=0.0, monotonic=Clock())
    put(memory, BINDING)
    writer.start()
    await begun.wait()
    assert writer.pending == 1
    with capture_logs() as logs:
        await writer.close()
    assert [(each["event"], each["pending"]) for each in logs] == [("storage.close_gave_up", 1)]
    put(memory, replace(BINDING, contact="sip:a@2"))  # changed meanwhile: still one
    assert writer.pending == 1
    go_on.set()
    while writer.pending:  # noqa: ASYNC110 - the writer has nobody to tell
        await asyncio.sleep(0.001)
    assert await stored(database) == ["sip:a@2"]


async def test_an_end_before_the_start_is_quiet(database: SqliteDatabase) -> None:
    await WriteBehind(database, MemoryBindings(), monotonic=Clock()).close()


async def test_the_time_of_writes_adds_up(database: SqliteDatabase) -> None:
    class Ticking(Clock):
        def __call__(self) -> float:
            self.now += 0.25
            return self.now

    memory = MemoryBindings()
    writer = WriteBehind(database, memory, monotonic=Ticking())
    for number in range(3):
        put(memory, replace(BINDING, contact=f"sip:a@{number}"))
        assert await writer.flush()
    assert await writer.flush()  # nothing to write is no flush
    assert (writer.flushes, writer.flush_seconds) == (3, 0.75)
