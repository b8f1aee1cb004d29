"""NAT boxes (RFC 4787 4, 5): which public address an inner one gets, and who may answer to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from offhook.transport.flow import Address

__all__ = ["Nat", "NatBox"]

FIRST_PORT = 20_000


class Nat(Enum):
    """What a box does: the mapping, then the filter of RFC 4787."""

    FULL_CONE = "one port for an inner address, everybody may send to it"
    RESTRICTED = "one port for an inner address, only hosts it sent to may answer"
    PORT_RESTRICTED = "one port for an inner address, only whom it sent to may answer"
    SYMMETRIC = "one port for each destination, only that one may answer"


@dataclass(slots=True)
class _Mapping:
    inner: Address
    port: int
    used: float  # when something last went out
    peers: set[Address] = field(default_factory=set)  # whom it sent to


class NatBox:
    """One box. `name` is the realm of the hosts behind it, `lifetime` the seconds that a mapping
    lives without anything going out."""

    def __init__(
        self,
        name: str,
        address: str,
        *,
        kind: Nat = Nat.PORT_RESTRICTED,
        lifetime: float = math.inf,
    ) -> None:
        self.name = name
        self.address = address
        self.kind = kind
        self.generation = 0  # of the address: connections of an older one are cut
        self._lifetime = lifetime
        self._next = FIRST_PORT
        self._mappings: dict[tuple[str, Address, Address | None], _Mapping] = {}
        self._ports: dict[tuple[str, int], _Mapping] = {}

    def change_address(self, address: str) -> None:
        """The provider gives the box another address: every mapping and connection is gone."""
        self.address = address
        self.forget()

    def forget(self) -> None:
        """The box starts anew: every mapping and connection is gone."""
        self.generation += 1
        self._mappings.clear()
        self._ports.clear()

    def outbound(self, transport: str, inner: Address, destination: Address, now: float) -> Address:
        """The public address that something from `inner` to `destination` shows."""
        key = (transport, inner, destination if self.kind is Nat.SYMMETRIC else None)
        mapping = self._mappings.get(key)
        if mapping is None or self._dead(mapping, now):
            mapping = self._mappings[key] = _Mapping(inner, self._next, now)
            self._ports[transport, self._next] = mapping
            self._next += 1
        mapping.used = now
        mapping.peers.add(destination)
        return (self.address, mapping.port)

    def inbound(
        self, transport: str, source: Address, public: Address, now: float
    ) -> Address | None:
        """The inner address that something from `source` to `public` is for; None: dropped."""
        mapping = self._ports.get((transport, public[1]))
        if mapping is None or self._dead(mapping, now):
            return None
        return mapping.inner if self._lets_in(mapping, source) else None

    def _lets_in(self, mapping: _Mapping, source: Address) -> bool:
        if self.kind is Nat.FULL_CONE:
            return True
        if self.kind is Nat.RESTRICTED:
            return any(peer[0] == source[0] for peer in mapping.peers)
        return source in mapping.peers

    def _dead(self, mapping: _Mapping, now: float) -> bool:
        return now - mapping.used > self._lifetime
