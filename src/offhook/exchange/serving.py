"""What an exchange has while a server runs it: engine, stores, clocks, policies, names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from offhook.auth.bans import Bans
from offhook.engine.engine import Engine
from offhook.errors import UriError
from offhook.exchange.counters import Counters
from offhook.exchange.profile import Gateway, Profile
from offhook.message.uri import Uri, parse_uri
from offhook.storage.protocols import AccountStore, BindingStore, ImmediateBindingStore
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
    accounts: AccountStore
    profiles: Mapping[str, Profile]
    gateways: Mapping[str, Gateway]
    domains: frozenset[str]
    default_domain: str
    bans: Bans
    random_hex: Callable[[], str]
    counters: Counters = field(default_factory=Counters)
    _aors: dict[str, str] = field(default_factory=dict)

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
        """As `aor`, for a URI as text; "" for one that cannot be parsed."""
        found = self._aors.get(text)
        if found is None:
            try:
                found = self.aor(parse_uri(text))
            except UriError:
                return ""
            if found:
                if len(self._aors) >= AOR_CACHE:
                    self._aors.clear()
                self._aors[text] = found
        return found

    def gateway_at(self, host: str) -> Gateway | None:
        """The gateway that sends from this address."""
        for gateway in self.gateways.values():
            if gateway.is_peer(host):
                return gateway
        return None
