"""Reason phrases."""

from __future__ import annotations

from offhook.message import REASONS, reason_for


def test_registered_codes() -> None:
    assert reason_for(180) == "Ringing"
    assert reason_for(486) == "Busy Here"
    assert all(100 <= status < 700 and reason for status, reason in REASONS.items())


def test_other_codes_are_named_by_their_class() -> None:
    assert reason_for(499) == "Request Failure"
    assert reason_for(299) == "Success"
    assert reason_for(799) == "Unknown"
