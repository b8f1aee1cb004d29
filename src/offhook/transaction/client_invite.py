"""The INVITE client transaction: repeats the INVITE until something answers, acknowledges refusals,
hands every 2xx up.

RFC 3261 17.1.1 and 17.1.4 as replaced by RFC 6026 8.4. Building the ACK of a 300-699 (RFC 3261
17.1.1.3) is left to the owner, who sets `ack` before handing in the response; the ACK of a 2xx and
the CANCEL are the owner's altogether, and so is a Proceeding that does not end (timer C).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from offhook.errors import UsageError
from offhook.transaction.machine import compile_rows, ignore
from offhook.transaction.owner import ClientTransaction, Owner
from offhook.transaction.timers import Timers
from offhook.transport import Flow

__all__ = ["IGNORED", "TABLE", "ClientInvite", "Input", "State"]


class State(IntEnum):
    """RFC 6026 figure 5, and IDLE: made, not sent yet."""

    IDLE = 0
    CALLING = 1
    PROCEEDING = 2
    COMPLETED = 3
    ACCEPTED = 4
    TERMINATED = 5


class Input(IntEnum):
    """What happens to the machine. Timers fire with the number of their input."""

    START = 0
    PROVISIONAL = 1  # responses of the server: 1xx
    SUCCESS = 2  # 2xx
    FAILURE = 3  # 300-699
    SEND_FAILED = 4
    ABANDON = 5
    TIMER_A = 6
    TIMER_B = 7
    TIMER_D = 8
    TIMER_M = 9


def send_invite(machine: ClientInvite, now: float, _data: bytes) -> bool:
    """Send it, set B, and A on unreliable transports (RFC 3261 17.1.1.2)."""
    timers = machine.timers
    timing = timers.timing
    # RFC 3261 17.1.1.2: A on unreliable transports only, B on all; most are answered before the
    # first A, which sets B then
    if machine.flow.reliable:
        timers.start(timing.timer_b, now, machine, Input.TIMER_B)
    else:
        timers.start(timing.t1, now, machine, Input.TIMER_A)
    machine.owner.transmit(machine.flow, machine.data)
    return False


def repeat_and_reset_a(machine: ClientInvite, now: float, _data: bytes) -> bool:
    """Send the INVITE again; the interval doubles without a limit but B (RFC 3261 17.1.1.2)."""
    timers = machine.timers
    if not machine.interval:  # the first time
        timing = timers.timing
        machine.interval = t1 = timing.t1
        timers.start(timing.timer_b - t1, machine.since + t1, machine, Input.TIMER_B)
    machine.interval *= 2  # RFC 3261 17.1.1.2
    timers.start(machine.interval, now, machine, Input.TIMER_A)
    machine.owner.transmit(machine.flow, machine.data)
    return False


def pass_up(_machine: ClientInvite, _now: float, _data: bytes) -> bool:
    """The transaction user sees it."""
    return True


def accept(machine: ClientInvite, now: float, _data: bytes) -> bool:
    """A 2xx is passed up; M keeps the transaction for its retransmissions and for those of other
    branches (RFC 6026 8.4).
    """
    timers = machine.timers
    timers.start(timers.timing.timer_m, now, machine, Input.TIMER_M)  # RFC 6026 8.4
    machine.data = b""
    return True


def acknowledge(machine: ClientInvite, now: float, _data: bytes) -> bool:
    """A 300-699 is acknowledged on every transport, D set, the response passed up (RFC 3261
    17.1.1.2).
    """
    timers = machine.timers
    # RFC 3261 17.1.1.2: D is 32 s or more, 0 on reliable transports
    delay = 0.0 if machine.flow.reliable else timers.timing.timer_d
    timers.start(delay, now, machine, Input.TIMER_D)
    machine.data = b""
    machine.owner.transmit(machine.flow, machine.ack)
    return True


def repeat_ack(machine: ClientInvite, _now: float, _data: bytes) -> bool:
    """A refusal that comes again is acknowledged again and not passed up (RFC 3261 17.1.1.2)."""
    machine.owner.transmit(machine.flow, machine.ack)  # RFC 3261 17.1.1.2
    return False


def tell_timeout(machine: ClientInvite, now: float, _data: bytes) -> bool:
    """Nobody answered (RFC 3261 17.1.1.2)."""
    machine.owner.timed_out(machine, now)  # RFC 3261 17.1.1.2
    return machine.end()


def end(machine: ClientInvite, _now: float, _data: bytes) -> bool:
    """Nothing is left to wait for."""
    return machine.end()


Action = Callable[["ClientInvite", float, bytes], bool]

TABLE: dict[State, dict[Input, tuple[Action, State]]] = {
    State.IDLE: {
        Input.START: (send_invite, State.CALLING),
        Input.SEND_FAILED: (end, State.TERMINATED),
        Input.ABANDON: (end, State.TERMINATED),
    },
    State.CALLING: {
        Input.PROVISIONAL: (pass_up, State.PROCEEDING),
        Input.SUCCESS: (accept, State.ACCEPTED),
        Input.FAILURE: (acknowledge, State.COMPLETED),
        Input.SEND_FAILED: (end, State.TERMINATED),  # RFC 3261 17.1.4
        Input.ABANDON: (end, State.TERMINATED),
        Input.TIMER_A: (repeat_and_reset_a, State.CALLING),
        Input.TIMER_B: (tell_timeout, State.TERMINATED),
    },
    State.PROCEEDING: {
        Input.PROVISIONAL: (pass_up, State.PROCEEDING),
        Input.SUCCESS: (accept, State.ACCEPTED),
        Input.FAILURE: (acknowledge, State.COMPLETED),
        Input.ABANDON: (end, State.TERMINATED),
    },
    State.COMPLETED: {
        # A proxy below us sends a 2xx even after a refusal (RFC 3261 16.7 step 5); its callee waits
        # for an ACK.
        Input.SUCCESS: (pass_up, State.COMPLETED),
        Input.FAILURE: (repeat_ack, State.COMPLETED),
        Input.SEND_FAILED: (end, State.TERMINATED),
        Input.ABANDON: (end, State.TERMINATED),
        Input.TIMER_D: (end, State.TERMINATED),
    },
    State.ACCEPTED: {
        Input.SUCCESS: (pass_up, State.ACCEPTED),  # RFC 6026 8.4
        Input.ABANDON: (end, State.TERMINATED),
        Input.TIMER_M: (end, State.TERMINATED),
    },
}

IGNORED: dict[State, frozenset[Input]] = {
    # forged: nothing was sent
    State.IDLE: frozenset({Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE}),
    State.CALLING: frozenset(),
    # SEND_FAILED: a late report of an INVITE that was answered meanwhile.
    State.PROCEEDING: frozenset({Input.SEND_FAILED, Input.TIMER_A, Input.TIMER_B}),
    State.COMPLETED: frozenset({Input.PROVISIONAL, Input.TIMER_A, Input.TIMER_B}),
    State.ACCEPTED: frozenset(
        {Input.PROVISIONAL, Input.FAILURE, Input.SEND_FAILED, Input.TIMER_A, Input.TIMER_B}
    ),
    State.TERMINATED: frozenset(Input),
}

_ROWS = compile_rows(TABLE, IGNORED, inputs=Input, nothing=ignore)


class ClientInvite(ClientTransaction):
    """One INVITE of ours to one destination. `ack` is b"" until the owner sets it for a 300-699."""

    __slots__ = ("ack",)
    ack: bytes
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
        self.method = "INVITE"
        self.state = State.IDLE
        self.ack = b""

    @property
    def answered(self) -> bool:
        """True once a final response came or the transaction has ended without one."""
        return self.state >= State.COMPLETED

    def start(self, now: float) -> None:
        """Send the INVITE. Once only."""
        self.step(Input.START, now)

    def response(self, status: int, now: float) -> bool:
        """A response came: True if the transaction user shall see it, False if it was absorbed
        here.

        Raises UsageError for the first 300-699 if `ack` was not set before.
        """
        if status < 200:
            return self.step(Input.PROVISIONAL, now)
        if status < 300:
            return self.step(Input.SUCCESS, now)
        if not self.ack and State.IDLE < self.state < State.COMPLETED:
            raise UsageError("set ClientInvite.ack before handing in a response of 300-699")
        return self.step(Input.FAILURE, now)

    def send_failed(self, now: float) -> None:
        """The INVITE or the ACK could not be sent (RFC 3261 17.1.4)."""
        self.step(Input.SEND_FAILED, now)

    def abandon(self, now: float) -> None:
        """Give it up: Terminated at once, `ended` is called, `timed_out` is not."""
        self.step(Input.ABANDON, now)

    def end(self) -> bool:
        """Leave the owner for good and let go of everything big; returns what an action returns."""
        self.ack = b""
        return ClientTransaction.end(self)
