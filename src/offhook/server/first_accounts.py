"""Two accounts for the first start, so that two phones can call each other at once.

They are made when the account store is empty and a profile authenticates. Their passwords are
random and shown once; only hashes are kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from offhook.auth import ha1_of_all
from offhook.server.schema import Config
from offhook.storage.protocols import Account, AccountStore

__all__ = ["NewAccount", "make_first_accounts"]

USERS = ("100", "101")  # what every phone's keypad can dial
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # no letters that look like digits
PASSWORD_LENGTH = 16  # 80 bits


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account just made. The only place that holds its password."""

    user: str
    domain: str
    password: str


async def make_first_accounts(config: Config, accounts: AccountStore) -> list[NewAccount]:
    """The accounts made, none if there are some already or nobody is asked for a password."""
    if not any(profile.authenticate for profile in config.profiles.values()):
        return []
    if not await accounts.is_empty():
        return []
    made = [NewAccount(user, config.default_domain, _password()) for user in USERS]
    for new in made:
        hashes = ha1_of_all(new.user, new.domain, new.password)
        await accounts.put(Account(new.user, new.domain, hashes))
    return made


def _password() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))
