"""The tables, their version, what errors say, and how a binding becomes a row (`path` as lines,
times as Unix seconds)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from offhook.registrar.binding import Binding

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_CHANGES",
    "BINDINGS",
    "BINDING_COLUMNS",
    "METADATA",
    "REPLACE",
    "SETTINGS",
    "VERSION",
    "Row",
    "first_line",
    "from_row",
    "to_row",
]

VERSION = 2  # the last step of `migrations`, and PRAGMA user_version; a higher one is refused

METADATA = MetaData()

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("realm", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("ha1", Text, nullable=False),
    PrimaryKeyConstraint("realm", "user", "algorithm"),
)

# Not clustered on its key: a refresh rewrites a row in its place, and phones refresh in the order
# in which they came, so
# neighbours are written together (3 µs a row; clustered on the AoR 18).
BINDINGS = Table(
    "bindings",
    METADATA,
    Column("aor", Text, nullable=False),
    Column("slot", Integer, nullable=False),  # place among the bindings of the AoR
    Column("contact", Text, nullable=False),
    Column("expires", Float, nullable=False),
    Column("q", Integer, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("cseq", BigInteger, nullable=False),  # 32 bits without a sign (RFC 3261 8.1.1.5)
    Column("instance", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("by_flow", Integer, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("registered", Float, nullable=False),
    Column("parameters", Text, nullable=False),
    PrimaryKeyConstraint("aor", "slot"),
)

SETTINGS = Table(
    "settings",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# Written by triggers; see `changes`.
ACCOUNT_CHANGES = Table(
    "account_changes",
    METADATA,
    Column("version", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("user", Text, nullable=False),
    Column("realm", Text, nullable=False),
)

BINDING_COLUMNS = tuple([column.name for column in BINDINGS.columns])

# Both SQLite and PostgreSQL say it so.
REPLACE = " ON CONFLICT (aor, slot) DO UPDATE SET " + ",".join(
    [f"{name}=excluded.{name}" for name in BINDING_COLUMNS if name not in ("aor", "slot")]
)

Row = tuple[str, int, str, float, int, str, int, str, str, str, int, str, float, str]


def to_row(binding: Binding, slot: int) -> Row:
    """A binding in the order of the columns."""
    return (
        binding.aor,
        slot,
        binding.contact,
        binding.expires,
        binding.q,
        binding.call_id,
        binding.cseq,
        binding.instance,
        "\n".join(binding.path),
        binding.flow,
        int(binding.by_flow),
        binding.user_agent,
        binding.registered,
        binding.parameters,
    )


def from_row(row: Sequence[Any]) -> Binding:
    """The binding of a row."""
    return Binding(
        aor=row[0],
        contact=row[2],
        expires=row[3],
        q=row[4],
        call_id=row[5],
        cseq=row[6],
        instance=row[7],
        path=tuple(row[8].split("\n")) if row[8] else (),
        flow=row[9],
        by_flow=bool(row[10]),
        user_agent=row[11],
        registered=row[12],
        parameters=row[13],
    )


def first_line(error: BaseException) -> str:
    """What the database said, in one line and without the statement."""
    text = str(getattr(error, "orig", None) or error)
    return text.splitlines()[0] if text else type(error).__name__
