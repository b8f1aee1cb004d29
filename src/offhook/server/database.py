"""The database that a configuration names, opened."""

from __future__ import annotations

from offhook.server.schema import Config
from offhook.storage.address import Access
from offhook.storage.opening import open_accounts, open_storage
from offhook.storage.protocols import AccountStorage, Storage

__all__ = ["open_configured_accounts", "open_configured_storage"]


async def open_configured_storage(config: Config) -> Storage:
    """To serve with. Raises StartError."""
    return await open_storage(config.storage.url, access=_access(config))


async def open_configured_accounts(config: Config) -> AccountStorage:
    """To change accounts, also while a server serves. Raises StartError."""
    return await open_accounts(config.storage.url, access=_access(config))


def _access(config: Config) -> Access:
    storage = config.storage
    return Access(storage.password_file, storage.tls, storage.ca)
