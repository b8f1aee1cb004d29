"""Connections as the engine sees them: a framer each, keep-alives, patience with half a message
(RFC 3261 18.3, RFC 5626 3.5.1).

A WebSocket message is one message of SIP (RFC 7118 5): nothing is cut there, and the network has
put its fragments together.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.engine.actions import Close, Send
from offhook.engine.parts import Parts
from offhook.errors import FramingError, MessageError
from offhook.message.limits import STREAM_HEAD
from offhook.message.parse import parse
from offhook.message.stream import KeepAlive, StreamFramer
from offhook.transport.flow import Flow

__all__ = ["PATIENCE", "Streams"]

PATIENCE = 32.0  # seconds (64*T1) in which a message that has begun must end
PONG = b"\r\n"


class _Stream:
    """One connection."""

    __slots__ = ("completed", "flow", "framer", "parts", "watched")

    def __init__(self, flow: Flow, parts: Parts) -> None:
        self.flow = flow
        self.parts = parts
        self.framer = StreamFramer()
        self.completed = 0  # messages so far
        self.watched = -1  # the value of `completed` that a timer is set for

    def fire(self, letter: int, _now: float) -> None:
        """The message that had begun at the time of the timer has to be there by now."""
        if self.framer.incomplete and letter == self.completed and self.parts.ways.alive(self.flow):
            self.parts.actions.append(Close(self.flow))


@dataclass(frozen=True, slots=True)
class Broken:
    """A stream that cannot be followed: what its last message may be answered with."""

    head: bytes
    error: MessageError


class Streams:
    """All connections of an engine."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._streams: dict[str, _Stream] = {}

    def feed(self, flow: Flow, data: bytes, now: float) -> tuple[list[bytes], Broken | None]:
        """The messages that these octets complete; pings are answered here."""
        if flow.framed:
            return self._whole(flow, data)
        stream = self._of(flow)
        broken = None
        try:
            found = stream.framer.feed(data)
        except FramingError as error:
            found = stream.framer.completed
            broken = Broken(bytes(stream.framer.head), error)
        messages: list[bytes] = []
        for each in found:
            if not isinstance(each, KeepAlive):
                messages.append(each)
            elif each is KeepAlive.PING:
                self._parts.actions.append(Send(flow, PONG))
        stream.completed += len(messages)
        if stream.watched != stream.completed and stream.framer.incomplete:
            stream.watched = stream.completed
            self._parts.timers.start(PATIENCE, now, stream, stream.completed)
        return messages, broken

    def _whole(self, flow: Flow, data: bytes) -> tuple[list[bytes], Broken | None]:
        """One message or one keep-alive (RFC 7118 5, 6)."""
        message = data.lstrip(b"\r\n")
        if not message:
            if data == KeepAlive.PING.value:
                self._parts.actions.append(Send(flow, PONG))
            return [], None
        if len(message) > STREAM_HEAD and message.find(b"\r\n\r\n", 0, STREAM_HEAD + 4) < 0:
            error = FramingError(513, "Message Too Large")
            return [], Broken(message[:STREAM_HEAD], error)
        return [message], None

    def lose(self, flow: Flow) -> None:
        """The connection is gone."""
        self._streams.pop(flow.name, None)

    def _of(self, flow: Flow) -> _Stream:
        stream = self._streams.get(flow.name)
        if stream is None:
            stream = self._streams[flow.name] = _Stream(flow, self._parts)
        return stream


def answer_broken(broken: Broken) -> bytes | None:
    """The 400 for a message that ends a stream, if enough of it is there."""
    try:
        message = parse(broken.head)
    except MessageError:
        return None
    if not message.is_request or message.method == "ACK" or message.get("via") is None:
        return None
    return message.reply(broken.error.status, broken.error.reason, to_tag="broken")
