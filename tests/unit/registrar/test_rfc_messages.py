"""Whole REGISTER messages, among them the tricky ones of RFC 4475."""

import pytest

from offhook.errors import PeerError
from offhook.message import parse
from offhook.registrar import RegistrarPolicy, Update, change, read
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
