"""The registry of digest algorithms."""

import hashlib

import pytest

from offhook.auth.algorithms import ALGORITHMS, algorithm_named, ha1_names, ha1_of_all, strongest


def test_ha1_is_the_hash_of_user_realm_and_password() -> None:
    assert ha1_of_all("Mufasa", "testrealm@host.com", "Circle Of Life")["MD5"] == (
        "939e7578ed9e3c518a452acee763bce9"
    )


@pytest.mark.rfc("8760", "2.2")
@pytest.mark.parametrize(("name", "digits"), [("MD5", 32), ("SHA-256", 64)])
def test_digests_are_lower_case_hexadecimal_of_the_algorithms_length(
    name: str, digits: int
) -> None:
    digest = ALGORITHMS[name].digest(b"")
    assert len(digest) == digits
    assert digest == digest.lower()


@pytest.mark.skipif(
    "sha512_256" not in hashlib.algorithms_available, reason="this OpenSSL lacks SHA-512/256"
)
@pytest.mark.rfc("8760", "2.1")
def test_sha_512_256_is_not_a_cut_sha_512() -> None:
    assert ALGORITHMS["SHA-512-256"].digest(b"abc") == (  # FIPS 180-4, example of SHA-512/256
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [("", "MD5"), ("md5", "MD5"), ("MD5", "MD5"), ("sha-256", "SHA-256"), ("SHA-256", "SHA-256")],
)
def test_names_compare_without_case_and_nothing_means_md5(name: str, found: str) -> None:
    row = algorithm_named(name)
    assert row is not None
    assert row.name == found


@pytest.mark.parametrize("name", ["MD5-sess", "SHA-256-sess", "TOKEN", "\udcff"])
def test_unserved_names_give_nothing(name: str) -> None:
    assert algorithm_named(name) is None


def test_the_strongest_of_a_list_is_found_in_its_canonical_spelling() -> None:
    assert strongest(["MD5", "sha-256", "whatever"]) == "SHA-256"
    assert strongest(["whatever"]) is None
    assert strongest([]) is None


def test_every_algorithm_gets_its_own_ha1_for_both_names_of_a_user() -> None:
    made = ha1_of_all("alice", "example.com", "secret")
    assert set(made) == {*ALGORITHMS, *(f"{name}@" for name in ALGORITHMS)}
    assert len(set(made.values())) == len(made)
    whole = ha1_of_all("alice@example.com", "example.com", "secret")
    assert made["MD5@"] == whole["MD5"]


@pytest.mark.parametrize(
    ("username", "names"),
    [
        ("alice", ("MD5",)),
        ("alice@example.com", ("MD5@", "MD5")),
        ("alice@example.org", ("MD5",)),
        ("alice@sub.example.com", ("MD5",)),
        ("", ("MD5",)),
    ],
)
def test_a_name_with_the_realm_behind_it_may_go_with_either_ha1(
    username: str, names: tuple[str, ...]
) -> None:
    assert ha1_names("MD5", username, "example.com") == names
