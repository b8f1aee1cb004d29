"""A fork as programs see it: a value until it is awaited or returned (RFC 3261 16.6, 16.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from types import TracebackType
from typing import Protocol

from offhook.errors import CallerCancelled, UsageError
from offhook.exchange.redirects import Redirect
from offhook.exchange.targets import TargetLike
from offhook.message.message import Message
from offhook.proxy.response_context import Fork as RunningFork
from offhook.proxy.target import Outcome

__all__ = ["Fork", "ForkOptions", "Starter"]

Edit = Callable[[Message], None]


class ForkOptions:
    """What a fork is asked to do; times in seconds."""

    __slots__ = ("branch", "by_q", "first", "redirect", "reply", "ring")

    def __init__(
        self,
        *,
        ring: float,
        first: float | None,
        by_q: bool,
        branch: Edit | None,
        reply: Edit | None,
        redirect: Redirect | None = None,
    ) -> None:
        if ring <= 0 or (first is not None and first <= 0):
            raise UsageError("fork: ring and first are seconds above 0")
        self.ring = ring
        self.first = first
        self.by_q = by_q
        self.branch = branch
        self.reply = reply
        self.redirect = redirect  # None: as the profile says


class Starter(Protocol):
    """The request that is forked."""

    def start_fork(self, fork: Fork, *, decides: bool) -> RunningFork:
        """Send it on."""

    def add_to_fork(self, running: RunningFork, target: TargetLike) -> None:
        """A late branch."""

    def abandon_fork(self, running: RunningFork) -> None:
        """Nobody waits for it any more."""

    @property
    def cancelled(self) -> bool:
        """The caller gave up."""


class Fork:
    """`await` it for its Outcome, return it as the decision, or use it as a context manager to add
    branches and see provisionals.

    Awaiting raises CallerCancelled if the caller gave up meanwhile. Leaving the wait early
    (timeout, exception) cancels the branches.
    """

    __slots__ = ("_news", "_request", "_running", "_waiters", "options", "targets")

    def __init__(
        self, request: Starter, targets: Sequence[TargetLike], options: ForkOptions
    ) -> None:
        self._request = request
        self.targets = targets
        self.options = options
        self._running: RunningFork | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._news: asyncio.Queue[Message | None] | None = None

    def __await__(self) -> Generator[object, None, Outcome]:
        return self._wait().__await__()

    async def __aenter__(self) -> Fork:
        self._news = asyncio.Queue()
        self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        running = self._running
        if kind is not None and running is not None and running.open:
            self._request.abandon_fork(running)

    @property
    def started(self) -> bool:
        """True once it has begun: it was awaited, entered or added to."""
        return self._running is not None

    def add(self, target: TargetLike) -> None:
        """A late branch joins; nothing happens if the fork has its outcome already."""
        self._request.add_to_fork(self._start(), target)

    async def provisional(self) -> AsyncIterator[Message]:
        """The 101-199 responses as they come (they have gone upstream already); ends with the fork.
        Needs `async with`."""
        if self._news is None:
            raise UsageError("provisional() works inside `async with request.fork(...) as fork`")
        while (response := await self._news.get()) is not None:
            yield response

    async def _wait(self) -> Outcome:
        running = self._start()
        if running.open:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
                if running.open and not self._waiters:
                    self._request.abandon_fork(running)
        outcome = running.outcome
        if outcome is None:
            raise UsageError("this fork was abandoned and has no outcome")
        if self._request.cancelled and not outcome.ok:
            raise CallerCancelled("the caller cancelled the request")
        return outcome

    def _start(self) -> RunningFork:
        if self._running is None:
            self._running = self._request.start_fork(self, decides=False)
            self._running.handle = self
            if self._running.outcome is not None:
                self.settled()
        return self._running

    # told by the dispatcher ----------------------------------------------------------------------
    def settled(self) -> None:
        """The outcome is there."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._news is not None:
            self._news.put_nowait(None)

    def progress(self, response: Message) -> None:
        """A provisional response came."""
        if self._news is not None:
            self._news.put_nowait(response)
