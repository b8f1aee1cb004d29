"""The INVITE server transaction: repeats what was answered, waits for the ACK, absorbs what comes
again.

RFC 3261 17.2.1 and 17.2.4 as replaced by RFC 6026 8.5 to 8.8. After a 2xx it repeats nothing: the
transaction user sends the 2xx again until the ACK comes (RFC 3261 13.3.1.4), through `respond`.
Building responses and routing the ACK of a 2xx are left to the owner, and so is ending a Proceeding
in which nobody answers (timer C, `ring`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from offhook.transaction.machine import compile_rows, ignore
from offhook.transaction.owner import Owner, ServerTransaction
from offhook.transaction.timers import Timers
from offhook.transport import Flow

__all__ = ["IGNORED", "TABLE", "Input", "ServerInvite", "State"]


class State(IntEnum):
    """RFC 6026 figure 7."""

    PROCEEDING = 0
    COMPLETED = 1
    CONFIRMED = 2
    ACCEPTED = 3
    TERMINATED = 4


class Input(IntEnum):
    """What happens to the machine. Timers fire with the number of their input."""

    INVITE = 0  # the request again
    ACK = 1
    PROVISIONAL = 2  # responses of the transaction user: 1xx
    SUCCESS = 3  # 2xx
    FAILURE = 4  # 300-699
    SEND_FAILED = 5
    TIMER_TRYING = 6
    TIMER_G = 7
    TIMER_H = 8
    TIMER_I = 9
    TIMER_L = 10


def send_response(machine: ServerInvite, _now: float, data: bytes) -> bool:
    """Send it and keep it for retransmissions."""
    machine.last = data
    machine.owner.transmit(machine.flow, data)
    return False


def repeat_response(machine: ServerInvite, _now: float, _data: bytes) -> bool:
    """Answer a retransmission with the latest response (RFC 3261 17.2.1)."""
    if machine.last:
        machine.owner.transmit(machine.flow, machine.last)
    return False


def ask_for_100(machine: ServerInvite, now: float, _data: bytes) -> bool:
    """Nothing was sent within 200 ms: a 100 is owed (RFC 3261 17.2.1)."""
    if not machine.last:  # RFC 3261 17.2.1
        machine.owner.trying(machine, now)
    return False


def refuse(machine: ServerInvite, now: float, data: bytes) -> bool:
    """Send a 300-699, set H, and G on unreliable transports (RFC 3261 17.2.1).

    A client that has heard nothing before goes on repeating its INVITE, which brings this answer
    again: without G it is as a stateless server gives it (RFC 3261 8.2.7), and a forged source
    address earns one answer instead of eleven.
    """
    timers = machine.timers
    timing = timers.timing
    # RFC 3261 17.2.1: G on unreliable transports only, H on all
    if machine.last and not machine.flow.reliable:
        machine.interval = timing.t1
        timers.start(timing.t1, now, machine, Input.TIMER_G)
    timers.start(timing.timer_h, now, machine, Input.TIMER_H)
    machine.last = data
    machine.owner.transmit(machine.flow, data)
    return False


def repeat_and_reset_g(machine: ServerInvite, now: float, _data: bytes) -> bool:
    """Send the response again; the interval doubles up to T2 (RFC 3261 17.2.1)."""
    timers = machine.timers
    machine.interval = min(2 * machine.interval, timers.timing.t2)  # RFC 3261 17.2.1
    timers.start(machine.interval, now, machine, Input.TIMER_G)
    machine.owner.transmit(machine.flow, machine.last)
    return False


def accept(machine: ServerInvite, now: float, data: bytes) -> bool:
    """Send a 2xx and set L on every transport (RFC 6026 8.7). It is never repeated here, so it is
    not kept.
    """
    timers = machine.timers
    timers.start(timers.timing.timer_l, now, machine, Input.TIMER_L)  # RFC 6026 8.7
    machine.last = b""
    machine.owner.transmit(machine.flow, data)
    return False


def send_2xx(machine: ServerInvite, _now: float, data: bytes) -> bool:
    """A 2xx is always passed on: again (RFC 6026 8.7), of another branch, or after a refusal (RFC
    3261 16.7 step 5).
    """
    machine.owner.transmit(machine.flow, data)
    return False


def confirm(machine: ServerInvite, now: float, _data: bytes) -> bool:
    """The ACK of a 300-699 came: set I to absorb further ones (RFC 3261 17.2.1)."""
    timers = machine.timers
    machine.last = b""
    # RFC 3261 17.2.1: I is T4, 0 on reliable transports
    delay = 0.0 if machine.flow.reliable else timers.timing.timer_i
    timers.start(delay, now, machine, Input.TIMER_I)
    return False


def pass_ack_up(_machine: ServerInvite, _now: float, _data: bytes) -> bool:
    """The ACK of a 2xx is the transaction user's (RFC 6026 6, 8.7)."""
    return True


def tell_timeout(machine: ServerInvite, now: float, _data: bytes) -> bool:
    """No ACK came (RFC 3261 17.2.1)."""
    machine.owner.timed_out(machine, now)  # RFC 3261 17.2.1
    return machine.end()


def end(machine: ServerInvite, _now: float, _data: bytes) -> bool:
    """Nothing is left to absorb."""
    return machine.end()


Action = Callable[["ServerInvite", float, bytes], bool]

TABLE: dict[State, dict[Input, tuple[Action, State]]] = {
    State.PROCEEDING: {
        Input.INVITE: (repeat_response, State.PROCEEDING),  # RFC 3261 17.2.1
        Input.PROVISIONAL: (send_response, State.PROCEEDING),
        Input.SUCCESS: (accept, State.ACCEPTED),
        Input.FAILURE: (refuse, State.COMPLETED),
        Input.TIMER_TRYING: (ask_for_100, State.PROCEEDING),
    },
    State.COMPLETED: {
        Input.INVITE: (repeat_response, State.COMPLETED),
        Input.SUCCESS: (send_2xx, State.COMPLETED),  # RFC 3261 16.7
        Input.ACK: (confirm, State.CONFIRMED),
        Input.TIMER_G: (repeat_and_reset_g, State.COMPLETED),
        Input.TIMER_H: (tell_timeout, State.TERMINATED),
    },
    State.CONFIRMED: {
        Input.SUCCESS: (send_2xx, State.CONFIRMED),
        Input.TIMER_I: (end, State.TERMINATED),
    },
    State.ACCEPTED: {
        Input.SUCCESS: (send_2xx, State.ACCEPTED),
        Input.ACK: (pass_ack_up, State.ACCEPTED),  # RFC 6026 8.7
        Input.TIMER_L: (end, State.TERMINATED),
    },
}

IGNORED: dict[State, frozenset[Input]] = {
    # SEND_FAILED: who reports it is the one to be told, and no state changes (RFC 6026 8.8).
    State.PROCEEDING: frozenset({Input.ACK, Input.SEND_FAILED}),
    State.COMPLETED: frozenset(
        {Input.PROVISIONAL, Input.FAILURE, Input.SEND_FAILED, Input.TIMER_TRYING}
    ),
    State.CONFIRMED: frozenset(
        {
            Input.INVITE,
            Input.ACK,
            Input.PROVISIONAL,
            Input.FAILURE,
            Input.SEND_FAILED,
            Input.TIMER_TRYING,
            Input.TIMER_G,
            Input.TIMER_H,
        }
    ),
    State.ACCEPTED: frozenset(
        {
            Input.INVITE,  # RFC 6026 8.7: the 2xx comes again from the transaction user
            Input.PROVISIONAL,
            Input.FAILURE,
            Input.SEND_FAILED,
            Input.TIMER_TRYING,
        }
    ),
    State.TERMINATED: frozenset(Input),
}

_ROWS = compile_rows(TABLE, IGNORED, inputs=Input, nothing=ignore)


class ServerInvite(ServerTransaction):
    """One INVITE from a client, from its first arrival to the end of its retransmissions."""

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
        """`waits`: False if a response follows at once, so that no 100 will be owed."""
        self.key = key
        self.flow = flow
        self.timers = timers
        self.owner = owner
        self.since = now
        self.user = None
        self.state = State.PROCEEDING
        self.last = b""
        self.claimed = ""
        if waits:
            timers.start(timers.timing.trying, now, self, Input.TIMER_TRYING)

    @property
    def answered(self) -> bool:
        """True once a final response was sent."""
        return self.state is not State.PROCEEDING

    def retransmission(self, now: float) -> None:
        """The INVITE came again."""
        self.step(Input.INVITE, now)

    def ack(self, now: float) -> bool:
        """An ACK that matches came: True if it belongs to a 2xx, so that the transaction user shall
        see it.
        """
        return self.step(Input.ACK, now)

    def respond(self, status: int, data: bytes, now: float) -> None:
        """Send a response. After a final one only a 2xx is still sent, the rest is dropped."""
        if status < 200:
            self.step(Input.PROVISIONAL, now, data)
        elif status < 300:
            self.step(Input.SUCCESS, now, data)
        else:
            self.step(Input.FAILURE, now, data)

    def send_failed(self, now: float) -> None:
        """A response could not be sent; the state stays (RFC 6026 8.8)."""
        self.step(Input.SEND_FAILED, now)
