"""The server side of digest: challenges, and what received credentials are worth (RFC 3261 22, RFC
8760 2.3).

Split so that a caller may wait for the account between reading and judging:

    credentials = credentials_for(message, proxy=False, realm="example.com")
    account = ... look credentials.username up ...
    verdict = guard.check(credentials, ha1, message=message, source=host, now=unix)

ACK and CANCEL must not come here: they are never challenged (RFC 3261 22.1). Whether the user may
speak for the From or To of the request is the caller's question, as is the choice between 401 and
407.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from offhook.auth.algorithms import algorithm_named, ha1_names
from offhook.auth.digest import Challenge, Credentials, parse_credentials, verify
from offhook.auth.nonces import NonceRegistry, NonceVerdict
from offhook.errors import ChallengeError

__all__ = ["DigestGuard", "DigestRequest", "Outcome", "Verdict", "challenge", "credentials_for"]

MAX_CREDENTIALS = (
    8  # Authorization lines of one request that are looked at; each is one proxy on the way
)
_NO_HA1 = "0" * 64  # hashed for unknown users, so that they cost the same time


class DigestRequest(Protocol):
    """What digest reads of a message; `message.Message` and anything with these names."""

    method: str
    uri: str
    body: bytes

    def get_all(self, name: str) -> list[str]:
        """All value lines of a header in their order."""


class Verdict(Enum):
    """What the credentials of a request are worth, and what to answer."""

    OK = "ok"
    MISSING = "missing"  # none for this realm, or by an algorithm that was not offered: challenge
    STALE = "stale"  # challenge with stale=true; never counted as a wrong password
    WRONG = "wrong"  # no such user or wrong password: challenge, and count it
    MALFORMED = "malformed"  # 400


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict with what the journal wants to know."""

    verdict: Verdict
    username: str = ""
    uri_differs: bool = (
        False  # the digest uri is not the Request-URI: a warning (RFC 3261 22.4 item 6)
    )


_MISSING = Outcome(Verdict.MISSING)


def challenge(
    realm: str,
    algorithms: Sequence[str],
    nonce: str,
    *,
    qop: tuple[str, ...] = ("auth",),
    stale: bool = False,
) -> list[str]:
    """The header values of one challenge: one for each algorithm, the preferred first (RFC 8760
    2.3)."""
    return [
        # RFC 3261 22.4 item 8: qop is always sent
        str(Challenge(realm, nonce, algorithm, qop, stale))
        for algorithm in algorithms
    ]


def credentials_for(message: DigestRequest, *, proxy: bool, realm: str) -> Credentials | None:
    """The credentials that a request carries for `realm` (RFC 3261 22.3), None if it has none.

    `proxy` reads Proxy-Authorization instead of Authorization. Values of other realms and schemes
    are skipped, malformed or not: they are for somebody else. Raises ChallengeError (400) if every
    value is malformed or there are too many.
    """
    values = message.get_all("proxy-authorization" if proxy else "authorization")
    if len(values) > MAX_CREDENTIALS:
        raise ChallengeError(400, "Too Many Credentials")
    fault: ChallengeError | None = None
    for value in values:
        try:
            credentials = parse_credentials(value)
        except ChallengeError as error:
            fault = error
            continue
        if credentials is not None and credentials.realm == realm:
            return credentials
    if fault is not None and len(values) == 1:
        raise fault
    return None


class DigestGuard:
    """Challenges and judges for one policy: the algorithms in order of preference, the qop values
    in any order, and one registry of nonces.

    Without "auth" among the qop values every request must prove its body too (RFC 7616 3.4.3); the
    form of RFC 2069, which proves none, is then refused.
    """

    __slots__ = ("_algorithms", "_allow_without_qop", "_nonces", "_qop")

    def __init__(
        self,
        nonces: NonceRegistry,
        *,
        algorithms: Sequence[str] = ("MD5",),
        qop: Sequence[str] = ("auth",),
        allow_without_qop: bool = True,
    ) -> None:
        self._nonces = nonces
        self._algorithms = tuple(algorithms)
        # "auth" first: Linphone 5.1 cannot answer them the other way round
        self._qop = tuple(sorted(qop))
        # RFC 2069 clients (RFC 3261 22.4)
        self._allow_without_qop = allow_without_qop and "auth" in self._qop

    def challenge(self, realm: str, *, source: str, now: float, stale: bool = False) -> list[str]:
        """Values for WWW-Authenticate or Proxy-Authenticate with a fresh nonce for the source
        host."""
        nonce = self._nonces.make(realm, source, now)
        return challenge(realm, self._algorithms, nonce, qop=self._qop, stale=stale)

    def repeat(self, realm: str, nonce: str) -> list[str]:
        """The challenge once more with the nonce that came with a wrong password: a client that
        knows its password refused then stops (RFC 3261 22.1), where a fresh nonce would invite it
        to try again."""
        return challenge(realm, self._algorithms, nonce, qop=self._qop)

    def check(
        self,
        credentials: Credentials | None,
        ha1: Mapping[str, str] | None,
        *,
        message: DigestRequest,
        source: str,
        now: float,
    ) -> Outcome:
        """Judge credentials. `ha1` is the account's, by algorithm; None for an unknown user, which
        takes the same time.

        `source` is the host that the request came from, `now` Unix seconds. The body counts for
        "auth-int", as it was received. An OK uses up the nonce count, so that the same request
        never passes twice.
        """
        if credentials is None:
            return _MISSING
        row = algorithm_named(credentials.algorithm)
        if row is None or row.name not in self._algorithms:
            return _MISSING
        qop = credentials.qop
        if qop not in self._qop and (qop or not self._allow_without_qop):
            return Outcome(Verdict.MALFORMED, credentials.username)  # not what was offered
        nonce, nc = credentials.nonce, credentials.nc
        worth = self._nonces.check(nonce, nc, realm=credentials.realm, source=source, now=now)
        if worth is NonceVerdict.STALE:
            return Outcome(Verdict.STALE, credentials.username)
        if not _right(credentials, ha1 or {}, row.name, message):
            return Outcome(Verdict.WRONG, credentials.username)
        if not self._nonces.use(nonce, nc, now):
            return Outcome(Verdict.STALE, credentials.username)
        return Outcome(Verdict.OK, credentials.username, credentials.uri != message.uri)


def _right(
    credentials: Credentials, ha1: Mapping[str, str], algorithm: str, message: DigestRequest
) -> bool:
    """True if the account's secret made these credentials. What is tried depends on the name alone,
    so that an unknown user takes the same time."""
    right = False
    for name in ha1_names(algorithm, credentials.username, credentials.realm):
        secret = ha1.get(name)
        matches = verify(
            credentials, ha1=secret or _NO_HA1, method=message.method, body=message.body
        )
        right = right or (matches and secret is not None)
    return right
