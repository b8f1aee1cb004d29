"""A redirect server: callers are told where somebody is, and call there themselves.

It keeps nothing of a call, so it carries many: one packet in, one out. Phones register as usual.
Run it with `offhook serve examples/redirect.py`.
"""

from __future__ import annotations

from offhook import Decision, Exchange, Reply, Request

exchange = Exchange()


@exchange.request("INVITE", "MESSAGE", "SUBSCRIBE")
async def redirect(request: Request) -> Decision:
    """302 with every Contact of the user, by preference (RFC 3261 8.3, 21.3.3)."""
    if request.account is None:
        return Reply(403)  # where our phones are is for our users
    bindings = await exchange.location.bindings(request.uri)
    if not bindings:
        return Reply(404)
    return Reply(302, contacts=bindings)
