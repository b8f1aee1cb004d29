"""Ways out: flows by name and by destination, connections being opened, names being looked up.

Asks the driver through `Open` and `Resolve` and hands the answers to whoever waits. Decides nothing
about what to try next: that is `proxy.branch` for forks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from offhook.engine.actions import Action, Open, Resolve
from offhook.engine.aliases import Aliases
from offhook.engine.moved_flows import MovedFlows
from offhook.transaction.owner import ClientTransaction
from offhook.transport.flow import RELIABLE, Address, Flow, Listener
from offhook.transport.locate import PREFERENCE, expand, questions
from offhook.transport.next_hop import NextHop
from offhook.transport.records import Answer
from offhook.transport.standing import Standing

__all__ = ["Seeker", "Ways"]

MAX_REMEMBERED = 20_000  # UDP destinations; past it all are forgotten and found again
MAX_PLACES = 1024  # local addresses of flow names, which old bindings may hold


class Seeker(Protocol):
    """Someone who waits for a way."""

    def flow_ready(self, flow: Flow, now: float) -> None:
        """Here it is."""

    def way_failed(self, status: int, now: float) -> None:
        """There is none: 503 refused or unreachable, 480 a dead connection."""

    def resolved(self, hops: Sequence[NextHop], now: float) -> None:
        """What a name leads to, addresses or names in turn; none if it leads nowhere."""


@dataclass(slots=True)
class _LookUp:
    """One hop whose questions are being asked."""

    seeker: Seeker
    profile: str
    hop: NextHop
    draw: Callable[[], float]


class Ways:
    """The flows that can be used now."""

    def __init__(self, actions: list[Action], standing: Standing | None = None) -> None:
        self._actions = actions
        self._connections: dict[str, Flow] = {}  # by name
        self._datagram: dict[
            tuple[str, str, Address], Flow
        ] = {}  # by (profile, local or "", remote)
        self._streams: dict[
            tuple[str, str, Address, str], Flow
        ] = {}  # opened by us, by destination
        self.aliases = Aliases()
        self._users: dict[str, dict[ClientTransaction, None]] = {}  # by name of their connection
        self._listeners: list[Listener] = []
        self._profiles: dict[str, str] = {}  # by transport and local address of a flow name
        self._opening: dict[int, tuple[Seeker, Open]] = {}
        self._looking: dict[int, _LookUp] = {}
        self._ticket = 0
        self.standing = standing or Standing()
        self.moved = MovedFlows()

    # flows ---------------------------------------------------------------------------------------
    def add(self, flow: Flow) -> None:
        """A connection is open."""
        self._connections[flow.name] = flow

    def alive(self, flow: Flow) -> bool:
        """False for a connection that has ended."""
        return not flow.connection or flow.name in self._connections

    def named(self, name: str) -> bool:
        """True if a connection of this name is open."""
        return name in self._connections

    def idle(self, name: str) -> Flow | None:
        """The open connection of that name, if no client transaction uses it."""
        return None if name in self._users else self._connections.get(name)

    def use(self, machine: ClientTransaction) -> None:
        """A client transaction waits for what comes back; it hears of the end of its connection."""
        if machine.flow.reliable:
            self._users.setdefault(machine.flow.name, {})[machine] = None

    def release(self, machine: ClientTransaction) -> None:
        """It has ended."""
        users = self._users.get(machine.flow.name)
        if users is not None:
            users.pop(machine, None)
            if not users:
                del self._users[machine.flow.name]

    def lose(self, flow: Flow) -> list[ClientTransaction]:
        """A connection has ended; the client transactions that used it, in their order."""
        self._connections.pop(flow.name, None)
        self.aliases.lose(flow)
        for key, known in list(self._streams.items()):
            if known is flow:
                del self._streams[key]
        return list(self._users.pop(flow.name, ()))

    def connections(self) -> Sequence[Flow]:
        """The open connections."""
        return list(self._connections.values())

    def add_listener(self, listener: Listener) -> None:
        """A listener of ours, by which flows belong to profiles."""
        self._listeners.append(listener)
        self._profiles.clear()

    def profile_of(self, name: str) -> str:
        """The profile whose listener a flow of this name came by, "" if there is none."""
        place = name[: name.find("/", name.find("/") + 1)]
        profile = self._profiles.get(place)
        if profile is None:
            if len(self._profiles) >= MAX_PLACES:
                self._profiles.clear()
            profile = self._profiles[place] = self._listener_profile(place)
        return profile

    def _listener_profile(self, place: str) -> str:
        transport, _, local = place.partition("/")
        address = _address(local)
        if address is None:
            return ""
        for listener in self._listeners:
            if (listener.transport, listener.port) != (transport.upper(), address[1]):
                continue
            if listener.wildcard or listener.host == address[0]:
                return listener.profile
        return ""

    def find(self, seeker: Seeker, profile: str, name: str, now: float) -> bool:
        """Look for a flow by its name; False if that is a connection that is gone, or none."""
        flow = self._connections.get(name)
        if flow is not None:
            seeker.flow_ready(flow, now)
            return True
        if self.moved and self.moved.now(name) != name:
            return self.find(seeker, profile, self.moved.now(name), now)
        parts = name.split("/")
        if len(parts) != 3 or parts[0] != "udp":
            return False
        local, remote = _address(parts[1]), _address(parts[2])
        if local is None or remote is None:
            return False
        profile = self.profile_of(name) or profile  # whose listener has that local address
        self.open(seeker, Open(0, profile, "UDP", remote, local=local[0]), now)
        return True

    def reach(
        self, seeker: Seeker, profile: str, hop: NextHop, now: float, *, local: str = ""
    ) -> None:
        """Find or make a flow to a literal address; a datagram one from `local`, where that is of
        the same IP version."""
        address = (hop.host, hop.port)
        if hop.transport != "UDP" or (":" in local) != (":" in hop.host):
            local = ""
        if hop.transport == "UDP":
            known = self._datagram.get((profile, local, address))
            if known is not None:
                seeker.flow_ready(known, now)
                return
            if local and not self._may_send_from(profile, local):
                local = ""
        name = hop.server_name if hop.transport == "TLS" else ""
        request = Open(0, profile, hop.transport, address, local=local, server_name=name)
        self.open(seeker, request, now)

    def _may_send_from(self, profile: str, local: str) -> bool:
        """False for an address of the storage's past, or of another server that shares it."""
        own = [
            each for each in self._listeners if (each.profile, each.transport) == (profile, "UDP")
        ]
        return not own or any(each.wildcard or each.host == local for each in own)

    def open(self, seeker: Seeker, request: Open, now: float) -> None:
        """As `reach`, with everything said; the ticket is filled in here."""
        if request.transport in RELIABLE:
            stream_key = _stream_key(request)
            flow = self._streams.get(stream_key) or self.aliases.find(request)
        else:
            flow = self._datagram.get((request.profile, request.local, request.destination))
        if flow is not None:
            seeker.flow_ready(flow, now)
            return
        self._ticket += 1
        request.ticket = self._ticket
        self._opening[request.ticket] = (seeker, request)
        self._actions.append(request)

    def opened(self, ticket: int, flow: Flow, now: float) -> None:
        """The driver's answer to `Open`."""
        waiting = self._opening.pop(ticket, None)
        if flow.connection:
            self.add(flow)
        if waiting is None:
            return
        seeker, request = waiting
        self._remember(request, flow)
        seeker.flow_ready(flow, now)

    def failed(self, ticket: int, now: float) -> None:
        """The driver's other answer to `Open`."""
        waiting = self._opening.pop(ticket, None)
        if waiting is not None:
            waiting[0].way_failed(503, now)

    # names ---------------------------------------------------------------------------------------
    def look_up(
        self, seeker: Seeker, profile: str, hop: NextHop, draw: Callable[[], float]
    ) -> None:
        """Ask where a hop that is no address leads (RFC 3263); `draw` chooses among servers."""
        self._ticket += 1
        self._looking[self._ticket] = _LookUp(seeker, profile, hop, draw)
        self._actions.append(Resolve(self._ticket, questions(hop)))

    def resolved(self, ticket: int, answers: Sequence[Answer], now: float) -> None:
        """The driver's answer to `Resolve`."""
        asked = self._looking.pop(ticket, None)
        if asked is None:
            return
        hops = expand(asked.hop, answers, self.transports(asked.profile), asked.draw)
        reachable = [hop for hop in hops if self._can_reach(asked.profile, hop)]
        asked.seeker.resolved(reachable, now)

    def transports(self, profile: str) -> tuple[str, ...]:
        """Those that a profile listens on, the preferred first: others could not lead back to it.
        All of a client, which listens on none."""
        own = {each.transport for each in self._listeners if each.profile == profile}
        if not own:
            return PREFERENCE
        # a profile for browsers alone connects to others all the same
        return tuple([name for name in PREFERENCE if name in own]) or ("TCP", "TLS")

    def _can_reach(self, profile: str, hop: NextHop) -> bool:
        """False for an address of an IP version that the profile does not listen on."""
        if not hop.literal:
            return True
        ipv6 = ":" in hop.host
        own = [
            each.ipv6
            for each in self._listeners
            if each.profile == profile and each.transport == hop.transport
        ]
        return not own or ipv6 in own

    @property
    def waiting(self) -> int:
        """How many answers are awaited."""
        return len(self._opening) + len(self._looking)

    def _remember(self, request: Open, flow: Flow) -> None:
        if request.transport in RELIABLE:
            self._streams[_stream_key(request)] = flow
            return
        if len(self._datagram) >= MAX_REMEMBERED:
            self._datagram.clear()
        self._datagram[(request.profile, request.local, request.destination)] = flow


def _stream_key(request: Open) -> tuple[str, str, Address, str]:
    return (request.profile, request.transport, request.destination, request.server_name)


def _address(text: str) -> Address | None:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    return (host.strip("[]"), int(port))
