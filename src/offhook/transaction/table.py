"""Finding the transaction that a message belongs to: one string, one look-up.

RFC 3261 17.2.3 for requests (with the rules for clients older than it), 17.1.3 for responses, 9.2
for CANCEL, 8.2.2.2 for merged requests. What happens to the message then is left to the machine and
its owner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.errors import UsageError
from offhook.message.interface import Core, HotMessage
from offhook.transaction.client_non_invite import ClientNonInvite
from offhook.transaction.owner import ClientTransaction, ServerTransaction, Transaction
from offhook.transaction.server_invite import ServerInvite, State

__all__ = ["COOKIE", "Counts", "Transactions", "cancel_key", "server_key"]

COOKIE = "z9hG4bK"  # RFC 3261 8.1.1.7: opens every branch that is unique
_COOKIE_LENGTH = len(COOKIE)
# What a CANCEL can match besides an INVITE (RFC 3261 9.2); it has no effect there, but is answered
# 200 and not 481.
_OTHER_METHODS = (
    "BYE",
    "INFO",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
)
_TO_LINE = re.compile(rb"\r\n(?:to|t)[ \t]*:((?:[^\r]|\r\n[ \t])*)", re.IGNORECASE)
_TAG = re.compile(rb";\s*tag\s*=\s*([^\s;]+)", re.IGNORECASE)


def server_key(core: Core, message: HotMessage) -> str:
    """The key of the server transaction that a request belongs to or starts; an ACK has the key of
    its INVITE.
    """
    method = message.method
    if method == "ACK":
        method = "INVITE"
    branch = core.branch
    if branch[:_COOKIE_LENGTH] == COOKIE and len(branch) > _COOKIE_LENGTH:  # RFC 3261 17.2.3
        return f"{branch}\n{core.sent_by_host}\n{core.sent_by_port}\n{method}"
    return _key(core, message, method)


def cancel_key(core: Core, message: HotMessage) -> str:
    """The key of the INVITE server transaction that a CANCEL means (RFC 3261 9.2)."""
    return _key(core, message, "INVITE")


def _key(core: Core, message: HotMessage, method: str) -> str:
    # No part can contain a line feed: all come from single header lines.
    branch = core.branch
    if _is_unique(branch):  # RFC 3261 17.2.3
        return f"{branch}\n{core.sent_by_host}\n{core.sent_by_port}\n{method}"
    # RFC 3261 17.2.3. The To tag is left out for INVITE, whose ACK has one more often than not: see
    # `acknowledged`. A CANCEL has the To tag of its request.
    to_tag = "" if method == "INVITE" else core.to_tag
    via = f"{core.transport}\n{core.sent_by_host}\n{core.sent_by_port}\n{branch}"
    return f"{message.uri}\n{to_tag}\n{core.from_tag}\n{core.call_id}\n{core.cseq}\n{method}\n{via}"


def _is_unique(branch: str) -> bool:
    """True for a branch of an RFC 3261 client. The bare cookie names nothing (RFC 4475 3.2.1)."""
    return branch.startswith(COOKIE) and len(branch) > _COOKIE_LENGTH


def _to_tag(response: bytes) -> str:
    """The To tag of a response that was sent, "" if it has none."""
    line = _TO_LINE.search(response)
    if line is None:
        return ""
    value = line[1]
    tag = _TAG.search(value, value.rfind(b">") + 1)
    return tag[1].decode("utf-8", "surrogateescape") if tag else ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many transactions are there, CANCEL clients apart."""

    servers: int
    clients: int
    cancels: int


class Transactions:
    """The transactions of one engine.

    `servers` is keyed by `server_key`: look a request up there (an ACK with `acknowledged`, the
    target of a CANCEL with `cancelled`). `clients` and `cancels` are keyed by branch: a CANCEL
    shares the branch of its INVITE (RFC 3261 9.1).
    """

    __slots__ = ("_claims", "cancels", "clients", "clients_made", "servers", "servers_made")

    def __init__(self) -> None:
        self.servers: dict[str, ServerTransaction] = {}
        self.clients: dict[str, ClientTransaction] = {}
        self.cancels: dict[str, ClientNonInvite] = {}
        self._claims: dict[str, ServerTransaction] = {}
        self.servers_made = 0  # since the start
        self.clients_made = 0

    def add_server(self, transaction: ServerTransaction) -> None:
        """Enter a new one. Raises UsageError if its key is taken."""
        if self.servers.setdefault(transaction.key, transaction) is not transaction:
            raise UsageError("this request belongs to a transaction already: look it up first")
        self.servers_made += 1

    def add_client(self, transaction: ClientTransaction) -> None:
        """Enter a new one. Raises UsageError if its branch is taken."""
        if isinstance(transaction, ClientNonInvite) and transaction.method == "CANCEL":
            taken = self.cancels.setdefault(transaction.branch, transaction) is not transaction
        else:
            taken = self.clients.setdefault(transaction.branch, transaction) is not transaction
        if taken:
            raise UsageError(f"branch {transaction.branch} is taken: branches are unique")
        self.clients_made += 1

    def forget(self, transaction: Transaction) -> None:
        """Remove one that has ended (`Owner.ended`). Unknown ones are no fault."""
        if isinstance(transaction, ServerTransaction):
            if self.servers.get(transaction.key) is transaction:
                del self.servers[transaction.key]
            if transaction.claimed:
                del self._claims[transaction.claimed]
                transaction.claimed = ""
        elif isinstance(transaction, ClientTransaction):
            branch = transaction.branch
            if self.clients.get(branch) is transaction:
                del self.clients[branch]
            elif self.cancels.get(branch) is transaction:
                del self.cancels[branch]

    def client(self, core: Core) -> ClientTransaction | None:
        """The client transaction of a response, by its core values."""
        return self.client_of(core.branch, core.cseq_method)

    def client_of(self, branch: str, method: str) -> ClientTransaction | None:
        """The client transaction of a response (RFC 3261 17.1.3): same branch, and the method of
        the CSeq is the request's.
        """
        if method == "CANCEL":
            return self.cancels.get(branch)
        transaction = self.clients.get(branch)
        if transaction is not None and transaction.method == method:
            return transaction
        return None

    def acknowledged(self, core: Core, ack: HotMessage) -> ServerInvite | None:
        """The INVITE server transaction of an ACK.

        Without a unique branch its To tag must be the one of the response sent (RFC 3261 17.2.3),
        while that is there to compare.
        """
        transaction = self.servers.get(server_key(core, ack))
        if not isinstance(transaction, ServerInvite):
            return None
        if transaction.state is State.COMPLETED and not _is_unique(core.branch):
            return transaction if _to_tag(transaction.last) == core.to_tag else None
        return transaction

    def cancelled(self, core: Core, cancel: HotMessage) -> ServerTransaction | None:
        """The server transaction that a CANCEL means (RFC 3261 9.2), of any method but CANCEL and
        ACK that has an RFC.
        """
        servers = self.servers  # RFC 3261 9.2
        transaction = servers.get(cancel_key(core, cancel))
        if transaction is not None:
            return transaction
        for method in _OTHER_METHODS:
            transaction = servers.get(_key(core, cancel, method))
            if transaction is not None:
                return transaction
        return None

    def claim(self, transaction: ServerTransaction, core: Core) -> bool:
        """Take a request for a user agent core; False if it is a merged one, to be answered 482
        (RFC 3261 8.2.2.2).

        A merged request has no To tag and the From tag, Call-ID and CSeq of a request that was
        taken before and is still here. Only what a user agent core took is compared: a proxy sees
        the same request twice whenever it spirals.
        """
        if core.to_tag:
            return True
        claim = f"{core.from_tag}\n{core.call_id}\n{core.cseq}\n{core.cseq_method}"
        # RFC 3261 8.2.2.2
        if self._claims.setdefault(claim, transaction) is not transaction:
            return False
        transaction.claimed = claim
        return True

    def counts(self) -> Counts:
        """How many there are now."""
        return Counts(len(self.servers), len(self.clients), len(self.cancels))
