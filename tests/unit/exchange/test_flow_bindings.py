"""Bindings that end with their connection (RFC 5626 5.3)."""

from __future__ import annotations

import pytest

from offhook.exchange.flow_bindings import FlowBindings
from offhook.registrar import Binding
from offhook.storage.memory import MemoryBindings
from tests.unit.exchange.bench import binding

ONE = "tls/192.0.2.1:5061/9.9.9.9:4000/c1"
TWO = "tls/192.0.2.1:5061/9.9.9.9:4001/c2"


@pytest.fixture
def store() -> MemoryBindings:
    return MemoryBindings()


def _put(store: MemoryBindings, *bindings: Binding) -> None:
    store.update_now(bindings[0].aor, lambda _before: (None, bindings))


def _contacts(store: MemoryBindings, user: str) -> list[str]:
    return [each.contact for each in store.lookup_now(f"sip:{user}@example.com")]


@pytest.mark.rfc("5626", "5.3")
def test_a_lost_connection_takes_its_bindings_along(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    _put(
        store,
        binding("bob", "1", flow=ONE, by_flow=True),
        binding("bob", "2", flow=TWO, by_flow=True),
        binding("bob", "3", flow=ONE, by_flow=True),
    )
    _put(store, binding("alice", "4", flow=ONE, by_flow=True))
    assert index.lost(ONE) == 3
    assert _contacts(store, "bob") == ["sip:bob@2:5060"]
    assert _contacts(store, "alice") == []
    assert index.lost(ONE) == 0
    assert index.lost("tls/unknown") == 0


@pytest.mark.parametrize(
    ("flow", "by_flow"),
    [
        ("tcp/192.0.2.1:5060/9.9.9.9:4000/c3", False),  # its Contact may be connected to
        ("udp/192.0.2.1:5060/9.9.9.9:5060", True),  # a datagram flow does not end
        ("udp/192.0.2.1:5060/9.9.9.9:5060", False),
    ],
)
def test_others_stay(store: MemoryBindings, flow: str, by_flow: bool) -> None:
    index = FlowBindings(store)
    _put(store, binding("bob", "1", flow=flow, by_flow=by_flow))
    assert index.lost(flow) == 0
    assert _contacts(store, "bob") == ["sip:bob@1:5060"]


def test_a_phone_that_moved_to_another_connection(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    _put(store, binding("bob", "1", flow=ONE, by_flow=True))
    _put(store, binding("bob", "1", flow=TWO, by_flow=True))
    assert index.lost(ONE) == 0
    assert _contacts(store, "bob") == ["sip:bob@1:5060"]
    assert index.lost(TWO) == 1


def test_what_was_removed_before(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    bound = binding("bob", "1", flow=ONE, by_flow=True)
    _put(store, bound)
    store.update_now(bound.aor, lambda _before: (None, ()))
    assert index.lost(ONE) == 0
    _put(store, bound, binding("bob", "2"))
    _put(store, binding("bob", "2"))
    assert index.lost(ONE) == 0
    assert index._aors == {}
