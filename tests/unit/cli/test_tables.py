"""Tables for people."""

from __future__ import annotations

import pytest

from offhook.cli.tables import draw
from offhook.server.json_value import Json


def drawn(value: list[Json] | dict[str, Json], capsys: pytest.CaptureFixture[str]) -> list[str]:
    draw(value)
    return [line.rstrip() for line in capsys.readouterr().out.rstrip("\n").split("\n")]


def test_a_list_of_objects_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Json] = [
        {"aor": "sip:a@b", "expires": 60, "path": []},
        {"aor": "sip:bob@b", "expires": 3600, "path": ["x", "y"]},
    ]
    assert drawn(rows, capsys) == [
        "aor        expires  path",
        "sip:a@b         60",
        "sip:bob@b     3600  x",
        "                    y",
    ]


def test_an_object_is_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    value: dict[str, Json] = {"up": True, "load": 0.25, "none": None, "in": {"a": 1, "b": False}}
    assert drawn(value, capsys) == [
        "up    yes",
        "load  0.25",
        "none  -",
        "in    a=1, b=no",
    ]


def test_other_lists_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(["a", 5, ""], capsys) == ["a", "5", "-"]
    assert drawn([], capsys) == ["none"]


def test_values_of_peers_are_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Json] = [{"user_agent": "[red]x\x1b[0m"}]
    assert drawn(rows, capsys) == ["user_agent", "[red]x?[0m"]


def test_long_values_are_not_folded_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Json] = [{"a": "x" * 300, "b": "y" * 300}]
    assert drawn(rows, capsys)[1] == "x" * 300 + "  " + "y" * 300
