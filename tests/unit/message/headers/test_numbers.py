"""Headers that hold numbers."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message import HeaderType
from offhook.message.headers import (
    CONTENT_LENGTH,
    CSEQ,
    EXPIRES,
    MAX_BREADTH,
    MAX_FORWARDS,
    MIN_EXPIRES,
    MIN_SE,
    RACK,
    RETRY_AFTER,
    RSEQ,
    SESSION_EXPIRES,
    TIMESTAMP,
    CSeq,
    RAck,
    SessionExpires,
)


@pytest.mark.rfc("3261", "20.19")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("3600", 3600),
        ("4294967295", 2**32 - 1),
        ("4294967296", 2**32 - 1),
        ("1" * 9000, 2**32 - 1),
    ],
)
def test_expires(text: str, seconds: int) -> None:
    assert EXPIRES.read([text]) == seconds
    assert MIN_EXPIRES.read([text]) == seconds


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (EXPIRES, "-1"),
        (EXPIRES, "soon"),
        (EXPIRES, ""),
        (EXPIRES, "\u0661"),
        (MAX_FORWARDS, "256"),
        (CONTENT_LENGTH, "5 5"),
        (RSEQ, "4294967296"),
        (MAX_BREADTH, "x"),
        (CSEQ, "1"),
        (CSEQ, "1 A B"),
        (CSEQ, "x A"),
        (CSEQ, "1 (A)"),
        (RACK, "1 INVITE"),
        (RACK, "1 2 (A)"),
        (SESSION_EXPIRES, ";refresher=uac"),
        (MIN_SE, "x;y"),
        (RETRY_AFTER, "5 (open"),
        (RETRY_AFTER, ")5("),
        (TIMESTAMP, "x"),
        (TIMESTAMP, "1.x"),
    ],
)
def test_refuse(header: HeaderType[object], text: str) -> None:
    with pytest.raises(MessageError, match=f"400 Bad {header.label}"):
        header.read([text])


def test_values() -> None:
    assert MAX_FORWARDS.read(["0070"]) == 70
    assert CSEQ.read(["0009  INVITE"]) == CSeq(9, "INVITE")
    assert str(CSeq(9, "INVITE")) == "9 INVITE"
    assert RACK.read(["776656 1 INVITE"]) == RAck(776656, 1, "INVITE")
    assert str(RAck(1, 2, "INVITE")) == "1 2 INVITE"
    assert TIMESTAMP.read(["54.21 .5"]) == "54.21 .5"
    assert CONTENT_LENGTH.read([]) is None


@pytest.mark.rfc("4028", "4")
def test_session_expires() -> None:
    assert SESSION_EXPIRES.read(["1800 ;Refresher=UAC;x"]) == SessionExpires(1800, "uac")
    assert SESSION_EXPIRES.read(["90"]) == SessionExpires(90)
    assert str(SessionExpires(90)) == "90"
    assert str(SessionExpires(90, "uas")) == "90;refresher=uas"
    assert MIN_SE.read(["90;x"]) == 90


@pytest.mark.rfc("3261", "20.33")
def test_retry_after() -> None:
    value = RETRY_AFTER.read(["120 (in a ; meeting);duration=60"])
    assert value is not None
    assert (value.seconds, value.comment, value.parameters["duration"]) == (
        120,
        "in a ; meeting",
        "60",
    )
    plain = RETRY_AFTER.read(["18000;duration=3600"])
    assert plain is not None
    assert plain.seconds == 18000
