"""Tokens in Record-Route URIs: nobody but us makes one, and each is good for its call alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.proxy.route_token import End, RouteToken, seal, tag_hash, unseal

KEY = b"k" * 32
CALL = "call@example.com"
CONNECTION = "tls/192.0.2.1:5061/198.51.100.7:40001/c1"


@pytest.mark.parametrize(
    "ends",
    [
        (End("internal"), End("internal")),
        (End("internal", CONNECTION), End("internal")),
        (End("internal"), End("external", "udp/[::1]:5060/[::2]:5060")),
    ],
)
def test_a_token_comes_back_as_it_was(ends: tuple[End, End]) -> None:
    token = RouteToken("0", ends[0], ends[1], tag_hash("a"))
    assert unseal(seal(token, CALL, KEY), CALL, KEY) == token


def test_a_token_is_good_for_its_call_and_key() -> None:
    text = seal(RouteToken("0", End("p"), End("p"), tag_hash("a")), CALL, KEY)
    assert unseal(text, "other", KEY) is None
    assert unseal(text, CALL, b"x" * 32) is None


@given(st.text(max_size=40))
def test_nothing_invented_is_a_token(text: str) -> None:
    assert unseal(text, CALL, KEY) is None


@given(st.integers(min_value=0), st.characters())
def test_no_character_of_a_token_can_be_changed(place: int, character: str) -> None:
    text = seal(RouteToken("0", End("p", CONNECTION), End("q"), tag_hash("a")), CALL, KEY)
    place %= len(text)
    changed = text[:place] + character + text[place + 1 :]
    assert changed == text or unseal(changed, CALL, KEY) is None


def test_the_other_end_is_the_destination() -> None:
    caller, callee = End("p", CONNECTION), End("q")
    token = RouteToken("0", caller, callee, tag_hash("caller-tag"))
    assert token.destination("caller-tag") == callee
    assert token.destination("callee-tag") == caller


def test_the_user_part_needs_no_escape() -> None:
    text = seal(RouteToken("0", End("p", CONNECTION), End("q"), tag_hash("a")), CALL, KEY)
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~=")
    assert set(text) <= allowed
