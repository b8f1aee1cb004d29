"""Questions and answers are values."""

from __future__ import annotations

from offhook.transport.records import NOTHING, Answer, Kind, Question, Srv


def test_questions_are_keys() -> None:
    known = {Question(Kind.SRV, "a"): 1}
    assert known[Question(Kind.SRV, "a")] == 1
    assert Question(Kind.NAPTR, "a") not in known


def test_nothing_is_an_answer_without_records() -> None:
    assert Answer() == NOTHING
    assert Answer(srv=(Srv(0, 0, 5060, "a"),)) != NOTHING
