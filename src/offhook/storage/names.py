"""Which accounts can be stored: text of a sane length, with at least one HA1."""

from __future__ import annotations

from offhook.errors import StorageError
from offhook.storage.protocols import Account

__all__ = ["possible", "refuse_unstorable"]

LONGEST_NAME = 255  # characters of a user or realm: a host name has no more (RFC 1035 2.3.4)


def possible(user: str, realm: str) -> bool:
    """False for names that no account can have: too long, or octets that are no text. They need not
    be looked up, and must not: PostgreSQL refuses a question with a NUL in it, and with it all who
    are asked for together."""
    if len(user) > LONGEST_NAME or len(realm) > LONGEST_NAME or "\0" in user or "\0" in realm:
        return False
    if user.isascii() and realm.isascii():
        return True
    try:
        f"{user}{realm}".encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_unstorable(account: Account) -> None:
    """Raise StorageError if an account cannot be stored."""
    if not account.user or not account.realm or not possible(account.user, account.realm):
        raise StorageError(f"an account needs a user and a realm of 1 to {LONGEST_NAME} characters")
    if not account.ha1:
        raise StorageError(f"{account.aor} has no password hash")
