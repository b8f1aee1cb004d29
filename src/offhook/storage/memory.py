"""Stores in this process' memory: the oracle of every other store, and the live half of the SQL
one.

A binding costs 1 kB. Expiry looks at the AoRs that are due and at no others: each AoR stands once
in the bucket of a second, and a refresh leaves it there; when the second comes it is looked at and
moved on.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from offhook.errors import StorageError
from offhook.registrar.binding import Binding
from offhook.storage.names import refuse_unstorable
from offhook.storage.protocols import Account, Change, StorageCounts, Watcher

__all__ = ["MemoryAccounts", "MemoryBindings", "MemoryStorage"]

T = TypeVar("T")

MAX_BINDINGS = 1_000_000  # of all AoRs: 1 GB


class MemoryBindings:
    """The location service in memory (ImmediateBindingStore)."""

    def __init__(self, *, limit: int = MAX_BINDINGS) -> None:
        self._limit = limit
        self._count = 0
        self._bindings: dict[str, tuple[Binding, ...]] = {}
        self._watchers: list[Watcher] = []
        self._due: dict[str, int] = {}  # AoR -> the second whose bucket it stands in
        self._buckets: dict[int, list[str]] = {}
        self._seconds: list[int] = []  # heap of the buckets' seconds

    def __len__(self) -> int:
        return self._count

    @property
    def users(self) -> int:
        """How many AoRs have a binding."""
        return len(self._bindings)

    def lookup_now(self, aor: str) -> Sequence[Binding]:
        """The bindings of an AoR."""
        return self._bindings.get(aor, ())

    def update_now(self, aor: str, change: Change[T]) -> T:
        """Apply `change` and return its result. Raises StorageError if the store is full."""
        before = self._bindings.get(aor, ())
        result, changed = change(before)
        after = tuple(changed)
        if after == before:
            return result
        count = self._count + len(after) - len(before)
        if count > self._limit and len(after) > len(before):
            raise StorageError(f"the location store is full: {self._limit} bindings")
        self._count = count
        if after:
            # the key is the string that the bindings hold, so that it is in memory once
            self._bindings[after[0].aor if after[0].aor == aor else aor] = after
            self._schedule(aor, after)
        else:
            del self._bindings[aor]
            self._due.pop(aor, None)
        self._tell(aor, before, after)
        return result

    async def lookup(self, aor: str) -> Sequence[Binding]:
        """As `lookup_now`."""
        return self.lookup_now(aor)

    async def update(self, aor: str, change: Change[T]) -> T:
        """As `update_now`."""
        return self.update_now(aor, change)

    async def all(self) -> Sequence[Binding]:
        """Every binding."""
        return [binding for bindings in self._bindings.values() for binding in bindings]

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` after each change."""
        self._watchers.append(watcher)

    async def expire(self, unix: float) -> Sequence[Binding]:
        """Remove and return the bindings that ended at or before `unix`."""
        ended: list[Binding] = []
        for aor in self._take_due(unix):
            before = self._bindings[aor]
            after = tuple([binding for binding in before if binding.expires > unix])
            if after:
                self._bindings[aor] = after
                self._schedule(aor, after)
            else:
                del self._bindings[aor]
            if len(after) < len(before):
                self._count -= len(before) - len(after)
                ended += [binding for binding in before if binding.expires <= unix]
                self._tell(aor, before, after)
        return ended

    def _schedule(self, aor: str, bindings: Sequence[Binding]) -> None:
        """Have an AoR looked at when its first binding ends, or earlier."""
        if len(bindings) == 1:
            second = int(bindings[0].expires)
        else:
            second = int(min([binding.expires for binding in bindings]))
        standing = self._due.get(aor)
        if standing is not None and standing <= second:
            return
        self._due[aor] = second
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [aor]
            heapq.heappush(self._seconds, second)
        else:
            bucket.append(aor)

    def _take_due(self, unix: float) -> list[str]:
        due: list[str] = []
        while self._seconds and self._seconds[0] <= unix:
            second = heapq.heappop(self._seconds)
            for aor in self._buckets.pop(second):
                if self._due.get(aor) == second:  # else it was moved to an earlier bucket, or left
                    del self._due[aor]
                    due.append(aor)
        return due

    def _tell(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        for watcher in self._watchers:
            watcher(aor, before, after)


class MemoryAccounts:
    """Accounts in memory (AccountStore): always cached."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account] = {}

    def cached(self, user: str, realm: str) -> tuple[bool, Account | None]:
        """(True, the account or None)."""
        return True, self._accounts.get((user, realm))

    async def get(self, user: str, realm: str) -> Account | None:
        """One account."""
        return self._accounts.get((user, realm))

    async def put(self, account: Account) -> None:
        """Add or replace."""
        refuse_unstorable(account)
        self._accounts[account.user, account.realm] = account

    async def put_all(self, accounts: Sequence[Account]) -> None:
        """Add or replace many, all of them or none."""
        for account in accounts:
            refuse_unstorable(account)
        self._accounts |= {(account.user, account.realm): account for account in accounts}

    async def remove(self, user: str, realm: str) -> bool:
        """True if there was one."""
        return self._accounts.pop((user, realm), None) is not None

    async def all(self) -> Sequence[Account]:
        """Every account, ordered by realm and user."""
        return sorted(self._accounts.values(), key=lambda account: (account.realm, account.user))

    async def is_empty(self) -> bool:
        """Whether there is no account at all."""
        return not self._accounts


class MemoryStorage:
    """A storage that lasts as long as the process (Storage)."""

    def __init__(
        self,
        *,
        limit: int = MAX_BINDINGS,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.bindings = MemoryBindings(limit=limit)
        self.accounts = MemoryAccounts()
        self.fault = ""
        self._random_bytes = random_bytes
        self._secrets: dict[str, bytes] = {}

    def counts(self) -> StorageCounts:
        """What there is at the moment."""
        return StorageCounts(self.bindings.users, len(self.bindings))

    async def secret(self, name: str, size: int) -> bytes:
        """The random key of that name, made at its first use."""
        if name not in self._secrets:
            self._secrets[name] = self._random_bytes(size)
        return self._secrets[name]

    async def close(self) -> None:
        """Nothing is pending."""
