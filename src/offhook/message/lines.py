"""Where a head ends and where its lines end: the one rule that framing and parsing share (RFC 3261
7, 7.3.1).

Lines end in CRLF. One tolerance: if the very first line ends in a bare LF, all lines of that head
do. VT, FF, NEL, U+2028 and NUL never end a line, and neither does a lone CR or LF inside a CRLF
head: such a head is malformed, so that no header can be smuggled past an element that sees lines
differently.
"""

from __future__ import annotations

__all__ = ["find_head_end", "has_stray_end", "head_mark", "header_lines", "unfold", "value_of"]

CRLF_END = b"\r\n\r\n"
LF_END = b"\n\n"


def head_mark(data: bytes | bytearray, start: int = 0, seen: int = 0) -> bytes:
    """What ends the head that begins at `start`, b"" while its first line is not complete.

    `seen` is how far an earlier call has looked without finding the end of the first line.
    """
    first = data.find(b"\n", max(start, seen))
    if first < 0:
        return b""
    return CRLF_END if first > start and data[first - 1] == 13 else LF_END


def find_head_end(data: bytes) -> tuple[int, int]:
    """Offsets of the end of the head and of the start of the body, (-1, -1) if there is no end."""
    mark = head_mark(data)
    end = data.find(mark) if mark else -1
    return (-1, -1) if end < 0 else (end, end + len(mark))


def has_stray_end(head: bytes) -> bool:
    """True if a CR or LF in this head is not part of a line end."""
    if head_mark(head) == LF_END:
        return b"\r" in head
    return not head.count(b"\r") == head.count(b"\n") == head.count(b"\r\n")


def header_lines(head: str) -> tuple[list[str], bool]:
    """The lines of a head, folded lines still apart, and whether it has a stray CR or LF (which a
    space then replaces)."""
    first = head.find("\n")
    if first >= 0 and head[first - 1 : first] != "\r":
        head = head.replace("\n", "\r\n")
    lines = head.split("\r\n")
    ends = len(lines) - 1
    if head.count("\r") == ends == head.count("\n"):
        return lines, False
    return [line.replace("\r", " ").replace("\n", " ") for line in lines], True


def unfold(line: str) -> str:
    """One line from a folded one: each fold is a single space (RFC 3261 7.3.1)."""
    return " ".join([part.strip(" \t") for part in line.split("\r\n")]) if "\r\n" in line else line


def value_of(line: str) -> str:
    """The value of a raw header line, trimmed and unfolded."""
    return unfold(line.partition(":")[2]).strip(" \t")
