"""Refusals in the log, bounded."""

from __future__ import annotations

import structlog

from offhook.runtime.complaints import BURST, PERIOD, Complaints


def test_a_flood_writes_a_burst_and_then_one_line_a_period() -> None:
    now = 100.0
    with structlog.testing.capture_logs() as lines:
        complaints = Complaints(lambda: now)
        for _ in range(BURST + 7):
            complaints.tell("refused", host="192.0.2.1")
        assert len(lines) == BURST
        assert all("left_out" not in line for line in lines)
        now += PERIOD
        for _ in range(3):
            complaints.tell("refused", host="192.0.2.2")
        assert len(lines) == BURST + 1
        assert lines[-1] == {
            "event": "refused",
            "host": "192.0.2.2",
            "left_out": 7,
            "log_level": "warning",
        }
        now += BURST * PERIOD
        for _ in range(BURST + 1):
            complaints.tell("refused")
        assert len(lines) == 2 * BURST + 1
        assert lines[-BURST]["left_out"] == 2
