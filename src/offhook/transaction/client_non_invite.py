"""The client transaction of every method but INVITE and ACK: repeats the request until its final
response.

RFC 3261 17.1.2 and 17.1.4. A provisional response slows the repetition to T2 and does not stop it.
What follows from a timeout or a failed send (another destination, RFC 3263 4.3) is left to the
owner.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from offhook.transaction.machine import compile_rows, ignore
from offhook.transaction.owner import ClientTransaction, Owner
from offhook.transaction.timers import Timers
from offhook.transport import Flow

__all__ = ["IGNORED", "TABLE", "ClientNonInvite", "Input", "State"]


class State(IntEnum):
    """RFC 3261 figure 6, and IDLE: made, not sent yet."""

    IDLE = 0
    TRYING = 1
    PROCEEDING = 2
    COMPLETED = 3
    TERMINATED = 4


class Input(IntEnum):
    """What happens to the machine. Timers fire with the number of their input."""

    START = 0
    PROVISIONAL = 1  # responses of the server: 1xx
    FINAL = 2  # 200-699
    SEND_FAILED = 3
    ABANDON = 4
    TIMER_E = 5
    TIMER_F = 6
    TIMER_K = 7


def send_request(machine: ClientNonInvite, now: float, _data: bytes) -> bool:
    """Send it, set F, and E on unreliable transports (RFC 3261 17.1.2.2)."""
    timers = machine.timers
    timing = timers.timing
    # RFC 3261 17.1.2.2: E on unreliable transports only, F on all; most are answered before the
    # first E, which sets F then
    if machine.flow.reliable:
        timers.start(timing.timer_f, now, machine, Input.TIMER_F)
    else:
        timers.start(timing.t1, now, machine, Input.TIMER_E)
    machine.owner.transmit(machine.flow, machine.data)
    return False


def _set_f(machine: ClientNonInvite) -> None:
    """Set F with the first E."""
    timing = machine.timers.timing
    machine.interval = t1 = timing.t1
    machine.timers.start(timing.timer_f - t1, machine.since + t1, machine, Input.TIMER_F)


def repeat_and_double_e(machine: ClientNonInvite, now: float, _data: bytes) -> bool:
    """Send the request again; the interval doubles up to T2 (RFC 3261 17.1.2.2)."""
    timers = machine.timers
    if not machine.interval:
        _set_f(machine)
    machine.interval = min(2 * machine.interval, timers.timing.t2)  # RFC 3261 17.1.2.2
    timers.start(machine.interval, now, machine, Input.TIMER_E)
    machine.owner.transmit(machine.flow, machine.data)
    return False


def repeat_each_t2(machine: ClientNonInvite, now: float, _data: bytes) -> bool:
    """Send the request again; the interval is T2 from now on (RFC 3261 17.1.2.2)."""
    timers = machine.timers
    if not machine.interval:
        _set_f(machine)
    machine.interval = timers.timing.t2  # RFC 3261 17.1.2.2
    timers.start(machine.interval, now, machine, Input.TIMER_E)
    machine.owner.transmit(machine.flow, machine.data)
    return False


def pass_up(_machine: ClientNonInvite, _now: float, _data: bytes) -> bool:
    """The transaction user sees it."""
    return True


def complete(machine: ClientNonInvite, now: float, _data: bytes) -> bool:
    """The final response is passed up; K absorbs its retransmissions (RFC 3261 17.1.2.2)."""
    timers = machine.timers
    # RFC 3261 17.1.2.2: K is T4, 0 on reliable transports
    delay = 0.0 if machine.flow.reliable else timers.timing.timer_k
    timers.start(delay, now, machine, Input.TIMER_K)
    machine.data = b""
    return True


def tell_timeout(machine: ClientNonInvite, now: float, _data: bytes) -> bool:
    """Nobody answered (RFC 3261 17.1.2.2)."""
    machine.owner.timed_out(machine, now)  # RFC 3261 17.1.2.2
    return machine.end()


def end(machine: ClientNonInvite, _now: float, _data: bytes) -> bool:
    """Nothing is left to wait for."""
    return machine.end()


Action = Callable[["ClientNonInvite", float, bytes], bool]

TABLE: dict[State, dict[Input, tuple[Action, State]]] = {
    State.IDLE: {
        Input.START: (send_request, State.TRYING),
        Input.SEND_FAILED: (end, State.TERMINATED),
        Input.ABANDON: (end, State.TERMINATED),
    },
    State.TRYING: {
        Input.PROVISIONAL: (pass_up, State.PROCEEDING),
        Input.FINAL: (complete, State.COMPLETED),
        Input.SEND_FAILED: (end, State.TERMINATED),  # RFC 3261 17.1.4
        Input.ABANDON: (end, State.TERMINATED),
        Input.TIMER_E: (repeat_and_double_e, State.TRYING),
        Input.TIMER_F: (tell_timeout, State.TERMINATED),
    },
    State.PROCEEDING: {
        Input.PROVISIONAL: (pass_up, State.PROCEEDING),
        Input.FINAL: (complete, State.COMPLETED),
        Input.SEND_FAILED: (end, State.TERMINATED),
        Input.ABANDON: (end, State.TERMINATED),
        Input.TIMER_E: (repeat_each_t2, State.PROCEEDING),
        Input.TIMER_F: (tell_timeout, State.TERMINATED),
    },
    State.COMPLETED: {
        Input.ABANDON: (end, State.TERMINATED),
        Input.TIMER_K: (end, State.TERMINATED),
    },
}

IGNORED: dict[State, frozenset[Input]] = {
    State.IDLE: frozenset({Input.PROVISIONAL, Input.FINAL}),  # forged: nothing was sent
    State.TRYING: frozenset(),
    State.PROCEEDING: frozenset(),
    State.COMPLETED: frozenset(
        {Input.PROVISIONAL, Input.FINAL, Input.SEND_FAILED, Input.TIMER_E, Input.TIMER_F}
    ),
    State.TERMINATED: frozenset(Input),
}

_ROWS = compile_rows(TABLE, IGNORED, inputs=Input, nothing=ignore)


class ClientNonInvite(ClientTransaction):
    """One request of ours to one destination. Its method is the first word of `data`."""

    __slots__ = ()
    _rows = _ROWS
    _inputs = Input
    state: State

    def __init__(
        self, branch: str, flow: Flow, data: bytes, timers: Timers, owner: Owner, now: float
    ) -> None:
        self.branch = branch
        self.flow = flow
        self.data = data
        self.timers = timers
        self.owner = owner
        self.since = now
        self.interval = 0.0
        self.user = None
        self.method = str(data[: data.find(b" ")], "latin-1")
        self.state = State.IDLE

    @property
    def answered(self) -> bool:
        """True once a final response came or the transaction has ended without one."""
        return self.state >= State.COMPLETED

    def start(self, now: float) -> None:
        """Send the request. Once only."""
        self.step(Input.START, now)

    def response(self, status: int, now: float) -> bool:
        """A response came: True if the transaction user shall see it, False if it was absorbed
        here.
        """
        return self.step(Input.PROVISIONAL if status < 200 else Input.FINAL, now)

    def send_failed(self, now: float) -> None:
        """The request could not be sent (RFC 3261 17.1.4)."""
        self.step(Input.SEND_FAILED, now)

    def abandon(self, now: float) -> None:
        """Give it up: Terminated at once, `ended` is called, `timed_out` is not."""
        self.step(Input.ABANDON, now)
