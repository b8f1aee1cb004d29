"""Who a message says sent it, beyond From: asserted identities and whom they are believed from (RFC
3325).

The Trust Domain is this exchange and the peers of its gateways. What anybody else asserts is taken
out of every message on arrival, requests and responses, also inside dialogs: a phone that shows it
would show what its caller made up. What a gateway asserts goes on to phones, unless the caller
asked for privacy.
"""

from __future__ import annotations

from collections.abc import Callable

from offhook.message.message import Message
from offhook.proxy.target import Edit
from offhook.transport.flow import Flow

__all__ = ["asserts", "believe", "hiding", "without_asserted"]

# P-Preferred-Identity is a hint for the first proxy alone (RFC 3325 6); Remote-Party-ID came before
# RFC 3325, and phones still show it
_CLAIMS = ("p-asserted-identity", "remote-party-id", "p-preferred-identity")

Guarded = Callable[[str, int], bool] | None


def asserts(message: Message) -> bool:
    """True if there is anything to look at: the answer for nearly every message is no."""
    index = message.index
    return (
        "p-asserted-identity" in index
        or "remote-party-id" in index
        or "p-preferred-identity" in index
    )


def believe(message: Message, flow: Flow, guarded: Guarded) -> None:
    """Take out what the sender may not assert (RFC 3325 5, 6)."""
    if not _trusted(flow, guarded):
        for name in _CLAIMS:
            message.remove(name)


def hiding(message: Message, flow: Flow, guarded: Guarded, edit: Edit | None) -> Edit | None:
    """The edit for a request with a Privacy header that leaves by `flow`: without the asserted
    identity if its owner wants that and the next hop is not trusted (RFC 3325 7)."""
    if not _hidden(message, flow, guarded):
        return edit

    def hide(copy: Message) -> None:
        copy.remove("p-asserted-identity")
        copy.remove("remote-party-id")
        if edit is not None:
            edit(copy)

    return hide


def without_asserted(response: Message, flow: Flow, guarded: Guarded) -> Message:
    """As `hiding`, for a response."""
    if not _hidden(response, flow, guarded):
        return response
    copy = response.copy()
    copy.remove("p-asserted-identity")
    copy.remove("remote-party-id")
    return copy


def _trusted(flow: Flow, guarded: Guarded) -> bool:
    names = (flow.remote[0], *flow.identities)  # its address, and what its certificate proved
    return guarded is not None and any(guarded(name, 0) for name in names)


def _hidden(message: Message, flow: Flow, guarded: Guarded) -> bool:
    wishes = [each.strip().lower() for each in (message.get("privacy") or "").split(";")]
    return "id" in wishes and asserts(message) and not _trusted(flow, guarded)
