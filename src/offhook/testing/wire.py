"""The wire between virtual hosts: seeded loss, duplication and delay, and a record of all of it.

A host has an address in a realm: "" is the public one, every NAT box has its own behind it, so that
two phones may have the same private address. What a datagram or connection is to a host is left to
`network.VirtualNetwork`, byte streams to `stream`, translation to `nat`.

The trace is a hash of numbers alone (time, size, ports): texts hash differently in every process.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from offhook.errors import UsageError
from offhook.testing.nat import NatBox
from offhook.testing.stream import Stream
from offhook.transport.flow import Address
from offhook.transport.private import is_private
from offhook.transport.records import NOTHING, Answer, Kind, Naptr, Question, Srv

__all__ = ["Link", "Packet", "Station", "Wire"]

EPOCH = 1_800_000_000.0  # Unix seconds at virtual time 0
RESENT = 0.3  # seconds that a lost segment costs a stream at least


@dataclass(frozen=True, slots=True)
class Link:
    """How datagrams fare between two hosts. Probabilities are 0..1; the delay in seconds is drawn
    evenly, so a wide range reorders."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: tuple[float, float] = (0.005, 0.05)


class Packet(NamedTuple):
    """Something that was sent: a datagram or a piece of a stream, with its fate."""

    time: float
    transport: str
    source: Address
    destination: Address
    data: bytes
    lost: bool


class Station(Protocol):
    """What has an address on the wire."""

    def datagram(self, destination: Address, source: Address, data: bytes) -> bool:
        """A datagram arrived; False if the port is closed."""

    def unreachable(self, source: Address, destination: Address) -> None:
        """ICMP: what `source`, an address of this station, sent to `destination` was refused."""

    def listens(self, transport: str, destination: Address) -> bool:
        """False if a connection to this port is refused."""

    def certifies(self, name: str) -> bool:
        """True if its TLS certificate names this host; "" is every name."""

    def accept(self, stream: Stream) -> None:
        """A connection is open."""


class Wire:
    """One network of virtual hosts. `link` holds for all pairs without one of their own."""

    def __init__(self, *, seed: int = 7, link: Link | None = None) -> None:
        self.random = random.Random(seed)
        self.packets: list[Packet] = []
        self.trace = 0
        self.names: dict[str, Sequence[str]] = {}  # the DNS: addresses by host name
        self.services: dict[str, Sequence[Srv]] = {}  # by name, as in "_sip._udp.example.com"
        self.pointers: dict[str, Sequence[Naptr]] = {}  # by domain
        self.lost_names: set[str] = set()  # nobody answers questions about these
        self.name_delay = 0.02  # seconds that a look-up takes
        self.name_deadline = 3.0  # seconds after which a lost one is given up
        self._loop = asyncio.get_running_loop()
        self._link = link or Link()
        self._links: dict[tuple[str, str], Link] = {}
        self._stations: dict[tuple[str, str], Station] = {}
        self._boxes: dict[str, NatBox] = {}  # by name of their realm
        self._fronts: dict[str, str] = {}  # public address of a one-to-one NAT: the inner one
        self._silent: set[str] = set()
        self._count = 0

    # who is there -------------------------------------------------------------------------------
    def attach(self, realm: str, host: str, station: Station) -> None:
        """Give a station an address. Raises UsageError if it is taken."""
        if (realm, host) in self._stations or (not realm and self._public_box(host)):
            raise UsageError(f"{host} is taken on this wire")
        if realm and realm not in self._boxes:
            raise UsageError(f"there is no NAT box {realm}: add it to the wire first")
        self._stations[realm, host] = station

    def detach(self, realm: str, host: str) -> None:
        """The address is free again."""
        self._stations.pop((realm, host), None)

    def add_box(self, box: NatBox) -> None:
        """Put a NAT box on the wire; its name is the realm of the hosts behind it."""
        self._boxes[box.name] = box

    def add_front(self, public: str, inner: str) -> None:
        """A one-to-one NAT: public hosts see the host at `inner` as `public`, private ones see and
        reach it as it is."""
        self._fronts[public] = inner

    def connect_pair(self, one: str, other: str, link: Link) -> None:
        """Set the link between two hosts, both ways."""
        self._links[one, other] = self._links[other, one] = link

    def silence(self, host: str) -> None:
        """From now on nothing comes from or to `host`: it is off, or its cable is."""
        self._silent.add(host)

    def wake(self, host: str) -> None:
        """Undo `silence`."""
        self._silent.discard(host)

    # names --------------------------------------------------------------------------------------
    def answer(self, question: Question) -> Answer:
        """What the DNS of this wire knows."""
        name = question.name
        if name in self.lost_names:
            return NOTHING
        if question.kind is Kind.ADDRESSES:
            return Answer(addresses=tuple(self.names.get(name, ())))
        if question.kind is Kind.SRV:
            return Answer(srv=tuple(self.services.get(name, ())))
        return Answer(naptr=tuple(self.pointers.get(name, ())))

    def answer_delay(self, questions: Sequence[Question]) -> float:
        """Seconds until all of them are answered or given up."""
        lost = any(question.name in self.lost_names for question in questions)
        return self.name_deadline if lost else self.name_delay

    # datagrams ----------------------------------------------------------------------------------
    def send(self, realm: str, source: Address, destination: Address, data: bytes) -> None:
        """Send one datagram from a host in `realm`."""
        hidden = source[0] in self._silent
        realm, source = self._outward(realm, source, destination, "UDP")
        link = self._link_of(source, destination)
        draw = self.random.random
        lost = draw() < link.loss or hidden
        self._record("UDP", source, destination, data, lost=lost)
        if lost:
            return
        for _ in range(2 if link.duplicate and draw() < link.duplicate else 1):
            self._loop.call_later(self._delay(link), self._arrive, realm, source, destination, data)

    def _arrive(self, realm: str, source: Address, destination: Address, data: bytes) -> None:
        self._mark(len(data), source, destination)
        place = self._inward(realm, source, destination, "UDP")
        if place is None or place[1][0] in self._silent:
            return
        realm_there, inner = place
        station = self._stations.get((realm_there, inner[0]))
        if station is None or station.datagram(inner, source, data):
            return
        delay = self._delay(self._link_of(source, destination))
        self._loop.call_later(delay, self._refuse, realm, source, destination)

    def _refuse(self, realm: str, source: Address, destination: Address) -> None:
        """Port unreachable, on its way back."""
        place = self._inward(realm, destination, source, "UDP")
        station = self._stations.get((place[0], place[1][0])) if place is not None else None
        if place is not None and station is not None and place[1][0] not in self._silent:
            station.unreachable(place[1], destination)

    # streams ------------------------------------------------------------------------------------
    def connect(self, realm: str, transport: str, source: Address, destination: Address) -> Stream:
        """Begin a connection; `station_of` finds the other end."""
        self._count += 1
        destination = self._behind_front(source, destination)
        seen_realm, seen = self._outward(realm, source, destination, transport)
        box = self._boxes.get(realm) if seen_realm != realm else None
        return Stream(self, transport, (source, seen, destination), box, number=self._count)

    def station_of(self, stream: Stream, realm: str) -> Station | None:
        """Who is at the destination of a connection from `realm`; None if nobody will answer."""
        if not self.passes(stream):
            return None
        outer = "" if stream.box is not None else realm
        place = self._inward(outer, stream.seen, stream.destination, stream.transport)
        return self._stations.get((place[0], place[1][0])) if place is not None else None

    def passes(self, stream: Stream) -> bool:
        """False if nothing gets through between the two ends now."""
        return (
            stream.source[0] not in self._silent
            and stream.destination[0] not in self._silent
            and not stream.cut
        )

    def segment_delay(self, stream: Stream) -> float:
        """Seconds that a piece of a stream takes; a lost one comes later, never out of order."""
        link = self._link_of(stream.seen, stream.destination)
        delay = self._delay(link)
        while self.random.random() < link.loss:
            delay += RESENT + self._delay(link)
        return delay

    def note_segment(self, transport: str, ends: tuple[Address, Address], data: bytes) -> None:
        """Record a piece of a stream that is sent."""
        self._record(transport, *ends, data, lost=False)
        self._mark(len(data), *ends)

    # what happened ------------------------------------------------------------------------------
    def ladder(self) -> str:
        """All packets, one line each: for the message of a failed assertion."""
        return "\n".join(map(_line, self.packets))

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that this wire lives on."""
        return self._loop

    def _record(
        self, transport: str, source: Address, destination: Address, data: bytes, *, lost: bool
    ) -> None:
        self.packets.append(Packet(self._loop.time(), transport, source, destination, data, lost))

    def _mark(self, size: int, source: Address, destination: Address) -> None:
        # ints and floats hash alike in every process
        self.trace = hash((self.trace, self._loop.time(), size, source[1], destination[1]))

    # ways ---------------------------------------------------------------------------------------
    def _outward(
        self, realm: str, source: Address, destination: Address, transport: str
    ) -> tuple[str, Address]:
        """Realm and source as the wire outside sees them."""
        if not realm:
            return realm, self._fronted(source, destination)
        if (realm, destination[0]) in self._stations:
            return realm, source
        box = self._boxes[realm]
        return "", box.outbound(transport, source, destination, self._loop.time())

    def _inward(
        self, realm: str, source: Address, destination: Address, transport: str
    ) -> tuple[str, Address] | None:
        """Realm and address of the host that is meant; None if a NAT box drops it."""
        box = None if realm else self._public_box(destination[0])
        if box is None:
            return realm, destination if realm else self._behind_front(source, destination)
        inner = box.inbound(transport, source, destination, self._loop.time())
        return (box.name, inner) if inner is not None else None

    def _fronted(self, source: Address, destination: Address) -> Address:
        for public, inner in self._fronts.items():
            if source[0] == inner and not is_private(destination[0]):
                return (public, source[1])
        return source

    def _behind_front(self, source: Address, destination: Address) -> Address:
        inner = self._fronts.get(destination[0])
        if inner is None or is_private(source[0]):  # no hairpin: nobody is at the public address
            return destination
        return (inner, destination[1])

    def _public_box(self, host: str) -> NatBox | None:
        return next((box for box in self._boxes.values() if box.address == host), None)

    def _link_of(self, source: Address, destination: Address) -> Link:
        return self._links.get((source[0], destination[0]), self._link)

    def _delay(self, link: Link) -> float:
        shortest, longest = link.delay
        return shortest + self.random.random() * (longest - shortest)


def _line(packet: Packet) -> str:
    first = packet.data.partition(b"\r\n")[0].decode("utf-8", "replace")
    source, destination = (f"{host}:{port}" for host, port in (packet.source, packet.destination))
    fate = " LOST" if packet.lost else ""
    way = f"{packet.transport:4}{source:>22} > {destination:<22}"
    return f"{packet.time:10.3f} {way} {first}{fate}"
