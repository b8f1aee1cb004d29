"""Names, docstrings and leftovers: what a newcomer would trip over."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from tests.architecture.rules import FORBIDDEN_NAMES, FORBIDDEN_WORDS, RING_ONE, SOURCE
from tests.architecture.sources import Source, everything, package


def test_names_say_what_a_file_holds() -> None:
    vague = [
        source.name
        for source in everything()
        if FORBIDDEN_NAMES & {source.path.stem.removeprefix("test_"), source.path.parent.name}
    ]
    assert not vague, vague


def test_every_module_has_a_docstring() -> None:
    bare = [
        source.name
        for source in everything()
        if source.text.strip() and not ast.get_docstring(source.tree)
    ]
    assert not bare, bare


def test_every_folder_of_the_package_says_what_it_gives() -> None:
    faults = []
    for folder in sorted({source.path.parent for source in package()}):
        start = folder / "__init__.py"
        if not start.exists():
            faults.append(f"{folder.relative_to(SOURCE)} has no __init__.py")
        elif "__all__" not in start.read_text(encoding="utf-8"):
            faults.append(f"{start.relative_to(SOURCE)} has no __all__")
    assert not faults, faults


def test_nothing_is_left_for_later() -> None:
    left = [
        f"{source.name}:{line} {word}"
        for source in everything()
        for line, comment in comments(source)
        for word in FORBIDDEN_WORDS
        if word in comment
    ]
    assert not left, left


def test_the_package_does_not_import_its_own_front_door() -> None:
    """`from offhook import X` inside the package would reach upward past the layers."""
    faults = [
        f"{source.name}:{node.lineno}"
        for source in package()
        if source.layer not in ("", "__main__", "cli")
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "offhook" and not node.level)
        or (isinstance(node, ast.Import) and any(alias.name == "offhook" for alias in node.names))
    ]
    assert not faults, faults


def test_no_exception_is_swallowed() -> None:
    faults = [
        f"{source.name}:{node.lineno}"
        for source in package()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and swallows(node)
    ]
    assert not faults, faults


def test_lines_of_the_wire_are_split_by_rule() -> None:
    """`str.splitlines` ends lines at VT, FF, NEL and U+2028: a planted Route would become real."""
    faults = [
        f"{source.name}:{node.lineno}"
        for source in package()
        if source.layer in RING_ONE
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and node.attr == "splitlines"
    ]
    assert not faults, faults


def comments(source: Source) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def swallows(handler: ast.ExceptHandler) -> bool:
    """A bare `except`, or one that catches everything and does nothing."""
    if handler.type is None:
        return True
    wide = ast.unparse(handler.type) in ("Exception", "BaseException")
    return wide and all(isinstance(statement, ast.Pass) for statement in handler.body)
