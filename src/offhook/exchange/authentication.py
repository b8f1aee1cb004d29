"""Who sent a request: digest against the accounts, with slowing and banning of sources that guess
(RFC 3261 22)."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from offhook.auth.bans import Admission
from offhook.auth.consumed import take_out
from offhook.auth.digest import Credentials
from offhook.auth.server import DigestGuard, Verdict, credentials_for
from offhook.engine.incoming import OwnReply
from offhook.errors import ChallengeError, UriError
from offhook.exchange.request import Request
from offhook.exchange.serving import Serving
from offhook.exchange.verdict import Delayed, Pending
from offhook.message.headers import FROM, TO
from offhook.message.headers.address import NameAddr
from offhook.message.uri import Uri
from offhook.storage.protocols import Account

__all__ = ["Authenticator", "aor_in"]

log = structlog.get_logger()


def aor_in(serving: Serving, request: Request, *, register: bool) -> str:
    """The AoR of ours in To (REGISTER) or From, "" for a foreign or malformed one."""
    uri = _party(request, register=register)
    return serving.aor(uri) if uri is not None else ""


def _party(request: Request, *, register: bool) -> Uri | None:
    try:
        party: NameAddr | None = request.message.typed(TO if register else FROM)
    except UriError:
        return None
    return party.uri if party is not None else None


class Authenticator:
    """Judges requests of one server."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def now(self, request: Request) -> OwnReply | Delayed | Pending | None:
        """Authenticate without waiting: None if the request is good (`request.account` is set),
        else what to answer."""
        guard = request.profile.guard
        realm = self._realm(request)
        try:
            credentials = self._credentials(request, realm)
        except ChallengeError as error:
            self._serving.counters.malformed += 1
            return OwnReply(error.status, error.reason)
        if credentials is None:
            return self._challenge(request, guard, realm)
        known, account = self._serving.accounts.cached(_user(credentials, realm), realm)
        if not known and self._worth_a_look(request, guard, credentials):
            return Pending.ACCOUNT
        return self._judge(request, credentials, account)

    async def waiting(self, request: Request) -> OwnReply | Delayed | None:
        """As `now`, with a look-up of the account where it is needed. Raises StorageError."""
        verdict = self.now(request)
        if not isinstance(verdict, Pending):
            return verdict
        realm = self._realm(request)
        credentials = self._credentials(request, realm)
        if credentials is None:
            return self._challenge(request, request.profile.guard, realm)
        account = await self._serving.accounts.get(_user(credentials, realm), realm)
        return self._judge(request, credentials, account)

    def _credentials(self, request: Request, realm: str) -> Credentials | None:
        proxy = request.method != "REGISTER"
        return credentials_for(request.message, proxy=proxy, realm=realm)

    def _worth_a_look(self, request: Request, guard: DigestGuard, credentials: Credentials) -> bool:
        """Only a nonce that we made for this source costs a look-up."""
        outcome = guard.check(
            credentials,
            None,
            message=request.message,
            source=request.source[0],
            now=self._serving.clock.unix(),
        )
        return outcome.verdict is Verdict.WRONG

    def _judge(
        self, request: Request, credentials: Credentials, account: Account | None
    ) -> OwnReply | Delayed | None:
        serving = self._serving
        guard = request.profile.guard
        outcome = guard.check(
            credentials,
            account.ha1 if account is not None else None,
            message=request.message,
            source=request.source[0],
            now=serving.clock.unix(),
        )
        verdict = outcome.verdict
        if verdict is Verdict.OK and account is not None:
            refusal = self._identity(request, account)
            if refusal is None:
                serving.counters.authenticated += 1
                request.account = account
                take_out(request.message, (credentials.realm,))
            else:
                serving.counters.foreign += 1
            return refusal
        if verdict is Verdict.MALFORMED:
            serving.counters.malformed += 1
            return OwnReply(400, "Bad Credentials")
        if verdict is not Verdict.WRONG:
            stale = verdict is Verdict.STALE
            return self._challenge(request, guard, credentials.realm, stale=stale)
        again = _asking(request, guard.repeat(credentials.realm, credentials.nonce))
        return self._wrong(request, credentials, again)

    def _identity(self, request: Request, account: Account) -> OwnReply | None:
        """An account speaks for its own AoR only."""
        register = request.method == "REGISTER"
        if aor_in(self._serving, request, register=register) == account.aor:
            return None
        return OwnReply(403, "Identity Is Not the Account's")

    def _wrong(
        self, request: Request, credentials: Credentials, again: OwnReply
    ) -> OwnReply | Delayed:
        source = request.source[0]
        self._serving.counters.wrong += 1
        verdict = self._serving.bans.wrong(source, self._serving.clock.now())
        log.warning(
            "wrong_password",
            source=source,
            user=credentials.username,
            call_id=request.call_id,
        )
        if verdict.admission is Admission.BANNED:
            log.warning("banned", source=source, seconds=round(verdict.seconds))
            return Delayed(None, 0.0)
        if verdict.admission is Admission.DELAY:
            return Delayed(again, verdict.seconds)
        return again

    def _challenge(
        self, request: Request, guard: DigestGuard, realm: str, *, stale: bool = False
    ) -> OwnReply:
        counters = self._serving.counters
        if stale:
            counters.stale += 1
        else:
            counters.challenged += 1
        values = guard.challenge(
            realm, source=request.source[0], now=self._serving.clock.unix(), stale=stale
        )
        return _asking(request, values)

    def _realm(self, request: Request) -> str:
        """Each domain is its own realm; foreign ones are asked for an account of the first."""
        uri = _party(request, register=request.method == "REGISTER")
        if uri is not None and uri.host in self._serving.domains:
            return uri.host
        return self._serving.default_domain


def _user(credentials: Credentials, realm: str) -> str:
    """Some phones put the whole AoR into the user name."""
    return credentials.username.removesuffix(f"@{realm}")


def _asking(request: Request, values: Sequence[str]) -> OwnReply:
    """The 401 of a registrar or the 407 of a proxy (RFC 3261 22.1, 22.3)."""
    if request.method == "REGISTER":
        return OwnReply(401, "", tuple([("WWW-Authenticate", value) for value in values]))
    return OwnReply(407, "", tuple([("Proxy-Authenticate", value) for value in values]))
