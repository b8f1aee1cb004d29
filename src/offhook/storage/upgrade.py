"""Tables brought to this version's shape by alembic, in the caller's transaction.

The version is looked at first, in one query; alembic is loaded only if there is something to do,
since that takes a tenth of a second.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection, inspect

from offhook.errors import StartError
from offhook.storage.schema import VERSION

__all__ = ["is_current", "upgrade"]

FOLDER = Path(__file__).parent / "migrations"
BEFORE_ALEMBIC = 1  # the version whose databases do not say so in alembic's table


def is_current(version: int, name: str) -> bool:
    """False if a database of this version must be upgraded. Raises StartError if it is newer."""
    if version > VERSION:
        raise StartError(
            f"database {name}: made by a newer offhook (schema {version}, this one knows"
            f" {VERSION}); run that one, or restore a backup of before"
        )
    return version == VERSION


def upgrade(connection: Connection, version: int) -> None:
    """Upgrade a database of this version; 0 is an empty one."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each plug-in of its own
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    if version == BEFORE_ALEMBIC and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, f"{BEFORE_ALEMBIC:04}")
    command.upgrade(config, f"{VERSION:04}")
