"""The client side of forks: what `proxy.branch` asks for, done with flows, client transactions and
bytes."""

from __future__ import annotations

from collections.abc import Callable

from offhook.engine.events import FlowFailed
from offhook.engine.identities import hiding
from offhook.engine.incoming import Incoming
from offhook.engine.large import LARGEST_DATAGRAM, StreamPeers, Upgrade
from offhook.engine.parts import Parts
from offhook.engine.settings import EngineSettings
from offhook.engine.upstream import UpstreamSide
from offhook.errors import OffhookError, PeerError
from offhook.message.grammar import split_commas
from offhook.message.message import Message
from offhook.message.parse import parse
from offhook.proxy.branch import SILENCE, Branch
from offhook.proxy.forwarding import RECORD_ROUTED, Forward, forward, record_routes
from offhook.proxy.hop_by_hop import make_ack, make_cancel
from offhook.proxy.path_token import path_value
from offhook.proxy.route_token import End
from offhook.proxy.target import Target
from offhook.transaction.client_invite import ClientInvite
from offhook.transaction.client_non_invite import ClientNonInvite
from offhook.transaction.owner import ClientTransaction
from offhook.transport.flow import Flow
from offhook.transport.next_hop import NextHop, next_hop_of
from offhook.transport.private import behind_translation
from offhook.transport.route_set import bare_uri, is_relayed, split_route_uri
from offhook.transport.secure import downgraded, is_sips, keeps_promise

__all__ = ["DownstreamSide", "new_path", "new_routes"]


class DownstreamSide:
    """Implements `proxy.branch.Downstream` for all contexts of an engine."""

    def __init__(self, parts: Parts, upstream: UpstreamSide) -> None:
        self._parts = parts
        self._upstream = upstream
        self.standing = parts.ways.standing
        self._stream_peers = StreamPeers()

    # ways (Downstream) ---------------------------------------------------------------------------
    def find_flow(self, branch: Branch, name: str, now: float) -> bool:
        """Look for a flow by name."""
        return self._parts.ways.find(branch, self._profile(branch), name, now)

    def open(self, branch: Branch, hop: NextHop, now: float) -> None:
        """Find a flow to a literal address."""
        guarded = self._parts.settings.guarded
        if guarded is not None and _lends_gateway(guarded, branch, hop):
            branch.end(403, None, now)
            return
        if branch.tries:
            self._parts.counters.failovers += 1
        local = branch.target.local
        self._parts.ways.reach(branch, self._profile(branch), hop, now, local=local)

    def resolve(self, branch: Branch, hop: NextHop, now: float) -> None:
        """Find out what a name leads to."""
        draw = self._parts.identifiers.draws(_incoming(branch).core.call_id, hop.host)
        self._parts.ways.look_up(branch, self._profile(branch), hop, draw)

    def start_timer(self, branch: Branch, delay: float, letter: int, now: float) -> None:
        """Wake the branch later."""
        self._parts.timers.start(delay, now, branch, letter)

    def _profile(self, branch: Branch) -> str:
        target = branch.target
        if target.profile:
            return target.profile
        home = self._parts.ways.profile_of(target.origin) if target.origin else ""
        return home or _incoming(branch).flow.profile

    # sending (Downstream) ------------------------------------------------------------------------
    def send(self, branch: Branch, flow: Flow, now: float, *, by_stream: bool = True) -> None:
        """One try: the request of the branch in a new client transaction. `by_stream`: False if it
        goes over UDP whatever its size."""
        parts = self._parts
        incoming = _incoming(branch)
        name = parts.identifiers.branch(incoming.loop_hash)
        machine: ClientTransaction
        try:
            data = self._data(incoming, branch, flow, name)
        except OffhookError as error:  # an edit of the program failed, or broke the message
            branch.end(error.status if isinstance(error, PeerError) else 500, None, now)
            return
        uri = incoming.message.uri
        if not keeps_promise(uri, flow, data):
            if downgraded(uri, data):
                branch.end(480, None, now)  # RFC 5630 5.3
            else:
                branch.way_failed(480, now)
            return
        if len(data) > LARGEST_DATAGRAM and not flow.reliable:
            if by_stream and self._may_use_stream(incoming, branch, flow, now):
                self._upgrade(branch, flow, now)
                return
            parts.counters.large_datagrams += 1
        if incoming.invite:
            machine = ClientInvite(name, flow, data, parts.timers, parts.owner, now)
            branch.start_timer_c(now)
        else:
            machine = ClientNonInvite(name, flow, data, parts.timers, parts.owner, now)
        machine.user = branch
        branch.transaction = machine
        parts.transactions.add_client(machine)
        parts.ways.use(machine)
        machine.start(now)

    def _may_use_stream(self, incoming: Incoming, branch: Branch, flow: Flow, now: float) -> bool:
        """RFC 3261 18.1.1, where the transport is ours to choose: no flow, no contact, no Path, and
        a URI that names none."""
        target = branch.target
        if target.flow or target.origin or target.path:
            return False
        if incoming.core.to_tag and not incoming.next_route:
            return False  # the remote target of a dialog is a contact too
        if next_hop_of(branch.next_uri()).fixed:
            return False
        ours = "TCP" in self._parts.ways.transports(flow.profile)
        return ours and not self._stream_peers.refuses(flow.remote, now)

    def _upgrade(self, branch: Branch, datagram: Flow, now: float) -> None:
        def deliver(flow: Flow, now: float) -> None:
            if branch.unwanted and not branch.ended:
                branch.end(487, None, now)  # cancelled before anything was sent
            elif not branch.ended:
                branch.datagram = datagram if flow is not datagram else None
                self.send(branch, flow, now, by_stream=False)

        branch.transaction = None
        Upgrade(self._parts, self._stream_peers, datagram, deliver).start(now)

    def _data(self, incoming: Incoming, branch: Branch, flow: Flow, name: str) -> bytes:
        if branch.request is not None:
            return _with_branch(branch.request, flow.via + name)
        return self._request(incoming, branch, flow, name)

    def _request(self, incoming: Incoming, branch: Branch, flow: Flow, name: str) -> bytes:
        message = incoming.message
        edit = branch.fork.request.branch
        if "privacy" in message.index:
            edit = hiding(message, flow, self._parts.settings.guarded, edit)
        shared = Forward(
            message,
            incoming.core.max_forwards,
            incoming.drop_routes,
            incoming.next_route,
            edit,
            branch.breadth,
        )
        routes: list[str] = []
        if not incoming.core.to_tag and message.method in RECORD_ROUTED:
            routes = new_routes(self._parts.settings, incoming, branch.target, flow)
        path = (
            new_path(self._parts.settings, incoming, flow) if message.method == "REGISTER" else ""
        )
        return forward(shared, branch.target, flow.via + name, routes, path=path)

    def send_cancel(self, branch: Branch, reason: str, now: float) -> None:
        """CANCEL the current try."""
        machine = branch.transaction
        if isinstance(machine, ClientInvite):
            self._cancel(machine, reason, now)

    def _cancel(self, machine: ClientInvite, reason: str, now: float) -> None:
        parts = self._parts
        if not machine.data or machine.branch in parts.transactions.cancels:
            return  # it has its final response, or is being cancelled
        data = make_cancel(parse(machine.data), reason)
        cancel = ClientNonInvite(machine.branch, machine.flow, data, parts.timers, parts.owner, now)
        parts.transactions.add_client(cancel)
        parts.ways.use(cancel)
        cancel.start(now)
        parts.timers.start(SILENCE, now, _Patience(machine), 0)

    def abandon(self, branch: Branch, now: float) -> None:
        """The try goes on by itself until timer B; only its late 2xx counts."""
        branch.transaction = None

    # what comes back -----------------------------------------------------------------------------
    def response(self, machine: ClientTransaction, message: Message, now: float) -> None:
        """A response of a try of some branch; the ACK of a refusal is sent here."""
        status = message.status
        if status >= 300 and isinstance(machine, ClientInvite) and not machine.ack and machine.data:
            machine.ack = make_ack(parse(machine.data), message)
        sent = machine.data
        branch = machine.user
        if not machine.response(status, now):
            return
        if not isinstance(branch, Branch):
            if isinstance(branch, Incoming) and 200 <= status < 300:
                self._upstream.relay(branch, message, now)  # a late 2xx: all else is settled
            return  # or the answer to a CANCEL of ours
        current = branch.transaction is machine
        if current and branch.hop is not None and status != 503:
            self.standing.heard(branch.hop)
        if status < 200:
            if current:
                branch.fork.provisional(branch, message, now)
            elif isinstance(machine, ClientInvite):
                self._cancel(machine, "", now)  # an abandoned try that rings after all
        elif status < 300:
            if not current:
                branch.drop("", now)
            branch.fork.final(branch, message, now)
        elif current and not self._answer_challenge(branch, sent, message, now):
            if status == 503 and branch.overloaded(message, now):
                return
            if status == 430 and branch.target.aor and branch.target.path:
                self._parts.events.append(FlowFailed(branch.target))
            branch.fork.final(branch, message, now)

    def _answer_challenge(self, branch: Branch, sent: bytes, message: Message, now: float) -> bool:
        authorize = branch.target.authorize
        machine = branch.transaction
        if authorize is None or branch.authorized or branch.unwanted or not sent:
            return False
        if message.status not in (401, 407) or not isinstance(machine, ClientTransaction):
            return False
        again = authorize(parse(sent), message)
        if again is None:
            return False
        branch.authorized = True
        branch.request = again
        branch.flow_ready(machine.flow, now)
        return True

    def timed_out(self, branch: Branch, machine: ClientTransaction, now: float) -> None:
        """Timer B or F of a try."""
        if branch.transaction is machine:
            branch.timed_out(now)

    def send_failed(self, branch: Branch, now: float) -> None:
        """The flow of the current try refused it or is gone (RFC 3261 16.9)."""
        datagram, branch.datagram = branch.datagram, None
        if datagram is not None and branch.status < 100 and not branch.unwanted:
            # RFC 3261 18.1.1: chosen for its size alone, so UDP after all
            self._stream_peers.note(datagram.remote, takes=False, now=now)
            self.send(branch, datagram, now, by_stream=False)
            return
        branch.status = 0
        target = branch.target
        branch.way_failed(target.gone if target.by_flow else 503, now)


class _Patience:
    """Forgets an INVITE that was cancelled and has no final response 64*T1 later."""

    __slots__ = ("_machine",)

    def __init__(self, machine: ClientInvite) -> None:
        self._machine = machine

    def fire(self, _letter: int, now: float) -> None:
        """RFC 3261 9.1: the transaction is considered cancelled and destroyed."""
        if not self._machine.answered:
            self._machine.abandon(now)


def _incoming(branch: Branch) -> Incoming:
    incoming = branch.fork.request_handle
    assert isinstance(incoming, Incoming)  # the engine puts nothing else there
    return incoming


def _lends_gateway(guarded: Callable[[str, int], bool], branch: Branch, hop: NextHop) -> bool:
    """True if a request for a registered phone, by a Path of ours, or of a dialog that is with
    nobody there, would go to a guarded host, because of a name or of a Route of the caller's: none
    of them may call at its owner's expense."""
    if branch.hops is None and not branch.fork.next_route:
        return False  # addresses were looked at when a Contact was registered, a request came
    incoming, target = _incoming(branch), branch.target
    token = incoming.token
    phone = incoming.edge is not None or (target.aor and not target.path)
    if not phone and (token is None or token.trunk):
        return False
    return guarded(hop.host, hop.port) or guarded(hop.server_name, hop.port)


def _with_branch(request: Message, via: str) -> bytes:
    """The request again with another branch in our Via, which is the topmost."""
    again = request.copy()
    rest = (again.get("via") or "").partition(",")[2].strip()
    vias = [via, *([rest] if rest else []), *again.get_all("via")[1:]]
    again.remove("via")
    for value in reversed(vias):
        again.insert("via", value)
    return again.to_bytes()


def new_path(settings: EngineSettings, incoming: Incoming, outside: Flow) -> str:
    """We stay in the way to a phone whose REGISTER we pass on (RFC 3327 5.2, RFC 5626 5.1)."""
    message = incoming.message
    behind = bare_uri(next(iter(split_commas(message.get("path") or "")), ""))
    vias = message.get_all("via")
    first_hop = len(vias) == 1 and "," not in vias[0]
    return path_value(
        incoming.flow,
        outside,
        behind=behind,
        first_hop=first_hop,
        key=settings.key,
        secure=is_sips(message.uri),
    )


def new_routes(
    settings: EngineSettings,
    incoming: Incoming,
    target: Target,
    flow: Flow,
    *,
    stateless: bool = False,
) -> list[str]:
    """The Record-Route values of a request that makes a dialog and leaves by `flow`."""
    guarded = settings.guarded
    first = bare_uri(target.path[0]) if target.path else incoming.next_route
    return record_routes(
        incoming.message,
        incoming.flow,
        flow,
        ends=(caller_end(incoming), callee_end(target, flow)),
        key=settings.key,
        trunk=guarded is not None and is_trunk(guarded, incoming.flow, flow, target.uri),
        stateless=stateless,
        secure=is_sips(target.uri) or (first != "" and is_sips(first)),
    )


def is_trunk(guarded: Callable[[str, int], bool], inside: Flow, outside: Flow, uri: str) -> bool:
    """True if one end of this branch is a guarded host."""
    parts = split_route_uri(uri.partition("?")[0])
    name = parts.host if parts is not None else ""
    ends = (inside.remote[0], outside.remote[0], name, *inside.identities, *outside.identities)
    return any(guarded(end, 0) for end in dict.fromkeys(ends))  # mostly one is there twice


def caller_end(incoming: Incoming) -> End:
    """How the caller is reached later: by its connection, or by its source if its Contact, or the
    proxy in front of it, does not lead back. What another proxy wrote is left alone otherwise."""
    flow, message = incoming.flow, incoming.message
    if flow.reliable or behind_translation(
        incoming.core, flow, lambda: _host_back(message), relayed=is_relayed(message)
    ):
        return End(flow.profile, flow.name)
    return End(flow.profile)


def callee_end(target: Target, flow: Flow) -> End:
    """How the callee is reached later."""
    if flow.reliable or target.flow:
        return End(flow.profile, flow.name)
    return End(flow.profile)


def _host_back(message: Message) -> str:
    """The host that requests to the sender go to: of the topmost Record-Route, or of the
    Contact."""
    value = message.get("record-route") or message.get("contact")
    if value is None:
        return ""
    try:
        parts = split_route_uri(bare_uri(value))
    except PeerError:
        return ""
    return parts.host if parts is not None else ""
