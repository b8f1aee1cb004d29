"""Which domains a certificate proves: the table of RFC 5922 section 7."""

from __future__ import annotations

import pytest

from offhook.transport.certificate_names import identities, proves, wanted_name

Names = tuple[tuple[str, str], ...]


def certificate(alternatives: Names, common_name: str = "cn.example.com") -> dict[str, object]:
    """As `ssl` gives it."""
    subject = ((("countryName", "FR"),), (("commonName", common_name),))
    return {"subject": subject, "subjectAltName": alternatives, "version": 3}


@pytest.mark.rfc("5922", "7.1")
@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        ((("URI", "sip:example.com"),), {"example.com"}),
        ((("URI", "SIP:Example.COM"),), {"example.com"}),
        ((("URI", "sip:example.com:5061;transport=tls?a=b"),), {"example.com"}),
        ((("URI", "sip:[2001:db8::1]:5061"),), {"2001:db8::1"}),
        ((("URI", "sip:alice@example.com"),), set()),  # a user, not a domain
        ((("URI", "sips:example.com"),), set()),
        ((("URI", "https://example.com"),), set()),
        ((("URI", "sip:"),), set()),
        ((("DNS", "example.com"),), {"example.com"}),
        ((("DNS", "a.example.com"), ("DNS", "b.example.com")), {"a.example.com", "b.example.com"}),
        # DNS values count only without a sip URI; a URI of a user is none
        ((("URI", "sip:example.com"), ("DNS", "www.example.com")), {"example.com"}),
        ((("URI", "sip:alice@example.com"), ("DNS", "example.org")), {"example.org"}),
        ((("DNS", "*.example.com"),), set()),
        ((("DNS", ".example.com"),), set()),
        ((("IP Address", "192.0.2.1"),), {"192.0.2.1"}),
        ((("IP Address", "2001:DB8:0:0:0:0:0:1\n"),), {"2001:db8::1"}),
        ((("email", "a@example.com"),), set()),  # a subjectAltName hides the common name
        ((), {"cn.example.com"}),
    ],
)
def test_identities(alternatives: Names, expected: set[str]) -> None:
    assert identities(certificate(alternatives)) == expected


@pytest.mark.parametrize("nothing", [None, {}, {"subject": None}, {"subjectAltName": "odd"}])
def test_without_a_certificate_nothing_is_proven(nothing: dict[str, object] | None) -> None:
    assert identities(nothing) == frozenset()


def test_a_common_name_must_be_a_domain() -> None:
    assert identities(certificate((), "Example Telecom Ltd")) == frozenset()
    assert identities(certificate((), "*.example.com")) == frozenset()


@pytest.mark.rfc("5922", "7.2")
@pytest.mark.parametrize(
    ("listed", "name", "expected"),
    [
        ("example.com", "example.com", True),
        ("example.com", "EXAMPLE.com", True),
        ("Example.COM", "example.com", True),
        ("example.com", "example.com.", True),
        ("example.com", "foo.example.com", False),
        ("example.com", "fooexample.com", False),
        ("foo.example.com", "example.com", False),
        ("*.example.com", "foo.example.com", False),
        ("*.example.com", "*.example.com", False),
        (".example.com", "foo.example.com", False),
        ("example.com", "", False),
        ("xn--bcher-kva.example", "b\u00fccher.example", True),
        ("192.0.2.1", "192.0.2.1", False),  # an address in a DNS value is no name
    ],
)
def test_comparison(listed: str, name: str, expected: bool) -> None:
    assert proves(identities(certificate((("DNS", listed),))), name) is expected


@pytest.mark.parametrize(
    ("listed", "name", "expected"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.10", False),
        ("2001:db8::1", "2001:0db8::0001", True),
        ("2001:db8::1", "[2001:db8::1]", False),
        ("192.0.2.1", "example.com", False),
    ],
)
def test_addresses(listed: str, name: str, expected: bool) -> None:
    assert proves(identities(certificate((("IP Address", listed),))), name) is expected


@pytest.mark.parametrize(
    ("kind", "listed", "name", "expected"),
    [
        ("DNS", "*.example.com", "foo.example.com", True),
        ("DNS", "*.EXAMPLE.com", "Foo.example.COM", True),
        ("URI", "sip:*.example.com", "foo.example.com", True),
        ("DNS", "*.example.com", "example.com", False),
        ("DNS", "*.example.com", "a.foo.example.com", False),
        ("DNS", "*.com", "example.com", False),
        ("DNS", "*", "example", False),
        ("DNS", "f*.example.com", "foo.example.com", False),
        ("DNS", "*.*.example.com", "a.b.example.com", False),
        ("DNS", "foo.example.com", "foo.example.com", True),
        ("DNS", "*.0.2.1", "192.0.2.1", False),
        ("IP Address", "192.0.2.1", "192.0.2.1", True),
        ("URI", "sip:alice@*.example.com", "foo.example.com", False),
    ],
)
def test_wildcards_where_they_are_allowed(
    kind: str, listed: str, name: str, expected: bool
) -> None:
    proven = identities(certificate(((kind, listed),)), wildcards=True)
    assert proves(proven, name) is expected


@pytest.mark.parametrize(
    "name", ["", ".", "*", "a b", "a\0b", "a/b", "\udcff.example", "x" * 70 + "ü.example"]
)
def test_names_that_cannot_be_wanted(name: str) -> None:
    assert wanted_name(name) == ""
