"""Which bindings live on which connection, so that they go when it goes (RFC 5626 5.3: flow and
binding are one).

A binding that only its connection reaches is removed at once; one that came over plain TCP stays,
since its Contact may be connected to.
"""

from __future__ import annotations

from collections.abc import Sequence

from offhook.registrar.binding import Binding
from offhook.storage.protocols import ImmediateBindingStore

__all__ = ["FlowBindings"]


class FlowBindings:
    """An index of one store, kept by watching it."""

    def __init__(self, store: ImmediateBindingStore) -> None:
        self._store = store
        self._aors: dict[str, set[str]] = {}  # by flow name
        store.watch(self._changed)

    def lost(self, flow: str) -> int:
        """A connection has ended: remove what only it reached; how many bindings that were."""
        aors = self._aors.pop(flow, None)
        removed = 0
        for aor in sorted(aors or ()):
            removed += self._store.update_now(aor, _Without(flow))
        return removed

    def _changed(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        for binding in before:
            if _bound(binding) and binding.flow in self._aors:
                self._aors[binding.flow].discard(aor)
                if not self._aors[binding.flow]:
                    del self._aors[binding.flow]
        for binding in after:
            if _bound(binding):
                self._aors.setdefault(binding.flow, set()).add(aor)


class _Without:
    """The change that removes the bindings of one flow."""

    def __init__(self, flow: str) -> None:
        self._flow = flow

    def __call__(self, bindings: Sequence[Binding]) -> tuple[int, Sequence[Binding]]:
        left = [each for each in bindings if not (_bound(each) and each.flow == self._flow)]
        return len(bindings) - len(left), left


def _bound(binding: Binding) -> bool:
    return binding.by_flow and not binding.flow.startswith("udp/")
