"""Core values: the fast and the careful way agree, and each fault is named."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message import Core, parse
from offhook.message.core import is_plain_address
from tests.unit.message.builders import request

FAST = (
    ("Via", "SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK-7;rport"),
    ("From", '"Alice" <sip:alice@example.com>;tag=a1'),
    ("To", "<sip:bob@example.com;transport=tcp>;tag=b1"),
    ("CSeq", "7 INVITE"),
    ("Call-ID", "c1@192.0.2.1"),
    ("Max-Forwards", "9"),
    ("Route", "<sip:p.example;lr>"),
)
CAREFUL = (
    ("Via", 'sip / 2.0/udp 192.0.2.1 : 5062 ; RPort ; branch = z9hG4bK-7 ;x="y,z" , SIP/2.0/TCP b'),
    ("From", "Alice  <sip:alice@example.com> ; x=y ; tag = a1"),
    ("To", "sip:bob@example.com;tag=b1"),
    ("CSeq", "007\t INVITE "),
    ("Call-ID", " c1@192.0.2.1 "),
    ("Max-Forwards", " 009 "),
    ("Route", '"x>y" <sip:p.example;lr>, <sip:q>'),
)


def read(*lines: tuple[str, str]) -> Core:
    return parse(request(("Route", dict(lines)["Route"]), changes=dict(lines[:6]))).core()


def test_both_ways_agree() -> None:
    fast = Core(
        "z9hG4bK-7",
        "192.0.2.1",
        5062,
        "UDP",
        True,
        "c1@192.0.2.1",
        7,
        "INVITE",
        "a1",
        "b1",
        9,
        "sip:p.example;lr",
    )
    assert read(*FAST) == fast
    assert read(*CAREFUL) == fast


@pytest.mark.rfc("3261", "16.6")
def test_what_may_be_absent() -> None:
    core = parse(
        request(Via="SIP/2.0/TCP [2001:DB8::1]", From="<sip:a@b>", Max_Forwards=None)
    ).core()
    assert (core.branch, core.sent_by_host, core.sent_by_port, core.rport) == (
        "",
        "2001:db8::1",
        0,
        False,
    )
    assert (core.from_tag, core.to_tag, core.max_forwards, core.route) == ("", "", 70, "")


@pytest.mark.rfc("3261", "8.1.1")
@pytest.mark.parametrize("name", ["Via", "From", "To", "Call_ID", "CSeq"])
def test_mandatory_headers(name: str) -> None:
    with pytest.raises(MessageError, match=f"400 Missing {name.replace('_', '-')}"):
        parse(request(changes={name: None})).core()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", ""),
        ("Via", ","),
        ("Via", "SIP/2.0/UDP"),
        ("Via", "SIP/2.0/UDP a:0;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP a:65536;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP a:99999 ;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP 999.1.1.1;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP [::1;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP a;branch=z9hG4bK1;branch=z9hG4bK2"),
        ("Via", "SIP/2.0/UDP a;;branch=z9hG4bK1"),
        ("Via", "SIP/2.0/UDP a;branch="),
        ("Via", "SIP/3.0/UDP a;branch=z9hG4bK1"),
        ("From", ""),
        ("From", "nobody"),
        ("From", '"Alice <sip:a@b>'),
        ("From", "Bell, Alexander <sip:a@b>"),
        ("From", "< sip:a@b >"),
        ("From", "<sip:a@b"),
        ("From", "<sip:a@b>;tag=1;tag=2"),
        ("From", "<sip:a@b:70000>"),
        ("To", "<sip:a@b>x"),
        ("Call_ID", ""),
        ("Call_ID", "a b"),
        ("Call_ID", "a\0b"),
        ("CSeq", "INVITE"),
        ("CSeq", "-1 INVITE"),
        ("CSeq", "4294967296 INVITE"),
        ("CSeq", "1" * 400 + " INVITE"),
        ("CSeq", "1 INVITE x"),
        ("CSeq", "1 IN(VITE"),
        ("CSeq", "\u0661 INVITE"),
        ("Max_Forwards", "256"),
        ("Max_Forwards", "-1"),
        ("Max_Forwards", "x"),
        ("Max_Forwards", "7 0"),
    ],
)
def test_faults_name_their_header(name: str, value: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse(request(changes={name: value})).core()
    assert caught.value.status == 400
    assert caught.value.reason.startswith(f"Bad {name.replace('_', '-')}")


@pytest.mark.parametrize("value", ["sip:p.example", "<sip:p.example", ",", "<>", '"'])
def test_a_bad_route_is_found(value: str) -> None:
    message = parse(request(("Route", value)))
    if value in ("sip:p.example", "<>"):  # what an addr-spec or nothing leads to is for the router
        assert message.core().route in ("sip:p.example", "")
        return
    with pytest.raises(MessageError, match="Bad Route"):
        message.core()


def test_highest_cseq() -> None:
    assert parse(request(CSeq="4294967295 INVITE")).core().cseq == 2**32 - 1


def test_long_values_are_read_without_being_kept() -> None:
    tag = "t" * 1000
    core = parse(request(From=f"<sip:a@b>;tag={tag}", To=f"<sip:a@b> ;tag={tag}")).core()
    assert core.from_tag == core.to_tag == tag


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("<sip:a@192.0.2.1:5060;transport=udp>", True),
        ('"A" <sips:a@example.com>', True),
        ("<sip:a@b>;expires=3", False),
        ("<sip:a@b>, <sip:c@d>", False),
        ("sip:a@b", False),
        ("*", False),
    ],
)
def test_plain_address(value: str, plain: bool) -> None:
    assert is_plain_address(value) is plain
