"""From what programs write (URIs, bindings, gateways) to targets of the proxy core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offhook.errors import UriError, UsageError
from offhook.exchange.credentials import gateway_authorize
from offhook.exchange.profile import Gateway
from offhook.exchange.serving import Serving
from offhook.exchange.sips import contact_for, gateway_uri
from offhook.message.uri import Uri, parse_uri
from offhook.proxy.target import Target
from offhook.registrar.binding import Binding
from offhook.transport.secure import as_sip, is_sips

__all__ = ["TargetLike", "binding_target", "grouped", "make_target"]

TargetLike = str | Uri | Binding | Gateway | Target


def make_target(like: TargetLike, request_uri: str, serving: Serving) -> Target:
    """One target. Raises UsageError for a text that is no SIP URI."""
    if isinstance(like, Target):
        return like
    secure = is_sips(request_uri)
    if isinstance(like, Binding):
        return binding_target((like,), secure=secure)
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
    if uri.is_secure and not secure:  # RFC 5630 5.3: TLS to there, and sip in the request
        return Target(as_sip(text), next_hop=text)
    return Target(text)


def binding_target(ways: Sequence[Binding], *, secure: bool = False) -> Target:
    """One phone with its ways, the newest first. `secure`: for a request to a sips URI."""
    first = _way(ways[0], secure)
    if len(ways) > 1:
        first.alternatives = tuple([_way(binding, secure) for binding in ways[1:]])
    return first


def _way(binding: Binding, secure: bool) -> Target:
    flow = binding.flow
    uri = contact_for(binding.contact, secure=secure)
    if not binding.by_flow and flow.startswith("udp/"):
        # from the address that it registered at: what is in between may let in no other
        local = flow[4 : flow.find("/", 4)].rpartition(":")[0].strip("[]")
        return Target(
            uri, path=binding.path, q=binding.q, origin=flow, local=local, aor=binding.aor
        )
    return Target(
        uri,
        origin=flow,
        aor=binding.aor,
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
    uri = gateway_uri(uri, secure=asked.is_secure)
    authorize = gateway_authorize(gateway, serving.random_hex) if gateway.username else None
    way = "" if uri.scheme == own.scheme else gateway.uri
    return Target(str(uri), profile=gateway.profile, authorize=authorize, next_hop=way)


def grouped(targets: Iterable[Target], *, by_q: bool) -> list[list[Target]]:
    """One group, or one for each q, the highest first (RFC 3261 16.6)."""
    every = list(targets)
    if not by_q:
        return [every] if every else []
    groups: dict[int, list[Target]] = {}
    for target in every:
        groups.setdefault(target.q, []).append(target)
    return [groups[q] for q in sorted(groups, reverse=True)]
