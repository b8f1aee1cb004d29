"""The scripts make their own environment, say what is missing in one line, and do nothing twice."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT
from tests.conftest import PACKAGES
from tests.interop.harness.namespaces import PROGRAMS

SCRIPTS = sorted([*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the scripts read, without an environment."""
    folder = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run(script: Path, *arguments: str, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_valid(path: Path) -> None:
    assert os.access(path, os.X_OK) or path.name == "environment"
    subprocess.run(["bash", "-n", path], check=True)


def programs(path: Path) -> Iterator[str]:
    """What the interop marks of a file name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.interop":
            for argument in node.args:
                if isinstance(argument, ast.Starred):
                    assert ast.unparse(argument) == "*PROGRAMS"
                    yield from PROGRAMS
                else:
                    yield ast.literal_eval(argument)


def test_ci_installs_what_interop_tests_need() -> None:
    """Else they would fail there, where none may be skipped."""
    installed = set(re.findall(r"[\w-]+", (ROOT / ".ci" / "run").read_text())) | {"util-linux"}
    files = (ROOT / "tests" / "interop").glob("test_*.py")
    needed = {PACKAGES.get(name, name) for path in files for name in programs(path)}
    assert len(needed) > 10
    assert needed <= installed


@pytest.mark.parametrize("name", ["serve", "test"])
def test_without_python_one_line_says_so(checkout: Path, name: str) -> None:
    result = run(checkout / "scripts" / name, python="no-such-python")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("offhook needs Python 3.11 or later")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["serve", "test"])
def test_without_venv_one_line_says_what_to_install(checkout: Path, name: str) -> None:
    bare = program(
        checkout / "python",
        f'case "$2" in *ensurepip*) exit 1 ;; esac; exec {sys.executable} "$@"',
    ).rename(checkout.parent / "python")
    result = run(checkout / "scripts" / name, python=str(bare))
    assert result.returncode == 1
    assert result.stdout == ""
    assert "apt-get install python3-venv" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()


def test_a_failed_installation_is_shown_and_tried_again(checkout: Path) -> None:
    program(
        checkout / ".venv" / "bin" / "python",
        'case "$*" in *" install "*) echo no network; exit 1 ;; esac',
    )
    for _ in range(2):
        result = run(checkout / "scripts" / "serve", python="no-such-python")
        assert result.returncode == 1
        assert "no network" in result.stderr


def test_a_second_start_installs_nothing(checkout: Path) -> None:
    log = checkout / "installations"
    program(checkout / ".venv" / "bin" / "python", f'echo "$@" >>"{log}"')
    program(checkout / ".venv" / "bin" / "offhook", 'echo "offhook $*"')
    serve, test = checkout / "scripts" / "serve", checkout / "scripts" / "test"
    for _ in range(2):
        result = run(serve, "--db", "memory:", python="no-such-python")
        assert result.stdout == "offhook serve --db memory:\n"
    assert log.read_text().count("pip install") == 1
    assert run(test, "--version", python="no-such-python").returncode == 0
    assert log.read_text().count("pip install") == 2
    assert "[test]" in log.read_text()
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("\n")
    run(serve, python="no-such-python")
    assert log.read_text().count("pip install") == 3
