"""One server writes the bindings of a database: which one, and since when.

A binding belongs to the server whose sockets and connections lead to the phone, and that server
answers from its memory. Two of them on one database would overwrite each other's rows, so:

- at its start a server takes an advisory lock, held by a connection of its own. If another one has
  it, the start is refused with the other's name. The lock ends with the process, however it ends.
- every transaction that writes bindings advances a counter in the row `owner`, if that still holds
  our token. A server that lost its lock unnoticed (the database was restarted, the network cut) and
  was replaced meanwhile can so not write any more: it says so as a fault, and goes on from memory.

The counter also tells that the database has lost what it had committed: one restored from a backup
or a standby that lagged is behind, an empty one has no row. All bindings are then written again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.errors import StartError, StorageError

__all__ = ["Owner", "Tenure"]

LOCK = (7362846, 1)  # advisory locks of ours: 1 the owner, 2 changes of accounts, 3 the schema
PATIENCE = 5.0  # seconds that a start waits for a server that is just ending
STEP = 0.1  # seconds between two tries
QUESTION = 2.0  # seconds that the connection of the lock has to answer

_READ = text("SELECT value FROM settings WHERE name = 'owner' FOR UPDATE")
_WRITE = text(
    "INSERT INTO settings (name, value) VALUES ('owner', :value)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tenure:
    """What the row says: who, and how many transactions it has written."""

    token: str
    count: int
    who: str

    def encode(self) -> bytes:
        """As it is stored."""
        return f"{self.token} {self.count} {self.who}".encode()

    @classmethod
    def decode(cls, value: bytes) -> Tenure:
        """As it was stored; of an unknown form: nobody's."""
        token, _, rest = value.decode("utf-8", "replace").partition(" ")
        count, _, who = rest.partition(" ")
        return cls(token, int(count) if count.isascii() and count.isdigit() else 0, who)


class Owner:
    """Our hold on one database. `connect` opens a connection beside the pools."""

    def __init__(self, name: str, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._name = name
        self._connect = connect
        self._connection: asyncpg.Connection | None = None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        who = f"{socket.gethostname()}, process {os.getpid()}, since {now}"
        self._attempted = Tenure(secrets.token_hex(8), 0, who)
        self._written = 0

    async def take(self) -> None:
        """Become the owner. Raises StartError that names the present one, or what the driver
        raises."""
        connection = self._connection = await self._connect()
        async with asyncio.timeout(PATIENCE + QUESTION):
            await self._lock(connection)
            await connection.execute(
                "INSERT INTO settings (name, value) VALUES ('owner', $1)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                self._attempted.encode(),
            )

    async def keep(self) -> bool:
        """Once in a while: see that the lock is still held, and take it again if its connection
        broke, True then. Raises StorageError if that fails."""
        try:
            async with asyncio.timeout(QUESTION):
                return await self._hold()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            self._drop()
            told = str(error).partition("\n")[0] or f"no answer within {QUESTION:g} s"
            raise StorageError(f"the database failed: {told}") from error

    async def guard(self, connection: AsyncConnection) -> bool:
        """In each transaction that writes bindings, first of all: True if the database has lost
        what we wrote before. Raises StorageError if it has another owner."""
        value = (await connection.execute(_READ)).scalar()
        ours = self._attempted
        behind = value is None
        if value is not None:
            found = Tenure.decode(bytes(value))
            if found.token != ours.token:
                raise StorageError(
                    f"the database was taken over by another server ({found.who});"
                    " this one writes no more: stop one of the two"
                )
            behind = found.count < self._written
        self._attempted = replace(ours, count=ours.count + 1)
        await connection.execute(_WRITE, {"value": self._attempted.encode()})
        return behind

    def written(self) -> None:
        """The transaction of the last `guard` is committed."""
        self._written = self._attempted.count

    async def leave(self) -> None:
        """Let the next one in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.close(timeout=QUESTION)  # a frozen server hears no good-bye

    async def _lock(self, connection: asyncpg.Connection) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *LOCK):
            if loop.time() > end:
                raise StartError(await self._refusal(connection))
            await asyncio.sleep(STEP)

    async def _hold(self) -> bool:
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.execute("SELECT 1")
            return False
        self._connection = await self._connect()
        if await self._connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *LOCK):
            log.info("storage.lock_again", database=self._name)
        else:
            # the server may still hold it for our dead connection; the row decides meanwhile
            self._drop()
        return True

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _refusal(self, connection: asyncpg.Connection) -> str:
        value = await connection.fetchval("SELECT value FROM settings WHERE name = 'owner'")
        who = Tenure.decode(value).who if value else "unknown"
        return (
            f"database {self._name}: another server serves with it ({who});"
            " stop that one, or give this one a database of its own"
        )
