"""Destinations in trouble: avoided, probed by one, healed."""

from __future__ import annotations

import pytest

from offhook.transport import standing as subject
from offhook.transport.next_hop import NextHop
from offhook.transport.standing import (
    FIRST,
    LONGEST,
    LONGEST_RETRY,
    OVERLOADED,
    PROBE,
    Standing,
)

HOP = NextHop("UDP", "192.0.2.1", 5060, literal=True, server_name="")
OTHER = NextHop("UDP", "192.0.2.2", 5060, literal=True, server_name="")


def test_a_failure_is_remembered_for_a_while() -> None:
    standing = Standing()
    standing.failed(HOP, 100.0)
    assert standing.avoided(HOP, 100.0 + FIRST - 0.1)
    assert not standing.avoided(OTHER, 100.0)
    assert standing.count(100.0) == 1


def test_one_probes_and_the_others_wait_for_it() -> None:
    standing = Standing()
    standing.failed(HOP, 0.0)
    assert not standing.avoided(HOP, FIRST)
    assert standing.avoided(HOP, FIRST + 0.1)
    assert standing.avoided(HOP, FIRST + PROBE - 0.1)
    assert not standing.avoided(HOP, FIRST + PROBE)  # the probe told nothing: another one


def test_who_hears_no_answer_does_not_probe() -> None:
    standing = Standing()
    standing.failed(HOP, 0.0)
    assert standing.troubled(HOP, 1.0)
    assert not standing.troubled(OTHER, 1.0)
    assert not standing.troubled(HOP, FIRST)
    assert not standing.avoided(HOP, FIRST)


def test_an_answer_heals() -> None:
    standing = Standing()
    standing.heard(HOP)
    standing.failed(HOP, 0.0)
    standing.heard(OTHER)
    assert standing.avoided(HOP, 1.0)
    standing.heard(HOP)
    assert not standing.avoided(HOP, 1.0)


def test_each_failed_probe_doubles_the_time() -> None:
    standing = Standing()
    now, times = 0.0, []
    for _ in range(6):
        standing.failed(HOP, now)
        ((_, trouble),) = standing.troubles()
        times.append(trouble.until - now)
        now = trouble.until + PROBE + 1
    assert times == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, LONGEST, LONGEST]


def test_many_that_fail_together_are_one_failure() -> None:
    standing = Standing()
    for each in range(50):
        standing.failed(HOP, each / 100)
    ((_, trouble),) = standing.troubles()
    assert (trouble.penalty, trouble.failures) == (FIRST, 50)


@pytest.mark.rfc("3261", "21.5.4")
@pytest.mark.parametrize(
    ("said", "seconds"), [(120.0, 120.0), (0.0, OVERLOADED), (1e9, LONGEST_RETRY)]
)
def test_retry_after(said: float, seconds: float) -> None:
    standing = Standing()
    standing.overloaded(HOP, said, 0.0)
    assert standing.avoided(HOP, seconds - 0.1)
    assert not standing.avoided(HOP, seconds)


def test_a_failure_does_not_shorten_a_retry_after() -> None:
    standing = Standing()
    standing.overloaded(HOP, 600.0, 0.0)
    standing.failed(HOP, 1.0)
    assert standing.avoided(HOP, 599.0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST", 2)
    standing = Standing()
    for host in ("a", "b", "c"):
        standing.failed(NextHop("UDP", host, 1, True, ""), 0.0)
    assert [key[1] for key, _ in standing.troubles()] == ["b", "c"]


def test_one_whose_time_is_over_is_in_trouble_no_more() -> None:
    standing = Standing()
    standing.failed(HOP, 0.0)
    standing.failed(OTHER, 10.0)
    assert [standing.count(now) for now in (10.0, FIRST, FIRST + 10.0)] == [2, 1, 0]


@pytest.mark.rfc("5922", "7.3")
def test_a_certificate_that_lacks_one_name_says_nothing_of_the_next() -> None:
    standing = Standing()
    one, other = (
        NextHop("TLS", "192.0.2.9", 5061, True, name) for name in ("one.example", "other.example")
    )
    standing.failed(one, 0.0)
    assert standing.avoided(one, 1.0)
    assert not standing.avoided(other, 1.0)


def test_each_change_is_told_once() -> None:
    told: list[tuple[str, float]] = []
    standing = Standing(lambda _hop, what, seconds: told.append((what, seconds)))
    for each in range(50):
        standing.failed(HOP, each / 100, what="silent")
    standing.failed(HOP, FIRST)
    standing.heard(HOP)
    standing.heard(HOP)
    for _ in range(2):
        standing.overloaded(HOP, 120.0, 100.0)
    assert told == [
        ("silent", FIRST),
        ("refused", 2 * FIRST),
        ("recovered", 0.0),
        ("overloaded", 120.0),
    ]
