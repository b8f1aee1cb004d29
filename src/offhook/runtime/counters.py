"""What the network counts. Plain integers that only grow; metrics read them when asked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """One set for all sockets of a network."""

    datagrams_in: int = 0
    datagrams_out: int = 0
    datagram_bytes_in: int = 0
    datagram_bytes_out: int = 0
    datagrams_dropped: int = 0  # the send queue was full
    send_errors: int = 0  # refused by the kernel, or answered by ICMP
    stream_bytes_in: int = 0
    stream_bytes_out: int = 0
    connections_accepted: int = 0
    connections_opened: int = 0
    connections_refused: int = 0  # over a limit
    connects_failed: int = 0
    handshake_failures: int = 0  # TLS, of peers that connected to us
    slow_readers: int = 0  # closed because their queue was full
    silent_closed: int = 0  # closed because nothing came
    lookups: int = 0  # questions sent to a name server
    lookups_failed: int = 0  # without an answer in time
    lookups_refused: int = 0  # too many at once
