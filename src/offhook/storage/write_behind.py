"""Write-behind of bindings: the memory store answers, and what changed is written a moment later.

Changed AoRs are collected and written together every half second: what was acknowledged is in the
database within a second, and a phone that registers ten times in that second is written once. A
transaction holds at most BATCH of them, so that its deadline fits also after a long outage.

What could not be written stays collected and is tried again; `fault` says why, and the log once a
minute. A row that the database refuses for what it holds is left out alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.errors import StorageError
from offhook.registrar.binding import Binding
from offhook.storage.database import Database
from offhook.storage.memory import MemoryBindings
from offhook.storage.protocols import Change
from offhook.storage.schema import BINDING_COLUMNS, Row, first_line, from_row, to_row

__all__ = ["WriteBehind"]

T = TypeVar("T")
Put = Callable[[Database, AsyncConnection, list[Row]], Awaitable[None]]

INTERVAL = 0.5  # seconds between two flushes: with the time of a commit below the promised second
BATCH = 10_000  # AoRs of one transaction: half a second's work
FLUSH_DEADLINE = 5.0  # seconds of one transaction
LOAD_DEADLINE = 120.0  # seconds to read all bindings at the start: a million takes 20
COMPLAIN_EVERY = 60.0  # seconds
CLOSE_DEADLINE = 8.0  # seconds that an orderly end waits for the last flush

# SQLSTATE classes that blame a value: data exception, constraint, limit exceeded
_VALUE_FAULTS = ("22", "23", "54")

_SLOT = BINDING_COLUMNS.index("slot")
_EXPIRES = BINDING_COLUMNS.index("expires")

log = structlog.get_logger()


class WriteBehind:
    """Writes what changes in a MemoryBindings. `monotonic` is the clock of the log's patience."""

    def __init__(
        self,
        database: Database,
        memory: MemoryBindings,
        *,
        interval: float = INTERVAL,
        monotonic: Callable[[], float],
    ) -> None:
        self.fault = ""
        self.flushes = 0
        self.flushes_failed = 0
        self.flush_seconds = 0.0  # of all flushes together
        self.refused = 0  # rows that the database does not take
        self._database = database
        self._memory = memory
        self._interval = interval
        self._monotonic = monotonic
        self._dirty: dict[str, int] = {}  # AoR -> how many rows it may have in the database
        self._under_way: dict[str, int] = {}  # the same, of the transaction that runs
        self._complained = -COMPLAIN_EVERY
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        memory.watch(self._changed)

    @property
    def pending(self) -> int:
        """How many AoRs have changes that are not in the database."""
        return len(self._dirty) + sum([aor not in self._dirty for aor in self._under_way])

    async def load(self, unix: float) -> None:
        """Fill the memory with what is stored; rows of bindings that ended at or before `unix` are
        left out and removed with the first flush. Raises StorageError."""
        statement = f"SELECT {','.join(BINDING_COLUMNS)} FROM bindings ORDER BY aor, slot"

        async def work(connection: AsyncConnection) -> Sequence[Sequence[Any]]:
            return (await connection.exec_driver_sql(statement)).all()

        rows = await self._database.writer.run(work, within=LOAD_DEADLINE)
        pending: dict[str, int] = {}
        for aor, group in groupby(rows, key=itemgetter(0)):
            stored = list(group)
            live = tuple([from_row(row) for row in stored if row[_EXPIRES] > unix])
            self._memory.update_now(aor, _set(live))
            slots = stored[-1][_SLOT] + 1
            if slots > len(live):
                pending[aor] = slots  # the others move up
        self._dirty = pending

    def start(self) -> None:
        """Begin to write every `interval` seconds."""
        self._task = asyncio.create_task(self._run(), name="storage write-behind")

    async def close(self) -> None:
        """Write what is pending, for at most CLOSE_DEADLINE seconds, and end."""
        self._closing.set()
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=CLOSE_DEADLINE)
        if not self._task.done():
            # not cancelled: SQLite cannot be interrupted, and what it still writes is right
            log.error("storage.close_gave_up", pending=self.pending, fault=self.fault)
        elif self._dirty:
            log.error("storage.bindings_lost", pending=len(self._dirty), fault=self.fault)

    async def flush(self) -> bool:
        """Write what is pending; False if that failed and is still pending."""
        while self._dirty:
            batch = dict(islice(self._dirty.items(), BATCH))
            last = len(batch) == len(self._dirty)
            for aor in batch:
                del self._dirty[aor]
            self._under_way = batch
            started = self._monotonic()
            self.flushes += 1
            try:
                await self._store(batch)
            except BaseException as error:
                self.flushes_failed += 1
                for aor, rows in batch.items():
                    self._dirty[aor] = max(rows, self._dirty.get(aor, 0))
                if not isinstance(error, Exception):
                    raise
                self._failed(str(error) or type(error).__name__)
                return False
            finally:
                self._under_way = {}
                self.flush_seconds += self._monotonic() - started
            self.fault = ""
            if last:  # what changed meanwhile waits for the next time
                break
        return True

    def _changed(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        rows = max(len(before), len(after))
        pending = self._dirty.get(aor)
        if pending is None or pending < rows:
            self._dirty[aor] = rows

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._closing.is_set():
            due = max(due + self._interval, loop.time() + self._interval / 5)
            try:
                async with asyncio.timeout_at(due):
                    await self._closing.wait()
            except TimeoutError:
                await self.flush()
        await self.flush()

    async def _store(self, batch: dict[str, int]) -> None:
        """Write a batch; if the database refuses a value in it, again with care. Raises
        StorageError."""
        writer = self._database.writer
        try:
            await writer.run(lambda c: self._write(c, batch, _plainly), within=FLUSH_DEADLINE)
        except (StorageError, ValueError, OverflowError) as error:
            if not _blames_a_value(error):
                raise
            await writer.run(
                lambda c: self._write(c, batch, self._carefully), within=FLUSH_DEADLINE
            )
        self._database.written()

    async def _write(self, connection: AsyncConnection, batch: dict[str, int], put: Put) -> None:
        """One pass over the AoRs; each is read at the moment its rows are made, and is pending anew
        if it changes later."""
        database, rows = self._database, self._database.statements.rows
        if await database.guard(connection):
            await self._note_everything(connection)
        full: list[Row] = []
        gone: list[tuple[str, int]] = []
        for aor, before in batch.items():
            bindings = self._memory.lookup_now(aor)
            full += [to_row(binding, slot) for slot, binding in enumerate(bindings)]
            gone += [(aor, slot) for slot in range(len(bindings), before)]
            while len(full) >= rows:
                await put(database, connection, full[:rows])
                del full[:rows]
        if full:
            await put(database, connection, full)
        for chunk in _chunks(gone, rows):
            await database.statements.delete_bindings(connection, chunk)

    async def _note_everything(self, connection: AsyncConnection) -> None:
        """The database is behind what it was: everything in it, and everything that is not, is to
        be written again."""
        statement = "SELECT aor, max(slot) + 1 FROM bindings GROUP BY aor"
        found: Sequence[Sequence[Any]] = (await connection.exec_driver_sql(statement)).all()
        stored: dict[str, int] = {row[0]: row[1] for row in found}
        for binding in await self._memory.all():
            stored.setdefault(binding.aor, 0)
        for aor, rows in stored.items():
            now = max(rows, len(self._memory.lookup_now(aor)))
            self._dirty[aor] = max(now, self._dirty.get(aor, 0))
        log.warning("storage.database_behind", writing_again=len(stored))

    async def _carefully(
        self, database: Database, connection: AsyncConnection, rows: list[Row]
    ) -> None:
        """Halve what is refused until the bad row stands alone, and leave that out."""
        try:
            async with database.statements.attempt(connection):
                await database.statements.replace_bindings(connection, rows)
        except (DBAPIError, ValueError, OverflowError) as error:
            if not _blames_a_value(error):
                raise
            if len(rows) > 1:
                half = len(rows) // 2
                await self._carefully(database, connection, rows[:half])
                await self._carefully(database, connection, rows[half:])
                return
            clean: Row = tuple(map(_storable, rows[0]))  # type: ignore[assignment]  # same types
            if clean != rows[0]:  # octets that a program took from a peer: written readably
                await self._carefully(database, connection, [clean])
                return
            self.refused += 1
            log.error("storage.row_refused", aor=rows[0][0][:200], error=first_line(error))

    def _failed(self, fault: str) -> None:
        self.fault = fault
        now = self._monotonic()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            log.error("storage.write_failed", pending=len(self._dirty), fault=self.fault)


async def _plainly(database: Database, connection: AsyncConnection, rows: list[Row]) -> None:
    await database.statements.replace_bindings(connection, rows)


def _blames_a_value(error: BaseException | None) -> bool:
    """Whether a value that no column takes is at fault, and not the database."""
    while error is not None:
        if isinstance(error, (ValueError, OverflowError)):
            return True
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str) and state:
            return state.startswith(_VALUE_FAULTS)
        error = getattr(error, "orig", None) or error.__cause__
    return False


def _set(bindings: Sequence[Binding]) -> Change[None]:
    return lambda _before: (None, bindings)


def _chunks(rows: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _storable(value: object) -> object:
    """Text without what is no text, and without the NUL that PostgreSQL does not take."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
