"""What a timer costs: setting one and letting it fire, in the FIFOs and on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.timing import Timing, best_of, show
from offhook.transaction import Timers

__all__ = ["main"]

COUNT = 20_000
DELAYS = (0.5, 32.0, 5.0, 4.0)  # T1, 64*T1, T4, T2
BUDGET = 0.2  # µs a timer


class _Target:
    """Counts what fires."""

    __slots__ = ("fired",)

    def __init__(self) -> None:
        self.fired = 0

    def fire(self, letter: int, now: float) -> None:
        self.fired += 1


def _start() -> Callable[[], object]:
    timers, target = Timers(), _Target()

    def work() -> None:
        start = timers.start
        for number in range(COUNT // len(DELAYS)):
            now = number * 0.001
            for delay in DELAYS:
                start(delay, now, target, 1)

    return work


def _fire() -> Callable[[], object]:
    timers, target = Timers(), _Target()
    for number in range(COUNT // len(DELAYS)):
        for delay in DELAYS:
            timers.start(delay, number * 0.001, target, 1)

    def work() -> None:
        for step in range(500):  # turns of a loop, with some 40 due timers each
            timers.advance(step * 0.1)

    return work


def _on_the_loop() -> Callable[[], object]:
    loop = asyncio.new_event_loop()

    def work() -> None:
        for number in range(COUNT):
            loop.call_later(DELAYS[number % len(DELAYS)], _nothing).cancel()
        loop.close()

    return work


def _nothing() -> None:
    """What the event loop would call."""


def main() -> None:
    """Print the table."""
    timings = [
        Timing("start", best_of(_start, COUNT), BUDGET),
        Timing("fire", best_of(_fire, COUNT)),
        Timing("call_later and cancel, to compare", best_of(_on_the_loop, COUNT)),
    ]
    show("timers", timings)


if __name__ == "__main__":
    main()
