"""Tells the engine when a registered phone is reached by another datagram flow than before, so that
its calls in progress follow it. Connections that end are `flow_bindings`'."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.registrar.binding import Binding
from offhook.storage.protocols import BindingStore

__all__ = ["FlowMoves"]

Moved = Callable[[str, str], None]  # (name before, name now)


class FlowMoves:
    """Watches one store. `moved` is told of each move, and (name, name) of a flow that is new."""

    def __init__(self, store: BindingStore, moved: Moved) -> None:
        self._moved = moved
        store.watch(self._changed)

    def _changed(self, _aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        if len(before) == len(after) == 1 and before[0].flow == after[0].flow:
            return  # a refresh
        left = {each.flow: each for each in before if each.by_flow and each.flow[:4] == "udp/"}
        for binding in after:
            left.pop(binding.flow, None)
        known = {each.flow for each in before}
        for binding in after:
            if binding.flow in known:
                continue
            self._moved(binding.flow, binding.flow)
            for old in left.values():
                if _same_phone(old, binding):
                    self._moved(old.flow, binding.flow)


def _same_phone(one: Binding, other: Binding) -> bool:
    """As the registrar has it when one binding takes the place of another."""
    if one.instance or other.instance:
        return one.instance == other.instance
    return one.contact == other.contact or one.call_id == other.call_id
