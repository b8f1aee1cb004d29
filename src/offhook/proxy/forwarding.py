"""The request as it leaves on one branch (RFC 3261 16.6 steps 1-8): Request-URI, Max-Forwards,
Record-Route, Route, Via."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offhook.message.message import Message
from offhook.proxy.breadth import whole_breadth
from offhook.proxy.route_token import ORDINARY, STATELESS, TRUNK, End, RouteToken, seal, tag_hash
from offhook.proxy.target import Edit, Target
from offhook.transport.flow import WEBSOCKET, Flow
from offhook.transport.route_set import bare_uri, replace_routes, route_values
from offhook.transport.secure import is_sips

__all__ = ["RECORD_ROUTED", "Forward", "forward", "record_routes"]

RECORD_ROUTED = frozenset(
    {"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"}
)  # they make dialogs (RFC 3261 16.6 step 4)


@dataclass(slots=True)
class Forward:
    """What all branches of one request have in common."""

    message: Message
    max_forwards: int  # as received
    drop_routes: int
    next_route: str
    edit: Edit | None = None
    max_breadth: int = 0  # of this branch; 0: all that the request has


def forward(
    shared: Forward, target: Target, via: str, routes: Sequence[str], *, path: str = ""
) -> bytes:
    """The bytes of one branch. `via` is the value to push, `routes` are Record-Route values, the
    topmost first, and `path` a Path value to put before others."""
    message = shared.message
    hops = shared.max_forwards - 1
    breadth = shared.max_breadth or whole_breadth(message)
    strict = shared.next_route and ";lr" not in shared.next_route.lower()
    if not target.path and shared.edit is None and not strict and not path:
        return message.forward(
            target.uri,
            via,
            hops,
            drop_routes=shared.drop_routes,
            record_routes=routes,
            max_breadth=breadth,
        )
    message = message.copy()
    message.uri = target.uri
    remaining = list(route_values(message))[shared.drop_routes :]
    values = [*target.path, *remaining]
    if values and ";lr" not in bare_uri(values[0]).lower():
        # RFC 3261 16.6 step 6: a strict router finds itself in the Request-URI and the target at
        # the end of the Route
        values.append(f"<{message.uri}>")
        message.uri = bare_uri(values.pop(0))
    replace_routes(message, values)
    if path:
        message.insert("path", path)
    if shared.edit is not None:
        shared.edit(message)
    return message.forward(message.uri, via, hops, record_routes=routes, max_breadth=breadth)


def record_routes(
    message: Message,
    inside: Flow,
    outside: Flow,
    *,
    ends: tuple[End, End],
    key: bytes,
    trunk: bool = False,
    stateless: bool = False,
    secure: bool = False,
) -> list[str]:
    """The Record-Route values for a request that came by `inside` and leaves by `outside`, the
    topmost first.

    Two where transport, profile or IP version differ, so that each side sees an address it can
    reach (double Record-Route). `trunk`: one of the ends is a guarded host. `stateless`: the dialog
    goes on without transactions. `secure`: it leaves for a sips URI, or by a Route that is one.
    """
    core = message.core()
    version = TRUNK if trunk else ORDINARY
    if stateless:
        version = version.replace("0", f"0{STATELESS}")
    token = RouteToken(version, ends[0], ends[1], tag_hash(core.from_tag))
    user = seal(token, core.call_id, key)
    asked = is_sips(message.uri)
    values = [_value(user, outside, secure or asked)]
    if inside.own != outside.own or inside.transport != outside.transport:
        values.append(_value(user, inside, asked))
    return values


def _value(user: str, flow: Flow, secure: bool) -> str:
    scheme, transport = ("sips" if secure else "sip"), ""  # RFC 3261 16.6 step 4
    if flow.transport in WEBSOCKET:
        transport = ";transport=ws"  # RFC 7118 5.2: over TLS too
    elif flow.transport != "UDP" and not secure:
        transport = f";transport={flow.transport.lower()}"
    return f"<{scheme}:{user}@{flow.own}{transport};lr>"
