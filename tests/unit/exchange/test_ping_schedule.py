"""Who is pinged when, on a clock of numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import pytest

from offhook.exchange.ping_schedule import BURST, SLOTS, Due, KeepAlivePolicy, PingSchedule
from offhook.registrar.binding import Binding
from tests.unit.exchange.bench import Changes, binding

POLICY = KeepAlivePolicy(interval=25.0, lost=3)


def natted(number: int = 0, **changes: Unpack[Changes]) -> Binding:
    """A phone behind a NAT."""
    made = binding(
        f"u{number}",
        "192.168.1.2",
        flow=f"udp/192.0.2.1:5060/203.0.113.9:{20_000 + number}",
        by_flow=True,
    )
    return replace(made, **changes)


def added(*bindings: Binding, policy: KeepAlivePolicy = POLICY) -> PingSchedule:
    """A schedule that has heard of them."""
    schedule = PingSchedule(policy)
    for each in bindings:
        schedule.changed(each.aor, (), [each])
    return schedule


def turn(schedule: PingSchedule, start: float, seconds: float) -> list[tuple[float, Due]]:
    """Let the clock run from one wanted moment to the next."""
    now, found = start, []
    while (when := schedule.next_due(now)) is not None and when <= start + seconds:
        now = max(now, when)
        found.append((now, schedule.due(now)))
    return found


def test_each_is_pinged_once_in_an_interval() -> None:
    bindings = [natted(number) for number in range(50)]
    schedule = added(*bindings)
    for round_ in range(3):
        turns = turn(schedule, 1000.0 + 25 * round_, 25.0)
        pinged = [each.binding.aor for _, due in turns for each in due.pings]
        assert sorted(pinged) == sorted(each.aor for each in bindings)
        for contact in [each for _, due in turns for each in due.pings]:
            schedule.answered(contact, contact.sent + 0.04)


def test_a_thousand_that_came_at_once_are_spread() -> None:
    schedule = added(*[natted(number) for number in range(1000)])
    counts = [len(due.pings) for _, due in turn(schedule, 0.0, 25.02)]
    assert sum(counts) == 1000
    assert max(counts) <= 10  # 1 on average


def test_a_clock_that_ran_ahead_makes_no_storm() -> None:
    schedule = added(*[natted(number) for number in range(3 * BURST)])
    schedule.due(0.0)
    largest = 3 * BURST / SLOTS * 5
    pings = 0
    for _ in range(100):
        due = schedule.due(24.99)
        pings += len(due.pings)
        assert len(due.pings) <= BURST + largest
    assert pings > 2 * BURST
    schedule.due(10_000.0)  # a night of sleep is no night of pings
    assert sum(len(schedule.due(10_000.0).pings) for _ in range(100)) <= 3 * BURST


def test_one_that_comes_later_is_pinged_within_an_interval() -> None:
    schedule = added(natted(1))
    turn(schedule, 0.0, 60.0)
    late = natted(2)
    schedule.changed(late.aor, (), [late])
    turns = turn(schedule, 60.0, 25.1)
    assert late.aor in [each.binding.aor for _, due in turns for each in due.pings]


def test_three_silent_pings_are_the_end() -> None:
    schedule = added(natted())
    pings = silent = 0
    for _, due in turn(schedule, 0.0, 100.0):
        pings += len(due.pings)
        silent += len(due.silent)
    assert (pings, silent) == (3, 1)


def test_any_answer_starts_the_count_anew() -> None:
    schedule = added(natted())
    (contact,) = [each for _, due in turn(schedule, 0.0, 25.0) for each in due.pings]
    turn(schedule, 25.0, 25.0)
    assert contact.lost == 1
    schedule.answered(contact, contact.sent + 0.25)
    assert contact.lost == 0
    assert contact.latency == pytest.approx(0.25)
    assert contact.alive_since == pytest.approx(contact.sent + 0.25)
    schedule.answered(contact, contact.sent + 9)  # a copy tells nothing of the way
    assert contact.latency == pytest.approx(0.25)
    turns = turn(schedule, 50.0, 50.0)
    assert not [each for _, due in turns for each in due.silent]
    assert contact.alive_since is None


def test_a_register_is_a_sign_of_life() -> None:
    first = natted()
    schedule = added(first)
    turn(schedule, 0.0, 75.0)
    again = replace(first, registered=first.registered + 60, cseq=2)
    schedule.changed(first.aor, [first], [again])
    pings = silent = 0
    for _, due in turn(schedule, 75.0, 50.0):
        pings += len(due.pings)
        silent += len(due.silent)
    assert (pings, silent) == (2, 0)
    contact = schedule.of(again)
    assert contact is not None
    assert contact.binding is again


def test_who_left_is_not_pinged() -> None:
    first = natted()
    schedule = added(first)
    moved = replace(first, flow="udp/192.0.2.1:5060/203.0.113.77:1024")
    schedule.changed(first.aor, [first], [moved])
    assert len(schedule) == 1
    assert schedule.of(first) is None
    pinged = [each.binding.flow for _, due in turn(schedule, 0.0, 25.0) for each in due.pings]
    assert pinged == [moved.flow]
    schedule.changed(first.aor, [moved], [])
    assert len(schedule) == 0
    assert schedule.next_due(50.0) is None


def test_octets_without_an_answer_never_find_anybody_dead() -> None:
    schedule = added(natted(), policy=replace(POLICY, method="crlf"))
    turns = turn(schedule, 0.0, 1000.0)
    assert sum(len(due.pings) for _, due in turns) == 40
    assert not [each for _, due in turns for each in due.silent]


@pytest.mark.parametrize(
    ("changes", "usual", "every"),
    [
        ({}, True, True),
        ({"by_flow": False}, False, True),
        ({"flow": "tls/192.0.2.1:5061/203.0.113.9:20000/c1"}, False, True),
        ({"path": ("<sip:edge.example.com;lr>",)}, False, False),
    ],
)
def test_who_is_looked_after(changes: Changes, usual: bool, every: bool) -> None:
    one = natted(**changes)
    assert PingSchedule(POLICY).wants(one) is usual
    assert PingSchedule(replace(POLICY, every=True)).wants(one) is every


def test_strangers_cost_nothing() -> None:
    one = natted(by_flow=False)
    schedule = added(one)
    assert len(schedule) == 0
    assert schedule.of(one) is None
    assert schedule.next_due(0.0) is None
