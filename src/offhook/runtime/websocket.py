"""One WebSocket client on a connection over TCP or TLS: handshake, frames, pings, closing (RFC
6455, RFC 7118).

Frames are read and written by the library `websockets`, without its input and output; the socket,
its limits and its deadlines are those of `tcp.Stream`. The sink gets whole messages. Nobody is
connected to: browsers are clients only.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from offhook.message.limits import BODY, STREAM_HEAD
from offhook.runtime.complaints import Complaints
from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from offhook.runtime.network import Sink
from offhook.runtime.origins import Origins
from offhook.runtime.tcp import Stream
from offhook.runtime.websocket_handshake import Refusal, quiet, refuse, shake

__all__ = ["WebSocketStream"]

MESSAGE = STREAM_HEAD + len(b"\r\n\r\n") + BODY  # octets of a message: as on any stream
HEAD_END = b"\r\n\r\n"
LONGEST_REASON = 123  # octets of a close frame's reason (RFC 6455 5.5)


class WebSocketStream(Stream):
    """`flow` is None until the handshake is done. `_protocol` is there from then on: it begins with
    frames, so that nothing of the HTTP head (cookies, 16 kB) stays in memory.
    """

    __slots__ = (
        "_begun",
        "_binary",
        "_complaints",
        "_deadline",
        "_head",
        "_message",
        "_origins",
        "_pinged",
        "_protocol",
    )
    _protocol: ServerProtocol

    def __init__(
        self,
        sink: Sink,
        limits: Limits,
        counters: Counters,
        *,
        origins: Origins,
        complaints: Complaints,
    ) -> None:
        super().__init__(sink, limits, counters)
        self._origins = origins
        self._complaints = complaints
        self._head = bytearray()
        self._deadline: asyncio.TimerHandle | None = None
        self._message: bytearray | None = None  # fragments of one that has not ended
        self._binary = False  # the kind of the peer's last message, and so of ours
        self._begun = 0.0  # when a message began that has not ended, 0.0 if there is none
        self._pinged = 0.0  # when the ping was sent whose pong is awaited

    # Stream ---------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.take(transport)
        deadline = self._limits.handshake_deadline
        self._deadline = self._loop.call_later(deadline, self._too_late)

    def data_received(self, data: bytes) -> None:
        self._counters.stream_bytes_in += len(data)
        self.heard = self._loop.time()
        if self.flow is not None:
            self._frames(data)
        elif not self.closing:
            self._handshake(data)

    def send(self, data: bytes) -> None:
        """Send one message, of the kind that the peer sends, or queue it."""
        if self.closing or self.flow is None or self._protocol.state is not State.OPEN:
            return
        self.answered = True
        if self._binary or not _is_text(data):  # RFC 7118 4.2: what is not UTF-8 must be binary
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        self._write()

    def close(self, why: str) -> None:
        """Send what is queued and a close frame, wait for the peer's; cut off at the deadline."""
        if self.closing or self.transport is None:
            return
        self._finish(why)
        if self.flow is None:
            self.transport.close()
            return
        if self._protocol.state is not State.OPEN:
            return  # the peer closes too: `_frames` answers it once its last messages are taken
        self._protocol.send_close(CloseCode.GOING_AWAY, why[:LONGEST_REASON])
        self._write()

    def connection_lost(self, error: Exception | None) -> None:
        self._disarm()
        super().connection_lost(error)

    def overdue(self, now: float) -> str:
        """Half a message and missing pongs end a connection too; here pings are sent (RFC 6455
        5.5.2)."""
        why = super().overdue(now)
        if why or self.flow is None:
            return why
        limits = self._limits
        if self._begun and now - self._begun > limits.first_answer_deadline:
            return f"half a message for {limits.first_answer_deadline:.0f} s"
        if self._pinged > self.heard:
            waited = now - self._pinged > limits.ping_interval
            return f"no pong within {limits.ping_interval:.0f} s" if waited else ""
        if now - self.heard > limits.ping_interval:
            self._pinged = now
            self._protocol.send_ping(b"")
            self._write()
        return ""

    # handshake ------------------------------------------------------------------------------------
    def _handshake(self, data: bytes) -> None:
        head = self._head
        head += data
        end = head.find(HEAD_END) + len(HEAD_END)
        if end < len(HEAD_END):
            if len(head) > self._limits.handshake_head:
                self._refuse_early(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HTTP head too large"
                )
            elif not head[:1].isalpha():
                self._refuse_early(HTTPStatus.BAD_REQUEST, "not an HTTP request")
            return
        self._disarm()
        if end > self._limits.handshake_head:
            self._refuse_early(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HTTP head too large")
            return
        if end < len(head):  # RFC 6455 4.1: a client waits for the answer
            self._refuse_early(HTTPStatus.BAD_REQUEST, "data behind the HTTP head")
            return
        answer = shake(bytes(head), self._origins)
        self._head = bytearray()
        if isinstance(answer, Refusal):
            self._refuse(answer)
            return
        assert self.transport is not None
        self.transport.write(answer)
        self._protocol = ServerProtocol(state=State.OPEN, max_size=MESSAGE, logger=quiet)
        self.answered = True  # by the 101: a page may wait for its user before it registers
        self.stand()

    def _too_late(self) -> None:
        seconds = self._limits.handshake_deadline
        self._refuse_early(HTTPStatus.REQUEST_TIMEOUT, f"no handshake within {seconds:.0f} s")

    def _refuse_early(self, status: HTTPStatus, why: str) -> None:
        self._refuse(refuse(status, why))

    def _refuse(self, refusal: Refusal) -> None:
        counters, transport = self._counters, self.transport
        setattr(counters, refusal.counter, getattr(counters, refusal.counter) + 1)
        what = {"source": self.host, "reason": refusal.why}
        if refusal.origin:
            what["origin"] = refusal.origin
            what["advice"] = "add it to websocket.origins if it is yours"
        self._complaints.tell("websocket_refused", **what)
        self._disarm()
        self._finish(refusal.why)
        if transport is not None:
            transport.write(refusal.response)
            transport.close()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # frames ---------------------------------------------------------------------------------------
    def _frames(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        received = False
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in _DATA and not self.closing:
                received |= self._frame(event)
        self._write()
        if protocol.state is not State.OPEN and not self.closing:
            self._ended_by_peer()
        partial = self._message is not None or len(protocol.reader.buffer) > 0
        if received or not partial:
            self._begun = 0.0
        if partial and not self._begun:
            self._begun = self.heard
        if received:
            self._sink.flush()

    def _frame(self, frame: Frame) -> bool:
        """Take one data frame; True if it ended a message, which the sink has now."""
        if frame.opcode is not Opcode.CONT:
            self._binary = frame.opcode is Opcode.BINARY
        if self._message is not None:
            self._message += frame.data
        elif not frame.fin:
            self._message = bytearray(frame.data)
        if not frame.fin:
            return False
        whole = bytes(frame.data if self._message is None else self._message)
        self._message = None
        if not self._binary and not _is_text(whole):  # RFC 6455 8.1
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            return False
        if self.flow is not None:
            self._sink.receive(self.flow, whole)
        return True

    def _ended_by_peer(self) -> None:
        """The peer has closed, or broke a rule and was told so by a close frame."""
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        if received is not None or sent is None:
            self._finish("closed by the peer")
            return
        counters = self._counters
        if sent.code == CloseCode.MESSAGE_TOO_BIG:
            counters.websocket_oversize += 1
            why = f"message larger than {MESSAGE} bytes"
        else:
            counters.websocket_violations += 1
            why = f"WebSocket rule broken: {sent.reason}"
        self._complaints.tell("websocket_closed", source=self.host, code=int(sent.code), reason=why)
        self._finish(why)

    def _write(self) -> None:
        transport = self.transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                self._counters.stream_bytes_out += len(data)
                transport.write(data)
            elif self._protocol.close_rcvd is not None:
                transport.close()
            elif transport.can_write_eof():
                # what the peer still sends is read: a reset would destroy the close frame
                transport.write_eof()


_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
