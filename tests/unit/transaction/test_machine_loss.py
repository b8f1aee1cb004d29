"""A client and a server machine over a wire that loses, repeats and reorders.

Whatever happens to the datagrams, both end, the server's user sees the request once, the client's
one final response or a timeout.
"""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.transaction import (
    ClientInvite,
    ClientNonInvite,
    ServerInvite,
    ServerNonInvite,
    ServerTransaction,
    Timers,
    Transaction,
)
from offhook.transport import Flow
from tests.unit.transaction.wire import TCP, UDP

REQUEST, ACK = b"INVITE sip:bob@example.com", b"ACK sip:bob@example.com"


class Link:
    """The owner of both ends, and the wire between them."""

    def __init__(self, flow: Flow, *, invite: bool, loss: float, seed: int) -> None:
        self.flow = flow
        self.invite = invite
        self.loss = loss
        self.chance = random.Random(seed)
        self.now = 0.0
        self.timers = Timers()
        self.air: list[tuple[float, int, bytes]] = []
        self.answers: list[tuple[float, int]] = []
        self.count = 0
        self.server: ServerInvite | ServerNonInvite | None = None
        self.requests = 0
        self.finals: list[int] = []
        self.timed: list[Transaction] = []
        self.over: list[Transaction] = []
        make = ClientInvite if invite else ClientNonInvite
        self.client = make("z9hG4bK1", flow, REQUEST, self.timers, self, 0.0)

    def transmit(self, flow: Flow, data: bytes) -> None:
        copies = 1
        if not self.flow.reliable:
            copies = (self.chance.random() >= self.loss) + (self.chance.random() < 0.1)
        for _ in range(copies):
            delay = 0.01 if self.flow.reliable else self.chance.random() * 2
            self.count += 1
            heapq.heappush(self.air, (self.now + delay, self.count, data))

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        transaction.respond(100, b"100", now)

    def timed_out(self, transaction: Transaction, now: float) -> None:
        self.timed.append(transaction)

    def ended(self, transaction: Transaction) -> None:
        self.over.append(transaction)

    def run(self, answers: list[tuple[float, int]], until: float) -> None:
        """Let everything happen; the server's user answers that long after the request came."""
        self.answers = answers
        self.client.start(0.0)
        while (now := self._next()) is not None and now <= until:
            self.now = now
            self.timers.advance(now)
            while self.air and self.air[0][0] <= now:
                self._arrive(heapq.heappop(self.air)[2])
            while self.server and self.answers and self.answers[0][0] + self.server.since <= now:
                status = self.answers.pop(0)[1]
                self.server.respond(status, b"%d" % status, now)

    def _next(self) -> float | None:
        times = [self.air[0][0]] if self.air else []
        deadline = self.timers.next_deadline()
        if deadline is not None:
            times.append(deadline)
        if self.server and self.answers:
            times.append(max(self.now, self.server.since + self.answers[0][0]))
        return min(times, default=None)

    def _arrive(self, data: bytes) -> None:
        if data == REQUEST:
            self._request()
        elif data == ACK:
            if isinstance(self.server, ServerInvite):
                assert not self.server.ack(self.now)
        elif self.client not in self.over:
            status = int(data)
            if isinstance(self.client, ClientInvite) and status >= 300:
                self.client.ack = ACK
            if self.client.response(status, self.now) and status >= 200:
                self.finals.append(status)

    def _request(self) -> None:
        if self.server is not None:
            self.server.retransmission(self.now)
            return
        self.requests += 1
        make = ServerInvite if self.invite else ServerNonInvite
        self.server = make("key", self.flow, self.timers, self, self.now)


ANSWERS = st.tuples(st.floats(0, 40), st.sampled_from([200, 302, 404, 486, 503, 603]))
LINKS = st.builds(
    Link,
    st.sampled_from([UDP, TCP]),
    invite=st.booleans(),
    loss=st.sampled_from([0.0, 0.2, 0.5, 0.9]),
    seed=st.integers(0, 2**32),
)


@pytest.mark.rfc("3261", "17")
@given(LINKS, ANSWERS)
def test_both_ends_end_and_see_everything_once(link: Link, answer: tuple[float, int]) -> None:
    link.run([answer], until=500)
    client, server = link.client, link.server
    if client not in link.over:  # a 100 came, the final response was lost: timer C is the user's
        assert link.invite
        assert client.state.name == "PROCEEDING"
        client.abandon(link.now)
        link.timed.append(client)
    assert link.over.count(client) == 1
    assert link.requests <= 1
    if server is not None:
        assert link.over.count(server) == 1
    assert len(link.timers) == 0
    refusals = [status for status in link.finals if status >= 300]
    assert len(refusals) <= 1
    if not link.invite:
        assert len(link.finals) + link.timed.count(client) == 1
    elif answer[1] >= 300:
        assert len(refusals) + link.timed.count(client) == 1


@pytest.mark.parametrize("invite", [True, False])
def test_a_prompt_answer_gets_through_a_wire_that_loses_a_fifth(invite: bool) -> None:
    for seed in range(50):
        link = Link(UDP, invite=invite, loss=0.2, seed=seed)
        link.run([(0.0, 404)], until=500)
        assert link.finals == [404]
