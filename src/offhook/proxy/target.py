"""Targets of a fork and what comes of it, as plain values (RFC 3261 16.5, 16.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from offhook.message.message import Message

__all__ = ["Authorize", "Edit", "ForkRequest", "Inspect", "Outcome", "Redirects", "Target"]

Edit = Callable[[Message], None]
Inspect = Callable[[Message], None]
Authorize = Callable[
    [Message, Message], Message | None
]  # (request sent, its 401 or 407) -> the request again, or None


@dataclass(slots=True)
class Target:
    """One place to try: a Request-URI and the way to it. `alternatives` are further ways to the
    same instance, tried in series.

    Not frozen: one is made for every call (0.4 µs against 1.6).
    """

    uri: str
    # the profile that sends; "" = that of `origin`, or the one that the request came in by
    profile: str = ""
    flow: str = ""  # name of the flow to use
    by_flow: bool = False  # the flow is the only way: without it the branch fails with `gone`
    path: tuple[str, ...] = ()  # Route values to put in front (RFC 3327 5.3)
    next_hop: str = ""  # URI to send to instead of the Request-URI or the first Route
    q: int = 1000
    alternatives: tuple[Target, ...] = ()
    authorize: Authorize | None = None  # answers the challenge of a gateway
    origin: str = ""  # name of the flow by which a phone registered
    local: str = ""  # address of ours to send a datagram from; "" = the system's choice
    aor: str = ""  # whose registration it is
    gone: int = 480  # what it amounts to that `flow` is gone, where it is the only way
    redirections: int = 0  # 3xx responses that led here, one behind the other


# the targets of a Contact URI; none if it may not be followed
Follow = Callable[[str], Sequence[Target]]


@dataclass(slots=True)
class Redirects:
    """How a request follows 3xx responses. `uri` is its Request-URI as received."""

    uri: str
    follow: Follow


@dataclass(slots=True)
class ForkRequest:
    """Everything that one fork is asked to do. Times are seconds from sending; groups are tried one
    after the other."""

    groups: Sequence[Sequence[Target]]
    ring: float = 120.0
    first: float | None = None
    branch: Edit | None = None  # edits the request of each branch before it is sent
    reply: Inspect | None = None  # sees each response before it goes up
    decides: bool = False  # the outcome goes upstream by itself
    redirects: Redirects | None = None  # how 3xx responses are followed; None: they are passed up


@dataclass(slots=True)
class Outcome:
    """How a fork ended. `response` is the best final response, None for one of our own (408, 480,
    503). Not frozen: two are made for each request (0.4 µs against 1.6)."""

    status: int
    reason: str = ""
    response: Message | None = None
    branch: str = ""  # Request-URI of the branch that gave the response
    early: bool = False  # some branch had sent 101-199
    challenges: tuple[tuple[str, str], ...] = field(
        default=()
    )  # of the other branches, to be merged (RFC 3261 16.7 step 7)

    @property
    def ok(self) -> bool:
        """True for a 2xx."""
        return 200 <= self.status < 300
