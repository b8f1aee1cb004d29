"""One connection, over TCP or over TLS on TCP: bytes up, bytes down, and the reason for its end
(RFC 3261 18.3).

Works on uvloop and on the stock loop. Who may connect is decided in `accept`, where we connect to
in `connect`; the book of the open connections is `connections`. Messages are found in the bytes by
the engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from offhook.runtime.network import Sink
from offhook.runtime.reasons import reason
from offhook.transport.flow import Flow

__all__ = ["Stream"]


class Stream(asyncio.Protocol):
    """One connection. `flow` is None until it is established: handshake done, names proven."""

    __slots__ = (
        "_counters",
        "_cutoff",
        "_established",
        "_limits",
        "_loop",
        "_lost",
        "_sink",
        "answered",
        "closing",
        "ended",
        "flow",
        "heard",
        "host",
        "identities",
        "opened",
        "shown",
        "transport",
    )

    def __init__(self, sink: Sink, limits: Limits, counters: Counters) -> None:
        self._sink = sink
        self._limits = limits
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._established: Callable[[Stream], None] | None = None
        self._lost: Callable[[Stream], None] | None = None
        self._cutoff: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.flow: Flow | None = None
        self.host = ""  # source address that an accepted connection is counted under
        # the SIP domains that the peer's certificate proves
        self.identities: frozenset[str] = frozenset()
        self.shown = ""  # the name of our certificate on a connection that we made
        self.opened = self._loop.time()
        self.heard = self.opened  # when bytes last came
        self.answered = False  # something was sent
        self.closing = False
        self.ended = ""  # why, once that is known

    def watch(self, established: Callable[[Stream], None], lost: Callable[[Stream], None]) -> None:
        """Name who is told, once each, that the connection stands and that it has ended."""
        self._established = established
        self._lost = lost

    def send(self, data: bytes) -> None:
        """Send or queue. Ignored once the connection is closing."""
        if self.closing or self.transport is None:
            return
        self.answered = True
        self._counters.stream_bytes_out += len(data)
        self.transport.write(data)

    def close(self, why: str) -> None:
        """Send what is queued, then end; cut off at the deadline."""
        if self.closing or self.transport is None:
            return
        self._finish(why)
        self.transport.close()

    def abort(self, why: str) -> None:
        """End now; what is queued is lost."""
        self.closing = True
        self.ended = self.ended or why
        if self.transport is not None:
            self.transport.abort()

    def overdue(self, now: float) -> str:
        """Why the connection has to end for what did not come, "" if it may stay. Asked every few
        seconds.
        """
        limits = self._limits
        if now - self.heard > limits.idle_deadline:
            return f"silent for {limits.idle_deadline:.0f} s"
        waits = self.host and not self.answered
        if waits and now - self.opened > limits.first_answer_deadline:
            return f"no message within {limits.first_answer_deadline:.0f} s"
        return ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.take(transport)
        self.stand()

    def take(self, transport: asyncio.BaseTransport) -> None:
        """Use this transport from now on."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=self._limits.write_high_water)

    def stand(self) -> None:
        """The connection is established: tell who watches."""
        if self._established is not None:
            self._established(self)

    def data_received(self, data: bytes) -> None:
        if self.flow is None or self.closing:
            return
        self.heard = self._loop.time()
        self._counters.stream_bytes_in += len(data)
        self._sink.receive(self.flow, data)
        self._sink.flush()

    def pause_writing(self) -> None:
        """The peer does not read: it is closed alone, after the write that found out."""
        self._counters.slow_readers += 1
        self.closing = True
        self._loop.call_soon(self.abort, "the peer does not read")

    def eof_received(self) -> None:
        """The transport closes itself after what is queued."""
        self._finish("closed by the peer")

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        if self._cutoff is not None:
            self._cutoff.cancel()
        if not self.ended:
            self.ended = "closed by the peer" if error is None else reason(error)
        if self._lost is not None:
            self._lost(self)

    def _finish(self, why: str) -> None:
        self.closing = True
        self.ended = self.ended or why
        if self._cutoff is None:
            self._cutoff = self._loop.call_later(self._limits.close_deadline, self.abort, why)
