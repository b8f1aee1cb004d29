"""Accounts as the command line names them: NAME@DOMAIN, or NAME in the default domain."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.errors import UsageError
from offhook.server.schema import Config

__all__ = ["AccountName", "account_name"]

LONGEST_NAME = 64  # characters; phones and databases agree on less than that

# No colon, which ends the name inside HA1, and nothing that a URI would have to escape.
_NAME = re.compile(r"[A-Za-z0-9._~!*'()+$#&=-]+")


@dataclass(frozen=True, slots=True)
class AccountName:
    """One account's name; the domain is its digest realm."""

    user: str
    realm: str

    def __str__(self) -> str:
        return f"{self.user}@{self.realm}"


def account_name(text: str, config: Config, *, any_domain: bool) -> AccountName:
    """Read NAME@DOMAIN; without `any_domain` it must be a domain of ours. Raises UsageError."""
    user, at, domain = text.removeprefix("sip:").partition("@")
    domain = domain.lower() if at else config.default_domain
    if len(user) > LONGEST_NAME or not _NAME.fullmatch(user):
        raise UsageError(
            f'"{user}" cannot be a user name: use up to {LONGEST_NAME} letters, digits '
            "and . _ ~ ! * ' ( ) + $ # & = -"
        )
    if not re.fullmatch(r"[a-z0-9_.\[\]:-]+", domain):
        raise UsageError(f'"{domain}" is not a domain; write NAME@DOMAIN, as in alice@example.com')
    if not any_domain and domain not in config.domains:
        raise UsageError(
            f"{domain} is not a domain of the configuration ({', '.join(config.domains)}); "
            "add it there, or give --any-domain"
        )
    return AccountName(user, domain)
