"""Challenges and credentials."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message import limits
from offhook.message.headers import (
    AUTHENTICATION_INFO,
    AUTHORIZATION,
    WWW_AUTHENTICATE,
    Credentials,
)


@pytest.mark.rfc("3261", "20.7")
def test_read() -> None:
    (value,) = AUTHORIZATION.read(
        ['Digest username="a\\"b", realm = "x, y" ,uri="sip:a@b", nc=01,, QOP=auth, opaque=""']
    )
    assert value.scheme == "Digest"
    assert value.get("username") == 'a"b'
    assert value.get("realm") == "x, y"
    assert (value.get("qop"), value.get("opaque"), value.get("nothing")) == ("auth", "", "")


@pytest.mark.rfc("3261", "7.3.1")
def test_each_line_is_one_value() -> None:
    values = WWW_AUTHENTICATE.read(
        ['Digest realm="a", nonce="b"', "NoOneKnows opaque-data=here", "Negotiate"]
    )
    assert [value.scheme for value in values] == ["Digest", "NoOneKnows", "Negotiate"]
    assert values[2] == Credentials("Negotiate", {})


def test_info() -> None:
    assert AUTHENTICATION_INFO.read(['nextnonce="x", rspauth="y"']) == {
        "nextnonce": "x",
        "rspauth": "y",
    }
    assert AUTHENTICATION_INFO.read([]) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"',
        "Digest realm",
        "Digest =x",
        'Digest realm="x',
        'Digest realm="x" nonce="y"',
        "Digest a=1,a=2",
        "Digest é=1",
    ],
)
def test_refuse(text: str) -> None:
    with pytest.raises(MessageError, match="Bad Authorization"):
        AUTHORIZATION.read([text])


def test_too_many() -> None:
    text = ",".join([f"p{place}=1" for place in range(limits.PARAMETERS + 1)])
    with pytest.raises(MessageError, match="too many"):
        AUTHORIZATION.read([f"Digest {text}"])
