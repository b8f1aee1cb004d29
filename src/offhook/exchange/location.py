"""Look-ups in the location service, for programs and for the built-in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.exchange.serving import Serving
from offhook.exchange.sips import reachable
from offhook.exchange.targets import binding_target
from offhook.message.uri import Uri
from offhook.proxy.target import Target
from offhook.registrar.binding import Binding
from offhook.registrar.gruu import Gruu
from offhook.registrar.lookup import targets
from offhook.transport.secure import is_sips

__all__ = ["Location", "lookup_now", "phones_of"]


def phones_of(
    bindings: Sequence[Binding], unix: float, gruu: Gruu | None = None, *, secure: bool = False
) -> list[Target]:
    """The phones of an AoR, by falling q; one target an instance, with its flows newest first. A
    GRUU leaves one at most. `secure`: for a request to a sips URI, which phones with a sip Contact
    do not get (RFC 5630 5.3)."""
    if gruu is not None:
        bindings = gruu.bindings(bindings, unix)
    if not bindings:
        return []
    bindings = reachable(bindings, secure=secure)
    groups = targets(bindings, unix)
    return [binding_target(ways, secure=secure) for group in groups for ways in group]


def lookup_now(
    serving: Serving, aor: str, gruu: Gruu | None = None, *, secure: bool = False
) -> list[Target] | None:
    """The phones of an AoR, or the one that a GRUU names, if the store answers without waiting,
    else None."""
    store = serving.immediate
    if store is None:
        return None
    return phones_of(store.lookup_now(aor), serving.clock.unix(), gruu, secure=secure)


class Location:
    """`exchange.location`. Its methods raise NotServing outside a running server and StorageError
    if the store fails."""

    def __init__(self, serving: Callable[[], Serving]) -> None:
        self._serving = serving

    async def lookup(self, uri: Uri | str) -> list[Target]:
        """Where the user of this URI can be reached now, by falling q; [] for nobody and for URIs
        that are not ours. A GRUU is one phone of the user (RFC 5627); by a sips URI only phones
        that registered with one are reached (RFC 5630)."""
        serving = self._serving()
        text = str(uri)
        aor = serving.aor_of(text)
        if not aor:
            return []
        found = await serving.bindings.lookup(aor)
        gruu = serving.gruu_of(text)
        return phones_of(found, serving.clock.unix(), gruu, secure=is_sips(text))

    async def bindings(self, uri: Uri | str) -> Sequence[Binding]:
        """The bindings of the user themselves, expired ones left out."""
        serving = self._serving()
        aor = serving.aor_of(str(uri))
        unix = serving.clock.unix()
        found = await serving.bindings.lookup(aor) if aor else ()
        return [binding for binding in found if binding.expires > unix]
