"""From bindings to targets: who is rung, in which order, over which flows (RFC 3261 16.6, RFC 5626
7)."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.registrar.binding import Binding

__all__ = ["Group", "targets"]

Group = tuple[Binding, ...]
"""The ways to one phone, the newest first: tried in series, never at once."""


def targets(bindings: Sequence[Binding], now: float) -> list[list[Group]]:
    """The phones of an address-of-record by q, the highest first; those of one q may ring together.

    Bindings of one +sip.instance are one phone, with the q of its newest binding; a binding without
    instance stands alone. Left out are expired ones (`now` is in Unix seconds) and contacts that
    are no SIP URI, which no request can be sent to.
    """
    if len(bindings) == 1:
        only = bindings[0]
        return [[(only,)]] if only.expires > now and _is_sip(only.contact) else []
    live = [binding for binding in bindings if binding.expires > now and _is_sip(binding.contact)]
    phones: dict[tuple[str, str], list[Binding]] = {}
    for binding in live:
        key = (binding.instance, "" if binding.instance else binding.contact)
        phones.setdefault(key, []).append(binding)
    by_q: dict[int, list[Group]] = {}
    for ways in phones.values():
        ways.reverse()  # of bindings of one instant the one stored last is the newest
        ways.sort(key=lambda binding: -binding.registered)
        by_q.setdefault(ways[0].q, []).append(tuple(ways))
    return [by_q[q] for q in sorted(by_q, reverse=True)]


def _is_sip(uri: str) -> bool:
    return uri[:4] == "sip:" or uri[:4].lower() == "sip:" or uri[:5].lower() == "sips:"
