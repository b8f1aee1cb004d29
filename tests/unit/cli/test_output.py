"""Data for programs and for people."""

from __future__ import annotations

import json

import pytest

from offhook.cli.output import show
from offhook.server.json_value import Json


@pytest.mark.parametrize("value", [None, "x", 5, 1.5, True, [], [{"a": 1}], {"a": ["b"]}])
def test_json_is_one_document(value: Json, capsys: pytest.CaptureFixture[str]) -> None:
    show(value, as_json=True)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert out.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [("debug", "debug\n"), (None, "\n"), (5, "5\n"), ([], "none\n"), ({"a": 1}, "a  1\n")],
)
def test_people_get_text(value: Json, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(value, as_json=False)
    assert capsys.readouterr().out == text
