"""The lines that a starting server prints: where it listens, and what to enter in a phone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from offhook.server.first_accounts import NewAccount
from offhook.server.listen import TRANSPORTS, listener_text
from offhook.server.schema import Config
from offhook.transport import Listener
from offhook.transport.flow import WEBSOCKET
from offhook.version import __version__

__all__ = ["greeting", "own_address"]

# Documentation addresses (RFC 5737, RFC 3849): asking for the route sends nothing.
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def own_address(ipv6: bool) -> str:
    """The address by which others most likely reach this machine, loopback if there is none."""
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE[family], 9))
        except OSError:
            return LOOPBACK[family]
        return str(probe.getsockname()[0])


def greeting(
    config: Config,
    listeners: Sequence[Listener],
    accounts: Sequence[NewAccount],
    *,
    address: Callable[[bool], str] = own_address,
) -> list[str]:
    """The lines, without the final `ready`."""
    lines = [f"offhook {__version__}"]
    lines.append(f"domain    {', '.join(config.domains)}")
    lines.append(f"database  {config.storage.url}")
    lines += [f"listening {listener_text(entry)} ({entry.profile})" for entry in listeners]
    lines += [
        f"account   user {new.user}  password {new.password}  (shown only now)" for new in accounts
    ]
    lines += [f"phones    {line}" for line in _phones(config, listeners, address)]
    if accounts:
        users = " or ".join(new.user for new in accounts)
        lines.append(f"phones    register two of them, then dial {users}")
    return lines


def _phones(
    config: Config, listeners: Sequence[Listener], address: Callable[[bool], str]
) -> list[str]:
    """What to enter in a phone, a line for each listener that takes registrations."""
    return [
        f"domain {config.default_domain}, server {_reachable(listener, address)}, "
        f"transport {listener.transport}"
        for listener in listeners
        if config.profiles[listener.profile].registrar
    ]


def _reachable(listener: Listener, address: Callable[[bool], str]) -> str:
    host = listener.advertise
    if not host:
        host = address(listener.ipv6) if listener.wildcard else listener.host
    shown = f"[{host}]" if ":" in host else host
    scheme = listener.transport.lower()
    if listener.port != TRANSPORTS[scheme]:
        shown = f"{shown}:{listener.port}"
    return f"{scheme}://{shown}" if listener.transport in WEBSOCKET else shown
