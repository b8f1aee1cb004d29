"""Imports go down the layers; the contract is in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contract of pyproject.toml on the package in `folder`."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {LINT}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def small_package(tmp_path: Path) -> Path:
    """A package with three of the layers, which keeps the contract."""
    files = {
        "__init__.py": "",
        "errors.py": "",
        "version.py": "",
        "message/__init__.py": "from offhook import errors",
        "engine/__init__.py": "from offhook import message",
    }
    for name, text in files.items():
        path = tmp_path / "offhook" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_imports_go_down() -> None:
    result = lint(ROOT / "src")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_package_that_keeps_the_contract_passes(small_package: Path) -> None:
    result = lint(small_package)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_upward_import_fails(small_package: Path) -> None:
    path = small_package / "offhook" / "message" / "parse.py"
    path.write_text("def f():\n    from offhook.engine import x")
    result = lint(small_package)
    assert result.returncode == 1
    assert "offhook.message is not allowed to import offhook.engine" in result.stdout


def test_siblings_do_not_know_each_other(small_package: Path) -> None:
    for name in ("proxy", "registrar"):
        (small_package / "offhook" / f"{name}.py").write_text("")
    (small_package / "offhook" / "proxy.py").write_text("import offhook.registrar")
    assert lint(small_package).returncode == 1


def test_a_package_outside_the_layers_fails(small_package: Path) -> None:
    (small_package / "offhook" / "somewhere.py").write_text("")
    result = lint(small_package)
    assert result.returncode == 1
    assert "somewhere" in result.stdout
