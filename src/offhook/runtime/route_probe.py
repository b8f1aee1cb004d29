"""Which local address the kernel would use towards a destination, asked of a connected UDP socket:
no packet is sent.
"""

from __future__ import annotations

import socket
import time

__all__ = ["RouteProbe", "canonical"]

REMEMBERED = 4096  # destinations; all are forgotten when full


class RouteProbe:
    """Answers are remembered for `memory` seconds, because routes change."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._known: dict[str, tuple[str, float]] = {}

    def local_address(self, host: str) -> str:
        """The local address towards a literal address. OSError if there is no route."""
        now = time.monotonic()
        known = self._known.get(host)
        if known is not None and known[1] > now:
            return known[0]
        with socket.socket(_family(host), socket.SOCK_DGRAM) as probe:
            probe.connect((canonical(host), 9))  # any port will do
            local: str = probe.getsockname()[0]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[host] = (local, now + self._memory)
        return local

    def __len__(self) -> int:
        return len(self._known)


def canonical(host: str) -> str:
    """A literal address in the spelling of the kernel. OSError if it is not a literal that can be
    sent to.

    Names never reach a socket: it would look them up and block the loop. Unspecified addresses mean
    this machine to the kernel: a Contact could make us call ourselves.
    """
    family = _family(host)
    try:
        packed = socket.inet_pton(family, host)
    except (OSError, ValueError):
        raise OSError(f"{host!r} is not an IP address") from None
    if not any(packed):
        raise OSError(f"{host} is not an address that can be sent to")
    return socket.inet_ntop(family, packed)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
