"""Files, functions and parameter lists stay small enough to read."""

from __future__ import annotations

import ast

from tests.architecture.rules import (
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    MAX_POSITIONAL,
    MORE_PARAMETERS,
)
from tests.architecture.sources import Function, everything, package, statements


def length(function: Function) -> int:
    body = statements(function)
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def positional(function: Function) -> int:
    names = [parameter.arg for parameter in function.args.posonlyargs + function.args.args]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_files_hold_one_idea() -> None:
    long = [
        f"{source.name}: {source.text.count(chr(10))} lines"
        for source in everything()
        if source.text.count("\n") > MAX_FILE_LINES
    ]
    assert not long, "\n".join(long)


def test_functions_do_one_job() -> None:
    long = [
        f"{source.name}:{function.lineno} {function.name}: {length(function)} lines"
        for source in everything()
        for function in source.functions()
        if length(function) > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_parameters_are_few() -> None:
    crowded = {
        f"{source.name}:{function.name}": positional(function)
        for source in package()
        for function in source.functions()
        if positional(function) > MAX_POSITIONAL
    }
    assert crowded.keys() == MORE_PARAMETERS.keys(), crowded


def test_what_is_counted() -> None:
    function = ast.parse(
        "def f(self, a, b, *, c, d):\n    '''Doc.'''\n    x = 1\n    return x\n"
    ).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert positional(function) == 2
    assert length(function) == 2
