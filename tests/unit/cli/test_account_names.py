"""Accounts as people type them."""

from __future__ import annotations

import pytest

from offhook.cli.account_names import account_name
from offhook.errors import UsageError
from offhook.server.config import load_text

CONFIG = load_text('domains = ["example.com", "example.net"]')


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@EXAMPLE.net", "Alice@example.net"),
        ("sip:alice@example.com", "alice@example.com"),
        ("alice", "alice@example.com"),
        ("+33.1-2_3~4!5*6'7(8)9$0#&=", "+33.1-2_3~4!5*6'7(8)9$0#&=@example.com"),
    ],
)
def test_reads_names(text: str, account: str) -> None:
    assert str(account_name(text, CONFIG, any_domain=False)) == account


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("alice@other.example", "--any-domain"),
        ("@example.com", "cannot be a user name"),
        ("", "cannot be a user name"),
        ("a:b@example.com", "cannot be a user name"),
        ("a b@example.com", "cannot be a user name"),
        ("ålice@example.com", "cannot be a user name"),
        ("a\n@example.com", "cannot be a user name"),
        ("a" * 65, "cannot be a user name"),
        ("alice@", "is not a domain"),
        ("alice@b@c", "is not a domain"),
        ("alice@exa mple.com", "is not a domain"),
    ],
)
def test_refuses_names(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        account_name(text, CONFIG, any_domain=False)


def test_any_domain() -> None:
    assert account_name("a@other.example", CONFIG, any_domain=True).realm == "other.example"
