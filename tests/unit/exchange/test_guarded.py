"""What a program's edits and inspections raise stays out of the engine."""

from __future__ import annotations

import pytest

from offhook.errors import PeerError
from offhook.exchange.guarded import guarded_edit, guarded_inspection
from offhook.message import Message


def fails(_message: Message) -> None:
    raise KeyError("a fault of the program")


def test_nothing_to_guard() -> None:
    assert guarded_edit(None, "c") is None
    assert guarded_inspection(None, "c") is None


def test_both_do_their_work() -> None:
    message = Message()
    for guard in (guarded_edit, guarded_inspection):
        guarded = guard(lambda each: each.add("Subject", "x"), "c")
        assert guarded is not None
        guarded(message)
    assert message.get_all("subject") == ["x", "x"]


def test_a_failed_edit_is_a_500_and_a_failed_inspection_is_nothing() -> None:
    edit, inspection = guarded_edit(fails, "c"), guarded_inspection(fails, "c")
    assert edit is not None
    assert inspection is not None
    with pytest.raises(PeerError) as caught:
        edit(Message())
    assert caught.value.status == 500
    inspection(Message())
