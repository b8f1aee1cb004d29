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


def test_every_code_that_a_peer_may_send_has_its_phrase() -> None:
    """RFC 3261 21 and what came after it, to 603 and 608."""
    known = [*range(400, 409), 410, 412, 413, 414, 415, 416, 417, *range(420, 426), 428, 429, 430]
    known += [433, 436, 437, 438, 439, 440, 469, 470, *range(480, 490), 491, 493, 494]
    known += [*range(500, 506), 513, 555, 580, 600, 603, 604, 606, 607, 608]
    classes = {reason_for(code * 100 + 99) for code in range(1, 7)}
    assert [code for code in known if reason_for(code) in classes] == []
    assert reason_for(440) == "Max-Breadth Exceeded"
