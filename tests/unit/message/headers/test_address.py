"""Addresses with display names and parameters."""

from __future__ import annotations

import pytest

from offhook.errors import MessageError
from offhook.message.headers import CONTACT, FROM, PATH, RECORD_ROUTE, REFER_TO, ROUTE, NameAddr
from offhook.message.headers.address import read_name_addr


@pytest.mark.rfc("3261", "20.10")
@pytest.mark.parametrize(
    ("text", "display", "uri", "parameters"),
    [
        ("<sip:a@b>", "", "sip:a@b", ""),
        ("<sip:a@b;lr?x=y>;tag=1", "", "sip:a@b;lr?x=y", ";tag=1"),
        ("sip:a@b;tag=1 ; x", "", "sip:a@b", ";tag=1;x"),
        ("caller<sip:a@b> ;\ttag = 1", "caller", "sip:a@b", ";tag=1"),
        ("A. G. Bell <sip:a@b>", "A. G. Bell", "sip:a@b", ""),
        ("Ærøskøbing <sip:a@b>", "Ærøskøbing", "sip:a@b", ""),
        ('"J \\\\\\"R\\"" \t<sip:a@b>', 'J \\"R"', "sip:a@b", ""),
        ('"a;b,c<d>"<sip:a@b>;q=0.5;x="y;z>"', "a;b,c<d>", "sip:a@b", ';q=0.5;x="y;z>"'),
        ('sip:a@b;x="<y>"', "", "sip:a@b", ';x="<y>"'),
        ("<tel:+1-2;ext=3>", "", "tel:+1-2;ext=3", ""),
        ("isbn:2983", "", "isbn:2983", ""),
    ],
)
def test_read(text: str, display: str, uri: str, parameters: str) -> None:
    address = read_name_addr(text)
    assert (address.display, str(address.uri), str(address.parameters)) == (
        display,
        uri,
        parameters,
    )
    assert read_name_addr(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "<>",
        "<sip:a@b",
        "sip:a@b>",
        "< sip:a@b>",
        "<sip:a@b >",
        '"a <sip:a@b>',
        '"a" sip:a@b',
        '"a"',
        "a, b <sip:a@b>",
        "a@b <sip:a@b>",
        "sip:a@b?x=y",
        "sip:a,b@c",
        "<sip:a@b>x",
        "<sip:a@b>;",
        "<sip:a@b>;a;a",
        "<sip:a@b>;;x",
        "<<sip:a@b>>",
    ],
)
def test_refuse(text: str) -> None:
    with pytest.raises(MessageError):
        read_name_addr(text)


def test_written() -> None:
    address = read_name_addr("sip:a@b;tag=1")
    assert str(address) == "<sip:a@b>;tag=1"
    assert address.tag == "1"
    assert str(NameAddr("Bob", address.uri)) == "Bob <sip:a@b>"
    assert str(NameAddr('B "o" b', address.uri)) == '"B \\"o\\" b" <sip:a@b>'


@pytest.mark.rfc("3261", "10.2.2")
def test_contact_wildcard() -> None:
    (star,) = CONTACT.read(["*"])
    assert star.wildcard
    assert str(star) == "*"
    assert not CONTACT.read(["<sip:a@b>"])[0].wildcard


@pytest.mark.rfc("3261", "20.10")
def test_parameters_without_brackets_belong_to_the_contact() -> None:
    bare, bracketed = CONTACT.read(["sip:a@b;x", "<sip:a@b;x>"])
    assert "x" in bare.parameters
    assert "x" not in bare.uri.parameters
    assert "x" in bracketed.uri.parameters


def test_lists_and_single_values() -> None:
    assert [a.uri.host for a in ROUTE.read(["<sip:a;lr>, <sip:b;lr>", "<sip:c>"])] == [
        "a",
        "b",
        "c",
    ]
    assert FROM.read([]) is None
    assert REFER_TO.read(["<sip:a@b?Replaces=x>"]) is not None
    with pytest.raises(MessageError):
        FROM.read(["<sip:a@b>", "<sip:a@b>"])


@pytest.mark.rfc("3261", "20.34")
def test_routes_need_brackets() -> None:
    for header in (ROUTE, RECORD_ROUTE, PATH):
        with pytest.raises(MessageError, match="needs angle brackets"):
            header.read(["sip:a;lr"])
