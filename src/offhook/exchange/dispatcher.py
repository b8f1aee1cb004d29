"""From the engine's events to handlers, and from their decisions back to the engine.

A handler that is a plain function is applied at once; an `async def` gets a Task that belongs to
its request. Nothing that a handler raises leaves here: the caller gets 500, the log the trace.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import structlog

from offhook.engine.events import (
    AckReceived,
    Answered,
    Cancelled,
    DestinationChanged,
    Event,
    FlowFailed,
    FlowLost,
    Progress,
    RequestReceived,
    Resolved,
)
from offhook.engine.incoming import Incoming, OwnReply
from offhook.errors import CallerCancelled, PeerError, StorageError, UsageError
from offhook.exchange import builtin
from offhook.exchange.admission import Doorkeeper
from offhook.exchange.authentication import Authenticator
from offhook.exchange.fork import Fork
from offhook.exchange.handlers import Decision, Handlers
from offhook.exchange.in_dialog import acknowledge, in_dialog
from offhook.exchange.registration_events import RegistrationEvents
from offhook.exchange.relay import Relay
from offhook.exchange.reply import Reply
from offhook.exchange.request import Request
from offhook.exchange.serving import Serving
from offhook.exchange.sips import contact_for
from offhook.exchange.verdict import Delayed, Pending
from offhook.proxy.target import ForkRequest, Outcome, Target
from offhook.runtime.complaints import Complaints

__all__ = ["Dispatcher"]

log = structlog.get_logger()

Answer = Decision | OwnReply | ForkRequest
Lost = Callable[[str], None]
UNMATCHED = frozenset({"ACK", "CANCEL"})


class Dispatcher:
    """The engine's application for one program on one server."""

    def __init__(self, serving: Serving, handlers: Handlers, lost: Lost) -> None:
        self._serving = serving
        self._handlers = handlers
        self._lost = lost  # told the names of connections that ended
        self._authenticator = Authenticator(serving)
        self._doorkeeper = Doorkeeper(serving, self._authenticator)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        # a request of anybody looks something up: with a frozen database each one would be a line
        self._storage_failures = Complaints(serving.clock.now, "error")
        serving.engine.show_unmatched(handlers.unmatched)
        self._registrations = RegistrationEvents(
            handlers, serving.bindings, serving.clock.unix, serving.gruus
        )

    def handle(self, event: Event) -> None:
        """One event of the engine."""
        if type(event) is RequestReceived:
            self._received(event.incoming)
        elif type(event) is Resolved:
            if isinstance(event.fork.handle, Fork):
                event.fork.handle.settled()
        elif type(event) is Progress:
            if isinstance(event.fork.handle, Fork):
                event.fork.handle.progress(event.response)
        elif type(event) is FlowLost:
            self._lost(event.flow.name)
        elif type(event) is Answered:
            if callable(event.outgoing.handle):
                event.outgoing.handle(event.outgoing, event.response)
        elif type(event) is FlowFailed:
            self._flow_failed(event.target)
        elif type(event) is AckReceived:
            self._acknowledge(event.incoming)
        elif type(event) is DestinationChanged:
            _note_destination(event)
        elif type(event) is Cancelled:
            log.debug("cancelled", call_id=event.incoming.core.call_id)

    def _flow_failed(self, target: Target) -> None:
        """What an edge cannot reach any more is no way to a phone."""

        def is_it(contact: str) -> bool:
            return target.uri in (contact, contact_for(contact, secure=False))

        try:
            self._serving.flows.failed(target.aor, target.path, is_it)
        except StorageError as error:
            self._storage_failures.tell("storage_failed", aor=target.aor, error=str(error))
        else:
            log.info("flow_failed", aor=target.aor, contact=target.uri)

    async def stop(self) -> None:
        """End every handler and hook that still runs; from now on requests are refused."""
        self._stopped = True
        await self._registrations.stop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _acknowledge(self, incoming: Incoming) -> None:
        """An ACK to an AoR of ours: from a dialog that we routed, or where nobody is challenged."""
        serving = self._serving
        if incoming.token is None and (
            serving.profiles[incoming.flow.profile].authenticate
            or self._doorkeeper.banned(incoming)
        ):
            return
        for phone in acknowledge(serving, incoming):
            serving.engine.forward_stateless(incoming, phone, serving.clock.now())

    # requests ------------------------------------------------------------------------------------
    def _received(self, incoming: Incoming) -> None:
        serving = self._serving
        if self._stopped:
            if incoming.message.method != "ACK":
                serving.engine.respond(incoming, 503, serving.clock.now())
            return
        profile = serving.profiles[incoming.flow.profile]
        request = Request(serving, incoming, profile, self._authenticator.waiting)
        incoming.handle = request
        method = incoming.message.method
        if method in UNMATCHED:
            self._unmatched(request)
            return
        try:
            handler = self._handlers.of(method)
            verdict = self._doorkeeper.admit(request, handled=handler is not None)
            if verdict is None:
                self._route(request)
            elif isinstance(verdict, OwnReply):
                self._apply(request, verdict)
            elif isinstance(verdict, Pending):
                self._start(request, self._authenticate_then_route(request))
            else:
                self._delay(request, verdict)
        except Exception as error:
            self._failed(request, error)

    def _unmatched(self, request: Request) -> None:
        """An ACK or CANCEL of no transaction goes where the program sent its INVITE, without state.
        It is never challenged (RFC 3261 22.1)."""
        serving = self._serving
        now = serving.clock.now()
        if self._doorkeeper.banned(request.incoming):
            return
        try:
            handler = self._handlers.of(request.method)
            answer = handler(request) if handler is not None else None
            if isinstance(answer, Relay):
                serving.engine.relay_stateless(request.incoming, answer.target, now)
                return
            if asyncio.iscoroutine(answer):
                answer.close()
                log.error("handler_must_not_wait", call_id=request.call_id, method=request.method)
        except Exception as error:
            log.error(
                "handler_failed", call_id=request.call_id, method=request.method, exc_info=error
            )
        if request.method == "CANCEL":
            serving.engine.respond(request.incoming, 481, now)

    def _route(self, request: Request) -> None:
        answer = self._handler_answer(request)
        if isinstance(answer, (ForkRequest, OwnReply)) or (
            isinstance(answer, Fork) and not answer.started
        ):
            self._apply(request, answer)
        elif isinstance(answer, Awaitable):
            self._start(request, self._finish(request, answer))
        else:
            self._apply(request, answer)

    def _handler_answer(self, request: Request) -> Answer | Awaitable[Answer]:
        method = request.method
        serving = self._serving
        handler = self._handlers.of(method)
        if request.incoming.token is not None:
            return in_dialog(serving, request)
        if handler is not None:
            return handler(request)
        if method == "REGISTER":
            return builtin.register(serving, request)
        if method == "OPTIONS":
            return builtin.options(serving, request)
        return builtin.call(serving, request)

    async def _authenticate_then_route(self, request: Request) -> None:
        verdict = await self._authenticator.waiting(request)
        if isinstance(verdict, Delayed):
            await self._answer_late(request, verdict)
        elif verdict is not None:
            self._apply(request, verdict)
        else:
            await self._finish(request, self._handler_answer(request))

    async def _finish(self, request: Request, answer: Answer | Awaitable[Answer]) -> None:
        if not isinstance(answer, Fork) and isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, Fork) and answer.started:
            answer = await answer  # it rings already: nobody is rung twice
        self._apply(request, answer)

    # tasks ---------------------------------------------------------------------------------------
    def _start(self, request: Request, work: Awaitable[None]) -> None:
        """Give a request a Task. From now on it has a transaction; an INVITE gets its 100 if the
        handler waits."""
        serving = self._serving
        serving.engine.accept(request.incoming, serving.clock.now())
        loop = asyncio.get_running_loop()
        run = self._run(request, work)
        if sys.version_info >= (3, 12):
            task = asyncio.Task(run, loop=loop, eager_start=True)
        else:
            task = asyncio.Task(run, loop=loop)
        if task.done():
            return
        request.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if request.incoming.invite:
            loop.call_soon(self._trying, request)

    def _trying(self, request: Request) -> None:
        if request.task is not None and not request.task.done():
            self._serving.engine.trying(request.incoming, self._serving.clock.now())
            self._serving.flush()

    async def _run(self, request: Request, work: Awaitable[None]) -> None:
        try:
            await work
        except CallerCancelled:
            log.debug("caller_cancelled", call_id=request.call_id)
        except Exception as error:
            self._failed(request, error)
        finally:
            self._serving.flush()

    def _delay(self, request: Request, delayed: Delayed) -> None:
        if delayed.reply is None:
            return  # banned: no answer, no transaction
        self._start(request, self._answer_late(request, delayed))

    async def _answer_late(self, request: Request, delayed: Delayed) -> None:
        if delayed.reply is not None:
            await asyncio.sleep(delayed.seconds)
            self._apply(request, delayed.reply)

    # decisions -----------------------------------------------------------------------------------
    def _apply(self, request: Request, answer: Answer) -> None:
        engine = self._serving.engine
        now = self._serving.clock.now()
        incoming = request.incoming
        if isinstance(answer, ForkRequest):
            engine.fork(incoming, answer, now)
        elif isinstance(answer, Fork):
            request.start_fork(answer, decides=True)
        elif isinstance(answer, OwnReply):
            sent = engine.respond(
                incoming,
                answer.status,
                now,
                reason=answer.reason,
                headers=answer.headers,
                body=answer.body,
            )
            self._tell(request, answer.status, sent=sent)
        elif isinstance(answer, Reply):
            sent = engine.respond(
                incoming,
                answer.status,
                now,
                reason=answer.phrase,
                headers=answer.lines(),
                body=answer.body,
            )
            self._tell(request, answer.status, sent=sent)
        elif isinstance(answer, Relay):
            if incoming.invite and self._handlers.unmatched != UNMATCHED:
                raise UsageError('relay_stateless: declare the handler for "ACK" and "CANCEL" too')
            engine.relay_stateless(incoming, answer.target, now)
        elif isinstance(answer, Outcome) and incoming.context is not None:
            engine.answer(incoming, answer, now)
        elif isinstance(answer, Outcome):
            engine.respond(incoming, answer.status, now, reason=answer.reason)
        else:
            self._serving.counters.handlers_failed += 1
            log.error("no_decision", call_id=request.call_id, got=type(answer).__name__)
            engine.respond(incoming, 500, now)

    def _tell(self, request: Request, status: int, *, sent: bool) -> None:
        if request.method == "REGISTER":
            self._serving.counters.registered(status)
        if not sent and not request.cancelled:
            log.warning("answer_not_sent", call_id=request.call_id, status=status)

    def _failed(self, request: Request, error: Exception) -> None:
        """A handler raised: 500 to the caller, unless a final answer went up already."""
        if isinstance(error, PeerError):
            status = error.status
            log.info("refused", call_id=request.call_id, status=status, reason=error.reason)
        elif isinstance(error, StorageError):
            status = 503
            self._serving.counters.storage_failed += 1
            self._storage_failures.tell("storage_failed", call_id=request.call_id, error=str(error))
        else:
            status = 500
            self._serving.counters.handlers_failed += 1
            log.error(
                "handler_failed", call_id=request.call_id, method=request.method, exc_info=error
            )
        self._serving.engine.respond(request.incoming, status, self._serving.clock.now())


def _note_destination(event: DestinationChanged) -> None:
    """One line for each change, however many calls it met."""
    hop = event.hop
    place = {"transport": hop.transport, "host": hop.host, "port": hop.port}
    bound = log.bind(domain=hop.server_name, **place)
    if event.what == "recovered":
        bound.info("destination_recovered")
    else:
        bound.warning("destination_failed", reason=event.what, avoided=round(event.seconds))
