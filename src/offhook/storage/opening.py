"""From a storage URL to its stores."""

from __future__ import annotations

from pathlib import Path

from offhook.errors import StartError
from offhook.storage.memory import MemoryStorage
from offhook.storage.protocols import Storage

__all__ = ["open_storage"]

_AVAILABLE = "available are sqlite:FILE and memory:"


async def open_storage(url: str, *, folder: Path | None = None) -> Storage:
    """Open the stores of a URL, on a running loop; the caller closes them.

    `sqlite:FILE` is durable (a relative FILE lies in `folder`, by default the working folder),
    `memory:` lasts as long as the process. Raises StartError with one line for any other URL and
    for a database that cannot be opened or written.
    """
    scheme, colon, rest = url.partition(":")
    if url == "memory:":
        return MemoryStorage()
    if scheme != "sqlite" or not colon:
        raise StartError(f"storage {scheme + colon!r} is not available: {_AVAILABLE}")
    if not rest or rest.startswith((":", "//")):
        raise StartError(f"storage {url!r} names no file: {_AVAILABLE}")
    path = (folder or Path()) / rest
    if path.is_dir():
        raise StartError(f"storage {url!r}: {path} is a folder; name a file")
    from offhook.storage.sql import SqlStorage  # noqa: PLC0415 - 150 ms, which memory: need not pay

    storage = SqlStorage(path)
    await storage.open()
    return storage
