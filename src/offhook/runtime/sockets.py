"""The real network: UDP, TCP, TLS and WebSocket, the system's name servers and clocks behind the
one seam (`network.Network`).

Answers that can be given at once come before `open` or `resolve` returns; the `flush` that belongs
to them follows in the next turn of the loop, so that a sink in the middle of its own flush is not
entered again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from offhook.engine.actions import Open
from offhook.errors import StartError, UsageError
from offhook.runtime.accept import Acceptor
from offhook.runtime.binding import LAST_PORT, bind_datagrams, bind_streams, checked
from offhook.runtime.connect import Connector
from offhook.runtime.connections import Connections
from offhook.runtime.counters import Counters, Gauges
from offhook.runtime.dns import DEADLINE, Resolver
from offhook.runtime.limits import Limits
from offhook.runtime.listener_choice import B, choose
from offhook.runtime.network import Sink
from offhook.runtime.origins import Origins
from offhook.runtime.reasons import reason
from offhook.runtime.route_probe import RouteProbe, canonical
from offhook.runtime.start_errors import listener_text
from offhook.runtime.tcp import Stream
from offhook.runtime.tls import Tls
from offhook.runtime.udp import (
    ConcreteSocket,
    DatagramFlow,
    DatagramSetting,
    DatagramSocket,
    WildcardSocket,
)
from offhook.transport.flow import RELIABLE, SECURE, WEBSOCKET, Flow, Listener
from offhook.transport.records import Answer, Question

__all__ = ["SocketNetwork"]


class SocketNetwork:
    """Implements `Network`. Make it on a running loop; one use: attach, listen, stop.

    `tls`: the certificates of TLS listeners and of what we connect to. `name_servers`: (address,
    port) of DNS servers, none = the system's; `dns_deadline`: seconds for one question.
    `share_port`: several processes listen on one port (SO_REUSEPORT). `origins`: the web
    pages that may connect, none by default.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        tls: Tls | None = None,
        name_servers: Sequence[tuple[str, int]] = (),
        dns_deadline: float = DEADLINE,
        share_port: bool = False,
        origins: Origins | None = None,
    ) -> None:
        self.counters = Counters()
        self._limits = limits or Limits()
        self._tls = tls or Tls()
        self._resolver = Resolver(
            counters=self.counters, name_servers=name_servers, deadline=dns_deadline
        )
        self._share_port = share_port
        self._origins = origins or Origins()
        self._loop = asyncio.get_running_loop()
        self._sink: Sink | None = None
        self._connections: Connections | None = None
        self._connector: Connector | None = None
        self._datagrams: list[DatagramSocket] = []
        self._acceptors: list[Acceptor] = []
        self._flush_due = False
        self._routes = RouteProbe(self._limits.route_memory)
        self._setting = DatagramSetting(self._limits, self.counters, self._routes)

    def now(self) -> float:
        """Monotonic seconds."""
        return self._loop.time()

    def unix(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def attach(self, sink: Sink) -> None:
        """Name the receiver of everything that follows; once, before `listen`."""
        self._sink = sink
        self._connections = Connections(sink, self._limits, self.counters)
        self._connector = Connector(self._connections, self._tls)

    async def listen(self, listener: Listener) -> Listener:
        """Bind; returns the listener with its real port. Raises StartError with one actionable
        line.
        """
        listener = checked(listener)
        if listener.transport == "UDP":
            return self._listen_datagrams(listener)
        if listener.transport not in RELIABLE:
            raise StartError(
                f"{listener_text(listener)}: not available - use udp, tcp, tls, ws or wss"
            )
        if listener.transport in SECURE and self._tls.server(listener.profile) is None:
            raise StartError(
                f"{listener_text(listener)}: no certificate - set certificate and key in [tls]"
            )
        return self._listen_streams(listener)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send now or queue; a full queue of a slow stream peer closes that stream alone."""
        if isinstance(flow, DatagramFlow):
            flow.socket.send(flow, data)
        elif self._connections is not None and (stream := self._connections.of(flow)) is not None:
            stream.send(data)

    def open(self, request: Open) -> None:
        """Answered through the sink, possibly before this returns."""
        sink, _, connector = self._attached()
        self._flush_soon()
        port = request.destination[1]
        if not 1 <= port <= LAST_PORT:
            sink.open_failed(request.ticket, f"port {port} is not in 1..{LAST_PORT}")
            return
        try:
            if request.transport == "UDP":
                sink.flow_opened(request.ticket, self._datagram_flow(request))
                return
            if request.transport in WEBSOCKET:  # RFC 7118 5: browsers are clients only
                sink.open_failed(request.ticket, "WebSocket peers connect to us")
                return
            local = request.local and canonical(request.local)
            destination = (canonical(request.destination[0]), port)
            target = replace(request, destination=destination, local=local)
            connector.open(target, self._listener_for(target))
        except OSError as error:
            sink.open_failed(request.ticket, reason(error))

    def close(self, flow: Flow) -> None:
        """Close a connection after its queue has drained, bounded by a deadline."""
        stream = self._connections.of(flow) if self._connections is not None else None
        if stream is not None:
            stream.close("closed")

    def resolve(self, ticket: int, questions: Sequence[Question]) -> None:
        """Look-ups with deadline and cache, answered through the sink when all are."""
        sink, _, _ = self._attached()

        def answer(answers: Sequence[Answer]) -> None:
            sink.resolved(ticket, answers)
            self._flush_soon()

        self._resolver.resolve(questions, answer)

    def connections(self) -> Sequence[Flow]:
        """The open connections."""
        return self._connections.flows() if self._connections is not None else []

    def gauges(self) -> Gauges:
        """What there is at the moment; a system call for each UDP socket."""
        memory = [each.memory() for each in self._datagrams]
        return Gauges(
            datagram_bytes_waiting=sum(waiting for waiting, _ in memory),
            datagrams_lost=sum(lost for _, lost in memory),
            names_remembered=self._resolver.remembered,
            lookups_waiting=self._resolver.waiting,
        )

    async def stop(self) -> None:
        """Close every socket: connections after what is queued on them has left, bounded by the
        close deadline.
        """
        for datagrams in self._datagrams:
            datagrams.close()
        for acceptor in self._acceptors:
            await acceptor.close()
        await self._resolver.close()
        if self._connector is not None:
            await self._connector.close()
        if self._connections is not None:
            await self._connections.close()
        self._acceptors.clear()
        self._datagrams.clear()

    def _attached(self) -> tuple[Sink, Connections, Connector]:
        if self._sink is None or self._connections is None or self._connector is None:
            raise UsageError("attach a sink before using the network")
        return self._sink, self._connections, self._connector

    def _listen_datagrams(self, listener: Listener) -> Listener:
        sink, _, _ = self._attached()
        bound = bind_datagrams(listener, self._limits, share_port=self._share_port)
        listener = replace(listener, port=bound.getsockname()[1])
        kind = WildcardSocket if listener.wildcard else ConcreteSocket
        self._datagrams.append(kind(bound, listener, sink, setting=self._setting))
        return listener

    def _listen_streams(self, listener: Listener) -> Listener:
        _, connections, _ = self._attached()
        bound = bind_streams(listener, self._limits, share_port=self._share_port)
        listener = replace(listener, port=bound.getsockname()[1])
        tls = self._tls if listener.transport in SECURE else None
        make = self._web_streams() if listener.transport in WEBSOCKET else None
        self._acceptors.append(Acceptor(bound, listener, connections, tls=tls, make=make))
        return listener

    def _web_streams(self) -> Callable[[], Stream]:
        from offhook.runtime.websocket import WebSocketStream  # noqa: PLC0415 - 60 ms, which most need not pay

        sink, connections, _ = self._attached()
        return lambda: WebSocketStream(
            sink,
            self._limits,
            self.counters,
            origins=self._origins,
            complaints=connections.complaints,
        )

    def _datagram_flow(self, request: Open) -> Flow:
        host = request.destination[0]
        candidates = _matching(self._datagrams, request)
        chosen = choose(candidates, request.local, lambda: self._routes.local_address(host))
        if chosen is None:
            raise OSError(_nothing_there(request, found=bool(candidates)))
        return chosen.flow_to(request.destination, request.local)

    def _listener_for(self, request: Open) -> Listener:
        """What Via shows on a connection of ours: the profile's listener, else the connection's own
        address.
        """
        host = request.destination[0]
        candidates = _matching(self._acceptors, request)
        chosen = choose(candidates, request.local, lambda: self._routes.local_address(host))
        if chosen is not None:
            return chosen.listener
        # all listeners of a profile show the same
        bound: list[DatagramSocket | Acceptor] = [*self._acceptors, *self._datagrams]
        for entry in bound:
            if entry.listener.profile == request.profile:
                return replace(entry.listener, transport=request.transport, host="", port=0)
        return Listener(request.profile, request.transport, host="", port=0)

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._sink is not None:
            self._sink.flush()


def _matching(bound: Sequence[B], request: Open) -> list[B]:
    """The sockets of the wanted profile, transport and IP version."""
    ipv6 = ":" in request.destination[0]
    return [
        entry
        for entry in bound
        if (listener := entry.listener).profile == request.profile
        and listener.transport == request.transport
        and listener.ipv6 == ipv6
    ]


def _nothing_there(request: Open, *, found: bool) -> str:
    if found:
        return f"profile {request.profile} has no {request.transport} listener on {request.local}"
    version = "IPv6" if ":" in request.destination[0] else "IPv4"
    return f"profile {request.profile} has no {request.transport} listener for {version}"
