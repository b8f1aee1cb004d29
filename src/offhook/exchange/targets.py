"""From what programs write (URIs, bindings, gateways) to targets of the proxy core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offhook.errors import UriError, UsageError
from offhook.exchange.credentials import gateway_authorize
from offhook.exchange.profile import Gateway
from offhook.exchange.serving import Serving
from offhook.message.uri import Uri, parse_uri
from offhook.proxy.target import Target
from offhook.registrar.binding import Binding

__all__ = ["TargetLike", "binding_target", "grouped", "make_target"]

TargetLike = str | Uri | Binding | Gateway | Target


def make_target(like: TargetLike, request_uri: str, serving: Serving) -> Target:
    """One target. Raises UsageError for a text that is no SIP URI."""
    if isinstance(like, Target):
        return like
    if isinstance(like, Binding):
        return binding_target((like,))
    if isinstance(like, Gateway):
        return _gateway_target(like, request_uri, serving)
    text = like if isinstance(like, str) else str(like)
    try:
        uri = parse_uri(text)
    except UriError as error:
        raise UsageError(
            f'fork("{text}"): {error.reason}; write a URI such as sip:bob@host'
        ) from None
    if uri.scheme not in ("sip", "sips"):
        raise UsageError(f'fork("{text}"): only sip: and sips: URIs can be forked to')
    return Target(text)


def binding_target(ways: Sequence[Binding]) -> Target:
    """One phone with its ways, the newest first."""
    first = _way(ways[0])
    if len(ways) > 1:
        first.alternatives = tuple([_way(binding) for binding in ways[1:]])
    return first


def _way(binding: Binding) -> Target:
    flow = binding.flow
    if not binding.by_flow and flow.startswith("udp/"):
        # from the address that it registered at: what is in between may let in no other
        local = flow[4 : flow.find("/", 4)].rpartition(":")[0].strip("[]")
        return Target(binding.contact, path=binding.path, q=binding.q, origin=flow, local=local)
    return Target(
        binding.contact,
        origin=flow,
        flow=flow,
        # such a phone cannot be connected to: its flow is the only way
        by_flow=binding.by_flow and not binding.path and not flow.startswith("udp/"),
        path=binding.path,
        q=binding.q,
    )


def _gateway_target(gateway: Gateway, request_uri: str, serving: Serving) -> Target:
    try:
        asked, own = parse_uri(request_uri), parse_uri(gateway.uri)
    except UriError as error:
        raise UsageError(f"gateway {gateway.name}: {error.reason}") from None
    uri = own if own.user or not asked.user else own.replace(user=asked.user_unescaped)
    authorize = gateway_authorize(gateway, serving.random_hex) if gateway.username else None
    return Target(str(uri), profile=gateway.profile, authorize=authorize)


def grouped(targets: Iterable[Target], *, by_q: bool) -> list[list[Target]]:
    """One group, or one for each q, the highest first (RFC 3261 16.6)."""
    every = list(targets)
    if not by_q:
        return [every] if every else []
    groups: dict[int, list[Target]] = {}
    for target in every:
        groups.setdefault(target.q, []).append(target)
    return [groups[q] for q in sorted(groups, reverse=True)]
