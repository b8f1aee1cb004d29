"""Phones that are reached by another flow than before."""

from __future__ import annotations

import pytest

from offhook.exchange.flow_moves import FlowMoves
from offhook.registrar.binding import Binding
from offhook.storage.memory import MemoryBindings
from tests.unit.exchange.bench import Changes, binding

OLD = "udp/192.0.2.1:5060/203.0.113.9:1001"
NEW = "udp/192.0.2.1:5060/203.0.113.9:1002"
TCP = "tcp/192.0.2.1:5060/203.0.113.9:1003/c1"


def natted(**changes: object) -> Binding:
    """Bob behind a NAT."""
    made: Changes = {"flow": OLD, "by_flow": True, **changes}  # type: ignore[typeddict-item]
    return binding("bob", "192.168.1.2", **made)


def told(before: list[Binding], after: list[Binding]) -> list[tuple[str, str]]:
    """What is told of a change, new flows left out."""
    found: list[tuple[str, str]] = []
    store = MemoryBindings()
    store.update_now("sip:bob@example.com", lambda _: (None, before))
    FlowMoves(store, lambda old, new: found.append((old, new)))
    store.update_now("sip:bob@example.com", lambda _: (None, after))
    return [each for each in found if each[0] != each[1]]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"flow": NEW}),  # the same Contact
        ({"instance": "i"}, {"instance": "i", "flow": NEW, "contact": "sip:bob@10.9.9.9"}),
        ({}, {"flow": NEW, "contact": "sip:bob@10.9.9.9"}),  # the same Call-ID
        ({}, {"flow": TCP}),
    ],
)
def test_the_same_phone_by_another_flow(old: Changes, new: Changes) -> None:
    assert told([natted(**old)], [natted(**new)]) == [(OLD, new["flow"])]


def test_nothing_is_told_of_others() -> None:
    two = [natted(instance="i"), natted(instance="j", flow=NEW)]
    assert told([natted(instance="i")], two) == []  # a second phone
    assert told([natted()], [natted(registered=9.0)]) == []  # a refresh
    assert told([natted(instance="i")], [natted(instance="j", flow=NEW)]) == []
    assert told([natted(by_flow=False)], [natted(flow=NEW)]) == []  # its dialogs have no flow
    assert told([natted()], []) == []


def test_a_new_flow_is_told_as_its_own() -> None:
    found: list[tuple[str, str]] = []
    store = MemoryBindings()
    FlowMoves(store, lambda old, new: found.append((old, new)))
    store.update_now("sip:bob@example.com", lambda _: (None, [natted()]))
    assert found == [(OLD, OLD)]
