"""Interleaved rounds: A B A B, the peer a second time for the noise, medians and ratios of the
rounds that count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.processes import BenchmarkError, cpu_seconds
from benchmarks.sipp import Sipp
from benchmarks.workloads import Bench, Level, Round, Workload, binding_load, run_round

__all__ = ["LevelResult", "Pace", "Series", "measure_level", "prepare"]

SPARE_ROUNDS = 3  # extra attempts for rounds that were thrown away
CALIBRATION_ITEMS = 1000
IDLE_SECONDS = 1.0
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure. `drain` seconds after the last round, finished transactions have gone; 0
    leaves that out.
    """

    rounds: int
    seconds: float
    drain: float


@dataclass(slots=True)
class Series:
    """The rounds of one server at one level."""

    label: str
    rounds: list[Round] = field(default_factory=list)
    with_cleanup: float | None = (
        None  # µs an item, with all that the server does about it after the load has ended
    )

    def valid(self) -> list[Round]:
        """The rounds that count."""
        return [item for item in self.rounds if not item.fault]

    def median(self) -> float | None:
        """CPU time of one item in µs."""
        values = [item.microseconds for item in self.valid()]
        return statistics.median(values) if values else None


@dataclass(slots=True)
class LevelResult:
    """All series of one level of one workload; the first is the peer, the last of two peers tells
    the noise.
    """

    workload: str
    level: str
    items: int
    budget: float
    series: list[Series]

    def ratio(self, label: str, *, cleanup: bool = False) -> float | None:
        """A series against the first one."""
        values = [
            series.with_cleanup if cleanup else series.median()
            for series in (self._named(label), self.series[0])
        ]
        if values[0] is None or not values[1]:
            return None
        return values[0] / values[1]

    def has(self, label: str) -> bool:
        """True if this server took part."""
        return any(series.label == label for series in self.series)

    def without_rounds(self) -> list[str]:
        """The servers of which no round counts."""
        return [series.label for series in self.series if not series.valid()]

    def _named(self, label: str) -> Series:
        return next(series for series in self.series if series.label == label)


def prepare(bench: Bench, workload: Workload) -> None:
    """Bind the users if calls go to them, and warm the server up."""
    if workload.calls:
        folder = bench.next_folder()
        loader = Sipp(binding_load(bench, workload.transport), folder, bench.core)
        finished = loader.wait(60.0)
        tally = loader.tally()
        if not finished or tally.succeeded != bench.users:
            registered = f"{tally.succeeded} of {bench.users} users registered"
            raise BenchmarkError(f"{bench.server.name}: {registered}; see {folder}")
    rate = min(level.rate for level in workload.levels if level.rate)
    warm_up = run_round(bench, workload, Level("warm-up", rate=rate), workload.warm_up)
    if warm_up.fault:
        name = f"{bench.server.name}: {workload.name}"
        raise BenchmarkError(f"{name} does not work: {warm_up.fault}")


def measure_level(
    benches: Sequence[Bench], workload: Workload, level: Level, *, pace: Pace, progress: Progress
) -> LevelResult:
    """Run the rounds of all servers in turns."""
    items = int(pace.seconds * (level.rate or _closed_loop_rate(benches[0], workload, level)))
    if not level.rate:
        items = min(items, workload.most_items)
    series = [Series(bench.server.name) for bench in benches]
    meters = [_Meter(bench) for bench in benches]
    for attempt in range(pace.rounds + SPARE_ROUNDS):
        for bench, entry in zip(benches, series, strict=True):
            if len(entry.valid()) < pace.rounds:
                result = run_round(bench, workload, level, items)
                entry.rounds.append(result)
                progress(_line(workload, level, entry.label, attempt, result))
    if pace.drain and level.name == "high":
        time.sleep(pace.drain)
        for meter, entry in zip(meters, series, strict=True):
            entry.with_cleanup = meter.microseconds(sum(item.items for item in entry.rounds))
    return LevelResult(workload.name, level.name, items, workload.budget, series)


class _Meter:
    """CPU time of a server from now on, less what it uses when idle."""

    def __init__(self, bench: Bench) -> None:
        self._pid = bench.server.pid
        before = cpu_seconds(self._pid)
        time.sleep(IDLE_SECONDS)
        self._cpu = cpu_seconds(self._pid)
        self._idle = (self._cpu - before) / IDLE_SECONDS
        self._started = time.monotonic()

    def microseconds(self, items: int) -> float:
        elapsed = time.monotonic() - self._started
        return (cpu_seconds(self._pid) - self._cpu - self._idle * elapsed) / items * 1e6


def _closed_loop_rate(bench: Bench, workload: Workload, level: Level) -> float:
    """Items a second that the peer reaches, from a short run."""
    trial = run_round(bench, workload, level, CALIBRATION_ITEMS)
    return CALIBRATION_ITEMS / trial.seconds


def _line(workload: Workload, level: Level, label: str, attempt: int, result: Round) -> str:
    verdict = f"thrown away: {result.fault}" if result.fault else "counts"
    figures = f"{result.microseconds:8.1f} µs/item {result.cpu_share * 100:5.1f} % CPU"
    return f"{workload.name:16} {level.name:7} round {attempt + 1} {label:10} {figures}  {verdict}"
