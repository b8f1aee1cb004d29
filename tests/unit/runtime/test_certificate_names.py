"""Which domains a certificate proves: the table of RFC 5922 section 7."""

from __future__ import annotations

import pytest

from offhook.runtime.certificate_names import identities, proves, wanted_name

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
    ("proven", "name", "expected"),
    [
        ("example.com", "example.com", True),
        ("example.com", "EXAMPLE.com", True),
        ("example.com", "example.com.", True),
        ("example.com", "foo.example.com", False),
        ("foo.example.com", "example.com", False),
        ("*.example.com", "foo.example.com", False),
        ("*.example.com", "*.example.com", False),
        (".example.com", "foo.example.com", False),
        ("example.com", "", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:0db8::0001", True),
        ("xn--bcher-kva.example", "bücher.example", True),
    ],
)
def test_comparison(proven: str, name: str, expected: bool) -> None:
    assert proves(frozenset({proven}), name) is expected


@pytest.mark.parametrize(
    "name", ["", ".", "*", "a b", "a\0b", "a/b", "\udcff.example", "x" * 70 + "ü.example"]
)
def test_names_that_cannot_be_wanted(name: str) -> None:
    assert wanted_name(name) == ""
