"""What the operator reads when a listener cannot start."""

from __future__ import annotations

import errno
import os

import pytest

from offhook.runtime.start_errors import listener_text, start_error
from offhook.transport.flow import Listener


@pytest.mark.parametrize(
    ("listener", "number", "text"),
    [
        (
            Listener("internal", "UDP", "0.0.0.0", 5060),
            errno.EADDRINUSE,
            "udp:0.0.0.0:5060: address already in use"
            " - stop the other program or choose another port with listen",
        ),
        (
            Listener("internal", "TCP", "192.0.2.1", 5060),
            errno.EADDRNOTAVAIL,
            "tcp:192.0.2.1:5060: not an address of this machine"
            " - correct listen, or use 0.0.0.0 or [::] for all",
        ),
        (
            Listener("internal", "UDP", "0.0.0.0", 80),
            errno.EACCES,
            "udp:0.0.0.0:80: ports below 1024 need a privilege"
            " - choose a higher port, or give the program CAP_NET_BIND_SERVICE",
        ),
        (
            Listener("internal", "TLS", "::", 5061),
            errno.EAFNOSUPPORT,
            "tls:[::]:5061: this machine has no IPv6 - remove this listener",
        ),
        (
            Listener("internal", "TCP", "::1", 5060),
            errno.EACCES,
            "tcp:[::1]:5060: permission denied - correct listen",
        ),
        (
            Listener("internal", "UDP", "0.0.0.0", 5060),
            errno.EMFILE,
            "udp:0.0.0.0:5060: too many open files"
            " - raise the limit (ulimit -n, or systemd's LimitNOFILE)",
        ),
    ],
)
def test_lines(listener: Listener, number: int, text: str) -> None:
    line = str(start_error(listener, OSError(number, os.strerror(number))))
    assert line == text
    assert "\n" not in line


def test_a_listener_is_shown_as_it_is_configured() -> None:
    assert (
        listener_text(Listener("internal", "TLS", "2001:db8::1", 5061)) == "tls:[2001:db8::1]:5061"
    )
