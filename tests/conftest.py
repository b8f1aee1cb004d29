"""What marks mean: interop tests need their programs, soak tests wait to be asked for.

`OFFHOOK_REQUIRE_INTEROP=1` turns a skipped interop test into a failure, except where it is marked
`optional`; `=all` allows no exception. `OFFHOOK_SOAK=1` or `-m soak` runs soak tests.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Generator
from glob import glob

import pytest

INTEROP_SECONDS = 120
SOAK_SECONDS = 1800
MISSING = "missing program"  # the user property that carries a name from a worker to the summary

# The Debian package of a program, where it has another name.
PACKAGES = {
    "certutil": "libnss3-tools",
    "ip": "iproute2",
    "linphonec": "linphone-cli",
    "nsenter": "util-linux",
    "promtool": "prometheus",
    "postgres": "postgresql",
    "sipp": "sip-tester",
    "stun": "stun-client",
    "svcrack": "sipvicious",
    "svmap": "sipvicious",
    "svwar": "sipvicious",
    "turnutils_natdiscovery": "coturn",
}

# Where Debian keeps programs that are not in PATH.
FOLDERS = ("/usr/lib/postgresql/*/bin",)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Interop tests get their time; soak tests leave unless asked for."""
    for item in items:
        if item.get_closest_marker("interop"):
            _limit(item, INTEROP_SECONDS)
        if item.get_closest_marker("soak"):
            _limit(item, SOAK_SECONDS)
    if os.environ.get("OFFHOOK_SOAK") == "1" or "soak" in config.option.markexpr:
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [program for program in _programs(item) if not _installed(program)]
    if missing:
        item.user_properties += [(MISSING, program) for program in missing]
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where interop tests are required, a skipped one is a failure that tells why."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _is_required(item):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"an interop test may not be skipped here: {reason}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud how many tests did not run for want of a program, and how to get it."""
    missing: Counter[str] = Counter()
    tests = 0
    for report in terminalreporter.stats.get("skipped", []):
        programs = {value for name, value in report.user_properties if name == MISSING}
        tests += bool(programs)
        missing.update(programs)
    if not tests:
        return
    packages = sorted({PACKAGES.get(program, program) for program in missing})
    terminalreporter.section("not run")
    for program, count in sorted(missing.items()):
        terminalreporter.line(f"{count} interop test(s) need {program}")
    terminalreporter.line(
        f"{tests} interop test(s) were SKIPPED. To run them: apt-get install {' '.join(packages)}",
        yellow=True,
    )


def _programs(item: pytest.Item) -> list[str]:
    return [program for mark in item.iter_markers("interop") for program in mark.args]


def _installed(program: str) -> bool:
    folders = [folder for pattern in FOLDERS for folder in glob(pattern)]
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    return shutil.which(program, path=path) is not None


def _is_required(item: pytest.Item) -> bool:
    required = os.environ.get("OFFHOOK_REQUIRE_INTEROP", "")
    if required not in ("1", "all") or not item.get_closest_marker("interop"):
        return False
    return required == "all" or not item.get_closest_marker("optional")


def _limit(item: pytest.Item, seconds: int) -> None:
    if not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(seconds))
