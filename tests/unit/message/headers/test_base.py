"""Header types made by hand, as an extension would."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError, UriError
from offhook.message import HeaderType, limits, parse_uri
from offhook.message.headers.base import each, optional

COLOURS: HeaderType[list[str]] = HeaderType("x-colours", "X-Colours", each(str.upper))
OWNER = HeaderType("x-owner", "X-Owner", optional(parse_uri))


def test_each() -> None:
    assert COLOURS.read([]) == []
    assert COLOURS.read(["red, green", "blue"]) == ["RED", "GREEN", "BLUE"]
    with pytest.raises(MessageError, match="Bad X-Colours: too many values"):
        COLOURS.read(["a,b"] * limits.LIST_VALUES)


def test_optional() -> None:
    assert OWNER.read([]) is None
    owner = OWNER.read(["sip:a@b"])
    assert owner is not None
    assert owner.user == "a"
    with pytest.raises(MessageError, match="Bad X-Owner: more than one"):
        OWNER.read(["sip:a@b", "sip:a@b"])


def test_a_uri_error_becomes_the_fault_of_the_header() -> None:
    with pytest.raises(MessageError) as caught:
        OWNER.read(["sip:a@b:0"])
    assert caught.value.reason == "Bad X-Owner: port is zero"
    assert not isinstance(caught.value, UriError)
