"""Warnings."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message.headers import WARNING


@pytest.mark.rfc("3261", "20.43")
def test_there_and_back() -> None:
    first, second = WARNING.read(
        ['307 isi.edu "Session, \\"x\\" not understood", 399 [::1]:5060 "y"']
    )
    assert (first.code, first.agent, first.text) == (307, "isi.edu", 'Session, "x" not understood')
    assert str(first) == '307 isi.edu "Session, \\"x\\" not understood"'
    assert second.agent == "[::1]:5060"


@pytest.mark.parametrize("text", ['1812 overture "In Progress"', "399 a b", '399 "x"', "x"])
def test_refuse(text: str) -> None:
    with pytest.raises(MessageError, match="Bad Warning"):
        WARNING.read([text])
