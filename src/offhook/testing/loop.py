"""A deterministic asyncio loop: when nothing is ready, time jumps to the next timer.

Nothing comes in from outside: threads, sockets, DNS and processes raise, and a program that waits
for what cannot happen any more is an error that names who waits. Timers of one instant run in the
order they were set, which the stock loop does not promise. The network that goes with it is
`network.VirtualNetwork`.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from heapq import heappush
from typing import NoReturn, TypeVar, TypeVarTuple

from offhook.errors import UsageError

__all__ = ["Stuck", "VirtualLoop", "run_virtual"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_ASYNCIO = asyncio.__file__.rpartition("/")[0]  # the folder whose frames tell nothing
SPIN_LIMIT = 100_000  # turns at one instant: more is a program that never waits


class Stuck(UsageError):  # noqa: N818 - a state of the simulation, not of the library
    """Nothing can happen any more, or time does not pass; the text names who waits and where."""


class _Timer(asyncio.TimerHandle):
    """A timer that goes after those of the same instant that were set before it."""

    __slots__ = ("order",)

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[object],
        *,
        loop: VirtualLoop,
        context: Context | None,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self.order = loop.timers_set

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        if isinstance(other, _Timer):
            return (self.when(), self.order) < (other.when(), other.order)
        return NotImplemented


class _Clock:
    """Stands where `BaseEventLoop` has its selector, and moves the time instead of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._turns = 0

    def select(self, timeout: float | None) -> Sequence[object]:
        loop = self._loop
        if timeout is None:
            raise Stuck(f"nothing can happen any more; waiting: {_waiting(loop)}")
        if timeout > 0:
            self._turns = 0
            loop.jump()
            return ()
        self._turns += 1
        if self._turns > SPIN_LIMIT:
            raise Stuck(f"time stands still at {loop.time()}; running: {_waiting(loop)}")
        return ()

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. `time()` begins at `start` seconds and passing `limit` is an error; `failures` are
    exceptions nobody caught."""

    _scheduled: list[asyncio.TimerHandle]  # the heap of BaseEventLoop
    _clock_resolution: float
    _selector: _Clock

    def __init__(self, start: float = 0.0, *, limit: float = math.inf) -> None:
        self._now = start
        self._limit = limit
        self.timers_set = 0
        self.failures: list[BaseException] = []
        super().__init__()
        self._selector = _Clock(self)
        self._clock_resolution = math.ulp(start)
        self._home = threading.get_ident()
        self.set_exception_handler(_keep)

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def jump(self) -> None:
        """Go to the time of the next timer, exactly: no sum of floats."""
        self._now = self._scheduled[0].when()
        if self._now > self._limit:
            raise Stuck(f"not done after {self._limit} seconds; waiting: {_waiting(self)}")
        # more than 0, or a timer that is due would never fire; less than any step, or one would
        # fire before its time
        self._clock_resolution = math.ulp(self._now)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As the stock loop; timers of one instant keep their order."""
        self.timers_set += 1
        timer = _Timer(when, callback, args, loop=self, context=context)
        timer._scheduled = True  # type: ignore[attr-defined]  # as BaseEventLoop.call_at does
        heappush(self._scheduled, timer)
        return timer

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """From the loop's own thread only. Raises UsageError."""
        if threading.get_ident() != self._home:
            raise UsageError(
                "a thread calls into a virtual-time loop: give the code under test a store or "
                "client without threads"
            )
        return self.call_soon(callback, *args, context=context)

    def _process_events(self, event_list: Sequence[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a system call."""


def _forbidden(*_args: object, **_options: object) -> NoReturn:
    raise UsageError(
        "not in virtual time: threads, sockets, DNS and processes belong behind an interface of "
        "offhook.runtime or offhook.storage that the simulation replaces"
    )


for _name in (
    "add_reader",
    "add_writer",
    "connect_accepted_socket",
    "create_connection",
    "create_datagram_endpoint",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "getaddrinfo",
    "getnameinfo",
    "run_in_executor",
    "sock_accept",
    "sock_connect",
    "sock_recv",
    "sock_recvfrom",
    "sock_sendall",
    "sock_sendto",
    "subprocess_exec",
    "subprocess_shell",
):
    setattr(VirtualLoop, _name, _forbidden)


def _keep(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """An exception that nobody caught ends the run, instead of a line in a log."""
    error = context.get("exception")
    if isinstance(loop, VirtualLoop):
        kept = error if isinstance(error, BaseException) else None
        loop.failures.append(kept or UsageError(str(context.get("message"))))


def _waiting(loop: VirtualLoop) -> str:
    """The tasks of the loop with the line that each waits at, in a stable order."""
    return ", ".join(sorted(map(_place, asyncio.all_tasks(loop)))) or "nobody"


def _place(task: asyncio.Task[object]) -> str:
    """The coroutines of a task from the outermost in, and the line of its innermost one."""
    names: list[str] = []
    line = ""
    coroutine: object = task.get_coro()
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        if _ASYNCIO not in frame.f_code.co_filename:
            names.append(frame.f_code.co_name)
            line = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
        coroutine = getattr(coroutine, "cr_await", None)
    return f"{' > '.join(names)} ({line})" if names else task.get_name()


def run_virtual(
    main: Coroutine[object, object, T], start: float = 0.0, *, limit: float = math.inf
) -> T:
    """`asyncio.run` in virtual time. Raises Stuck for a deadlock or after `limit`, and what nobody
    caught."""
    loop = VirtualLoop(start, limit=limit)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(main)
    if loop.failures:
        raise loop.failures[0]
    return result
