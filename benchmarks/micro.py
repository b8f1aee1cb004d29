"""Run every `micro_*.py` of this folder that has a `main`, each in a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkError

__all__ = ["MicroResult", "measure_micro", "micro_modules"]

FOLDER = Path(__file__).resolve().parent
MICRO_SECONDS = 300.0
_RUN = "import sys; from benchmarks.{name} import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class MicroResult:
    """What one micro benchmark printed."""

    name: str
    text: str


def micro_modules() -> list[str]:
    """Names of the modules with a `main` of their own, sorted."""
    return [path.stem for path in sorted(FOLDER.glob("micro_*.py")) if _has_main(path)]


def _has_main(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)


def measure_micro(core: int, progress: Callable[[str], None]) -> list[MicroResult]:
    """Run them one after another on one core. Raises BenchmarkError if one fails."""
    results = []
    for name in micro_modules():
        answer = subprocess.run(
            ["taskset", "-c", str(core), sys.executable, "-c", _RUN.format(name=name)],
            cwd=FOLDER.parent,
            capture_output=True,
            text=True,
            timeout=MICRO_SECONDS,
            check=False,
        )
        if answer.returncode != 0:
            raise BenchmarkError(f"{name} failed:\n{answer.stderr[-1500:]}")
        progress(f"--- {name}\n{answer.stdout.rstrip()}")
        results.append(MicroResult(name, answer.stdout))
    return results
