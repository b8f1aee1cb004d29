"""Profiles and gateways as routing sees them: listeners with one policy, and far servers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from offhook.auth.server import DigestGuard
from offhook.registrar.registration import RegistrarPolicy
from offhook.transport.certificate_names import proves
from offhook.transport.flow import Flow

__all__ = ["Gateway", "Profile"]

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Profile:
    """The policy of a set of listeners."""

    name: str
    authenticate: bool  # challenge requests from here
    registrar: bool  # accept REGISTER here
    guard: DigestGuard  # challenges with the algorithms of this profile
    policy: RegistrarPolicy = field(default_factory=RegistrarPolicy)
    redirect: bool = False  # follow 3xx responses to users of ours

    @property
    def open(self) -> bool:
        """An exchange for labs: users register and call each other unchallenged."""
        return self.registrar and not self.authenticate


@dataclass(frozen=True, slots=True)
class Gateway:
    """A far server that takes our calls, and whose `peers` may call our users, and whoever proves
    one of its `names` on a TLS connection to its profile. A target of forks.

    As a target it gets the user part of the request's URI at its own host.
    """

    name: str
    uri: str
    profile: str
    username: str = ""
    password: Callable[[], str] = field(default=str, repr=False)
    peers: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()  # lower case

    def sent(self, flow: Flow) -> bool:
        """True if what comes by this flow comes from the gateway: by its address, or by its
        verified certificate (RFC 5922 7.4)."""
        if self.is_peer(flow.remote[0]):
            return True
        if not flow.identities or flow.profile != self.profile:
            return False
        return any(proves(flow.identities, name) for name in self.names)

    def is_peer(self, host: str) -> bool:
        """True if a packet from this address comes from the gateway."""
        address = ip_address(host)
        return any(address in network for network in self.peers)
