"""The order in which one request tries its hops."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.transport.hops import MOST_QUESTIONS, MOST_TRIES, Hops
from offhook.transport.next_hop import NextHop

NAME = NextHop("UDP", "h.test", 5060, literal=False, server_name="h.test")


def address(last: int) -> NextHop:
    """One of many."""
    return NextHop("UDP", f"192.0.2.{last}", 5060, literal=True, server_name="h.test")


def start(found: Sequence[NextHop], avoided: Sequence[NextHop] = ()) -> Hops:
    """Hops after their name was looked up."""
    hops = Hops(NAME, lambda hop, _now: hop in avoided)
    assert hops.take(0.0) == NAME
    hops.found(found)
    return hops


def drained(hops: Hops) -> list[NextHop]:
    """All of them."""
    taken = []
    while (hop := hops.take(0.0)) is not None:
        taken.append(hop)
    assert not hops
    return taken


def test_in_order() -> None:
    assert drained(start([address(1), address(2)])) == [address(1), address(2)]
    assert Hops(NAME, lambda _hop, _now: False).take(0.0) is not None


def test_what_a_server_leads_to_comes_before_the_next_server() -> None:
    hops = start([NAME, address(9)])
    assert hops.take(0.0) == NAME
    hops.found([address(1), address(2)])
    assert drained(hops) == [address(1), address(2), address(9)]


def test_those_in_trouble_come_last_in_their_order() -> None:
    hops = start([address(each) for each in range(4)], [address(0), address(2)])
    assert drained(hops) == [address(1), address(3), address(0), address(2)]


def test_the_only_one_is_never_left_out() -> None:
    assert drained(start([address(1)], [address(1)])) == [address(1)]


def test_tries_are_bounded() -> None:
    assert len(drained(start([address(each) for each in range(200)]))) == MOST_TRIES
    every = [address(each) for each in range(200)]
    assert len(drained(start(every, every))) == MOST_TRIES


def test_questions_are_bounded() -> None:
    hops = start([NAME] * 200)
    assert len(drained(hops)) == MOST_QUESTIONS - 1
