"""The marks of tests/conftest.py seen from outside: each case runs pytest on a small folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT

TESTS = """
import pytest

@pytest.mark.interop("no-such-program", "sh")
def test_needs_a_program(): ...

@pytest.mark.interop("no-such-browser")
@pytest.mark.optional
def test_is_optional(): ...

@pytest.mark.interop("sh")
def test_has_its_program(): ...

@pytest.mark.interop("sh")
@pytest.mark.xfail(strict=True, reason="known")
def test_is_expected_to_fail(): assert False

@pytest.mark.soak
def test_takes_long(): ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "test_small.py").write_text(TESTS)
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = ("PYTEST", "OFFHOOK")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "test_small.py"],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadfile")])
def test_a_missing_program_is_counted_aloud(folder: Path, workers: tuple[str, ...]) -> None:
    result = run(folder, *workers)
    assert result.returncode == 0, result.stdout
    assert "2 interop test(s) were SKIPPED" in result.stdout
    assert "apt-get install no-such-browser no-such-program" in result.stdout
    assert "1 interop test(s) need no-such-program" in result.stdout
    closing = result.stdout.rstrip().rpartition("\n")[2]
    assert "1 passed, 2 skipped" in closing
    assert "1 xfailed" in closing


def test_a_required_test_may_not_be_skipped(folder: Path) -> None:
    result = run(folder, OFFHOOK_REQUIRE_INTEROP="1")
    assert result.returncode == 1
    assert "an interop test may not be skipped here: " in result.stdout
    assert "1 passed, 1 skipped" in result.stdout
    assert "1 error" in result.stdout


def test_no_exception_is_left_where_all_are_required(folder: Path) -> None:
    result = run(folder, OFFHOOK_REQUIRE_INTEROP="all")
    assert result.returncode == 1
    assert "2 errors" in result.stdout


def test_soak_tests_run_when_asked_for(folder: Path) -> None:
    assert "1 passed, 4 deselected" in run(folder, "-m", "soak").stdout
    assert "2 passed" in run(folder, OFFHOOK_SOAK="1").stdout
