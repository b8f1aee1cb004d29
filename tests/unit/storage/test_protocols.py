"""The records of the store contract."""

import pytest

from offhook.message import parse_uri
from offhook.storage import Account


@pytest.mark.parametrize(
    ("user", "realm", "written"),
    [
        ("alice", "example.com", "sip:alice@example.com"),
        ("+1555", "Example.COM", "sip:+1555@EXAMPLE.com"),
        ("100", "Example.COM", "sip:100@example.com"),
        ("zoë b", "example.com", "sip:zo%C3%AB%20b@example.com"),
        ("a.b", "2001:db8::1", "sip:a.b@[2001:DB8:0::1]"),
    ],
)
def test_an_address_of_record_is_what_requests_are_looked_up_by(
    user: str, realm: str, written: str
) -> None:
    assert Account(user, realm, {}).aor == parse_uri(written).aor()


def test_a_realm_that_is_no_host_harms_nobody() -> None:
    assert Account("a.b", "our realm", {}).aor == "sip:a.b@our realm"


def test_an_account_hides_its_hashes() -> None:
    assert "topsecret" not in repr(Account("alice", "example.com", {"MD5": "topsecret"}))
