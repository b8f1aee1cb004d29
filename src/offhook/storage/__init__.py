"""Where state lives: bindings, accounts, random keys.

`protocols` is the contract, `memory` keeps it in this process, `opening.open_storage` gives the
stores of a URL. The last is not imported here, since it loads the SQL library.
"""

from offhook.storage.address import Access
from offhook.storage.memory import MemoryAccounts, MemoryBindings, MemoryStorage
from offhook.storage.opening import open_accounts, open_storage
from offhook.storage.protocols import (
    Account,
    AccountStorage,
    AccountStore,
    BindingStore,
    Change,
    ImmediateBindingStore,
    Storage,
    Watcher,
)

__all__ = [
    "Access",
    "Account",
    "AccountStorage",
    "AccountStore",
    "BindingStore",
    "Change",
    "ImmediateBindingStore",
    "MemoryAccounts",
    "MemoryBindings",
    "MemoryStorage",
    "Storage",
    "Watcher",
    "open_accounts",
    "open_storage",
]
