"""Multipart bodies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import MessageError, UsageError
from offhook.message import limits
from offhook.message.multipart import Part, join_parts, leaves, split_parts

MIXED = 'multipart/mixed;boundary="b 1"'


def test_split() -> None:
    body = (
        b"preamble\r\n--b 1 \t\r\nContent-Type: text/plain\r\nX-A:\r\n folded\r\n\r\n"
        b"Hello\r\n--b 11\r\n"
        b"\r\n--b 1\r\n\r\n\x00\r\n\xff\r\n--b 1\r\nContent-Type: a/b\r\n\r\n--b 1--\r\nepilogue"
    )
    parts = split_parts(MIXED, body)
    assert [part.body for part in parts] == [b"Hello\r\n--b 11\r\n", b"\x00\r\n\xff", b""]
    assert [part.content_type for part in parts] == ["text/plain", "text/plain", "a/b"]
    assert parts[0].get("x-a") == "folded"
    assert parts[0].get("y-b") is None


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_there_and_back(bodies: list[bytes]) -> None:
    parts = [Part.make("application/octet-stream", body) for body in bodies]
    try:
        joined = join_parts(parts, "0f")
    except UsageError:
        assert any(b"--0f" in body for body in bodies)
        return
    assert split_parts("Multipart/Mixed; Boundary=0f", joined) == parts


def test_empty_parts_and_heads() -> None:
    parts = [Part(b"", b""), Part(b"A: b", b""), Part(b"", b"x")]
    assert split_parts("multipart/mixed;boundary=z", join_parts(parts, "z")) == parts


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain;boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/mixed", b"--b\r\n\r\nx\r\n--b--"),
        ('multipart/mixed;boundary=""', b"--\r\n\r\nx\r\n----"),
        ("multipart/mixed;boundary=" + "b" * 71, b""),
        ("multipart/mixed;boundary=b", b""),
        ("multipart/mixed;boundary=b", b"no delimiter"),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\nnever closed"),
        ("multipart/mixed;boundary=b", b"--bb\r\n\r\nx\r\n--bb--"),
        ("multipart/mixed;boundary=b", b"--b"),
        (
            "multipart/mixed;boundary=b",
            b"--b\r\n\r\n\r\n" * (limits.MULTIPART_PARTS + 2) + b"--b--",
        ),
        ("not a type", b""),
    ],
)
def test_malformed(content_type: str, body: bytes) -> None:
    with pytest.raises(MessageError):
        split_parts(content_type, body)


def nested(depth: int) -> tuple[str, bytes]:
    content_type, body = "text/plain", b"core"
    for level in range(depth):
        body = join_parts([Part.make(content_type, body)], f"L{level}x")
        content_type = f"multipart/mixed;boundary=L{level}x"
    return content_type, body


def test_leaves_to_the_limit() -> None:
    content_type, body = nested(limits.MULTIPART_DEPTH)
    assert [part.body for part in leaves(content_type, body)] == [b"core"]
    content_type, body = nested(limits.MULTIPART_DEPTH + 1)
    with pytest.raises(MessageError, match="too deep"):
        list(leaves(content_type, body))


def test_a_plain_body_is_its_own_leaf() -> None:
    (leaf,) = leaves("application/sdp", b"v=0")
    assert (leaf.content_type, leaf.body) == ("application/sdp", b"v=0")


def test_what_cannot_be_written() -> None:
    with pytest.raises(UsageError):
        join_parts([], "bad\r\nboundary")
    with pytest.raises(UsageError):
        Part.make("a/b\r\nX: y", b"")
