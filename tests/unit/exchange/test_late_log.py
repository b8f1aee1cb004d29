"""The log that imports structlog with its first line."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from offhook.exchange.late_log import LateLog


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_a_line_is_a_line_of_structlog(level: str) -> None:
    with capture_logs() as lines:
        getattr(LateLog(), level)("refused", call_id="1")
    assert lines == [{"event": "refused", "call_id": "1", "log_level": level}]
