"""Databases of earlier versions, brought to this one's shape without loss."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from offhook.auth import ha1_of_all
from offhook.errors import StartError
from offhook.registrar import Binding
from offhook.storage.schema import METADATA, VERSION
from offhook.storage.sql import SqlStorage
from offhook.storage.sqlite import SqliteDatabase
from offhook.storage.upgrade import FOLDER, is_current

VERSION_1 = Path(__file__).with_name("version1.sqlite")
"""Made by the last code of version 1: accounts with passwords below, bindings, secrets."""

PASSWORDS = {
    ("alice", "example.com"): "wonder",
    ("bob", "example.com"): "builder",
    ("zoë", "example.org"): "x y",
}
ROUTE = "b5a32f304a325e13beab961603d9042df6aae646690414725865b75f8d41c0b2"
FIRST = Binding(
    aor="sip:alice@example.com",
    contact="sip:alice@192.0.2.1;transport=tcp",
    expires=4_000_000_000.25,
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


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(VERSION_1, tmp_path / "offhook.db"))


def version(file: Path) -> tuple[int, str]:
    with closing(sqlite3.connect(file)) as connection:
        number = connection.execute("PRAGMA user_version").fetchone()[0]
        step = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        return number, step


async def test_a_database_of_version_1_is_upgraded_in_its_place_without_loss(old: Path) -> None:
    storage = SqlStorage(SqliteDatabase(old), clock=lambda: 1_800_000_002.0)
    await storage.open()
    bindings = storage.bindings.lookup_now("sip:alice@example.com")
    assert bindings[0] == FIRST
    assert [binding.contact for binding in bindings] == [FIRST.contact, "sip:alice@192.0.2.2"]
    assert len(await storage.bindings.all()) == 3
    for (user, realm), password in PASSWORDS.items():
        account = await storage.accounts.get(user, realm)
        assert account is not None
        stored = dict(ha1_of_all(user, realm, password))
        assert account.ha1.items() <= stored.items()
        assert {"MD5", "SHA-256"} <= set(account.ha1)
    assert len(await storage.accounts.all()) == 4
    assert (await storage.secret("route", 32)).hex() == ROUTE
    await storage.close()
    assert version(old) == (VERSION, f"{VERSION:04}")


async def test_an_upgraded_database_has_the_shape_of_a_new_one(old: Path, tmp_path: Path) -> None:
    shapes = []
    for file in (old, tmp_path / "new.db"):
        database = SqliteDatabase(file)
        await database.prepare(serving=False)
        await database.dispose()
        with closing(sqlite3.connect(file)) as connection:
            kinds = "SELECT type, name FROM sqlite_master ORDER BY 1, 2"
            shapes.append(connection.execute(kinds).fetchall())
            columns = [
                connection.execute(f"PRAGMA table_info({name})").fetchall()
                for kind, name in shapes[-1]
                if kind == "table"
            ]
            shapes[-1] += [[(row[1], row[3], row[5]) for row in table] for table in columns]
    assert shapes[0] == shapes[1]


async def test_the_steps_lead_to_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "new.db")
    await database.prepare(serving=False)
    await database.dispose()
    engine = create_engine(f"sqlite:///{database.name}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_the_last_step_is_this_version() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [f"{VERSION:04}"]
    steps = [step.revision for step in script.walk_revisions()]
    assert steps == [f"{number:04}" for number in range(VERSION, 0, -1)]


async def test_an_upgrade_that_fails_leaves_everything_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: object, number: int) -> None:
        upgrade(connection, number)  # type: ignore[arg-type]  # as given
        raise OSError("the disk is full")

    from offhook.storage.upgrade import upgrade  # noqa: PLC0415 - the one that is replaced

    with monkeypatch.context() as patch:
        patch.setattr("offhook.storage.sqlite.upgrade", fail)
        with pytest.raises(StartError, match="the disk is full"):
            await SqlStorage(SqliteDatabase(old)).open()
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        names = "SELECT count(*) FROM sqlite_master WHERE name LIKE '%change%' OR name LIKE 'ale%'"
        assert connection.execute(names).fetchone() == (0,)
    await test_a_database_of_version_1_is_upgraded_in_its_place_without_loss(old)


def test_a_newer_database_is_told() -> None:
    assert is_current(VERSION, "x")
    assert not is_current(VERSION - 1, "x")
    with pytest.raises(StartError, match=r"database x: made by a newer offhook \(schema 99"):
        is_current(99, "x")


async def test_where_nothing_is_to_do_alembic_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = SqliteDatabase(tmp_path / "x.db")
    await first.prepare(serving=False)
    await first.dispose()
    for name in [name for name in sys.modules if name.partition(".")[0] == "alembic"]:
        monkeypatch.delitem(sys.modules, name)
    again = SqliteDatabase(tmp_path / "x.db")
    await again.prepare(serving=False)
    await again.dispose()
    assert "alembic" not in sys.modules
