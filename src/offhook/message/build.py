"""New requests (RFC 3261 8.1.1). Responses are made by `Message.reply`."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.errors import UsageError
from offhook.message.grammar import is_token
from offhook.message.message import Message

__all__ = ["make_request"]


def make_request(  # one parameter for each mandatory header of RFC 3261 8.1.1
    method: str,
    uri: str,
    *,
    via: Sequence[str],
    from_: str,
    to: str,
    call_id: str,
    cseq: int,
    max_forwards: int = 70,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Message:
    """A request with these header values, in this order. `cseq` is the number alone; Content-Length
    is added.

    Raises UsageError if a value could break the head of the message.
    """
    if not is_token(method):
        raise UsageError(f"{method!r} cannot be a method")
    if not uri or any(character in uri for character in " \t\r\n\0<>"):
        raise UsageError(f"{uri!r} cannot be a Request-URI")
    message = Message()
    message.method = method
    message.uri = uri
    fixed = [("Max-Forwards", str(max_forwards)), ("From", from_), ("To", to), ("Call-ID", call_id)]
    vias = [("Via", value) for value in via]
    for name, value in (*vias, *fixed, ("CSeq", f"{cseq} {method}"), *headers):
        message.append(name, value)
    message.append("Content-Length", str(len(body)))
    message.body = message.received_body = body
    return message
