"""The server side: responses to a request that arrived, with a transaction or without (RFC 3261
8.2.6, 8.2.7, 16.7, 18.2.2)."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.engine.actions import Send
from offhook.engine.identities import without_asserted
from offhook.engine.incoming import Incoming
from offhook.engine.parts import Parts
from offhook.engine.way_back import WayBack
from offhook.message.message import Message
from offhook.message.status import reason_for
from offhook.proxy.response_context import ResponseContext
from offhook.proxy.target import Outcome
from offhook.transaction.server_invite import ServerInvite
from offhook.transaction.server_non_invite import ServerNonInvite
from offhook.transport.flow import WEBSOCKET, Flow
from offhook.transport.via import response_address

__all__ = ["Headers", "UpstreamSide"]

Headers = Sequence[tuple[str, str]]


class UpstreamSide:
    """Sends responses for all requests of an engine."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def accept(self, incoming: Incoming, now: float, *, waits: bool = True) -> None:
        """Give a request its server transaction, from when on its retransmissions are absorbed.
        `waits`: False if the final response follows at once."""
        if incoming.server is not None:
            return
        parts = self._parts
        make = ServerInvite if incoming.invite else ServerNonInvite
        flow = self._reply_flow(incoming)
        machine = make(incoming.key, flow, parts.timers, parts.owner, now, waits=waits)
        machine.user = incoming
        incoming.server = machine
        parts.transactions.add_server(machine)

    def _reply_flow(self, incoming: Incoming) -> Flow:
        flow = incoming.flow
        address = response_address(incoming.core, flow)
        if address is not None:
            flow = flow.beside(address)
            incoming.reply_flow = flow
        return flow

    def reply(
        self,
        incoming: Incoming,
        status: int,
        reason: str,
        now: float,
        *,
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        """A response of our own. A refusal of a request without a transaction is stateless (RFC
        3261 8.2.7)."""
        tag = "" if status == 100 else self._parts.identifiers.to_tag(incoming.core)
        data = incoming.message.reply(
            status, reason or reason_for(status), to_tag=tag, headers=headers, body=body
        )
        if incoming.server is None:
            if status >= 300:
                self.send(self._reply_flow(incoming), data)
                return
            self.accept(incoming, now, waits=status < 200)
        self._respond(incoming, status, data, now)

    def _respond(self, incoming: Incoming, status: int, data: bytes, now: float) -> None:
        server = incoming.server
        if server is not None:
            server.respond(status, data, now)
        elif 200 <= status < 300:
            self.send(incoming.reply_flow, data)  # a late 2xx of a fork, after timer L (RFC 6026)

    def relay(self, incoming: Incoming, response: Message, now: float) -> None:
        """A response of a branch, our Via taken off (RFC 3261 16.7 step 3)."""
        if "privacy" in response.index:
            guarded = self._parts.settings.guarded
            response = without_asserted(response, incoming.reply_flow, guarded)
        self._respond(incoming, response.status, response.pop_via(), now)

    def answer(self, context: ResponseContext, outcome: Outcome, now: float) -> None:
        """The final answer of a context: the best response, or one of our own."""
        incoming = context.handle
        if not isinstance(incoming, Incoming):
            return
        own = incoming.own_reply
        if own is not None and not context.cancelled:
            self.reply(incoming, own.status, own.reason, now, headers=own.headers, body=own.body)
            return
        response = outcome.response
        if outcome.status == 408 and not incoming.invite:
            return  # RFC 4320 4.2: too late for the client, and no longer wanted
        if response is None or outcome.status == 503:
            # RFC 3261 16.7 step 6: a 503 of the next hop would say that we are the overloaded one
            status = 500 if outcome.status == 503 else outcome.status
            reason = "" if status == 500 else outcome.reason
            self.reply(incoming, status, reason, now, headers=_retry_after(response))
            return
        if outcome.challenges:
            response = response.copy()
            for name, value in outcome.challenges:
                response.add(name, value)
        self.relay(incoming, response, now)

    def trying(self, incoming: Incoming, now: float) -> None:
        """The 100 that stops the retransmissions of an INVITE (RFC 3261 16.2, 17.2.1)."""
        self.reply(incoming, 100, "", now)

    # the wire ------------------------------------------------------------------------------------
    def send(self, flow: Flow, data: bytes) -> None:
        """Send a response; over a connection that is gone, by a new one to the sent-by (RFC 3261
        18.2.2)."""
        parts = self._parts
        if parts.ways.alive(flow):
            parts.actions.append(Send(flow, data))
            return
        if flow.transport in WEBSOCKET:
            return  # nobody can connect to such a client (RFC 7118 5.3)
        WayBack(parts, data, flow, draw=parts.identifiers.draws(flow.name, "")).start(0.0)


def _retry_after(response: Message | None) -> Headers:
    """When a 503 said to come again, which its 500 may say too (RFC 3261 21.5.1)."""
    value = response.get("retry-after") if response is not None else None
    return () if value is None else (("Retry-After", value),)
