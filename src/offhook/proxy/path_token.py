"""The keyed token in the user part of the Path URIs that we write (RFC 3327 5.2, RFC 5626 5.1).

An edge proxy that passes a REGISTER on stays in the way of later requests to the phone: the token
says over which flow they go. Without state it cannot be bound to a call; it is bound to the Path
value behind it instead, so that nobody can use it to be relayed anywhere else.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import blake2s
from hmac import compare_digest

from offhook.transport.flow import Flow

__all__ = ["PathToken", "is_path_token", "path_value", "unseal_path"]

_MARK = "p~"  # no route token begins like that
_MAC_SIZE = 9  # bytes: 72 bits, as in route tokens


@dataclass(frozen=True, slots=True)
class PathToken:
    """What a valid token says: the profile and the flow that a REGISTER came by."""

    profile: str
    flow: str  # "" for a proxy in between, which the Path behind names


def is_path_token(user: str) -> bool:
    """True if a Route user part claims to be one of ours."""
    return user.startswith(_MARK)


def path_value(
    inside: Flow, outside: Flow, *, behind: str, first_hop: bool, key: bytes, secure: bool = False
) -> str:
    """The Path value for a REGISTER that came by `inside` and leaves by `outside`. `behind` is the
    URI of the Path value that was there before, "" if there was none. `secure`: it is for a sips
    URI, and a sips Contact wants a Path that is sips too (RFC 5630 5.2).

    Only the first hop knows the phone's flow, and says so with `ob` (RFC 5626 5.1).
    """
    # without a flow and without a Path behind it the token would lead wherever its bearer likes
    flow = inside.name if first_hop or inside.reliable or not behind else ""
    packed = urlsafe_b64encode(f"{inside.profile}\n{flow}".encode()).decode().rstrip("=")
    user = f"{_MARK}{packed}.{_mac(packed, behind, key)}"
    scheme, transport = ("sips" if secure else "sip"), ""
    if outside.transport != "UDP" and not secure:
        transport = f";transport={outside.transport.lower()}"
    return f"<{scheme}:{user}@{outside.own}{transport};lr{';ob' if first_hop else ''}>"


def unseal_path(user: str, *, behind: str, key: bytes) -> PathToken | None:
    """The token in a Route user part; None if we did not write it, or not for the Route value that
    follows."""
    packed, _, mac = user.removeprefix(_MARK).rpartition(".")
    if not user.isascii() or not compare_digest(mac, _mac(packed, behind, key)):
        return None
    try:
        text = urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (Base64Error, UnicodeDecodeError):
        return None
    profile, _, flow = text.partition("\n")
    return PathToken(profile, flow)


def _mac(packed: str, behind: str, key: bytes) -> str:
    text = f"path {packed}\0{behind}".encode("utf-8", "surrogateescape")
    return blake2s(text, key=key, digest_size=_MAC_SIZE).hexdigest()
