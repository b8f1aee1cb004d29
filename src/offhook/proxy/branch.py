"""One branch of a fork: the ways to its target, tried one after the other, and its final response.

RFC 3261 16.6 steps 7-11, 16.8 (timer C), 16.9 (transport errors); RFC 3263 4.3 (failover). A way
without any response is given up after a few seconds while others remain; each try is a client
transaction with a branch of its own. The response context decides what a final response means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from offhook.errors import MessageError, UriError
from offhook.message.headers import RETRY_AFTER
from offhook.message.message import Message
from offhook.proxy.target import ForkRequest, Target
from offhook.transport.flow import Flow
from offhook.transport.hops import Hops
from offhook.transport.next_hop import NextHop, next_hop_of
from offhook.transport.route_set import bare_uri
from offhook.transport.secure import as_sips, is_sips
from offhook.transport.standing import Standing

__all__ = [
    "CHECK",
    "GIVE_UP",
    "SILENCE",
    "TIMER_C",
    "Branch",
    "BranchOwner",
    "BranchTimer",
    "Downstream",
    "retry_after",
]

GIVE_UP = 4.0  # seconds without any response before the next way is tried, while there is one
TIMER_C = 185.0  # RFC 3261 16.6 step 11: over three minutes
# seconds: long timers are looked at this often, so that a timer never keeps a finished call in
# memory for minutes
CHECK = 16.0
# final answers after which the next flow of the same phone is tried (RFC 5626 7, 5627 6.1): an edge
# that did not reach it gives them (and 503, its own: a proxy passes none on), all others are the
# phone's
FLOW_FAILED = frozenset({408, 430})
SILENCE = 32.0  # 64*T1 after our CANCEL a branch counts as ended (RFC 3261 9.1)


class BranchTimer(IntEnum):
    """What may fire in a branch."""

    GIVE_UP = 1
    TIMER_C = 2
    SILENCE = 3
    FIRST = 4


class BranchOwner(Protocol):
    """The fork that a branch belongs to."""

    request: ForkRequest
    request_handle: object  # the engine's object for the request that is forked
    invite: bool
    next_route: str  # URI of the first Route that is not ours, "" if there is none

    def provisional(self, branch: Branch, response: Message, now: float) -> None:
        """A 1xx response came."""

    def final(self, branch: Branch, response: Message, now: float) -> None:
        """A final response came, maybe a late one."""

    def branch_ended(self, branch: Branch, now: float) -> None:
        """The branch has its final status."""

    def forget(self) -> None:
        """The request is answered and nothing is pending."""


class Downstream(Protocol):
    """What a branch asks of the engine: ways, transactions, timers. Answers come back as calls of
    the branch."""

    def find_flow(self, branch: Branch, name: str, now: float) -> bool:
        """Look for the flow of that name: False if it is gone for good, else `flow_ready` or
        `way_failed` will be called."""

    standing: Standing

    def open(self, branch: Branch, hop: NextHop, now: float) -> None:
        """Find or make a flow to a literal address; then `flow_ready` or `way_failed`."""

    def resolve(self, branch: Branch, hop: NextHop, now: float) -> None:
        """Find out what a hop that is a name leads to; then `resolved`."""

    def send(self, branch: Branch, flow: Flow, now: float) -> None:
        """Send the request of a branch on `flow` as a new client transaction."""

    def send_cancel(self, branch: Branch, reason: str, now: float) -> None:
        """Send CANCEL for the try of a branch that has had a provisional response."""

    def abandon(self, branch: Branch, now: float) -> None:
        """Stop retransmitting the current try; a late response is still let through."""

    def start_timer(self, branch: Branch, delay: float, letter: int, now: float) -> None:
        """Call `fire(letter)` after `delay` seconds."""


class Branch:
    """One target, its tries and its state. `status` is the last one heard, or ours once it has
    ended."""

    __slots__ = (
        "authorized",
        "breadth",
        "cancel_reason",
        "datagram",
        "deadline",
        "early",
        "ended",
        "failure",
        "followed",
        "fork",
        "hop",
        "hops",
        "outlet",
        "patience",
        "request",
        "response",
        "status",
        "target",
        "transaction",
        "tries",
        "unwanted",
        "ways",
    )

    def __init__(self, fork: BranchOwner, target: Target, outlet: Downstream) -> None:
        self.fork = fork
        self.target = target
        self.outlet = outlet
        self.ways: deque[Target] | None = (
            deque(target.alternatives) if target.alternatives else None
        )
        self.hops: Hops | None = None  # of the current way, if it is a name: still to be tried
        self.hop: NextHop | None = None  # the one of them that is tried now
        self.patience = 0.0  # when the current try is given up
        self.status = 0
        self.response: Message | None = None  # the best final one
        self.early = False
        self.unwanted = False  # CANCEL is sent, or will be as soon as a provisional allows it
        self.ended = False
        self.authorized = False  # credentials were sent once
        self.breadth = 0  # its part of the request's Max-Breadth, while it has not ended
        self.followed = False  # its 3xx became other branches, and nothing is left of it
        self.failure = 503  # what the last way that failed amounts to
        self.deadline = 0.0  # of timer C, or of the silence after a CANCEL
        self.transaction: object = None  # the engine's handle of the current try
        self.request: Message | None = (
            None  # set when the next try sends something else (credentials)
        )
        self.cancel_reason = ""
        self.tries = 0
        self.datagram: Flow | None = None  # what is left if the connection chosen for size fails

    # ways ----------------------------------------------------------------------------------------
    def start(self, now: float) -> None:
        """Try the first way."""
        first = self.fork.request.first
        if first is not None:
            self.outlet.start_timer(self, first, BranchTimer.FIRST, now)
        self._try_target(now)

    def _try_target(self, now: float) -> None:
        target = self.target
        if target.flow and self.outlet.find_flow(self, target.flow, now):
            return
        if target.by_flow:
            self.way_failed(
                target.gone, now
            )  # a dead connection: the phone has to come back by itself
            return
        try:
            hop = next_hop_of(self.next_uri())
        except UriError as error:
            self.way_failed(error.status, now)
            return
        if hop.literal:
            self.outlet.open(self, hop, now)
        else:
            self.hops = Hops(hop, self.outlet.standing.avoided)
            self._try_hop(503, now)

    def next_uri(self) -> str:
        """The URI that leads to the next hop (RFC 3261 16.6 step 6); for a sips Request-URI as if
        it were sips too (step 7)."""
        target = self.target
        if target.next_hop:
            uri = target.next_hop
        elif target.path:
            uri = bare_uri(target.path[0])
        elif self.fork.next_route:
            uri = self.fork.next_route
        else:
            return target.uri
        return as_sips(uri) if is_sips(target.uri) else uri

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """What the name that was asked for leads to, none if it leads nowhere."""
        if self.ended or self.hops is None:
            return
        if self.unwanted:
            self.end(487, None, now)
            return
        self.hops.found(hops)
        self._try_hop(503, now)

    def flow_ready(self, flow: Flow, now: float) -> None:
        """There is a flow for this way."""
        if self.ended:
            return
        if self.unwanted:
            self.end(487, None, now)  # cancelled before anything was sent
            return
        self.tries += 1
        self.status = 0
        self.datagram = None
        if self.hops or self.ways:
            self.patience = now + GIVE_UP
            self.outlet.start_timer(self, GIVE_UP, BranchTimer.GIVE_UP, now)
        self.outlet.send(self, flow, now)

    def way_failed(self, status: int, now: float) -> None:
        """This way cannot be used: no flow, refused, unreachable. `status` is what it amounts to if
        nothing is left."""
        if self.ended or self.status >= 100:
            return  # a response was heard: the transaction decides
        if self.unwanted:
            self.end(487, None, now)
            return
        if self.hop is not None:
            self.outlet.standing.failed(self.hop, now)
        self._try_hop(status, now)

    def _was_silent(self, now: float) -> None:
        if self.hop is not None:
            self.outlet.standing.failed(self.hop, now, what="silent")

    def _try_hop(self, status: int, now: float) -> None:
        self.failure = status
        self.patience = 0.0
        self.hop = hop = self.hops.take(now) if self.hops is not None else None
        if hop is not None:
            if hop.literal:
                self.outlet.open(self, hop, now)
            else:
                self.outlet.resolve(self, hop, now)
        elif self.ways:
            self.hops = None
            self.target = self.ways.popleft()
            self._try_target(now)
        elif self.failure == 503 and self.target.path and self.target.origin:
            self.end(480, None, now)  # the edge of a phone is gone: its last flow has failed
        else:
            self.end(self.failure, None, now)

    # what happens to the current try -------------------------------------------------------------
    def provisional(self, response: Message, now: float) -> None:
        """A 1xx response of the current try."""
        if self.ended:
            return
        self.status = response.status
        if self.unwanted:
            self._cancel_now(now)
        elif response.status > 100:
            self.early = True
            self.deadline = now + TIMER_C  # RFC 3261 16.7 step 2

    def timed_out(self, now: float) -> None:
        """Timer B or F: no final response."""
        if self.ended:
            return
        if self.status < 100:
            self._was_silent(now)
            if not self.unwanted and (self.hops or self.ways):
                self._try_hop(408, now)
                return
        self.end(487 if self.unwanted else 408, None, now)

    def overloaded(self, response: Message, now: float) -> bool:
        """A 503 of a server found by name: the next one is tried (RFC 3263 4.3). False if there is
        none, or nobody wants the answer any more."""
        hop, hops = self.hop, self.hops
        if hop is None:
            return False
        self.outlet.standing.overloaded(hop, retry_after(response), now)
        if self.unwanted or not hops:
            return False
        self.status = 0
        self._try_hop(503, now)
        return True

    def start_timer_c(self, now: float) -> None:
        """Timer C runs from the sending of an INVITE (RFC 3261 16.6 step 11)."""
        if not self.deadline:
            self.outlet.start_timer(self, CHECK, BranchTimer.TIMER_C, now)
        self.deadline = now + TIMER_C

    def fire(self, letter: int, now: float) -> None:
        """A timer that this branch started has come."""
        if self.ended:
            return
        if letter == BranchTimer.GIVE_UP:
            self._give_up(now)
        elif letter == BranchTimer.FIRST:
            if self.status < 100:
                self.outlet.abandon(self, now)
                self.end(408, None, now)
        elif self.deadline > now:
            self.outlet.start_timer(self, min(CHECK, self.deadline - now), letter, now)
        elif letter == BranchTimer.SILENCE or self.unwanted or self.status < 100:
            self.end(487 if self.unwanted else 408, None, now)
        else:
            self.drop("", now)  # RFC 3261 16.8: CANCEL, then wait for the 487

    def _give_up(self, now: float) -> None:
        if self.status >= 100 or self.unwanted or not self.patience or now < self.patience:
            return  # or an earlier try was meant, that failed by itself
        if self.hops or self.ways:
            self.outlet.abandon(self, now)
            self._was_silent(now)
            self._try_hop(408, now)

    def refused(self, response: Message, now: float) -> None:
        """A final response of 300 or above to the current try: the end, unless the edge proxy of a
        phone says that this flow is dead, or takes no requests at all, and there is another one."""
        status = response.status
        failed = status in FLOW_FAILED or (status == 503 and self.target.path)
        if failed and self.target.origin and not self.early and not self.unwanted:
            if self.ways:
                self.status = 0
                self.hops = None  # other addresses of that edge know no better
                self._try_hop(480 if status == 430 else status, now)
                return
            if status in (430, 503):
                self.end(480, None, now)  # which flow failed is between the edge and us
                return
        self.end(status, response, now)

    # its end -------------------------------------------------------------------------------------
    def drop(self, reason: str, now: float) -> None:
        """Nobody wants the answer of this branch any more: CANCEL it, at once or at its first
        provisional (RFC 3261 9.1)."""
        if self.ended or self.unwanted:
            return
        self.unwanted = True
        self.cancel_reason = reason
        if not self.fork.invite:
            return  # only an INVITE can be cancelled (RFC 3261 9.1)
        self.deadline = now + SILENCE
        self.outlet.start_timer(self, SILENCE, BranchTimer.SILENCE, now)
        if self.status >= 100:
            self._cancel_now(now)

    def _cancel_now(self, now: float) -> None:
        if self.tries and self.fork.invite:
            self.tries = 0  # one CANCEL is enough
            self.outlet.send_cancel(self, self.cancel_reason, now)

    def end(self, status: int, response: Message | None, now: float) -> None:
        """The branch has its final status."""
        self.ended = True
        self.status = status
        self.response = response
        self.hops = self.ways = self.hop = None
        self.fork.branch_ended(self, now)


def retry_after(response: Message) -> float:
    """The seconds of a Retry-After (RFC 3261 20.33), 0 if there is none that can be read."""
    try:
        header = response.typed(RETRY_AFTER)
    except MessageError:
        return 0.0
    return float(header.seconds) if header is not None else 0.0
