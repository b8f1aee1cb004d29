"""The HTTP handshake of a WebSocket client: who gets a 101, and what the others are told (RFC 6455
4.2, RFC 7118 4.1).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus

from websockets.exceptions import NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from offhook.runtime.origins import Origins

__all__ = ["Refusal", "quiet", "refuse", "shake"]

SUBPROTOCOL = "sip"
LONGEST_SHOWN = 120  # characters of a stranger's header in a log line

quiet = logging.getLogger(f"{__name__}.frames")  # the library's lines would show credentials
quiet.setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client got no WebSocket: the counter, a phrase for the log, the whole HTTP response."""

    counter: str
    why: str
    response: bytes
    origin: str = ""  # of a page that may not connect


def shake(head: bytes, origins: Origins) -> Refusal | bytes:
    """Answer a whole HTTP head: the 101 with which the WebSocket stands, or a refusal."""
    protocol = ServerProtocol(subprotocols=[Subprotocol(SUBPROTOCOL)], logger=quiet)
    protocol.receive_data(head)
    for event in protocol.events_received():
        if isinstance(event, Request):
            return _judge(protocol, event, origins)
    response = b"".join(protocol.data_to_send())
    if response:  # a line or the number of lines is beyond what the library takes
        return Refusal("websocket_handshake_refused", "HTTP head too large", response)
    return refuse(HTTPStatus.BAD_REQUEST, "not an HTTP request")


def refuse(status: HTTPStatus, why: str) -> Refusal:
    """A refusal of somebody who is no WebSocket client, or not in time."""
    response = ServerProtocol(logger=quiet).reject(
        status, f"SIP over WebSocket is spoken here (RFC 7118): {why}.\n"
    )
    timeout = status == HTTPStatus.REQUEST_TIMEOUT
    counter = "websocket_handshake_timeouts" if timeout else "websocket_handshake_refused"
    return Refusal(counter, why, response.serialize())


def _judge(protocol: ServerProtocol, request: Request, origins: Origins) -> Refusal | bytes:
    response = protocol.accept(request)
    accepted = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS
    if (accepted and protocol.subprotocol != SUBPROTOCOL) or _wants_another(protocol):
        response = protocol.reject(  # RFC 7118 4.1
            HTTPStatus.BAD_REQUEST, 'the WebSocket subprotocol "sip" is required (RFC 7118 4.1).\n'
        )
        why = "no subprotocol sip"
        return Refusal("websocket_subprotocol_refused", why, response.serialize())
    if not accepted:
        why = str(protocol.handshake_exc)[:LONGEST_SHOWN]
        if response.status_code == HTTPStatus.UPGRADE_REQUIRED:
            why = "plain HTTP"
        return Refusal("websocket_handshake_refused", why, response.serialize())
    origin = request.headers.get("Origin")
    if origin is not None and not origins.allows(origin):
        shown = ascii(origin)[1:-1][:LONGEST_SHOWN]
        text = f"pages of {shown} may not connect; see websocket.origins in the configuration.\n"
        response = protocol.reject(HTTPStatus.FORBIDDEN, text)
        why = "origin not allowed"
        return Refusal("websocket_origin_refused", why, response.serialize(), shown)
    return response.serialize()


def _wants_another(protocol: ServerProtocol) -> bool:
    return isinstance(protocol.handshake_exc, NegotiationError)
