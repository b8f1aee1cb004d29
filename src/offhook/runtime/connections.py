"""The book of the open connections: who may come in, which one serves a destination, which ones are
silent (RFC 3261 18).
"""

from __future__ import annotations

import asyncio
import secrets

from offhook.engine.actions import Open
from offhook.runtime.complaints import Complaints
from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from offhook.runtime.network import Sink
from offhook.runtime.tcp import Stream
from offhook.transport.certificate_names import proves
from offhook.transport.flow import Address, Flow, Listener

__all__ = ["Connections", "server_name"]

LONGEST_SWEEP = 10.0  # seconds between looks for silent connections

Way = tuple[str, str, Address]  # profile, transport, far end


class Connections:
    """All connections of a network. A connection's id is unique over restarts: a random prefix and
    a counter.
    """

    def __init__(self, sink: Sink, limits: Limits, counters: Counters) -> None:
        self.sink = sink
        self.limits = limits
        self.counters = counters
        self._streams: dict[Flow, Stream] = {}
        self._ways: dict[Way, list[Stream]] = {}
        # connections by source address, those in their handshake included
        self._accepted: dict[str, int] = {}
        self._accepted_total = 0
        self._boot = secrets.token_hex(6)
        self._made = 0
        self.outgoing = 0  # how many of the open ones we made
        self._loop = asyncio.get_running_loop()
        self.complaints = Complaints(self._loop.time)
        self._sweep_every = min(
            limits.first_answer_deadline / 4,
            limits.idle_deadline / 4,
            limits.ping_interval / 4,
            LONGEST_SWEEP,
        )
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    def admit(self, host: str) -> bool:
        """Count a connection from `host`, unless a limit is reached."""
        count = self._accepted.get(host, 0)
        limits = self.limits
        if self._accepted_total >= limits.connections or count >= limits.connections_per_host:
            self.counters.connections_refused += 1
            return False
        self._accepted[host] = count + 1
        self._accepted_total += 1
        return True

    def release(self, host: str) -> None:
        """Give back what `admit` counted."""
        self._accepted_total -= 1
        count = self._accepted[host] - 1
        if count:
            self._accepted[host] = count
        else:
            del self._accepted[host]

    def stream(self) -> Stream:
        """A connection to be."""
        return Stream(self.sink, self.limits, self.counters)

    def enter(self, stream: Stream, listener: Listener, remote: Address) -> Flow:
        """Give an established connection its flow and remember it."""
        assert stream.transport is not None
        local: Address = stream.transport.get_extra_info("sockname")[:2]
        self._made += 1
        flow = Flow(listener, local, remote, f"{self._boot}{self._made:x}")
        flow.identities = stream.identities
        stream.flow = flow
        self.outgoing += not stream.host
        self._streams[flow] = stream
        self._ways.setdefault((flow.profile, flow.transport, remote), []).append(stream)
        if self._sweeper is None and self._emptied is None:
            self._sweeper = self._loop.call_later(self._sweep_every, self._sweep)
        return flow

    def leave(self, stream: Stream) -> None:
        """Forget a connection that has ended and tell the sink."""
        flow = stream.flow
        if flow is None:
            return
        stream.flow = None
        self.outgoing -= not stream.host
        del self._streams[flow]
        way = (flow.profile, flow.transport, flow.remote)
        streams = self._ways[way]
        streams.remove(stream)
        if not streams:
            del self._ways[way]
        self.sink.flow_lost(flow, stream.ended)
        self.sink.flush()
        if self._emptied is not None and not self._streams and not self._emptied.done():
            self._emptied.set_result(None)

    def of(self, flow: Flow) -> Stream | None:
        """The connection of a flow, None if it has ended."""
        return self._streams.get(flow)

    def serving(self, request: Open, shown: str = "") -> Flow | None:
        """An open connection to the same far end. Over TLS only if its certificate names
        `server_name`, and if the peer saw the certificate of ours that is called `shown`.
        """
        way = (request.profile, request.transport, request.destination)
        for stream in self._ways.get(way, ()):
            flow = stream.flow
            if flow is None or stream.closing or request.local not in ("", flow.local[0]):
                continue
            # RFC 5922 7.3 and RFC 5923 8.1: a reused connection is verified for this domain too
            if request.transport == "TLS" and not proves(stream.identities, server_name(request)):
                continue
            if not stream.host and stream.shown != shown:
                continue  # RFC 5923 9.3: what was opened for one domain does not serve another
            return flow
        return None

    def flows(self) -> list[Flow]:
        """The open connections that are not closing."""
        return [flow for flow, stream in self._streams.items() if not stream.closing]

    def streams(self) -> list[Stream]:
        """All connections, the closing ones too."""
        return list(self._streams.values())

    async def close(self) -> None:
        """End all connections, each after its queue has drained, and wait until they have: at most
        the close deadline.
        """
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for stream in self.streams():
            stream.close("stopped")
        if self._streams:
            self._emptied = self._loop.create_future()
            await asyncio.wait([self._emptied], timeout=self.limits.close_deadline + 1.0)

    def _sweep(self) -> None:
        now = self._loop.time()
        for stream in self.streams():
            why = "" if stream.closing else stream.overdue(now)
            if why:
                self.counters.silent_closed += 1
                stream.close(why)
        self._sweeper = (
            self._loop.call_later(self._sweep_every, self._sweep) if self._streams else None
        )


def server_name(request: Open) -> str:
    """What the certificate must prove; without a name the address itself."""
    return request.server_name or request.destination[0]
