"""Messages for the tests of this folder, as octets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["head", "request", "response"]

CORE = (
    ("Via", "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-7;rport"),
    ("Max-Forwards", "70"),
    ("From", '"Alice" <sip:alice@example.com>;tag=a1'),
    ("To", "<sip:bob@example.com>"),
    ("Call-ID", "c1@192.0.2.1"),
    ("CSeq", "7 INVITE"),
    ("Contact", "<sip:alice@192.0.2.1:5062>"),
)


def head(start: str, lines: Iterable[tuple[str, str]]) -> bytes:
    """A head with its empty line."""
    text = "\r\n".join([start, *[f"{name}: {value}" for name, value in lines]])
    return (text + "\r\n\r\n").encode("utf-8", "surrogateescape")


def _lines(
    changes: dict[str, str | None], extra: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The core lines with some replaced or (None) left out, then more lines."""
    kept = [(name, changes.get(name, value)) for name, value in CORE]
    return [(name, value) for name, value in kept if value is not None] + list(extra)


def request(
    *extra: tuple[str, str],
    start: str = "INVITE sip:bob@example.com SIP/2.0",
    body: bytes = b"",
    changes: Mapping[str, str | None] | None = None,
    **core: str | None,
) -> bytes:
    """An INVITE; keywords or `changes` replace core headers ("Call_ID"), None leaves one out."""
    both = {**core, **(changes or {})}
    named = {name.replace("_", "-"): value for name, value in both.items()}
    length = ("Content-Length", str(len(body)))
    return head(start, [*_lines(named, extra), length]) + body


def response(*extra: tuple[str, str], start: str = "SIP/2.0 200 OK", **core: str | None) -> bytes:
    """The 200 of that INVITE."""
    return request(*extra, start=start, changes={"To": "<sip:bob@example.com>;tag=b1", **core})
