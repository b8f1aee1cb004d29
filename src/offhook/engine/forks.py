"""Forks of requests: response contexts joined to the server side, the client side and the
application."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.downstream import DownstreamSide
from offhook.engine.events import Progress, Resolved
from offhook.engine.incoming import Incoming
from offhook.message.message import Message
from offhook.message.status import reason_for
from offhook.proxy.branch import Branch
from offhook.proxy.loop import loop_hash
from offhook.proxy.response_context import Fork, ResponseContext
from offhook.proxy.target import ForkRequest, Outcome
from offhook.transaction.owner import ClientTransaction

__all__ = ["Forks"]


class Forks(DownstreamSide):
    """Implements `proxy.response_context.Outlet`."""

    def context(self, incoming: Incoming, now: float) -> ResponseContext:
        """The response context of a request, made at its first fork or decision."""
        context = incoming.context
        if context is None and incoming.done:
            # a handler that goes on long after the answer: whatever it forks is over at once
            context = incoming.context = ResponseContext(self, incoming, invite=incoming.invite)
            context.answered = True
            context.closing = Outcome(480, reason_for(480))
        elif context is None:
            self._upstream.accept(incoming, now)
            if not incoming.loop_hash:
                incoming.loop_hash = loop_hash(incoming.message, incoming.core)
            context = incoming.context = ResponseContext(
                self,
                incoming,
                invite=incoming.invite,
                next_route=incoming.next_route,
                breadth=incoming.breadth,
            )
            if incoming.cancelled:
                context.cancel(incoming.cancel_reason, now)
        return context

    def fork(self, incoming: Incoming, request: ForkRequest, now: float) -> Fork:
        """Start a fork."""
        return self.context(incoming, now).fork(request, now)

    # Outlet --------------------------------------------------------------------------------------
    def start_ring(self, fork: Fork, delay: float, now: float) -> None:
        """Wake the fork later."""
        self._parts.timers.start(delay, now, fork, 0)

    def upstream(self, context: ResponseContext, response: Message, now: float) -> None:
        """A response of a branch goes to the caller."""
        if isinstance(context.handle, Incoming):
            self._upstream.relay(context.handle, response, now)

    def answer(self, context: ResponseContext, outcome: Outcome, now: float) -> None:
        """The final answer goes to the caller."""
        self._upstream.answer(context, outcome, now)

    def settled(self, fork: Fork, now: float) -> None:
        """Tell the application."""
        if not fork.request.decides:
            self._parts.events.append(Resolved(fork))

    def progress(self, fork: Fork, response: Message, now: float) -> None:
        """Tell the application."""
        if not fork.request.decides:
            self._parts.events.append(Progress(fork, response))

    def finished(self, context: ResponseContext, branches: Sequence[Branch]) -> None:
        """Let go of what only the running context needed."""
        incoming = context.handle
        if not isinstance(incoming, Incoming):
            return
        incoming.release()
        for branch in branches:
            if not branch.fork.request.decides or branch.fork.request.reply is not None:
                return  # a program may still ask this context, or wants to see a late 2xx
        incoming.settle()
        for branch in branches:
            machine = branch.transaction
            if isinstance(machine, ClientTransaction):
                machine.user = incoming if incoming.invite else None
                branch.transaction = None
