"""The memory of flows is bounded and keeps what is used."""

from __future__ import annotations

from offhook.runtime.flow_memory import FlowMemory


def test_what_was_added_is_found_again() -> None:
    memory = FlowMemory[str](4)
    assert memory.add("a", "flow a") == "flow a"
    assert memory.get("a") == "flow a"
    assert memory.young["a"] == "flow a"
    assert memory.get("b") is None


def test_a_flow_in_use_survives_a_flood() -> None:
    memory = FlowMemory[int](10)
    memory.add("phone", -1)
    for number in range(1000):
        memory.add(number, number)
        if number % 5 == 0:
            assert memory.get("phone") == -1
        assert len(memory) <= 20
    assert memory.get(0) is None
    assert memory.get(999) == 999


def test_an_old_flow_becomes_young_when_it_is_used() -> None:
    memory = FlowMemory[int](2)
    for number in range(3):
        memory.add(number, number)
    assert 0 not in memory.young
    assert memory.get(0) == 0
    assert memory.young[0] == 0
