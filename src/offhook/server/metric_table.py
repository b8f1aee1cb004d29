"""Every metric of a running server, one row each: its name without the prefix, what it says, its
labels, and where its value comes from.

Where Kamailio's or OpenSIPS' exporters have a metric of the same meaning, ours has their name
behind our prefix (`docs/reference/metrics.md` compares them). Values are read at the time of a
scrape; no label takes a value from a peer: the configuration bounds the number of series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from offhook.message.status import REASONS
from offhook.server.measures import Measures

__all__ = ["COUNTERS", "GAUGES", "PREFIX", "Row", "Sample"]

PREFIX = "offhook_"
Sample = tuple[Sequence[str], float]
Values = Callable[[Measures], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric family. `labels` name the values of each sample, in order."""

    name: str
    help: str
    values: Values
    labels: Sequence[str] = ()


def _one(read: Callable[[Measures], float]) -> Values:
    return lambda measures: [((), read(measures))]


WAY = ("profile", "transport")


def _requests_in(measures: Measures) -> Iterable[Sample]:
    for way, tally in measures.engine.counters.traffic.tallies.items():
        for method, count in tally.requests_in.items():
            yield (*way, method), count


def _requests_out(measures: Measures) -> Iterable[Sample]:
    for way, tally in measures.engine.counters.traffic.tallies.items():
        for method, count in tally.requests_out.items():
            yield (*way, method), count


def _replies_in(measures: Measures) -> Iterable[Sample]:
    for way, tally in measures.engine.counters.traffic.tallies.items():
        folded: Counter[tuple[str, str]] = Counter()
        for (method, status), count in tally.replies_in.items():
            folded[method, _code(status)] += count
        for (method, code), count in folded.items():
            yield (*way, method, code), count


def _replies_out(measures: Measures) -> Iterable[Sample]:
    for way, tally in measures.engine.counters.traffic.tallies.items():
        folded: Counter[str] = Counter()
        for digits, count in tally.replies_out.items():
            folded[_code(int(digits))] += count
        for code, count in folded.items():
            yield (*way, code), count


def _code(status: int) -> str:
    """A registered code as it is, any other one as its class."""
    return str(status) if status in REASONS else f"{status // 100}xx"


def _connections(measures: Measures) -> Iterable[Sample]:
    open_now = Counter([(flow.profile, flow.transport) for flow in measures.engine.connections()])
    return [(way, count) for way, count in open_now.items()]


def _expiry(measures: Measures) -> Iterable[Sample]:
    for own in measures.certificates:
        yield (own.name,), own.expires


def _transactions(measures: Measures) -> Iterable[Sample]:
    counts = measures.engine.transactions.counts()
    yield ("server",), counts.servers
    yield ("client",), counts.clients
    yield ("cancel",), counts.cancels


def _outcomes(measures: Measures) -> Iterable[Sample]:
    counters = measures.exchange
    for outcome in ("authenticated", "challenged", "stale", "wrong", "malformed", "foreign"):
        yield (outcome,), getattr(counters, outcome)
    yield ("banned",), counters.banned


def _websocket_refusals(measures: Measures) -> Iterable[Sample]:
    counters = measures.network.counters
    yield ("origin",), counters.websocket_origin_refused
    yield ("subprotocol",), counters.websocket_subprotocol_refused
    yield ("http",), counters.websocket_handshake_refused
    yield ("timeout",), counters.websocket_handshake_timeouts


def _websocket_failures(measures: Measures) -> Iterable[Sample]:
    counters = measures.network.counters
    yield ("oversize",), counters.websocket_oversize
    yield ("protocol",), counters.websocket_violations


def _stun(measures: Measures) -> Iterable[Sample]:
    for outcome in ("answered", "refused", "malformed", "limited"):
        yield (outcome,), getattr(measures.stun, outcome)


COUNTERS = (
    # core
    Row(
        "core_rcv_requests",
        "Requests received, retransmissions and refused ones too.",
        _requests_in,
        (*WAY, "method"),
    ),
    Row(
        "core_rcv_replies",
        "Responses received that a transaction waited for.",
        _replies_in,
        (*WAY, "method", "code"),
    ),
    Row(
        "core_sent_requests",
        "Requests sent: forwarded, our own, and retransmissions.",
        _requests_out,
        (*WAY, "method"),
    ),
    Row(
        "core_sent_replies",
        "Responses sent: forwarded, our own, and retransmissions.",
        _replies_out,
        (*WAY, "code"),
    ),
    Row(
        "core_bad_msg_hdr",
        "Messages that could not be parsed or were refused with 400.",
        _one(lambda measures: measures.engine.counters.malformed),
    ),
    Row(
        "core_drop_replies",
        "Responses of no transaction, dropped.",
        _one(lambda measures: measures.engine.counters.stray_responses),
    ),
    Row(
        "core_drop_acks",
        "ACKs of no transaction and no dialog that was routed here, dropped.",
        _one(lambda measures: measures.engine.counters.stray_acks),
    ),
    Row(
        "core_fwd_stateless",
        "Requests and responses relayed without a transaction.",
        _one(lambda measures: measures.engine.counters.stateless),
    ),
    Row(
        "core_stun_requests",
        "STUN binding requests on SIP ports: keep-alives of phones.",
        _one(lambda measures: measures.engine.counters.stun),
    ),
    Row(
        "core_overload_refusals",
        "Requests refused with 503: too many transactions, or draining.",
        _one(lambda measures: measures.engine.counters.refused_overload),
    ),
    Row(
        "tm_rcv_retransmissions",
        "Requests that came again and were absorbed.",
        _one(lambda measures: measures.engine.counters.retransmissions),
    ),
    Row(
        "tm_uas_transactions",
        "Server transactions begun.",
        _one(lambda measures: measures.engine.transactions.servers_made),
    ),
    Row(
        "tm_uac_transactions",
        "Client transactions begun.",
        _one(lambda measures: measures.engine.transactions.clients_made),
    ),
    # authentication, registrations, programs
    Row(
        "auth_outcomes",
        "What became of requests that had to be authenticated.",
        _outcomes,
        ("outcome",),
    ),
    Row(
        "registrar_accepted_regs",
        "REGISTER requests answered with success.",
        _one(lambda measures: measures.exchange.registers_accepted),
    ),
    Row(
        "registrar_rejected_regs",
        "REGISTER requests refused; challenges are not counted.",
        _one(lambda measures: measures.exchange.registers_rejected),
    ),
    Row(
        "usrloc_location_expires",
        "Bindings that ended because they were not refreshed.",
        _one(lambda measures: measures.exchange.bindings_expired),
    ),
    Row(
        "usrloc_location_lost",
        "Bindings that ended with their connection.",
        _one(lambda measures: measures.exchange.bindings_lost),
    ),
    Row(
        "usrloc_location_silent",
        "Bindings that were removed because no ping was answered any more.",
        _one(lambda measures: measures.exchange.bindings_silent),
    ),
    Row(
        "keepalive_pings",
        "Pings of contacts behind NATs.",
        _one(lambda measures: measures.exchange.pings),
    ),
    Row(
        "program_failures",
        "Requests answered 500 because the routing program failed.",
        _one(lambda measures: measures.exchange.handlers_failed),
    ),
    # network
    Row(
        "udp_rcv_datagrams",
        "Datagrams read.",
        _one(lambda measures: measures.network.counters.datagrams_in),
    ),
    Row(
        "udp_sent_datagrams",
        "Datagrams given to the kernel.",
        _one(lambda measures: measures.network.counters.datagrams_out),
    ),
    Row(
        "udp_rcv_bytes",
        "Bytes of the datagrams read.",
        _one(lambda measures: measures.network.counters.datagram_bytes_in),
    ),
    Row(
        "udp_sent_bytes",
        "Bytes of the datagrams given to the kernel.",
        _one(lambda measures: measures.network.counters.datagram_bytes_out),
    ),
    Row(
        "udp_kernel_drops",
        "Datagrams that the kernel dropped because the receive buffer was full.",
        _one(lambda measures: measures.network.gauges().datagrams_lost),
    ),
    Row(
        "udp_sendq_full",
        "Datagrams dropped because the send queue was full.",
        _one(lambda measures: measures.network.counters.datagrams_dropped),
    ),
    Row(
        "udp_send_errors",
        "Datagrams refused by the kernel or answered by ICMP.",
        _one(lambda measures: measures.network.counters.send_errors),
    ),
    Row(
        "tcp_rcv_bytes",
        "Bytes received on connections, after decryption.",
        _one(lambda measures: measures.network.counters.stream_bytes_in),
    ),
    Row(
        "tcp_sent_bytes",
        "Bytes sent on connections, before encryption.",
        _one(lambda measures: measures.network.counters.stream_bytes_out),
    ),
    Row(
        "tcp_passive_open",
        "Connections accepted, after the TLS handshake if any.",
        _one(lambda measures: measures.network.counters.connections_accepted),
    ),
    Row(
        "tcp_connect_success",
        "Connections that we made.",
        _one(lambda measures: measures.network.counters.connections_opened),
    ),
    Row(
        "tcp_connect_failed",
        "Connections that we could not make.",
        _one(lambda measures: measures.network.counters.connects_failed),
    ),
    Row(
        "tcp_local_reject",
        "Connections refused because of a limit.",
        _one(lambda measures: measures.network.counters.connections_refused),
    ),
    Row(
        "tcp_sendq_full",
        "Connections closed because the peer did not read.",
        _one(lambda measures: measures.network.counters.slow_readers),
    ),
    Row(
        "tcp_con_timeout",
        "Connections closed because nothing came.",
        _one(lambda measures: measures.network.counters.silent_closed),
    ),
    Row(
        "tls_handshake_failures",
        "TLS handshakes of peers that failed.",
        _one(lambda measures: measures.network.counters.handshake_failures),
    ),
    Row(
        "tls_certificates_refused",
        "Certificates of peers that were missing, not valid, or of another name.",
        _one(lambda measures: measures.network.counters.certificates_refused),
    ),
    Row(
        "websocket_failed_handshakes",
        "WebSocket handshakes refused.",
        _websocket_refusals,
        ("reason",),
    ),
    Row(
        "websocket_failed_connections",
        "WebSocket connections closed because of what the peer sent.",
        _websocket_failures,
        ("reason",),
    ),
    Row(
        "dns_requests",
        "Questions sent to name servers.",
        _one(lambda measures: measures.network.counters.lookups),
    ),
    Row(
        "dns_failed_requests",
        "Look-ups without an answer in time.",
        _one(lambda measures: measures.network.counters.lookups_failed),
    ),
    Row(
        "dns_refused_requests",
        "Look-ups not begun because too many were under way.",
        _one(lambda measures: measures.network.counters.lookups_refused),
    ),
    Row(
        "dns_stale_answers",
        "Look-ups answered with what was known before: the name servers were silent.",
        _one(lambda measures: measures.network.counters.lookups_stale),
    ),
    Row(
        "tm_failovers",
        "Servers given up or refused, after which the next one was tried.",
        _one(lambda measures: measures.engine.counters.failovers),
    ),
    Row(
        "core_large_datagrams",
        "Requests above 1300 octets that were sent over UDP.",
        _one(lambda measures: measures.engine.counters.large_datagrams),
    ),
    Row(
        "udp_fragmented_datagrams",
        "Datagrams sent that are too large for one Ethernet frame.",
        _one(lambda measures: measures.network.counters.datagrams_fragmented),
    ),
    Row(
        "stun_requests",
        "What became of datagrams to the listeners of stun.listen.",
        _stun,
        ("outcome",),
    ),
    # storage
    Row(
        "storage_flushes",
        "Times that changed bindings were written, failed ones too.",
        _one(lambda measures: measures.storage.counts().flushes),
    ),
    Row(
        "storage_flush_failures",
        "Times that changed bindings could not be written.",
        _one(lambda measures: measures.storage.counts().flushes_failed),
    ),
    Row(
        "storage_flush_seconds",
        "Time that these writes took.",
        _one(lambda measures: measures.storage.counts().flush_seconds),
    ),
    Row(
        "storage_refusals",
        "Requests answered 503 because the storage failed.",
        _one(lambda measures: measures.exchange.storage_failed),
    ),
)

GAUGES = (
    Row(
        "tls_certificate_expiry_seconds",
        "When a certificate of ours expires, in Unix seconds.",
        _expiry,
        ("certificate",),
    ),
    Row(
        "tm_avoided_destinations",
        "Servers that failed lately and are tried after all others.",
        _one(lambda measures: measures.engine.destinations_in_trouble(measures.network.now())),
    ),
    Row(
        "core_draining",
        "1 while new requests are refused because the server is about to end.",
        _one(lambda measures: measures.engine.draining),
    ),
    Row(
        "tm_inuse_transactions",
        "Transactions in memory; finished ones stay for 32 s.",
        _transactions,
        ("kind",),
    ),
    Row(
        "usrloc_registered_users",
        "Addresses-of-record with a binding.",
        _one(lambda measures: measures.storage.counts().users),
    ),
    Row(
        "usrloc_location_contacts",
        "Bindings.",
        _one(lambda measures: measures.storage.counts().contacts),
    ),
    Row("tcp_connections", "Open connections, TLS and WebSocket too.", _connections, WAY),
    Row(
        "net_waiting_udp_bytes",
        "Bytes in the receive buffers of the kernel.",
        _one(lambda measures: measures.network.gauges().datagram_bytes_waiting),
    ),
    Row(
        "dns_cache_names",
        "Names whose answer is remembered.",
        _one(lambda measures: measures.network.gauges().names_remembered),
    ),
    Row(
        "dns_waiting_requests",
        "Names being looked up.",
        _one(lambda measures: measures.network.gauges().lookups_waiting),
    ),
    Row(
        "auth_banned_sources",
        "Sources banned for guessing passwords.",
        _one(lambda measures: len(measures.bans.banned(measures.network.now()))),
    ),
    Row(
        "storage_up",
        "1 if changes reach the disk, 0 if the storage fails.",
        _one(lambda measures: not measures.storage.fault),
    ),
    Row(
        "storage_pending_users",
        "Addresses-of-record whose changes are not written yet.",
        _one(lambda measures: measures.storage.counts().pending),
    ),
)
