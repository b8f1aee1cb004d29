"""The SQL storage: bindings in memory with write-behind, accounts, random keys, in one database.

What happens once a second tells whether the database answers: `fault` says so also when nothing is
to be written.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.errors import StartError, StorageError
from offhook.storage.accounts import SqlAccounts
from offhook.storage.changes import AccountChanges
from offhook.storage.database import Database
from offhook.storage.memory import MemoryBindings
from offhook.storage.protocols import StorageCounts
from offhook.storage.schema import SETTINGS
from offhook.storage.write_behind import INTERVAL, WriteBehind

__all__ = ["SqlAccountStorage", "SqlStorage"]

WATCH_INTERVAL = 0.5  # seconds between two looks for changes; with a look's deadline below 3

_KEEP_FIRST = text(
    "INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT DO NOTHING"
)


async def _open(database: Database, *, serving: bool) -> None:
    """Prepare a database. Raises StartError with everything closed again."""
    try:
        await database.prepare(serving=serving)
    except (SQLAlchemyError, OSError, StorageError) as error:
        await database.dispose()
        raise StartError(f"database {database.name}: {database.cause(error)}") from error
    except BaseException:
        await database.dispose()
        raise


class SqlStorage:
    """An open storage (Storage). Made by `open`, which starts two tasks; `close` ends them."""

    def __init__(
        self,
        database: Database,
        *,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._clock = clock
        self.bindings = MemoryBindings()
        self.accounts = SqlAccounts(database, monotonic=time.monotonic)
        self._write_behind = WriteBehind(
            database, self.bindings, interval=interval, monotonic=time.monotonic
        )
        self._changes = AccountChanges(database)
        self._watcher: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._watch_fault = ""

    @property
    def fault(self) -> str:
        """Why changes are not reaching the database at the moment, "" while all is well."""
        return self._write_behind.fault or self._watch_fault

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
        """Prepare the database and load the bindings. Raises StartError, with everything closed
        again."""
        await _open(self._database, serving=True)
        try:
            await self._changes.look()
            await self._write_behind.load(self._clock())
        except StorageError as error:
            await self._database.dispose()
            cause = self._database.cause(error)
            raise StartError(f"database {self._database.name}: {cause}") from error
        except BaseException:
            await self._database.dispose()
            raise
        self._write_behind.start()
        self._watcher = asyncio.create_task(self._watch(), name="storage changes")

    async def secret(self, name: str, size: int) -> bytes:
        """The random key of that name, made once for all processes that open this database."""
        return await _secret(self._database, name, size)

    async def flush(self) -> bool:
        """Write pending bindings now; False if that failed."""
        return await self._write_behind.flush()

    async def look(self) -> None:
        """Forget the remembered accounts that others have changed. While the database does not
        answer, what is remembered stays: known phones can go on."""
        try:
            await self._database.keep()
            changed = await self._changes.look()
        except StorageError as error:
            self._watch_fault = str(error)
            return
        self._watch_fault = ""
        if changed is None:
            self.accounts.forget()
        else:
            for key in changed:
                self.accounts.forget_one(key)

    async def close(self) -> None:
        """Write what is pending and close the database."""
        await self._write_behind.close()
        self._closing.set()
        if self._watcher is not None:
            await asyncio.wait({self._watcher}, timeout=WATCH_INTERVAL)
            self._watcher.cancel()
        await self.accounts.close()
        await self._database.dispose()

    async def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                async with asyncio.timeout(WATCH_INTERVAL):
                    await self._closing.wait()
                return
            except TimeoutError:
                await self.look()


class SqlAccountStorage:
    """Accounts alone (AccountStorage): no bindings are read, nobody is kept from serving."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.accounts = SqlAccounts(database, monotonic=time.monotonic)

    async def open(self) -> None:
        """Prepare the database. Raises StartError, with everything closed again."""
        await _open(self._database, serving=False)

    async def close(self) -> None:
        """Close the database."""
        await self.accounts.close()
        await self._database.dispose()


async def _secret(database: Database, name: str, size: int) -> bytes:
    """A random key of the settings; the first process that asks for it makes it."""
    fresh = secrets.token_bytes(size)
    stored = SETTINGS.c.name == f"secret.{name}"

    async def work(connection: AsyncConnection) -> bytes:
        found = (await connection.execute(select(SETTINGS.c.value).where(stored))).scalar()
        if found is None:
            await connection.execute(_KEEP_FIRST, {"name": f"secret.{name}", "value": fresh})
            found = (await connection.execute(select(SETTINGS.c.value).where(stored))).scalar_one()
        return bytes(found)

    return await database.writer.run(work)
