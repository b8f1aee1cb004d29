"""Failover: calls go to the first of two servers, and to the second while the first is down.

A server that says nothing for two seconds, or that it cannot, is passed over for half a minute, so
that only the first caller has to wait. Run it with `offhook serve examples/failover.py`.
"""

from __future__ import annotations

import asyncio

from offhook import Decision, Exchange, Reply, Request

exchange = Exchange()

SERVERS = ("192.0.2.31", "192.0.2.32")
DOWN = (408, 500, 503)
PASSED_OVER = 30  # seconds
down_until: dict[str, float] = {}


@exchange.request("INVITE")
async def invite(request: Request) -> Decision:
    """One server after the other, those that are down last."""
    if not request.aor:
        return Reply(404)  # for our own domains alone
    now = asyncio.get_running_loop().time()
    for server in sorted(SERVERS, key=lambda server: down_until.get(server, 0) > now):
        outcome = await request.fork(f"sip:{request.uri.userinfo}@{server}", first=2)
        if outcome.status not in DOWN or outcome.early:
            return outcome
        down_until[server] = now + PASSED_OVER
    return Reply(503, headers={"Retry-After": str(PASSED_OVER)})
