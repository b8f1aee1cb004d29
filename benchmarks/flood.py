"""Is a server still answering OPTIONS while damaged messages pour in, within 200 ms?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.probing import Answers, Tool, probe
from benchmarks.processes import cpu_seconds, datagrams_dropped, memory_bytes, process_tree
from benchmarks.workloads import Bench

__all__ = ["FLOOD_LIMIT", "FloodResult", "measure_flood"]

FLOOD_LIMIT = 0.2  # seconds
FLOOD_RATES = (2000, 10000)  # messages a second
PROBE_RATE = 20.0
SHORTER = 1.0  # seconds that the probes end before the flood


@dataclass(frozen=True, slots=True)
class FloodResult:
    """One flood. `lost` datagrams never reached the server: its socket was full."""

    server: str
    rate: int
    sent: int
    lost: int
    answers: Answers
    cpu_share: float
    grown_bytes: int
    alive: bool

    @property
    def in_time(self) -> bool:
        """Every probe was answered within the limit, and afterwards the server lives."""
        slowest = self.answers.percentile(1.0)
        return (
            self.alive and self.answers.lost == 0 and slowest is not None and slowest <= FLOOD_LIMIT
        )


def measure_flood(
    benches: Sequence[Bench], *, seconds: float, progress: Callable[[str], None]
) -> list[FloodResult]:
    """Flood each server at each rate."""
    results = []
    for rate in FLOOD_RATES:
        for bench in benches:
            result = _flood(bench, rate, seconds)
            slowest = (result.answers.percentile(1.0) or 0) * 1000
            told = f"slowest answer {slowest:.1f} ms, {result.answers.lost} unanswered"
            progress(f"flood of {rate}/s {result.server:10} {told}")
            results.append(result)
    return results


def _flood(bench: Bench, rate: int, seconds: float) -> FloodResult:
    server = bench.server
    port = server.place.port
    memory = memory_bytes(server.pid)
    cpu = cpu_seconds(server.pid)
    dropped = datagrams_dropped([port])
    arguments = ["--server", str(port), "--rate", str(rate), "--seconds", str(seconds)]
    flooder = Tool("flooder", arguments, bench.core)
    try:
        length = seconds - SHORTER
        answers = probe("options", port, rate=PROBE_RATE, seconds=length, core=bench.core)
        sent = int(flooder.output(seconds + 20.0))
    finally:
        flooder.stop()
    after = probe("options", port, rate=PROBE_RATE, seconds=0.5, core=bench.core)
    return FloodResult(
        server=server.name,
        rate=rate,
        sent=sent,
        lost=datagrams_dropped([port]) - dropped,
        answers=answers,
        cpu_share=(cpu_seconds(server.pid) - cpu) / seconds,
        grown_bytes=memory_bytes(server.pid) - memory,
        alive=bool(after.seconds) and bool(process_tree(server.pid)),
    )
