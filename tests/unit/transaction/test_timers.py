"""Timers: FIFOs by delay, fired in the order of their deadlines."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import UsageError
from offhook.transaction.timers import ROUNDS_LIMIT, Timers, Timing


class Recorder:
    def __init__(self) -> None:
        self.fired: list[tuple[int, float]] = []

    def fire(self, letter: int, now: float) -> None:
        self.fired.append((letter, now))


@pytest.mark.rfc("3261", "17.1.1.2")
@pytest.mark.rfc("3261", "17.1.2.2")
@pytest.mark.rfc("6026", "8.11")
def test_default_delays() -> None:
    timing = Timing()
    assert (timing.t1, timing.t2, timing.t4) == (0.5, 4.0, 5.0)
    whole = (timing.timer_b, timing.timer_f, timing.timer_h, timing.timer_j)
    assert {*whole, timing.timer_d, timing.timer_l, timing.timer_m} == {32.0}
    assert (timing.timer_i, timing.timer_k) == (5.0, 5.0)
    assert timing.timer_c > 180
    assert timing.trying == 0.2


@pytest.mark.rfc("4320", "4.1")
def test_the_100_of_a_non_invite_waits_for_timer_e_to_reach_t2() -> None:
    assert Timing().trying_non_invite == 0.5 + 1 + 2
    assert Timing(t1=4.0).trying_non_invite == 0
    assert Timing(t1=1.0, t2=3.0).trying_non_invite == 1 + 2


@pytest.mark.rfc("3261", "17.1.1.2")
def test_timer_d_does_not_shrink_with_t1() -> None:
    assert Timing(t1=0.1).timer_d == 32.0
    assert Timing(t1=1.0).timer_d == 64.0


@pytest.mark.parametrize(("t1", "t2"), [(0.0, 4.0), (-1.0, 4.0), (5.0, 4.0)])
def test_nonsense_is_refused(t1: float, t2: float) -> None:
    with pytest.raises(UsageError):
        Timing(t1=t1, t2=t2)


def test_nothing_set() -> None:
    timers = Timers()
    assert timers.next_deadline() is None
    timers.advance(100.0)
    assert len(timers) == 0


def test_fires_at_the_deadline_and_not_before() -> None:
    timers, target = Timers(), Recorder()
    timers.start(0.5, 1.0, target, 7)
    assert timers.next_deadline() == 1.5
    timers.advance(1.49)
    assert target.fired == []
    timers.advance(1.5)
    assert target.fired == [(7, 1.5)]
    assert timers.next_deadline() is None


def test_order_across_delays_is_the_order_of_deadlines() -> None:
    timers, target = Timers(), Recorder()
    timers.start(32.0, 0.0, target, 1)
    timers.start(0.5, 0.0, target, 2)
    timers.start(0.5, 31.0, target, 3)
    timers.start(5.0, 27.5, target, 4)
    timers.advance(100.0)
    assert [letter for letter, _ in target.fired] == [2, 3, 1, 4]


def test_ties_fire_in_the_order_they_were_set() -> None:
    timers, target = Timers(), Recorder()
    timers.start(3.0, 0.0, target, 1)
    timers.start(2.0, 1.0, target, 2)
    timers.start(3.0, 0.0, target, 3)
    timers.start(1.0, 2.0, target, 4)
    timers.advance(3.0)
    assert [letter for letter, _ in target.fired] == [1, 2, 3, 4]


def test_arbitrary_delays_leave_nothing_behind() -> None:
    timers, target = Timers(), Recorder()
    for number in range(1000):
        timers.start(1 + number / 1000, 0.0, target, number)
    assert len(timers) == 1000
    timers.advance(2.0)
    assert [letter for letter, _ in target.fired] == list(range(1000))
    assert (len(timers), timers._queues, timers._wake) == (0, {}, None)


class Chain(Recorder):
    """Starts another timer, due at once, whenever one fires."""

    def __init__(self, timers: Timers, length: int) -> None:
        super().__init__()
        self.timers = timers
        self.length = length

    def fire(self, letter: int, now: float) -> None:
        super().fire(letter, now)
        if letter < self.length:
            self.timers.start(0.0, now, self, letter + 1)


def test_what_is_due_at_once_fires_in_the_same_advance() -> None:
    timers = Timers()
    chain = Chain(timers, 5)
    timers.start(0.0, 1.0, chain, 1)
    timers.advance(1.0)
    assert [letter for letter, _ in chain.fired] == [1, 2, 3, 4, 5]


def test_an_endless_chain_does_not_hold_the_loop() -> None:
    timers = Timers()
    chain = Chain(timers, 10**9)
    timers.start(0.0, 1.0, chain, 1)
    timers.advance(1.0)
    assert len(chain.fired) == ROUNDS_LIMIT
    assert timers.next_deadline() == 1.0
    timers.advance(1.0)
    assert len(chain.fired) == 2 * ROUNDS_LIMIT


class Faulty:
    def fire(self, letter: int, now: float) -> None:
        raise UsageError("a fault of ours")


def test_a_fault_costs_one_timer_only() -> None:
    timers, target = Timers(), Recorder()
    timers.start(1.0, 0.0, Faulty(), 1)
    timers.start(1.0, 0.0, target, 2)
    timers.start(1.0, 1.0, target, 3)
    with pytest.raises(UsageError):
        timers.advance(1.0)
    assert (timers.next_deadline(), len(timers)) == (1.0, 2)
    timers.advance(1.0)
    assert target.fired == [(2, 1.0)]
    timers.advance(2.0)
    assert target.fired == [(2, 1.0), (3, 2.0)]


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0, 4.0, 5.0, 32.0]), st.floats(0, 3)),
        max_size=60,
    ),
    st.integers(0, 2**32),
)
def test_like_a_sorted_list(steps: list[tuple[float, float]], seed: int) -> None:
    """Against the obvious implementation, with advances in between."""
    timers, target = Timers(), Recorder()
    chance = random.Random(seed)
    expected: list[tuple[float, int]] = []
    now = 0.0
    for number, (delay, pause) in enumerate(steps):
        timers.start(delay, now, target, number)
        expected.append((now + delay, number))
        assert timers.next_deadline() == min(
            deadline for deadline, each in expected if each not in dict(target.fired)
        )
        now += pause
        if chance.random() < 0.5:
            timers.advance(now)
    timers.advance(now + 100)
    fired = [letter for letter, _ in target.fired]
    assert sorted(fired) == list(range(len(steps)))
    deadlines = {number: deadline for deadline, number in expected}
    for letter, at in target.fired:
        assert at >= deadlines[letter]
    groups: dict[float, list[tuple[float, int]]] = {}
    for letter, at in target.fired:
        groups.setdefault(at, []).append((deadlines[letter], letter))
    assert all(group == sorted(group) for group in groups.values())
