"""The results as text for people: tables, then one line a budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.environment import ServerBuild
from benchmarks.flood import FloodResult
from benchmarks.latency import LatencyResult
from benchmarks.results import AGAIN, OURS, PEER, Results
from benchmarks.rounds import LevelResult, Series

__all__ = ["render"]

Row = Sequence[str]


def render(results: Results) -> str:
    """The whole report."""
    return "\n".join(_lines(results))


def _lines(results: Results) -> Iterator[str]:
    yield f"commit {results.commit.name}, {results.started}"
    yield from (f"{name}: {value}" for name, value in results.machine.items())
    for build in results.builds.values():
        yield from _build(build)
    if results.levels:
        yield "\nCPU of the server for one item (µs), medians of the rounds that count"
        yield from _table(_LEVEL_HEAD, [_level(level) for level in results.levels])
        yield "\nMessages of one round that counts"
        yield from _table(_COUNT_HEAD, [row for item in results.levels for row in _counts(item)])
        yield from (line for level in results.levels for line in _thrown_away(level))
    if results.latency:
        yield "\nSet-up time of a call under load (ms), and against the peer"
        yield from _table(_LATENCY_HEAD, [row for item in results.latency for row in _late(item)])
    yield from _single_figures(results)
    verdicts = results.verdicts()
    if verdicts:
        yield "\nBudgets"
        rows = [
            (item.what, item.measured, item.budget, "holds" if item.holds else "MISSED")
            for item in verdicts
        ]
        yield from _table(("what", "measured", "budget", "verdict"), rows)
    yield from (f"\nNOT MEASURED: {failure}" for failure in results.failures)


_LEVEL_HEAD = ("workload", "level", "items", PEER, OURS, "ratio", "noise", "clean-up", "rounds")
_COUNT_HEAD = ("workload", "level", "server", "items", "load sent", "load received", "server got")
_LATENCY_HEAD = ("rate", "server", "p50", "p99", "p50 ratio", "p99 ratio", "probes", "lost")


def _build(build: ServerBuild) -> Iterator[str]:
    yield f"{build.name}: {build.program}" + (f", loop {build.loop}" if build.loop else "")
    for name, value in build.python.items():
        yield f"  {name}: {value}"
    yield from (f"  native module {module}" for module in build.native_modules)


def _level(level: LevelResult) -> Row:
    cells = {series.label: _number(series.median(), 1) for series in level.series}
    ours = level.has(OURS)
    counted = " ".join(f"{len(item.valid())}/{len(item.rounds)}" for item in level.series)
    return (
        level.workload,
        level.level,
        str(level.items),
        cells[PEER],
        cells.get(OURS, "-"),
        _number(level.ratio(OURS), 2) if ours else "-",
        _number(level.ratio(AGAIN), 2) if level.has(AGAIN) else "-",
        _number(level.ratio(OURS, cleanup=True), 2) if ours else "-",
        counted,
    )


def _counts(level: LevelResult) -> Iterator[Row]:
    for series in level.series:
        yield level.workload, level.level, series.label, *_count_cells(series)


def _count_cells(series: Series) -> Row:
    if not series.valid():
        return "-", "-", "-", "no round"
    one = series.valid()[0]
    told = "-" if one.server_received is None else str(one.server_received)
    return str(one.items), str(one.load_sent), str(one.load_received), told


def _thrown_away(level: LevelResult) -> Iterator[str]:
    """One line for each round that does not count."""
    for series in level.series:
        for item in series.rounds:
            if item.fault:
                place = f"{level.workload} {level.level} {series.label}"
                yield f"thrown away: {place}: {item.fault}"


def _late(result: LatencyResult) -> Iterator[Row]:
    for label, answers in result.answers.items():
        middle, high = (answers.percentile(share) for share in (0.5, 0.99))
        yield (
            f"{result.rate}/s",
            label,
            _number(None if middle is None else middle * 1000, 3),
            _number(None if high is None else high * 1000, 3),
            _number(result.ratio(label, 0.5), 2),
            _number(result.ratio(label, 0.99), 2),
            str(len(answers.seconds)),
            str(answers.lost + len(result.faults[label])),
        )


def _single_figures(results: Results) -> Iterator[str]:
    if results.memory:
        yield "\nMemory"
        rows = [
            (item.server, item.what, f"{item.bytes_each:.0f}", str(item.count), _told(item.told))
            for item in results.memory
        ]
        yield from _table(("server", "of a", "bytes", "count", "server counts"), rows)
    if results.start is not None:
        yield "\nSlowest imports (ms, alone)"
        slowest = results.start.slowest_imports
        times = [(name, _number(seconds * 1000, 1)) for name, seconds in slowest]
        yield from _table(("module", "ms"), times)
    if results.floods:
        yield "\nFlood of damaged messages"
        yield from _table(_FLOOD_HEAD, [_flood(item) for item in results.floods])
    for finding in results.findings:
        yield f"\n{finding.title}"
        yield from _table(finding.head, finding.rows)


_FLOOD_HEAD = ("server", "rate", "sent", "lost", "slowest ms", "unanswered", "CPU %", "grown kB")


def _flood(item: FloodResult) -> Row:
    slowest = item.answers.percentile(1.0)
    return (
        item.server + ("" if item.alive else " (DEAD)"),
        f"{item.rate}/s",
        str(item.sent),
        str(item.lost),
        _number(None if slowest is None else slowest * 1000, 1),
        str(item.answers.lost),
        f"{item.cpu_share * 100:.0f}",
        str(item.grown_bytes // 1024),
    )


def _told(value: int | None) -> str:
    return "-" if value is None else str(value)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Columns as wide as their widest cell; the first left, the others right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()
