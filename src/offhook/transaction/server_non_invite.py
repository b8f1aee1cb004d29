"""The server transaction of every method but INVITE and ACK: answers once, repeats it for
retransmissions.

RFC 3261 17.2.2, with RFC 4320: no provisional response but 100, no 100 over unreliable transports
before timer E of the client has reached T2, one then; never a 408; nothing at all after the client
has given up (its timer F, mirrored here). Building responses is left to the owner.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from offhook.transaction.machine import compile_rows, ignore
from offhook.transaction.owner import Owner, ServerTransaction
from offhook.transaction.timers import Timers
from offhook.transport import Flow

__all__ = ["IGNORED", "TABLE", "Input", "ServerNonInvite", "State"]


class State(IntEnum):
    """RFC 3261 figure 8."""

    TRYING = 0
    PROCEEDING = 1
    COMPLETED = 2
    TERMINATED = 3


class Input(IntEnum):
    """What happens to the machine. Timers fire with the number of their input."""

    REQUEST = 0  # the request again
    PROVISIONAL = 1  # a 100 of the transaction user when it is allowed
    FINAL = 2  # 200-699 but 408
    FORBIDDEN = 3  # a response that RFC 4320 4.1 and 4.2 forbid: 101-199, an early 100, 408
    SEND_FAILED = 4
    TIMER_TRYING = 5
    TIMER_F = 6  # the client's
    TIMER_J = 7


def send_response(machine: ServerNonInvite, _now: float, data: bytes) -> bool:
    """Send it and keep it for retransmissions."""
    machine.last = data
    machine.owner.transmit(machine.flow, data)
    return False


def repeat_response(machine: ServerNonInvite, _now: float, _data: bytes) -> bool:
    """Answer a retransmission with the latest response (RFC 3261 17.2.2)."""
    machine.owner.transmit(machine.flow, machine.last)
    return False


def set_f(machine: ServerNonInvite, now: float, _data: bytes) -> bool:
    """Set F, for the rest of its time: only a slow user costs this timer."""
    timing = machine.timers.timing
    rest = timing.timer_f - timing.trying_non_invite
    machine.timers.start(rest, now, machine, Input.TIMER_F)
    return False


def ask_for_100(machine: ServerNonInvite, now: float, _data: bytes) -> bool:
    """Without another response a 100 is owed by now (RFC 4320 4.1); set F."""
    set_f(machine, now, b"")
    machine.owner.trying(machine, now)  # RFC 4320 4.1
    return False


def complete(machine: ServerNonInvite, now: float, data: bytes) -> bool:
    """Send the final response and set J (RFC 3261 17.2.2)."""
    timers = machine.timers
    # RFC 3261 17.2.2: J is 64*T1, 0 on reliable transports
    delay = 0.0 if machine.flow.reliable else timers.timing.timer_j
    timers.start(delay, now, machine, Input.TIMER_J)
    machine.last = data
    machine.owner.transmit(machine.flow, data)
    return False


def tell_timeout(machine: ServerNonInvite, now: float, _data: bytes) -> bool:
    """The client has given up: a final response would be a stray one (RFC 4320 4.2)."""
    machine.owner.timed_out(machine, now)  # RFC 4320 4.2
    return machine.end()


def end(machine: ServerNonInvite, _now: float, _data: bytes) -> bool:
    """Nothing is left to absorb."""
    return machine.end()


Action = Callable[["ServerNonInvite", float, bytes], bool]

TABLE: dict[State, dict[Input, tuple[Action, State]]] = {
    State.TRYING: {
        Input.PROVISIONAL: (send_response, State.PROCEEDING),
        Input.FINAL: (complete, State.COMPLETED),
        Input.TIMER_TRYING: (ask_for_100, State.TRYING),
        Input.TIMER_F: (tell_timeout, State.TERMINATED),
    },
    State.PROCEEDING: {
        Input.TIMER_TRYING: (set_f, State.PROCEEDING),
        Input.REQUEST: (repeat_response, State.PROCEEDING),  # RFC 3261 17.2.2
        Input.PROVISIONAL: (send_response, State.PROCEEDING),
        Input.FINAL: (complete, State.COMPLETED),
        Input.TIMER_F: (tell_timeout, State.TERMINATED),
    },
    State.COMPLETED: {
        Input.REQUEST: (repeat_response, State.COMPLETED),
        Input.TIMER_J: (end, State.TERMINATED),
    },
}

IGNORED: dict[State, frozenset[Input]] = {
    # SEND_FAILED: who reports it is the one to be told, and no state changes (RFC 6026 8.8).
    State.TRYING: frozenset({Input.REQUEST, Input.FORBIDDEN, Input.SEND_FAILED}),
    State.PROCEEDING: frozenset({Input.FORBIDDEN, Input.SEND_FAILED}),
    State.COMPLETED: frozenset(
        {
            Input.PROVISIONAL,
            Input.FINAL,  # RFC 3261 17.2.2
            Input.FORBIDDEN,
            Input.SEND_FAILED,
            Input.TIMER_TRYING,
            Input.TIMER_F,
        }
    ),
    State.TERMINATED: frozenset(Input),
}

_ROWS = compile_rows(TABLE, IGNORED, inputs=Input, nothing=ignore)


class ServerNonInvite(ServerTransaction):
    """One request from a client, from its first arrival to the end of its retransmissions."""

    __slots__ = ()
    _rows = _ROWS
    _inputs = Input
    state: State

    def __init__(
        self,
        key: str,
        flow: Flow,
        timers: Timers,
        owner: Owner,
        now: float,
        *,
        waits: bool = True,
    ) -> None:
        """`waits`: False if the final response follows at once, so that no 100 will be owed."""
        self.key = key
        self.flow = flow
        self.timers = timers
        self.owner = owner
        self.since = now
        self.user = None
        self.state = State.TRYING
        self.last = b""
        self.claimed = ""
        if waits:
            timers.start(timers.timing.trying_non_invite, now, self, Input.TIMER_TRYING)

    @property
    def answered(self) -> bool:
        """True once a final response was sent, or the time for it is over."""
        return self.state >= State.COMPLETED

    def retransmission(self, now: float) -> None:
        """The request came again."""
        self.step(Input.REQUEST, now)

    def respond(self, status: int, data: bytes, now: float) -> None:
        """Send a response. What RFC 4320 forbids, and all after the first final one, is dropped."""
        if status >= 200:
            # RFC 4320 4.2: a 408 tells the client what it knows
            self.step(Input.FORBIDDEN if status == 408 else Input.FINAL, now, data)
        elif status == 100 and self._provisional_allowed(now):
            self.step(Input.PROVISIONAL, now, data)
        else:
            self.step(Input.FORBIDDEN, now, data)

    def _provisional_allowed(self, now: float) -> bool:
        # RFC 4320 4.1
        return self.flow.reliable or now >= self.since + self.timers.timing.trying_non_invite

    def send_failed(self, now: float) -> None:
        """A response could not be sent; the state stays (RFC 6026 8.8)."""
        self.step(Input.SEND_FAILED, now)
