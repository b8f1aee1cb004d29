"""Where a head ends and where its lines end: the one rule that framing and parsing share (RFC 3261
7, 7.3.1).

Lines end in CRLF. One tolerance: if the very first line ends in a bare LF, all lines of that head
do. VT, FF, NEL, U+2028 and NUL never end a line, and neither does a lone CR or LF inside a CRLF
head: such a head is malformed, so that no header can be smuggled past an element that sees lines
differently.
"""

from __future__ import annotations

__all__ = ["has_stray_end", "head_mark", "split_head", "unfold", "value_of"]

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


def has_stray_end(head: bytes) -> bool:
    """True if a CR or LF in this head is not part of a line end."""
    if head_mark(head) == LF_END:
        return b"\r" in head
    rest = head.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest


def split_head(data: bytes) -> tuple[list[str], int, str]:
    """The lines of a head (the start line first, folded lines still apart), where the body begins,
    and what is wrong with the line ends ("" if nothing). A stray CR or LF becomes a space."""
    end = data.find(CRLF_END)
    if end >= 0:
        lines = data[:end].decode("utf-8", "surrogateescape").split("\r\n")
        rest = "".join(lines)
        if "\n" not in rest and "\r" not in rest:
            return lines, end + 4, ""
    return _split_unusual(data)


def _split_unusual(data: bytes) -> tuple[list[str], int, str]:
    """As `split_head`, for a head with bare LF, with stray ends or without an empty line."""
    fault = ""
    mark = head_mark(data)
    end = data.find(mark) if mark else -1
    if end < 0:
        fault = "Missing Empty Line"
        head = data.decode("utf-8", "surrogateescape").rstrip("\r\n")
        end = len(data)
    else:
        head = data[:end].decode("utf-8", "surrogateescape")
        end += len(mark)
    if mark is LF_END:
        head = head.replace("\n", "\r\n")
    lines = head.split("\r\n")
    rest = "".join(lines)
    if "\n" in rest or "\r" in rest:
        fault = "Stray CR or LF"
        lines = [line.replace("\r", " ").replace("\n", " ") for line in lines]
    return lines, end, fault


def unfold(line: str) -> str:
    """One line from a folded one: each fold is a single space (RFC 3261 7.3.1)."""
    return " ".join([part.strip(" \t") for part in line.split("\r\n")]) if "\r\n" in line else line


def value_of(line: str) -> str:
    """The value of a raw header line, trimmed and unfolded."""
    return unfold(line.partition(":")[2]).strip(" \t")
