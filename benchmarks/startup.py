"""Time to import the library and time from the start of the server to `ready`, as medians."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.offhook_server import ROOT, Offhook
from benchmarks.processes import BenchmarkError, clean_environment, free_port
from benchmarks.servers import Access, Place

__all__ = ["StartResult", "measure_start"]

IMPORTS = 11
STARTS = 5
_EVERY_NAME = "import offhook\nfor name in getattr(offhook, '__all__', []): getattr(offhook, name)"


@dataclass(frozen=True, slots=True)
class StartResult:
    """Medians in seconds. The import is that of every public name, less an empty interpreter."""

    import_seconds: float
    ready_seconds: float
    slowest_imports: tuple[tuple[str, float], ...]


def measure_start(folder: Path, core: int) -> StartResult:
    """Start interpreters and servers one after another."""
    return StartResult(_import_seconds(), _ready_seconds(folder, core), _slowest_imports())


def _import_seconds() -> float:
    _run_python(_EVERY_NAME)  # compiles what has changed
    with_import, without = [], []
    for _ in range(IMPORTS):
        without.append(_run_python("pass"))
        with_import.append(_run_python(_EVERY_NAME))
    return statistics.median(with_import) - statistics.median(without)


def _run_python(program: str) -> float:
    started = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
    )
    if answer.returncode != 0:
        raise BenchmarkError(f"cannot import offhook: {answer.stderr[-500:]}")
    return time.perf_counter() - started


def _ready_seconds(folder: Path, core: int) -> float:
    found = []
    for number in range(STARTS):
        server = Offhook(Place(folder / f"start-{number}", free_port(), core), Access.OPEN)
        found.append(server.ready_seconds)
        server.stop()
    return statistics.median(found)


def _slowest_imports() -> tuple[tuple[str, float], ...]:
    """The ten modules that took longest themselves, in seconds."""
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", _EVERY_NAME],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=False,
    )
    rows = [line.removeprefix("import time:").split("|") for line in answer.stderr.splitlines()]
    times = [(row[2].strip(), int(row[0])) for row in rows if row[0].strip().isdigit()]
    times.sort(key=lambda item: -item[1])
    return tuple((name, microseconds / 1e6) for name, microseconds in times[:10])
