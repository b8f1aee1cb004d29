"""Reading REGISTER requests."""

import pytest

from offhook.errors import PeerError
from offhook.message import parse
from offhook.registrar import RegistrarPolicy, address_of_record, read
from tests.unit.registrar.registers import AOR, INSTANCE, registration, request


def test_the_usual_request_is_read_whole() -> None:
    wanted = registration(
        f'<sip:alice@192.0.2.1:5070;transport=tcp>;expires=600;+sip.instance="{INSTANCE}"',
        call_id="abc",
        cseq=7,
        headers=["User-Agent: baresip"],
        flow="tcp/x/y/1",
        by_flow=True,
    )
    assert (wanted.aor, wanted.call_id, wanted.cseq) == (AOR, "abc", 7)
    assert (wanted.flow, wanted.by_flow, wanted.user_agent) == ("tcp/x/y/1", True, "baresip")
    (contact,) = wanted.contacts
    assert contact.uri == "sip:alice@192.0.2.1:5070;transport=tcp"
    assert (contact.expires, contact.q, contact.instance) == (600, 1000, INSTANCE)
    assert contact.parameters == ""


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("<sip:a@h.example>", "sip:a@h.example"),
        ('"Alice, Smith" <sip:a@h.example:5061>', "sip:a@h.example:5061"),
        ("Alice <sips:a@192.0.2.1>", "sips:a@192.0.2.1"),
        ("Alice B Smith <sip:a@192.0.2.1>", "sip:a@192.0.2.1"),
        ("sip:a@192.0.2.1", "sip:a@192.0.2.1"),
        ("<sip:a%40b@192.0.2.1>", "sip:a%40b@192.0.2.1"),
        ("<sip:a@[2001:db8::1]:5060>", "sip:a@[2001:db8::1]:5060"),
        ("<sip:192.0.2.1>", "sip:192.0.2.1"),
        ("<sip:a@h;transport=tls;ob>", "sip:a@h;transport=tls;ob"),
        ("<mailto:alice@example.com>", "mailto:alice@example.com"),
        ("<tel:+15551234>", "tel:+15551234"),
    ],
)
def test_every_form_of_contact_keeps_its_uri_as_written(written: str, uri: str) -> None:
    assert [contact.uri for contact in registration(written).contacts] == [uri]


@pytest.mark.parametrize(
    "written",
    [
        "<sip:a@192.0.2.1:0>",
        "<sip:a@192.0.2.1:70000>",
        "<sip:a@300.0.2.1>",
        "<sip:a@192.0.2.1",
        "sip:a@h?Route=%3Csip:x%3E",
        "<sip:a b@h>",
        "<>",
        "<sip:@h>",
        "<sip:a@h>;expires=60;Expires=70",
        "<sip:a@h>;q=1;q=0.5;other",
        "<sip:a@h;transport=udp;transport=tcp>",
        '<sip:a@h>;x="unclosed',
        f"<sip:{'a' * 1100}@h>",
        f"<sip:a@h>;x={'a' * 600}",
        f'<sip:a@h>;+sip.instance="{"a" * 200}"',
        "<sip:a@h>;x=\udcff",
        '<sip:a@h>;x="\udcff"',
    ],
)
def test_a_malformed_or_oversized_contact_is_a_400(written: str) -> None:
    with pytest.raises(PeerError) as caught:
        registration(written)
    assert caught.value.status == 400


def test_two_contacts_on_one_line_or_two() -> None:
    one = registration("<sip:a@h>;q=0.5, <sip:b@h>;expires=0", headers=["Expires: 100"])
    two = registration("<sip:a@h>;q=0.5", "<sip:b@h>;expires=0", headers=["Expires: 100"])
    assert one.contacts == two.contacts
    assert [(contact.q, contact.expires) for contact in one.contacts] == [(500, 100), (1000, 0)]


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize(
    ("parameter", "header", "granted"),
    [
        ("", None, 3600),
        ("", "120", 120),
        (";expires=90", "120", 90),
        (";expires=0", None, 0),
        ("", "0", 0),
        (";expires=100000", None, 7200),
        (";expires=99999999999999999999", None, 7200),
        (";expires=soon", None, 3600),
        (";expires", "120", 3600),
        ("", "-5", 3600),
        ("", "\u0661\u0662\u0660", 3600),
    ],
)
def test_the_interval_is_the_parameter_else_the_header_else_the_default(
    parameter: str, header: str | None, granted: int
) -> None:
    headers = [] if header is None else [f"Expires: {header}"]
    assert registration(f"<sip:a@h>{parameter}", headers=headers).contacts[0].expires == granted


@pytest.mark.rfc("3261", "10.3")
def test_a_short_interval_is_refused_with_the_minimum() -> None:
    wanted = registration("<sip:a@h>;expires=59")
    assert wanted.refusal is not None
    assert wanted.refusal.status == 423
    assert wanted.refusal.headers == (("Min-Expires", "60"),)
    assert registration("<sip:a@h>;expires=60").refusal is None
    strict = RegistrarPolicy(minimum=7000)
    assert registration("<sip:a@h>;expires=3599", policy=strict).refusal is not None
    assert registration("<sip:a@h>;expires=3600", policy=strict).refusal is None  # never an hour


@pytest.mark.parametrize(
    ("text", "q"),
    [("0.7", 700), ("1", 1000), ("1.000", 1000), ("0", 0), ("0.", 0), ("0.123", 123), ("2", 1000),
     ("0.1234", 1000), ("x", 1000), ("", 1000)],
)  # fmt: skip
def test_q_is_read_in_thousandths_and_nonsense_is_the_default(text: str, q: int) -> None:
    parameter = f";q={text}" if text else ";q"
    assert registration(f"<sip:a@h>{parameter}").contacts[0].q == q


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize("headers", [["Expires: 0"], ["expires:0"]])
def test_a_lone_wildcard_with_expires_zero_is_taken(headers: list[str]) -> None:
    wanted = registration("*", headers=headers)
    assert wanted.wildcard
    assert wanted.contacts == []


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize(
    ("contacts", "headers"),
    [
        (["*"], []),
        (["*"], ["Expires: 60"]),
        (["*", "<sip:a@h>"], ["Expires: 0"]),
        (["*, *"], ["Expires: 0"]),
        (["*;expires=0"], []),
    ],
)
def test_any_other_wildcard_is_a_400(contacts: list[str], headers: list[str]) -> None:
    with pytest.raises(PeerError) as caught:
        registration(*contacts, headers=headers)
    assert caught.value.status == 400


def test_a_request_without_contact_asks_only() -> None:
    wanted = registration()
    assert (wanted.contacts, wanted.wildcard) == ([], False)


def test_unknown_parameters_are_kept_as_written() -> None:
    contact = registration(
        '<sip:a@h>;+sip.pnsreg="1";expires=60;methods="INVITE, ACK";Mobile;q=0.5'
    ).contacts[0]
    assert contact.parameters == ';+sip.pnsreg="1";methods="INVITE, ACK";Mobile'
    assert contact.q == 500


def test_more_contacts_than_could_ever_stay_are_refused() -> None:
    with pytest.raises(PeerError):
        registration(*[f"<sip:a{i}@h>" for i in range(21)])


def test_a_user_agent_is_cut_and_never_a_reason_to_refuse() -> None:
    wanted = registration("<sip:a@h>", headers=["User-Agent: " + "x" * 500])
    assert len(wanted.user_agent) == 96
    wanted = registration("<sip:a@h>", headers=["User-Agent: \udcff"])
    assert wanted.user_agent.encode()


def test_an_endless_call_id_is_refused() -> None:
    with pytest.raises(PeerError):
        registration("<sip:a@h>", call_id="x" * 300)


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize(
    ("to", "aor"),
    [
        ("<sip:alice@example.com;user=phone>;tag=1", AOR),
        ('"Alice" <sip:%61lice@EXAMPLE.com:5060>', AOR),
        ("sip:alice@example.com", AOR),
        ("<sips:alice@example.com>", AOR),
    ],
)
def test_the_address_of_record_is_canonical(to: str, aor: str) -> None:
    assert address_of_record(request(to=to)).aor() == aor


@pytest.mark.parametrize("to", ["isbn:2983792873", "<tel:+15551234>", "<http://www.example.com>"])
def test_an_address_of_record_that_is_no_sip_address_is_a_400(to: str) -> None:
    with pytest.raises(PeerError) as caught:
        read(request(to=to), policy=RegistrarPolicy(), flow="", by_flow=False)
    assert caught.value.status == 400


def test_a_caller_may_name_the_address_of_record() -> None:
    wanted = read(
        request("<sip:a@h>", to="<sip:alice@192.0.2.1>"),
        aor=AOR,
        policy=RegistrarPolicy(),
        flow="",
        by_flow=False,
    )
    assert wanted.aor == AOR


@pytest.mark.rfc("3327", "5.3")
def test_path_values_are_kept_in_order_from_one_line_or_two() -> None:
    headers = ["Path: <sip:p1;lr>, <sip:p2;lr>", "Path: <sip:p3;lr>", "Supported: gruu, path"]
    wanted = registration("<sip:a@h>", headers=headers)
    assert wanted.path == ("<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>")
    assert wanted.show_path


@pytest.mark.rfc("3327", "5.3")
def test_a_path_that_the_phone_does_not_know_is_a_matter_of_policy() -> None:
    wanted = registration("<sip:a@h>", headers=["Path: <sip:p1;lr>"])
    assert (wanted.path, wanted.show_path) == (("<sip:p1;lr>",), False)
    assert wanted.refusal is None
    strict = RegistrarPolicy(require_path_support=True)
    wanted = registration("<sip:a@h>", headers=["Path: <sip:p1;lr>"], policy=strict)
    assert wanted.refusal is not None
    assert wanted.refusal.status == 420
    assert wanted.refusal.headers == (("Unsupported", "path"),)


@pytest.mark.parametrize(
    "path",
    [
        "<tel:+1555>",
        "sip:p1;lr",
        "<sip:p1",
        ", ".join(f"<sip:proxy{i}.example.com;lr>" for i in range(100)),
    ],
)
def test_a_path_that_cannot_be_followed_is_a_400(path: str) -> None:
    with pytest.raises(PeerError) as caught:
        registration("<sip:a@h>", headers=[f"Path: {path}"])
    assert caught.value.status == 400


OUTBOUND = RegistrarPolicy(outbound=True)
FLOW = f'<sip:a@h>;reg-id=1;+sip.instance="{INSTANCE}"'


@pytest.mark.rfc("5626", "6")
def test_outbound_applies_on_the_first_hop_and_behind_an_edge_that_knows_it() -> None:
    supported = ["Supported: path, outbound"]
    wanted = registration(FLOW, headers=supported, policy=OUTBOUND)
    assert (wanted.outbound, wanted.contacts[0].reg_id) == (True, 1)
    assert wanted.by_flow  # RFC 5626 7
    via = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2"
    edge = [*supported, via, "Path: <sip:core;lr>, <sip:edge;lr;ob>"]
    wanted = registration(FLOW, headers=edge, policy=OUTBOUND, by_flow=True)
    assert (wanted.outbound, wanted.contacts[0].reg_id) == (True, 1)
    assert not wanted.by_flow  # the edge can be connected to


@pytest.mark.rfc("5626", "6")
def test_a_first_hop_without_outbound_is_a_439_or_the_reg_id_is_ignored() -> None:
    via = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2"
    wanted = registration(FLOW, headers=[via, "Supported: outbound"], policy=OUTBOUND)
    assert wanted.refusal is not None
    assert wanted.refusal.status == 439
    wanted = registration(FLOW, headers=[via, "Path: <sip:edge;lr>"], policy=OUTBOUND)
    assert wanted.refusal is None
    assert (wanted.outbound, wanted.contacts[0].reg_id) == (False, 0)


@pytest.mark.rfc("5626", "6")
def test_a_reg_id_without_instance_is_ignored_and_two_contacts_are_a_400() -> None:
    wanted = registration("<sip:a@h>;reg-id=1", headers=["Supported: outbound"], policy=OUTBOUND)
    assert (wanted.outbound, wanted.contacts[0].reg_id) == (False, 0)
    with pytest.raises(PeerError):
        registration(FLOW, "<sip:b@h>", policy=OUTBOUND)
    assert registration(FLOW, "<sip:b@h>;expires=0", policy=OUTBOUND).contacts[0].reg_id == 1


def test_without_outbound_a_reg_id_is_a_parameter_like_others() -> None:
    policy = RegistrarPolicy(outbound=False)
    wanted = registration(FLOW, headers=["Supported: outbound"], policy=policy)
    assert (wanted.outbound, wanted.contacts[0].reg_id) == (False, 0)
    assert wanted.contacts[0].parameters == ";reg-id=1"


@pytest.mark.parametrize("data", [b"\xff", b"\xc3("])
def test_octets_that_are_no_text_are_refused_where_they_would_be_kept(data: bytes) -> None:
    raw = (
        b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
        b"Max-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: x\r\n"
        b'CSeq: 1 REGISTER\r\nContact: "' + data + b'" <sip:a@h>;x="' + data + b'"\r\n\r\n'
    )
    with pytest.raises(PeerError) as caught:
        read(parse(raw), policy=RegistrarPolicy(), flow="", by_flow=False)
    assert caught.value.status == 400
