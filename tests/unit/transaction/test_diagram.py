"""The reference page is the one that the tables draw."""

from __future__ import annotations

from pathlib import Path

from offhook.transaction import diagram, server_non_invite

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "transactions.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == diagram.page(), "write diagram.page() to the file"


def test_a_diagram_starts_in_the_first_state_and_shows_every_pair() -> None:
    lines = diagram.draw(server_non_invite.TABLE).splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> Trying"]
    assert "    Completed --> Completed: request / repeat response" in lines
    assert "    Completed --> Terminated: timer J / end" in lines
    assert len(lines) == 3 + sum(map(len, server_non_invite.TABLE.values()))


def test_letters_and_acronyms_stay_what_they_are() -> None:
    page = diagram.page()
    assert "timer A / repeat and reset A" in page
    assert "300-699 / repeat ACK" in page
    assert "| `timer_l` | 32 |" in page
