"""`account_changes`: whose account has changed, written by triggers, so that a server forgets that
account and no other, whoever made the change and by whatever means.

A row without user and realm stands for everybody.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Identity, Integer, Text

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"

KEPT = 10_000  # changes; a server that has missed more of them forgets everybody

_PRUNE = (
    "DELETE FROM account_changes"
    f" WHERE version <= (SELECT max(version) FROM account_changes) - {KEPT};"
)

# The lock makes versions become visible in their order: else a server that has seen version 6
# would miss the 5 that is committed after it.
_FUNCTION = f"""
CREATE FUNCTION offhook_account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7362846, 2);
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        INSERT INTO account_changes ("user", realm) SELECT DISTINCT "user", realm FROM before;
    END IF;
    IF TG_OP IN ('UPDATE', 'INSERT') THEN
        INSERT INTO account_changes ("user", realm) SELECT DISTINCT "user", realm FROM after;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO account_changes ("user", realm) VALUES ('', '');
    END IF;
    {_PRUNE}
    RETURN NULL;
END $$
"""

_TABLES = {
    "INSERT": "REFERENCING NEW TABLE AS after",
    "UPDATE": "REFERENCING OLD TABLE AS before NEW TABLE AS after",
    "DELETE": "REFERENCING OLD TABLE AS before",
    "TRUNCATE": "",
}


def upgrade() -> None:
    """Make the table and its triggers."""
    postgres = op.get_bind().dialect.name == "postgresql"
    number = (BigInteger, Identity()) if postgres else (Integer,)
    op.create_table(
        "account_changes",
        Column("version", *number, primary_key=True),
        Column("user", Text, nullable=False),
        Column("realm", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    if postgres:
        op.execute(_FUNCTION)
        for event, tables in _TABLES.items():
            op.execute(
                f"CREATE TRIGGER account_changed_{event.lower()} AFTER {event} ON accounts {tables}"
                " FOR EACH STATEMENT EXECUTE FUNCTION offhook_account_changed()"
            )
        return
    for event, rows in {"INSERT": "N", "UPDATE": "ON", "DELETE": "O"}.items():
        noted = "".join([_note("OLD" if row == "O" else "NEW") for row in rows])
        op.execute(
            f"CREATE TRIGGER account_changed_{event.lower()} AFTER {event} ON accounts"
            f" FOR EACH ROW BEGIN {noted} {_PRUNE} END"
        )


def _note(row: str) -> str:
    return f'INSERT INTO account_changes ("user", realm) VALUES ({row}."user", {row}.realm);'
