"""Dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from offhook.errors import MessageError
from offhook.message.headers import DATE
from offhook.message.headers.date import date_text


@pytest.mark.rfc("3261", "20.17")
def test_there_and_back() -> None:
    text = "Sat, 13 Nov 2010 23:29:00 GMT"
    moment = DATE.read([text])
    assert moment == datetime(2010, 11, 13, 23, 29, tzinfo=UTC)
    assert date_text(moment.timestamp()) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fri, 01 Jan 2010 16:00:00 EST",
        "Fri, 31 Feb 2010 16:00:00 GMT",
        "13 Nov 2010",
        "Sat, 13 Nov 2010 25:00:00 GMT",
    ],
)
def test_refuse(text: str) -> None:
    with pytest.raises(MessageError, match="Bad Date"):
        DATE.read([text])
