"""Max-Breadth: what a request may divide, and how it is divided (RFC 5393 5)."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message import Message, parse
from offhook.proxy.breadth import MAX_BREADTH, breadth_of, shares, whole_breadth
from offhook.testing.builders import build_request


def request(value: str | None) -> Message:
    headers = [] if value is None else [("Max-Breadth", value)]
    return parse(build_request("INVITE", "sip:bob@example.com", headers=headers))


@pytest.mark.rfc("5393", "5.3.3")
@pytest.mark.parametrize(
    ("value", "breadth"),
    [(None, 60), ("60", 60), ("1", 1), ("07", 7), ("61", 60), ("4294967296", 60), ("9" * 400, 60)],
)
def test_what_a_request_has(value: str | None, breadth: int) -> None:
    assert breadth_of(request(value)) == breadth
    assert whole_breadth(request(value)) == breadth


@pytest.mark.rfc("5393", "5.3.1")
@pytest.mark.parametrize("value", ["0", "000", "-1", "1.5", "", "many", "1;x=2", "\u0661"])
def test_what_is_no_positive_number(value: str) -> None:
    with pytest.raises(MessageError, match="Bad Max-Breadth"):
        breadth_of(request(value))
    assert whole_breadth(request(value)) == MAX_BREADTH


@pytest.mark.rfc("5393", "5.3.3")
@pytest.mark.parametrize(
    ("available", "wanted", "parts", "reserved"),
    [
        (60, 1, [60], [30]),
        (60, 2, [30, 30], [20, 20]),
        (60, 7, [9, 9, 9, 9, 8, 8, 8], [7] * 7),
        (3, 3, [1, 1, 1], [1, 1, 1]),
        (3, 5, [1, 1, 1], [1, 1, 1]),
        (1, 1, [1], [1]),
        (0, 1, [], []),
        (-1, 4, [], []),
        (5, 0, [], []),
    ],
)
def test_how_it_is_divided(
    available: int, wanted: int, parts: list[int], reserved: list[int]
) -> None:
    assert shares(available, wanted, reserve=False) == parts
    assert shares(available, wanted, reserve=True) == reserved
    assert sum(parts) <= max(available, 0)
    assert sum(reserved) <= max(available, 0)
