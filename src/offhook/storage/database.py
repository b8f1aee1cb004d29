"""What the SQL storage needs of one kind of database: connections, and the statements in which the
kinds differ. `sqlite` and `postgres` give it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.storage.connections import Connections
from offhook.storage.schema import Row

__all__ = ["Database", "Key", "Statements"]

Key = tuple[str, str]  # (user, realm)


class Statements(Protocol):
    """Statements over many rows at once, each as its database likes them best. None of them takes
    an empty list."""

    rows: int  # how many rows at most in one call

    async def replace_bindings(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        """Insert rows, or put them over the ones with their (aor, slot)."""

    async def delete_bindings(
        self, connection: AsyncConnection, places: Sequence[tuple[str, int]]
    ) -> None:
        """Delete the rows of these (aor, slot), where there are any."""

    async def select_accounts(
        self, connection: AsyncConnection, keys: Sequence[Key]
    ) -> Sequence[Sequence[Any]]:
        """(user, realm, algorithm, ha1) of all these accounts that exist."""

    async def delete_accounts(self, connection: AsyncConnection, keys: Sequence[Key]) -> None:
        """Delete all of these accounts that exist."""

    async def insert_accounts(
        self, connection: AsyncConnection, rows: Sequence[tuple[str, str, str, str]]
    ) -> None:
        """Insert (realm, user, algorithm, ha1)."""

    def attempt(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """Inside it a statement may fail without the rest of the transaction."""


class Database(Protocol):
    """One database. Look-ups and writes go through connections of their own, so that no look-up
    waits for a flush."""

    name: str  # for messages; no secret
    statements: Statements

    @property
    def reader(self) -> Connections:
        """For look-ups."""

    @property
    def writer(self) -> Connections:
        """For changes."""

    async def prepare(self, *, serving: bool) -> None:
        """Make or upgrade the tables and, if `serving`, become the one server that writes
        bindings. Raises StartError, or what `cause` explains."""

    async def guard(self, connection: AsyncConnection) -> bool:
        """First thing in a transaction that writes bindings: True if the database has lost what we
        wrote before. Raises StorageError if they are no longer ours to write."""

    def written(self) -> None:
        """That transaction is committed."""

    async def keep(self) -> None:
        """Once in a while, while serving: see that the bindings are still ours. Raises
        StorageError."""

    def cause(self, error: BaseException) -> str:
        """Why it cannot be opened, in words that lead to the remedy."""

    async def dispose(self) -> None:
        """Close all connections."""
