"""Write-behind of bindings: the memory store answers, and what changed is written a moment later.

Changed AoRs are collected and written together, in one transaction, every half second: what was
acknowledged is on disk within a second, and a phone that registers ten times in that second is
written once. What could not be written stays collected and is tried again; `fault` says why, and
the log once a minute.

Rows go in statements of many rows. With one statement a row the thread that writes would give up
the interpreter lock at each, and wait 5 ms to get it back while the loop is busy: a flush of 1,500
rows took 6 s so, and takes 60 ms thus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from offhook.registrar.binding import Binding
from offhook.storage.memory import MemoryBindings
from offhook.storage.protocols import Change
from offhook.storage.schema import BINDINGS, Row, first_line, from_row, to_row

__all__ = ["WriteBehind"]

T = TypeVar("T")

INTERVAL = 0.5  # seconds between two flushes: with the time of a commit below the promised second
CHUNK = 1024  # rows of one statement: 14,336 of the 32,766 parameters that SQLite allows
COMPLAIN_EVERY = 60.0  # seconds
CLOSE_DEADLINE = 10.0  # seconds that an orderly end waits for the last flush

_COLUMNS = [column.name for column in BINDINGS.columns]
_ROW = f"({','.join('?' * len(_COLUMNS))})"
_INSERT = f"INSERT INTO bindings ({','.join(_COLUMNS)}) VALUES "
_REPLACE = " ON CONFLICT (aor, slot) DO UPDATE SET " + ",".join(
    [f"{name}=excluded.{name}" for name in _COLUMNS if name not in ("aor", "slot")]
)
_DELETE = "DELETE FROM bindings WHERE (aor, slot) IN (VALUES "

# the last two: a value no column takes
_FAULTS = (SQLAlchemyError, OSError, ValueError, OverflowError)

log = structlog.get_logger()


class WriteBehind:
    """Writes what changes in a MemoryBindings through `engine`. `monotonic` is the clock of the
    log's patience."""

    def __init__(
        self,
        engine: AsyncEngine,
        memory: MemoryBindings,
        *,
        interval: float = INTERVAL,
        monotonic: Callable[[], float],
    ) -> None:
        self.fault = ""
        self.flushes = 0
        self.flushes_failed = 0
        self.flush_seconds = 0.0  # of all flushes together
        self._engine = engine
        self._memory = memory
        self._interval = interval
        self._monotonic = monotonic
        self._dirty: dict[str, int] = {}  # AoR -> how many rows it may have in the database
        self._complained = -COMPLAIN_EVERY
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        memory.watch(self._changed)

    @property
    def pending(self) -> int:
        """How many AoRs have changes that are not on disk."""
        return len(self._dirty)

    async def load(self, unix: float) -> None:
        """Fill the memory with what is stored; rows of bindings that ended at or before `unix` are
        left out and removed with the first flush."""
        statement = f"SELECT {','.join(_COLUMNS)} FROM bindings ORDER BY aor, slot"
        async with self._engine.connect() as connection:
            rows = (await connection.exec_driver_sql(statement)).all()
        pending: dict[str, int] = {}
        for aor, group in groupby(rows, key=itemgetter(0)):
            stored = list(group)
            live = tuple([from_row(row) for row in stored if row.expires > unix])
            self._memory.update_now(aor, _set(live))
            slots = stored[-1].slot + 1
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
            log.error("storage.close_gave_up", pending=len(self._dirty), fault=self.fault)
        elif self._dirty:
            log.error("storage.bindings_lost", pending=len(self._dirty), fault=self.fault)

    async def flush(self) -> bool:
        """Write what is pending; False if that failed and is still pending."""
        if not self._dirty:
            return True
        batch, self._dirty = self._dirty, {}
        started = self._monotonic()
        self.flushes += 1
        try:
            async with self._engine.begin() as connection:
                await self._write(connection, batch)
        except BaseException as error:
            self.flushes_failed += 1
            for aor, rows in batch.items():
                self._dirty[aor] = max(rows, self._dirty.get(aor, 0))
            if not isinstance(error, _FAULTS):
                raise
            self._failed(error)
            return False
        finally:
            self.flush_seconds += self._monotonic() - started
        self.fault = ""
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

    async def _write(self, connection: AsyncConnection, batch: dict[str, int]) -> None:
        """One pass over the AoRs; each is read at the moment its rows are made, and is pending anew
        if it changes later."""
        rows: list[Row] = []
        gone: list[tuple[str, int]] = []
        for aor, before in batch.items():
            bindings = self._memory.lookup_now(aor)
            rows += [to_row(binding, slot) for slot, binding in enumerate(bindings)]
            gone += [(aor, slot) for slot in range(len(bindings), before)]
            if len(rows) >= CHUNK:
                full = len(rows) // CHUNK * CHUNK
                await _replace(connection, rows[:full])
                del rows[:full]
        await _replace(connection, rows)
        for chunk in _chunks(gone):
            statement = f"{_DELETE}{','.join(['(?,?)'] * len(chunk))})"
            await connection.exec_driver_sql(statement, _flat(chunk))

    def _failed(self, error: Exception) -> None:
        self.fault = first_line(error)
        now = self._monotonic()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            log.error("storage.write_failed", pending=len(self._dirty), fault=self.fault)


async def _replace(connection: AsyncConnection, rows: list[Row]) -> None:
    for chunk in _chunks(rows):
        statement = f"{_INSERT}{','.join([_ROW] * len(chunk))}{_REPLACE}"
        try:
            await connection.exec_driver_sql(statement, _flat(chunk))
        except UnicodeEncodeError:  # octets that a program took from a peer: written readably
            clean = [tuple(map(_storable, row)) for row in chunk]
            await connection.exec_driver_sql(statement, _flat(clean))


def _set(bindings: Sequence[Binding]) -> Change[None]:
    return lambda _before: (None, bindings)


def _chunks(rows: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _flat(rows: Sequence[tuple[object, ...]]) -> tuple[object, ...]:
    return tuple([value for row in rows for value in row])


def _storable(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
