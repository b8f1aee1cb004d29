"""Outcomes and targets are plain values."""

from __future__ import annotations

from offhook.proxy.target import ForkRequest, Outcome, Target


def test_only_2xx_is_ok() -> None:
    found = [status for status in (180, 199, 200, 299, 300, 486, 603) if Outcome(status).ok]
    assert found == [200, 299]


def test_a_target_needs_only_its_uri() -> None:
    target = Target("sip:bob@192.0.2.9")
    assert (target.flow, target.by_flow, target.path, target.alternatives) == ("", False, (), ())


def test_a_fork_rings_two_minutes_unless_told() -> None:
    request = ForkRequest([[Target("sip:a")]])
    assert (request.ring, request.first, request.decides) == (120.0, None, False)
