"""Locating SIP servers (RFC 3263 4.1, 4.2, 5), as two pure functions: which questions lead on from
a hop, and which hops the answers lead to.

A hop that is a name becomes hops that are nearer to an address, in the order in which they are to
be tried: NAPTR gives services, services give servers, servers give addresses. Three steps at most,
so that no answer can make it go round. A server's addresses are asked for when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from offhook.transport.next_hop import NextHop, Search, Service, is_literal, service_of
from offhook.transport.records import Answer, Kind, Naptr, Question, Srv
from offhook.transport.via import default_port

__all__ = ["MOST_SERVERS", "PREFERENCE", "expand", "in_order", "questions"]

Draw = Callable[[], float]  # the next number of 0 <= number < 1

PREFERENCE = ("UDP", "TCP", "TLS")  # without NAPTR: what every SIP element has comes first
MOST_SERVERS = 32  # servers of one domain put in order; a branch tries fewer
MOST_SERVICES = 8  # NAPTR records that are followed; there are three transports
MOST_ADDRESSES = 16  # of one server

_SERVICES = {"sip+d2u": "UDP", "sip+d2t": "TCP", "sips+d2t": "TLS"}  # RFC 3263 9


def questions(hop: NextHop) -> tuple[Question, ...]:
    """What has to be asked about a hop that is no address yet."""
    if hop.search is Search.SERVICES:
        return (Question(Kind.NAPTR, hop.host),)
    addresses = Question(Kind.ADDRESSES, hop.host)
    if hop.search is Search.ADDRESSES:
        return (addresses,)
    # the addresses are for a domain without SRV records; asked together, a silent name server costs
    # one deadline and not two
    return (*[Question(Kind.SRV, service.name) for service in hop.services], addresses)


def expand(
    hop: NextHop, answers: Sequence[Answer], transports: Sequence[str], draw: Draw
) -> Sequence[NextHop]:
    """The hops that the answers to `questions(hop)` lead to, the first to be tried first; none if
    the domain cannot be reached.

    `transports` are those that may be chosen; a URI that names one is not asked.
    """
    if hop.search is Search.SERVICES:
        return [_with_services(hop, answers[0].naptr, transports)]
    if hop.search is Search.SERVERS:
        return _servers(hop, answers, draw)
    return [
        replace(hop, host=address, literal=True, services=())
        for address in answers[0].addresses[:MOST_ADDRESSES]
    ]


def _with_services(hop: NextHop, records: Sequence[Naptr], transports: Sequence[str]) -> NextHop:
    """RFC 3263 4.1: the services that both sides have; without NAPTR each that we have."""
    services = [
        Service(transport, record.replacement, record.order)
        for record in sorted(records, key=lambda one: (one.order, one.preference, one.service))
        if (transport := _usable(record, hop, transports))
    ][:MOST_SERVICES]
    if not services:
        wanted = ("TLS",) if hop.secure else [name for name in PREFERENCE if name in transports]
        services = [service_of(name, hop.host) for name in wanted or (hop.transport,)]
    return _onward(hop, services)


def _onward(hop: NextHop, services: Sequence[Service]) -> NextHop:
    transport = services[0].transport
    return replace(
        hop,
        transport=transport,
        port=default_port(transport),
        search=Search.SERVERS,
        services=tuple(services),
    )


def _usable(record: Naptr, hop: NextHop, transports: Sequence[str]) -> str:
    """The transport of a NAPTR record that leads to SRV records which we can use, else ""."""
    if record.flags.lower() != "s" or record.regexp or not record.replacement:
        return ""
    transport = _SERVICES.get(record.service.lower(), "")
    if hop.secure:
        # RFC 3263 4.1: MUST discard services without SIPS
        return transport if transport == "TLS" else ""
    return transport if transport in transports else ""


def _servers(hop: NextHop, answers: Sequence[Answer], draw: Draw) -> Sequence[NextHop]:
    """RFC 3263 4.2: the servers of the first services that have some, else the domain itself."""
    found: list[NextHop] = []
    denied: set[str] = set()
    order = 0
    for service, answer in zip(hop.services, answers, strict=False):
        if found and service.order != order:
            break  # RFC 3403 4.1: once an order has led somewhere, higher ones are not considered
        order = service.order
        servers = list(in_order(answer.srv, draw))
        if answer.srv and not any(record.target for record in answer.srv):
            denied.add(service.transport)  # RFC 2782: "." is a decided no
        found += [_server(hop, service.transport, record) for record in servers]
    if found:
        return found[:MOST_SERVERS]
    for service in hop.services:
        if service.transport not in denied:
            transport = service.transport
            address = _onward(hop, [service])
            port = default_port(transport)
            step = replace(address, search=Search.ADDRESSES, port=port)
            return expand(step, answers[-1:], (), draw)
    return ()


def _server(hop: NextHop, transport: str, record: Srv) -> NextHop:
    return replace(
        hop,
        transport=transport,
        host=record.target,
        port=record.port,
        literal=is_literal(record.target),
        search=Search.ADDRESSES,
        services=(),
    )


def in_order(records: Sequence[Srv], draw: Draw) -> Iterator[Srv]:
    """At most MOST_SERVERS usable records by priority, those of one priority drawn by weight (RFC
    2782).

    The same draws give the same order, whatever the order of the answer (RFC 3263 4.4).
    """
    usable = [record for record in records if record.target and 0 < record.port < 65536]
    # RFC 2782: weight 0 first, so that it has a small chance
    usable.sort(key=lambda one: (one.priority, one.weight > 0, one.target, one.port, one.weight))
    for _ in range(min(len(usable), MOST_SERVERS)):
        same = [record for record in usable if record.priority == usable[0].priority]
        chosen = same[0] if len(same) == 1 else _drawn(same, draw())
        usable.remove(chosen)
        yield chosen


def _drawn(records: Sequence[Srv], number: float) -> Srv:
    """RFC 2782: the first whose running sum reaches a number of 0..sum. 0 stands for records
    without weight and is drawn only if there are some, else the first record would get their share.
    """
    total = sum(record.weight for record in records)
    if not total:
        return records[int(number * len(records))]
    lowest = 0 if not records[0].weight else 1
    wanted = lowest + int(number * (total + 1 - lowest))
    running = 0
    for record in records:
        running += record.weight
        if running >= wanted:
            return record
    return records[-1]
