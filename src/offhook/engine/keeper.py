"""The owner of all transactions: sends what they send, and passes on what becomes of them."""

from __future__ import annotations

from offhook.engine.actions import Send
from offhook.engine.forks import Forks
from offhook.engine.incoming import Incoming
from offhook.engine.outgoing import Outgoing
from offhook.engine.parts import Parts
from offhook.engine.upstream import UpstreamSide
from offhook.proxy.branch import Branch
from offhook.transaction.owner import ClientTransaction, ServerTransaction, Transaction
from offhook.transport.flow import WEBSOCKET, Flow

__all__ = ["Keeper"]


class Keeper:
    """Implements `transaction.owner.Owner`. `join` completes it, since parts and owner need each
    other."""

    _parts: Parts
    _upstream: UpstreamSide
    _forks: Forks

    def join(self, parts: Parts, upstream: UpstreamSide, forks: Forks) -> None:
        """Name the parts to work with; called once."""
        self._parts = parts
        self._upstream = upstream
        self._forks = forks

    def transmit(self, flow: Flow, data: bytes) -> None:
        """Send for a transaction."""
        if flow.reliable and not self._parts.ways.alive(flow):
            if data[:4] == b"SIP/":
                self._upstream.send(flow, data)
            return  # a request: `flow_lost` has told its transaction
        self._parts.actions.append(Send(flow, data))

    def trying(self, transaction: ServerTransaction, now: float) -> None:
        """A request has waited 200 ms for its first response."""
        if isinstance(transaction.user, Incoming):
            self._upstream.trying(transaction.user, now)

    def timed_out(self, transaction: Transaction, now: float) -> None:
        """Timer B, F or H."""
        if not isinstance(transaction, ClientTransaction):
            return
        user = transaction.user
        if isinstance(user, Branch):
            self._forks.timed_out(user, transaction, now)
        elif isinstance(user, Outgoing):
            user.timed_out(now)

    def ended(self, transaction: Transaction) -> None:
        """Terminated: forgotten, and cut loose from what it served."""
        self._parts.transactions.forget(transaction)
        user = transaction.user
        transaction.user = None
        if isinstance(transaction, ClientTransaction):
            if transaction.flow.reliable:
                self._parts.ways.release(transaction)
            if isinstance(user, Branch) and user.transaction is transaction:
                user.transaction = None
        elif isinstance(user, Incoming):
            user.server = None
            user.context = None

    def client_failed(self, machine: ClientTransaction, now: float) -> None:
        """The flow of a client transaction refused it or is gone."""
        if machine.answered:
            return
        user = machine.user
        current = isinstance(user, Branch) and user.transaction is machine
        machine.send_failed(now)
        if not machine.answered and machine.flow.transport in WEBSOCKET:
            machine.abandon(now)  # the page is gone, and its calls with it
        if not machine.answered:
            return  # an INVITE that rings: its final response may come by another connection
        if isinstance(user, Branch):
            if current:
                self._forks.send_failed(user, now)
        elif isinstance(user, Outgoing):
            user.way_failed(503, now)
