"""What alembic runs: the steps, inside the transaction of the connection that `upgrade` gave."""

from __future__ import annotations

from alembic import context

__all__ = ["run"]


def run() -> None:
    """Take the steps that are due."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


if hasattr(context, "config"):  # alembic has loaded this file, and not a reader of our names
    run()
