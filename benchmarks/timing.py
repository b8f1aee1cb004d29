"""Timing of small steps for the micro benchmarks: the best of several rounds, in µs a step."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["ROUNDS", "Timing", "best_of", "show"]

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Timing:
    """One step. `budget` is in µs too, None if performance has no figure for it."""

    name: str
    microseconds: float
    budget: float | None = None


def best_of(prepare: Callable[[], Callable[[], object]], steps: int) -> float:
    """Run what `prepare` returns once a round (it makes `steps` steps); the best, in µs a step.

    The garbage collector runs between rounds and not within, as in `timeit`.
    """
    best = float("inf")
    for _ in range(ROUNDS):
        work = prepare()
        gc.collect()
        gc.disable()
        try:
            started = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - started)
        finally:
            gc.enable()
    return best / steps * 1e6


def show(title: str, timings: Iterable[Timing]) -> None:
    """Print a table."""
    print(f"{title} ({platform.python_implementation()} {platform.python_version()}), µs")
    for timing in timings:
        row = f"{timing.name:34} {timing.microseconds:8.2f}"
        if timing.budget is not None:
            verdict = "holds" if timing.microseconds <= timing.budget else "MISSED"
            row += f"   budget {timing.budget:g}: {verdict}"
        print(row)
