"""Stream framing: any chunking, keep-alives, faults that close."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import FramingError
from offhook.message import limits, parse
from offhook.message.stream import KeepAlive, StreamFramer
from tests.unit.message.builders import request, response

ONE = request(body=b"v=0\r\n\r\nINVITE sip:x SIP/2.0\r\n\r\n")
TWO = response()
BARE = ONE.replace(b"\r\n", b"\n", ONE[: ONE.index(b"\r\n\r\n") + 4].count(b"\r\n"))
STREAM = b"\r\n\r\n" + ONE + TWO + b"\r\n" + BARE + b"\r\n\r\n\r\n\r\n" + TWO


def messages(items: list[bytes | KeepAlive]) -> list[bytes]:
    return [item for item in items if isinstance(item, bytes)]


def test_pipelined_messages_in_one_chunk() -> None:
    framer = StreamFramer()
    assert framer.feed(STREAM) == [
        KeepAlive.PING,
        ONE,
        TWO,
        KeepAlive.PONG,
        BARE,
        KeepAlive.PING,
        KeepAlive.PING,
        TWO,
    ]
    assert not framer.incomplete


@settings(deadline=None)
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=30, unique=True))
def test_any_chunking_gives_the_same_messages(cuts: list[int]) -> None:
    framer = StreamFramer()
    items: list[bytes | KeepAlive] = []
    edges = [0, *sorted(cuts), len(STREAM)]
    for begin, end in pairwise(edges):
        items += framer.feed(STREAM[begin:end])
    assert messages(items) == [ONE, TWO, BARE, TWO]
    assert items.count(KeepAlive.PING) == 3


def test_one_octet_at_a_time() -> None:
    framer = StreamFramer()
    items: list[bytes | KeepAlive] = []
    for octet in STREAM:
        items += framer.feed(bytes([octet]))
    assert messages(items) == [ONE, TWO, BARE, TWO]
    assert items.count(KeepAlive.PING) == 3


@pytest.mark.rfc("5626", "3.5.1")
def test_a_lone_crlf_is_a_pong_at_once() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r") == []
    assert not framer.incomplete
    assert framer.feed(b"\n") == [KeepAlive.PONG]
    assert framer.feed(b"\r\n") == [KeepAlive.PING]
    assert framer.feed(b"\n") == []


def test_incomplete() -> None:
    framer = StreamFramer()
    assert not framer.incomplete
    assert framer.feed(ONE[:-1]) == []
    assert framer.incomplete
    assert framer.feed(ONE[-1:]) == [ONE]
    assert not framer.incomplete


@pytest.mark.rfc("3261", "20.14")
def test_no_content_length_is_no_body() -> None:
    without = TWO.replace(b"Content-Length: 0\r\n", b"")
    assert StreamFramer().feed(without + ONE) == [without, ONE]


@pytest.mark.parametrize(
    "line", [b"l:5", b"L : 5", b"CONTENT-LENGTH\t:\r\n 5", b"content-length: 0005"]
)
def test_spellings_of_content_length(line: bytes) -> None:
    data = TWO.replace(b"Content-Length: 0", line) + b"12345"
    (item,) = StreamFramer().feed(data)
    assert isinstance(item, bytes)
    assert parse(item).body == b"12345"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Content-Length: -999", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: 5 5", 400),
        (b"Content-Length:", 400),
        (b"Content-Length: \xd9\xa5", 400),
        (b"Content-Length: 5\r\nl: 6", 400),
        (b"X: y\nContent-Length: 5", 400),
        (b"X: y\rContent-Length: 5", 400),
        (b"Content-Length: 99999999999999999999999999", 413),
        (f"Content-Length: {limits.BODY + 1}".encode(), 413),
    ],
)
@pytest.mark.rfc("3261", "18.3")
def test_faults_end_the_stream(line: bytes, status: int) -> None:
    framer = StreamFramer()
    bad = TWO.replace(b"Content-Length: 0", line)
    with pytest.raises(FramingError) as caught:
        framer.feed(ONE + bad + b"more")
    assert caught.value.status == status
    assert framer.completed == [ONE]
    assert framer.head == bad
    assert parse(framer.head).reply(status, caught.value.reason).startswith(b"SIP/2.0 4")


def test_equal_content_lengths_frame_and_are_left_to_validation() -> None:
    data = TWO.replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 00")
    with pytest.raises(FramingError):
        StreamFramer().feed(data)
    data = TWO.replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 0")
    assert StreamFramer().feed(data) == [data]


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_an_endless_head(end: bytes) -> None:
    framer = StreamFramer()
    with pytest.raises(FramingError) as caught:
        framer.feed(TWO[:-4] + b"\r\nX: " + b"y" * limits.STREAM_HEAD + end)
    assert caught.value.status == 513
    assert len(framer.head) == limits.STREAM_HEAD


@pytest.mark.timeout(20)  # a quadratic walk needs minutes
def test_linear_time_one_octet_at_a_time() -> None:
    data = (
        TWO.replace(b"Content-Length: 0", b"X: " + b"y" * 30_000 + b"\r\nl: 60000") + b"z" * 60_000
    )
    framer = StreamFramer()
    items = [item for octet in data for item in framer.feed(bytes([octet]))]
    assert items == [data]


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_noise_is_framed_or_refused(noise: bytes, size: int) -> None:
    framer = StreamFramer()
    try:
        for place in range(0, len(noise), size):
            framer.feed(noise[place : place + size])
    except FramingError:
        assert framer.head


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02", b"\x80\x2e", b"\x00\x01", b"\xff", b"\x7f"])
@pytest.mark.parametrize("before", [b"", b"\r\n\r\n"])
def test_other_protocols_are_told_by_their_first_octet(first: bytes, before: bytes) -> None:
    """A TLS client on the TCP port need not wait until its message would have had to end."""
    framer = StreamFramer()
    if before:
        framer.feed(before)
    with pytest.raises(FramingError) as caught:
        framer.feed(first)
    assert (caught.value.status, caught.value.reason) == (400, "Not SIP")
