"""Credentials that were for us do not travel on: whoever is called could guess the password with
them (RFC 3261 22.3: those of other realms are not ours)."""

from __future__ import annotations

from collections.abc import Container

from offhook.auth.digest import parse_credentials
from offhook.errors import ChallengeError
from offhook.message.message import Message

__all__ = ["take_out"]


def take_out(message: Message, realms: Container[str]) -> None:
    """Remove the Proxy-Authorization values of these realms."""
    values = message.get_all("proxy-authorization")
    if values:
        message.remove("proxy-authorization")
        for value in values:
            if not _is_for(value, realms):
                message.append("Proxy-Authorization", value)


def _is_for(value: str, realms: Container[str]) -> bool:
    try:
        credentials = parse_credentials(value)
    except ChallengeError:
        return False
    return credentials is not None and credentials.realm in realms
