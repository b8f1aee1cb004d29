"""Records as dnspython reads them."""

from __future__ import annotations

import dns.rrset
import pytest

from offhook.runtime.dns_records import MOST_RECORDS, answer_of
from offhook.transport.records import NOTHING, Answer, Kind, Naptr, Srv

NAPTR = '10 20 "S" "SIP+D2U" "" _sip._udp.Example.com.'


@pytest.mark.parametrize(
    ("kind", "type_", "text", "expected"),
    [
        (Kind.ADDRESSES, "A", "192.0.2.1", Answer(addresses=("192.0.2.1",))),
        (Kind.ADDRESSES, "AAAA", "2001:DB8::1", Answer(addresses=("2001:db8::1",))),
        (
            Kind.SRV,
            "SRV",
            "1 2 5060 Sip.Example.com.",
            Answer(srv=(Srv(1, 2, 5060, "sip.example.com"),)),
        ),
        (Kind.SRV, "SRV", "0 0 0 .", Answer(srv=(Srv(0, 0, 0, ""),))),
        (
            Kind.NAPTR,
            "NAPTR",
            NAPTR,
            Answer(naptr=(Naptr(10, 20, "S", "SIP+D2U", "_sip._udp.example.com"),)),
        ),
        (Kind.SRV, "A", "192.0.2.1", NOTHING),
        (Kind.NAPTR, "TXT", '"x"', NOTHING),
    ],
)
def test_records(kind: Kind, type_: str, text: str, expected: Answer) -> None:
    assert answer_of(kind, dns.rrset.from_text("n.", 60, "IN", type_, text)) == expected


def test_octets_outside_ascii_are_no_error() -> None:
    text = r'1 1 "\255" "\254" "\253" .'
    (record,) = answer_of(Kind.NAPTR, dns.rrset.from_text("n.", 60, "IN", "NAPTR", text)).naptr
    assert (record.flags, record.replacement) == ("\ufffd", "")


def test_huge_sets_are_cut() -> None:
    every = [f"1 1 {port} s.test." for port in range(1, 1000)]
    answer = answer_of(Kind.SRV, dns.rrset.from_text_list("n.", 60, "IN", "SRV", every))
    assert len(answer.srv) == MOST_RECORDS
