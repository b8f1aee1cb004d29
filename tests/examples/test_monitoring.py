"""examples/monitoring: the alert rules ask for metrics that exist, and each has a fault."""

from __future__ import annotations

import re

from offhook.server.metric_table import COUNTERS, GAUGES, PREFIX
from offhook.server.metrics import Metrics
from tests.architecture.rules import ROOT

FOLDER = ROOT / "examples" / "monitoring"
ALERT = re.compile(r"alert: (\w+)\n")
EXPRESSION = re.compile(r"expr: (.*?)\n +(?:for|labels):", re.DOTALL)
NAME = re.compile(rf"\b(?:{PREFIX}|process_)\w+")


def rules() -> str:
    return (FOLDER / "alerts.yml").read_text(encoding="utf-8")


def test_every_metric_of_the_rules_exists() -> None:
    there = {f"{PREFIX}{row.name}_total" for row in COUNTERS}
    there |= {f"{PREFIX}{row.name}" for row in GAUGES}
    there |= {f"{PREFIX}loop_lag_seconds_bucket"}
    there |= set(re.findall(r"^(process_\w+) ", Metrics(lambda: None).render().decode(), re.M))
    expressions = EXPRESSION.findall(rules())
    asked = {name for expression in expressions for name in NAME.findall(expression)}
    assert len(asked) > 10
    assert asked <= there


def test_every_alert_has_an_expression_and_a_fault() -> None:
    alerts = ALERT.findall(rules())
    assert len(EXPRESSION.findall(rules())) == len(alerts) == len(set(alerts))
    played = (FOLDER / "alerts_test.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"alertname: (\w+)", played)) == set(alerts)
