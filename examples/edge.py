"""A stateless edge: it spreads users over the servers inside and keeps nothing of any call.

Run it with `offhook serve examples/edge.py` on a profile with `authenticate = false` and
`registrar = false`.
"""

from __future__ import annotations

from zlib import crc32

from offhook import Decision, Exchange, Request

exchange = Exchange()
INSIDE = ("sip:192.0.2.11:5060", "sip:192.0.2.12:5060", "sip:192.0.2.13:5060")


@exchange.request("INVITE", "ACK", "CANCEL", "REGISTER", "MESSAGE", "SUBSCRIBE", "OPTIONS")
def edge(request: Request) -> Decision:
    """The same user always to the same server, decided by the message alone (RFC 3261 16.11)."""
    user = request.uri.user or request.call_id
    server = INSIDE[crc32(user.encode()) % len(INSIDE)]
    return request.relay_stateless(server.replace("sip:", f"sip:{user}@"))
