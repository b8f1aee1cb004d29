"""Data as tables for people: a list of objects is a table, an object two columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from offhook.cli.printable import printable
from offhook.server.json_value import Json

__all__ = ["draw"]

PIPE_WIDTH = 10_000  # columns where the output is no terminal: lines are not folded there


def draw(value: Sequence[Json] | Mapping[str, Json]) -> None:
    """Print the table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    if isinstance(value, Mapping):
        console.print(_two_columns(value))
    elif not value:
        console.print("none")
    elif all(isinstance(row, Mapping) for row in value):
        console.print(_rows([row for row in value if isinstance(row, Mapping)]))
    else:
        for item in value:
            console.print(_cell(item))


def _two_columns(value: Mapping[str, Json]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for key, item in value.items():
        table.add_row(escape(key), _cell(item))
    return table


def _rows(rows: Sequence[Mapping[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        numbers = all(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(escape(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    return table


def _cell(value: Json) -> str:
    """One value as printable text: what a peer wrote may not steer the terminal."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_cell(item)}" for key, item in value.items())
    if not isinstance(value, str | int):
        return "\n".join(_cell(item) for item in value)
    return escape(printable(str(value)))
