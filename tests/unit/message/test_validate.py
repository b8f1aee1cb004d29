"""Which status a message owes to which role."""

from __future__ import annotations

import pytest

from offhook.message import Fault, Role, parse, validate
from tests.unit.message.builders import request, response

SERVERS = (Role.PROXY, Role.REGISTRAR, Role.UAS)


def verdict(data: bytes, role: Role) -> int | None:
    fault = validate(parse(data), role)
    return None if fault is None else fault.status


@pytest.mark.parametrize("role", list(Role))
def test_nothing_wrong(role: Role) -> None:
    assert validate(parse(request()), role) is None
    assert validate(parse(response()), role) is None


@pytest.mark.rfc("3261", "21.5.6")
@pytest.mark.parametrize("role", SERVERS)
def test_version_comes_first(role: Role) -> None:
    data = request(start="INVITE  sip:b@c SIP/7.0", Via="SIP/7.0/UDP a", From=None)
    assert validate(parse(data), role) == Fault(505, "Version Not Supported")


@pytest.mark.rfc("3261", "16.3")
@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:b@example.com", None),
        ("sips:b@example.com", None),
        ("tel:+1234", None),
        ("http://example.com", 416),
        ("nobodyKnows:this", 416),
        ("<sip:b@example.com>", 400),
        ("sip:b@example.com?Route=%3Csip:x%3E", 400),
        ("sip:2001:db8::10", 400),
        ("nothing", 400),
    ],
)
@pytest.mark.parametrize("role", SERVERS)
def test_request_uri(uri: str, status: int | None, role: Role) -> None:
    assert verdict(request(start=f"INVITE {uri} SIP/2.0"), role) == status


@pytest.mark.rfc("3261", "8.1.1.5")
@pytest.mark.parametrize("role", SERVERS)
def test_cseq_method(role: Role) -> None:
    assert verdict(request(CSeq="7 BYE"), role) == 400
    assert verdict(request(CSeq="7 invite"), role) == 400
    assert verdict(response(CSeq="7 BYE"), role) is None


@pytest.mark.parametrize("name", ["To", "f", "Call-ID", "CSeq", "Max-Forwards", "L"])
@pytest.mark.parametrize("role", list(Role))
def test_single_headers_twice(name: str, role: Role) -> None:
    data = request((name, parse(request()).get(parse(name_only(name)).names()[0]) or ""))
    fault = validate(parse(data), role)
    assert fault is not None
    assert fault.reason.startswith("Multiple ")


def name_only(name: str) -> bytes:
    return f"A sip:b SIP/2.0\r\n{name}: x\r\n\r\n".encode()


@pytest.mark.rfc("3261", "16.3")
@pytest.mark.parametrize(
    "extra",
    [("Expires", "60"), ("Content-Type", "text/plain"), ("Event", "presence"), ("Replaces", "x")],
)
def test_a_proxy_ignores_what_only_the_ends_use(extra: tuple[str, str]) -> None:
    data = request(extra, extra)
    assert verdict(data, Role.PROXY) is None
    assert verdict(data, Role.UAS) == 400


@pytest.mark.rfc("3261", "16.3")
@pytest.mark.parametrize(
    "contact",
    ["<sip:a@b:70000>", "sip:a@b?x=y", '"open <sip:a@b>', "", "<sip:a@b>;;", "*", "*, <sip:a@b>"],
)
def test_contacts_matter_to_the_ends(contact: str) -> None:
    data = request(Contact=contact)
    assert verdict(data, Role.PROXY) is None
    assert verdict(data, Role.UAS) == 400


def test_a_registrar_takes_the_wildcard_and_lists() -> None:
    for contact in (
        "*",
        "<sip:a@b>;expires=3, sip:c@d;q=0.5",
        '<sip:a@b;lr>;+sip.instance="<urn:x>"',
    ):
        data = request(start="REGISTER sip:example.com SIP/2.0", CSeq="7 REGISTER", Contact=contact)
        assert verdict(data, Role.REGISTRAR) is None


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize("recipient", ["isbn:2983792873", "<tel:+123>", "<http://example.com>"])
def test_a_registrar_needs_a_sip_address_of_record(recipient: str) -> None:
    data = request(To=recipient)
    assert verdict(data, Role.REGISTRAR) == 400
    assert verdict(data, Role.PROXY) is None
    assert verdict(data, Role.UAS) is None


def test_record_routes_matter_to_the_ends() -> None:
    data = request(("Record-Route", "sip:p.example;lr"))
    assert verdict(data, Role.UAS) == 400
    assert verdict(data, Role.PROXY) is None


@pytest.mark.rfc("3261", "8.1.3.3")
@pytest.mark.parametrize(
    "more", [[("Via", "SIP/2.0/UDP b")], [("V", "SIP/2.0/UDP b")], [("Via", "nonsense")]]
)
def test_a_response_with_another_via_is_not_for_a_client(more: list[tuple[str, str]]) -> None:
    assert verdict(response(*more), Role.UAC) == 400
    assert verdict(response(*more), Role.PROXY) is None


def test_a_joined_via_is_not_for_a_client_either() -> None:
    data = response(Via='SIP/2.0/UDP a;x="1,2"')
    assert verdict(data, Role.UAC) is None
    assert verdict(response(Via="SIP/2.0/UDP a, SIP/2.0/UDP b"), Role.UAC) == 400


@pytest.mark.parametrize(
    ("status", "known"), [("099", False), ("100", True), ("699", True), ("700", False)]
)
def test_status_codes(status: str, known: bool) -> None:
    data = response(start=f"SIP/2.0 {status} x")
    assert (verdict(data, Role.UAC) is None) is known
