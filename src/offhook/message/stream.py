"""Messages out of a byte stream: framing by Content-Length, pipelining, keep-alives (RFC 3261 7.5,
18.3, RFC 5626 3.5.1).

The framer cuts octets; `parse` reads them. Both find line ends by the rule of `lines`. Each
octet is looked at a constant number of times, whatever the chunks are.
"""

from __future__ import annotations

import re
from enum import Enum

from offhook.errors import FramingError
from offhook.message import limits
from offhook.message.lines import has_stray_end, head_mark

__all__ = ["KeepAlive", "StreamFramer"]

_LENGTH = re.compile(  # spelt out: a search that ignores case has no literal start and is slow
    rb"\n(?:[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]|[Ll])[ \t]*:"
    rb"([^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*)"
)
_FOLD = re.compile(rb"\r?\n")
_CR, _LF, _SPACE, _DELETE = 13, 10, 32, 127


class KeepAlive(Enum):
    """A keep-alive between messages (RFC 5626 3.5.1).

    A lone CRLF is reported as a PONG at once; if another follows, the two are a PING as well.
    """

    PING = b"\r\n\r\n"
    PONG = b"\r\n"


class StreamFramer:
    """Cuts one connection's octets into messages.

    After a FramingError the stream cannot be followed: `completed` holds what the failing call had
    cut out before the fault, `head` the octets of the head at fault as far as they came, so that a
    400 can be sent before closing. `feed` must not be called again.
    """

    __slots__ = ("_body", "_buffer", "_end", "_mark", "_ponged", "_seen", "completed", "head")

    def __init__(self) -> None:
        self.head = b""
        self.completed: list[bytes | KeepAlive] = []
        self._buffer = bytearray()
        # offsets from the start of the message that has begun
        self._mark = b""  # what ends its head, b"" while unknown
        self._seen = 0  # octets in which no end of the head begins
        self._body = 0  # where its body starts, 0 while unknown
        self._end = 0  # where it ends
        self._ponged = False  # the last thing was a lone CRLF

    @property
    def incomplete(self) -> bool:
        """True while a message has begun and not ended. The owner closes a connection on which
        that lasts too long (RFC 3261 18.3)."""
        return len(self._buffer) > 0 and self._buffer != b"\r"

    def feed(self, data: bytes) -> list[bytes | KeepAlive]:
        """The messages and keep-alives that these octets complete, in order.

        Raises FramingError if the stream cannot be followed any more.
        """
        self._buffer += data
        done: list[bytes | KeepAlive] = []
        self.completed = done
        start = 0
        while start < len(self._buffer):
            following = self._step(start, done)
            if following == start:
                break
            start = following
        if start:
            del self._buffer[:start]
        return done

    def _step(self, start: int, done: list[bytes | KeepAlive]) -> int:
        """Cut one thing that begins at `start`; where the next begins, `start` if more is
        needed."""
        buffer = self._buffer
        if not self._seen and not _SPACE <= buffer[start] < _DELETE:
            following = self._line_end(start, done) if buffer[start] in (_CR, _LF) else -1
            if following >= 0:
                return following
            if buffer[start] != _CR:  # no SIP message begins so: TLS on a TCP port
                raise self._broken(start, start + 1, 400, "Not SIP")
        if not self._body and not self._read_head(start):
            return start
        if len(buffer) - start < self._end:
            return start
        following = start + self._end
        done.append(bytes(buffer[start:following]))
        self._mark = b""
        self._seen = self._body = self._end = 0
        self._ponged = False
        return following

    def _line_end(self, start: int, done: list[bytes | KeepAlive]) -> int:
        """Take a line end before a message (RFC 3261 7.5); where the next thing begins, `start` if
        the line end is not complete, -1 if it is none."""
        buffer = self._buffer
        if buffer[start] == _LF:
            return start + 1
        if len(buffer) == start + 1:
            return start
        if buffer[start + 1] != _LF:
            return -1
        if self._ponged or buffer.startswith(KeepAlive.PING.value, start):
            done.append(KeepAlive.PING)
            length = 2 if self._ponged else 4
            self._ponged = False
            return start + length
        done.append(KeepAlive.PONG)
        self._ponged = True
        return start + 2

    def _read_head(self, start: int) -> bool:
        """Find the end of the head and of the body; False if the head is not complete."""
        buffer = self._buffer
        size = len(buffer) - start
        if not self._mark:
            self._mark = head_mark(buffer, start, start + self._seen)
        end = -1
        if self._mark:
            end = buffer.find(self._mark, start + max(0, self._seen - len(self._mark)))
        if end < 0:
            self._seen = size
            if size > limits.STREAM_HEAD:
                raise self._broken(start, start + limits.STREAM_HEAD, 513, "Message Too Large")
            return False
        if end - start > limits.STREAM_HEAD:
            raise self._broken(start, start + limits.STREAM_HEAD, 513, "Message Too Large")
        self._body = end - start + len(self._mark)
        self._end = self._body + self._body_length(start, start + self._body)
        return True

    def _body_length(self, start: int, body: int) -> int:
        """Content-Length, 0 if absent (RFC 3261 18.3, 20.14)."""
        head = bytes(self._buffer[start : body - len(self._mark)])
        if has_stray_end(head):
            raise self._broken(start, body, 400, "Stray CR or LF")
        values = {_FOLD.sub(b" ", value).strip(b" \t") for value in _LENGTH.findall(head)}
        if not values:
            return 0
        if len(values) > 1:
            raise self._broken(start, body, 400, "Multiple Content-Length")  # RFC 4475 3.3.9
        digits = values.pop()
        if not digits.isdigit():  # of bytes: ASCII digits alone
            raise self._broken(start, body, 400, "Bad Content-Length")
        if len(digits) > 20 or int(digits) > limits.BODY:
            raise self._broken(start, body, 413, "Request Entity Too Large")
        return int(digits)

    def _broken(self, start: int, end: int, status: int, reason: str) -> FramingError:
        self.head = bytes(self._buffer[start:end])
        return FramingError(status, reason)
