"""The response context of one request (RFC 3261 16.2, 16.7-16.10): every branch of every fork, and
what goes upstream.

One context spans all forks that a handler makes, one after the other or at once, and outlives the
handler until its last branch has ended. A fork resolves once: by the first 2xx (already sent
upstream), when all its branches are final (the best one is held, not sent), or when its ring time
is over (a local 408; its branches are cancelled and their 487s absorbed). A 2xx of any fork goes
upstream at once, whatever else has happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.message.message import Message
from offhook.message.status import reason_for
from offhook.proxy.best_response import best, challenges
from offhook.proxy.branch import CHECK, Branch, Downstream
from offhook.proxy.breadth import MAX_BREADTH, shares
from offhook.proxy.redirection import redirection
from offhook.proxy.target import ForkRequest, Outcome, Target

__all__ = ["COMPLETED_ELSEWHERE", "Fork", "ResponseContext"]

COMPLETED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'  # RFC 3326 2


class Outlet(Downstream, Protocol):
    """What a context asks of the engine: the server side of its request, and news for the
    application."""

    def start_ring(self, fork: Fork, delay: float, now: float) -> None:
        """Call `fork.fire(0, now)` after `delay` seconds."""

    def upstream(self, context: ResponseContext, response: Message, now: float) -> None:
        """Send a response of a branch to the caller."""

    def answer(self, context: ResponseContext, outcome: Outcome, now: float) -> None:
        """Send the final answer of a context to the caller."""

    def settled(self, fork: Fork, now: float) -> None:
        """A fork has its outcome."""

    def progress(self, fork: Fork, response: Message, now: float) -> None:
        """A fork has a provisional response."""

    def finished(self, context: ResponseContext, branches: Sequence[Branch]) -> None:
        """Nothing of the context is pending; of `branches` only a late 2xx may still come."""


class Fork:
    """A group of branches with one outcome. Groups of targets behind the first are tried when the
    one before has failed."""

    __slots__ = (
        "advancing",
        "branches",
        "context",
        "deadline",
        "due",
        "handle",
        "invite",
        "next_route",
        "open",
        "outcome",
        "request",
        "request_handle",
        "waiting",
    )

    def __init__(self, context: ResponseContext, request: ForkRequest) -> None:
        self.context = context
        self.request = request
        self.request_handle = context.handle
        self.invite = context.invite
        self.next_route = context.next_route
        self.waiting: list[Sequence[Target]] = list(request.groups)
        self.branches: list[Branch] = []
        self.outcome: Outcome | None = None
        self.deadline = 0.0  # of the ring time
        self.open = True  # no outcome yet, and not abandoned
        self.advancing = False  # a group is being started
        self.due = False  # its next group may start
        self.handle: object = None  # the application's

    def provisional(self, branch: Branch, response: Message, now: float) -> None:
        """A 1xx of a branch: 101-199 go upstream at once (RFC 3261 16.7 step 5)."""
        branch.provisional(response, now)
        if response.status == 100 or branch.ended or branch.unwanted or self.context.answered:
            return
        if self.request.reply is not None:
            self.request.reply(response)
        self.context.outlet.upstream(self.context, response, now)
        if self.open:
            self.context.outlet.progress(self, response, now)

    def final(self, branch: Branch, response: Message, now: float) -> None:
        """A final response of a branch, also a late one."""
        if response.status < 300:
            if self.context.invite or not self.context.answered:
                if self.request.reply is not None:
                    self.request.reply(response)
                self.context.success(branch, response, now)
        elif not branch.ended:
            if self.request.reply is not None:
                self.request.reply(response)
            follows = self.request.redirects is not None and self.open and not branch.unwanted
            if response.status < 400 and follows:
                self.context.redirect(self, branch, response, now)
            else:
                branch.refused(response, now)

    def branch_ended(self, branch: Branch, now: float) -> None:
        """A branch has its final status."""
        context = self.context
        context.pending -= 1
        context.give_back(branch)
        if branch.status >= 600 and self.open:
            self.waiting.clear()
            context.drop(self.branches, f"SIP;cause={branch.status}", now)  # RFC 3261 16.7 step 5
        if self.open and all(each.ended for each in self.branches):
            context.group_ended(self, branch, now)
        if context.forks:
            context.resume(now)
        context.finish(now)

    def forget(self) -> None:
        """Let go of the messages; a program that waited has its outcome by now."""
        if self.request.decides:
            self.outcome = None
        self.branches = []

    def fire(self, _letter: int, now: float) -> None:
        """The ring time is over: the program goes on now, a late 2xx still wins."""
        if not self.open:
            return
        if self.deadline > now:
            self.context.outlet.start_ring(self, min(CHECK, self.deadline - now), now)
            return
        self.waiting.clear()
        early = any(branch.early for branch in self.branches)
        self.context.drop(self.branches, "", now)
        self.context.decide(self, Outcome(408, reason_for(408), early=early), now)


class ResponseContext:
    """All forks of one request, and its answer."""

    __slots__ = (
        "answered",
        "branches",
        "breadth",
        "cancelled",
        "closing",
        "finished",
        "forks",
        "handle",
        "invite",
        "next_route",
        "outlet",
        "pending",
        "used",
        "winner",
    )

    def __init__(
        self,
        outlet: Outlet,
        handle: object,
        *,
        invite: bool,
        next_route: str = "",
        breadth: int = MAX_BREADTH,
    ) -> None:
        self.breadth = breadth  # as received, and how much of it branches have now (RFC 5393 5.3.2)
        self.used = 0
        self.outlet = outlet
        self.handle = handle  # the engine's own object for the request
        self.invite = invite
        self.next_route = next_route  # first Route URI that is not ours
        self.branches: list[Branch] = []
        self.forks: list[Fork] = []  # those that are open
        self.pending = 0  # branches that have not ended
        self.winner: Outcome | None = None  # the first 2xx
        self.cancelled = False
        self.closing: Outcome | None = (
            None  # what the program decided; goes up when no branch is pending
        )
        self.answered = False  # a final response went upstream
        self.finished = False

    # what the program does -----------------------------------------------------------------------
    def fork(self, request: ForkRequest, now: float) -> Fork:
        """Start a fork. If the request is decided already its outcome is there at once and nobody
        rings."""
        fork = Fork(self, request)
        settled = self._settled_outcome()
        if settled is not None:
            fork.open = False
            fork.outcome = settled
            return fork
        self.forks.append(fork)
        self._next_group(fork, now)
        if fork.open and self.invite:
            fork.deadline = now + request.ring
            self.outlet.start_ring(fork, min(CHECK, request.ring), now)
        return fork

    def add(self, fork: Fork, target: Target, now: float) -> None:
        """A late branch joins a running fork."""
        if fork.open:
            self._start([target], fork, now)

    def answer(self, outcome: Outcome, now: float) -> bool:
        """The program decided: held until no branch is pending, so that a crossing 2xx wins. False
        if a final went up already."""
        if self.answered or self.closing is not None:
            return False
        self.closing = outcome
        for fork in self.forks[:]:
            fork.waiting.clear()
            self.decide(fork, outcome, now)  # whoever waits for it elsewhere must not wait for ever
        self.drop(self.branches, "", now)
        self.finish(now)
        return True

    def abandon(self, fork: Fork, now: float) -> None:
        """The program stopped waiting for this fork: nobody will use its branches."""
        fork.open = False
        fork.waiting.clear()
        if fork in self.forks:
            self.forks.remove(fork)
        self.drop(fork.branches, "", now)

    def cancel(self, reason: str, now: float) -> None:
        """The caller sent CANCEL; `reason` is the Reason header it carried. A 2xx may still cross
        (RFC 3261 16.10)."""
        if self.answered or self.cancelled:
            return
        self.cancelled = True
        for fork in self.forks:
            fork.waiting.clear()
        self.drop(self.branches, reason, now)
        self.finish(now)

    # what the forks report -----------------------------------------------------------------------
    def group_ended(self, fork: Fork, last: Branch, now: float) -> None:
        """All branches of the running group have failed: the next group, or the outcome."""
        if fork.waiting and last.status < 600 and self._settled_outcome() is None:
            self._next_group(fork, now)
        else:
            self._resolve(fork, now)

    def success(self, branch: Branch, response: Message, now: float) -> None:
        """A 2xx of a branch goes upstream at once and ends everything else (RFC 3261 16.7 steps 5
        and 10)."""
        self.answered = True
        self.outlet.upstream(self, response, now)
        if self.winner is None:
            self.winner = Outcome(
                response.status, response.reason, response, branch.target.uri, branch.early
            )
            for fork in self.forks[:]:
                fork.waiting.clear()
                self.decide(fork, self.winner, now)
            if self.pending > 1:
                others = [each for each in self.branches if each is not branch]
                self.drop(others, COMPLETED_ELSEWHERE, now)
        if branch.ended:
            self.finish(now)
        else:
            branch.end(response.status, response, now)

    # inside --------------------------------------------------------------------------------------
    def _settled_outcome(self) -> Outcome | None:
        if self.winner is not None:
            return self.winner
        if self.cancelled:
            return Outcome(487, reason_for(487))
        return self.closing

    def _next_group(self, fork: Fork, now: float) -> None:
        """Start the next group, and the one behind it if that has failed by then: one after the
        other, not inside each other, since there may be hundreds."""
        fork.due = True
        if fork.advancing:
            return
        fork.advancing = True
        try:
            while fork.due and fork.open:
                fork.due = False
                self._advance(fork, now)
        finally:
            fork.advancing = False

    def _advance(self, fork: Fork, now: float) -> None:
        while fork.waiting:
            group = fork.waiting.pop(0)
            if group:
                self._start(group, fork, now)
                return
        self._resolve(fork, now)

    def _start(self, targets: Sequence[Target], fork: Fork, now: float) -> None:
        """Start targets in parallel, as many as the Max-Breadth allows. The others of an INVITE
        come behind them; other requests cannot wait, and end with 440 (RFC 5393 5.3.3)."""
        free = self.breadth - self.used
        if len(targets) == 1 and fork.request.decides and free > 0:
            parts = [free]
        else:
            parts = shares(free, len(targets), reserve=not fork.request.decides)
        if len(parts) < len(targets) and self.invite:
            fork.waiting.insert(0, targets[len(parts) :])
            targets = targets[: len(parts)]
        branches = [Branch(fork, target, self.outlet) for target in targets]
        for branch, part in zip(branches, parts, strict=False):
            branch.breadth = part
            self.used += part
        self._begin(branches, fork, now)

    def _begin(self, branches: list[Branch], fork: Fork, now: float) -> None:
        fork.branches += branches
        self.branches += branches
        self.pending += len(branches)
        for branch in branches:
            if not branch.breadth:
                branch.end(440, None, now)
            elif not branch.unwanted:  # an earlier one may have failed with a 6xx already
                branch.start(now)
            elif not branch.ended:
                branch.end(487, None, now)

    def _resolve(self, fork: Fork, now: float) -> None:
        early = any(branch.early for branch in fork.branches)
        chosen = best([branch for branch in fork.branches if not branch.followed])
        if self.cancelled:
            outcome = Outcome(487, reason_for(487), early=early)
        elif chosen is None:
            outcome = Outcome(480, reason_for(480))
        else:
            response = chosen.response
            outcome = Outcome(
                chosen.status,
                response.reason if response is not None else reason_for(chosen.status),
                response,
                chosen.target.uri,
                early,
                challenges(fork.branches, chosen),
            )
        self.decide(fork, outcome, now)

    def give_back(self, branch: Branch) -> None:
        """A branch that has ended does not count any more (RFC 5393 5.3.3.1)."""
        self.used -= branch.breadth
        branch.breadth = 0

    def resume(self, now: float) -> None:
        """A branch has ended: another fork may have waited for its part of the Max-Breadth."""
        for fork in self.forks[:]:
            if fork.open and fork.waiting and all(each.ended for each in fork.branches):
                self._next_group(fork, now)

    def redirect(self, fork: Fork, branch: Branch, response: Message, now: float) -> None:
        """A 3xx of a fork that follows them: new branches take its place, those of the highest q
        first (RFC 3261 16.7 step 4)."""
        redirects = fork.request.redirects
        assert redirects is not None  # the fork asks only then
        waiting = [target for group in fork.waiting for target in group]
        tried = [*(each.target for each in self.branches), *waiting]
        found = redirection(redirects, response, branch.target, tried)
        if found.groups:
            first, *rest = found.groups
            fork.waiting[:0] = rest
            branch.followed = not found.status
            self.give_back(branch)
            self._start(first, fork, now)
        branch.end(found.status or response.status, found.response, now)

    def decide(self, fork: Fork, outcome: Outcome, now: float) -> None:
        """Give a fork its outcome."""
        fork.open = False
        fork.outcome = outcome
        if fork in self.forks:
            self.forks.remove(fork)
        if fork.request.decides and not self.answered and self.closing is None:
            self.closing = outcome
        self.outlet.settled(fork, now)

    def drop(self, branches: Sequence[Branch], reason: str, now: float) -> None:
        """Cancel the branches that have not ended."""
        if self.pending:
            for branch in branches:
                branch.drop(reason, now)

    def finish(self, now: float) -> None:
        """Send what is held if nothing is pending any more."""
        if self.pending and not (self.closing and not self.invite):
            return
        if not self.answered:
            if self.cancelled:
                self.answered = True
                self.outlet.answer(self, Outcome(487, reason_for(487)), now)
            elif self.closing is not None:
                self.answered = True
                self.outlet.answer(self, self.closing, now)
        if self.answered and not self.pending:
            if self.winner is not None:
                self.winner = _without_message(self.winner)
            elif self.closing is not None:
                self.closing = _without_message(self.closing)
            for branch in self.branches:
                branch.response = None
                branch.fork.forget()
            branches = self.branches
            self.branches = []
            if not self.finished:
                self.finished = True
                self.outlet.finished(self, branches)


def _without_message(outcome: Outcome) -> Outcome:
    """What later forks are told: the transaction outlives the call's set-up by half a minute, its
    messages need not."""
    return Outcome(outcome.status, outcome.reason, None, outcome.branch, outcome.early)
