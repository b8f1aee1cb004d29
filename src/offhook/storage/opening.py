"""From a storage URL to its stores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offhook.errors import StartError
from offhook.storage.address import Access, parse_postgres
from offhook.storage.memory import MemoryStorage
from offhook.storage.protocols import AccountStorage, Storage

if TYPE_CHECKING:
    from offhook.storage.database import Database

__all__ = ["open_accounts", "open_storage"]

_AVAILABLE = "available are sqlite:FILE, postgresql://USER@HOST/DATABASE and memory:"


async def open_storage(
    url: str, *, folder: Path | None = None, access: Access | None = None
) -> Storage:
    """Open the stores of a URL, on a running loop; the caller closes them.

    `sqlite:FILE` is durable (a relative FILE lies in `folder`, by default the working folder), as
    is `postgresql://USER@HOST:PORT/DATABASE`, to which `access` leads; `memory:` lasts as long as
    the process. Raises StartError with one line for any other URL and for a database that cannot
    be opened or written, or that another server serves.
    """
    if url == "memory:":
        return MemoryStorage()
    database = _database(url, folder, access or Access())
    from offhook.storage.sql import SqlStorage  # noqa: PLC0415 - 150 ms, which memory: need not pay

    storage = SqlStorage(database)
    await storage.open()
    return storage


async def open_accounts(
    url: str, *, folder: Path | None = None, access: Access | None = None
) -> AccountStorage:
    """As `open_storage`, for a tool that works on accounts alone, also while a server serves."""
    if url == "memory:":
        return MemoryStorage()
    database = _database(url, folder, access or Access())
    from offhook.storage.sql import SqlAccountStorage  # noqa: PLC0415 - as above

    storage = SqlAccountStorage(database)
    await storage.open()
    return storage


def _database(url: str, folder: Path | None, access: Access) -> Database:
    scheme, colon, rest = url.partition(":")
    if scheme == "postgresql" and colon:
        return _postgres(url, access)
    if scheme != "sqlite" or not colon:
        raise StartError(f"storage {scheme + colon!r} is not available: {_AVAILABLE}")
    if not rest or rest.startswith((":", "//")):
        raise StartError(f"storage {url!r} names no file: {_AVAILABLE}")
    path = (folder or Path()) / rest
    if path.is_dir():
        raise StartError(f"storage {url!r}: {path} is a folder; name a file")
    from offhook.storage.sqlite import SqliteDatabase  # noqa: PLC0415 - as above

    return SqliteDatabase(path)


def _postgres(url: str, access: Access) -> Database:
    try:
        address = parse_postgres(url)
    except ValueError as error:
        raise StartError(f"storage.url: {error}") from None
    try:
        from offhook.storage.postgres import PostgresDatabase  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise StartError(
            "storage.url: PostgreSQL needs the extra postgres: pip install 'offhook[postgres]'"
        ) from None
    return PostgresDatabase(address, access)
