"""What pydantic found wrong, one actionable line a fault, with suggestions for mistyped names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from offhook.server.layers import Key, field_type
from offhook.server.schema import written_name

__all__ = ["describe", "dotted"]

NOT_HERE = {
    ("media",): "media relay is not available yet; remove the section",
    ("gateways", "*", "register"): "registering to a gateway is not available yet; remove the key",
    ("console",): "the console is not available yet; remove the section",
    ("metrics",): "metrics are a page of admin.listen; remove the section",
    ("log", "file"): "log files are not available yet; the log goes to standard error",
}
EXPECTED = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "string_type": "must be a text in quotes",
    "tuple_type": 'must be a list, as in ["..."]',
    "is_instance_of": "must be a path in quotes",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "missing": "is missing",
}


def dotted(location: Iterable[str | int]) -> str:
    """A location as the user knows it: `profiles.internal.listen[1]`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{written_name(part)}" if text else written_name(part)
    return text


def describe(error: ErrorDetails) -> str:
    """The line for one error of pydantic, without its location."""
    kind, context = error["type"], error.get("ctx", {})
    location = tuple(str(part) for part in error["loc"])
    if kind == "extra_forbidden":
        return _unknown(location)
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _choice(location)
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    return EXPECTED.get(kind, error["msg"])


def _unknown(location: Key) -> str:
    for pattern, text in NOT_HERE.items():
        if len(pattern) == len(location) and all(
            p in ("*", n) for p, n in zip(pattern, location, strict=True)
        ):
            return text
    return f"unknown key{_suggestion(location[-1], _siblings(location))}"


def _siblings(location: Key) -> list[str]:
    parent = field_type(location[:-1])
    return (
        list(parent.model_fields)
        if isinstance(parent, type) and issubclass(parent, BaseModel)
        else []
    )


def _suggestion(written: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(written.lower(), names, 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else f"; the keys here are: {', '.join(names)}"


def _choice(location: Key) -> str:
    return f"must be one of {', '.join(map(str, get_args(field_type(location))))}"
