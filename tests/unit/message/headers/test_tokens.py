"""Lists of tokens."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message.headers import ALLOW, PRIVACY, REQUIRE, SUPPORTED


def test_lists() -> None:
    assert ALLOW.read(["INVITE, ACK", "BYE"]) == ["INVITE", "ACK", "BYE"]
    assert SUPPORTED.read([""]) == []  # RFC 3261 20.37: may be empty
    assert REQUIRE.read(["100rel"]) == ["100rel"]


def test_privacy_is_separated_by_semicolons() -> None:
    assert PRIVACY.read(["id; critical", "header"]) == ["id", "critical", "header"]


def test_refuse() -> None:
    with pytest.raises(MessageError, match="Bad Require: not a token"):
        REQUIRE.read(["a b"])
    with pytest.raises(MessageError, match="Bad Privacy"):
        PRIVACY.read(["a b"])
