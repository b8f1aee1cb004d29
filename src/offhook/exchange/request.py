"""A request as handlers see it: what it says, who sent it, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from offhook.engine.incoming import Incoming, OwnReply
from offhook.errors import UsageError
from offhook.exchange.fork import Edit, Fork, ForkOptions
from offhook.exchange.guarded import guarded_edit, guarded_inspection
from offhook.exchange.profile import Gateway, Profile
from offhook.exchange.redirects import Redirect, followed
from offhook.exchange.relay import Relay
from offhook.exchange.reply import Reply
from offhook.exchange.serving import Serving
from offhook.exchange.targets import TargetLike, grouped, make_target
from offhook.exchange.verdict import Delayed
from offhook.message.message import Message
from offhook.message.uri import Uri, parse_uri
from offhook.proxy.response_context import Fork as RunningFork
from offhook.proxy.target import ForkRequest
from offhook.storage.protocols import Account

__all__ = ["RING", "Request"]

Authenticate = Callable[["Request"], Awaitable[OwnReply | Delayed | None]]
RING = 120.0  # seconds: below timer C, so that the program hears of it first


class Request:
    """One request to decide. `account` is set once it is authenticated, `gateway` if a peer of a
    gateway sent it."""

    __slots__ = (
        "_authenticate",
        "_serving",
        "account",
        "gateway",
        "incoming",
        "message",
        "method",
        "profile",
        "task",
    )

    def __init__(
        self, serving: Serving, incoming: Incoming, profile: Profile, authenticate: Authenticate
    ) -> None:
        self._authenticate = authenticate
        self._serving = serving
        self.incoming = incoming  # the engine's object
        self.message: Message = incoming.message  # as received; edits go into `fork(branch=...)`
        self.method = incoming.message.method  # INVITE, REGISTER...
        self.profile = profile
        self.account: Account | None = None
        self.gateway: Gateway | None = None
        self.task: asyncio.Task[None] | None = (
            None  # of an asynchronous handler; belongs to the dispatcher
        )

    # what it says --------------------------------------------------------------------------------
    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        return parse_uri(self.message.uri)

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.message.core().call_id

    @property
    def in_dialog(self) -> bool:
        """True if it has a To tag. It need not be true: see `Incoming.token`."""
        return bool(self.message.core().to_tag)

    @property
    def source(self) -> tuple[str, int]:
        """Address and port that it came from."""
        return self.incoming.flow.remote

    @property
    def transport(self) -> str:
        """UDP, TCP, TLS."""
        return self.incoming.flow.transport

    @property
    def cancelled(self) -> bool:
        """True once the caller sent CANCEL."""
        return self.incoming.cancelled

    @property
    def aor(self) -> str:
        """The AoR of ours that the Request-URI names, "" if it is not ours."""
        return self._serving.aor_of(self.message.uri)

    def header(self, name: str) -> str | None:
        """The first value line of a header, None without one. Names in any case."""
        return self.message.get(name.lower())

    def headers(self, name: str) -> list[str]:
        """All value lines of a header."""
        return self.message.get_all(name.lower())

    # what can be done ----------------------------------------------------------------------------
    def fork(
        self,
        targets: TargetLike | Sequence[TargetLike],
        *,
        ring: float = RING,
        first: float | None = None,
        by_q: bool = False,
        branch: Edit | None = None,
        reply: Edit | None = None,
        redirect: Redirect | None = None,
    ) -> Fork:
        """Send the request to targets, in parallel, or by falling q one group after the other.

        `ring`: seconds to a final response, then CANCEL and a local 408; `first`: seconds to any
        response. `branch` edits the request of each branch, `reply` sees each response. `redirect`:
        what becomes of 3xx responses: False passes them up, True follows those to users of ours, a
        function from a Contact URI to a target follows where it gives one; without it the profile
        says. Nothing happens before the fork is awaited or returned. Raises UsageError.
        """
        several = (
            targets if isinstance(targets, Sequence) and not isinstance(targets, str) else [targets]
        )
        options = ForkOptions(
            ring=ring, first=first, by_q=by_q, branch=branch, reply=reply, redirect=redirect
        )
        return Fork(self, list(several), options)

    def relay_stateless(self, target: TargetLike) -> Relay:
        """A decision: send the request to one target and forget it (RFC 3261 16.11). For a plain
        `def` handler that decides by the message and the configuration alone, declared for ACK and
        CANCEL as well.

        Raises UsageError where that cannot work: in an `async def`, which has a transaction; on a
        profile that authenticates, since a copy of the request would be refused as a replay; for a
        gateway with credentials, whose challenge nobody would answer.
        """
        if self.incoming.server is not None:
            raise UsageError("relay_stateless: write the handler as a plain def, or fork")
        if self.account is not None:
            raise UsageError(
                f"relay_stateless: profile {self.profile.name} authenticates, so copies of a "
                "request would be refused as replays; use a profile that does not, or fork"
            )
        made = make_target(target, self.message.uri, self._serving)
        if made.authorize is not None:
            raise UsageError("relay_stateless: a gateway with credentials needs a fork")
        made.alternatives = ()
        return Relay(made)

    async def authenticate(self) -> Reply | None:
        """Ask for credentials by hand: None once `account` is set, else the Reply to return. Raises
        StorageError.

        A guesser waits here, and gets 403 once it is banned.
        """
        if self.account is not None:
            return None  # credentials pass once: asked again they would be stale
        verdict = await self._authenticate(self)
        if verdict is None:
            return None
        if isinstance(verdict, Delayed):
            if verdict.reply is None:
                return Reply(403)
            await asyncio.sleep(verdict.seconds)
            verdict = verdict.reply
        headers: dict[str, str | list[str]] = {
            name: [value for other, value in verdict.headers if other == name]
            for name, _ in verdict.headers
        }
        return Reply(verdict.status, verdict.reason, headers)

    @property
    def flush(self) -> Callable[[], None]:
        """Lets what was decided leave at once."""
        return self._serving.flush

    # for forks and the dispatcher ----------------------------------------------------------------
    def start_fork(self, fork: Fork, *, decides: bool) -> RunningFork:
        """Begin a fork (the contract of `fork.Starter`)."""
        serving = self._serving
        uri = self.message.uri
        options = fork.options
        made = [make_target(each, uri, serving) for each in fork.targets]
        request = ForkRequest(
            grouped(made, by_q=options.by_q),
            options.ring,
            options.first,
            guarded_edit(options.branch, self.call_id),
            guarded_inspection(options.reply, self.call_id),
            decides,
            followed(serving, uri, self._redirect(options.redirect), self.call_id),
        )
        running = serving.engine.fork(self.incoming, request, serving.clock.now())
        if not decides:
            serving.flush()
        return running

    def _redirect(self, chosen: Redirect | None) -> Redirect:
        return self.profile.redirect if chosen is None else chosen

    def add_to_fork(self, running: RunningFork, target: TargetLike) -> None:
        """A late branch (the contract of `fork.Starter`)."""
        serving = self._serving
        made = make_target(target, self.message.uri, serving)
        serving.engine.add_target(running, made, serving.clock.now())
        serving.flush()

    def abandon_fork(self, running: RunningFork) -> None:
        """Nobody waits for it (the contract of `fork.Starter`)."""
        self._serving.engine.abandon(running, self._serving.clock.now())
        self._serving.flush()
