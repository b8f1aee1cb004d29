"""Accounts in SQL, remembered in memory: a request waits for the database once, and an unknown user
as well.

What another process changes (`offhook user passwd`) is forgotten by `forget_one`, or by `forget`
where the database cannot tell whom it concerns. While the database does not answer, what is
remembered stays: known phones go on, and only requests of unknown ones wait for the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Delete, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.errors import StorageError
from offhook.storage.connections import DEADLINE
from offhook.storage.database import Database, Key
from offhook.storage.names import possible, refuse_unstorable
from offhook.storage.protocols import Account
from offhook.storage.schema import ACCOUNTS

__all__ = ["SqlAccounts"]

V = TypeVar("V")
Answer = Account | StorageError | None  # no exception in a future: nobody may be left to see it

MAX_KNOWN = 100_000  # accounts remembered; 700 bytes each
MAX_UNKNOWN = 10_000  # names remembered as nobody's: a scanner asks for many, and for each once
UNKNOWN_LIFETIME = 5.0  # seconds, should the data version ever not tell
MAX_WAITING = 1_000  # look-ups in flight: a frozen database must not collect them without end
MAX_TOGETHER = 200  # names of one question: a thousand phones that come back at once wait 10 ms
MAX_STORED_TOGETHER = 500  # accounts of one statement: two rows each
IMPORT_DEADLINE = 60.0  # seconds of a whole import, or of a list of everybody


class SqlAccounts:
    """Accounts (AccountStore)."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._monotonic = monotonic
        self._known: dict[Key, Account] = {}
        self._unknown: dict[Key, float] = {}  # until when
        self._waiting: dict[Key, asyncio.Future[Answer]] = {}
        self._queue: list[Key] = []  # of those that wait, the ones not yet asked for
        self._reading: asyncio.Task[None] | None = None
        self._generation = 0

    def cached(self, user: str, realm: str) -> tuple[bool, Account | None]:
        """(True, the account or None if there is none), or (False, None) if `get` must be asked."""
        key = (user, realm)
        account = self._known.get(key)
        if account is not None:
            return True, account
        until = self._unknown.get(key)
        if until is not None:
            if until > self._monotonic():
                return True, None
            del self._unknown[key]
        elif not possible(*key):
            return True, None
        return False, None

    async def get(self, user: str, realm: str) -> Account | None:
        """One account. Raises StorageError if the database fails or does not answer within
        DEADLINE."""
        found, account = self.cached(user, realm)
        if found:
            return account
        key = (user, realm)
        answer = self._waiting.get(key)
        if answer is None:
            if len(self._waiting) >= MAX_WAITING:
                raise StorageError("the account database does not keep up")
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
            self._queue.append(key)
            if self._reading is None:
                self._reading = asyncio.create_task(self._read_queue(), name="storage accounts")
        await asyncio.wait({answer}, timeout=DEADLINE)
        if not answer.done():
            raise StorageError(f"the account database did not answer within {DEADLINE:g} s")
        found_now = answer.result()
        if isinstance(found_now, StorageError):
            raise found_now
        return found_now

    async def put(self, account: Account) -> None:
        """Add or replace."""
        await self._store([account], within=DEADLINE)

    async def put_all(self, accounts: Sequence[Account]) -> None:
        """Add or replace many: all of them or, if it raises, none."""
        await self._store(accounts, within=IMPORT_DEADLINE)

    async def remove(self, user: str, realm: str) -> bool:
        """True if there was one."""
        key = (user, realm)
        if not possible(*key):
            return False

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(_deletion([key]))).rowcount > 0

        removed = await self._database.writer.run(work)
        self.forget_one(key)
        return removed

    async def all(self) -> Sequence[Account]:
        """Every account, ordered by realm and user."""
        statement = select(
            ACCOUNTS.c.user, ACCOUNTS.c.realm, ACCOUNTS.c.algorithm, ACCOUNTS.c.ha1
        ).order_by(ACCOUNTS.c.realm, ACCOUNTS.c.user, ACCOUNTS.c.algorithm)

        async def work(connection: AsyncConnection) -> dict[Key, Account]:
            return _accounts((await connection.execute(statement)).all())

        found = await self._database.reader.run(work, within=IMPORT_DEADLINE)
        return sorted(found.values(), key=lambda account: (account.realm, account.user))

    async def is_empty(self) -> bool:
        """Whether there is no account at all."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(select(ACCOUNTS.c.user).limit(1))).first() is None

        return await self._database.reader.run(work)

    async def close(self) -> None:
        """Let a look-up that is under way end."""
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=DEADLINE)

    def forget(self) -> None:
        """Forget everything remembered: another process has written."""
        self._generation += 1
        self._known.clear()
        self._unknown.clear()

    def forget_one(self, key: Key) -> None:
        """Forget one account: somebody has changed it."""
        self._generation += 1  # a look-up in flight may have read the row of before
        self._known.pop(key, None)
        self._unknown.pop(key, None)

    async def _store(self, accounts: Sequence[Account], *, within: float) -> None:
        for account in accounts:
            refuse_unstorable(account)
        new = {(account.user, account.realm): account for account in accounts}
        keys = list(new)

        async def work(connection: AsyncConnection) -> None:
            for start in range(0, len(keys), MAX_STORED_TOGETHER):
                some = keys[start : start + MAX_STORED_TOGETHER]
                await self._database.statements.delete_accounts(connection, some)
                rows = [row for key in some for row in _rows(new[key])]
                await self._database.statements.insert_accounts(connection, rows)

        await self._database.writer.run(work, within=within)
        for key in keys:
            self.forget_one(key)

    async def _read_queue(self) -> None:
        """Look up what is asked for, together what came while the last question was under way."""
        try:
            while self._queue:
                keys, self._queue = self._queue[:MAX_TOGETHER], self._queue[MAX_TOGETHER:]
                try:
                    found = await self._read(keys)
                except StorageError as error:
                    self._answer(dict.fromkeys(keys, error))
                else:
                    self._answer({key: found.get(key) for key in keys})
        finally:
            self._reading = None

    async def _read(self, keys: list[Key]) -> dict[Key, Account]:
        generation = self._generation

        async def work(connection: AsyncConnection) -> dict[Key, Account]:
            return _accounts(await self._database.statements.select_accounts(connection, keys))

        found = await self._database.reader.run(work)
        if generation == self._generation:
            unknown_until = self._monotonic() + UNKNOWN_LIFETIME
            for key in keys:
                if key in found:
                    _remember(self._known, key, found[key], MAX_KNOWN)
                else:
                    _remember(self._unknown, key, unknown_until, MAX_UNKNOWN)
        return found

    def _answer(self, answers: Mapping[Key, Answer]) -> None:
        for key, answer in answers.items():
            future = self._waiting.pop(key)
            if not future.done():
                future.set_result(answer)


def _remember(cache: dict[Key, V], key: Key, value: V, limit: int) -> None:
    if len(cache) >= limit:
        del cache[next(iter(cache))]
    cache[key] = value


def _accounts(rows: Iterable[Sequence[str]]) -> dict[Key, Account]:
    """The accounts of (user, realm, algorithm, ha1)."""
    found: dict[Key, Account] = {}
    for user, realm, algorithm, ha1 in rows:
        found.setdefault((user, realm), Account(user, realm, {})).ha1[algorithm] = ha1
    return found


def _rows(account: Account) -> list[tuple[str, str, str, str]]:
    return [(account.realm, account.user, algorithm, ha1) for algorithm, ha1 in account.ha1.items()]


def _deletion(keys: Sequence[Key]) -> Delete:
    return delete(ACCOUNTS).where(tuple_(ACCOUNTS.c.user, ACCOUNTS.c.realm).in_(keys))
