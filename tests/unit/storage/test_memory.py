"""What the memory store promises beyond the contract: bounded memory."""

import tracemalloc

import pytest

from offhook.errors import StorageError
from offhook.registrar import Binding
from offhook.storage import MemoryBindings, MemoryStorage


def binding(number: int, *, expires: float = 3600.0, contacts: int = 0) -> Binding:
    return Binding(
        f"sip:user{number}@example.com",
        f"sip:user{number}-0x55d1{contacts}@192.0.2.1:5060;transport=udp",
        expires + number / 1000,
        1000,
        f"a84b4c76e66710-{number}@pc33.atlanta.example.com",
        number,
        f"<urn:uuid:f81d4fae-7dec-11d0-a765-{number:012}>",
        (),
        f"udp/192.0.2.9:5060/198.51.100.1:{number}",
        True,
        "agent",
        float(number),
    )


def put(store: MemoryBindings, *bindings: Binding) -> None:
    store.update_now(bindings[0].aor, lambda _before: (None, bindings))


def test_a_binding_costs_less_than_two_kilobytes() -> None:
    store = MemoryBindings()
    put(store, binding(0))
    tracemalloc.start()
    try:
        for number in range(1, 2001):
            put(store, binding(number))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / 2000 < 2000


def test_a_full_store_refuses_new_bindings_and_still_refreshes_and_removes() -> None:
    store = MemoryBindings(limit=2)
    put(store, binding(1))
    put(store, binding(2))
    with pytest.raises(StorageError, match="full"):
        put(store, binding(3))
    assert len(store) == 2
    put(store, binding(1, expires=9000.0))
    store.update_now(binding(2).aor, lambda _before: (None, ()))
    put(store, binding(3))
    assert len(store) == 2


async def test_the_count_follows_expiry() -> None:
    store = MemoryBindings(limit=2)
    put(store, binding(1, expires=10.0), binding(1, expires=20.0, contacts=1))
    await store.expire(15.0)
    assert len(store) == 1
    await store.expire(30.0)
    assert len(store) == 0


async def test_refreshes_leave_nothing_behind() -> None:
    store = MemoryBindings()
    for second in range(10_000):
        put(store, binding(1, expires=3600.0 + second))
    assert len(store._seconds) == 1
    ended = 0
    for second in range(3600, 14_000, 100):
        ended += len(await store.expire(float(second)))
    assert ended == 1
    assert not store._seconds
    assert not store._buckets
    assert not store._due


async def test_expiry_looks_at_what_is_due_only() -> None:
    store = MemoryBindings()
    for number in range(1000):
        put(store, binding(number, expires=1000.0 + number * 10))
    looked_at = store._take_due(1100.0)
    assert len(looked_at) == 11


async def test_secrets_may_be_made_from_given_randomness() -> None:
    storage = MemoryStorage(random_bytes=lambda size: b"\7" * size)
    assert await storage.secret("x", 4) == b"\7\7\7\7"
    await storage.close()
