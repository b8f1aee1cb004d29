"""Answers to the challenge of a gateway, put into a request on its way (RFC 3261 22.3).

The CSeq stays that of the caller, since the caller's dialog must not notice; gateways that insist
on a higher one need the B2BUA.
"""

from __future__ import annotations

from collections.abc import Callable

from offhook.auth.client import DigestClient, Learned
from offhook.exchange.profile import Gateway
from offhook.message.message import Message
from offhook.proxy.target import Authorize

__all__ = ["gateway_authorize"]


def gateway_authorize(gateway: Gateway, random_hex: Callable[[], str]) -> Authorize:
    """A function that adds credentials of this gateway to a request it challenged; None if the
    challenge cannot be answered."""

    def authorize(sent: Message, response: Message) -> Message | None:
        client = DigestClient(gateway.username, gateway.password())
        if client.learn(response, ()) is not Learned.RETRY:
            return None
        again = sent.copy()
        for name, value in client.headers(
            sent.method, sent.uri, cnonce=random_hex(), body=sent.body
        ):
            again.add(name, value)
        return again

    return authorize
