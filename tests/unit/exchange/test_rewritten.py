"""One line of the log for each source behind a gateway that rewrites SIP."""

from __future__ import annotations

from structlog.testing import capture_logs

from offhook.exchange.rewritten import REMEMBERED, Rewritten


def test_each_source_is_told_once() -> None:
    rewritten = Rewritten()
    with capture_logs() as lines:
        for source in ("203.0.113.9", "203.0.113.9", "203.0.113.10"):
            rewritten.tell(source, "call")
    assert [line["source"] for line in lines] == ["203.0.113.9", "203.0.113.10"]
    assert lines[0]["event"] == "sip_rewritten_by_router"


def test_its_memory_is_bounded() -> None:
    rewritten = Rewritten()
    with capture_logs() as lines:
        for number in range(REMEMBERED + 1):
            rewritten.tell(f"source {number}", "call")
        rewritten.tell("source 0", "call")
    assert len(lines) == REMEMBERED + 2
