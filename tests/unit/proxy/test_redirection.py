"""What a 3xx adds to a request (RFC 3261 16.5, 16.7 step 4)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.message import Message
from offhook.proxy.redirection import MAX_ADDED, MAX_DEPTH, Redirection, redirection
from offhook.proxy.target import Redirects, Target
from tests.unit.proxy.outlet import response

FROM = Target("sip:bob@192.0.2.11")


def moved(*contacts: str, status: int = 302) -> Message:
    return response(status, headers=[("Contact", each) for each in contacts])


def follow(contact: str) -> Sequence[Target]:
    """Everybody but strangers."""
    return () if "stranger" in contact else (Target(contact),)


def read(
    message: Message,
    *,
    uri: str = "sip:bob@example.com",
    target: Target = FROM,
    tried: Sequence[Target] = (FROM,),
) -> Redirection:
    return redirection(Redirects(uri, follow), message, target, tried)


def uris(found: Redirection) -> list[list[str]]:
    return [[target.uri for target in group] for group in found.groups]


@pytest.mark.rfc("3261", "16.5")
def test_contacts_become_targets_by_falling_q() -> None:
    found = read(
        moved("<sip:c@x>;q=0.1", "<sip:a@x>", "<sip:b@x>;q=0.5, <sip:b2@x>;q=0.500", status=300)
    )
    assert uris(found) == [["sip:a@x"], ["sip:b@x", "sip:b2@x"], ["sip:c@x"]]
    assert (found.status, found.response) == (0, None)
    assert [target.q for group in found.groups for target in group] == [1000, 500, 500, 100]
    assert {target.redirections for group in found.groups for target in group} == {1}


@pytest.mark.parametrize(
    ("q", "value"), [("2", 1000), ("x", 1000), ("0.", 0), ("1.9", 1000), ("0.0005", 0)]
)
def test_odd_q_values(q: str, value: int) -> None:
    assert read(moved(f"<sip:a@x>;q={q}")).groups[0][0].q == value


@pytest.mark.rfc("3261", "21.3.5")
@pytest.mark.parametrize("status", [380, 303, 399])
def test_other_3xx_are_passed_up(status: int) -> None:
    message = moved("<sip:a@x>", status=status)
    assert read(message) == Redirection([], status, message)


def test_a_302_that_names_nobody_or_nonsense_is_passed_up() -> None:
    for message in (moved(), moved("<sip:a@x"), moved("*")):
        assert read(message) == Redirection([], 302, message)


@pytest.mark.rfc("3261", "16.7")
def test_what_may_not_be_followed_stays_in_the_response() -> None:
    message = moved("<sip:a@x>", "<sip:stranger@y>;q=0.2")
    found = read(message)
    assert uris(found) == [["sip:a@x"]]
    assert found.status == 302
    assert found.response is not None
    assert found.response.get_all("contact") == ["<sip:stranger@y>;q=0.2"]
    assert message.get_all("contact")[0] == "<sip:a@x>"  # the received one is untouched
    refused = moved("<sip:stranger@y>")
    assert read(refused) == Redirection([], 302, refused)


@pytest.mark.rfc("3261", "16.5")
def test_no_place_is_tried_twice() -> None:
    assert read(moved("<sip:bob@192.0.2.11>")) == Redirection([], 482, None)
    assert read(moved("<sip:bob@example.com>")) == Redirection([], 482, None)
    found = read(moved("<sip:a@x>", "<sip:a@x>;q=0.4", "<sip:bob@192.0.2.11>"))
    assert uris(found) == [["sip:a@x"]]
    assert found.status == 0


def test_a_chain_ends() -> None:
    deep = Target("sip:a@x", redirections=MAX_DEPTH)
    assert read(moved("<sip:b@x>"), target=deep) == Redirection([], 483, None)
    last = Target("sip:a@x", redirections=MAX_DEPTH - 1)
    assert uris(read(moved("<sip:b@x>"), target=last)) == [["sip:b@x"]]


def test_the_number_of_added_targets_is_limited() -> None:
    many = [f"<sip:n{number}@x>;q=0.{number % 10}" for number in range(100)]
    found = read(moved(*many))
    assert sum(len(group) for group in found.groups) == MAX_ADDED
    assert found.response is not None
    assert len(found.response.get_all("contact")) == 50  # beyond MAX_CONTACTS nobody looked
    used = [Target(f"sip:u{number}@x", redirections=1) for number in range(MAX_ADDED)]
    assert read(moved("<sip:b@x>"), tried=used) == Redirection([], 483, None)


@pytest.mark.rfc("3261", "16.7")
def test_a_secure_request_is_never_downgraded() -> None:
    message = moved("<sip:a@x>", "<sips:b@x>")
    found = read(message, uri="sips:bob@example.com")
    assert uris(found) == [["sips:b@x"]]
    assert found.response is not None
    assert found.response.get_all("contact") == ["<sip:a@x>"]

    def weaker(_contact: str) -> Sequence[Target]:
        return (Target("sip:phone@192.0.2.9"),)

    refused = moved("<sips:b@x>")
    assert redirection(Redirects("SIPS:bob@x", weaker), refused, FROM, ()).groups == []


@pytest.mark.rfc("3261", "19.1.1")
@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("<sip:a@x?Subject=hello&Route=%3Csip:evil%3E>", "sip:a@x"),
        ("<sip:a?b@x;method=MESSAGE;transport=tcp?X=y>", "sip:a?b@x;transport=tcp"),
        ("<sip:x;METHOD=BYE>", "sip:x"),
        ("<sip:a@x;user=phone>", "sip:a@x;user=phone"),
        ("<tel:+331;phone-context=x>", "tel:+331;phone-context=x"),
    ],
)
def test_a_contact_brings_no_headers_and_no_method(contact: str, uri: str) -> None:
    assert uris(read(moved(contact))) == [[uri]]


@pytest.mark.rfc("3261", "21.3.4")
def test_305_is_the_same_request_by_way_of_a_proxy() -> None:
    found = read(moved("<sip:proxy.example;lr>", status=305))
    (target,) = found.groups[0]
    assert (target.uri, target.next_hop) == ("sip:bob@192.0.2.11", "sip:proxy.example;lr")
    again = read(moved("<sip:proxy.example;lr>", status=305), tried=[target])
    assert again.status == 482
