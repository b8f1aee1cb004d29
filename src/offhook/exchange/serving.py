"""What an exchange has while a server runs it: engine, stores, clocks, policies, names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from offhook.auth.bans import Bans
from offhook.engine.engine import Engine
from offhook.errors import UriError
from offhook.exchange.counters import Counters
from offhook.exchange.flow_bindings import FlowBindings
from offhook.exchange.gateway_guard import GatewayGuard, guard_of
from offhook.exchange.profile import Gateway, Profile
from offhook.exchange.rewritten import Rewritten
from offhook.message.uri import Uri, parse_uri
from offhook.registrar.gruu import Gruu, Gruus
from offhook.storage.protocols import AccountStore, BindingStore, ImmediateBindingStore
from offhook.transport.flow import Flow
from offhook.transport.next_hop import is_literal

__all__ = ["Clock", "Serving"]

AOR_CACHE = 20_000  # URIs of ours remembered with their AoR


@dataclass(frozen=True, slots=True)
class Clock:
    """Two clocks: `now` is monotonic, `unix` outlives the process."""

    now: Callable[[], float]
    unix: Callable[[], float]


@dataclass(slots=True)
class Serving:
    """One running server as its exchange sees it. `flush` makes what was decided outside an event
    leave at once."""

    engine: Engine
    clock: Clock
    flush: Callable[[], None]
    bindings: BindingStore
    immediate: ImmediateBindingStore | None  # the same store if it answers without waiting
    flows: FlowBindings
    gruus: Gruus
    accounts: AccountStore
    profiles: Mapping[str, Profile]
    gateways: Mapping[str, Gateway]
    domains: frozenset[str]
    default_domain: str
    bans: Bans
    random_hex: Callable[[], str]
    counters: Counters = field(default_factory=Counters)
    rewritten: Rewritten = field(default_factory=Rewritten)
    guarded: GatewayGuard | None = field(init=False)  # None without gateways
    _aors: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.guarded = guard_of(self.gateways)

    def aor(self, uri: Uri) -> str:
        """The canonical AoR of a URI of ours: in one of our domains, or at a listener's address
        (that is the first domain). "" if it is not ours."""
        if uri.scheme not in ("sip", "sips"):
            return ""
        if uri.host in self.domains and (uri.port is None or not is_literal(uri.host)):
            return uri.aor()
        port = uri.port or (5061 if uri.scheme == "sips" or uri.transport == "tls" else 5060)
        if self.engine.own_address(uri.host, port):
            host = uri.host if uri.host in self.domains else self.default_domain
            return uri.replace(host=host, port=0).aor()
        return ""

    def aor_of(self, text: str) -> str:
        """As `aor`, for a URI as text; "" for one that cannot be parsed. Of a temporary GRUU it is
        the AoR that the GRUU hides."""
        found = self._aors.get(text)
        if found is None:
            try:
                found = self.aor(parse_uri(text))
            except UriError:
                return ""
            gruu = self.gruu_of(text)
            if gruu is not None:
                found = gruu.aor
            if found:
                if len(self._aors) >= AOR_CACHE:
                    self._aors.clear()
                self._aors[text] = found
        return found

    def gruu_of(self, text: str) -> Gruu | None:
        """The GRUU of ours that this is: one phone of an AoR (RFC 5627). One that we did not make
        names nobody. None for other URIs."""
        if ";gr" not in text.lower():
            return None
        try:
            uri = parse_uri(text)
        except UriError:
            return None
        aor = self.aor(uri) if "gr" in uri.parameters else ""
        if not aor:
            return None
        gruu = self.gruus.read(uri) or Gruu(aor)
        return gruu if gruu.temporary else replace(gruu, aor=aor)

    def gateway_of(self, flow: Flow) -> Gateway | None:
        """The gateway that sends by this flow."""
        for gateway in self.gateways.values():
            if gateway.sent(flow):
                return gateway
        return None
