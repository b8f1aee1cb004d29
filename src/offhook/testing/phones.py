"""Phones by script: user agents on the wire that register, call and answer as a test tells them.

They are built on the message and transaction layers alone, so that a fault of the exchange is not
hidden by the same fault in the phone. Retransmission, digest and dialogs are real; media is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from offhook.auth import DigestClient, Learned
from offhook.errors import UsageError
from offhook.message import Message, make_request
from offhook.testing.agent import Agent, Arrival
from offhook.testing.calls import IncomingCall, OutgoingCall, Script
from offhook.testing.dialogs import PhoneDialog, cseq_of
from offhook.testing.network import VirtualNetwork
from offhook.testing.wire import Wire
from offhook.transport.flow import SECURE, WEBSOCKET, Address, Flow
from offhook.transport.next_hop import NextHop

__all__ = ["ScriptedPhone"]


class ScriptedPhone:
    """One phone. `script` may be changed at any time; it holds for the next call. With a sips AoR
    its Contact is sips too (RFC 5630)."""

    def __init__(
        self,
        wire: Wire,
        address: Address,
        aor: str,
        *,
        proxy: Address,
        password: str = "",
        transport: str = "UDP",
        realm: str = "",
        script: Script | None = None,
        certificate: Sequence[str] = (),
    ) -> None:
        self.aor = aor if aor.startswith("sip") else f"sip:{aor}"
        self._scheme = self.aor.partition(":")[0]
        self.script = script or Script()
        browser = transport in WEBSOCKET
        self.network = VirtualNetwork(
            wire, address[0], realm=realm, browser=browser, certificate=certificate
        )
        self.agent = Agent(self.network, self)
        self.incoming: list[IncomingCall] = []
        self.outgoing: list[OutgoingCall] = []
        self.requests: list[Message] = []  # every new request that arrived
        self.dialogs: dict[tuple[str, str, str], PhoneDialog] = {}
        self.lost_flows = 0
        self.bound: Sequence[str] = ()  # Contact values of the last 200 to a REGISTER
        user = self.aor.partition(":")[2].partition("@")[0]
        self._user = user
        self._digest = DigestClient(user, password)
        self._address = address
        self._transport = transport
        self._proxy = NextHop(transport, proxy[0], proxy[1], literal=True, server_name=proxy[0])
        self.uri = f"{self._scheme}:{user}@{self._place()}"
        self.contact = f"<{self.uri}>"
        self._registration = self.agent.token()
        self._cseq = 0
        self._arrived = asyncio.Event()

    def _place(self) -> str:
        """What follows the user part in our Contact; a page makes it up (RFC 7118 B.1)."""
        if self._transport in WEBSOCKET:
            self.agent.sent_by = f"{self.agent.token()}.invalid"
            self.agent.outlet = self._proxy
            return f"{self.agent.sent_by};transport=ws"
        plain = self._transport == "UDP" or self._scheme == "sips"
        suffix = "" if plain else f";transport={self._transport.lower()}"
        host, port = self._address
        return f"[{host}]:{port}{suffix}" if ":" in host else f"{host}:{port}{suffix}"

    async def start(self) -> None:
        """Open the port; a phone over TLS and a page have none, as in life."""
        if self._transport not in SECURE and self._transport not in WEBSOCKET:
            await self.agent.listen(self._transport, self._address)

    async def stop(self) -> None:
        """Switch off: sockets close, timers end."""
        self.agent.stop()
        await self.network.stop()

    def leaks(self) -> list[str]:
        """What is left of calls. A call that the script never ends is not a leak."""
        table = self.agent.transactions
        answered = sum(server.answered for server in table.servers.values())
        counts = table.counts()
        if answered or counts.clients or counts.cancels or len(self.agent.timers):
            return [f"{self.aor}: {counts}, {len(self.agent.timers)} timers"]
        return []

    def change_password(self, password: str) -> None:
        """From now on the phone uses another password."""
        self._digest = DigestClient(self._user, password)

    # registering --------------------------------------------------------------------------------
    async def register(
        self,
        expires: int = 3600,
        *,
        q: str = "",
        contact: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Register this phone's contact; the final status, 408 or 503 without one."""
        value = contact or self.contact
        if q:
            value = f"{value};q={q}"
        headers = [("Contact", value), ("Expires", str(expires)), *headers]
        domain = self.aor.partition("@")[2]
        message = self._request("REGISTER", f"{self._scheme}:{domain}", self._registration, headers)
        response = await self.transact(message)
        if response is None:
            return 408
        if response.status == 200:
            self.bound = response.get_all("contact")
        return response.status

    # calling ------------------------------------------------------------------------------------
    def dial(self, target: str, *, headers: Sequence[tuple[str, str]] = ()) -> OutgoingCall:
        """Call a URI ("bob@example.com"); the INVITE leaves at once."""
        uri = target if target.startswith("sip") else f"sip:{target}"
        own = [("Contact", self.contact), *headers]
        message = self._request("INVITE", uri, self.agent.token(), own)
        call = OutgoingCall(self, message, self._proxy)
        self.outgoing.append(call)
        call.start()
        return call

    async def call(self, target: str) -> OutgoingCall:
        """Call a URI and wait for the final response."""
        call = self.dial(target)
        await call.final()
        return call

    async def send(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = ()
    ) -> int:
        """Send another request outside of a dialog: the final status, 408 without one."""
        uri = target if target.startswith("sip") else f"sip:{target}"
        response = await self.transact(self._request(method, uri, self.agent.token(), headers))
        return 408 if response is None else response.status

    async def transact(self, message: Message, *, hop: NextHop | None = None) -> Message | None:
        """Send a request (no INVITE) and wait for its final response, answering one challenge."""
        response = await self._once(message, hop or self._proxy)
        if response is not None and response.status in (401, 407):
            again = self.authorize(message, response)
            if again is not None:
                return await self._once(again, hop or self._proxy)
        return response

    async def rung(self, count: int = 1) -> IncomingCall:
        """Wait until that many calls have come in: the last of them."""
        while len(self.incoming) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.incoming[count - 1]

    # CallOwner ----------------------------------------------------------------------------------
    def authorize(self, request: Message, response: Message) -> Message | None:
        """The request again with credentials and a higher CSeq (RFC 3261 22.2)."""
        sent = [
            (name, value)
            for name in ("Authorization", "Proxy-Authorization")
            for value in request.get_all(name.lower())
        ]
        if self._digest.learn(response, sent) is not Learned.RETRY:
            return None
        again = request.copy()
        for name in ("authorization", "proxy-authorization", "via"):
            again.remove(name)
        again.set("CSeq", f"{cseq_of(request) + 1} {request.method}")
        self._cseq = max(self._cseq, cseq_of(request) + 1)
        cnonce = self.agent.token()
        for name, value in self._digest.headers(again.method, again.uri, cnonce=cnonce):
            again.add(name, value)
        return again

    def add_dialog(self, dialog: PhoneDialog) -> None:
        """A dialog has begun."""
        self.dialogs[dialog.key] = dialog

    # AgentUser ----------------------------------------------------------------------------------
    def request_arrived(self, arrival: Arrival) -> None:
        """A new request."""
        message = arrival.message
        self.requests.append(message)
        core = message.core()
        if core.to_tag:
            self._in_dialog(arrival)
        elif message.method == "INVITE":
            self.agent.sends_trying = self.script.trying
            call = IncomingCall(self, arrival, self.script)
            self.incoming.append(call)
            self._arrived.set()
            call.start()
        else:
            self.agent.respond(arrival, 200, to_tag=self.agent.token())

    def cancel_arrived(self, arrival: Arrival) -> None:
        """A call was cancelled."""
        for call in self.incoming:
            if call.arrival is arrival:
                call.cancel()

    def ack_arrived(self, message: Message) -> None:
        """The ACK of a 2xx."""
        core = message.core()
        dialog = self.dialogs.get((core.call_id, core.to_tag, core.from_tag))
        if dialog is not None:
            dialog.confirmed = True

    def flow_gone(self, flow: Flow) -> None:  # the contract's
        """A connection has ended."""
        self.lost_flows += 1

    # inside -------------------------------------------------------------------------------------
    def _in_dialog(self, arrival: Arrival) -> None:
        core = arrival.message.core()
        dialog = self.dialogs.get((core.call_id, core.to_tag, core.from_tag))
        if dialog is None or (dialog.ended and arrival.message.method != "BYE"):
            self.agent.respond(arrival, 481)
            return
        if arrival.message.method == "BYE":
            dialog.end("them")
        self.agent.respond(arrival, 200, headers=[("Contact", self.contact)])

    def _request(
        self, method: str, uri: str, call_id: str, headers: Sequence[tuple[str, str]]
    ) -> Message:
        self._cseq += 1
        to = self.aor if method == "REGISTER" else uri
        return make_request(
            method,
            uri,
            via=(),
            from_=f"<{self.aor}>;tag={self.agent.token()}",
            to=f"<{to}>",
            call_id=call_id,
            cseq=self._cseq,
            headers=headers,
        )

    async def _once(self, message: Message, hop: NextHop) -> Message | None:
        if message.method == "INVITE":
            raise UsageError("use dial() for INVITE")
        done: asyncio.Future[Message | None] = self.agent.loop.create_future()

        def answered(response: Message | None) -> None:
            if not done.done() and (response is None or response.status >= 200):
                done.set_result(response)

        def send(flow: Flow | None) -> None:
            if flow is None:
                answered(None)
            else:
                self.agent.send_request(message.copy(), flow, answered)

        self.agent.with_flow(hop, send)
        return await done
