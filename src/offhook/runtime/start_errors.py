"""Why a listener cannot start, as the one line that tells the operator what to do."""

from __future__ import annotations

import errno

from offhook.errors import StartError
from offhook.runtime.reasons import reason
from offhook.transport.flow import Listener

__all__ = ["listener_text", "start_error"]

PRIVILEGED = 1024

_ADVICE = {
    errno.EADDRINUSE: (
        "address already in use - stop the other program or choose another port with listen"
    ),
    errno.EADDRNOTAVAIL: (
        "not an address of this machine - correct listen, or use 0.0.0.0 or [::] for all"
    ),
    errno.EAFNOSUPPORT: "this machine has no IPv6 - remove this listener",
    errno.EMFILE: "too many open files - raise the limit (ulimit -n, or systemd's LimitNOFILE)",
    errno.ENFILE: "too many open files in the whole system - raise fs.file-max",
}


def listener_text(listener: Listener) -> str:
    """The listener as it is written in the configuration: `udp:0.0.0.0:5060`."""
    host = f"[{listener.host}]" if listener.ipv6 else listener.host
    return f"{listener.transport.lower()}:{host}:{listener.port}"


def start_error(listener: Listener, error: OSError) -> StartError:
    """The line for an error of the operating system while binding."""
    if error.errno in (errno.EACCES, errno.EPERM) and 0 < listener.port < PRIVILEGED:
        advice = (
            f"ports below {PRIVILEGED} need a privilege - choose a higher port, "
            "or give the program CAP_NET_BIND_SERVICE"
        )
    else:
        advice = _ADVICE.get(error.errno or 0) or f"{reason(error)} - correct listen"
    return StartError(f"{listener_text(listener)}: {advice}")
