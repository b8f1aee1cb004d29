"""Accounts, bindings, settings: what `PRAGMA user_version` 1 stands for."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, PrimaryKeyConstraint, Text

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "accounts",
        Column("realm", Text, nullable=False),
        Column("user", Text, nullable=False),
        Column("algorithm", Text, nullable=False),
        Column("ha1", Text, nullable=False),
        PrimaryKeyConstraint("realm", "user", "algorithm"),
    )
    op.create_table(
        "bindings",
        Column("aor", Text, nullable=False),
        Column("slot", Integer, nullable=False),
        Column("contact", Text, nullable=False),
        Column("expires", Float, nullable=False),
        Column("q", Integer, nullable=False),
        Column("call_id", Text, nullable=False),
        Column("cseq", BigInteger, nullable=False),
        Column("instance", Text, nullable=False),
        Column("path", Text, nullable=False),
        Column("flow", Text, nullable=False),
        Column("by_flow", Integer, nullable=False),
        Column("user_agent", Text, nullable=False),
        Column("registered", Float, nullable=False),
        Column("parameters", Text, nullable=False),
        PrimaryKeyConstraint("aor", "slot"),
    )
    op.create_table(
        "settings",
        Column("name", Text, primary_key=True),
        Column("value", LargeBinary, nullable=False),
    )
