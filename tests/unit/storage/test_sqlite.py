"""Statements over many rows in SQLite."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from offhook.registrar import Binding
from offhook.storage.connections import DatabaseError
from offhook.storage.schema import to_row
from offhook.storage.sqlite import SqliteDatabase

BINDING = Binding("sip:a@h", "sip:a@1", 4e9, 1000, "c", 1, "", (), "f", False, "", 0.0)


async def test_rows_are_replaced_and_deleted_by_place(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "x.db")
    await database.prepare(serving=True)

    async def work(connection: AsyncConnection) -> list[int]:
        statements = database.statements
        await statements.replace_bindings(connection, [to_row(BINDING, slot) for slot in range(3)])
        await statements.replace_bindings(connection, [to_row(BINDING, 1)])
        await statements.delete_bindings(connection, [("sip:a@h", 0), ("sip:b@h", 0)])
        found = await connection.exec_driver_sql("SELECT slot FROM bindings ORDER BY slot")
        return [slot for (slot,) in found]

    assert await database.writer.run(work) == [1, 2]
    await database.dispose()


def test_the_words_of_the_driver_are_the_last_resort(tmp_path: Path) -> None:
    error = DatabaseError("outer")
    error.__cause__ = OSError("inner")
    assert SqliteDatabase(tmp_path / "x.db").cause(error) == "inner"
