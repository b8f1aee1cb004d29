"""Errors of pydantic as lines for people."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from offhook.server.faults import describe, dotted
from offhook.server.schema import Config


def errors(tree: object) -> list[ErrorDetails]:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(tree)
    return caught.value.errors()


def test_locations_are_dotted() -> None:
    assert dotted(("profiles", "p", "listen", 1)) == "profiles.p.listen[1]"
    assert dotted(()) == ""
    key = ("profiles", "p", "advertise_to", "10.0.0.0/8")
    assert dotted(key) == 'profiles.p.advertise_to."10.0.0.0/8"'


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        ({"log": {"levle": "info"}}, 'unknown key; did you mean "level"?'),
        ({"log": {"xyz": 1}}, "unknown key; the keys here are: level"),
        ({"media": {}}, "media relay is not available yet; remove the section"),
        ({"metrics": {}}, "metrics are a page of admin.listen; remove the section"),
        ({"log": {"level": "loud"}}, "must be one of debug, info, warning, error"),
        ({"log": 5}, "must be a table"),
        ({"domains": "x"}, 'must be a list, as in ["..."]'),
        ({"registrar": {"max_contacts": 0}}, "must be at least 1"),
        ({"registrar": {"max_contacts": 1.5}}, "must be a whole number"),
        ({"registrar": {"max_contacts": 1001}}, "must be at most 1000"),
        ({"profiles": {"p": {}}}, "is missing"),
        ({"tls": {"ca": 1}}, "must be a path in quotes"),
    ],
)
def test_each_error_is_one_actionable_line(tree: object, line: str) -> None:
    assert [describe(error) for error in errors(tree)] == [line]


def test_not_available_holds_for_every_gateway() -> None:
    gateway = {"uri": "sip:h", "profile": "p", "register": True}
    (error,) = errors({"gateways": {"any": gateway}})
    assert "not available yet" in describe(error)
