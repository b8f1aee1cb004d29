"""The SQLite storage: what outlives the process, and what is said when it cannot."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from offhook.errors import StartError
from offhook.registrar import Binding
from offhook.storage import Account
from offhook.storage.schema import VERSION
from offhook.storage.sql import SqlStorage
from offhook.storage.sqlite import SqliteDatabase

FAR = 4_000_000_000.0
FULL = Binding(
    aor="sip:alice@example.com",
    contact="sip:alice@192.0.2.1;transport=tcp",
    expires=FAR + 0.25,
    q=700,
    call_id="one@h",
    cseq=2**32 - 1,
    instance="<urn:uuid:1>",
    path=("<sip:p1;lr>", "<sip:p2;lr>"),
    flow="tcp/192.0.2.9:5060/192.0.2.1:4711/77",
    by_flow=True,
    user_agent='agent "x" é',
    registered=1_800_000_000.125,
    parameters=';audio;methods="INVITE, ACK"',
)
PLAIN = replace(FULL, aor="sip:bob@example.com", path=(), by_flow=False, instance="", parameters="")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "offhook.db"


async def opened(file: Path, *, clock: Callable[[], float] = lambda: 1_800_000_000.0) -> SqlStorage:
    storage = SqlStorage(SqliteDatabase(file), interval=3600.0, clock=clock)
    await storage.open()
    return storage


def put(storage: SqlStorage, *bindings: Binding, aor: str = "") -> None:
    storage.bindings.update_now(aor or bindings[0].aor, lambda _before: (None, bindings))


def contents(file: Path) -> bytes:
    return file.read_bytes()


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM bindings").fetchone()[0])


async def test_bindings_come_back_whole_after_an_orderly_end(file: Path) -> None:
    storage = await opened(file)
    second = replace(FULL, contact="sip:alice@192.0.2.2")
    put(storage, FULL, second)
    put(storage, PLAIN)
    await storage.close()
    storage = await opened(file)
    assert list(storage.bindings.lookup_now(FULL.aor)) == [FULL, second]
    assert list(storage.bindings.lookup_now(PLAIN.aor)) == [PLAIN]
    await storage.close()


async def test_what_was_flushed_outlives_the_process_without_an_orderly_end(file: Path) -> None:
    storage = await opened(file)
    put(storage, FULL)
    assert await storage.flush()
    assert rows(file) == 1  # seen by another connection while this one is open
    copy = file.with_name("copy.db")
    for suffix in ("", "-wal"):
        shutil.copy(f"{file}{suffix}", f"{copy}{suffix}")
    again = await opened(copy)
    assert list(again.bindings.lookup_now(FULL.aor)) == [FULL]
    await again.close()
    await storage.close()


async def test_removed_and_fewer_bindings_leave_no_rows(file: Path) -> None:
    storage = await opened(file)
    many = [replace(FULL, contact=f"sip:a@192.0.2.{i}") for i in range(5)]
    put(storage, *many)
    put(storage, PLAIN)
    await storage.flush()
    assert rows(file) == 6
    put(storage, many[3])
    put(storage, aor=PLAIN.aor)
    put(storage, PLAIN)
    put(storage, aor=PLAIN.aor)
    await storage.flush()
    assert rows(file) == 1
    await storage.close()
    storage = await opened(file)
    assert list(await storage.bindings.all()) == [many[3]]
    await storage.close()


async def test_expired_bindings_are_not_loaded_and_leave_the_file(file: Path) -> None:
    storage = await opened(file)
    put(storage, replace(FULL, expires=1_800_000_100.0), FULL)
    await storage.close()
    storage = await opened(file, clock=lambda: 1_800_000_100.0)
    assert list(await storage.bindings.all()) == [FULL]
    await storage.flush()
    assert rows(file) == 1
    await storage.bindings.expire(FAR * 2)
    await storage.flush()
    assert rows(file) == 0  # also of those that had moved up
    await storage.close()


async def test_accounts_and_secrets_outlive_the_process(file: Path) -> None:
    storage = await opened(file)
    await storage.accounts.put(Account("alice", "example.com", {"MD5": "aa"}))
    secret = await storage.secret("nonce", 16)
    await storage.close()
    storage = await opened(file)
    assert await storage.secret("nonce", 16) == secret
    account = await storage.accounts.get("alice", "example.com")
    assert account is not None
    assert account.ha1 == {"MD5": "aa"}
    await storage.close()


async def test_what_another_process_changes_counts_after_the_next_look(file: Path) -> None:
    server, tool = await opened(file), await opened(file)
    assert await server.accounts.get("alice", "example.com") is None
    await tool.accounts.put(Account("alice", "example.com", {"MD5": "aa"}))
    assert server.accounts.cached("alice", "example.com") == (True, None)
    await server.look()
    assert await server.accounts.get("alice", "example.com") is not None
    await tool.accounts.remove("alice", "example.com")
    await server.look()
    assert await server.accounts.get("alice", "example.com") is None
    await tool.close()
    await server.close()


async def test_one_changed_account_costs_no_other_its_place_in_memory(file: Path) -> None:
    storage, tool = await opened(file), await opened(file)
    for user in ("alice", "bob"):
        await storage.accounts.put(Account(user, "example.com", {"MD5": "aa"}))
    await storage.look()
    for user in ("alice", "bob"):
        await storage.accounts.get(user, "example.com")
    await tool.accounts.put(Account("bob", "example.com", {"MD5": "bb"}))
    put(storage, FULL)
    await storage.flush()
    await storage.look()
    assert storage.accounts.cached("alice", "example.com")[0]
    assert not storage.accounts.cached("bob", "example.com")[0]
    await tool.close()
    await storage.close()


async def test_a_database_that_does_not_answer_is_a_fault_and_forgets_nobody(file: Path) -> None:
    storage = await opened(file)
    await storage.accounts.put(Account("alice", "example.com", {"MD5": "aa"}))
    await storage.look()
    await storage.accounts.get("alice", "example.com")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("ALTER TABLE account_changes RENAME TO gone")
        await storage.look()
        assert "account_changes" in storage.fault
        assert storage.accounts.cached("alice", "example.com")[0]
        connection.execute("ALTER TABLE gone RENAME TO account_changes")
    await storage.look()
    assert storage.fault == ""
    await storage.close()


async def test_the_database_is_a_write_ahead_log_of_this_version(file: Path) -> None:
    storage = await opened(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    await storage.close()


async def refused(file: Path) -> str:
    with pytest.raises(StartError) as caught:
        await opened(file)
    text = str(caught.value)
    assert "\n" not in text
    assert str(file) in text
    return text


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = await refused(tmp_path / "missing" / "offhook.db")
    assert f"there is no folder {tmp_path / 'missing'}" in text


async def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    assert "is a folder" in await refused(tmp_path)


@pytest.fixture
def garbage(file: Path) -> Path:
    file.write_bytes(b"no database at all" * 100)
    return file


async def test_a_file_that_is_no_database_is_told(garbage: Path) -> None:
    assert "not a database" in await refused(garbage)
    assert len(contents(garbage)) == 1800


async def test_a_database_of_a_newer_version_is_told(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version=99")
    assert "newer" in await refused(file)


@pytest.fixture
def read_only(file: Path) -> Path:
    file.touch()
    file.chmod(stat.S_IRUSR)
    return file


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_file_without_permission_is_told(read_only: Path) -> None:
    assert "no permission to write it" in await refused(read_only)


async def test_a_locked_database_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = await opened(file)
    await storage.close()
    monkeypatch.setattr("offhook.storage.sqlite._PRAGMAS", ("busy_timeout=1",))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert "locked" in await refused(file)
