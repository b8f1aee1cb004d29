"""The SQLite storage: bindings in memory with write-behind, accounts, random keys, in one file.

Write-ahead log with synchronous=NORMAL: what is committed survives the end of the process, however
it ends; a power cut may cost the last commits but never the file. Two engines of one connection
each: the writer also watches the data version, which thereby tells of other processes only.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateTable

from offhook.errors import StartError, StorageError
from offhook.storage.accounts import SqlAccounts
from offhook.storage.memory import MemoryBindings
from offhook.storage.protocols import StorageCounts
from offhook.storage.schema import METADATA, SETTINGS, VERSION, first_line
from offhook.storage.write_behind import INTERVAL, WriteBehind

__all__ = ["SqlStorage"]

BUSY_TIMEOUT = 2_000  # milliseconds that a statement waits for another process' write
WATCH_INTERVAL = 1.0  # seconds between two looks at the data version

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT}")


class SqlStorage:
    """An open SQLite storage. Made by `open`, which starts two tasks; `close` ends them."""

    def __init__(
        self, file: Path, *, interval: float = INTERVAL, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = file
        self._clock = clock
        self._writer = _engine(file)
        self._reader = _engine(file)
        self.bindings = MemoryBindings()
        self.accounts = SqlAccounts(self._reader, self._writer, monotonic=time.monotonic)
        self._write_behind = WriteBehind(
            self._writer, self.bindings, interval=interval, monotonic=time.monotonic
        )
        self._watcher: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._data_version = 0

    @property
    def fault(self) -> str:
        """Why bindings are not reaching the disk at the moment, "" while all is well."""
        return self._write_behind.fault

    def counts(self) -> StorageCounts:
        """What there is at the moment."""
        written = self._write_behind
        return StorageCounts(
            users=self.bindings.users,
            contacts=len(self.bindings),
            pending=written.pending,
            flushes=written.flushes,
            flushes_failed=written.flushes_failed,
            flush_seconds=written.flush_seconds,
        )

    async def open(self) -> None:
        """Make the tables and load the bindings. Raises StartError, with everything closed
        again."""
        try:
            # first without the pool, whose connections outlive their failure by a thread
            await asyncio.to_thread(_probe, self._file)
            async with self._writer.begin() as connection:
                await _prepare(connection)
                self._data_version = await _data_version(connection)
            await self._write_behind.load(self._clock())
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            await self._dispose()
            raise StartError(f"database {self._file}: {_start_cause(self._file, error)}") from error
        except BaseException:
            await self._dispose()
            raise
        self._write_behind.start()
        self._watcher = asyncio.create_task(self._watch(), name="storage data version")

    async def secret(self, name: str, size: int) -> bytes:
        """The random key of that name, made once for all processes that open this file."""
        fresh = secrets.token_bytes(size)
        try:
            async with self._writer.begin() as connection:
                statement = (
                    "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
                )
                await connection.exec_driver_sql(statement, (f"secret.{name}", fresh))
                query = SETTINGS.select().where(SETTINGS.c.name == f"secret.{name}")
                return bytes((await connection.execute(query)).one().value)
        except SQLAlchemyError as error:
            raise StorageError(f"the database failed: {first_line(error)}") from error

    async def flush(self) -> bool:
        """Write pending bindings now; False if that failed."""
        return await self._write_behind.flush()

    async def look(self) -> None:
        """Forget remembered accounts if another process has written."""
        try:
            async with self._writer.connect() as connection:
                version = await _data_version(connection)
        except (SQLAlchemyError, OSError):
            self.accounts.forget()  # not knowing is no reason to trust what is remembered
            return
        if version != self._data_version:
            self._data_version = version
            self.accounts.forget()

    async def close(self) -> None:
        """Write what is pending and close the file."""
        await self._write_behind.close()
        self._closing.set()
        if self._watcher is not None:
            await asyncio.wait({self._watcher}, timeout=WATCH_INTERVAL)
        await self.accounts.close()
        await self._dispose()

    async def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                async with asyncio.timeout(WATCH_INTERVAL):
                    await self._closing.wait()
                return
            except TimeoutError:
                await self.look()

    async def _dispose(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()


def _engine(file: Path) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file.absolute()}",
        pool_size=1,
        hide_parameters=True,  # no HA1 in the text of an error
        max_overflow=0,
        connect_args={"cached_statements": 8},  # one of 1,024 rows takes 700 kB
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        try:
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:
            connection.close()  # the pool does not know it yet
            raise

    return engine


async def _prepare(connection: AsyncConnection) -> None:
    found = (await connection.exec_driver_sql("PRAGMA user_version")).scalar_one()
    if found > VERSION:
        raise OSError(f"made by a newer offhook (schema {found}, this one knows {VERSION})")
    for table in METADATA.sorted_tables:
        await connection.execute(CreateTable(table, if_not_exists=True))
    if found < VERSION:
        await connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
    # a write, so that a file that cannot be written is found now
    await connection.exec_driver_sql(
        "INSERT OR REPLACE INTO settings VALUES ('opened', ?)", (b"1",)
    )


async def _data_version(connection: AsyncConnection) -> int:
    return int((await connection.exec_driver_sql("PRAGMA data_version")).scalar_one())


def _start_cause(file: Path, error: BaseException) -> str:
    """Why a database cannot be opened, in words that lead to the remedy."""
    folder = file.absolute().parent
    if file.is_dir():
        return "is a folder"
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not os.access(file if file.exists() else folder, os.W_OK):
        return f"no permission to write {'it' if file.exists() else f'in {folder}'}"
    return first_line(error)


def _probe(file: Path) -> None:
    """Open the file for writing, as the server will. Raises sqlite3.Error."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()
