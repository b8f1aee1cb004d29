"""Everything that one run found, its verdicts against the budgets, and its form as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.environment import Commit, ServerBuild
from benchmarks.findings import Finding, Verdict
from benchmarks.flood import FLOOD_LIMIT, FloodResult
from benchmarks.latency import LatencyResult
from benchmarks.memory import MemoryResult
from benchmarks.micro import MicroResult
from benchmarks.probing import Answers
from benchmarks.rounds import LevelResult
from benchmarks.startup import StartResult

__all__ = ["AGAIN", "OURS", "PEER", "Results"]

PEER = "kamailio"
OURS = "offhook"
AGAIN = "kamailio-2"
IMPORT_BUDGET = 0.150  # seconds
READY_BUDGET = 1.0  # seconds


@dataclass(slots=True)
class Results:
    """Filled by the suites. `failures` are measurements that could not be made."""

    commit: Commit
    machine: dict[str, object]
    started: str
    options: dict[str, object]
    builds: dict[str, ServerBuild] = field(default_factory=dict)
    levels: list[LevelResult] = field(default_factory=list)
    latency: list[LatencyResult] = field(default_factory=list)
    memory: list[MemoryResult] = field(default_factory=list)
    start: StartResult | None = None
    floods: list[FloodResult] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    micro: list[MicroResult] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def verdicts(self) -> list[Verdict]:
        """Every budget that this run measured."""
        return [
            *self._ratio_verdicts(),
            *self._memory_verdicts(),
            *self._start_verdicts(),
            *self._flood_verdicts(),
            *(verdict for finding in self.findings for verdict in finding.verdicts),
        ]

    def _ratio_verdicts(self) -> Iterator[Verdict]:
        for level in self.levels:
            for cleanup, suffix in ((False, ""), (True, ", with clean-up")):
                ratio = level.ratio(OURS, cleanup=cleanup) if level.has(OURS) else None
                if ratio is not None:
                    what = f"{level.workload} {level.level}{suffix}, CPU against {PEER}"
                    holds = ratio <= level.budget
                    yield Verdict(what, f"{ratio:.2f}", f"<= {level.budget:.1f}", holds)

    def _memory_verdicts(self) -> Iterator[Verdict]:
        for item in self.memory:
            if item.server == OURS:
                holds = item.bytes_each <= item.budget
                measured, budget = f"{item.bytes_each:.0f} bytes", f"<= {item.budget} bytes"
                yield Verdict(f"memory of a {item.what}", measured, budget, holds)

    def _start_verdicts(self) -> Iterator[Verdict]:
        if self.start is None:
            return
        times = [("time to import the library", self.start.import_seconds, IMPORT_BUDGET)]
        times.append(("time to `ready`", self.start.ready_seconds, READY_BUDGET))
        for what, seconds, budget in times:
            measured, limit = f"{seconds * 1000:.0f} ms", f"<= {budget * 1000:.0f} ms"
            yield Verdict(what, measured, limit, seconds <= budget)

    def _flood_verdicts(self) -> Iterator[Verdict]:
        for item in self.floods:
            if item.server == OURS:
                slowest = item.answers.percentile(1.0)
                measured = "none answered" if slowest is None else f"{slowest * 1000:.0f} ms"
                if item.answers.lost:
                    measured += f", {item.answers.lost} unanswered"
                what = f"slowest OPTIONS in a flood of {item.rate}/s"
                yield Verdict(what, measured, f"<= {FLOOD_LIMIT * 1000:.0f} ms", item.in_time)

    def as_json(self) -> dict[str, object]:
        """Plain dictionaries, lists, texts and numbers."""
        return {
            "commit": dataclasses.asdict(self.commit),
            "started": self.started,
            "machine": self.machine,
            "options": self.options,
            "builds": {name: dataclasses.asdict(build) for name, build in self.builds.items()},
            "levels": [_level_json(level) for level in self.levels],
            "latency": [_latency_json(item) for item in self.latency],
            "memory": [dataclasses.asdict(item) for item in self.memory],
            "start": None if self.start is None else dataclasses.asdict(self.start),
            "floods": [_flood_json(item) for item in self.floods],
            "findings": [dataclasses.asdict(item) for item in self.findings],
            "micro": [dataclasses.asdict(item) for item in self.micro],
            "verdicts": [dataclasses.asdict(verdict) for verdict in self.verdicts()],
            "failures": self.failures,
        }


def _level_json(level: LevelResult) -> dict[str, object]:
    ratios = {series.label: level.ratio(series.label) for series in level.series}
    medians = {series.label: series.median() for series in level.series}
    return {**dataclasses.asdict(level), "medians": medians, "ratios": ratios}


def _answers_json(answers: Answers) -> dict[str, object]:
    return {
        "answered": len(answers.seconds),
        "lost": answers.lost,
        "p50": answers.percentile(0.5),
        "p99": answers.percentile(0.99),
        "slowest": answers.percentile(1.0),
    }


def _latency_json(result: LatencyResult) -> dict[str, object]:
    answers = {label: _answers_json(item) for label, item in result.answers.items()}
    return {"rate": result.rate, "answers": answers, "faults": result.faults}


def _flood_json(result: FloodResult) -> dict[str, object]:
    plain = {item.name: getattr(result, item.name) for item in dataclasses.fields(result)}
    return {**plain, "answers": _answers_json(result.answers), "in_time": result.in_time}
