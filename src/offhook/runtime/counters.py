"""What the network counts: plain integers that only grow, and what there is at the moment. Metrics
read both when asked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Counters", "Gauges"]


@dataclass(slots=True)
class Counters:
    """One set for all sockets of a network."""

    datagrams_in: int = 0
    datagrams_out: int = 0
    datagram_bytes_in: int = 0
    datagram_bytes_out: int = 0
    datagrams_dropped: int = 0  # the send queue was full
    datagrams_fragmented: int = 0  # too large for one frame: many peers lose such
    send_errors: int = 0  # refused by the kernel, or answered by ICMP
    stream_bytes_in: int = 0
    stream_bytes_out: int = 0
    connections_accepted: int = 0
    connections_opened: int = 0
    connections_refused: int = 0  # over a limit
    connects_failed: int = 0
    # WebSocket clients refused, by the reason
    websocket_origin_refused: int = 0  # a page of a foreign site
    websocket_subprotocol_refused: int = 0  # did not ask for `sip`
    websocket_handshake_refused: int = 0  # plain HTTP, no HTTP at all, an endless head
    websocket_handshake_timeouts: int = 0
    websocket_oversize: int = 0  # closed because a message was too large
    websocket_violations: int = 0  # closed because a frame broke the protocol
    handshake_failures: int = 0  # TLS, of peers that connected to us, for whatever reason
    # of peers that connected to us: missing, not valid, or of another name
    certificates_refused: int = 0
    slow_readers: int = 0  # closed because their queue was full
    silent_closed: int = 0  # closed because nothing came
    lookups: int = 0  # questions sent to a name server
    lookups_failed: int = 0  # without an answer in time
    lookups_refused: int = 0  # too many at once
    lookups_stale: int = 0  # answered with what was known before


@dataclass(frozen=True, slots=True)
class Gauges:
    """What a network has at the moment. The two of the kernel are sums over the UDP sockets."""

    datagram_bytes_waiting: int = 0  # received by the kernel, not yet read
    datagrams_lost: int = 0  # dropped by the kernel since the start: its buffer was full
    names_remembered: int = 0
    lookups_waiting: int = 0
