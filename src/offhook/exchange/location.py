"""Look-ups in the location service, for programs and for the built-in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.exchange.serving import Serving
from offhook.exchange.targets import binding_target
from offhook.message.uri import Uri
from offhook.proxy.target import Target
from offhook.registrar.binding import Binding
from offhook.registrar.lookup import targets

__all__ = ["Location", "lookup_now", "phones_of"]


def phones_of(bindings: Sequence[Binding], unix: float) -> list[Target]:
    """The phones of an AoR, by falling q; one target an instance, with its flows newest first."""
    if not bindings:
        return []
    return [binding_target(ways) for group in targets(bindings, unix) for ways in group]


def lookup_now(serving: Serving, aor: str) -> list[Target] | None:
    """The phones of an AoR if the store answers without waiting, else None."""
    store = serving.immediate
    return None if store is None else phones_of(store.lookup_now(aor), serving.clock.unix())


class Location:
    """`exchange.location`. Its methods raise NotServing outside a running server and StorageError
    if the store fails."""

    def __init__(self, serving: Callable[[], Serving]) -> None:
        self._serving = serving

    async def lookup(self, uri: Uri | str) -> list[Target]:
        """Where the user of this URI can be reached now, by falling q; [] for nobody and for URIs
        that are not ours."""
        serving = self._serving()
        aor = serving.aor_of(uri) if isinstance(uri, str) else serving.aor(uri)
        if not aor:
            return []
        return phones_of(await serving.bindings.lookup(aor), serving.clock.unix())

    async def bindings(self, uri: Uri | str) -> Sequence[Binding]:
        """The bindings themselves, expired ones left out."""
        serving = self._serving()
        aor = serving.aor_of(uri) if isinstance(uri, str) else serving.aor(uri)
        unix = serving.clock.unix()
        found = await serving.bindings.lookup(aor) if aor else ()
        return [binding for binding in found if binding.expires > unix]
