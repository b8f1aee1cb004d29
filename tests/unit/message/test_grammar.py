"""Tokens, quoted strings, hosts, numbers, lists and parameters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.message import limits
from offhook.message.grammar import (
    GrammarError,
    canonical_host,
    host_and_port,
    is_token,
    number,
    parameter_items,
    quote,
    read_host,
    split_commas,
    split_parameters,
    unquote,
)


def test_token() -> None:
    assert is_token("z9hG4bK-.!%*_+`'~")
    assert not is_token("a b")
    assert not is_token("")
    assert not is_token("é")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("0068", 68), ("0" * 5000 + "9", 9)])
def test_number(text: str, value: int) -> None:
    assert number(text, 100) == value


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", " 1", "1_0", "\u0661", "\u00b2", "101", "9" * 5000]
)
def test_not_a_number(text: str) -> None:
    with pytest.raises(GrammarError):
        number(text, 100)


@settings(deadline=None)
@given(st.text())
def test_quote_and_unquote(text: str) -> None:
    assert unquote(quote(text)) == text


def test_unquote_leaves_others() -> None:
    assert unquote("a") == "a"
    assert unquote('"') == '"'
    assert unquote('"a\\\\b\\"c"') == 'a\\b"c'


@pytest.mark.rfc("3261", "7.3.1")
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("  ", []),
        (" a ", ["a"]),
        ("a,b ,\tc", ["a", "b", "c"]),
        (",a,,b,", ["a", "b"]),
        ('"x, \\", y" <sip:a,b@c>;p="q,r", d', ['"x, \\", y" <sip:a,b@c>;p="q,r"', "d"]),
        ('<sip:a"b>, c', ['<sip:a"b>', "c"]),
    ],
)
def test_split_commas(text: str, values: list[str]) -> None:
    assert split_commas(text) == values


@pytest.mark.parametrize("text", ['a,"b', '"a\\",', "<a,b", "a," * (limits.LIST_VALUES + 1)])
def test_split_commas_refuses(text: str) -> None:
    with pytest.raises(GrammarError):
        split_commas(text)


def test_parameters() -> None:
    assert split_parameters(' word ; A = b ;c; d="x;y" ; e=[::1]') == (
        "word",
        [("A", "b"), ("c", None), ("d", '"x;y"'), ("e", "[::1]")],
    )
    assert split_parameters("word ") == ("word", [])
    assert parameter_items("<a>;b", 3) == [("b", None)]


@pytest.mark.parametrize(
    "text",
    [";", ";;a", ";a;", ";a=", ";a= ;b", ';a="', ";a b", "x;a", ";a;A=1", ";a=b,c", ";=b", ";é"],
)
def test_bad_parameters(text: str) -> None:
    with pytest.raises(GrammarError):
        parameter_items(text)


def test_too_many_parameters() -> None:
    text = "".join([f";p{place}" for place in range(limits.PARAMETERS + 1)])
    assert len(parameter_items(text[: text.rindex(";")])) == limits.PARAMETERS
    with pytest.raises(GrammarError):
        parameter_items(text)


@pytest.mark.rfc("5954", "4.1")
@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("Example.COM", "example.com", None),
        ("a_b.example.com.:5060", "a_b.example.com.", 5060),
        ("192.0.2.1 : 1", "192.0.2.1", 1),
        ("[2001:DB8::1]", "2001:db8::1", None),
        ("[::ffff:192.0.2.1]:65535", "::ffff:192.0.2.1", 65535),
        ("[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1", None),
    ],
)
def test_host_and_port(text: str, host: str, port: int | None) -> None:
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5060",
        "a:0",
        "a:65536",
        "a:x",
        "a:",
        "a:-1",
        "a:5060:1",
        "a b",
        "a..b",
        ".a",
        "-a",
        "é",
        "256.1.1.1",
        "1.2.3",
        "01.2.3.4",
        "2001:db8::1",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[::1%eth0]",
        "[]",
        "[1.2.3.4]",
        "[::g]",
        "a" * 256,
    ],
)
def test_bad_hosts_and_ports(text: str) -> None:
    with pytest.raises(GrammarError):
        host_and_port(text)


@pytest.mark.rfc("5954", "4.2")
def test_canonical_host() -> None:
    assert canonical_host("2001:db8:0:0::1") == canonical_host("2001:db8::1")
    assert canonical_host("example.com.") == "example.com"
    assert canonical_host("no:address") == "no:address"


def test_long_texts_are_not_kept() -> None:
    kept = read_host.cache_info().currsize
    with pytest.raises(GrammarError):
        read_host("b" * 10_000)
    assert read_host.cache_info().currsize == kept
