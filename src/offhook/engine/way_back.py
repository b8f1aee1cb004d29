"""The way of a response whose connection is gone: a new one to where the request came from, then to
what its sent-by names (RFC 3261 18.2.2, RFC 3263 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from offhook.engine.actions import Open, Send
from offhook.engine.parts import Parts
from offhook.transport.flow import Flow
from offhook.transport.hops import Hops
from offhook.transport.next_hop import NextHop, Search, is_literal, service_of
from offhook.transport.private import is_private
from offhook.transport.via import default_port

__all__ = ["WayBack", "sent_by"]

_SENT_BY = re.compile(
    rb"^(?:via|v)[ \t]*:\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+([^\s;,]+)", re.IGNORECASE | re.MULTILINE
)


def sent_by(response: bytes) -> tuple[str, int]:
    """Host (IPv6 without brackets) and port of the topmost Via, 0 if it has no port; ("", 0) if it
    cannot be read."""
    found = _SENT_BY.search(response.partition(b"\r\n\r\n")[0])
    if found is None:
        return "", 0
    text = found[1].decode("utf-8", "surrogateescape")
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        return text.strip("[]").lower(), 0
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    return (host.strip("[]").lower(), number) if 0 < number < 65536 else ("", 0)


class WayBack:
    """One response. `source` is the host that the request came from."""

    __slots__ = ("_data", "_draw", "_hops", "_parts", "_profile", "_source", "_transport")

    def __init__(self, parts: Parts, data: bytes, way: Flow, *, draw: Callable[[], float]) -> None:
        self._parts = parts
        self._data = data
        self._draw = draw
        self._profile = way.profile
        self._transport = way.transport
        self._source = way.remote[0]
        self._hops: Hops | None = None

    def start(self, now: float) -> None:
        """Connect to the source, at the port of the sent-by."""
        host, port = sent_by(self._data)
        if not host:
            return
        transport = self._transport
        place = (self._source, port or default_port(transport))
        if not is_literal(host):
            self._hops = Hops(_named(transport, host, port), self._parts.ways.standing.troubled)
        self._parts.ways.open(self, Open(0, self._profile, transport, place), now)

    def flow_ready(self, flow: Flow, _now: float) -> None:
        """Send it."""
        self._parts.actions.append(Send(flow, self._data))

    def way_failed(self, _status: int, now: float) -> None:
        """Nobody is there: the hosts of the sent-by, one after the other. If none of them is, the
        client's timers tell it."""
        while self._hops is not None and (hop := self._hops.take(now)) is not None:
            if not hop.literal:
                self._parts.ways.look_up(self, self._profile, hop, self._draw)
                return
            # a stranger wrote that name: it leads no connection of ours into a private network
            if not is_private(hop.host) or is_private(self._source):
                self._parts.ways.reach(self, self._profile, hop, now)
                return

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """What the sent-by leads to."""
        if self._hops is not None:
            self._hops.found(hops)
        self.way_failed(503, now)


def _named(transport: str, host: str, port: int) -> NextHop:
    """RFC 3263 5: A and AAAA with a port, else SRV of the transport of the Via."""
    return NextHop(
        transport,
        host,
        port or default_port(transport),
        literal=False,
        server_name=host,
        search=Search.ADDRESSES if port else Search.SERVERS,
        services=() if port else (service_of(transport, host),),
    )
