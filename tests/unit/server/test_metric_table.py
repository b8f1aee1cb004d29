"""The rows of the metrics: names, labels, and the page that explains them."""

from __future__ import annotations

import re

from prometheus_client.registry import CollectorRegistry

from offhook.server.metric_table import COUNTERS, GAUGES, PREFIX, Row
from offhook.server.metrics import Metrics
from tests.architecture.rules import DOCS

NAME = re.compile(r"[a-z]+(_[a-z]+)+")
ALWAYS: dict[str, tuple[str, ...]] = {
    "build_info": ("version", "python"),
    "core_uptime_seconds": (),
    "loop_lag_seconds": (),
}


def exported() -> dict[str, tuple[str, ...]]:
    """Every metric of our own with its labels."""
    made = {f"{row.name}_total": tuple(row.labels) for row in COUNTERS}
    made |= {row.name: tuple(row.labels) for row in GAUGES}
    return {f"{PREFIX}{name}": labels for name, labels in (made | ALWAYS).items()}


def test_names_are_unique_and_well_formed() -> None:
    rows: tuple[Row, ...] = (*COUNTERS, *GAUGES)
    assert len({row.name for row in rows}) == len(rows)
    assert all(NAME.fullmatch(row.name) for row in rows)
    assert not any(row.name.endswith("_total") for row in rows)
    assert all(row.help.endswith(".") for row in rows)


def test_every_metric_is_documented_and_no_other() -> None:
    text = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| ([^|]*)\|", text, re.M)
    documented = {
        name: tuple(label for label in labels.split(":")[0].strip().split(", ") if label)
        for name, labels in rows
    }
    assert documented == exported()
    assert len(rows) == len(documented)  # each once


def test_our_names_collide_with_none_of_the_library() -> None:
    registry = CollectorRegistry()
    assert registry is not None
    page = Metrics(lambda: None).render().decode()
    names = set(re.findall(r"^# TYPE (\w+)", page, re.M))
    assert {f"{PREFIX}build_info", "process_cpu_seconds_total"} <= names
