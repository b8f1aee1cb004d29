"""The sans-IO engine: messages, flows and time in; actions and events out.

RFC 3261 16-18 as a proxy, registrar and user agent core share them. Nothing here waits, and no
input raises for what a peer sent. What a request means is the application's: the engine hands it
every new request, and relays by itself only what belongs to a dialog that it routed
(`dialog_routes`), CANCEL, ACK and retransmissions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.engine.acks import StatelessForward
from offhook.engine.actions import Action, Close
from offhook.engine.dialog_routes import DialogRoutes, learn_own
from offhook.engine.events import DestinationChanged, Event, FlowLost
from offhook.engine.flow_watch import FlowWatch
from offhook.engine.forks import Forks
from offhook.engine.identifiers import Identifiers
from offhook.engine.incoming import Incoming, OwnReply
from offhook.engine.keeper import Keeper
from offhook.engine.origination import Origination
from offhook.engine.outgoing import Outgoing
from offhook.engine.parts import Counters, Parts
from offhook.engine.receiver import Receiver
from offhook.engine.settings import EngineSettings
from offhook.engine.stateless import StatelessRelay
from offhook.engine.streams import Streams
from offhook.engine.upstream import Headers, UpstreamSide
from offhook.engine.ways import Ways
from offhook.errors import UsageError
from offhook.message.message import Message
from offhook.proxy.response_context import Fork
from offhook.proxy.target import ForkRequest, Outcome, Target
from offhook.transaction.owner import ClientTransaction
from offhook.transaction.table import Transactions
from offhook.transaction.timers import Timers
from offhook.transport.flow import Flow, Listener
from offhook.transport.next_hop import NextHop
from offhook.transport.records import Answer
from offhook.transport.standing import Standing

__all__ = ["Engine"]

Receive = Callable[[Flow, bytes, float], None]
ICMP_MEMORY = 2.0  # seconds: a port error names requests that are younger than this


class Engine:
    """One SIP engine. Not thread-safe: one thread feeds it."""

    def __init__(self, settings: EngineSettings) -> None:
        actions: list[Action] = []
        self._events: list[Event] = []
        self._keeper = keeper = Keeper()
        self._parts = parts = Parts(
            settings=settings,
            identifiers=Identifiers(settings),
            timers=Timers(settings.timing, slack=settings.timer_slack),
            transactions=Transactions(),
            actions=actions,
            events=self._events,
            ways=Ways(actions, Standing(self._destination_changed)),
            owner=keeper,
        )
        self._timers = parts.timers
        self._transactions = parts.transactions
        self._upstream = UpstreamSide(parts)
        self._forks = Forks(parts, self._upstream)
        self._routes = DialogRoutes(settings)
        self._streams = Streams(parts)
        self._watch = FlowWatch(parts)
        self._origination = Origination(parts)
        keeper.join(parts, self._upstream, self._forks)
        self._receiver = Receiver(
            parts,
            self._upstream,
            self._forks,
            routes=self._routes,
            streams=self._streams,
            watch=self._watch,
            origination=self._origination,
        )

        # the first input, bound once: a datagram, or the next octets of a connection
        self.receive: Receive = self._receiver.receive

    # inputs --------------------------------------------------------------------------------------

    def flow_accepted(self, flow: Flow, now: float) -> None:
        """A peer connected to us."""
        self._parts.ways.add(flow)
        learn_own(self._routes, flow)

    def flow_opened(self, ticket: int, flow: Flow, now: float) -> None:
        """The answer to `Open`."""
        learn_own(self._routes, flow)
        self._parts.ways.opened(ticket, flow, now)

    def open_failed(self, ticket: int, now: float) -> None:
        """The other answer to `Open`."""
        self._parts.ways.failed(ticket, now)

    def resolved(self, ticket: int, answers: Sequence[Answer], now: float) -> None:
        """The answer to `Resolve`: one for each question."""
        self._parts.ways.resolved(ticket, answers, now)

    def flow_lost(self, flow: Flow, reason: str, now: float) -> None:
        """A connection ended."""
        self._streams.lose(flow)
        self._watch.forget(flow)
        for machine in self._parts.ways.lose(flow):
            self._keeper.client_failed(machine, now)
        self._parts.events.append(FlowLost(flow, reason))

    def send_failed(self, flow: Flow, now: float) -> None:
        """A datagram to the remote address of `flow` was refused: what was just sent there has
        failed (RFC 3261 18.4). The flow itself stays until it is silent: the kernel also passes on
        errors that answer nothing of ours, and anybody can forge one."""
        failed: list[ClientTransaction] = []
        for machine in reversed(self._transactions.clients.values()):
            if machine.since < now - ICMP_MEMORY:
                break
            if machine.flow.remote == flow.remote and not machine.flow.reliable:
                failed.append(machine)
        for machine in failed:
            self._keeper.client_failed(machine, now)

    def advance(self, now: float) -> None:
        """Time has passed."""
        self._timers.advance(now)

    def next_deadline(self) -> float | None:
        """When `advance` is wanted next."""
        return self._timers.next_deadline()

    # outputs -------------------------------------------------------------------------------------
    @property
    def has_actions(self) -> bool:
        """True if `actions` has something."""
        return bool(self._parts.actions)

    @property
    def has_events(self) -> bool:
        """True if `events` has something."""
        return bool(self._parts.events)

    def actions(self) -> list[Action]:
        """What the driver has to do, in order; each once."""
        found = self._parts.actions[:]
        self._parts.actions.clear()
        return found

    def events(self) -> list[Event]:
        """What the application has to hear, in order; each once."""
        found = self._parts.events[:]
        self._parts.events.clear()
        return found

    # decisions -----------------------------------------------------------------------------------
    def accept(self, incoming: Incoming, now: float) -> None:
        """A decision will take time: from now on retransmissions are absorbed, and an INVITE gets
        its 100 when it is due."""
        self._upstream.accept(incoming, now)

    def trying(self, incoming: Incoming, now: float) -> None:
        """Send the 100 of an INVITE at once: a handler waits."""
        if incoming.invite and incoming.server is not None and not incoming.server.last:
            self._upstream.trying(incoming, now)

    def respond(
        self,
        incoming: Incoming,
        status: int,
        now: float,
        *,
        reason: str = "",
        headers: Headers = (),
        body: bytes = b"",
    ) -> bool:
        """Answer a request ourselves. False if a final response went up already. A refusal before
        `accept` or `fork` is stateless."""
        context = incoming.context
        if context is not None and status >= 200:
            if incoming.own_reply is None:
                incoming.own_reply = OwnReply(status, reason, tuple(headers), body)
            return context.answer(Outcome(status, reason), now)
        server = incoming.server
        if incoming.done or (server is not None and server.answered):
            return False
        if server is None and _final_as_server(incoming, status) and not self._claim(incoming, now):
            return False
        self._upstream.reply(incoming, status, reason, now, headers=headers, body=body)
        if status >= 200:
            incoming.release()
        return True

    def claim(self, incoming: Incoming, now: float) -> bool:
        """Take a request as its user agent server before anything waits; False for a merged copy
        of one that was taken, to be answered 482 (RFC 3261 8.2.2.2)."""
        self._upstream.accept(incoming, now)
        server = incoming.server
        return server is None or self._transactions.claim(server, incoming.core)

    def _claim(self, incoming: Incoming, now: float) -> bool:
        """We are the user agent server of this request: a merged copy of it gets 482 (RFC 3261
        8.2.2.2)."""
        self._upstream.accept(incoming, now, waits=False)
        server = incoming.server
        if server is None or self._transactions.claim(server, incoming.core):
            return True
        self._upstream.reply(incoming, 482, "Merged Request", now)
        return False

    def answer(self, incoming: Incoming, outcome: Outcome, now: float) -> bool:
        """Send the outcome of a fork upstream; held until no branch is pending. False if a final
        response went up already."""
        context = incoming.context
        return context is not None and context.answer(outcome, now)

    def fork(self, incoming: Incoming, request: ForkRequest, now: float) -> Fork:
        """Send a request on to targets (RFC 3261 16.6). The outcome comes as `Resolved`, or goes
        upstream by itself if it decides."""
        return self._forks.fork(incoming, request, now)

    def add_target(self, fork: Fork, target: Target, now: float) -> None:
        """A late branch joins a running fork."""
        fork.context.add(fork, target, now)

    def abandon(self, fork: Fork, now: float) -> None:
        """Nobody waits for this fork any more."""
        if fork.open:
            fork.context.abandon(fork, now)

    def forward_stateless(self, incoming: Incoming, target: Target, now: float) -> None:
        """Send an ACK on without a transaction (RFC 3261 16.11)."""
        StatelessForward(self._parts, incoming, target).start(now)

    def show_unmatched(self, methods: frozenset[str]) -> None:
        """From now on an ACK or CANCEL of no transaction comes as `RequestReceived`, if its method
        is named: to be relayed without state, or for a CANCEL to be answered 481."""
        self._receiver.unmatched = methods

    def relay_stateless(self, incoming: Incoming, target: Target, now: float) -> None:
        """Send a request on to one target without a transaction (RFC 3261 16.11). Raises UsageError
        if it has one already."""
        if incoming.server is not None or incoming.context is not None:
            raise UsageError("this request has a transaction: fork it")
        StatelessRelay(self._parts, incoming, target).start(now)

    def request(
        self,
        message: Message,
        profile: str,
        now: float,
        *,
        next_uri: str = "",
        flow: str = "",
        handle: object = None,
    ) -> Outgoing:
        """Send a request of our own: `message` without a Via, to `next_uri` or its Request-URI. The
        answers come as `Answered`.

        With the name of a `flow` it goes by that one alone; status 480 if that is gone. Raises
        UriError if the URI names no transport of ours.
        """
        outgoing = Outgoing(self._origination, message, profile, handle)
        if flow:
            self._origination.start_on(outgoing, flow, now)
        else:
            self._origination.start(outgoing, next_uri or message.uri, now)
        return outgoing

    def keep_open(self, profile: str, flow: str, now: float) -> None:
        """Send an empty line on the flow of that name, so that a NAT keeps its mapping. Nothing
        comes back."""
        self._origination.keep_open(profile, flow, now)

    def keep_flow(self, flow: Flow, patience: float, now: float) -> None:
        """Its phone has promised to send something more often than every `patience` seconds: give
        the flow up when it does not (RFC 5626 4.4). It is then reported by FlowLost."""
        self._watch.keep(flow, patience, now)

    def release_flow(self, flow: Flow) -> None:
        """It is not timed any more."""
        if self._watch.flows:
            self._watch.forget(flow)

    def close_idle(self, name: str) -> bool:
        """Close a connection that nothing waits for an answer on; True if it was open and idle."""
        flow = self._parts.ways.idle(name)
        if flow is None:
            return False
        self._parts.actions.append(Close(flow))
        return True

    def drain(self) -> None:
        """From now on new requests get 503; what runs goes on."""
        self._receiver.draining = True

    @property
    def draining(self) -> bool:
        """True once `drain` was asked for."""
        return self._receiver.draining

    # what is there -------------------------------------------------------------------------------
    @property
    def transactions(self) -> Transactions:
        """The transaction table, to look at."""
        return self._transactions

    @property
    def counters(self) -> Counters:
        """What happened since the start."""
        return self._parts.counters

    @property
    def unanswered(self) -> int:
        """Requests that have no final response yet."""
        return sum(not server.answered for server in self._transactions.servers.values())

    @property
    def pending(self) -> int:
        """Timers set and ways awaited: 0 when everything has ended but flows that are kept."""
        return len(self._timers) - self._watch.timers + self._parts.ways.waiting

    def destinations_in_trouble(self, now: float) -> int:
        """Servers that failed lately and are tried after all others."""
        return self._parts.ways.standing.count(now)

    def connections(self) -> Sequence[Flow]:
        """The open connections."""
        return self._parts.ways.connections()

    def flow_moved(self, old: str, new: str) -> None:
        """A phone that was reached by the datagram flow `old` is reached by `new` from now on; the
        same name twice: it is there."""
        self._parts.ways.moved.move(old, new)

    def flow_alive(self, name: str) -> bool:
        """False for the name of a connection that is gone."""
        return name.startswith("udp/") or self._parts.ways.named(name)

    def profile_of(self, flow: str) -> str:
        """The profile whose listener a flow of this name came by, "" if that is none of ours."""
        return self._parts.ways.profile_of(flow)

    def _destination_changed(self, hop: NextHop, what: str, seconds: float) -> None:
        self._events.append(DestinationChanged(hop, what, seconds))

    def own_address(self, host: str, port: int) -> bool:
        """True for a listener's host with its port."""
        return self._routes.is_own(host, port)

    def add_listener(self, listener: Listener) -> None:
        """A listener of ours, whose address is an alias of ours unless it is a wildcard."""
        self._parts.ways.add_listener(listener)
        for host in listener.advertised:
            self._routes.add_own(host, listener.port)
        if not listener.wildcard:
            self._routes.add_own(listener.host, listener.port)


def _final_as_server(incoming: Incoming, status: int) -> bool:
    """True for an answer that only the user agent server of a request gives, which may not serve a
    merged copy: a success, or the registrar's 500 to a CSeq that it has seen (RFC 3261 10.3)."""
    return status < 300 or (status == 500 and incoming.message.method == "REGISTER")
