"""Metrics of one server in the text format of Prometheus.

Nothing is counted here: a collector reads the integers of the running server at the time of a
scrape, so that the path of a message costs an addition. The registry is this server's own.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from offhook.server.loop_lag import BOUNDS, LoopLag
from offhook.server.measures import Measures
from offhook.server.metric_table import COUNTERS, GAUGES, PREFIX
from offhook.version import __version__

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SLICE = 100  # lines formatted before the event loop gets a turn, about half a millisecond


class Metrics:
    """`measures` gives the running server, None while there is none."""

    def __init__(self, measures: Callable[[], Measures | None]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Server(measures))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def render(self) -> bytes:
        """What a scrape gets."""
        return b"".join(self._parts())

    async def page(self) -> bytes:
        """As `render`, with a turn for the event loop after each slice: a server of many profiles
        has over a thousand lines, which take some milliseconds."""
        parts = []
        lines = 0
        for part in self._parts():
            parts.append(part)
            lines += part.count(b"\n")
            if lines >= SLICE:
                lines = 0
                await asyncio.sleep(0)
        return b"".join(parts)

    def _parts(self) -> Iterator[bytes]:
        """The text of each family."""
        for family in self._registry.collect():
            yield generate_latest(_Single(family))


class _Single(Collector):
    """One family alone."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        """It."""
        return (self._family,)


class _Server(Collector):
    """All rows of the table."""

    def __init__(self, measures: Callable[[], Measures | None]) -> None:
        self._measures = measures
        self._started = time.monotonic()

    def describe(self) -> Iterable[Metric]:
        """Asked at registration, to find names that are taken: ours have our prefix."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The families, read now."""
        build = GaugeMetricFamily(
            f"{PREFIX}build_info", "1, with what runs.", labels=("version", "python")
        )
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        yield GaugeMetricFamily(
            f"{PREFIX}core_uptime_seconds",
            "Time since the start.",
            value=time.monotonic() - self._started,
        )
        measures = self._measures()
        if measures is None:
            return
        yield _lag(measures.lag)
        for row in COUNTERS:
            counter = CounterMetricFamily(f"{PREFIX}{row.name}", row.help, labels=row.labels)
            for labels, value in row.values(measures):
                counter.add_metric(labels, value)
            yield counter
        for row in GAUGES:
            gauge = GaugeMetricFamily(f"{PREFIX}{row.name}", row.help, labels=row.labels)
            for labels, value in row.values(measures):
                gauge.add_metric(labels, value)
            yield gauge


def _lag(lag: LoopLag) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}loop_lag_seconds", "How late timers of the loop were.")
    total = list(accumulate(lag.counts))
    names = [*map(str, BOUNDS), "+Inf"]
    family.add_metric((), list(zip(names, total, strict=True)), lag.seconds)
    return family
