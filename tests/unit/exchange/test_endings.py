"""Reasons travel with the task that acts."""

from __future__ import annotations

import pytest

from offhook.errors import UsageError
from offhook.exchange.endings import because, ending_now


def test_a_reason_holds_inside_its_block() -> None:
    assert ending_now() == "unregistered"
    with because("deactivated"):
        assert ending_now() == "deactivated"
        with because("rejected"):
            assert ending_now() == "rejected"
        assert ending_now() == "deactivated"
    assert ending_now() == "unregistered"


def test_only_what_rfc_3680_knows_is_a_reason() -> None:
    with pytest.raises(UsageError, match="deactivated, probation"), because("boredom"):
        raise AssertionError("never reached")
    assert ending_now() == "unregistered"
