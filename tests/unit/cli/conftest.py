"""What tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.cli import main

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `offhook` in an empty folder, as a user would; gives the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> int:
        try:
            main(words)
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return call
