"""Slowing and banning of sources that send wrong passwords."""

from ipaddress import ip_network

import pytest

from offhook.auth.bans import Admission, BanPolicy, Bans, BanVerdict

HERE = "192.0.2.1"


def wrong(bans: Bans, times: int, source: str = HERE, *, now: float = 0.0) -> BanVerdict:
    verdict = BanVerdict(Admission.ALLOW)
    for _ in range(times):
        verdict = bans.wrong(source, now)
    return verdict


def test_nobody_is_known_at_first() -> None:
    bans = Bans()
    assert bans.verdict(HERE, 0.0).admission is Admission.ALLOW
    assert len(bans) == 0


def test_a_few_slips_cost_nothing_then_it_gets_slower_then_banned() -> None:
    bans = Bans()
    assert wrong(bans, 5).admission is Admission.ALLOW
    delays = []
    while (verdict := bans.wrong(HERE, 0.0)).admission is Admission.DELAY:
        delays.append(verdict.seconds)
    assert delays == sorted(delays)
    assert 0 < delays[0] < delays[-1] <= 4.0
    assert verdict == BanVerdict(Admission.BANNED, 600.0)
    assert len(delays) == 15
    assert bans.verdict(HERE, 100.0) == BanVerdict(Admission.BANNED, 500.0)
    assert bans.verdict("192.0.2.2", 100.0).admission is Admission.ALLOW


def test_a_ban_ends_and_leaves_nothing() -> None:
    bans = Bans()
    wrong(bans, 30)
    assert bans.verdict(HERE, 599.0).admission is Admission.BANNED
    assert bans.verdict(HERE, 600.5).admission is Admission.ALLOW
    assert len(bans) == 0
    assert bans.wrong(HERE, 601.0).admission is Admission.ALLOW


def test_wrong_passwords_during_a_ban_do_not_prolong_it() -> None:
    bans = Bans()
    wrong(bans, 21)
    assert wrong(bans, 50, now=100.0).seconds == 500.0


def test_counts_decay() -> None:
    bans = Bans()
    assert wrong(bans, 10).admission is Admission.DELAY
    assert bans.verdict(HERE, 100.0).admission is Admission.ALLOW  # 5 of 10 forgotten
    assert bans.verdict(HERE, 200.0).admission is Admission.ALLOW
    assert len(bans) == 0


def test_a_forgotten_phone_that_retries_every_half_minute_is_never_slowed() -> None:
    bans = Bans()
    for minute in range(600):
        assert bans.wrong(HERE, minute * 30.0).admission is Admission.ALLOW


def test_the_allow_list_wins() -> None:
    bans = Bans(BanPolicy(allow=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))))
    assert wrong(bans, 100).admission is Admission.ALLOW
    assert wrong(bans, 100, "2001:db8::1").admission is Admission.ALLOW
    assert wrong(bans, 100, "198.51.100.1").admission is Admission.BANNED
    assert wrong(bans, 100, "no address").admission is Admission.BANNED


@pytest.mark.parametrize(
    ("counted", "asked", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("not:an:address", "not:an:address", True),
    ],
)
def test_an_ipv6_subscriber_counts_as_one(counted: str, asked: str, same: bool) -> None:
    bans = Bans()
    wrong(bans, 30, counted)
    assert (bans.verdict(asked, 0.0).admission is Admission.BANNED) is same


def test_memory_is_bounded_and_the_quietest_is_forgotten_first() -> None:
    bans = Bans(BanPolicy(limit=3))
    for source in ("a", "b", "c", "a", "d"):
        wrong(bans, 30, source)
    assert [source for source, _ in bans.banned(0.0)] == ["c", "a", "d"]
    assert len(bans) == 3


def test_an_operator_can_forgive() -> None:
    bans = Bans()
    wrong(bans, 30)
    assert bans.banned(10.0) == [(HERE, 590.0)]
    assert bans.forgive(HERE)
    assert not bans.forgive(HERE)
    assert bans.verdict(HERE, 10.0).admission is Admission.ALLOW


def test_a_policy_without_a_slow_phase_bans_at_once() -> None:
    bans = Bans(BanPolicy(slow_after=0.0, ban_after=0.0))
    assert bans.wrong(HERE, 0.0).admission is Admission.BANNED


def test_a_clock_that_goes_back_breaks_nothing() -> None:
    bans = Bans()
    wrong(bans, 10, now=100.0)
    assert bans.verdict(HERE, 50.0).admission is Admission.DELAY
