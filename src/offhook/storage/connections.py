"""Pooled connections to one database: every piece of work has a deadline, and a connection that
turns out dead is replaced once.

A frozen database answers nothing, not even a request to cancel. Work that misses its deadline is
therefore given up: where the driver can be interrupted its connection is thrown away, and where it
cannot (SQLite, a thread) the work goes on alone, and keeps its connection until it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from offhook.errors import StorageError
from offhook.storage.schema import first_line

__all__ = ["DEADLINE", "Connections", "DatabaseError", "Work"]

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]  # may run twice

DEADLINE = 2.0  # seconds of a look-up or a change; Timer F of a caller is 32
DISPOSE_DEADLINE = 2.0  # seconds to say good-bye to the database


class DatabaseError(StorageError):
    """What the database or its driver said; `__cause__` is the driver's error."""


class Connections:
    """The connections of one engine. `interruptible`: its driver can be stopped in the middle."""

    def __init__(self, engine: AsyncEngine, *, interruptible: bool) -> None:
        self.engine = engine
        self._interruptible = interruptible
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, work: Work[T], *, within: float = DEADLINE) -> T:
        """Do `work` in one transaction. Raises StorageError if it takes longer than `within`
        seconds or the database fails."""
        results: list[T | BaseException] = []
        task = asyncio.create_task(self._into(results, work), name="storage work")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait({task}, timeout=within)
        finally:
            if not task.done() and self._interruptible:
                task.cancel()
        if not results:
            raise StorageError(f"the database did not answer within {within:g} s")
        result = results[0]
        if isinstance(result, TimeoutError | PoolTimeout):  # what they say helps nobody
            raise DatabaseError("the database did not answer in time") from result
        if isinstance(result, SQLAlchemyError | OSError):
            raise DatabaseError(f"the database failed: {first_line(result)}") from result
        if isinstance(result, BaseException):
            raise result
        return result

    async def dispose(self) -> None:
        """Close the connections; what does not end by itself is given up."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=DISPOSE_DEADLINE)
        with suppress(TimeoutError):
            async with asyncio.timeout(DISPOSE_DEADLINE):
                await self.engine.dispose()

    async def _into(self, results: list[T | BaseException], work: Work[T]) -> None:
        """Do the work and keep its outcome: an exception in a task that nobody awaits any more
        would be reported by the loop."""
        try:
            results.append(await self._twice(work))
        except Exception as error:
            results.append(error)

    async def _twice(self, work: Work[T]) -> T:
        """A connection of the pool may have died with the server that it led to: the pool then
        drops it and all of its age, and the work begins anew with a fresh one."""
        try:
            return await self._once(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._once(work)

    async def _once(self, work: Work[T]) -> T:
        async with self.engine.begin() as connection:
            return await work(connection)
