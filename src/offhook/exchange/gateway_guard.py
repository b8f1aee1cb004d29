"""Does an address belong to a gateway? Only routing may lead to one; Contacts and route tokens may
not, or any user could call at its owner's expense (toll fraud)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from offhook.errors import UriError
from offhook.exchange.profile import Gateway
from offhook.message.uri import Uri, parse_uri
from offhook.transport.certificate_names import proves
from offhook.transport.next_hop import is_literal
from offhook.transport.via import default_port

__all__ = ["GatewayGuard", "guard_of", "port_of"]

SIP_PORTS = (5060, 5061)


class GatewayGuard:
    """All names and addresses of the gateways of a server, taken apart once: it is asked for each
    call, and may know hundreds."""

    __slots__ = ("_all", "_by_port", "_names")

    def __init__(self, gateways: Iterable[Gateway]) -> None:
        names: set[str] = set()
        self._all = _Places()
        self._by_port: dict[int, _Places] = {}
        for gateway in gateways:
            try:
                own = parse_uri(gateway.uri)
            except UriError:
                continue
            names |= gateway.names | {own.host}
            self._all.add(own.host, gateway)
            self._by_port.setdefault(port_of(own), _Places()).add(own.host, gateway)
        self._names = frozenset(names)

    def __call__(self, host: str, port: int) -> bool:
        """True for the name of a gateway, also one that its certificate has, and for its address or
        one of its peers' at a port where it takes calls: its own, 5060 or 5061; a phone may live at
        another one. Port 0 is any."""
        host = host.lower()
        if not is_literal(host):
            if not host.startswith("*."):  # an identity of a certificate with wildcards allowed
                return host in self._names
            return any(proves(frozenset({host}), name) for name in self._names)
        places = self._all if not port or port in SIP_PORTS else self._by_port.get(port)
        return places is not None and places.hold(host)


class _Places:
    """Literal hosts and networks: the networks by IP version and length of their host part, so that
    an address is looked up once for each length."""

    __slots__ = ("_hosts", "_networks")

    def __init__(self) -> None:
        self._hosts: set[str] = set()
        self._networks: dict[tuple[int, int], set[int]] = {}

    def add(self, host: str, gateway: Gateway) -> None:
        self._hosts.add(host)
        for network in gateway.peers:
            shift = network.max_prefixlen - network.prefixlen
            found = self._networks.setdefault((network.version, shift), set())
            found.add(int(network.network_address) >> shift)

    def hold(self, host: str) -> bool:
        if host in self._hosts:
            return True
        if not self._networks:
            return False
        address = ip_address(host)
        version, number = address.version, int(address)
        return any(
            known == version and number >> shift in networks
            for (known, shift), networks in self._networks.items()
        )


def guard_of(gateways: Mapping[str, Gateway]) -> GatewayGuard | None:
    """The guard of these gateways; None without any."""
    return GatewayGuard(gateways.values()) if gateways else None


def port_of(uri: Uri) -> int:
    """The port that a URI means."""
    secure = uri.scheme == "sips" or uri.transport == "tls"
    return uri.port or default_port("TLS" if secure else "UDP")
