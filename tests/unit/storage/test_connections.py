"""Work on a database: its deadline, its errors, and a connection that died meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from offhook.errors import StorageError
from offhook.storage.connections import Connections, DatabaseError


@pytest.fixture
async def connections(tmp_path: Path) -> AsyncIterator[Connections]:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    made = Connections(engine, interruptible=False)
    yield made
    await made.dispose()


async def one(connection: AsyncConnection) -> int:
    return int((await connection.exec_driver_sql("SELECT 1")).scalar_one())


async def test_work_gives_its_result(connections: Connections) -> None:
    assert await connections.run(one) == 1


async def test_work_that_raises_is_undone(connections: Connections) -> None:
    async def fail(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("CREATE TABLE t (x)")
        await connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        raise ValueError("no")

    async def count(connection: AsyncConnection) -> int:
        await connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")
        return int((await connection.exec_driver_sql("SELECT count(*) FROM t")).scalar_one())

    with pytest.raises(ValueError, match="no"):
        await connections.run(fail)
    assert await connections.run(count) == 0


async def test_what_the_database_says_is_told_in_one_line(connections: Connections) -> None:
    async def wrong(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("SELECT secret FROM nowhere")

    with pytest.raises(DatabaseError) as caught:
        await connections.run(wrong)
    assert str(caught.value) == "the database failed: no such table: nowhere"
    assert caught.value.__cause__ is not None


class Fake:
    """An engine whose connections only count how they ended."""

    def __init__(self) -> None:
        self.ended: list[type[BaseException] | None] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            self.ended.append(type(error))
            raise
        self.ended.append(None)

    async def dispose(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("interruptible", [True, False])
async def test_work_without_an_answer_is_given_up(interruptible: bool) -> None:
    engine, answer = Fake(), asyncio.Event()
    connections = Connections(engine, interruptible=interruptible)  # type: ignore[arg-type] # a fake

    async def wait(_connection: AsyncConnection) -> None:
        await answer.wait()

    with pytest.raises(StorageError, match=r"did not answer within 0\.001 s"):
        await connections.run(wait, within=0.001)
    answer.set()
    await connections.dispose()
    assert engine.ended == [asyncio.CancelledError if interruptible else None]


@pytest.mark.parametrize("interruptible", [True, False])
async def test_a_caller_that_leaves_is_not_kept(interruptible: bool) -> None:
    engine, answer, under_way = Fake(), asyncio.Event(), asyncio.Event()
    connections = Connections(engine, interruptible=interruptible)  # type: ignore[arg-type] # a fake

    async def wait(_connection: AsyncConnection) -> None:
        under_way.set()
        await answer.wait()

    task = asyncio.create_task(connections.run(wait))
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer.set()
    await connections.dispose()
    assert engine.ended == [asyncio.CancelledError if interruptible else None]


async def test_a_dead_connection_is_replaced_once(connections: Connections) -> None:
    tries = []

    async def dead(connection: AsyncConnection) -> int:
        tries.append(connection)
        if len(tries) == 1:
            raise DBAPIError("SELECT 1", None, OSError("gone"), connection_invalidated=True)
        return await one(connection)

    assert await connections.run(dead) == 1
    assert len(tries) == 2


async def test_a_server_that_stays_dead_is_told(connections: Connections) -> None:
    async def dead(_connection: AsyncConnection) -> None:
        raise DBAPIError("SELECT 1", None, OSError("gone"), connection_invalidated=True)

    with pytest.raises(DatabaseError, match="the database failed: gone"):
        await connections.run(dead)


@pytest.mark.parametrize("error", [TimeoutError(), PoolTimeout("QueuePool limit reached")])
async def test_who_gave_up_waiting_is_told_in_words(
    connections: Connections, error: Exception
) -> None:
    async def late(_connection: AsyncConnection) -> None:
        raise error

    with pytest.raises(DatabaseError, match="the database did not answer in time"):
        await connections.run(late)
