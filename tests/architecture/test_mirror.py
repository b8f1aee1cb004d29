"""Each source file is shown by the unit test of its name, or by the test that the rules name."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.rules import ROOT, SHOWN_ELSEWHERE, SOURCE, UNIT
from tests.architecture.sources import Source, package, statements


def decides(source: Source) -> bool:
    """Whether a file has anything to run: declarations, Protocols and records have not."""
    return any(
        not (isinstance(statement, ast.Pass | ast.Raise) or _is_literal(statement))
        for function in source.functions()
        for statement in statements(function)
    )


def elsewhere(path: Path) -> str | None:
    """The test that the rules name for a file or for a folder that holds it."""
    inside = path.relative_to(SOURCE).as_posix()
    for name, (test, _) in SHOWN_ELSEWHERE.items():
        if inside == name or (name.endswith("/") and inside.startswith(name)):
            return test
    return None


def own_tests(path: Path) -> list[Path]:
    """`a/b.py` is shown by `test_b.py`, or by several `test_b_*.py`."""
    folder = UNIT / path.relative_to(SOURCE).parent
    return [*folder.glob(f"test_{path.stem}.py"), *folder.glob(f"test_{path.stem}_*.py")]


def test_every_file_is_shown_by_a_test() -> None:
    bare = [
        source.name
        for source in package()
        if source.path.name not in ("__init__.py", "__main__.py")
        and decides(source)
        and not own_tests(source.path)
        and elsewhere(source.path) is None
    ]
    assert not bare, "\n".join(bare)


def test_exceptions_are_true() -> None:
    faults = [
        f"{name}: {test}"
        for name, (test, reason) in SHOWN_ELSEWHERE.items()
        if not (reason and (ROOT / test).exists() and (SOURCE / name).exists())
    ]
    assert not faults, faults


def _is_literal(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
