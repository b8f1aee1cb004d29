"""Requests made anew."""

from __future__ import annotations

import pytest

from offhook.errors import UsageError
from offhook.message import Message, Role, make_request, parse, validate


def build(method: str = "OPTIONS", uri: str = "sip:b@example.com", **changes: str) -> Message:
    return make_request(
        method,
        uri,
        via=["SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP b;branch=z9hG4bK2"],
        from_=changes.get("from_", "<sip:a@example.com>;tag=1"),
        to="<sip:b@example.com>",
        call_id="c",
        cseq=5,
        headers=[("Route", "<sip:p;lr>"), ("route", "<sip:q;lr>"), ("x-mine", "1")],
        body=b"hi",
    )


@pytest.mark.rfc("3261", "8.1.1")
def test_make_request() -> None:
    message = build()
    assert message.to_bytes() == (
        b"OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
        b"Via: SIP/2.0/UDP b;branch=z9hG4bK2\r\nMax-Forwards: 70\r\n"
        b"From: <sip:a@example.com>;tag=1\r\n"
        b"To: <sip:b@example.com>\r\nCall-ID: c\r\nCSeq: 5 OPTIONS\r\nRoute: <sip:p;lr>\r\n"
        b"Route: <sip:q;lr>\r\nX-Mine: 1\r\nContent-Length: 2\r\n\r\nhi"
    )
    assert message.get_all("route") == ["<sip:p;lr>", "<sip:q;lr>"]
    assert message.core() == parse(message.to_bytes()).core()
    assert validate(message, Role.UAS) is None


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("IN VITE", "sip:a@b"),
        ("", "sip:a@b"),
        ("INVITE", ""),
        ("INVITE", "sip:a b"),
        ("INVITE", "<sip:a>"),
    ],
)
def test_bad_start_lines_are_refused(method: str, uri: str) -> None:
    with pytest.raises(UsageError):
        build(method, uri)


def test_bad_values_are_refused() -> None:
    with pytest.raises(UsageError):
        build(from_="<sip:a>\r\nX: y")
