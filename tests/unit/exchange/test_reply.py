"""Replies as values: what is sent of them, and what cannot be."""

from __future__ import annotations

import pytest

from offhook.errors import UsageError
from offhook.exchange import Reply
from offhook.message import parse_uri
from offhook.proxy.target import Target
from tests.unit.exchange.bench import binding


@pytest.mark.parametrize(
    ("reply", "phrase"),
    [(Reply(486), "Busy Here"), (Reply(486, "Out"), "Out"), (Reply(499), "Request Failure")],
)
def test_the_phrase_is_the_standard_one_if_none_is_given(reply: Reply, phrase: str) -> None:
    assert reply.phrase == phrase


def test_a_line_for_each_value() -> None:
    reply = Reply(302, headers={"Contact": ["<sip:a@h>", "<sip:b@h>"], "X-One": "1"})
    assert reply.lines() == [("Contact", "<sip:a@h>"), ("Contact", "<sip:b@h>"), ("X-One", "1")]


@pytest.mark.parametrize("status", [0, 99, 100, 180, 199, 700, -486])
def test_only_a_final_status_is_an_answer(status: int) -> None:
    with pytest.raises(UsageError, match="200-699"):
        Reply(status)


def test_a_body_says_what_it_is() -> None:
    with pytest.raises(UsageError, match="Content-Type"):
        Reply(200, body=b"x")
    assert Reply(200, headers={"content-type": "text/plain"}, body=b"x").body == b"x"


@pytest.mark.parametrize(
    ("name", "value"),
    [("X", "a\r\nVia: b"), ("X", "a\nb"), ("X", "a\0"), ("X\r\nVia: b", "a"), ("X\n", "a")],
)
def test_a_value_is_one_line(name: str, value: str) -> None:
    with pytest.raises(UsageError, match="one line"):
        Reply(200, headers={name: value}).lines()


def test_contacts_by_falling_q() -> None:
    lines = Reply(
        302,
        contacts=[
            binding("bob", "192.0.2.9", q=300),
            Target("sip:bob@192.0.2.8", q=700),
            "sip:voicemail@media.internal",
            parse_uri("sips:bob@example.com"),
        ],
    ).lines()
    assert lines == [
        ("Contact", "<sip:voicemail@media.internal>;q=1"),
        ("Contact", "<sips:bob@example.com>;q=1"),
        ("Contact", "<sip:bob@192.0.2.8>;q=0.7"),
        ("Contact", "<sip:bob@192.0.2.9:5060>;q=0.3"),
    ]
    assert Reply(485, contacts=["tel:+331"]).lines() == [("Contact", "<tel:+331>;q=1")]


@pytest.mark.parametrize("contact", ["<sip:bob@x>", "sip:bob@x\r\nEvil: yes", "sip:a b@x"])
def test_a_contact_is_a_bare_uri(contact: str) -> None:
    with pytest.raises(UsageError, match="is no URI"):
        Reply(302, contacts=[contact]).lines()


@pytest.mark.parametrize("status", [200, 404, 480, 600])
def test_contacts_belong_to_redirections(status: int) -> None:
    with pytest.raises(UsageError, match="a 3xx or a 485"):
        Reply(status, contacts=["sip:bob@x"])
