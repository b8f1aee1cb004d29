"""SQLite as a `Database`: one file.

Write-ahead log with synchronous=NORMAL: what is committed survives the end of the process, however
it ends; a power cut may cost the last commits but never the file.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from offhook.storage.connections import DEADLINE, Connections, DatabaseError
from offhook.storage.database import Key, Statements
from offhook.storage.schema import BINDING_COLUMNS, REPLACE, VERSION, Row, first_line
from offhook.storage.upgrade import is_current, upgrade

__all__ = ["SqliteDatabase", "SqliteStatements"]

BUSY_TIMEOUT = 2_000  # milliseconds that a statement waits for another process' write
OPEN_DEADLINE = 60.0  # seconds until the tables are ready, an upgrade included

_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT}")
_ROW = f"({','.join('?' * len(BINDING_COLUMNS))})"
_INSERT = f"INSERT INTO bindings ({','.join(BINDING_COLUMNS)}) VALUES "
_DELETE = "DELETE FROM bindings WHERE (aor, slot) IN (VALUES "
_ADD = 'INSERT INTO accounts (realm, "user", algorithm, ha1) VALUES '
_FORGET = 'DELETE FROM accounts WHERE ("user", realm) IN (VALUES '
_SELECT = 'SELECT "user", realm, algorithm, ha1 FROM accounts WHERE ("user", realm) IN (VALUES '


class SqliteStatements:
    """Many rows a statement (Statements). With one statement a row the thread that writes would
    give up the interpreter lock at each, and wait 5 ms to get it back while the loop is busy: a
    flush of 1,500 rows took 6 s so, and takes 60 ms thus."""

    rows = 1024  # 14,336 of the 32,766 parameters that SQLite allows

    async def replace_bindings(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Insert or overwrite."""
        statement = f"{_INSERT}{','.join([_ROW] * len(rows))}{REPLACE}"
        await connection.exec_driver_sql(statement, _flat(rows))

    async def delete_bindings(
        self, connection: AsyncConnection, places: Sequence[tuple[str, int]]
    ) -> None:
        """Delete by place."""
        await connection.exec_driver_sql(f"{_DELETE}{_pairs(places)})", _flat(places))

    async def select_accounts(
        self, connection: AsyncConnection, keys: Sequence[Key]
    ) -> Sequence[Sequence[Any]]:
        """Look up by name."""
        found = await connection.exec_driver_sql(f"{_SELECT}{_pairs(keys)})", _flat(keys))
        return found.all()

    async def delete_accounts(self, connection: AsyncConnection, keys: Sequence[Key]) -> None:
        """Delete by name."""
        await connection.exec_driver_sql(f"{_FORGET}{_pairs(keys)})", _flat(keys))

    async def insert_accounts(
        self, connection: AsyncConnection, rows: Sequence[tuple[str, str, str, str]]
    ) -> None:
        """Insert."""
        values = ",".join(["(?,?,?,?)"] * len(rows))
        await connection.exec_driver_sql(f"{_ADD}{values}", _flat(rows))

    def attempt(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """SQLite undoes a failed statement alone."""
        return nullcontext()


class SqliteDatabase:
    """A file (Database)."""

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        self.statements: Statements = SqliteStatements()
        self.writer = Connections(_engine(file), interruptible=False)
        self.reader = Connections(_engine(file), interruptible=False)
        self._file = file

    async def prepare(self, *, serving: bool) -> None:
        """Make the tables."""
        # first without the pool, whose connections outlive their failure by a thread
        try:
            await asyncio.to_thread(_probe, self._file)
        except sqlite3.Error as error:
            raise DatabaseError(f"the database failed: {error}") from error
        await self.writer.run(self._make_tables, within=OPEN_DEADLINE)

    async def guard(self, connection: AsyncConnection) -> bool:
        """A file loses nothing. Who has the control socket is the one server of its
        configuration."""
        return False

    def written(self) -> None:
        """Nothing is counted."""

    async def keep(self) -> None:
        """A file stays ours."""

    def cause(self, error: BaseException) -> str:
        """Why it cannot be opened."""
        file = self._file
        folder = file.absolute().parent
        if file.is_dir():
            return "is a folder"
        if not folder.is_dir():
            return f"there is no folder {folder}"
        if not os.access(file if file.exists() else folder, os.W_OK):
            return f"no permission to write {'it' if file.exists() else f'in {folder}'}"
        return first_line(error.__cause__ or error)

    async def dispose(self) -> None:
        """Close the file."""
        await self.writer.dispose()
        await self.reader.dispose()

    async def _make_tables(self, connection: AsyncConnection) -> None:
        """Upgrade where that is due, in one transaction that locks the file."""
        if not is_current(await _version(connection), self.name):
            # the driver begins no transaction by itself before it sees a change of rows
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            found = await _version(connection)  # another process may have been first
            if not is_current(found, self.name):
                await connection.run_sync(upgrade, found)
                await connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
        # a write, so that a file that cannot be written is found now
        await connection.exec_driver_sql(
            "INSERT OR REPLACE INTO settings VALUES ('opened', ?)", (b"1",)
        )


def _engine(file: Path) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file.absolute()}",
        pool_size=1,
        pool_timeout=DEADLINE,
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


async def _version(connection: AsyncConnection) -> int:
    return int((await connection.exec_driver_sql("PRAGMA user_version")).scalar_one())


def _probe(file: Path) -> None:
    """Open the file for writing, as the server will. Raises sqlite3.Error."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def _pairs(pairs: Sequence[object]) -> str:
    return ",".join(["(?,?)"] * len(pairs))


def _flat(rows: Sequence[tuple[object, ...]]) -> tuple[object, ...]:
    return tuple([value for row in rows for value in row])
