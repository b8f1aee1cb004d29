"""Parameters: names without case, order and text kept, never changed in place."""

from __future__ import annotations

import pytest

from offhook.message import Parameters

MIXED = Parameters([("LR", None), ("Transport", "TCP"), ("+sip.instance", '"<urn:x>\\""')])


@pytest.mark.rfc("3261", "7.3.1")
def test_names_have_no_case() -> None:
    assert MIXED["transport"] == MIXED["TRANSPORT"] == "TCP"
    assert "lr" in MIXED
    assert not MIXED.__contains__(5)
    assert MIXED["Lr"] is None
    assert list(MIXED) == ["lr", "transport", "+sip.instance"]
    assert len(MIXED) == 3


def test_values_come_without_quotes_and_go_with_them() -> None:
    assert MIXED["+sip.instance"] == '<urn:x>"'
    assert str(MIXED) == ';LR;Transport=TCP;+sip.instance="<urn:x>\\""'
    assert MIXED.raw()[2] == ("+sip.instance", '"<urn:x>\\""')
    assert repr(MIXED).startswith("Parameters(';LR;")


def test_absent() -> None:
    assert MIXED.get("x") is None
    assert MIXED.text("x") == MIXED.text("lr") == ""
    with pytest.raises(KeyError):
        MIXED["x"]
    assert not Parameters()
    assert str(Parameters()) == ""


def test_set_and_without_make_copies() -> None:
    changed = MIXED.set("transport", "udp").set("ob").set("comment", "two words")
    assert str(changed) == (';LR;Transport=udp;+sip.instance="<urn:x>\\"";ob;comment="two words"')
    assert str(changed.without("LR", "comment", "+SIP.instance")) == ";Transport=udp;ob"
    assert MIXED["transport"] == "TCP"
    assert str(Parameters().set("received", "2001:db8::1")) == ";received=2001:db8::1"
    assert str(Parameters().set("e", "")) == ';e=""'


def test_made_of_others() -> None:
    assert Parameters(MIXED) == MIXED
    assert hash(Parameters(MIXED)) == hash(MIXED)
    assert Parameters({"lr": None}) == Parameters([("lr", None)])
    assert MIXED.__eq__(dict(MIXED)) is False
