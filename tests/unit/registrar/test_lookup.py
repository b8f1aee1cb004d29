"""From bindings to targets."""

import pytest

from offhook.registrar import Binding, targets

NOW = 1000.0


def binding(
    contact: str,
    *,
    instance: str = "",
    q: int = 1000,
    registered: float = 0.0,
    expires: float = 2000.0,
) -> Binding:
    return Binding("sip:a@h", contact, expires, q, "c", 1, instance, (), "f", False, "", registered)


def names(*bindings: Binding, now: float = NOW) -> list[list[list[str]]]:
    return [[[way.contact for way in phone] for phone in group] for group in targets(bindings, now)]


def test_nobody_is_nobody() -> None:
    assert names() == []


def test_one_binding_is_one_phone() -> None:
    assert names(binding("sip:a@1")) == [[["sip:a@1"]]]


def test_phones_of_one_q_ring_together_in_the_order_of_registration() -> None:
    assert names(binding("sip:a@1"), binding("sip:a@2")) == [[["sip:a@1"], ["sip:a@2"]]]


@pytest.mark.rfc("3261", "16.6")
def test_higher_q_comes_first() -> None:
    assert names(
        binding("sip:a@1", q=100),
        binding("sip:a@2", q=0),
        binding("sip:a@3"),
        binding("sip:a@4", q=100),
    ) == [[["sip:a@3"]], [["sip:a@1"], ["sip:a@4"]], [["sip:a@2"]]]


@pytest.mark.rfc("5626", "7")
def test_flows_of_one_instance_are_one_phone_newest_first_with_the_newest_q() -> None:
    assert names(
        binding("sip:a@1", instance="i", registered=5, q=100),
        binding("sip:b@1"),
        binding("sip:a@2", instance="i", registered=9),
        binding("sip:a@3", instance="i", registered=5),
    ) == [[["sip:a@2", "sip:a@3", "sip:a@1"], ["sip:b@1"]]]


def test_expired_ones_and_other_schemes_are_left_out() -> None:
    assert names(
        binding("sip:a@1", expires=NOW),
        binding("mailto:a@h"),
        binding("tel:+1555"),
        binding("SIPS:a@2", expires=NOW + 1),
    ) == [[["SIPS:a@2"]]]
    assert names(binding("sip:a@1"), now=2000.0) == []
