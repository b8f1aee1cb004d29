"""The registration of a phone or gateway, without sockets or clock (RFC 3261 10.2, RFC 5626 4.5).

The owner sends what `Send` says, reports every final response or failure, and calls `advance` when
`next_deadline` comes. It gives `now` in seconds of one clock and `random`, a number from 0 to 1,
wherever a time is to be spread. One request is under way at a time (RFC 3261 10.2); a registration
that fails is tried again for ever, ever more rarely.

Rules of the table: a state names what is under way, an input is what happened; what is neither in a
state's row nor in IGNORED is a fault of the owner and raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from offhook.auth import DigestClient, Learned
from offhook.errors import PeerError, UsageError
from offhook.message import Message, parse_uri
from offhook.message.headers import CONTACT

__all__ = [
    "Effect",
    "Failed",
    "Input",
    "RegistrationClient",
    "Registered",
    "Send",
    "State",
    "TABLE",
]

FIRST_WAIT = 30.0  # seconds before a retry; doubles with each failure (RFC 5626 4.5)
LONGEST_WAIT = 1800.0  # seconds (RFC 5626 4.5)
LOST_SPREAD = 5.0  # seconds over which the phones of a restarted server come back
LONGEST_MINIMUM = 86_400  # seconds of Min-Expires that are accepted; a longer one is nonsense
REFRESH_AT = 0.8  # of the interval granted
REFRESH_SPARE = 35.0  # seconds: a refresh that gets no answer (32 s) has not outlived the binding


class State(Enum):
    """What is under way."""

    IDLE = "idle"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REFRESHING = "refreshing"
    WAITING = "waiting"  # for the next try
    LEAVING = "leaving"  # stopped while a request was under way
    UNREGISTERING = "unregistering"


class Input(Enum):
    """What happened."""

    START = "start"
    DUE = "due"
    ACCEPTED = "accepted"  # 2xx
    CHALLENGED = "challenged"  # 401 or 407 that can be answered
    TOO_BRIEF = "too brief"  # 423 that can be obeyed
    FAILED = "failed"  # any other final response, or none
    LOST = "lost"  # the connection that we registered over
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Send:
    """Send this REGISTER to `uri`; From tag and Call-ID are the owner's. `headers` are Contact,
    Expires and credentials."""

    uri: str
    cseq: int
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """The registrar has confirmed the binding for `expires` seconds; 0: it is removed."""

    expires: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The registrar has refused (`status`) or not answered (0). The next try is in `retry` seconds;
    0: there is none."""

    status: int
    reason: str
    retry: float


Effect = Send | Registered | Failed

TABLE: dict[State, dict[Input, tuple[str, State]]] = {
    State.IDLE: {
        Input.START: ("register", State.REGISTERING),
    },
    State.REGISTERING: {
        Input.ACCEPTED: ("accept", State.REGISTERED),
        Input.CHALLENGED: ("register", State.REGISTERING),
        Input.TOO_BRIEF: ("register", State.REGISTERING),
        Input.FAILED: ("back_off", State.WAITING),
        Input.LOST: ("back_off", State.WAITING),
        Input.STOP: ("nothing", State.LEAVING),
    },
    State.REGISTERED: {
        Input.DUE: ("register", State.REFRESHING),
        Input.START: ("register", State.REFRESHING),  # our address has changed
        Input.LOST: ("come_back", State.WAITING),
        Input.STOP: ("unregister", State.UNREGISTERING),
    },
    State.REFRESHING: {
        Input.ACCEPTED: ("accept", State.REGISTERED),
        Input.CHALLENGED: ("register", State.REFRESHING),
        Input.TOO_BRIEF: ("register", State.REFRESHING),
        Input.FAILED: ("back_off", State.WAITING),
        Input.LOST: ("come_back", State.WAITING),
        Input.STOP: ("nothing", State.LEAVING),
    },
    State.WAITING: {
        Input.DUE: ("register", State.REGISTERING),
        Input.START: ("register", State.REGISTERING),
        Input.STOP: ("forget", State.IDLE),
    },
    State.LEAVING: {
        Input.ACCEPTED: ("unregister", State.UNREGISTERING),
        Input.CHALLENGED: ("unregister", State.UNREGISTERING),  # an older binding may stand
        Input.TOO_BRIEF: ("forget", State.IDLE),
        Input.FAILED: ("forget", State.IDLE),
        Input.LOST: ("forget", State.IDLE),
    },
    State.UNREGISTERING: {
        Input.ACCEPTED: ("removed", State.IDLE),
        Input.CHALLENGED: ("unregister", State.UNREGISTERING),
        Input.TOO_BRIEF: ("give_up", State.IDLE),
        Input.FAILED: ("give_up", State.IDLE),
        Input.LOST: ("give_up", State.IDLE),
    },
}

_ANSWERS = {Input.ACCEPTED, Input.CHALLENGED, Input.TOO_BRIEF, Input.FAILED}
IGNORED: dict[State, set[Input]] = {
    State.IDLE: {Input.STOP, Input.LOST, Input.DUE, *_ANSWERS},  # answers to what was given up
    State.REGISTERING: {Input.START, Input.DUE},
    State.REGISTERED: _ANSWERS,
    State.REFRESHING: {Input.START, Input.DUE},
    State.WAITING: {Input.LOST, *_ANSWERS},
    State.LEAVING: {Input.STOP, Input.DUE},
    State.UNREGISTERING: {Input.STOP, Input.DUE},
}


@dataclass(slots=True)
class _Event:
    """What an action may need of its input."""

    now: float
    random: float = 0.0
    cnonce: str = ""
    status: int = 0
    reason: str = ""
    granted: int = 0
    retry_after: int = 0


class RegistrationClient:
    """One binding at one registrar.

    `uri` is the registrar's, `contact` the URI to register, `parameters` its header parameters with
    their leading ";".
    """

    def __init__(
        self,
        uri: str,
        *,
        contact: str,
        parameters: str = "",
        expires: int = 3600,
        digest: DigestClient | None = None,
    ) -> None:
        if expires <= 0:
            raise UsageError("a registration needs an interval above zero; use stop() to remove it")
        self.state = State.IDLE
        self.contact = contact
        self._uri = uri
        self._parameters = parameters
        self._expires = expires
        self._digest = digest
        self._cseq = 0
        self._failures = 0
        self._due: float | None = None
        self._registering = contact
        self._sent: list[tuple[str, str]] = []  # credentials of the request under way
        self._actions: dict[str, Callable[[_Event], list[Effect]]] = {
            "register": self._register,
            "unregister": self._unregister,
            "accept": self._accept,
            "back_off": self._back_off,
            "come_back": self._come_back,
            "give_up": self._give_up,
            "removed": self._removed,
            "forget": self._forget,
            "nothing": lambda _event: [],
        }

    def next_deadline(self) -> float | None:
        """When to call `advance`."""
        return self._due

    def start(self, now: float, *, cnonce: str) -> list[Effect]:
        """Register now: at the start, and whenever our own address has changed (set `contact`
        first). After `stop` the removal must have ended before the next start."""
        return self._step(Input.START, _Event(now, cnonce=cnonce))

    def stop(self, now: float, *, cnonce: str) -> list[Effect]:
        """Remove the binding and come to rest."""
        return self._step(Input.STOP, _Event(now, cnonce=cnonce))

    def advance(self, now: float, *, cnonce: str) -> list[Effect]:
        """Do what is due at `now`."""
        if self._due is None or now < self._due:
            return []
        return self._step(Input.DUE, _Event(now, cnonce=cnonce))

    def lost(self, now: float, *, random: float) -> list[Effect]:
        """The flow that we registered over has failed."""
        return self._step(Input.LOST, _Event(now, random, reason="Connection Lost"))

    def unanswered(self, now: float, *, random: float, reason: str) -> list[Effect]:
        """The request under way timed out or could not be sent."""
        return self._step(Input.FAILED, _Event(now, random, reason=reason))

    def answered(
        self, response: Message, now: float, *, random: float, cnonce: str
    ) -> list[Effect]:
        """A response to the request under way; provisional ones change nothing."""
        status = response.status
        if status < 200:
            return []
        event = _Event(now, random, cnonce, status, response.reason)
        event.retry_after = _number(response.get("retry-after"))
        if status < 300:
            event.granted = self._granted(response)
            return self._step(Input.ACCEPTED, event)
        return self._step(self._classify(response, event), event)

    def _classify(self, response: Message, event: _Event) -> Input:
        if event.status in (401, 407) and self._digest is not None:
            learned = self._digest.learn(response, self._sent)
            if learned is Learned.RETRY:
                return Input.CHALLENGED
            if learned is Learned.WRONG:
                event.reason = "Wrong User Or Password"
        elif event.status == 423:
            minimum = _number(response.get("min-expires"))
            if self._expires < minimum <= LONGEST_MINIMUM:
                self._expires = minimum  # RFC 3261 10.2.8
                return Input.TOO_BRIEF
        return Input.FAILED

    def _granted(self, response: Message) -> int:
        """The interval of our own contact in a 2xx (RFC 3261 10.2.4)."""
        try:
            mine = parse_uri(self.contact)
            for address in response.typed(CONTACT):
                if address.uri.equals(mine) and "expires" in address.parameters:
                    return _number(address.parameters["expires"])
        except PeerError:
            pass  # a registrar that cannot write its Contact has still accepted ours
        return _number(response.get("expires")) or self._expires

    def _step(self, event_input: Input, event: _Event) -> list[Effect]:
        row = TABLE[self.state].get(event_input)
        if row is None:
            if event_input in IGNORED[self.state]:
                return []
            raise UsageError(f"{event_input.value} cannot happen while {self.state.value}")
        action, self.state = row
        return self._actions[action](event)

    def _register(self, event: _Event) -> list[Effect]:
        return self._send(event, self._expires)

    def _unregister(self, event: _Event) -> list[Effect]:
        return self._send(event, 0)

    def _send(self, event: _Event, expires: int) -> list[Effect]:
        self._due = None
        self._cseq += 1  # RFC 3261 10.2: by one for each REGISTER
        self._sent = []
        if self._digest is not None:
            self._sent = self._digest.headers("REGISTER", self._uri, cnonce=event.cnonce)
        self._registering = self.contact
        contact = f"<{self.contact}>{self._parameters};expires={expires}"
        headers = (("Contact", contact), ("Expires", str(expires)), *self._sent)
        return [Send(self._uri, self._cseq, headers)]

    def _accept(self, event: _Event) -> list[Effect]:
        self._failures = 0
        granted = event.granted
        spare = granted - REFRESH_SPARE
        wait = min(granted * REFRESH_AT, spare) if spare > granted / 2 else granted / 2
        self._due = event.now + max(wait, 1.0) * (0.9 + 0.1 * event.random)
        if self._registering != self.contact:
            self._due = event.now  # our address has changed while the request was under way
        return [Registered(granted)]

    def _back_off(self, event: _Event) -> list[Effect]:
        wait = min(FIRST_WAIT * 2 ** min(self._failures, 10), LONGEST_WAIT)
        self._failures += 1
        wait *= 0.5 + 0.5 * event.random  # RFC 5626 4.5
        wait = max(wait, min(float(event.retry_after), LONGEST_WAIT))
        return self._retry_in(wait, event)

    def _come_back(self, event: _Event) -> list[Effect]:
        return self._retry_in(LOST_SPREAD * event.random, event)

    def _retry_in(self, wait: float, event: _Event) -> list[Effect]:
        self._due = event.now + wait
        return [Failed(event.status, event.reason, wait)]

    def _give_up(self, event: _Event) -> list[Effect]:
        self._due = None
        return [Failed(event.status, event.reason, 0.0)]

    def _removed(self, _event: _Event) -> list[Effect]:
        self._due = None
        return [Registered(0)]

    def _forget(self, _event: _Event) -> list[Effect]:
        self._due = None
        return []


def _number(text: str | None) -> int:
    """The digits that a value begins with (Retry-After may go on), 0 if there are none."""
    digits = (text or "").partition(";")[0].partition("(")[0].strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 10 else 0
