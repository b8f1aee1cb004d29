"""What a change of bindings means to watchers (RFC 3680, RFC 5628)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from offhook.registrar import Binding, Gruus
from offhook.registrar.news import ContactNews, RegistrationNews, news
from tests.unit.registrar.registers import AOR, INSTANCE, NOW

GRUUS = Gruus(b"k" * 32)
ONE = Binding(AOR, "sip:a@h", NOW + 600, 1000, "one", 7, INSTANCE, (), "f", False, "", NOW)
PLAIN = replace(ONE, contact="sip:a@other", instance="", call_id="two", q=300)


def told(
    before: Sequence[Binding],
    after: Sequence[Binding],
    ending: str = "unregistered",
    *,
    retry_after: int = 0,
) -> RegistrationNews:
    """What is new."""
    return news(
        AOR,
        before,
        after,
        unix=NOW + 100,
        gruus=GRUUS,
        ending=ending,
        retry_after=retry_after,
    )


def only(found: RegistrationNews) -> ContactNews:
    """The one contact that has changed."""
    (contact,) = found.contacts
    return contact


@pytest.mark.rfc("3680", "5.3")
@pytest.mark.rfc("5628", "4")
def test_a_new_contact_is_told_whole() -> None:
    found = told([PLAIN], [PLAIN, ONE])
    contact = only(found)
    assert (found.aor, found.state) == (AOR, "active")
    assert (contact.state, contact.event) == ("active", "created")
    assert (contact.uri, contact.duration, contact.expires) == ("sip:a@h", 100, 500)
    assert contact.binding == ONE
    assert contact.pub_gruu == GRUUS.public(ONE)
    assert contact.temp_gruu == GRUUS.temporary(ONE)


@pytest.mark.rfc("3680", "4.2")
@pytest.mark.parametrize(
    ("after", "event", "expires"),
    [
        (replace(ONE, cseq=8, expires=NOW + 900, registered=NOW + 100), "refreshed", 800),
        (replace(ONE, cseq=8, expires=NOW + 300), "refreshed", 200),  # the phone itself wants less
        (replace(ONE, expires=NOW + 300), "shortened", 200),
    ],
)
def test_a_contact_that_stays(after: Binding, event: str, expires: int) -> None:
    contact = only(told([ONE], [after]))
    assert (contact.state, contact.event, contact.expires) == ("active", event, expires)
    assert contact.id == only(told([], [ONE])).id


@pytest.mark.rfc("3680", "4.2")
@pytest.mark.parametrize(
    ("ending", "retry"),
    [("unregistered", 0), ("deactivated", 0), ("rejected", 0), ("probation", 30)],
)
def test_a_contact_that_goes(ending: str, retry: int) -> None:
    found = told([ONE], [], ending, retry_after=30)
    contact = only(found)
    assert found.state == "terminated"
    assert (contact.state, contact.event, contact.expires) == ("terminated", ending, 0)
    assert contact.retry_after == retry
    assert contact.temp_gruu == ""  # it was taken back


def test_a_contact_whose_time_is_over_has_expired_whatever_else_happens() -> None:
    late = replace(ONE, expires=NOW + 100)
    found = told([late, PLAIN], [PLAIN], "rejected")
    assert (found.state, only(found).event) == ("active", "expired")


def test_the_time_since_it_was_bound_first_is_told_if_it_is_known() -> None:
    refreshed = replace(ONE, cseq=8, registered=NOW + 100)
    found = news(AOR, [ONE], [refreshed], unix=NOW + 100, gruus=GRUUS, since=lambda _id: NOW - 1000)
    assert only(found).duration == 1100


def test_contacts_have_ids_of_their_own() -> None:
    found = told([], [ONE, PLAIN, replace(ONE, instance="<urn:other>")])
    assert len({contact.id for contact in found.contacts}) == 3
    assert found.id not in {contact.id for contact in found.contacts}
    assert only(told([], [PLAIN])).pub_gruu == ""


@pytest.mark.rfc("5626", "6")
def test_two_flows_of_one_phone_with_one_contact_are_two() -> None:
    first = replace(ONE, parameters=";reg-id=1")
    second = replace(ONE, parameters=";reg-id=2", flow="g")
    created = only(told([first], [first, second]))
    assert (created.event, created.binding) == ("created", second)
    ended = only(told([first, second], [second]))
    assert (ended.event, ended.binding) == ("unregistered", first)
    assert created.id != ended.id


def test_nothing_new_is_nothing() -> None:
    assert told([ONE], [ONE]).contacts == []
    assert told([], []).state == "init"
