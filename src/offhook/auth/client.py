"""The client side of digest: learn challenges, answer them, know when the password is wrong (RFC
3261 22, RFC 8760 2.4).

One `DigestClient` belongs to one peer and its realm. It remembers the last challenge of the server
(401) and of a proxy (407) and answers both before being asked again, with a rising nonce count. The
caller gives fresh random text as `cnonce`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from offhook.auth.algorithms import ALGORITHMS, algorithm_named
from offhook.auth.digest import (
    Challenge,
    Credentials,
    parse_challenge,
    parse_credentials,
    response,
)
from offhook.errors import ChallengeError

__all__ = ["ChallengeResponse", "DigestClient", "Learned"]

MAX_CHALLENGES = 16  # values of one response that are read
MAX_STALE_IN_A_ROW = 2  # fresh answers called stale: more means that the server never accepts one

_HEADERS = {401: "Authorization", 407: "Proxy-Authorization"}


class ChallengeResponse(Protocol):
    """What digest reads of a 401 or 407."""

    status: int

    def get_all(self, name: str) -> list[str]:
        """All value lines of a header in their order."""


class Learned(Enum):
    """What a 401 or 407 leaves to do."""

    RETRY = "retry"  # send the request again with `headers`
    WRONG = "wrong"  # our answer to this very challenge was refused: wrong user or password
    UNANSWERABLE = (
        "unanswerable"  # no challenge of our realm, or by no algorithm and qop that we have
    )


@dataclass(slots=True)
class _Standing:
    """A challenge that we may answer, and how often we did."""

    challenge: Challenge
    qop: str
    nc: int = 0
    stale_in_a_row: int = 0


class DigestClient:
    """Answers challenges for one user. `realm` None answers any realm; name it where a peer could
    be somebody else."""

    __slots__ = ("_algorithms", "_password", "_realm", "_standing", "_user")

    def __init__(
        self,
        user: str,
        password: str,
        *,
        realm: str | None = None,
        algorithms: Sequence[str] = tuple(ALGORITHMS),
    ) -> None:
        self._user = user
        self._password = password
        self._realm = realm
        self._algorithms = frozenset(algorithms)
        self._standing: dict[int, _Standing] = {}  # by 401 and 407

    def __repr__(self) -> str:
        return f"<DigestClient {self._user!r}>"  # never the password

    def learn(self, received: ChallengeResponse, sent: Sequence[tuple[str, str]]) -> Learned:
        """Take a 401 or 407 to a request that carried `sent` (what `headers` returned for it, or
        nothing). A proxy that forked may have put challenges of both kinds into one (RFC 3261 16.7
        step 7)."""
        if received.status not in _HEADERS:
            return Learned.UNANSWERABLE
        learned = [self._learn(status, received, sent) for status in _HEADERS]
        if Learned.WRONG in learned:
            return Learned.WRONG
        return Learned.RETRY if Learned.RETRY in learned else Learned.UNANSWERABLE

    def _learn(
        self, status: int, received: ChallengeResponse, sent: Sequence[tuple[str, str]]
    ) -> Learned:
        """The challenges of a server (401) or a proxy (407) in a response."""
        chosen = self._choose(status, received)
        if chosen is None:
            return Learned.UNANSWERABLE
        rejected = _rejected(sent, _HEADERS[status], chosen.challenge.realm)
        previous = self._standing.get(status)
        if rejected is not None and not _retriable(chosen.challenge, rejected):
            self._standing.pop(status, None)
            return Learned.WRONG  # RFC 3261 22.1: the same credentials are not tried again
        if rejected is not None and rejected.nc <= 1 and previous is not None:
            chosen.stale_in_a_row = previous.stale_in_a_row + 1
            if chosen.stale_in_a_row > MAX_STALE_IN_A_ROW:
                self._standing.pop(status, None)
                return Learned.WRONG
        self._standing[status] = chosen
        return Learned.RETRY

    def headers(
        self, method: str, uri: str, *, cnonce: str, body: bytes = b""
    ) -> list[tuple[str, str]]:
        """The Authorization and Proxy-Authorization headers to send with a request; empty before a
        challenge was learned."""
        return [
            (_HEADERS[status], str(self._answer(standing, method, uri, cnonce, body)))
            for status, standing in self._standing.items()
        ]

    def _answer(
        self, standing: _Standing, method: str, uri: str, cnonce: str, body: bytes
    ) -> Credentials:
        asked = standing.challenge
        row = algorithm_named(asked.algorithm)
        if row is None:
            raise AssertionError("a standing challenge names an algorithm that is not served")
        standing.nc += 1
        credentials = Credentials(
            self._user,
            asked.realm,
            asked.nonce,
            uri,
            "",
            asked.algorithm,
            standing.qop,
            standing.nc if standing.qop else 0,
            cnonce if standing.qop else "",
            asked.opaque,
        )
        ha1 = row.ha1(self._user, asked.realm, self._password)
        credentials.response = response(credentials, ha1=ha1, method=method, body=body) or ""
        return credentials

    def _choose(self, status: int, received: ChallengeResponse) -> _Standing | None:
        """The strongest challenge that we may and can answer, the topmost of equals."""
        name = "www-authenticate" if status == 401 else "proxy-authenticate"
        best: tuple[int, _Standing] | None = None
        for value in received.get_all(name)[:MAX_CHALLENGES]:
            try:
                asked = parse_challenge(value)
            except ChallengeError:
                continue  # RFC 8760 2.4: what is not understood is ignored
            row = algorithm_named(asked.algorithm) if asked else None
            if asked is None or row is None or row.name not in self._algorithms:
                continue
            qop = _qop(asked.qop)
            if qop is None or (self._realm is not None and asked.realm != self._realm):
                continue
            if best is None or row.strength > best[0]:
                best = (row.strength, _Standing(asked, qop))
        return best[1] if best else None


def _qop(offered: Sequence[str]) -> str | None:
    """The qop to use, "" for the RFC 2069 form, None if none of the offered ones is known."""
    if not offered:
        return ""
    return next((qop for qop in ("auth", "auth-int") if qop in offered), None)


def _rejected(sent: Sequence[tuple[str, str]], header: str, realm: str) -> Credentials | None:
    for name, value in sent:
        if name == header:
            credentials = parse_credentials(value)
            if credentials is not None and credentials.realm == realm:
                return credentials
    return None


def _retriable(asked: Challenge, rejected: Credentials) -> bool:
    """True if refused credentials may be made anew: their nonce was stale, or old and replaced
    without saying so."""
    if asked.nonce == rejected.nonce:
        return False
    return asked.stale or rejected.nc > 1
