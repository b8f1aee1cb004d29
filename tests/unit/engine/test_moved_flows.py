"""Flows whose phone has moved."""

from __future__ import annotations

from itertools import pairwise

from offhook.engine.moved_flows import MOST_MOVES, REMEMBERED, MovedFlows
from offhook.proxy.target import Target
from offhook.testing.builders import build_request
from tests.unit.engine.rig import CALLER, Rig, datagram

OLD, NEW, NEWER = (f"udp/192.0.2.1:5060/203.0.113.9:{port}" for port in (1001, 1002, 1003))


def test_a_phone_is_followed_from_move_to_move() -> None:
    moved = MovedFlows()
    assert moved.now(OLD) == OLD
    moved.move(OLD, NEW)
    moved.move(NEW, NEWER)
    assert [moved.now(name) for name in (OLD, NEW, NEWER)] == [NEWER, NEWER, NEWER]


def test_back_to_where_it_was() -> None:
    moved = MovedFlows()
    moved.move(OLD, NEW)
    moved.move(NEW, OLD)
    assert [moved.now(name) for name in (OLD, NEW)] == [OLD, OLD]
    moved.move(OLD, OLD)
    assert moved.now(OLD) == OLD


def test_whoever_is_heard_is_there() -> None:
    moved = MovedFlows()
    moved.move(OLD, NEW)
    moved.heard(OLD)
    assert moved.now(OLD) == OLD
    assert len(moved) == 0


def test_a_ring_of_moves_ends() -> None:
    moved = MovedFlows()
    names = [f"udp/192.0.2.1:5060/203.0.113.9:{2000 + number}" for number in range(20)]
    for one, other in pairwise(names):
        moved.move(one, other)
    assert moved.now(names[0]) == names[MOST_MOVES]


def test_the_oldest_moves_are_forgotten() -> None:
    moved = MovedFlows()
    for number in range(REMEMBERED + 1):
        moved.move(f"old{number}", f"new{number}")
    assert len(moved) == REMEMBERED
    assert moved.now("old0") == "old0"


def send(rig: Rig) -> tuple[str, int]:
    """A request goes to the old flow: where it went."""
    name = f"n{len(rig.sent)}"
    message = build_request(
        "MESSAGE", "sip:bob@example.com", source=CALLER, branch=f"z9hG4bK{name}", call_id=name
    )
    incoming = rig.request(message)
    rig.fork(incoming, Target("sip:bob@10.0.0.5", flow=OLD))
    return rig.sent[-1][0]


def test_the_engine_follows_until_the_old_flow_is_heard_again() -> None:
    rig = Rig()
    assert send(rig) == ("203.0.113.9", 1001)
    rig.engine.flow_moved(OLD, NEW)
    assert send(rig) == ("203.0.113.9", 1002)
    rig.engine.flow_moved(NEW, "tcp/192.0.2.1:5060/203.0.113.9:7/c77")
    assert len(rig.to(("203.0.113.9", 1002))) == 1
    rig.receive(b"\r\n\r\n", datagram(("203.0.113.9", 1001)))
    assert send(rig) == ("203.0.113.9", 1001)
