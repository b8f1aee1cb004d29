"""Whose accounts have changed since we last looked, whoever changed them.

The table `account_changes` is written by triggers and asked once in a while: a question cannot be
lost as a notification can, passes every proxy, and tells at the same time whether the database
answers. A notification would come sooner, but a second is what is promised.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.storage.database import Database, Key
from offhook.storage.schema import ACCOUNT_CHANGES

__all__ = ["AccountChanges"]

MAX_CHANGES = 1_000  # names taken at a time; with more it is cheaper to forget everybody
EVERYBODY = ("", "")

_LAST = select(func.coalesce(func.max(ACCOUNT_CHANGES.c.version), 0))


class AccountChanges:
    """The reader of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: int | None = None  # the last version

    async def look(self) -> Sequence[Key] | None:
        """(user, realm) of what has changed since the last look; None if that may be everybody, as
        at the first. Raises StorageError."""
        last, changed = await self._database.reader.run(self._work)
        self._seen = last
        return changed

    async def _work(self, connection: AsyncConnection) -> tuple[int, Sequence[Key] | None]:
        last = int((await connection.execute(_LAST)).scalar_one())
        seen = self._seen
        if seen is None or last < seen or last - seen > MAX_CHANGES:
            return last, None  # a first look, a database restored to an earlier state, an import
        if last == seen:
            return last, ()
        table = ACCOUNT_CHANGES.c
        question = select(table.version, table.user, table.realm).order_by(table.version)
        rows = (
            await connection.execute(question.where(table.version > seen, table.version <= last))
        ).all()
        if not rows or rows[0].version != seen + 1:
            return last, None  # some are not kept any more
        keys = {(row.user, row.realm) for row in rows}
        return last, None if EVERYBODY in keys else list(keys)
