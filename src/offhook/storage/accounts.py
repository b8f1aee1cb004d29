"""Accounts in SQL, remembered in memory: a request waits for the database once, and an unknown user
as well.

What another process changes (`offhook user passwd`) counts within a second: SQLite tells by its
data version that somebody else has written, and everything remembered is forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from offhook.errors import StorageError
from offhook.storage.names import possible, refuse_unstorable
from offhook.storage.protocols import Account
from offhook.storage.schema import ACCOUNTS, first_line

__all__ = ["SqlAccounts"]

V = TypeVar("V")
Key = tuple[str, str]
Answer = Account | StorageError | None  # no exception in a future: nobody may be left to see it

MAX_KNOWN = 100_000  # accounts remembered; 700 bytes each
MAX_UNKNOWN = 10_000  # names remembered as nobody's: a scanner asks for many, and for each once
UNKNOWN_LIFETIME = 5.0  # seconds, should the data version ever not tell
MAX_WAITING = 1_000  # look-ups in flight: a frozen database must not collect them without end
MAX_TOGETHER = 200  # names of one question: a thousand phones that come back at once wait 10 ms
DEADLINE = 2.0  # seconds of a look-up; Timer F of the caller is 32
_SELECT = "SELECT user, realm, algorithm, ha1 FROM accounts WHERE (realm, user) IN"


class SqlAccounts:
    """Accounts (AccountStore). Reads and writes go through engines of their own, so that no look-up
    waits for a flush."""

    def __init__(
        self, reader: AsyncEngine, writer: AsyncEngine, *, monotonic: Callable[[], float]
    ) -> None:
        self._reader = reader
        self._writer = writer
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
        key = (account.user, account.realm)
        refuse_unstorable(account)
        rows = [
            {"realm": account.realm, "user": account.user, "algorithm": algorithm, "ha1": ha1}
            for algorithm, ha1 in account.ha1.items()
        ]
        try:
            async with self._writer.begin() as connection:
                await connection.execute(delete(ACCOUNTS).where(_is(key)))
                await connection.execute(insert(ACCOUNTS), rows)
        except SQLAlchemyError as error:
            raise StorageError(f"the account database failed: {first_line(error)}") from error
        self._forget_one(key)

    async def remove(self, user: str, realm: str) -> bool:
        """True if there was one."""
        key = (user, realm)
        if not possible(*key):
            return False
        try:
            async with self._writer.begin() as connection:
                done = await connection.execute(delete(ACCOUNTS).where(_is(key)))
        except SQLAlchemyError as error:
            raise StorageError(f"the account database failed: {first_line(error)}") from error
        self._forget_one(key)
        return done.rowcount > 0

    async def all(self) -> Sequence[Account]:
        """Every account, ordered by realm and user."""
        statement = select(
            ACCOUNTS.c.user, ACCOUNTS.c.realm, ACCOUNTS.c.algorithm, ACCOUNTS.c.ha1
        ).order_by(ACCOUNTS.c.realm, ACCOUNTS.c.user, ACCOUNTS.c.algorithm)
        accounts: dict[Key, Account] = {}
        try:
            async with self._reader.connect() as connection:
                for user, realm, algorithm, ha1 in await connection.execute(statement):
                    account = accounts.setdefault((user, realm), Account(user, realm, {}))
                    account.ha1[algorithm] = ha1
        except SQLAlchemyError as error:
            raise StorageError(f"the account database failed: {first_line(error)}") from error
        return list(accounts.values())

    async def close(self) -> None:
        """Let a look-up that is under way end."""
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=DEADLINE)

    def forget(self) -> None:
        """Forget everything remembered: another process has written."""
        self._generation += 1
        self._known.clear()
        self._unknown.clear()

    def _forget_one(self, key: Key) -> None:
        self._generation += 1  # a look-up in flight may have read the row of before
        self._known.pop(key, None)
        self._unknown.pop(key, None)

    async def _read_queue(self) -> None:
        """Look up what is asked for, together what came while the last question was under way."""
        try:
            while self._queue:
                keys, self._queue = self._queue[:MAX_TOGETHER], self._queue[MAX_TOGETHER:]
                try:
                    found = await self._read(keys)
                except (SQLAlchemyError, OSError) as error:
                    fault = StorageError(f"the account database failed: {first_line(error)}")
                    self._answer(dict.fromkeys(keys, fault))
                else:
                    self._answer({key: found.get(key) for key in keys})
        finally:
            self._reading = None

    async def _read(self, keys: list[Key]) -> dict[Key, Account]:
        generation = self._generation
        statement = f"{_SELECT} (VALUES {','.join(['(?,?)'] * len(keys))})"
        values = tuple([part for user, realm in keys for part in (realm, user)])
        found: dict[Key, Account] = {}
        async with self._reader.connect() as connection:
            rows = (await connection.exec_driver_sql(statement, values)).all()
            for user, realm, algorithm, ha1 in map(tuple, rows):
                account = found.setdefault((user, realm), Account(user, realm, {}))
                account.ha1[algorithm] = ha1
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


def _is(key: Key) -> ColumnElement[bool]:
    return and_(ACCOUNTS.c.user == key[0], ACCOUNTS.c.realm == key[1])
