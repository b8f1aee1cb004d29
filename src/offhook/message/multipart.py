"""Multipart bodies: split, walked and joined byte for byte (RFC 2046 5.1, RFC 5621)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offhook.errors import MessageError, UsageError
from offhook.message import limits
from offhook.message.headers.valued import CONTENT_TYPE
from offhook.message.lines import value_of
from offhook.message.names import canonical

__all__ = ["Part", "join_parts", "leaves", "split_parts"]

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]")
_FOLDED_LINES = re.compile(rb"\r\n(?![ \t])")


@dataclass(frozen=True, slots=True)
class Part:
    """One body part: its header lines as octets (without the empty line after them) and its
    content."""

    head: bytes
    body: bytes

    @classmethod
    def make(cls, content_type: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Part:
        """A part with these headers after its Content-Type."""
        lines = [f"{name}: {value}" for name, value in (("Content-Type", content_type), *headers)]
        if any("\r" in line or "\n" in line for line in lines):
            raise UsageError("a header of a body part holds CR or LF")
        return cls("\r\n".join(lines).encode("utf-8", "surrogateescape"), body)

    def get(self, name: str) -> str | None:
        """The first value of a header of this part; `name` is lower case and long."""
        for octets in _FOLDED_LINES.split(self.head):
            line = octets.decode("utf-8", "surrogateescape")
            raw, colon, _ = line.partition(":")
            if colon and canonical(raw) == name:
                return value_of(line)
        return None

    @property
    def content_type(self) -> str:
        """The Content-Type of this part; text/plain if it names none (RFC 2046 5.1)."""
        return self.get("content-type") or "text/plain"


def split_parts(content_type: str, body: bytes) -> list[Part]:
    """The parts of a multipart body. Raises MessageError (400) if it is none or malformed."""
    delimiter = b"--" + _boundary(content_type).encode("utf-8", "surrogateescape")
    parts: list[Part] = []
    start, last = _next_delimiter(body, delimiter, 0)
    while not last:
        following = body.find(b"\r\n" + delimiter, start - 2)
        while following >= 0 and not _is_delimiter(body, following + 2 + len(delimiter)):
            following = body.find(b"\r\n" + delimiter, following + 2)
        if following < 0:
            raise MessageError(400, "Bad Multipart: no closing delimiter")
        parts.append(_read_part(body[start:following] if following > start else b""))
        if len(parts) > limits.MULTIPART_PARTS:
            raise MessageError(400, "Bad Multipart: too many parts")
        start, last = _next_delimiter(body, delimiter, following + 2)
    return parts


def join_parts(parts: Sequence[Part], boundary: str) -> bytes:
    """A multipart body; its Content-Type must name this boundary.

    Raises UsageError if a part holds the boundary.
    """
    if _BOUNDARY.fullmatch(boundary) is None:
        raise UsageError(f"{boundary!r} cannot be a boundary (RFC 2046 5.1.1)")
    delimiter = b"--" + boundary.encode()
    out: list[bytes] = []
    for part in parts:
        if delimiter in part.body or delimiter in part.head:
            raise UsageError(f"a part holds the boundary {boundary!r}")
        head = part.head + b"\r\n" if part.head else b""
        out += [delimiter, b"\r\n", head, b"\r\n", part.body, b"\r\n"]
    return b"".join([*out, delimiter, b"--\r\n"])


def leaves(content_type: str, body: bytes, depth: int = 0) -> Iterator[Part]:
    """The parts that are not multipart themselves, in order, at any depth up to the limit.

    A body that is not multipart is its own single leaf. Raises MessageError (400).
    """
    if not content_type.lower().lstrip(" \t").startswith("multipart/"):
        yield Part.make(content_type, body)
        return
    if depth == limits.MULTIPART_DEPTH:
        raise MessageError(400, "Bad Multipart: too deep")
    for part in split_parts(content_type, body):
        if part.content_type.lower().startswith("multipart/"):
            yield from leaves(part.content_type, part.body, depth + 1)
        else:
            yield part


def _boundary(content_type: str) -> str:
    value = CONTENT_TYPE.read([content_type])
    boundary = value.parameters.text("boundary") if value else ""
    if value is None or not value.value.startswith("multipart/"):
        raise MessageError(400, "Bad Multipart: another Content-Type")
    if _BOUNDARY.fullmatch(boundary) is None:
        raise MessageError(400, "Bad Multipart: no usable boundary")
    return boundary


def _is_delimiter(body: bytes, end: int) -> bool:
    """True if nothing but the end mark or white space follows a boundary on its line."""
    if body.startswith(b"--", end):
        return True
    line_end = body.find(b"\r\n", end)
    return line_end >= 0 and not body[end:line_end].strip(b" \t")


def _next_delimiter(body: bytes, delimiter: bytes, start: int) -> tuple[int, bool]:
    """Where the part after the delimiter line at or after `start` begins, and whether it was the
    last."""
    place = (
        start if body.startswith(delimiter, start) else body.find(b"\r\n" + delimiter, start) + 2
    )
    if place < 2 and not body.startswith(delimiter):
        raise MessageError(400, "Bad Multipart: no delimiter")
    end = place + len(delimiter)
    if not _is_delimiter(body, end):
        raise MessageError(400, "Bad Multipart: bad delimiter")
    if body.startswith(b"--", end):
        return end + 2, True
    return body.find(b"\r\n", end) + 2, False


def _read_part(octets: bytes) -> Part:
    if octets.startswith(b"\r\n"):
        return Part(b"", octets[2:])
    head, separator, body = octets.partition(b"\r\n\r\n")
    if not separator:
        return Part(octets.removesuffix(b"\r\n"), b"")
    return Part(head, body)
