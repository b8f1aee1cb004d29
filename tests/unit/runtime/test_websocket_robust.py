"""Whatever a peer sends costs that peer at most: no exception, bounded memory, an end that is told
once.
"""

from __future__ import annotations

import asyncio
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.runtime.complaints import Complaints
from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from offhook.runtime.origins import Origins
from offhook.runtime.tcp import Stream
from offhook.runtime.websocket import MESSAGE, WebSocketStream
from offhook.testing.loop import run_virtual
from offhook.transport.flow import Flow, Listener
from tests.unit.runtime.loopback import Recorder
from tests.unit.runtime.web_client import HEAD

PLACE = Listener("p", "WS", "192.0.2.1", 80)


class Transport:
    """Keeps what is written; nothing may be written once it is closed."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self.half_closed = False

    def set_write_buffer_limits(self, *, high: int) -> None:
        """Of no interest."""

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: bytes) -> None:
        assert not self.closed
        assert not self.half_closed
        self.written.append(data)

    def write_eof(self) -> None:
        self.half_closed = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Meeting:
    """A stream, its transport, and what became of it."""

    def __init__(self) -> None:
        self.sink = Recorder()
        self.transport = Transport()
        self.ends = 0
        self.stream = WebSocketStream(
            self.sink,
            Limits(),
            Counters(),
            origins=Origins(),
            complaints=Complaints(asyncio.get_running_loop().time),
        )
        self.stream.watch(self._stood, self._lost)
        self.stream.connection_made(cast("asyncio.Transport", self.transport))

    def _stood(self, stream: Stream) -> None:
        stream.flow = Flow(PLACE, ("192.0.2.1", 80), ("198.51.100.1", 40_000), "c1")

    def _lost(self, stream: Stream) -> None:
        stream.flow = None
        self.ends += 1

    def receive(self, data: bytes) -> None:
        """As a loop does: nothing comes once the transport is closed."""
        if not self.transport.closed:
            self.stream.data_received(data)

    def play(self, data: bytes, cuts: list[int]) -> None:
        """All of `data`, in pieces, then the end."""
        start = 0
        for cut in [*sorted(cuts), len(data)]:
            if cut > start:
                self.receive(data[start:cut])
                self.stream.send(b"SIP/2.0 200 OK\r\n\r\n")
                start = cut
        for _, message in self.sink.received:
            assert len(message) <= MESSAGE
        self.stream.close("test")
        self.stream.eof_received()
        self.stream.connection_lost(None)
        assert self.ends == 1
        assert self.stream.closing


def play(data: bytes, cuts: list[int]) -> None:
    async def story() -> None:
        Meeting().play(data, cuts)

    run_virtual(story())


def frame(first: int, data: bytes, masked: bool) -> bytes:
    """A frame with any opcode and bits; a mask of zeros changes nothing."""
    mask = bytes(4) if masked else b""
    return bytes([first, masked << 7 | len(data)]) + mask + data


frames = st.builds(
    frame,
    st.sampled_from([0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A]) | st.integers(0, 255),
    st.binary(max_size=125) | st.text(max_size=30).map(str.encode),
    st.sampled_from([True, True, True, False]),
)
cuts = st.lists(st.integers(0, 1500), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600), cuts)
def test_any_octets_instead_of_a_handshake(data: bytes, where: list[int]) -> None:
    play(data, where)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(HEAD) - 1), st.binary(max_size=20), cuts)
def test_a_handshake_with_some_octets_replaced(at: int, data: bytes, where: list[int]) -> None:
    play(HEAD[:at] + data + HEAD[at + len(data) :], where)


@settings(max_examples=300, deadline=None)
@given(st.lists(frames | st.binary(max_size=40) | st.just(b"\x88\x80mask"), max_size=8), cuts)
def test_any_frames_behind_a_handshake(parts: list[bytes], where: list[int]) -> None:
    play(HEAD + b"".join(parts), [len(HEAD), *[len(HEAD) + cut for cut in where]])
