"""An engine for response contexts that keeps a log; ways are there at once unless they are dead."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from offhook.message import Message, parse
from offhook.proxy.branch import Branch
from offhook.proxy.response_context import Fork, ResponseContext
from offhook.proxy.target import Outcome
from offhook.testing.builders import build_request, build_response
from offhook.transport.flow import Flow, Listener
from offhook.transport.locate import expand, questions
from offhook.transport.next_hop import NextHop
from offhook.transport.standing import Standing
from tests.unit.names import from_names

INVITE = build_request("INVITE", "sip:bob@example.com")
LISTENER = Listener("p", "UDP", "192.0.2.1", 5060)


def response(status: int, *, tag: str = "b", headers: Sequence[tuple[str, str]] = ()) -> Message:
    """A response to the INVITE."""
    return parse(build_response(INVITE, status, to_tag=tag, headers=headers))


class Outlet:
    """Implements `response_context.Outlet`. `log` holds (what, target or status...)."""

    def __init__(self, *, names: Mapping[str, Sequence[str]] | None = None) -> None:
        self.log: list[tuple[object, ...]] = []
        self.dead: set[str] = set()  # hosts that refuse, flows that are gone
        self.names = dict(names or {})
        self.now = 0.0
        self.standing = Standing()
        self.finished_contexts = 0
        self._timers: list[tuple[float, int, Branch | Fork, int]] = []
        self._count = 0

    # time -----------------------------------------------------------------------------------------
    def start_timer(self, branch: Branch, delay: float, letter: int, now: float) -> None:
        self._start(now + delay, branch, letter)

    def start_ring(self, fork: Fork, delay: float, now: float) -> None:
        self._start(now + delay, fork, 0)

    def _start(self, when: float, target: Branch | Fork, letter: int) -> None:
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, target, letter))

    def advance(self, until: float) -> None:
        """Fire what is due."""
        while self._timers and self._timers[0][0] <= until:
            when, _, target, letter = heapq.heappop(self._timers)
            self.now = when
            target.fire(letter, when)
        self.now = until

    @property
    def pending(self) -> int:
        """Timers set."""
        return len(self._timers)

    # ways -----------------------------------------------------------------------------------------
    def find_flow(self, branch: Branch, name: str, now: float) -> bool:
        if name in self.dead:
            return False
        branch.flow_ready(_flow(name), now)
        return True

    def open(self, branch: Branch, hop: NextHop, now: float) -> None:
        if hop.host in self.dead:
            branch.way_failed(503, now)
        else:
            branch.flow_ready(_flow(hop.host), now)

    def resolve(self, branch: Branch, hop: NextHop, now: float) -> None:
        self.log.append(("resolve", hop.host))
        answers = from_names(self.names, questions(hop))
        branch.resolved(expand(hop, answers, ("UDP",), float), now)

    # sending --------------------------------------------------------------------------------------
    def send(self, branch: Branch, flow: Flow, now: float) -> None:
        self.log.append(("send", branch.target.uri, flow.remote[0]))
        if branch.fork.invite:
            branch.start_timer_c(now)

    def send_cancel(self, branch: Branch, reason: str, now: float) -> None:
        self.log.append(("cancel", branch.target.uri, reason))

    def abandon(self, branch: Branch, now: float) -> None:
        self.log.append(("abandon", branch.target.uri))

    # upstream -------------------------------------------------------------------------------------
    def upstream(self, context: ResponseContext, response: Message, now: float) -> None:
        self.log.append(("up", response.status))

    def answer(self, context: ResponseContext, outcome: Outcome, now: float) -> None:
        self.log.append(("answer", outcome.status))

    def settled(self, fork: Fork, now: float) -> None:
        status = fork.outcome.status if fork.outcome is not None else 0
        self.log.append(("settled", status))

    def progress(self, fork: Fork, response: Message, now: float) -> None:
        self.log.append(("progress", response.status))

    def finished(self, context: ResponseContext, branches: Sequence[Branch]) -> None:
        self.finished_contexts += 1

    # reading --------------------------------------------------------------------------------------
    def of(self, what: str) -> list[object]:
        """The second entries of the log lines of this kind."""
        return [line[1] for line in self.log if line[0] == what]


def _flow(host: str) -> Flow:
    return Flow(LISTENER, ("192.0.2.1", 5060), (host, 5060))
