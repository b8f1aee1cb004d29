"""The owner of a transaction for tests: records bytes with their times, on a virtual clock."""

from __future__ import annotations

from offhook.transaction import ServerTransaction, Timers, Timing, Transaction
from offhook.transport import Flow, Listener

__all__ = ["TCP", "UDP", "Wire", "flow"]


def flow(transport: str) -> Flow:
    listener = Listener("internal", transport, "192.0.2.1", 5060)
    connection = "" if transport == "UDP" else "1"
    return Flow(listener, ("192.0.2.1", 5060), ("192.0.2.9", 5060), connection)


UDP = flow("UDP")
TCP = flow("TCP")


class Wire:
    """Implements `Owner`. `sent` holds (time, bytes) of everything transmitted."""

    def __init__(self, timing: Timing | None = None, *, answers_100: bool = True) -> None:
        self.timers = Timers(timing)
        self.now = 0.0
        self.sent: list[tuple[float, bytes]] = []
        self.flows: list[Flow] = []
        self.trying_at: list[float] = []
        self.timeouts: list[float] = []
        self.ends: list[float] = []
        self.fails: Transaction | None = None  # its sends fail at once
        self._answers_100 = answers_100

    def transmit(self, flow: Flow, data: bytes) -> None:
        self.sent.append((self.now, data))
        self.flows.append(flow)
        if self.fails is not None:
            self.fails.send_failed(self.now)  # type: ignore[attr-defined]  # both sides have it

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        self.trying_at.append(now)
        if self._answers_100:
            transaction.respond(100, b"SIP/2.0 100 Trying", now)

    def timed_out(self, transaction: Transaction, now: float) -> None:
        assert not self.ends, "told after the end"
        assert transaction.state.name == "TERMINATED"
        self.timeouts.append(now)

    def ended(self, transaction: Transaction) -> None:
        assert transaction.state.name == "TERMINATED"
        self.ends.append(self.now)

    def run(self, until: float) -> None:
        """Let the clock go from deadline to deadline."""
        while (deadline := self.timers.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.timers.advance(self.now)
        self.now = max(self.now, until)

    def times(self, data: bytes) -> list[float]:
        """When these bytes were sent."""
        return [at for at, sent in self.sent if sent == data]
