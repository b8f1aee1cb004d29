"""What the architecture tests read: the Python files of the tree, parsed once."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.rules import ROOT, SOURCE

FOLDERS = ("src", "tests", "benchmarks", "examples")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path from the root of the tree, with slashes."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def module(self) -> str:
        """The dotted name of a file of the package."""
        parts = self.path.relative_to(SOURCE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def layer(self) -> str:
        """The top-level package or module it belongs to; "" for the front door."""
        return [*self.module.split("."), ""][1]

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node


@functools.cache
def package() -> tuple[Source, ...]:
    """The files of the package itself."""
    return tuple(source for source in everything() if source.path.is_relative_to(SOURCE))


@functools.cache
def everything() -> tuple[Source, ...]:
    """All Python files that the rules of style hold for."""
    return tuple(
        _read(path)
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    )


def statements(function: Function) -> list[ast.stmt]:
    """The body of a function without its docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def _read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path, text, ast.parse(text, str(path)))
