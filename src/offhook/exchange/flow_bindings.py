"""Which bindings live on which connection, so that they go when it goes (RFC 5626 5.3: flow and
binding are one), and where the phone of a connection that has ended lives now.

A binding that only its connection reaches is removed at once; one that came over plain TCP stays,
since its Contact may be connected to. What lived on a connection is remembered a while longer: a
dialog that was routed over it goes on over the connection that the same phone registers next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offhook.exchange.endings import because
from offhook.registrar.binding import Binding
from offhook.storage.protocols import ImmediateBindingStore

__all__ = ["FlowBindings"]

# phones of connections that they have left: 20 MB; the oldest are forgotten first
REMEMBERED = 50_000
TENANTS = 1000  # of one connection, all of which may be looked through for one request


@dataclass(frozen=True, slots=True)
class _Tenant:
    """Whose binding lived on a connection, and what tells that phone from others of its AoR."""

    aor: str
    contact: str
    instance: str
    call_id: str

    def is_on(self, binding: Binding) -> bool:
        """True if the binding is the same phone's."""
        if self.instance or binding.instance:
            return self.instance == binding.instance
        return self.contact == binding.contact or self.call_id == binding.call_id


class FlowBindings:
    """An index of one store, kept by watching it. `close` is told the name of a connection that its
    phone has replaced by another one, if nobody else is bound to it."""

    def __init__(
        self, store: ImmediateBindingStore, close: Callable[[str], object] | None = None
    ) -> None:
        self._store = store
        self._close = close
        self._aors: dict[str, set[str]] = {}  # by flow name
        # by name of a flow that has lost its bindings
        self._former: dict[str, dict[_Tenant, None]] = {}
        self._remembered = 0  # tenants of all of them
        store.watch(self._changed)

    def lost(self, flow: str) -> int:
        """A connection has ended: remove what only it reached; how many bindings that were."""
        aors = self._aors.pop(flow, None)
        removed = 0
        with because("deactivated"):
            for aor in sorted(aors or ()):
                removed += self._store.update_now(aor, _Without(flow))
        return removed

    def failed(self, aor: str, path: Sequence[str], is_it: Callable[[str], bool]) -> int:
        """The edge that a Path leads to has lost its flow to a contact (`is_it` knows it by its
        URI): the binding goes as if the flow had been ours. How many they were."""
        with because("deactivated"):
            return self._store.update_now(aor, _WithoutPath(tuple(path), is_it))

    def heir(self, flow: str, contact: str, alive: Callable[[str], bool]) -> Binding | None:
        """The newest binding of the phone that registered over `flow`, which is gone: only of the
        same AoR, and only if it can be reached by a flow that is alive, or without one.

        `contact` is how the dialog names the phone. It counts where several AoRs had that
        connection: what is one user's is never another's.
        """
        tenants = list(self._former.get(flow, ()))
        if any(tenant.aor != tenants[0].aor for tenant in tenants):
            tenants = [tenant for tenant in tenants if tenant.contact == contact]
        for tenant in sorted(tenants, key=lambda tenant: tenant.contact != contact):
            ways = [each for each in self._store.lookup_now(tenant.aor) if tenant.is_on(each)]
            for binding in sorted(ways, key=lambda binding: -binding.registered):
                if binding.path or alive(binding.flow):
                    return binding
        return None

    def _changed(self, aor: str, before: Sequence[Binding], after: Sequence[Binding]) -> None:
        for binding in before:
            flow = binding.flow
            if _ends(binding) and all(each.flow != flow for each in after):
                self._leave(aor, flow)
                self._remember(binding)
                if self._close is not None and flow not in self._aors and _replaced(binding, after):
                    self._close(flow)
        for binding in after:
            if _ends(binding):
                self._aors.setdefault(binding.flow, set()).add(aor)

    def _leave(self, aor: str, flow: str) -> None:
        aors = self._aors.get(flow)
        if aors is not None:
            aors.discard(aor)
            if not aors:
                del self._aors[flow]

    def _remember(self, binding: Binding) -> None:
        tenant = _Tenant(binding.aor, binding.contact, binding.instance, binding.call_id)
        tenants = self._former.setdefault(binding.flow, {})
        if tenant not in tenants:
            tenants[tenant] = None
            self._remembered += 1
            if len(tenants) > TENANTS:
                self._forget_oldest(binding.flow)
            elif self._remembered > REMEMBERED:
                self._forget_oldest(next(iter(self._former)))

    def _forget_oldest(self, flow: str) -> None:
        tenants = self._former[flow]
        del tenants[next(iter(tenants))]
        self._remembered -= 1
        if not tenants:
            del self._former[flow]


class _Without:
    """The change that removes the bindings of one flow."""

    def __init__(self, flow: str) -> None:
        self._flow = flow

    def __call__(self, bindings: Sequence[Binding]) -> tuple[int, Sequence[Binding]]:
        left = [each for each in bindings if not (_bound(each) and each.flow == self._flow)]
        return len(bindings) - len(left), left


class _WithoutPath:
    """The change that removes a contact behind an edge."""

    def __init__(self, path: tuple[str, ...], is_it: Callable[[str], bool]) -> None:
        self._path = path
        self._is_it = is_it

    def __call__(self, bindings: Sequence[Binding]) -> tuple[int, Sequence[Binding]]:
        left = [
            each for each in bindings if each.path != self._path or not self._is_it(each.contact)
        ]
        return len(bindings) - len(left), left


def _ends(binding: Binding) -> bool:
    """True if its flow can be lost: a connection, or a datagram flow that its phone keeps alive."""
    return binding.flow[:4] != "udp/" or (binding.by_flow and binding.reg_id > 0)


def _bound(binding: Binding) -> bool:
    return binding.by_flow and _ends(binding)


def _replaced(binding: Binding, after: Sequence[Binding]) -> bool:
    """True if the phone has the same flow (RFC 5626 6: instance and reg-id) over another connection
    now."""
    return (
        bool(binding.instance)
        and binding.reg_id > 0
        and any(
            each.instance == binding.instance and each.reg_id == binding.reg_id for each in after
        )
    )
