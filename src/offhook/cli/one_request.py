"""One request and its answer: retransmission over UDP and a deadline (RFC 3261 17.1.2).

Requests that arrive meanwhile are answered as a phone that is busy would, so that nobody waits for
us. The transaction core of the engine does more; a tool with one request at a time needs no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from offhook.cli.link import Arrival, Link, SilentServerError
from offhook.errors import MessageError
from offhook.message import Message, parse
from offhook.transaction.timers import T1, T2
from offhook.transport.flow import Flow

__all__ = ["Answer", "OneRequest", "answer_stranger"]

REPLIES = {  # to requests that arrive at a tool
    "OPTIONS": (200, "OK"),
    "NOTIFY": (200, "OK"),
    "INVITE": (486, "Busy Here"),
    "BYE": (481, "Call/Transaction Does Not Exist"),
    "CANCEL": (481, "Call/Transaction Does Not Exist"),
}
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY")


@dataclass(frozen=True, slots=True)
class Answer:
    """A final response. `seconds` run from the first sending to it."""

    response: Message
    seconds: float
    retransmissions: int


class OneRequest:
    """A non-INVITE client transaction of a tool. `timeout` is in seconds."""

    def __init__(self, link: Link, flow: Flow, request: Message, *, timeout: float) -> None:
        self._link = link
        self._flow = flow
        self._data = request.to_bytes()
        core = request.core()
        self._branch = core.branch
        self._method = request.method
        self._timeout = timeout
        self._provisional = False

    async def run(self, watch: Callable[[Message], None] | None = None) -> Answer:
        """Send and wait for the final response; `watch` sees each. Raises SilentServerError."""
        started = self._link.now()
        deadline = started + self._timeout
        interval = T1
        sent = 0
        while True:
            self._link.send(self._flow, self._data)
            sent += 1
            again = deadline if self._flow.reliable else self._link.now() + interval
            response = await self._final_before(min(again, deadline), watch)
            if response is not None:
                return Answer(response, self._link.now() - started, sent - 1)
            if self._link.now() >= deadline:
                raise SilentServerError(
                    f"no answer within {self._timeout:g} s, sent {sent} time(s)"
                )
            # RFC 3261 17.1.2.2: timer E doubles up to T2, and is T2 once a 1xx has come
            interval = T2 if self._provisional else min(2 * interval, T2)

    async def _final_before(
        self, until: float, watch: Callable[[Message], None] | None
    ) -> Message | None:
        while (arrival := await self._link.next_arrival(until)) is not None:
            if arrival.lost:
                if arrival.flow is self._flow:
                    raise SilentServerError(arrival.lost)
                continue
            message = self._mine(arrival)
            if message is None:
                continue
            if watch is not None:
                watch(message)
            if message.status >= 200:
                return message
            self._provisional = True
        return None

    def _mine(self, arrival: Arrival) -> Message | None:
        """The response to our request (RFC 3261 17.1.3); what else comes is answered or dropped."""
        try:
            message = parse(arrival.data)
            core = message.core()
        except MessageError:
            return None
        if message.is_request:
            answer_stranger(self._link, arrival.flow, message)
            return None
        same = core.branch == self._branch and core.cseq_method == self._method
        return message if same else None


def answer_stranger(link: Link, flow: Flow, request: Message) -> None:
    """Answer a request that a tool has not asked for."""
    if request.method == "ACK":
        return
    status, reason = REPLIES.get(request.method, (501, "Not Implemented"))
    link.send(flow, request.reply(status, reason, to_tag="tool", headers=[ALLOW]))
