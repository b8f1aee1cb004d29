"""What a suite found, as report and JSON file take it: a table, verdicts, raw figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Finding", "Verdict"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One budget and what was measured."""

    what: str
    measured: str
    budget: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One table. `raw` is what the JSON file keeps: plain values."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    verdicts: Sequence[Verdict] = ()
    raw: Mapping[str, object] = field(default_factory=dict)
