"""Credentials for us stay here."""

from __future__ import annotations

from offhook.auth.consumed import take_out
from offhook.message.parse import parse

HEAD = (
    "BYE sip:bob@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
    "From: <sip:a@example.com>;tag=a\r\nTo: <sip:b@example.com>;tag=b\r\nCall-ID: c\r\n"
    "CSeq: 2 BYE\r\n"
)
OURS = 'Digest username="a", realm="example.com", nonce="n", uri="sip:b@c", response="00"'
THEIRS = OURS.replace("example.com", "elsewhere.example")


def left(*values: str) -> list[str]:
    lines = "".join(f"Proxy-Authorization: {value}\r\n" for value in values)
    message = parse(f"{HEAD}{lines}Content-Length: 0\r\n\r\n".encode())
    take_out(message, frozenset({"example.com"}))
    return message.get_all("proxy-authorization")


def test_ours_are_taken_out_and_others_stay() -> None:
    assert left(OURS) == []
    assert left(OURS, THEIRS) == [THEIRS]
    assert left(THEIRS) == [THEIRS]


def test_nothing_to_take() -> None:
    assert left() == []


def test_what_nobody_understands_is_not_ours() -> None:
    assert left("Digest nonsense", "Basic YTpi") == ["Digest nonsense", "Basic YTpi"]
