"""Bindings as rows."""

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from offhook.registrar import Binding
from offhook.storage.schema import BINDINGS, first_line, from_row, to_row

BINDING = Binding(
    "sip:a@h", "sip:a@1", 4e9, 700, "c", 9, "<urn:x>", ("<sip:p1>", "<sip:p2>"), "f", True, "ua",
    5.5, ";x",
)  # fmt: skip


@pytest.mark.parametrize("path", [(), ("<sip:p1;lr>",), ("<sip:p1>", "<sip:p2,3>")])
def test_a_binding_comes_back_from_its_row(path: tuple[str, ...]) -> None:
    binding = Binding("sip:a@h", "sip:a@1", 4e9, 700, "c", 9, "", path, "f", False, "ua", 5.5)
    assert from_row(to_row(binding, 3)) == binding
    assert from_row(to_row(BINDING, 0)) == BINDING


def test_a_row_has_the_order_of_the_columns() -> None:
    row = dict(zip([column.name for column in BINDINGS.columns], to_row(BINDING, 3), strict=True))
    assert (row["aor"], row["slot"], row["parameters"]) == ("sip:a@h", 3, ";x")
    assert {name for name in row if name not in Binding.__slots__} == {"slot"}


def test_an_error_is_told_in_one_line_without_its_statement() -> None:
    inner = sqlite3.OperationalError("disk full\nreally")
    assert first_line(OperationalError("SELECT secret", {}, inner)) == "disk full"
    assert first_line(OSError()) == "OSError"
