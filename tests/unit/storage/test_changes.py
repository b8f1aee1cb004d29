"""Who has changed: told by triggers, whoever wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from offhook.errors import StorageError
from offhook.storage.changes import AccountChanges
from offhook.storage.sqlite import SqliteDatabase


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    made = SqliteDatabase(tmp_path / "x.db")
    await made.prepare(serving=False)
    yield made
    await made.dispose()


@pytest.fixture
async def changes(database: SqliteDatabase) -> AccountChanges:
    made = AccountChanges(database)
    assert await made.look() is None
    return made


def write(database: SqliteDatabase, *statements: str) -> None:
    """As any other program would."""
    with closing(sqlite3.connect(database.name)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def add(*users: str) -> str:
    return "INSERT INTO accounts VALUES " + ",".join([f"('r', '{u}', 'MD5', 'x')" for u in users])


async def test_nothing_has_changed(changes: AccountChanges) -> None:
    assert await changes.look() == ()
    assert await changes.look() == ()


async def test_everyone_who_was_added_changed_or_removed_is_named_once(
    changes: AccountChanges, database: SqliteDatabase
) -> None:
    write(database, add("a", "b", "c"))
    assert sorted(await changes.look() or ()) == [("a", "r"), ("b", "r"), ("c", "r")]
    write(database, "UPDATE accounts SET ha1 = 'y' WHERE user = 'a'")
    assert await changes.look() == [("a", "r")]
    write(database, "UPDATE accounts SET user = 'd' WHERE user = 'b'")
    assert sorted(await changes.look() or ()) == [("b", "r"), ("d", "r")]
    write(database, "DELETE FROM accounts WHERE user = 'c'")
    assert await changes.look() == [("c", "r")]
    assert await changes.look() == ()


async def test_what_was_undone_is_not_named(
    changes: AccountChanges, database: SqliteDatabase
) -> None:
    with closing(sqlite3.connect(database.name)) as connection:
        connection.execute(add("a"))
        connection.rollback()
    assert await changes.look() == ()


async def test_many_changes_are_everybody(
    changes: AccountChanges, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.storage.changes.MAX_CHANGES", 2)
    write(database, add("a", "b"))
    assert len(await changes.look() or ()) == 2
    write(database, add("c", "d", "e"))
    assert await changes.look() is None
    assert await changes.look() == ()


async def test_changes_that_are_not_kept_any_more_are_everybody(
    changes: AccountChanges, database: SqliteDatabase
) -> None:
    write(database, add("a", "b"), "DELETE FROM account_changes WHERE version = 1")
    assert await changes.look() is None


async def test_a_database_that_went_back_in_time_is_everybody(
    changes: AccountChanges, database: SqliteDatabase
) -> None:
    write(database, add("a", "b"))
    await changes.look()
    write(database, "DELETE FROM account_changes WHERE version = 2")
    assert await changes.look() is None


async def test_a_row_without_a_name_is_everybody(
    changes: AccountChanges, database: SqliteDatabase
) -> None:
    write(database, "INSERT INTO account_changes (user, realm) VALUES ('', '')")
    assert await changes.look() is None


async def test_a_look_that_failed_has_seen_nothing(
    changes: AccountChanges, database: SqliteDatabase
) -> None:
    write(database, add("a"), "ALTER TABLE account_changes RENAME TO gone")
    with pytest.raises(StorageError):
        await changes.look()
    write(database, "ALTER TABLE gone RENAME TO account_changes")
    assert await changes.look() == [("a", "r")]


async def test_old_changes_are_not_kept_for_ever(database: SqliteDatabase) -> None:
    many = [f"UPDATE accounts SET ha1 = '{number}'" for number in range(10_010)]
    write(database, add("a"), *many)
    with closing(sqlite3.connect(database.name)) as connection:
        kept = connection.execute("SELECT count(*) FROM account_changes").fetchone()[0]
    assert kept == 10_000
