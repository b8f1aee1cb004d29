"""The sizes and deadlines of the real network, each with the reason for its number. Seconds and
bytes.

A test or an operator gives other values; nothing in `runtime` has a number of its own. The limits
of messages are in `message.limits`, those of sources and users in the layers above.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the sockets of one `SocketNetwork` may take."""

    datagram_buffer: int = (
        4 << 20
    )  # SO_RCVBUF and SO_SNDBUF asked for: some 4000 messages of a burst wait in the kernel
    datagram_batch: int = (
        64  # datagrams read in one wake-up, about 2 ms of work: timers and streams get their turn
    )
    # datagrams that wait when the send buffer is full; further ones are lost, as on the wire
    datagram_queue: int = 1024
    datagram_flows: int = (
        32_768  # flows a UDP socket remembers as recent, and again as many as old: about 1 kB each
    )
    route_memory: float = (
        60.0  # how long a wildcard socket trusts the local address found for a destination
    )
    connections: int = 10_000  # accepted ones, and again as many of our own: 25 kB each with TLS
    connections_per_host: int = 1_000  # accepted from one address: a large office behind NAT
    backlog: int = 1024  # connections that wait in the kernel to be accepted
    write_high_water: int = (
        256 << 10
    )  # unsent bytes of one connection, beside the kernel's buffer: the peer does not read
    handshake_deadline: float = 10.0  # a peer's TLS handshake, then again its WebSocket handshake
    # our connect, then again our handshake: several targets fit in Timer B (RFC 3261 17.1.1.2)
    connect_deadline: float = 4.0
    first_answer_deadline: float = (
        32.0  # an accepted connection that earned no answer in 64*T1 has sent no complete message
    )
    idle_deadline: float = (
        7200.0  # silence: twice the usual registration, which the peer renews on its connection
    )
    handshake_head: int = (
        16_384  # bytes of a WebSocket client's HTTP head: the cookies of a site, twice over
    )
    ping_interval: float = (
        25.0  # WebSocket pings, and the wait for a pong: web proxies cut what is silent for 60 s
    )
    close_deadline: float = 2.0  # for queued bytes to leave a connection that is being closed
