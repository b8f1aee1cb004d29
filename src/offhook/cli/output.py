"""Printing data: JSON for programs, tables for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import cast

from offhook.server.json_value import Json

__all__ = ["show"]


def show(value: Json, *, as_json: bool) -> None:
    """Print a value: one JSON document, or lists of objects as tables, objects as key and value."""
    if as_json:
        print(json.dumps(value))
    elif isinstance(value, str | int | float) or value is None:
        print("" if value is None else value)
    else:
        _draw()(value)


def _draw() -> Callable[[Sequence[Json] | Mapping[str, Json]], None]:
    """The drawer of tables; it costs 60 ms to import, which nobody pays who reads JSON."""
    module = import_module("offhook.cli.tables")
    return cast("Callable[[Sequence[Json] | Mapping[str, Json]], None]", module.draw)
