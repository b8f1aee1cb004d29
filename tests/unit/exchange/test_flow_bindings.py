"""Bindings that end with their connection (RFC 5626 5.3)."""

from __future__ import annotations

from dataclasses import replace

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


TCP = "tcp/192.0.2.1:5060/9.9.9.9:4000/c3"
NEXT = "tls/192.0.2.1:5061/9.9.9.9:4009/c9"


def _everything(_flow: str) -> bool:
    return True


def _heir(index: FlowBindings, flow: str, contact: str = "") -> str:
    found = index.heir(flow, contact, _everything)
    return found.flow if found is not None else ""


def test_the_phone_of_a_dead_connection_is_found_on_its_next(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    _put(store, binding("bob", "1", flow=ONE, by_flow=True, instance="<a>"))
    assert _heir(index, ONE) == ""  # it is not dead
    index.lost(ONE)
    assert _heir(index, ONE) == ""
    other = binding("bob", "2", flow=TWO, by_flow=True, instance="<b>")
    _put(store, other)
    assert _heir(index, ONE) == ""  # another phone of the same user
    back = binding("bob", "3", flow=NEXT, by_flow=True, instance="<a>")
    _put(store, other, back)
    assert _heir(index, ONE) == NEXT
    assert index.heir(ONE, "", lambda flow: flow != NEXT) is None  # dead again


@pytest.mark.parametrize("flow", [ONE, TCP])
def test_a_phone_without_instance_is_known_by_contact_or_call_id(
    store: MemoryBindings, flow: str
) -> None:
    index = FlowBindings(store)
    _put(store, binding("bob", "1", flow=flow, by_flow=flow == ONE))
    index.lost(flow)
    _put(store, binding("bob", "2", flow=NEXT, by_flow=True))  # the same Call-ID
    assert _heir(index, flow) == NEXT
    _put(store, replace(binding("bob", "1", flow=TWO, by_flow=True), call_id="other"))
    assert _heir(index, flow) == TWO  # the same Contact
    _put(store, replace(binding("bob", "2", flow=TWO, by_flow=True), call_id="other"))
    assert _heir(index, flow) == ""


def test_a_replaced_binding_leads_on_though_its_connection_lives(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    _put(store, binding("bob", "1", flow=TCP))
    _put(store, binding("bob", "1", flow=NEXT, by_flow=True))
    assert _heir(index, TCP) == NEXT


def test_only_users_of_the_connection_itself_are_heirs(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    for user in ("alice", "bob"):
        _put(store, binding(user, "1", flow=ONE, by_flow=True, instance="<a>"))
    _put(store, binding("carol", "1", flow=NEXT, by_flow=True, instance="<a>"))
    index.lost(ONE)
    assert _heir(index, ONE) == ""
    _put(store, binding("bob", "1", flow=NEXT, by_flow=True, instance="<a>"))
    assert _heir(index, ONE, "sip:bob@1:5060") == NEXT
    assert _heir(index, ONE, "sip:alice@1:5060") == ""  # she is not back yet: not his to inherit
    assert _heir(index, ONE, "sip:other@1:5060") == ""  # hers or his
    for user, flow in (("alice", TWO), ("bob", NEXT)):
        _put(store, binding(user, "1", flow=flow, by_flow=True, instance="<a>"))
    # whom the dialog names by the Contact
    assert _heir(index, ONE, "sip:bob@1:5060") == NEXT
    assert _heir(index, ONE, "sip:alice@1:5060") == TWO


def test_what_is_remembered_is_bounded(
    store: MemoryBindings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.exchange.flow_bindings.REMEMBERED", 3)
    index = FlowBindings(store)
    for number in range(6):
        _put(store, binding("bob", "1", flow=f"tls/a/b/{number}", by_flow=True, instance="<a>"))
    assert [_heir(index, f"tls/a/b/{number}") != "" for number in range(6)] == [
        False,
        False,
        True,
        True,
        True,
        False,  # alive
    ]


UDP = "udp/192.0.2.1:5060/9.9.9.9:5060"


def _flow(number: int, flow: str, user: str = "bob", instance: str = "<a>") -> Binding:
    """A binding of a phone that uses outbound."""
    made = binding(user, str(number), flow=flow, by_flow=True, instance=instance)
    return replace(made, parameters=f";reg-id={number}")


def test_a_datagram_flow_that_is_kept_alive_can_be_lost(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    _put(store, _flow(1, UDP), binding("bob", "9", flow=UDP, by_flow=True))
    assert index.lost(UDP) == 1
    assert _contacts(store, "bob") == ["sip:bob@9:5060"]


def test_a_flow_that_its_phone_has_replaced_is_closed(store: MemoryBindings) -> None:
    closed: list[str] = []
    FlowBindings(store, closed.append)
    _put(store, _flow(1, ONE), _flow(2, TCP))
    _put(store, _flow(1, TWO), _flow(2, TCP))
    assert closed == [ONE]
    _put(store, _flow(1, TWO))  # unregistered, not replaced
    assert closed == [ONE]


def test_a_flow_that_others_use_stays_open(store: MemoryBindings) -> None:
    closed: list[str] = []
    FlowBindings(store, closed.append)
    _put(store, _flow(1, ONE, "alice"))
    _put(store, _flow(1, ONE))
    _put(store, _flow(1, TWO))
    assert closed == []
    plain = binding("carol", "1", flow=NEXT, by_flow=True, instance="<a>")
    _put(store, plain)
    _put(store, replace(plain, flow=TCP))  # a phone without reg-id may have two connections
    assert closed == []


def test_a_contact_whose_edge_has_lost_it_goes(store: MemoryBindings) -> None:
    index = FlowBindings(store)
    path = ("<sip:p~token@192.0.2.11;lr;ob>",)
    behind = binding("bob", "1", path=path, flow=UDP)
    _put(store, behind, replace(behind, path=()), replace(behind, contact="sip:bob@2:5060"))

    def fail() -> int:
        return index.failed("sip:bob@example.com", list(path), "sip:bob@1:5060".__eq__)

    assert fail() == 1
    assert [each.path for each in store.lookup_now("sip:bob@example.com")] == [(), path]
    assert fail() == 0


def test_one_connection_is_not_remembered_with_all_that_ever_was_on_it(
    store: MemoryBindings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.exchange.flow_bindings.TENANTS", 3)
    index = FlowBindings(store)
    for number in range(6):  # it registers and unregisters by another name each time
        _put(store, binding("bob", "1", flow=ONE, by_flow=True, instance=f"<{number}>"))
        store.update_now("sip:bob@example.com", lambda _before: (None, ()))
    _put(store, binding("bob", "1", flow=TWO, by_flow=True, instance="<2>"))
    assert _heir(index, ONE) == ""
    _put(store, binding("bob", "1", flow=TWO, by_flow=True, instance="<3>"))
    assert _heir(index, ONE) == TWO


def test_phones_without_an_instance_do_not_replace_each_other(store: MemoryBindings) -> None:
    closed: list[str] = []
    FlowBindings(store, closed.append)
    _put(store, _flow(1, ONE, instance=""), replace(_flow(1, TWO, instance=""), contact="sip:x@y"))
    _put(store, replace(_flow(1, TWO, instance=""), contact="sip:x@y"))
    assert closed == []
