"""NAT boxes: mappings and filters (RFC 4787)."""

from __future__ import annotations

import pytest

from offhook.testing.nat import Nat, NatBox

INNER = ("10.0.0.5", 5060)
ONE, TWO = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


@pytest.mark.rfc("4787", "4.1")
@pytest.mark.parametrize(
    ("kind", "same"),
    [
        (Nat.FULL_CONE, True),
        (Nat.RESTRICTED, True),
        (Nat.PORT_RESTRICTED, True),
        (Nat.SYMMETRIC, False),
    ],
)
def test_mappings(kind: Nat, same: bool) -> None:
    box = NatBox("home", "203.0.113.1", kind=kind)
    first = box.outbound("UDP", INNER, ONE, 0.0)
    assert first[0] == "203.0.113.1"
    assert box.outbound("UDP", INNER, ONE, 1.0) == first
    assert (box.outbound("UDP", INNER, TWO, 1.0) == first) is same
    assert box.outbound("TCP", INNER, ONE, 1.0) != first
    assert box.outbound("UDP", ("10.0.0.6", 5060), ONE, 1.0) != first


@pytest.mark.rfc("4787", "5")
@pytest.mark.parametrize(
    ("kind", "stranger", "neighbour"),
    [
        (Nat.FULL_CONE, INNER, INNER),
        (Nat.RESTRICTED, None, INNER),
        (Nat.PORT_RESTRICTED, None, None),
        (Nat.SYMMETRIC, None, None),
    ],
)
def test_filters(
    kind: Nat, stranger: tuple[str, int] | None, neighbour: tuple[str, int] | None
) -> None:
    box = NatBox("home", "203.0.113.1", kind=kind)
    public = box.outbound("UDP", INNER, ONE, 0.0)
    assert box.inbound("UDP", ONE, public, 1.0) == INNER
    assert box.inbound("UDP", TWO, public, 1.0) == stranger
    assert box.inbound("UDP", (ONE[0], 7000), public, 1.0) == neighbour
    assert box.inbound("UDP", ONE, ("203.0.113.1", 1), 1.0) is None
    assert box.inbound("TCP", ONE, public, 1.0) is None


def test_a_mapping_dies_without_use() -> None:
    box = NatBox("home", "203.0.113.1", lifetime=30.0)
    public = box.outbound("UDP", INNER, ONE, 0.0)
    assert box.outbound("UDP", INNER, ONE, 29.0) == public
    assert box.inbound("UDP", ONE, public, 58.0) == INNER
    assert box.inbound("UDP", ONE, public, 60.0) is None
    assert box.outbound("UDP", INNER, ONE, 60.0) != public


def test_another_address_forgets_everything() -> None:
    box = NatBox("home", "203.0.113.1")
    public = box.outbound("UDP", INNER, ONE, 0.0)
    box.change_address("203.0.113.2")
    assert box.generation == 1
    assert box.inbound("UDP", ONE, public, 0.0) is None
    assert box.outbound("UDP", INNER, ONE, 0.0)[0] == "203.0.113.2"
