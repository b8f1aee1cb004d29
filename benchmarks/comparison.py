"""Quiet and busy rounds side by side: does something else slow calls down?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.findings import Finding, Verdict
from benchmarks.probing import Answers

__all__ = ["compare", "told"]

SPREADS = 2.0  # times the spread of the quiet rounds that a busy one may be away


def compare(title: str, rounds: Mapping[str, Sequence[Answers]], *, what: str) -> Finding:
    """Quiet and busy rounds side by side. The first label is the quiet one; its rounds among
    themselves tell the spread."""
    quiet, busy = rounds
    joined = {label: _together(found) for label, found in rounds.items()}
    high = [answers.percentile(0.99) or 0.0 for answers in rounds[quiet]]
    spread = max(high) - min(high)
    p99 = {label: answers.percentile(0.99) or 0.0 for label, answers in joined.items()}
    away = p99[busy] - p99[quiet]
    rows = [
        (
            label,
            f"{(answers.median() or 0) * 1000:.3f}",
            f"{p99[label] * 1000:.3f}",
            str(len(answers.seconds)),
            str(answers.lost),
        )
        for label, answers in joined.items()
    ]
    rows.append(("spread of quiet rounds", "", f"{spread * 1000:.3f}", "", ""))
    holds = away <= SPREADS * spread and not joined[busy].lost
    verdict = Verdict(
        what,
        f"{away * 1000:+.3f} ms",
        f"<= {SPREADS:g} x {spread * 1000:.3f} ms, none lost",
        holds,
    )
    raw = {label: [_raw(each) for each in found] for label, found in rounds.items()}
    return Finding(title, ("calls", "p50", "p99", "answered", "lost"), rows, (verdict,), raw)


def told(answers: Answers) -> str:
    """One round in words."""
    middle, high = answers.median() or 0.0, answers.percentile(0.99) or 0.0
    return f"p50 {middle * 1000:.2f} ms, p99 {high * 1000:.2f} ms, {answers.lost} lost"


def _together(rounds: Sequence[Answers]) -> Answers:
    found = Answers((), 0)
    for each in rounds:
        found = found.joined(each)
    return found


def _raw(answers: Answers) -> dict[str, object]:
    return {
        "answered": len(answers.seconds),
        "lost": answers.lost,
        "p50": answers.percentile(0.5),
        "p99": answers.percentile(0.99),
    }
