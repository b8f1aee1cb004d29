"""Percent escapes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.message.escaping import comparable, escape, unescape, well_escaped


@pytest.mark.rfc("3261", "19.1.2")
def test_unescape() -> None:
    assert unescape("%61%C3%A9%00x") == "aé\0x"
    assert unescape("%ff") == "\udcff"
    assert unescape("plain") == "plain"
    assert unescape("100%") == "100%"


def test_escape() -> None:
    assert escape("a b@c") == "a%20b%40c"
    assert escape("+33;x=1") == "+33;x=1"
    assert escape("é\udcff") == "%C3%A9%FF"


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_there_and_back(text: str) -> None:
    assert unescape(escape(text)) == text
    assert well_escaped(escape(text))


@pytest.mark.rfc("3261", "19.1.4")
def test_comparable() -> None:
    assert comparable("%61%2fb%2B%zz") == "a%2Fb%2B%zz"
    assert comparable("a/b") == "a/b"


def test_well_escaped() -> None:
    assert well_escaped("a%00b")
    assert not well_escaped("%")
    assert not well_escaped("%4")
    assert not well_escaped("%4g")
