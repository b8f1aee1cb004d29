"""What the exchange needs of a store. One contract test suite runs on every implementation; the
memory store is its oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from offhook.errors import UriError
from offhook.message import Uri
from offhook.registrar.binding import Binding

__all__ = [
    "Account",
    "AccountStorage",
    "AccountStore",
    "BindingStore",
    "Change",
    "ImmediateBindingStore",
    "Storage",
    "StorageCounts",
    "Watcher",
]

T = TypeVar("T")
# (result, the new bindings of the AoR); pure, may run twice
Change = Callable[[Sequence[Binding]], tuple[T, Sequence[Binding]]]
Watcher = Callable[[str, Sequence[Binding], Sequence[Binding]], None]  # (aor, before, after)


@dataclass(frozen=True, slots=True)
class Account:
    """A user that may register and call. `ha1` maps an algorithm ("MD5", "SHA-256") to the hex HA1;
    the password is not kept."""

    user: str
    realm: str
    ha1: dict[str, str] = field(repr=False)  # whoever has it can answer for the user

    @property
    def aor(self) -> str:
        """The canonical address-of-record, as `Uri.aor()` writes it."""
        if self.user.isascii() and self.user.isalnum():
            return f"sip:{self.user}@{self.realm.lower()}"
        try:
            return Uri.make(self.realm, user=self.user).aor()
        except UriError:  # a realm that is no host has no address
            return f"sip:{self.user}@{self.realm}"


class BindingStore(Protocol):
    """The location service. Every method has a deadline inside and raises StorageError."""

    async def lookup(self, aor: str) -> Sequence[Binding]:
        """The bindings of an AoR, expired ones included until `expire` has run."""

    async def update(self, aor: str, change: Change[T]) -> T:
        """Apply `change` atomically (compare-and-set) and return its result."""

    async def all(self) -> Sequence[Binding]:
        """Every binding."""

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` after each change on this server."""

    async def expire(self, unix: float) -> Sequence[Binding]:
        """Remove and return the bindings that ended at or before `unix`."""


class ImmediateBindingStore(BindingStore, Protocol):
    """A store in this process' memory, which answers without waiting: what the built-in programs
    use when it is there."""

    def lookup_now(self, aor: str) -> Sequence[Binding]:
        """As `lookup`."""

    def update_now(self, aor: str, change: Change[T]) -> T:
        """As `update`."""


class AccountStore(Protocol):
    """The accounts. Raises StorageError."""

    def cached(self, user: str, realm: str) -> tuple[bool, Account | None]:
        """(True, the account or None if there is none), or (False, None) if it must be looked up by
        `get`."""

    async def get(self, user: str, realm: str) -> Account | None:
        """One account."""

    async def put(self, account: Account) -> None:
        """Add or replace."""

    async def put_all(self, accounts: Sequence[Account]) -> None:
        """Add or replace many: all of them or, if it raises, none."""

    async def remove(self, user: str, realm: str) -> bool:
        """True if there was one."""

    async def all(self) -> Sequence[Account]:
        """Every account, ordered by realm and user."""

    async def is_empty(self) -> bool:
        """Whether there is no account at all."""


@dataclass(frozen=True, slots=True)
class StorageCounts:
    """What a storage holds and how its writing goes; a store without a disk writes nothing."""

    users: int  # addresses-of-record with a binding
    contacts: int  # bindings
    pending: int = 0  # addresses-of-record whose changes are not on disk yet
    flushes: int = 0  # since the start, the failed ones too
    flushes_failed: int = 0
    flush_seconds: float = 0.0  # of all flushes together


class AccountStorage(Protocol):
    """The accounts behind one storage URL, opened by `opening.open_accounts`."""

    @property
    def accounts(self) -> AccountStore:
        """The accounts."""

    async def close(self) -> None:
        """Let go."""


class Storage(AccountStorage, Protocol):
    """Everything behind one storage URL, opened by `opening.open_storage`."""

    @property
    def bindings(self) -> ImmediateBindingStore:
        """The location service."""

    @property
    def fault(self) -> str:
        """Why changes are not reaching the disk at the moment, one line; "" while all is well."""

    def counts(self) -> StorageCounts:
        """What there is at the moment, without looking at every binding."""

    async def secret(self, name: str, size: int) -> bytes:
        """A random key of `size` bytes, the same at every call and, where the storage is durable,
        after a restart."""

    async def close(self) -> None:
        """Write what is pending and let go."""
