"""The page of clients in the documentation has a row for every feature that the tests try."""

from __future__ import annotations

from tests.interop.conftest import PAGE
from tests.interop.harness.matrix import missing_rows


def test_the_page_of_clients_has_every_row() -> None:
    assert PAGE.exists(), "write it: OFFHOOK_WRITE_MATRIX=1 python -m pytest tests/interop"
    assert missing_rows(PAGE.read_text()) == []
