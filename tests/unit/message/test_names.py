"""Header names: canonical and written forms."""

from __future__ import annotations

import pytest

from offhook.message.names import COMPACT, canonical, is_name, written


@pytest.mark.rfc("3261", "7.3.3")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Via", "via"),
        ("v", "via"),
        ("V", "via"),
        ("CALL-ID", "call-id"),
        ("call-Id", "call-id"),
        ("Call-ID \t", "call-id"),
        ("x", "session-expires"),
        ("X-Whatever", "x-whatever"),
        ("n" * 1000, "n" * 1000),
        ("", ""),
        (" Via", ""),
        ("Via\v", ""),
        ("V ia", ""),
        ("\u212a", ""),
        ("Vïa", ""),
    ],
)
def test_canonical(name: str, expected: str) -> None:
    assert canonical(name) == expected
    assert canonical(name) == expected


def test_every_compact_form_leads_to_a_known_name() -> None:
    for letter, name in COMPACT.items():
        assert canonical(letter) == canonical(letter.upper()) == canonical(name) == name
        assert canonical(written(letter)) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("call-id", "Call-ID"),
        ("CSEQ", "CSeq"),
        ("i", "Call-ID"),
        ("www-authenticate", "WWW-Authenticate"),
        ("x-my-header", "X-My-Header"),
        ("X-myHeader", "X-MyHeader"),
    ],
)
def test_written(name: str, expected: str) -> None:
    assert written(name) == expected


def test_is_name() -> None:
    assert is_name("extensionHeader-!.%*+_`'~")
    assert not is_name("a:b")
