"""Which accounts can be stored."""

import pytest

from offhook.errors import StorageError
from offhook.storage import Account
from offhook.storage.names import LONGEST_NAME, possible, refuse_unstorable


@pytest.mark.parametrize(
    ("user", "realm", "can"),
    [
        ("alice", "example.com", True),
        ("zoë", "example.com", True),
        ("", "example.com", True),
        ("a" * LONGEST_NAME, "r", True),
        ("a" * (LONGEST_NAME + 1), "r", False),
        ("a", "r" * (LONGEST_NAME + 1), False),
        ("\udcff", "r", False),
        ("a", "\udcff", False),
        ("a\0b", "r", False),
        ("a", "r\0", False),
    ],
)
def test_a_name_is_text_of_a_sane_length(user: str, realm: str, can: bool) -> None:
    assert possible(user, realm) is can


def test_an_account_needs_a_name_a_realm_and_a_hash() -> None:
    refuse_unstorable(Account("alice", "example.com", {"MD5": "x"}))
    for user, realm, ha1 in (
        ("", "r", {"MD5": "x"}),
        ("u", "", {"MD5": "x"}),
        ("u", "r", {}),
        ("\udcff", "r", {"MD5": "x"}),
    ):
        with pytest.raises(StorageError):
            refuse_unstorable(Account(user, realm, ha1))
