"""The timers of transactions: their values, and one FIFO for each delay instead of one event-loop
timer each.

RFC 3261 17 and appendix A, RFC 6026 8.11, RFC 4320 4.1. Delays are few and constant, so a new timer
is always the last of its FIFO and costs 0.2 µs (`call_later` and cancel: 1.6). Nothing is
cancelled: a machine ignores a letter that its state does not expect. What a letter means is left to
the machine that set it, arming a real clock to the driver.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from offhook.errors import UsageError

__all__ = ["T1", "T2", "T4", "TIMER_D_MINIMUM", "Timed", "Timers", "Timing"]

T1 = 0.5  # seconds: estimate of a round trip (RFC 3261 17.1.1.1)
T2 = 4.0  # seconds: longest interval between retransmissions, but for the INVITE itself
T4 = 5.0  # seconds: how long the network keeps a message
TIMER_D_MINIMUM = 32.0  # seconds: the T1 of the server is unknown (RFC 3261 17.1.1.2)
# of timers that start due timers in one `advance`: the rest waits for the next
ROUNDS_LIMIT = 16
SLACK_LIMIT = 0.5  # seconds: the latest that any timer may be


@dataclass(frozen=True, slots=True)
class Timing:
    """Delays in seconds. The timers with letters follow from T1, T2 and T4; I, J, K and D are 0 on
    reliable transports.
    """

    t1: float = T1
    t2: float = T2
    t4: float = T4
    timer_c: float = 185.0  # more than three minutes (RFC 3261 16.6 step 11)
    trying: float = 0.2  # an INVITE gets its 100 after this (RFC 3261 17.2.1)
    timer_b: float = field(init=False)
    timer_d: float = field(init=False)
    timer_f: float = field(init=False)
    timer_h: float = field(init=False)
    timer_i: float = field(init=False)
    timer_j: float = field(init=False)
    timer_k: float = field(init=False)
    timer_l: float = field(init=False)
    timer_m: float = field(init=False)
    # when timer E of the client has been set to T2 (RFC 4320 4.1)
    trying_non_invite: float = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.t1 <= self.t2:
            raise UsageError("T1 must be more than 0 and at most T2")
        whole = 64 * self.t1
        for letter in "bfhjlm":
            object.__setattr__(self, f"timer_{letter}", whole)
        for letter in "ik":
            object.__setattr__(self, f"timer_{letter}", self.t4)
        object.__setattr__(self, "timer_d", max(TIMER_D_MINIMUM, whole))
        object.__setattr__(self, "trying_non_invite", _until_t2(self.t1, self.t2))


def _until_t2(t1: float, t2: float) -> float:
    """Seconds from the first transmission until timer E is reset to T2: 3.5 with the default
    values.
    """
    passed, interval = 0.0, t1
    while interval < t2:
        passed += interval
        interval *= 2
    return passed


class Timed(Protocol):
    """What a timer wakes."""

    def fire(self, letter: int, now: float) -> None:
        """The timer that was started with `letter` is due."""


_Entry = tuple[float, int, Timed, int]  # deadline, order of setting, target, letter


class Timers:
    """All timers of one engine. `now` must not run backwards between calls; if it does, timers of
    that delay are late by as much.

    `slack` is the share of its delay by which a timer may be late (at most SLACK_LIMIT seconds), so
    that timers which are due close together cost one wake-up; 0 is exact.
    """

    __slots__ = ("_due", "_queues", "_sequence", "_slack", "_wake", "timing")

    def __init__(self, timing: Timing | None = None, *, slack: float = 0.0) -> None:
        self.timing = timing or Timing()
        self._slack = slack
        self._sequence = 0
        self._queues: dict[float, deque[_Entry]] = {}  # never holds an empty one
        self._wake: float | None = None  # when the first of all queues wants to wake
        self._due: deque[_Entry] = deque()  # taken from the queues, not yet fired

    def __len__(self) -> int:
        return len(self._due) + sum(map(len, self._queues.values()))

    def start(self, delay: float, now: float, target: Timed, letter: int) -> None:
        """Call `target.fire(letter, ...)` once, `delay` seconds (0 or more) after `now`."""
        self._sequence = sequence = self._sequence + 1
        deadline = now + delay
        queue = self._queues.get(delay)
        if queue is None:
            self._queues[delay] = deque(((deadline, sequence, target, letter),))
            wake = deadline + self._late(delay)
            if self._wake is None or wake < self._wake:
                self._wake = wake
        else:
            queue.append((deadline, sequence, target, letter))

    def next_deadline(self) -> float | None:
        """When `advance` has work next; in the past if it has some already; None if none is set."""
        if self._due:
            return self._due[0][0]
        return self._wake

    def advance(self, now: float) -> None:
        """Fire everything due at `now`, by deadline, ties in the order they were set; also what is
        started due meanwhile.

        If a target raises, the timers behind it stay due.
        """
        due = self._due
        for _ in range(ROUNDS_LIMIT):
            self._collect(now)
            if not due:
                return
            while due:
                _, _, target, letter = due.popleft()
                target.fire(letter, now)

    def _collect(self, now: float) -> None:
        due: list[_Entry] = []
        ended = False
        for queue in self._queues.values():
            if queue[0][0] > now:
                continue
            while queue and queue[0][0] <= now:
                due.append(queue.popleft())
            ended = ended or not queue
        if not due:
            return
        if ended:
            self._queues = {delay: queue for delay, queue in self._queues.items() if queue}
        slack = self._slack
        self._wake = min(
            [
                queue[0][0] + min(slack * delay, SLACK_LIMIT)
                for delay, queue in self._queues.items()
            ],
            default=None,
        )
        due.sort()  # the order of setting is unique: targets are never compared
        self._due.extend(due)

    def _late(self, delay: float) -> float:
        return min(self._slack * delay, SLACK_LIMIT)
