"""PostgreSQL as a `Database`, through asyncpg.

Every connection has its limits set at the server too, so that what we have given up ends there:
statements after STATEMENT_TIMEOUT, waits for a lock after LOCK_TIMEOUT, transactions of a client
that is gone after IDLE_TIMEOUT.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
from sqlalchemy import BigInteger, Float, Integer, Text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from offhook.errors import StartError
from offhook.storage.address import Access, PostgresAddress
from offhook.storage.connections import DEADLINE, Connections
from offhook.storage.database import Key, Statements
from offhook.storage.owner import Owner
from offhook.storage.postgres_errors import cause
from offhook.storage.schema import BINDING_COLUMNS, BINDINGS, REPLACE, Row
from offhook.storage.upgrade import is_current, upgrade
from offhook.version import __version__

__all__ = ["PostgresDatabase", "PostgresStatements"]

CONNECT_DEADLINE = 3.0  # seconds; a frozen server accepts the connection and says nothing
READERS = 2  # connections for look-ups: one asks, one may be in the throes of its deadline
WRITERS = 1  # connections for changes: flushes follow each other, so that the last one counts
OPEN_DEADLINE = 60.0  # seconds until the tables are ready, an upgrade included
UPGRADE_TIMEOUT = "50s"  # of a statement of an upgrade, or of another process' upgrade
FAREWELL = 0.5  # seconds that a server has to agree that a connection ends

SETTINGS_OF_A_SESSION = {
    "statement_timeout": "10s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",  # ms: locks of a client that vanished are free after this
    "client_encoding": "UTF8",
    "jit": "off",  # compiling a statement costs more than these statements do
}

_TYPES = {Text: "text", Integer: "int4", BigInteger: "int8", Float: "float8"}
_ARRAYS = ",".join(
    [f"${i}::{_TYPES[type(column.type)]}[]" for i, column in enumerate(BINDINGS.columns, 1)]
)
_INSERT = (
    f"INSERT INTO bindings ({','.join(BINDING_COLUMNS)}) SELECT * FROM unnest({_ARRAYS}){REPLACE}"
)
_DELETE = (
    "DELETE FROM bindings b USING unnest($1::text[], $2::int4[]) AS gone (aor, slot)"
    " WHERE b.aor = gone.aor AND b.slot = gone.slot"
)
_ADD = (
    'INSERT INTO accounts (realm, "user", algorithm, ha1)'
    " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])"
)
_FORGET = (
    'DELETE FROM accounts a USING unnest($1::text[], $2::text[]) AS gone ("user", realm)'
    ' WHERE a."user" = gone."user" AND a.realm = gone.realm'
)
_SELECT = (
    'SELECT a."user", a.realm, a.algorithm, a.ha1'
    ' FROM unnest($1::text[], $2::text[]) AS wanted ("user", realm)'
    ' JOIN accounts a ON a."user" = wanted."user" AND a.realm = wanted.realm'
)


class PostgresStatements:
    """One array a column (Statements): the text of a statement is the same for any number of rows,
    so that it is prepared once."""

    rows = 500  # they are encoded on the loop, in 2 ms

    async def replace_bindings(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Insert or overwrite."""
        await connection.exec_driver_sql(_INSERT, _columns(rows))

    async def delete_bindings(
        self, connection: AsyncConnection, places: Sequence[tuple[str, int]]
    ) -> None:
        """Delete by place."""
        await connection.exec_driver_sql(_DELETE, _columns(places))

    async def select_accounts(
        self, connection: AsyncConnection, keys: Sequence[Key]
    ) -> Sequence[Sequence[Any]]:
        """Look up by name."""
        return (await connection.exec_driver_sql(_SELECT, _columns(keys))).all()

    async def delete_accounts(self, connection: AsyncConnection, keys: Sequence[Key]) -> None:
        """Delete by name: a join, since a list of 500 names is compared with every row."""
        await connection.exec_driver_sql(_FORGET, _columns(keys))

    async def insert_accounts(
        self, connection: AsyncConnection, rows: Sequence[tuple[str, str, str, str]]
    ) -> None:
        """Insert in one statement: the trigger runs for each."""
        await connection.exec_driver_sql(_ADD, _columns(rows))

    def attempt(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """A savepoint: without it a failed statement spoils the transaction."""
        return connection.begin_nested()


class PostgresDatabase:
    """A database of a server (Database)."""

    def __init__(self, address: PostgresAddress, access: Access) -> None:
        self.name = str(address)
        self.statements: Statements = PostgresStatements()
        self._address = address
        self._arguments = _arguments(address, access)
        self.reader = Connections(self._engine(READERS), interruptible=True)
        self.writer = Connections(self._engine(WRITERS), interruptible=True)
        self._owner = Owner(self.name, self._connect)

    async def prepare(self, *, serving: bool) -> None:
        """Make the tables; take the bindings."""
        await self.writer.run(self._make_tables, within=OPEN_DEADLINE)
        if serving:
            await self._owner.take()

    async def guard(self, connection: AsyncConnection) -> bool:
        """See `owner`."""
        return await self._owner.guard(connection)

    def written(self) -> None:
        """See `owner`."""
        self._owner.written()

    async def keep(self) -> None:
        """Hold the lock. A server reached anew may be another one, with no tables yet."""
        if await self._owner.keep():
            await self.writer.run(self._make_tables, within=OPEN_DEADLINE)

    def cause(self, error: BaseException) -> str:
        """Why it cannot be opened."""
        return cause(error, self._address)

    async def dispose(self) -> None:
        """Close all connections."""
        await self._owner.leave()
        await self.writer.dispose()
        await self.reader.dispose()

    async def _make_tables(self, connection: AsyncConnection) -> None:
        """Upgrade where that is due, in one transaction that keeps other processes waiting."""
        if is_current(await _version(connection, self.name), self.name):
            return
        await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{UPGRADE_TIMEOUT}'")
        await connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{UPGRADE_TIMEOUT}'")
        await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7362846, 3)")
        found = await _version(connection, self.name)  # another process may have been first
        if not is_current(found, self.name):
            await connection.run_sync(upgrade, found)

    def _engine(self, size: int) -> AsyncEngine:
        return create_async_engine(
            "postgresql+asyncpg://",
            pool_size=size,
            max_overflow=0,
            pool_timeout=DEADLINE,
            hide_parameters=True,  # no HA1 in the text of an error
            connect_args={"async_creator_fn": self._connect},
        )

    async def _connect(self) -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(**self._arguments)
        return connection


async def _version(connection: AsyncConnection, name: str) -> int:
    """The last step that was taken, 0 without tables."""
    encoding = (await connection.exec_driver_sql("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise StartError(
            f"database {name}: its encoding is {encoding}; create one with --encoding UTF8"
        )
    table = "SELECT to_regclass('alembic_version') IS NOT NULL"
    if not (await connection.exec_driver_sql(table)).scalar_one():
        return 0
    found = await connection.exec_driver_sql("SELECT max(version_num) FROM alembic_version")
    return int(found.scalar_one() or 0)


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that does not wait for a frozen server when it is closed."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's
        await super().close(timeout=min(timeout or FAREWELL, FAREWELL))


def _arguments(address: PostgresAddress, access: Access) -> dict[str, object]:
    settings = SETTINGS_OF_A_SESSION | {"application_name": _application()}
    arguments: dict[str, object] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "database": address.database,
        "timeout": CONNECT_DEADLINE,
        "ssl": _tls(address, access),
        "server_settings": settings,
        "connection_class": _Connection,
    }
    if access.password_file is not None:
        arguments["password"] = _password(access)
    return arguments


def _application() -> str:
    """Who we are in pg_stat_activity."""
    return f"offhook {__version__} {socket.gethostname()} {os.getpid()}"[:63]


def _password(access: Access) -> str:
    file = access.password_file
    try:
        text = file.read_text(encoding="utf-8") if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise StartError(f"storage.password_file: cannot read {file}: {reason}") from None
    return text.split("\n", 1)[0].rstrip("\r")


def _tls(address: PostgresAddress, access: Access) -> ssl.SSLContext | bool:
    if access.tls == "off" or address.by_socket or (access.tls == "auto" and address.local):
        return False
    try:
        context = ssl.create_default_context(
            cafile=str(access.authority) if access.authority else None
        )
    except (OSError, ssl.SSLError) as error:
        raise StartError(
            f"storage.ca: cannot read {access.authority}: {getattr(error, 'reason', error)}"
        ) from None
    if access.tls == "encrypt":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _columns(rows: Sequence[tuple[object, ...]]) -> tuple[list[object], ...]:
    return tuple([list(column) for column in zip(*rows, strict=True)])
