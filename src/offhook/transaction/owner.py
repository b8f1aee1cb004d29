"""The contract between a transaction and the one who owns it: what the machines call, and what all
of them show.

RFC 3261 17: below a transaction lies the transport, above it the transaction user; the owner stands
for both. The rules are left to the four machines, finding them to `table`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, Protocol

from offhook.transaction.machine import Rows, unexpected
from offhook.transaction.timers import Timers
from offhook.transport import Flow

__all__ = ["NOBODY", "ClientTransaction", "Owner", "ServerTransaction", "Transaction"]


class Owner(Protocol):
    """What a transaction needs from outside. A failed send comes back as `send_failed` of the
    transaction, at once or later.
    """

    def transmit(self, flow: Flow, data: bytes) -> None:
        """Send `data` on `flow`."""

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        """Nothing was sent yet and a 100 is owed: `respond` with it, or with something better."""

    def timed_out(self, transaction: Transaction, now: float) -> None:
        """No answer came (B, F), no ACK came (H), or our own answer is too late for the client (F
        at the server). `ended` follows.
        """

    def ended(self, transaction: Transaction) -> None:
        """The transaction is Terminated: forget it. It calls nothing any more."""


class _Nobody:
    """The owner of what has ended."""

    def transmit(self, flow: Flow, data: bytes) -> None:
        pass

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        pass

    def timed_out(self, transaction: Transaction, now: float) -> None:
        pass

    def ended(self, transaction: Transaction) -> None:
        pass


NOBODY: Owner = _Nobody()


class Transaction:
    """What the four machines have in common. No ABC, whose instance checks cost 0.5 µs each on the
    path of every response."""

    __slots__ = ("flow", "interval", "owner", "since", "state", "timers", "user")
    flow: Flow  # the owner may set another one
    interval: float  # seconds to which the retransmission timer was set last
    owner: Owner
    since: float  # when it was made
    state: IntEnum
    timers: Timers
    user: object  # whatever the owner wants to find again; None at first and after the end
    _rows: ClassVar[Rows[Callable[..., bool], IntEnum]]
    _inputs: ClassVar[type[IntEnum]]

    def step(self, symbol: int, now: float, data: bytes = b"") -> bool:
        """Take one input through the table; True if the transaction user shall see it.

        Raises UsageError for a pair that must not happen.
        """
        row = self._rows[self.state][symbol]
        if row is None:
            raise unexpected(self.state, self._inputs(symbol))
        action, self.state = row
        return action(self, now, data)

    def fire(self, letter: int, now: float) -> None:
        """A timer is due; its letter is the number of an input."""
        self.step(letter, now)


class ServerTransaction(Transaction):
    """The server side: `key` finds it (see `table.server_key`), `last` is the response to repeat,
    b"" if there is none.
    """

    __slots__ = ("claimed", "key", "last")
    claimed: str  # see `Transactions.claim`
    key: str
    last: bytes

    def retransmission(self, now: float) -> None:
        """The request came again."""
        raise NotImplementedError

    def respond(self, status: int, data: bytes, now: float) -> None:
        """Send a response; `data` is the whole message. Dropped if the rules forbid it by now."""
        raise NotImplementedError

    def send_failed(self, now: float) -> None:
        """A response could not be sent. The state stays as it is, so that retransmissions are
        recognised (RFC 6026 8.8).
        """
        raise NotImplementedError

    @property
    def answered(self) -> bool:
        """True once a final response was sent, or the time for it is over."""
        raise NotImplementedError

    def end(self) -> bool:
        """Leave the owner for good and let go of everything big; returns what an action returns."""
        self.owner.ended(self)
        self.owner = NOBODY
        self.user = None
        self.last = b""
        return False


class ClientTransaction(Transaction):
    """The client side: `branch` and `method` find it, `data` is the request to repeat, b"" after
    its final response.
    """

    __slots__ = ("branch", "data", "method")
    branch: str
    data: bytes
    method: str

    def start(self, now: float) -> None:
        """Send the request."""
        raise NotImplementedError

    def response(self, status: int, now: float) -> bool:
        """A response came: True if the transaction user shall see it, False if it was absorbed
        here.
        """
        raise NotImplementedError

    def send_failed(self, now: float) -> None:
        """The request or the ACK could not be sent (RFC 3261 17.1.4): ends the transaction unless
        it waits for nothing sent.
        """
        raise NotImplementedError

    def abandon(self, now: float) -> None:
        """Give it up: Terminated at once, `ended` is called, `timed_out` is not."""
        raise NotImplementedError

    @property
    def answered(self) -> bool:
        """True once a final response came or the transaction has ended without one."""
        raise NotImplementedError

    def end(self) -> bool:
        """Leave the owner for good and let go of everything big; returns what an action returns."""
        self.owner.ended(self)
        self.owner = NOBODY
        self.user = None
        self.data = b""
        return False
