"""Which pages may connect, by list and by our own domains."""

from __future__ import annotations

import pytest

from offhook.runtime.origins import Origins, read_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://phone.example.com", "https://phone.example.com"),
        ("HTTPS://Phone.Example.com:443", "https://phone.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://*.example.com", "https://*.example.com"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
        ("null", "null"),
    ],
)
def test_origins_are_spelled_as_browsers_do(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "https://example.com/",
        "https://example.com/page",
        "https://user@example.com",
        "https://*example.com",
        "https://exa*mple.com",
        "https://example.com:port",
        "https://" + "a" * 400,
        "//example.com",
    ],
)
def test_what_is_no_origin_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="as in"):
        read_origin(text)


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        (["https://a.example"], "https://a.example", True),
        (["https://a.example"], "http://a.example", False),
        (["https://a.example"], "https://a.example:8443", False),
        (["https://a.example"], "https://b.a.example", False),
        (["https://*.a.example"], "https://b.a.example", True),
        (["https://*.a.example"], "https://c.b.a.example", True),
        (["https://*.a.example"], "https://a.example", False),
        (["https://*.a.example"], "https://evila.example", False),
        (["https://*.a.example"], "https://evil.test/.a.example", False),
        (["https://*.a.example"], "https://*.a.example", True),
        (["https://*.a.example:8443"], "https://b.a.example:8443", True),
        (["https://*.a.example:8443"], "https://b.a.example", False),
        (["*"], "https://whoever.test", True),
        (["*"], "null", True),
        (["null"], "null", True),
        (["https://a.example"], "null", False),
        (["https://a.example"], "", False),
    ],
)
def test_the_list_decides(allowed: list[str], origin: str, expected: bool) -> None:
    origins = Origins([read_origin(text) for text in allowed], ["b.example"])
    assert origins.allows(origin) is expected
    assert not Origins([read_origin("https://x.test")], ["b.example"]).allows("https://b.example")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://example.com", True),
        ("http://phone.example.com:8080", True),
        ("https://192.0.2.1", True),
        ("https://[2001:db8::1]", True),
        ("https://example.com.evil.test", False),
        ("https://evilexample.com", False),
        ("https://*.example.com", False),
        ("chrome-extension://example.com", False),
        ("https://evil.192.0.2.1", False),
        ("null", False),
        ("https://" + "a." * 200 + "example.com", False),
    ],
)
def test_without_a_list_our_domains_do(origin: str, expected: bool) -> None:
    assert Origins((), ["example.com", "192.0.2.1", "2001:db8::1"]).allows(origin) is expected


def test_without_anything_no_page_may() -> None:
    assert not Origins().allows("https://example.com")
