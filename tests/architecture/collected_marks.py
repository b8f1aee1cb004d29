"""Prints every `rfc` mark of the tests as pytest sees it, also those that a table of cases makes.

One line of JSON for each: number of the RFC, section, path of the test. It needs its own process.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

import pytest

from tests.architecture.rules import ROOT


class Marks:
    """A plugin that keeps the marks of what was collected."""

    def __init__(self) -> None:
        self.found: set[tuple[str, ...]] = set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            path = item.path.relative_to(ROOT).as_posix()
            for mark in item.iter_markers("rfc"):
                self.found.add((*map(str, mark.args), path))


def main() -> None:
    """Collect all tests, without running one."""
    os.environ["OFFHOOK_SOAK"] = "1"
    marks = Marks()
    with contextlib.redirect_stdout(sys.stderr):
        status = pytest.main(
            ["--collect-only", "--quiet", "-p", "no:cacheprovider"], plugins=[marks]
        )
    if status != pytest.ExitCode.OK:
        sys.exit(status)
    for mark in sorted(marks.found):
        print(json.dumps(mark))


if __name__ == "__main__":
    main()
