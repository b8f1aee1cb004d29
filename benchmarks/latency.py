"""Time of a call's set-up while the server handles other calls, against the peer and its noise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.probing import Answers, probe
from benchmarks.workloads import Bench, Level, Workload, run_round

__all__ = ["LATENCY_RATES", "LatencyResult", "measure_latency"]

LATENCY_RATES = (200, 1000)  # calls a second of the load
PROBE_RATE = 50.0
SHORTER = 1.0  # seconds that the probes end before the load
NOTHING = Answers((), 0)


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """Answer times of all servers under the same load; the first is the peer."""

    rate: int
    answers: dict[str, Answers]
    faults: dict[str, list[str]]

    def ratio(self, label: str, share: float) -> float | None:
        """A percentile against the first server's."""
        ours = self.answers[label].percentile(share)
        peers = next(iter(self.answers.values())).percentile(share)
        return ours / peers if ours is not None and peers else None


def measure_latency(
    benches: Sequence[Bench],
    workload: Workload,
    *,
    rounds: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[LatencyResult]:
    """Probe all servers in turns at each rate."""
    results = []
    for rate in LATENCY_RATES:
        answers = {bench.server.name: NOTHING for bench in benches}
        faults: dict[str, list[str]] = {bench.server.name: [] for bench in benches}
        for number in range(rounds):
            for bench in benches:
                name = bench.server.name
                found, fault = _probe_under_load(bench, workload, rate, seconds)
                if fault:
                    faults[name].append(fault)
                else:
                    answers[name] = answers[name].joined(found)
                progress(f"latency at {rate}/s round {number + 1} {name:10} {_line(found, fault)}")
        results.append(LatencyResult(rate, answers, faults))
    return results


def _probe_under_load(
    bench: Bench, workload: Workload, rate: int, seconds: float
) -> tuple[Answers, str]:
    faults: list[str] = []

    def load() -> None:
        level = Level("latency", rate=rate)
        faults.append(run_round(bench, workload, level, int(rate * seconds)).fault)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        port = bench.server.place.port
        length = seconds - SHORTER
        answers = probe("call", port, rate=PROBE_RATE, seconds=length, core=bench.core)
    finally:
        thread.join()
    fault = faults[0] if faults else "the load did not run"
    return answers, fault or (f"{answers.lost} probes without an answer" if answers.lost else "")


def _line(answers: Answers, fault: str) -> str:
    if fault:
        return f"thrown away: {fault}"
    middle, high = answers.median(), answers.percentile(0.99)
    return f"p50 {(middle or 0) * 1000:.2f} ms, p99 {(high or 0) * 1000:.2f} ms"
