"""What every storage does, run on each of them: the memory store is the oracle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from offhook.errors import StorageError
from offhook.registrar import Binding
from offhook.storage import Account, Change, Storage, open_storage

A = "sip:alice@example.com"
B = "sip:bob@example.com"
FAR = 4_000_000_000.0  # Unix seconds, beyond every clock


def binding(aor: str = A, contact: str = "sip:alice@192.0.2.1", **changes: object) -> Binding:
    made = Binding(aor, contact, FAR, 1000, "call", 7, "", (), "udp/a/b", False, "agent", 5.5)
    return replace(made, **changes)  # type: ignore[arg-type]  # keywords of the test


def to(*bindings: Binding) -> Change[str]:
    return lambda _before: ("done", bindings)


@pytest.fixture(params=["memory", "sqlite"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'offhook.db'}"
    opened = await open_storage(url)
    yield opened
    await opened.close()


async def test_an_unknown_aor_has_no_bindings(storage: Storage) -> None:
    assert list(await storage.bindings.lookup(A)) == []
    assert list(storage.bindings.lookup_now(A)) == []
    assert list(await storage.bindings.all()) == []


async def test_an_update_is_seen_at_once_and_gives_the_result_of_the_change(
    storage: Storage,
) -> None:
    first, second = binding(), binding(contact="sip:alice@192.0.2.2")
    assert await storage.bindings.update(A, to(first, second)) == "done"
    assert list(await storage.bindings.lookup(A)) == [first, second]
    assert storage.bindings.update_now(B, to(binding(B))) == "done"
    assert list(storage.bindings.lookup_now(B)) == [binding(B)]
    assert sorted(await storage.bindings.all(), key=str) == sorted(
        [first, second, binding(B)], key=str
    )


async def test_a_change_gets_the_present_bindings(storage: Storage) -> None:
    seen: list[Sequence[Binding]] = []

    def change(before: Sequence[Binding]) -> tuple[int, Sequence[Binding]]:
        seen.append(tuple(before))
        return len(before), [*before, binding(contact=f"sip:alice@192.0.2.{len(before)}")]

    assert [storage.bindings.update_now(A, change) for _ in range(3)] == [0, 1, 2]
    assert [len(before) for before in seen] == [0, 1, 2]


async def test_a_change_that_raises_changes_nothing(storage: Storage) -> None:
    storage.bindings.update_now(A, to(binding()))

    def change(_before: Sequence[Binding]) -> tuple[None, Sequence[Binding]]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        storage.bindings.update_now(A, change)
    assert list(storage.bindings.lookup_now(A)) == [binding()]


async def test_no_bindings_left_means_an_aor_forgotten(storage: Storage) -> None:
    storage.bindings.update_now(A, to(binding()))
    storage.bindings.update_now(A, to())
    assert list(storage.bindings.lookup_now(A)) == []
    assert list(await storage.bindings.all()) == []


async def test_watchers_hear_of_every_real_change(storage: Storage) -> None:
    heard: list[tuple[str, int, int]] = []
    storage.bindings.watch(lambda aor, before, after: heard.append((aor, len(before), len(after))))
    storage.bindings.update_now(A, to(binding()))
    storage.bindings.update_now(A, to(binding()))  # the same again
    storage.bindings.update_now(A, to(binding(cseq=8)))
    storage.bindings.update_now(A, to())
    assert heard == [(A, 0, 1), (A, 1, 1), (A, 1, 0)]


async def test_expiry_removes_and_returns_what_has_ended(storage: Storage) -> None:
    early, late = binding(expires=100.5), binding(contact="sip:late@h", expires=200.0)
    storage.bindings.update_now(A, to(early, late))
    storage.bindings.update_now(B, to(binding(B, expires=150.0)))
    assert list(await storage.bindings.expire(100.4)) == []
    assert list(await storage.bindings.expire(100.5)) == [early]
    assert list(storage.bindings.lookup_now(A)) == [late]
    ended = await storage.bindings.expire(1000.0)
    assert sorted([gone.aor for gone in ended]) == [A, B]
    assert list(await storage.bindings.all()) == []
    assert list(await storage.bindings.expire(1000.0)) == []


async def test_expiry_follows_refreshes_and_shorter_intervals(storage: Storage) -> None:
    storage.bindings.update_now(A, to(binding(expires=100.0)))
    storage.bindings.update_now(A, to(binding(expires=500.0)))
    assert list(await storage.bindings.expire(450.0)) == []
    storage.bindings.update_now(A, to(binding(expires=480.0)))
    assert len(await storage.bindings.expire(480.0)) == 1
    storage.bindings.update_now(A, to(binding(expires=600.0)))
    storage.bindings.update_now(A, to())
    storage.bindings.update_now(A, to(binding(expires=700.0)))
    assert list(await storage.bindings.expire(650.0)) == []
    assert len(await storage.bindings.expire(700.0)) == 1


async def test_watchers_hear_of_expiry(storage: Storage) -> None:
    heard: list[str] = []
    storage.bindings.update_now(A, to(binding(expires=10.0)))
    storage.bindings.watch(lambda aor, _before, _after: heard.append(aor))
    await storage.bindings.expire(20.0)
    assert heard == [A]


ALICE = Account("alice", "example.com", {"MD5": "aa", "SHA-256": "bb"})


async def test_accounts_come_and_go(storage: Storage) -> None:
    accounts = storage.accounts
    assert await accounts.get("alice", "example.com") is None
    await accounts.put(ALICE)
    assert await accounts.get("alice", "example.com") == ALICE
    assert await accounts.get("alice", "example.org") is None
    assert await accounts.get("Alice", "example.com") is None
    await accounts.put(Account("alice", "example.com", {"MD5": "cc"}))
    changed = await accounts.get("alice", "example.com")
    assert changed is not None
    assert changed.ha1 == {"MD5": "cc"}
    assert await accounts.remove("alice", "example.com")
    assert not await accounts.remove("alice", "example.com")
    assert await accounts.get("alice", "example.com") is None


async def test_accounts_are_cached_once_asked_for(storage: Storage) -> None:
    await storage.accounts.put(ALICE)
    assert await storage.accounts.get("alice", "example.com") == ALICE
    assert storage.accounts.cached("alice", "example.com") == (True, ALICE)
    assert await storage.accounts.get("nobody", "example.com") is None
    assert storage.accounts.cached("nobody", "example.com") == (True, None)
    await storage.accounts.put(Account("nobody", "example.com", {"MD5": "x"}))
    assert storage.accounts.cached("nobody", "example.com") != (True, None)


async def test_accounts_are_listed_by_realm_and_user(storage: Storage) -> None:
    for user, realm in (("b", "y"), ("a", "z"), ("c", "x"), ("a", "y")):
        await storage.accounts.put(Account(user, realm, {"MD5": "1", "SHA-256": "2"}))
    listed = await storage.accounts.all()
    assert [(account.realm, account.user) for account in listed] == [
        ("x", "c"), ("y", "a"), ("y", "b"), ("z", "a"),
    ]  # fmt: skip
    assert all(account.ha1 == {"MD5": "1", "SHA-256": "2"} for account in listed)


@pytest.mark.parametrize(
    ("user", "realm"), [("\udcff", "r"), ("u", "\udcff"), ("u" * 5000, "r"), ("'; DROP", "r")]
)
async def test_odd_names_are_nobody(storage: Storage, user: str, realm: str) -> None:
    assert await storage.accounts.get(user, realm) is None
    assert not await storage.accounts.remove(user, realm)


@pytest.mark.parametrize(
    "account",
    [
        Account("", "r", {"MD5": "x"}),
        Account("u", "", {"MD5": "x"}),
        Account("u", "r", {}),
        Account("\udcff", "r", {"MD5": "x"}),
        Account("u" * 256, "r", {"MD5": "x"}),
    ],
)
async def test_accounts_that_nobody_could_use_are_refused(
    storage: Storage, account: Account
) -> None:
    with pytest.raises(StorageError):
        await storage.accounts.put(account)


async def test_an_account_does_not_show_its_secrets(storage: Storage) -> None:
    await storage.accounts.put(ALICE)
    assert "bb" not in repr(await storage.accounts.get("alice", "example.com"))


async def test_many_may_ask_for_many_accounts_at_once(storage: Storage) -> None:
    await storage.accounts.put(ALICE)
    names = ["alice", *[f"u{i}" for i in range(500)], "alice"]
    found = await asyncio.gather(*[storage.accounts.get(name, "example.com") for name in names])
    assert found == [ALICE, *[None] * 500, ALICE]


async def test_a_secret_is_random_and_stays(storage: Storage) -> None:
    first = await storage.secret("nonce", 32)
    assert len(first) == 32
    assert await storage.secret("nonce", 32) == first
    assert await storage.secret("route", 32) != first


async def test_a_healthy_storage_has_no_fault(storage: Storage) -> None:
    assert storage.fault == ""


async def test_counts(storage: Storage) -> None:
    storage.bindings.update_now(A, to(binding(), binding(contact="sip:alice@192.0.2.2")))
    storage.bindings.update_now(B, to(binding(B)))
    counts = storage.counts()
    assert (counts.users, counts.contacts) == (2, 3)
    storage.bindings.update_now(B, to())
    counts = storage.counts()
    assert (counts.users, counts.contacts, counts.flushes_failed) == (1, 2, 0)


async def test_many_accounts_are_stored_at_once_or_not_at_all(storage: Storage) -> None:
    await storage.accounts.put(Account("u7", "example.com", {"MD5": "old", "SHA-256": "old"}))
    assert not await storage.accounts.is_empty()
    many = [Account(f"u{number}", "example.com", {"MD5": f"{number}"}) for number in range(1201)]
    await storage.accounts.put_all([*many, replace(many[5], ha1={"MD5": "last"})])
    assert len(await storage.accounts.all()) == 1201
    seven, five = [await storage.accounts.get(user, "example.com") for user in ("u7", "u5")]
    assert seven is not None
    assert seven.ha1 == {"MD5": "7"}
    assert five is not None
    assert five.ha1 == {"MD5": "last"}
    with pytest.raises(StorageError):
        await storage.accounts.put_all([Account("new", "r", {"MD5": "x"}), Account("bad", "r", {})])
    assert await storage.accounts.get("new", "r") is None
    await storage.accounts.put_all([])


async def test_a_new_storage_has_no_accounts(storage: Storage) -> None:
    assert await storage.accounts.is_empty()
