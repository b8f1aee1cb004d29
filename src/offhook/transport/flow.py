"""Listeners and flows: where a message came from and by which way another can go back (RFC 5626
section 2, RFC 3261 18)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

__all__ = ["RELIABLE", "SECURE", "WEBSOCKET", "Address", "Advertised", "Flow", "Listener"]

# a network of destinations with the host that they are shown, "" = the local address
Advertised = tuple[IPv4Network | IPv6Network, str]
Address = tuple[str, int]  # literal IP address without brackets, port
RELIABLE = frozenset({"TCP", "TLS", "WS", "WSS"})
SECURE = frozenset({"TLS", "WSS"})
# peers connect to us only, and each message of theirs is one of SIP (RFC 7118 5)
WEBSOCKET = frozenset({"WS", "WSS"})
STREAMED = RELIABLE - WEBSOCKET


@dataclass(frozen=True, slots=True)
class Listener:
    """A local socket that waits for messages. `host` may be a wildcard; `port` is the bound one."""

    profile: str
    transport: str  # "UDP", "TCP", "TLS", "WS", "WSS": as in a Via
    host: str
    port: int
    advertise: str = ""  # host that Via and Record-Route show instead of the local address
    advertise_to: tuple[Advertised, ...] = ()  # exceptions from that; the longest prefix counts

    @property
    def wildcard(self) -> bool:
        """True if the listener is bound to every address of its IP version."""
        return self.host in ("0.0.0.0", "::")

    @property
    def ipv6(self) -> bool:
        """True for an IPv6 listener."""
        return ":" in self.host

    @property
    def advertised(self) -> Iterator[str]:
        """Every host that is shown instead of a local address."""
        for host in (self.advertise, *(host for _, host in self.advertise_to)):
            if host:
                yield host

    def shown_to(self, remote: str) -> str:
        """The host that a literal address is shown, "" for the local address.

        An address of the other IP version is shown to nobody: it would lead to another socket.
        """
        found = self.advertise
        if self.advertise_to:
            found = _exception(self.advertise_to, remote, found)
        return found if not found or _reachable(found, ":" in remote) else ""


@lru_cache(4096)
def _exception(rules: tuple[Advertised, ...], remote: str, otherwise: str) -> str:
    address = ip_address(remote.partition("%")[0])
    fitting = [rule for rule in rules if address in rule[0]]
    return max(fitting, key=lambda rule: rule[0].prefixlen)[1] if fitting else otherwise


@lru_cache(256)
def _reachable(host: str, ipv6: bool) -> bool:
    try:
        return (ip_address(host).version == 6) is ipv6
    except ValueError:
        return True  # a name may have addresses of both


class Flow:
    """One way between us and one peer address: a UDP socket with a remote address, or one
    connection.

    Compared by identity. The network makes one object for each way and keeps giving the same one
    while it remembers it.

    `name` survives as text in bindings and route tokens: `udp/LOCAL:PORT/REMOTE:PORT` means the
    same way after a restart, `tcp/LOCAL:PORT/REMOTE:PORT/CONNECTION` names a connection that dies
    with it.
    """

    __slots__ = (
        "connection",
        "framed",
        "identities",
        "listener",
        "local",
        "name",
        "own",
        "profile",
        "reliable",
        "remote",
        "transport",
        "unmasked",
        "via",
    )

    def __init__(
        self, listener: Listener, local: Address, remote: Address, connection: str = ""
    ) -> None:
        self.listener = listener
        self.profile = listener.profile
        self.transport = listener.transport
        self.reliable = listener.transport in RELIABLE
        # each receive is one whole message, whatever its Content-Length says
        self.framed = listener.transport not in STREAMED
        # the address that was hit, never a wildcard; of an outgoing connection the ephemeral port
        self.local = local
        self.remote = remote
        self.connection = connection  # "" over UDP, else unique over restarts of this server
        # the SIP domains that the peer's certificate proves (RFC 5922 7.1); set when it is verified
        self.identities: frozenset[str] = frozenset()
        host, port = self.sent_by()
        self.unmasked = host == local[0]  # what we show is the local address itself
        self.own = _text((host, port))  # HOST:PORT of ours in Via, Record-Route and Contact
        self.via = (
            f"SIP/2.0/{self.transport} {self.own};branch="  # start of every Via that we write
        )
        name = f"{self.transport.lower()}/{_text(local)}/{_text(remote)}"
        self.name = f"{name}/{connection}" if connection else name

    def sent_by(self) -> Address:
        """Host and port that Via, Record-Route and Contact show (RFC 3261 18.1.1): the listener's
        port, never a wildcard."""
        listener = self.listener
        return (listener.shown_to(self.remote[0]) or self.local[0], listener.port)

    def offer_alias(self) -> None:
        """Let the peer send its requests to us by this connection of ours too (RFC 5923 8.1)."""
        self.via = self.via.replace(";branch=", ";alias;branch=")

    def beside(self, remote: Address) -> Flow:
        """The way from the same socket to another address; datagrams only."""
        return Flow(self.listener, self.local, remote)

    def __repr__(self) -> str:
        return f"<Flow {self.name}>"


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
