"""Does an address belong to a gateway? Only routing may lead to one; Contacts and route tokens may
not, or any user could call at its owner's expense (toll fraud)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from offhook.errors import UriError
from offhook.exchange.profile import Gateway
from offhook.message.uri import Uri, parse_uri
from offhook.transport.certificate_names import proves
from offhook.transport.next_hop import is_literal
from offhook.transport.via import default_port

__all__ = ["guard_of", "leads_to_gateway", "port_of"]

SIP_PORTS = (5060, 5061)


def guard_of(gateways: Mapping[str, Gateway]) -> Callable[[str, int], bool] | None:
    """`leads_to_gateway` for these gateways; None without any."""
    if not gateways:
        return None
    return lambda host, port: leads_to_gateway(gateways, host, port)


def leads_to_gateway(gateways: Mapping[str, Gateway], host: str, port: int) -> bool:
    """True for the name of a gateway, also one that its certificate has, and for its address or one
    of its peers' at a port where it takes calls: its own, 5060 or 5061; a phone may live at another
    one. Port 0 is any."""
    return any(_is(gateway, host.lower(), port) for gateway in gateways.values())


def port_of(uri: Uri) -> int:
    """The port that a URI means."""
    secure = uri.scheme == "sips" or uri.transport == "tls"
    return uri.port or default_port("TLS" if secure else "UDP")


def _is(gateway: Gateway, host: str, port: int) -> bool:
    try:
        own = parse_uri(gateway.uri)
    except UriError:
        return False
    if not is_literal(host):
        names = gateway.names | {own.host}
        if not host.startswith("*."):  # an identity of a certificate, where wildcards are allowed
            return host in names
        return any(proves(frozenset({host}), name) for name in names)
    if port and port != port_of(own) and port not in SIP_PORTS:
        return False
    return host == own.host or gateway.is_peer(host)
