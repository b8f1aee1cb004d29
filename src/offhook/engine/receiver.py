"""What arrives: messages told apart and given to those who deal with them (RFC 3261 16.3, 17.2.3,
18.1.2, 18.2.1; RFC 5626 8 for STUN)."""

from __future__ import annotations

from offhook.auth.consumed import take_out
from offhook.engine.acks import StatelessForward
from offhook.engine.actions import Close, Send
from offhook.engine.dialog_routes import DialogRoutes, dialog_target, edge_target, learn_own
from offhook.engine.events import AckReceived, Cancelled, RequestReceived
from offhook.engine.flow_watch import FlowWatch
from offhook.engine.forks import Forks
from offhook.engine.identities import believe
from offhook.engine.incoming import Incoming
from offhook.engine.origination import Origination
from offhook.engine.outgoing import Outgoing
from offhook.engine.parts import Parts
from offhook.engine.stateless import StatelessRelay, return_response
from offhook.engine.streams import Streams, answer_broken
from offhook.engine.upstream import UpstreamSide
from offhook.errors import MessageError
from offhook.message.core import response_key
from offhook.message.interface import Core
from offhook.message.message import Message
from offhook.message.parse import parse
from offhook.message.status import reason_for
from offhook.message.validate import Fault, Role, validate, validate_relayed
from offhook.proxy.breadth import breadth_of
from offhook.proxy.loop import loop_hash, looped
from offhook.proxy.target import ForkRequest
from offhook.transaction.client_invite import ClientInvite
from offhook.transaction.server_invite import ServerInvite
from offhook.transaction.table import server_key
from offhook.transport.flow import SECURE, Flow
from offhook.transport.secure import is_sips
from offhook.transport.stun import FIRST_OF_SIP, answer, looks_like_stun, read_binding, refuse
from offhook.transport.via import stamp

__all__ = ["Receiver"]

SHORTEST = 20  # octets: less is a keep-alive or noise, never a message
OWN_METHODS = frozenset(
    {"REGISTER"}
)  # these are for us whatever happens, so a user agent's rules hold


class Receiver:
    """The way in of one engine."""

    def __init__(
        self,
        parts: Parts,
        upstream: UpstreamSide,
        forks: Forks,
        *,
        routes: DialogRoutes,
        streams: Streams,
        watch: FlowWatch,
        origination: Origination,
    ) -> None:
        self._parts = parts
        self._transactions = parts.transactions
        self._counters = parts.counters
        self._upstream = upstream
        self._forks = forks
        self._routes = routes
        self._streams = streams
        self._watch = watch
        self._watched = watch.flows
        self._origination = origination
        self._hit: set[tuple[str, int]] = set()  # local addresses seen
        self._moved = parts.ways.moved
        self._moves = self._moved.names
        self.draining = False
        # ACK and CANCEL, if the application wants to see those of no transaction of ours
        self.unmatched: frozenset[str] = frozenset()

    def receive(self, flow: Flow, data: bytes, now: float) -> None:
        """A datagram, or the next octets of a connection."""
        if self._watched:
            self._watch.heard(flow, now)
        if flow.reliable:
            self._stream(flow, data, now)
            return
        if self._moves:
            self._moved.heard(flow.name)
        if flow.local not in self._hit:
            self._hit.add(flow.local)
            learn_own(self._routes, flow)
        if data and data[0] < FIRST_OF_SIP and looks_like_stun(data):
            self._stun(flow, data)
        elif len(data) > SHORTEST:
            self._message(flow, data, now)

    def _stun(self, flow: Flow, data: bytes) -> None:
        """The keep-alive of a phone over UDP (RFC 5626 8): it is told its address."""
        request = read_binding(data)
        if request is None:
            self._counters.malformed += 1
            return
        self._counters.stun += 1
        if request.wants_answer:
            reply = refuse(request) if request.unknown else answer(request, flow.remote)
            self._parts.actions.append(Send(flow, reply))

    def _stream(self, flow: Flow, data: bytes, now: float) -> None:
        if not self._parts.ways.alive(flow):
            return
        messages, broken = self._streams.feed(flow, data, now)
        for message in messages:
            self._message(flow, message, now)
        if broken is not None:
            self._counters.malformed += 1
            answer = answer_broken(broken)
            if answer is not None:
                self._parts.actions.append(Send(flow, answer))
            self._parts.actions.append(Close(flow))

    def _message(self, flow: Flow, data: bytes, now: float) -> None:
        try:
            message = parse(data)
        except MessageError:
            self._counters.malformed += 1
            return
        index = message.index
        if (  # `asserts`, written out: asked for every message
            "p-asserted-identity" in index
            or "remote-party-id" in index
            or "p-preferred-identity" in index
        ):
            believe(message, flow, self._parts.settings.guarded)
        if not message.is_request:
            self._response(message, flow, now)
            return
        self._counters.requests += 1
        self._counters.traffic.request_in(flow, message.method)
        try:
            core = message.core()
        except MessageError as error:
            fault = validate(message, Role.PROXY) or Fault(error.status, error.reason)
            self._refuse_broken(message, flow, fault)
            return
        stamp(message, core, flow)
        if flow.identities:
            self._parts.ways.aliases.learn(flow, message, core)
        if message.method == "ACK":
            self._ack(message, core, flow, now)
        else:
            self._request(message, core, flow, now)

    # requests ------------------------------------------------------------------------------------
    def _request(self, message: Message, core: Core, flow: Flow, now: float) -> None:
        key = server_key(core, message)
        known = self._transactions.servers.get(key)
        if known is not None:
            self._counters.retransmissions += 1
            known.retransmission(now)
            return
        method = message.method
        role = Role.REGISTRAR if method in OWN_METHODS else Role.PROXY
        fault = validate(message, role)
        if fault is not None:
            self._refuse(Incoming(message, core, flow, key), fault, now)
            return
        if method == "CANCEL":
            self._cancel(message, core, flow, now)
            return
        incoming = Incoming(message, core, flow, key)
        refusal = self._overload()
        if refusal is not None:
            self._refuse(incoming, refusal, now)
            return
        if core.route or "~" in message.uri:
            self._routes.read(incoming)
        if self._proxy_checks(incoming, now):
            if not self._routes.allowed(incoming):
                self._refuse(incoming, Fault(403, "Not of This Dialog"), now)
                return
            if incoming.token is not None:
                if "proxy-authorization" in message.index:
                    self._keep_credentials(message)
                if not self._needs_look_up(incoming):
                    self._relay(incoming, now)
                    return
            elif incoming.edge is not None:
                target = edge_target(incoming, incoming.edge)
                self._forks.fork(incoming, ForkRequest(((target,),), decides=True), now)
                return
            elif incoming.forged:
                self._refuse(incoming, Fault(403, "Flow Token Is Not Ours"), now)
                return
            self._parts.events.append(RequestReceived(incoming))

    def _needs_look_up(self, incoming: Incoming) -> bool:
        """True if the token of an in-dialog request does not say how its end is reached now."""
        return self._routes.at_us(incoming) or self._stranded(incoming)

    def _stranded(self, incoming: Incoming) -> bool:
        """True if the connection to the end that a request goes to is gone: its phone may have
        registered over another one since."""
        token = incoming.token
        if token is None or incoming.next_route or not (token.caller.flow or token.callee.flow):
            return False
        name = token.destination(incoming.core.from_tag).flow
        return bool(name) and name[:4] != "udp/" and not self._parts.ways.named(name)

    def _relay(self, incoming: Incoming, now: float) -> None:
        """A request of a dialog that was routed here goes on by its route set."""
        target = dialog_target(incoming)
        if incoming.token is not None and incoming.token.stateless:
            StatelessRelay(self._parts, incoming, target).start(now)
        else:
            self._forks.fork(incoming, ForkRequest(((target,),), decides=True), now)

    def _proxy_checks(self, incoming: Incoming, now: float) -> bool:
        """Max-Forwards, loops (RFC 3261 16.3 steps 3 and 4) and the promise of sips; what is for us
        is let through."""
        core = incoming.core
        message = incoming.message
        if message.uri[3:4] in ("s", "S") and _in_the_clear(incoming):
            self._refuse(incoming, Fault(403, "SIPS Needs TLS"), now)  # RFC 3261 26.2.2
            return False
        if core.max_forwards <= 0 and message.method not in ("REGISTER", "OPTIONS"):
            self._refuse(incoming, Fault(483, reason_for(483)), now)
            return False
        if "max-breadth" in message.index:
            try:
                incoming.breadth = breadth_of(message)
            except MessageError as error:
                self._refuse(incoming, Fault(error.status, error.reason), now)
                return False
        if "via" in message.repeated or "," in message.index["via"]:
            vias = message.get_all("via")
            incoming.loop_hash = loop_hash(message, core)
            if looped(vias, self._routes.via_marks, incoming.loop_hash):
                self._refuse(incoming, Fault(482, reason_for(482)), now)
                return False
        return True

    def _overload(self) -> Fault | None:
        settings = self._parts.settings
        if not self.draining and len(self._transactions.servers) < settings.max_transactions:
            return None
        self._counters.refused_overload += 1
        retry = (("Retry-After", str(settings.retry_after)),)
        return Fault(503, reason_for(503), retry)

    def _refuse(self, incoming: Incoming, fault: Fault, now: float) -> None:
        if fault.status == 400:
            self._counters.malformed += 1
        self._upstream.reply(incoming, fault.status, fault.reason, now, headers=fault.headers)

    def _refuse_broken(self, message: Message, flow: Flow, fault: Fault) -> None:
        """Too broken for a transaction: one stateless answer to where it came from."""
        self._counters.malformed += 1
        if message.method == "ACK" or message.get("via") is None:
            return
        data = message.reply(fault.status, fault.reason, to_tag="malformed", headers=fault.headers)
        self._upstream.send(flow, data)

    def _cancel(self, message: Message, core: Core, flow: Flow, now: float) -> None:
        """RFC 3261 9.2, 16.10. Its answer is stateless: a copy of it finds the same transaction
        again."""
        cancel = Incoming(message, core, flow, "")
        server = self._transactions.cancelled(core, message)
        if server is None:
            self._cancel_unknown(cancel, now)
            return
        data = message.reply(200, "OK", to_tag=self._parts.identifiers.to_tag(core))
        self._upstream.send(server.flow, data)
        incoming = server.user
        if not isinstance(incoming, Incoming) or not isinstance(server, ServerInvite):
            return
        if server.answered or incoming.cancelled:
            return
        incoming.cancelled = True
        incoming.cancel_reason = message.get("reason") or ""
        if incoming.context is not None:
            incoming.context.cancel(incoming.cancel_reason, now)
        else:
            self._upstream.reply(incoming, 487, "", now)
        self._parts.events.append(Cancelled(incoming))

    def _cancel_unknown(self, cancel: Incoming, now: float) -> None:
        """A CANCEL of no transaction may be of a request that was relayed without state: it is
        routed as that was (RFC 3261 16.10, 16.11)."""
        self._routes.read(cancel)
        stateless = cancel.token is not None and cancel.token.stateless
        if not stateless and "CANCEL" not in self.unmatched:
            self._refuse(cancel, Fault(481, reason_for(481)), now)
        elif self._proxy_checks(cancel, now):
            if not stateless or not self._routes.allowed(cancel):
                self._parts.events.append(RequestReceived(cancel))
            else:
                self._relay(cancel, now)

    def _ack(self, message: Message, core: Core, flow: Flow, now: float) -> None:
        """For a refusal it ends here; for a 2xx it goes on by its route set (RFC 3261 17.1.1.3,
        17.2.1)."""
        server = self._transactions.acknowledged(core, message)
        if server is not None and not server.ack(now):
            return
        incoming = Incoming(message, core, flow, "")
        self._routes.read(incoming)
        at_us = self._routes.at_us(incoming) or self._stranded(incoming)
        known = incoming.token is not None
        shown = not known and "ACK" in self.unmatched
        stray = not known and (self._is_ours(core) or not (at_us or shown))
        stray = stray or not self._routes.allowed(incoming)
        stray = stray or _in_the_clear(incoming)
        if stray or core.max_forwards <= 0 or validate(message, Role.PROXY) is not None:
            self._counters.stray_acks += 1
        elif shown:
            self._parts.events.append(RequestReceived(incoming))
        elif at_us:
            self._parts.events.append(AckReceived(incoming))
        else:
            if "proxy-authorization" in message.index:
                self._keep_credentials(message)
            stateless = incoming.token is not None and incoming.token.stateless
            way = StatelessRelay if stateless else StatelessForward
            way(self._parts, incoming, dialog_target(incoming)).start(now)

    def _keep_credentials(self, message: Message) -> None:
        take_out(message, self._parts.settings.domains)

    def _is_ours(self, core: Core) -> bool:
        """True if we made the To tag: a refusal without a transaction (RFC 3261 8.2.7)."""
        return core.to_tag == self._parts.identifiers.to_tag(core)

    # responses -----------------------------------------------------------------------------------
    def _response(self, message: Message, flow: Flow, now: float) -> None:
        self._counters.responses += 1
        machine = self._transactions.client_of(*response_key(message.index))
        if machine is None:
            if not return_response(self._parts, message, now):
                self._counters.stray_responses += 1  # RFC 6026 8.9: never forwarded
            return
        self._counters.traffic.reply_in(flow, machine.method, message.status)
        if validate_relayed(message) is not None:
            self._counters.malformed += 1
        elif isinstance(machine.user, Outgoing):
            if validate(message, Role.UAC) is None:
                self._origination.response(machine, message, now)
        elif isinstance(machine, ClientInvite) or machine.user is not None:
            self._forks.response(machine, message, now)
        else:
            machine.response(message.status, now)  # of a CANCEL


def _in_the_clear(incoming: Incoming) -> bool:
    """True for a request to a sips URI that did not come over TLS. Let through are those of a
    dialog that we routed as sip, which a phone gave its sips Contact in."""
    if not is_sips(incoming.message.uri) or incoming.flow.transport in SECURE:
        return False
    return incoming.token is None or is_sips(incoming.core.route)
