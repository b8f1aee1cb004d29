"""Whole REGISTER messages, among them the tricky ones of RFC 4475."""

from collections.abc import Sequence

import pytest

from offhook.errors import PeerError
from offhook.message import parse, parse_uri
from offhook.registrar import (
    Binding,
    Gruus,
    RegistrarPolicy,
    Update,
    change,
    read,
    targets,
)
from tests.unit.registrar.registers import NOW, contacts_of


def bound(raw: bytes) -> Update:
    message = parse(raw.replace(b"\n", b"\r\n"))
    wanted = read(message, policy=RegistrarPolicy(), flow="udp/a/b", by_flow=False)
    return change((), wanted, NOW)


def torture(contact: bytes, *, to: bytes = b"sip:user@example.com") -> bytes:
    return (
        b"REGISTER sip:example.com SIP/2.0\nTo: " + to + b"\nFrom: sip:user@example.com;tag=8\n"
        b"Max-Forwards: 70\nCall-ID: k345asrl3fdbv@192.0.2.1\nCSeq: 14398234 REGISTER\n"
        b"Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw\n" + contact + b"\nL:0\n\n"
    )


@pytest.mark.rfc("4475", "3.3.12")
def test_a_parameter_after_a_bare_contact_is_the_headers() -> None:
    update = bound(torture(b"Contact: sip:+19725552222@gw1.example.net;unknownparam"))
    assert contacts_of(update) == ["<sip:+19725552222@gw1.example.net>;expires=3600;unknownparam"]
    assert update.bindings[0].contact == "sip:+19725552222@gw1.example.net"


@pytest.mark.rfc("4475", "3.3.13")
def test_a_parameter_within_brackets_is_the_uris() -> None:
    update = bound(torture(b"Contact: <sip:+19725552222@gw1.example.net;unknownparam>"))
    assert contacts_of(update) == ["<sip:+19725552222@gw1.example.net;unknownparam>;expires=3600"]


@pytest.mark.rfc("4475", "3.3.14")
def test_an_escaped_header_stays_in_the_stored_uri() -> None:
    update = bound(torture(b"M: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"))
    assert contacts_of(update) == [
        "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;expires=3600"
    ]


@pytest.mark.rfc("4475", "3.1.1.4")
def test_escaped_nulls_neither_end_a_string_nor_make_contacts_equal() -> None:
    update = bound(
        torture(
            b"Contact: <sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>",
            to=b"sip:null-%00-null@example.com",
        )
    )
    assert [binding.contact for binding in update.bindings] == [
        "sip:%00@host5.example.com",
        "sip:%00%00@host5.example.com",
    ]
    assert update.bindings[0].aor == "sip:null-%00-null@example.com"


@pytest.mark.rfc("4475", "3.1.1.5")
def test_escapes_in_names_are_not_touched() -> None:
    update = bound(
        torture(b"Contact:\n  <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>")
    )
    assert update.bindings[0].contact == (
        "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31"
    )


@pytest.mark.rfc("4475", "3.3.4")
def test_an_address_of_record_of_an_unknown_scheme_is_a_400() -> None:
    with pytest.raises(PeerError) as caught:
        bound(torture(b"Contact: <name:John_Smith>", to=b"isbn:2983792873"))
    assert caught.value.status == 400


@pytest.mark.rfc("4475", "3.1.2.13")
def test_an_escaped_header_without_brackets_is_a_400() -> None:
    with pytest.raises(PeerError) as caught:
        bound(torture(b"Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"))
    assert caught.value.status == 400


INSTANCE = b"<urn:uuid:0c67446e-f1a1-11d9-94d3-000a95a0e128>"
EDGE = b"<sip:VskztcQ/S8p4WPbOnHbuyh5iJvJIW3ib@ep1.example.com;lr;ob>"


def through_an_edge(number: int, cseq: int = 1, more: bytes = b"") -> bytes:
    """A phone registers one of its flows through an edge proxy."""
    return (
        b"REGISTER sip:example.com SIP/2.0\n"
        b"Via: SIP/2.0/UDP ep%d.example.com;branch=z9hG4bKnuiqisi\n"
        b"Via: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKnashds7\nMax-Forwards: 69\n"
        b"From: Bob <sip:bob@example.com>;tag=7F94778B653B\nTo: Bob <sip:bob@example.com>\n"
        b"Call-ID: 16CB75F21C70\nCSeq: %d REGISTER\nSupported: path, outbound\n"
        b'Path: %s\nContact: <sip:bob@192.0.2.2;transport=tcp>;reg-id=%d;+sip.instance="%s"\n'
        % (number, cseq, EDGE.replace(b"ep1", b"ep%d" % number), number, INSTANCE)
        + more
        + b"Content-Length: 0\n\n"
    )


@pytest.mark.rfc("5626", "9.1")
def test_a_phone_registers_through_two_edges() -> None:
    bindings: Sequence[Binding] = ()
    for cseq, number in enumerate((1, 2, 1), 1):
        message = parse(through_an_edge(number, cseq).replace(b"\n", b"\r\n"))
        wanted = read(message, policy=RegistrarPolicy(), flow="udp/a/b", by_flow=False)
        update = change(bindings, wanted, NOW + cseq)
        bindings = update.bindings
        assert update.status == 200
        assert ("Require", "outbound") in update.headers
        path = EDGE.replace(b"ep1", b"ep%d" % number).decode()
        assert ("Path", path) in update.headers
    assert [(each.reg_id, each.path) for each in bindings] == [
        (2, (EDGE.replace(b"ep1", b"ep2").decode(),)),
        (1, (EDGE.decode(),)),
    ]
    (phone,) = targets(bindings, NOW)[0]
    assert [each.reg_id for each in phone] == [1, 2]  # the newest flow first


@pytest.mark.rfc("5627", "9")
def test_a_callee_registers_and_refreshes_its_gruus() -> None:
    gruus = Gruus(b"k" * 32)
    bindings: Sequence[Binding] = ()
    temporary = set()
    for cseq in (1, 2):
        raw = (
            b"REGISTER sip:example.com SIP/2.0\n"
            b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnashds7\nMax-Forwards: 70\n"
            b"From: Callee <sip:callee@example.com>;tag=a73kszlfl\nSupported: gruu\n"
            b"To: Callee <sip:callee@example.com>\nCall-ID: 1j9FpLxk3uxtm8tn@192.0.2.1\n"
            b"CSeq: %d REGISTER\nContact: <sip:callee@192.0.2.1>\n "
            b';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"\n'
            b"Content-Length: 0\n\n" % cseq
        )
        message = parse(raw.replace(b"\n", b"\r\n"))
        wanted = read(message, policy=RegistrarPolicy(), flow="udp/a/b", by_flow=False, gruus=gruus)
        update = change(bindings, wanted, NOW + cseq)
        bindings = update.bindings
        (contact,) = contacts_of(update)
        instance = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
        assert f';pub-gruu="sip:callee@example.com;gr={instance}"' in contact
        temporary.add(contact.partition(';temp-gruu="')[2].rstrip('"'))
    assert len(temporary) == 2
    for text in temporary:  # the older one holds as well
        gruu = gruus.read(parse_uri(text))
        assert gruu is not None
        assert gruu.bindings(bindings, NOW) == list(bindings)
