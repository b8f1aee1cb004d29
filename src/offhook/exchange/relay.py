"""The decision to relay a request without keeping anything of it (RFC 3261 16.11)."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.proxy.target import Target

__all__ = ["Relay"]


@dataclass(frozen=True, slots=True)
class Relay:
    """What `Request.relay_stateless` gives, to be returned by the handler."""

    target: Target
