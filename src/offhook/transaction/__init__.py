"""Transactions: one request, its responses, and the patience between them (RFC 3261 17, RFC 4320,
RFC 6026).
"""

from offhook.transaction.client_invite import ClientInvite
from offhook.transaction.client_non_invite import ClientNonInvite
from offhook.transaction.owner import ClientTransaction, Owner, ServerTransaction, Transaction
from offhook.transaction.server_invite import ServerInvite
from offhook.transaction.server_non_invite import ServerNonInvite
from offhook.transaction.table import COOKIE, Counts, Transactions, cancel_key, server_key
from offhook.transaction.timers import T1, T2, T4, Timed, Timers, Timing

__all__ = [
    "COOKIE",
    "T1",
    "T2",
    "T4",
    "ClientInvite",
    "ClientNonInvite",
    "ClientTransaction",
    "Counts",
    "Owner",
    "ServerInvite",
    "ServerNonInvite",
    "ServerTransaction",
    "Timed",
    "Timers",
    "Timing",
    "Transaction",
    "Transactions",
    "cancel_key",
    "server_key",
]
