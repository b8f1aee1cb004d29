"""A word with parameters."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message.headers import (
    ACCEPT,
    CONTENT_DISPOSITION,
    CONTENT_TYPE,
    EVENT,
    REASON,
    REPLACES,
    SUBSCRIPTION_STATE,
)


def test_media_types() -> None:
    value = CONTENT_TYPE.read(['Multipart / Mixed ; boundary="a b"'])
    assert value is not None
    assert (value.value, value.parameters["boundary"]) == ("multipart/mixed", "a b")
    assert str(value) == 'multipart/mixed;boundary="a b"'
    assert [item.value for item in ACCEPT.read(["application/sdp, text/*;q=0.5"])] == [
        "application/sdp",
        "text/*",
    ]


def test_tokens_with_parameters() -> None:
    (reason,) = REASON.read(['Q.850 ;cause=16 ;text="Normal, clearing"'])
    assert (reason.value, reason.parameters["text"]) == ("Q.850", "Normal, clearing")
    event = EVENT.read(["presence;id=5"])
    assert event is not None
    assert event.value == "presence"
    state = SUBSCRIPTION_STATE.read(["active;expires=60"])
    assert state is not None
    assert state.parameters["expires"] == "60"
    assert CONTENT_DISPOSITION.read([]) is None


@pytest.mark.rfc("3891", "6.1")
def test_replaces() -> None:
    value = REPLACES.read(["98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff"])
    assert value is not None
    assert value.value == "98732@sip.example.com"
    assert value.parameters["to-tag"] == "ff87ff"


@pytest.mark.parametrize("text", ["", "text", "/plain", "text/", "te xt/plain", "a/b;;"])
def test_refuse(text: str) -> None:
    with pytest.raises(MessageError, match="Bad Content-Type"):
        CONTENT_TYPE.read([text])


def test_refuse_others() -> None:
    with pytest.raises(MessageError):
        EVENT.read(["a b"])
    with pytest.raises(MessageError):
        REPLACES.read(["a b;to-tag=1"])
