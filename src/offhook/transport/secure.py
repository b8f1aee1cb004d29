"""What the sips scheme asks of each hop (RFC 3261 26.2.2, RFC 5630): TLS, and no way back to sip.

A WebSocket over TLS counts as TLS. What becomes of bindings and Contacts is left to the registrar
and to routing.
"""

from __future__ import annotations

from offhook.transport.flow import SECURE, Flow

__all__ = ["as_sip", "as_sips", "carries", "downgraded", "is_sips", "keeps_promise"]


def is_sips(uri: str) -> bool:
    """True for a URI that is to be reached over TLS on every hop."""
    return uri[3:4] in ("s", "S") and uri[:5].lower() == "sips:"  # asked for every message


def as_sip(uri: str) -> str:
    """The same URI with the scheme sip."""
    return f"sip:{uri[5:]}" if is_sips(uri) else uri


def as_sips(uri: str) -> str:
    """The same URI as if its scheme were sips; other schemes stay."""
    return f"sips:{uri[4:]}" if uri[:4].lower() == "sip:" else uri


def carries(flow: Flow, data: bytes) -> bool:
    """False for a request to a sips URI on a flow that is not encrypted. `data` begins with its
    method."""
    return flow.transport in SECURE or not _to_sips(data)


def downgraded(uri: str, data: bytes) -> bool:
    """True for a request that came for a sips URI and would leave for another (RFC 5630 5.3)."""
    return is_sips(uri) and not _to_sips(data)


def keeps_promise(uri: str, flow: Flow, data: bytes) -> bool:
    """True for a request that the flow `carries` and that is not `downgraded`. Asked for every one
    that is sent: where neither URI has an s in the fourth place there is nothing to look at."""
    fourth = data.find(b" ") + 4
    if data[fourth : fourth + 1] not in (b"s", b"S") and uri[3:4] not in ("s", "S"):
        return True
    return carries(flow, data) and not downgraded(uri, data)


def _to_sips(data: bytes) -> bool:
    start = data.find(b" ") + 1
    return data[start : start + 5].lower() == b"sips:"
