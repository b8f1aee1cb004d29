"""The rule of line ends, alone."""

from __future__ import annotations

import pytest

from offhook.message.lines import has_stray_end, head_mark, split_head, unfold, value_of


@pytest.mark.parametrize(
    ("data", "start", "mark"),
    [
        (b"", 0, b""),
        (b"INVITE", 0, b""),
        (b"A\r\nB\n\n", 0, b"\r\n\r\n"),
        (b"A\nB\r\n\r\n", 0, b"\n\n"),
        (b"\nA", 0, b"\n\n"),
        (b"x\r\nA\nB", 3, b"\n\n"),
    ],
)
def test_the_first_line_decides(data: bytes, start: int, mark: bytes) -> None:
    assert head_mark(data, start) == mark


@pytest.mark.rfc("3261", "7")
def test_split_head() -> None:
    assert split_head(b"A\r\nB: c\r\n\r\nbody\r\n\r\n") == (["A", "B: c"], 11, "")
    assert split_head(b"A\nB: c\n\nbody") == (["A", "B: c"], 8, "")
    assert split_head(b"A\r\nB: c\r\n") == (["A", "B: c"], 9, "Missing Empty Line")
    assert split_head(b"A\r\nB: \xff\r\n\r\n") == (["A", "B: \udcff"], 11, "")


@pytest.mark.parametrize("head", [b"A\r\nB\nC", b"A\r\nB\rC", b"A\nB\r\nC", b"A\r\nB\r\r\nC"])
def test_stray_ends(head: bytes) -> None:
    assert has_stray_end(head)
    lines, _, fault = split_head(head + (b"\r\n\r\n" if head[1:2] == b"\r" else b"\n\n"))
    assert fault == "Stray CR or LF"
    assert not any("\r" in line or "\n" in line for line in lines)


@pytest.mark.parametrize(
    "head", [b"A\r\nB\r\n C", b"A\nB\n C", b"A", b"A\r\nB\x0b\x0c\xc2\x85\xe2\x80\xa8"]
)
def test_no_stray_ends(head: bytes) -> None:
    assert not has_stray_end(head)


@pytest.mark.rfc("3261", "7.3.1")
def test_unfold() -> None:
    assert unfold("a \r\n\t b\r\n c") == "a b c"
    assert unfold("a  b") == "a  b"
    assert value_of("Subject :  a\r\n b  ") == "a b"
    assert value_of("Subject:") == ""
