"""Ring 1 takes time, bytes and identifiers as arguments: it may not reach for them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.rules import RING_ONE, RING_ONE_CALLS, RING_ONE_IMPORTS
from tests.architecture.sources import package


def reaches(tree: ast.AST) -> Iterator[str]:
    """Every import and call in `tree`, at any depth, that ring 1 is not allowed."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            if top != "offhook" and top not in RING_ONE_IMPORTS:
                yield f"line {getattr(node, 'lineno', 0)}: imports {name}"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in RING_ONE_CALLS:
            yield f"line {node.lineno}: calls {ast.unparse(node.func)}"


def test_ring_one_reaches_for_nothing() -> None:
    faults = [
        f"{source.name} {fault}"
        for source in package()
        if source.layer in RING_ONE
        for fault in reaches(source.tree)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "import os.path",
        "from time import monotonic",
        "def f():\n    import random",
        "def f():\n    from logging import getLogger",
        "if True:\n    import socket as s",
        "open('x')",
        "datetime.datetime.now()",
        "__import__('os')",
    ],
)
def test_a_reach_is_found(text: str) -> None:
    assert list(reaches(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "from collections.abc import Sequence",
        "import re",
        "from . import x",
        "import offhook.errors",
    ],
)
def test_what_is_allowed_passes(text: str) -> None:
    assert not list(reaches(ast.parse(text)))
