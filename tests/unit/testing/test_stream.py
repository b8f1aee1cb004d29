"""Virtual connections: order, pieces, closing, what does not get through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from offhook.testing.loop import run_virtual
from offhook.testing.nat import NatBox
from offhook.testing.stream import SEGMENT, Stream
from offhook.testing.wire import Link, Wire
from offhook.transport.flow import Flow, Listener

NEAR, FAR = ("192.0.2.1", 40_000), ("192.0.2.2", 5060)


class User:
    """Keeps what one end gets."""

    def __init__(self, wire: Wire) -> None:
        self.data = b""
        self.pieces = 0
        self.lost: list[tuple[float, str]] = []
        self._wire = wire

    def stream_received(self, flow: Flow, data: bytes) -> None:
        self.data += data
        self.pieces += 1

    def stream_lost(self, flow: Flow, reason: str) -> None:
        self.lost.append((round(self._wire.loop.time(), 2), reason))


def play(
    story: Callable[[Wire, Stream, User, User], Awaitable[None]], *, loss: float = 0.0
) -> None:
    """One open connection."""

    async def main() -> None:
        wire = Wire(seed=3, link=Link(loss=loss, delay=(0.01, 0.05)))
        wire.add_box(NatBox("home", "203.0.113.1"))
        stream = wire.connect("home", "TCP", NEAR, FAR)
        near, far = User(wire), User(wire)
        listener = Listener("p", "TCP", FAR[0], FAR[1])
        stream.near.begin(near, Flow(listener, NEAR, FAR, "c1"))
        stream.far.begin(far, Flow(listener, FAR, stream.seen, "c1"))
        await story(wire, stream, near, far)

    run_virtual(main())


def test_octets_arrive_in_order_whatever_is_lost() -> None:
    async def story(_wire: Wire, stream: Stream, near: User, far: User) -> None:
        sent = b"".join(bytes([number]) * 700 for number in range(30))
        for start in range(0, len(sent), 700):
            stream.near.send(sent[start : start + 700])
        stream.far.send(b"y" * (3 * SEGMENT))
        await asyncio.sleep(60)
        assert far.data == sent
        assert near.pieces == 3

    play(story, loss=0.3)


def test_the_other_end_hears_of_a_close_after_the_data() -> None:
    async def story(_wire: Wire, stream: Stream, near: User, far: User) -> None:
        stream.near.send(b"last words")
        stream.near.close("done")
        stream.near.close("again")
        stream.near.send(b"too late")
        await asyncio.sleep(1)
        assert far.data == b"last words"
        assert [reason for _, reason in near.lost] == ["done"]
        assert [reason for _, reason in far.lost] == ["closed by the peer"]
        assert stream.near.flow is stream.far.flow is None

    play(story)


def test_silence_that_ends_costs_nothing_but_time() -> None:
    async def story(wire: Wire, stream: Stream, _near: User, far: User) -> None:
        wire.silence(FAR[0])
        stream.near.send(b"a")
        await asyncio.sleep(10)
        stream.near.send(b"b")
        wire.wake(FAR[0])
        await asyncio.sleep(2)
        assert far.data == b"ab"

    play(story)


def test_silence_that_lasts_ends_the_connection() -> None:
    async def story(wire: Wire, stream: Stream, near: User, far: User) -> None:
        wire.silence(FAR[0])
        stream.near.send(b"a")
        await asyncio.sleep(60)
        assert near.lost == [(32.0, "timed out")]
        assert far.lost == []

    play(story)


def test_a_box_that_forgets_cuts_its_connections() -> None:
    async def story(wire: Wire, stream: Stream, near: User, far: User) -> None:
        assert wire.passes(stream)
        assert stream.box is not None
        stream.box.forget()
        assert stream.cut
        stream.far.send(b"a")
        stream.near.close("done")
        await asyncio.sleep(60)
        assert [reason for _, reason in far.lost] == ["timed out"]
        assert near.data == b""

    play(story)


def test_a_websocket_message_arrives_whole() -> None:
    async def main() -> None:
        wire = Wire(seed=3, link=Link(delay=(0.01, 0.05)))
        stream = wire.connect("", "WS", NEAR, FAR)
        near, far = User(wire), User(wire)
        listener = Listener("p", "WS", FAR[0], FAR[1])
        stream.near.begin(near, Flow(listener, NEAR, FAR, "c1"))
        stream.far.begin(far, Flow(listener, FAR, stream.seen, "c1"))
        for letter in (b"a", b"b"):
            stream.near.send(letter * (3 * SEGMENT))
        await asyncio.sleep(1)
        assert far.pieces == 2
        assert far.data == b"a" * (3 * SEGMENT) + b"b" * (3 * SEGMENT)

    run_virtual(main())
