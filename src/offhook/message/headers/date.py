"""Date: RFC 1123 form, GMT only (RFC 3261 20.17)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from offhook.message.grammar import GrammarError
from offhook.message.headers.base import HeaderType, optional

__all__ = ["DATE", "date_text"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{1,2}) "
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT\Z",
    re.IGNORECASE,
)


def _read_date(value: str) -> datetime:
    match = _DATE.match(value)
    if match is None:
        raise GrammarError("not a date in GMT")
    day, month, year, hour, minute, second = match.groups()
    try:
        return datetime(
            int(year),
            _MONTHS.index(month.title()) + 1,
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=UTC,
        )
    except ValueError:
        raise GrammarError("no such date") from None


def date_text(unix_seconds: float) -> str:
    """The value of a Date header for this moment."""
    moment = datetime.fromtimestamp(int(unix_seconds), UTC)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"
    )


DATE: HeaderType[datetime | None] = HeaderType("date", "Date", optional(_read_date))
