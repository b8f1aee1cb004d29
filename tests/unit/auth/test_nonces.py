"""Nonces: made without state, refused when old, foreign or replayed."""

import pytest

from offhook.auth.nonces import NonceRegistry, NonceVerdict

KEY = b"k" * 32
NOW = 1_800_000_000.0
HERE = "192.0.2.1"


def registry(lifetime: float = 300.0, limit: int = 1000, not_before: float = 0.0) -> NonceRegistry:
    return NonceRegistry(KEY, lifetime=lifetime, limit=limit, not_before=not_before)


def check(
    nonces: NonceRegistry, nonce: str, nc: int = 1, *, source: str = HERE, now: float = NOW
) -> NonceVerdict:
    return nonces.check(nonce, nc, realm="example.com", source=source, now=now)


def make(nonces: NonceRegistry, now: float = NOW) -> str:
    return nonces.make("example.com", HERE, now)


def test_a_fresh_nonce_is_valid_and_costs_no_memory() -> None:
    nonces = registry()
    made = [make(nonces) for _ in range(100)]
    assert len(set(made)) == 100  # two phones behind one NAT never share one
    assert all(check(nonces, nonce) is NonceVerdict.VALID for nonce in made)
    assert len(nonces) == 0


@pytest.mark.parametrize("nc", [1, 2, 77, 0xFFFFFFFF, 0])
def test_the_first_count_may_be_any(nc: int) -> None:
    nonces = registry()
    nonce = make(nonces)
    assert check(nonces, nonce, nc) is NonceVerdict.VALID
    assert nonces.use(nonce, nc, NOW)


@pytest.mark.rfc("7616", "5.5")
def test_counts_rise_strictly_once_used() -> None:
    nonces = registry()
    nonce = make(nonces)
    assert nonces.use(nonce, 5, NOW)
    assert check(nonces, nonce, 5) is NonceVerdict.STALE
    assert check(nonces, nonce, 4) is NonceVerdict.STALE
    assert check(nonces, nonce, 0) is NonceVerdict.STALE
    assert check(nonces, nonce, 6) is NonceVerdict.VALID
    assert nonces.use(nonce, 6, NOW)
    assert not nonces.use(nonce, 6, NOW)  # two requests crossed while an account was looked up


def test_a_nonce_used_without_count_is_used_up() -> None:
    nonces = registry()
    nonce = make(nonces)
    assert nonces.use(nonce, 0, NOW)
    assert check(nonces, nonce, 0) is NonceVerdict.STALE
    assert check(nonces, nonce, 0xFFFFFFFF) is NonceVerdict.STALE


def test_checking_alone_uses_nothing_up() -> None:
    nonces = registry()
    nonce = make(nonces)
    for _ in range(3):
        assert check(nonces, nonce) is NonceVerdict.VALID


@pytest.mark.parametrize("age", [301.0, 100_000.0, -400.0])
def test_an_old_nonce_or_one_from_the_future_is_stale(age: float) -> None:
    nonces = registry()
    assert check(nonces, make(nonces), now=NOW + age) is NonceVerdict.STALE
    assert check(nonces, make(nonces), now=NOW + 299) is NonceVerdict.VALID


def test_another_source_realm_or_key_is_stale() -> None:
    nonces = registry()
    nonce = make(nonces)
    assert check(nonces, nonce, source="192.0.2.2") is NonceVerdict.STALE
    other = nonces.check(nonce, 1, realm="example.org", source=HERE, now=NOW)
    assert other is NonceVerdict.STALE
    assert check(NonceRegistry(b"x" * 32), nonce) is NonceVerdict.STALE


@pytest.mark.parametrize(
    "nonce", ["", "x", "0" * 40, "g" * 40, "6b49d20000000001", "\udcff" * 40, "a" * 4000]
)
def test_invented_nonces_are_stale(nonce: str) -> None:
    assert check(registry(), nonce) is NonceVerdict.STALE


def test_a_nonce_changed_in_any_digit_is_stale() -> None:
    nonces = registry()
    nonce = make(nonces)
    for at in range(len(nonce)):
        changed = nonce[:at] + ("1" if nonce[at] == "0" else "0") + nonce[at + 1 :]
        assert check(nonces, changed) is NonceVerdict.STALE


def test_forgotten_nonces_are_stale_and_never_accepted_twice() -> None:
    nonces = registry(limit=10)
    used = [make(nonces) for _ in range(30)]
    unused_old, unused_new = make(registry()), None
    for nonce in used:
        assert nonces.use(nonce, 1, NOW)
    unused_new = make(nonces)
    assert len(nonces) == 10
    assert all(check(nonces, nonce, 1) is NonceVerdict.STALE for nonce in used)
    assert all(check(nonces, nonce, 2) is NonceVerdict.STALE for nonce in used[:20])
    assert all(check(nonces, nonce, 2) is NonceVerdict.VALID for nonce in used[20:])
    assert check(nonces, unused_old) is NonceVerdict.STALE
    assert check(nonces, unused_new) is NonceVerdict.VALID


def test_expired_records_leave_as_new_ones_come() -> None:
    nonces = registry(lifetime=10)
    for second in range(100):
        nonces.use(make(nonces, NOW + second), 1, NOW + second)
    assert len(nonces) <= 12


def test_an_expired_record_stays_refused_if_the_clock_goes_back() -> None:
    nonces = registry(lifetime=10)
    old = make(nonces)
    assert nonces.use(old, 1, NOW)
    assert nonces.use(make(nonces, NOW + 60), 1, NOW + 60)
    assert len(nonces) == 1
    assert check(nonces, old, 1, now=NOW) is NonceVerdict.STALE


def test_nonces_of_an_earlier_process_with_the_same_key_are_stale() -> None:
    nonce = make(registry())
    assert check(registry(not_before=NOW + 1), nonce, now=NOW + 2) is NonceVerdict.STALE
    restarted = registry(not_before=NOW + 1)
    assert check(restarted, make(restarted, NOW + 1), now=NOW + 1) is NonceVerdict.VALID
