"""Accounts in SQL when the database is slow, broken or asked for too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.errors import StorageError
from offhook.storage import Account
from offhook.storage.accounts import SqlAccounts
from offhook.storage.connections import Work
from offhook.storage.sqlite import SqliteDatabase

ALICE = Account("alice", "r", {"MD5": "aa"})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "x.db")
    await made.prepare(serving=False)
    yield made
    await made.dispose()


@pytest.fixture
def accounts(database: SqliteDatabase, clock: Clock) -> SqlAccounts:
    return SqlAccounts(database, monotonic=clock)


async def drop(database: SqliteDatabase) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("DROP TABLE accounts")

    await database.writer.run(work)


async def test_nobody_is_forgotten_after_a_while(accounts: SqlAccounts, clock: Clock) -> None:
    assert await accounts.get("alice", "r") is None
    assert accounts.cached("alice", "r") == (True, None)
    clock.now = 6.0
    assert accounts.cached("alice", "r") == (False, None)


async def test_a_cache_is_bounded(accounts: SqlAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.storage.accounts.MAX_UNKNOWN", 3)
    monkeypatch.setattr("offhook.storage.accounts.MAX_KNOWN", 1)
    await accounts.put(ALICE)
    await accounts.put(Account("bob", "r", {"MD5": "bb"}))
    for user in ("alice", "bob", "1", "2", "3", "4"):
        await accounts.get(user, "r")
    assert accounts.cached("alice", "r") == (False, None)
    assert accounts.cached("bob", "r")[0]
    assert [accounts.cached(user, "r")[0] for user in "1234"] == [False, True, True, True]


async def test_a_scan_of_unknown_names_does_not_push_known_ones_out(
    accounts: SqlAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.storage.accounts.MAX_UNKNOWN", 3)
    await accounts.put(ALICE)
    await accounts.get("alice", "r")
    await asyncio.gather(*[accounts.get(f"{number}", "r") for number in range(50)])
    assert accounts.cached("alice", "r") == (True, ALICE)


async def test_questions_that_come_together_are_asked_together(
    accounts: SqlAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = accounts._read

    async def counted(keys: list[tuple[str, str]]) -> dict[tuple[str, str], Account]:
        asked.append(len(keys))
        return await read(keys)

    monkeypatch.setattr(accounts, "_read", counted)
    await accounts.put(ALICE)
    names = [f"u{number}" for number in range(250)] + ["alice"] * 10
    found = await asyncio.gather(*[accounts.get(name, "r") for name in names])
    assert found[-1] == ALICE
    assert asked == [200, 51]


async def test_a_frozen_database_costs_each_question_its_deadline_and_no_more(
    accounts: SqlAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = asyncio.Event()

    async def read(keys: list[tuple[str, str]]) -> dict[tuple[str, str], Account]:
        await frozen.wait()
        return dict.fromkeys(keys, ALICE)

    monkeypatch.setattr(accounts, "_read", read)
    monkeypatch.setattr("offhook.storage.accounts.DEADLINE", 0.0)
    monkeypatch.setattr("offhook.storage.accounts.MAX_WAITING", 2)
    for user in ("a", "b", "a"):
        with pytest.raises(StorageError, match="did not answer"):
            await accounts.get(user, "r")
    with pytest.raises(StorageError, match="keep up"):
        await accounts.get("c", "r")
    frozen.set()
    monkeypatch.setattr("offhook.storage.accounts.DEADLINE", 5.0)
    await accounts.close()
    assert await accounts.get("c", "r") == ALICE


async def test_a_broken_database_is_a_storage_error(
    accounts: SqlAccounts, database: SqliteDatabase
) -> None:
    await drop(database)
    with pytest.raises(StorageError, match="no such table"):
        await accounts.get("alice", "r")
    with pytest.raises(StorageError, match="no such table"):
        await accounts.put(ALICE)
    with pytest.raises(StorageError, match="no such table"):
        await accounts.remove("alice", "r")
    with pytest.raises(StorageError, match="no such table"):
        await accounts.all()


async def test_an_error_does_not_show_a_secret(
    accounts: SqlAccounts, database: SqliteDatabase
) -> None:
    await drop(database)
    with pytest.raises(StorageError) as caught:
        await accounts.put(Account("alice", "r", {"MD5": "topsecret"}))
    assert "topsecret" not in str(caught.value)


async def test_a_look_up_that_crosses_a_change_is_not_remembered(
    accounts: SqlAccounts, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()
    run = database.reader.run

    async def slow(work: Work[object], *, within: float = 2.0) -> object:
        under_way.set()
        await go_on.wait()
        return await run(work, within=within)

    monkeypatch.setattr(database.reader, "run", slow)
    asking = asyncio.create_task(accounts.get("alice", "r"))
    await under_way.wait()
    accounts.forget()
    go_on.set()
    assert await asking is None
    assert accounts.cached("alice", "r") == (False, None)


async def test_a_look_up_that_fails_leaves_what_is_known(
    accounts: SqlAccounts, database: SqliteDatabase
) -> None:
    await accounts.put(ALICE)
    await accounts.get("alice", "r")
    await drop(database)
    with pytest.raises(StorageError):
        await accounts.get("bob", "r")
    assert await accounts.get("alice", "r") == ALICE
