"""Digest authentication, both sides, without clock, randomness or storage (RFC 3261 22, RFC 7616,
RFC 8760)."""

from offhook.auth.algorithms import ALGORITHMS, algorithm_named, ha1_of_all
from offhook.auth.bans import Admission, BanPolicy, Bans, BanVerdict
from offhook.auth.client import DigestClient, Learned
from offhook.auth.digest import (
    Challenge,
    Credentials,
    parse_challenge,
    parse_credentials,
    response,
    verify,
)
from offhook.auth.nonces import NonceRegistry, NonceVerdict
from offhook.auth.server import DigestGuard, Outcome, Verdict, challenge, credentials_for

__all__ = [
    "ALGORITHMS",
    "Admission",
    "BanPolicy",
    "BanVerdict",
    "Bans",
    "Challenge",
    "Credentials",
    "DigestClient",
    "DigestGuard",
    "Learned",
    "NonceRegistry",
    "NonceVerdict",
    "Outcome",
    "Verdict",
    "algorithm_named",
    "challenge",
    "credentials_for",
    "ha1_of_all",
    "parse_challenge",
    "parse_credentials",
    "response",
    "verify",
]
