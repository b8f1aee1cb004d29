"""Via values."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message import Parameters, Via
from offhook.message.headers import VIA
from offhook.message.headers.via import read_via


@pytest.mark.rfc("3261", "20.42")
def test_read() -> None:
    assert read_via(
        "SIP / 2.0/tcp \t Spindle.example.com : 5061 ; branch =\tz9hG4bK1 ;rport"
    ) == Via(
        "TCP", "spindle.example.com", 5061, Parameters([("branch", "z9hG4bK1"), ("rport", None)])
    )


def test_written() -> None:
    via = read_via("SIP/2.0/UDP [2001:DB8::1]:5060;branch=z9hG4bK1;maddr=a")
    assert str(via) == "SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1;maddr=a"
    assert via.branch == "z9hG4bK1"
    assert (
        str(via.replace(via.parameters.without("maddr", "branch")))
        == "SIP/2.0/UDP [2001:db8::1]:5060"
    )


@pytest.mark.rfc("5118", "4.5")
def test_received_with_and_without_brackets() -> None:
    assert read_via("SIP/2.0/UDP a;received=[2001:db8::9]").received == "2001:db8::9"
    assert read_via("SIP/2.0/UDP a;received=2001:db8::9").received == "2001:db8::9"
    assert read_via("SIP/2.0/UDP a").received == ""


def test_any_transport_in_a_list() -> None:
    vias = VIA.read(["SIP/2.0/UNKNOWN a, SIP/2.0/SCTP b", "SIP/2.0/TLS c"])
    assert [via.transport for via in vias] == ["UNKNOWN", "SCTP", "TLS"]


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0 UDP a", "HTTP/2.0/UDP a", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a;"],
)
def test_refuse(text: str) -> None:
    with pytest.raises(MessageError, match="400"):
        read_via(text)
