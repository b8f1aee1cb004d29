"""ACK for a non-2xx final response and CANCEL: the two requests that copy what was sent on the same
hop (RFC 3261 17.1.1.3, 9.1)."""

from __future__ import annotations

from offhook.message import build
from offhook.message.message import Message

__all__ = ["make_ack", "make_cancel"]


def make_ack(sent: Message, response: Message) -> bytes:
    """The ACK for a 300-699 `response` to the INVITE `sent`."""
    return _copy(sent, "ACK", response.get("to") or sent.get("to") or "").to_bytes()


def make_cancel(sent: Message, reason: str = "") -> bytes:
    """The CANCEL for the INVITE `sent`; `reason` is a Reason value (RFC 3326), "" for none."""
    cancel = _copy(sent, "CANCEL", sent.get("to") or "")
    if reason:
        cancel.add("reason", reason)
    return cancel.to_bytes()


def _copy(sent: Message, method: str, to: str) -> Message:
    core = sent.core()
    via = (sent.get("via") or "").split(",")[0].strip()  # ours: the only value on its line
    # RFC 3261 9.1, 17.1.1.3: same Request-URI, topmost Via, Call-ID, From, CSeq number and Route
    # values
    message = build.make_request(
        method,
        sent.uri,
        via=[via],
        from_=sent.get("from") or "",
        to=to,
        call_id=core.call_id,
        cseq=core.cseq,
    )
    for value in sent.get_all("route"):
        message.add("route", value)
    return message
