"""What systemd is told of the server: sd_notify(3) over NOTIFY_SOCKET, nothing elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Mapping

__all__ = ["notify"]

NOTIFY_SECONDS = 1.0


def notify(state: str, environ: Mapping[str, str]) -> bool:
    """Send `state` (`READY=1`); True if a service manager took it."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.settimeout(NOTIFY_SECONDS)
        try:
            datagrams.sendto(state.encode(), name)
        except OSError:
            return False
    return True
