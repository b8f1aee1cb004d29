"""One virtual host on a `Wire`: what `runtime.network.Network` asks for, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from offhook.engine.actions import Open
from offhook.errors import StartError, UsageError
from offhook.runtime.counters import Counters, Gauges
from offhook.runtime.network import Sink
from offhook.testing.stream import End, Stream
from offhook.testing.wire import EPOCH, Station, Wire
from offhook.transport.flow import RELIABLE, SECURE, WEBSOCKET, Address, Flow, Listener
from offhook.transport.records import Question

__all__ = ["VirtualNetwork"]

CONNECT_DEADLINE = 4.0  # seconds: as the real network's default
FIRST_PORT = 40_000  # ephemeral ports begin here
LAST_PORT = 65_535
LONGEST_DATAGRAM = 65_507  # octets of UDP over IPv4
HANDSHAKE = {"TLS": 2, "WS": 2, "WSS": 4}  # hops beyond those of TCP


class VirtualNetwork:
    """Implements `Network`. The first address is the one that is sent from when a listener is a
    wildcard; `realm` names the NAT box in front, `certificate` the names that a TLS listener
    proves (none: every name is good) and that it shows where it connects. Only a `browser` connects
    by WebSocket."""

    def __init__(
        self,
        wire: Wire,
        *addresses: str,
        realm: str = "",
        certificate: Sequence[str] = (),
        browser: bool = False,
    ) -> None:
        self.counters = Counters()
        self.wire = wire
        self.addresses = addresses
        self.realm = realm
        self.certificate = certificate
        self.browser = browser
        self._sink: Sink | None = None
        self._listeners: list[Listener] = []
        self._datagram: dict[tuple[Listener, Address, Address], Flow] = {}
        self._ends: dict[str, End] = {}  # open connections by flow name
        self._next_port = FIRST_PORT
        self._flush_due = False
        for address in addresses:
            wire.attach(realm, address, self)

    # Network --------------------------------------------------------------------------------------
    def now(self) -> float:
        """Virtual seconds."""
        return self.wire.loop.time()

    def unix(self) -> float:
        """Virtual seconds since 1970."""
        return EPOCH + self.wire.loop.time()

    def gauges(self) -> Gauges:
        """Nothing waits here."""
        return Gauges()

    def attach(self, sink: Sink) -> None:
        """Name the receiver of everything that follows."""
        self._sink = sink

    async def listen(self, listener: Listener) -> Listener:
        """Bind. Raises StartError for an address of another host or a port in use."""
        if not listener.wildcard and listener.host not in self.addresses:
            raise StartError(f"{listener.host} is not an address of this host")
        bound = replace(listener, port=listener.port or self._free_port())
        stream = bound.transport in RELIABLE
        taken = [each for each in self._listeners if (each.transport in RELIABLE) == stream]
        if any(_overlap(each, bound) for each in taken):
            raise StartError(f"{bound.host}:{bound.port} is in use")
        self._listeners.append(bound)
        return bound

    def send(self, flow: Flow, data: bytes) -> None:
        """Send now."""
        if flow.connection:
            end = self._ends.get(flow.name)
            if end is not None:
                self.counters.stream_bytes_out += len(data)
                end.send(data)
        elif flow.listener in self._listeners and len(data) <= LONGEST_DATAGRAM:
            self.counters.datagrams_out += 1
            self.counters.datagram_bytes_out += len(data)
            self.wire.send(self.realm, flow.local, flow.remote, data)

    def open(self, request: Open) -> None:
        """Answered at once over UDP, after a round trip or a deadline over streams."""
        sink = self._attached()
        self._flush_soon()
        port = request.destination[1]
        if not 1 <= port <= LAST_PORT:
            sink.open_failed(request.ticket, f"port {port} is not in 1..{LAST_PORT}")
        elif request.transport == "UDP":
            self._open_datagram(sink, request)
        elif request.transport in WEBSOCKET and not self.browser:
            sink.open_failed(request.ticket, "WebSocket peers connect to us")
        else:
            self._connect(request)

    def close(self, flow: Flow) -> None:
        """Close a connection."""
        end = self._ends.get(flow.name)
        if end is not None:
            self.wire.loop.call_soon(end.close, "closed")

    def resolve(self, ticket: int, questions: Sequence[Question]) -> None:
        """Look into the names of the wire."""
        delay = self.wire.answer_delay(questions)
        self.wire.loop.call_later(delay, self._resolved, ticket, questions)

    def connections(self) -> Sequence[Flow]:
        """The open connections."""
        return [end.flow for end in self._ends.values() if end.flow is not None]

    async def stop(self) -> None:
        """Close everything and leave the wire."""
        for end in list(self._ends.values()):
            end.close("stopped")
        self._listeners.clear()
        for address in self.addresses:
            self.wire.detach(self.realm, address)

    # Station --------------------------------------------------------------------------------------
    def datagram(self, destination: Address, source: Address, data: bytes) -> bool:
        """A datagram arrived."""
        listener = self._listener_at("UDP", destination)
        if listener is None:
            return False
        sink = self._attached()
        self.counters.datagrams_in += 1
        self.counters.datagram_bytes_in += len(data)
        sink.receive(self._flow(listener, destination, source), data)
        sink.flush()
        return True

    def unreachable(self, source: Address, destination: Address) -> None:
        """ICMP."""
        listener = self._listener_at("UDP", source)
        if listener is not None:
            sink = self._attached()
            sink.send_failed(self._flow(listener, source, destination))
            sink.flush()

    def listens(self, transport: str, destination: Address) -> bool:
        """False if a connection to this port is refused."""
        return self._listener_at(transport, destination) is not None

    def certifies(self, name: str) -> bool:
        """True if the certificate names this host."""
        return not name or not self.certificate or name in self.certificate

    def accept(self, stream: Stream) -> None:
        """The connection is open, after the TLS handshake if there is one."""
        listener = self._listener_at(stream.transport, stream.destination)
        if listener is None:
            return
        flow = Flow(listener, stream.destination, stream.seen, f"c{stream.number}")
        flow.identities = stream.shown
        self._begin(stream.far, flow)
        sink = self._attached()
        self.counters.connections_accepted += 1
        sink.flow_accepted(flow)
        sink.flush()

    # StreamUser -----------------------------------------------------------------------------------
    def stream_received(self, flow: Flow, data: bytes) -> None:
        """The next octets of a connection."""
        sink = self._attached()
        self.counters.stream_bytes_in += len(data)
        sink.receive(flow, data)
        sink.flush()

    def stream_lost(self, flow: Flow, reason: str) -> None:
        """A connection has ended."""
        self._ends.pop(flow.name, None)
        sink = self._attached()
        sink.flow_lost(flow, reason)
        sink.flush()

    # inside ---------------------------------------------------------------------------------------
    def _open_datagram(self, sink: Sink, request: Open) -> None:
        listener = self._listener_for(request)
        if listener is None:
            sink.open_failed(request.ticket, f"profile {request.profile} has no UDP listener")
            return
        host = request.local or (self._own(request) if listener.wildcard else listener.host)
        flow = self._flow(listener, (host, listener.port), request.destination)
        sink.flow_opened(request.ticket, flow)

    def _connect(self, request: Open) -> None:
        """Hops to an open connection and its handshakes, each with the delay of its link."""
        source = (request.local or self._own(request), self._free_port())
        stream = self.wire.connect(self.realm, request.transport, source, request.destination)
        if request.transport == "TLS":
            stream.shown = frozenset(self.certificate)
        _Attempt(self, request, stream).start()

    def opened(self, request: Open, stream: Stream) -> None:
        """A connection of ours is open."""
        host, port = stream.source
        listener = self._listener_for(request) or Listener(
            request.profile, request.transport, host, port
        )
        flow = Flow(listener, stream.source, request.destination, f"c{stream.number}")
        if request.transport == "TLS" and request.server_name:
            flow.identities = frozenset({request.server_name})  # the handshake has shown it
        self._begin(stream.near, flow)
        sink = self._attached()
        self.counters.connections_opened += 1
        sink.flow_opened(request.ticket, flow)
        sink.flush()

    def failed(self, request: Open, reason: str) -> None:
        """A connection of ours cannot be made."""
        sink = self._attached()
        self.counters.connects_failed += 1
        sink.open_failed(request.ticket, reason)
        sink.flush()

    def _begin(self, end: End, flow: Flow) -> None:
        end.begin(self, flow)
        self._ends[flow.name] = end

    def _resolved(self, ticket: int, questions: Sequence[Question]) -> None:
        sink = self._attached()
        sink.resolved(ticket, [self.wire.answer(question) for question in questions])
        sink.flush()

    def _flow(self, listener: Listener, local: Address, remote: Address) -> Flow:
        key = (listener, local, remote)
        flow = self._datagram.get(key)
        if flow is None:
            flow = self._datagram[key] = Flow(listener, local, remote)
        return flow

    def _listener_at(self, transport: str, address: Address) -> Listener | None:
        host, port = address
        for listener in self._listeners:
            if listener.transport != transport or listener.port != port:
                continue
            if listener.wildcard or listener.host == host:
                return listener
        return None

    def _listener_for(self, request: Open) -> Listener | None:
        """A listener of the profile that can send to the destination."""
        ipv6 = ":" in request.destination[0]
        for listener in self._listeners:
            if (listener.profile, listener.transport) != (request.profile, request.transport):
                continue
            fits = not request.local or listener.wildcard or listener.host == request.local
            if fits and listener.ipv6 == ipv6:
                return listener
        return None

    def _own(self, request: Open) -> str:
        """The address of ours that a destination sees."""
        ipv6 = ":" in request.destination[0]
        return next((host for host in self.addresses if (":" in host) == ipv6), "")

    def _free_port(self) -> int:
        self._next_port += 1
        return self._next_port

    def _attached(self) -> Sink:
        if self._sink is None:
            raise UsageError("attach a sink before using the network")
        return self._sink

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self.wire.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        self._attached().flush()


def _overlap(one: Listener, other: Listener) -> bool:
    same = one.wildcard or other.wildcard or one.host == other.host
    return same and one.port == other.port


class _Attempt:
    """A connection being made: there and back, once more for each handshake, or a deadline."""

    def __init__(self, network: VirtualNetwork, request: Open, stream: Stream) -> None:
        self._network = network
        self._request = request
        self._stream = stream
        self._deadline: asyncio.TimerHandle | None = None
        self._left = HANDSHAKE.get(stream.transport, 0)

    def start(self) -> None:
        """Send the first segment."""
        loop = self._network.wire.loop
        self._deadline = loop.call_later(CONNECT_DEADLINE, self._end, "timed out")
        self._later(self._arrive)

    def _later(self, step: Callable[[Station], None], station: Station | None = None) -> None:
        wire = self._network.wire
        if station is None:
            wire.loop.call_later(wire.segment_delay(self._stream), self._find, step)
        else:
            wire.loop.call_later(wire.segment_delay(self._stream), step, station)

    def _find(self, step: Callable[[Station], None]) -> None:
        station = self._network.wire.station_of(self._stream, self._network.realm)
        if station is not None:
            step(station)

    def _arrive(self, station: Station) -> None:
        if not station.listens(self._stream.transport, self._stream.destination):
            self._later(self._refused, station)
        else:
            self._shake(station)

    def _refused(self, _station: Station) -> None:
        self._end("refused")

    def _shake(self, station: Station) -> None:
        transport = self._stream.transport
        if not self._left:
            self._establish(station)
        elif transport in SECURE and not station.certifies(self._request.server_name):
            self._end("the certificate names another host")
        else:
            self._left -= 1
            self._later(self._shake, station)

    def _establish(self, station: Station) -> None:
        """The far end is open now, the near one a delay later."""
        if self._deadline is None:
            return
        wire = self._network.wire
        opened = wire.loop.time() + wire.segment_delay(self._stream)
        self._stream.near.hold(opened)
        self._deadline.cancel()
        self._deadline = None
        wire.loop.call_at(opened, self._network.opened, self._request, self._stream)
        station.accept(self._stream)

    def _end(self, reason: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._network.failed(self._request, reason)
