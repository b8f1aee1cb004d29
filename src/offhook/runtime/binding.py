"""Opens the sockets that listeners need: every option set, or one line that says what to do
(StartError).
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace

from offhook.errors import StartError
from offhook.runtime.limits import Limits
from offhook.runtime.start_errors import listener_text, start_error
from offhook.transport.flow import Address, Listener

__all__ = ["bind_datagrams", "bind_streams", "checked", "prepare_stream", "stream_socket"]

LAST_PORT = 65_535

# Linux; the socket module of Python 3.11 does not name them
IP_PKTINFO = 8
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0
IP_RECVERR = 11
IPV6_RECVERR = 25

KEEPALIVE_IDLE = 120  # seconds; RFC 5626 3.5.1 keeps flows alive at that pace too
KEEPALIVE_INTERVAL = 30
KEEPALIVE_COUNT = 4
# milliseconds until a peer that acknowledges nothing is lost: 64*T1, its transactions are over
UNACKNOWLEDGED = 32_000


def checked(listener: Listener) -> Listener:
    """The listener with its host in the kernel's spelling. StartError if host or port cannot be
    bound.
    """
    family = socket.AF_INET6 if listener.ipv6 else socket.AF_INET
    try:
        host = socket.inet_ntop(family, socket.inet_pton(family, listener.host))
    except (OSError, ValueError):
        text = f"{listener_text(listener)}: not an IP address - give an address of this machine"
        raise StartError(text) from None
    if not 0 <= listener.port <= LAST_PORT:
        raise StartError(
            f"{listener_text(listener)}: ports go from 1 to {LAST_PORT} (0 lets the system choose)"
        )
    return replace(listener, host=host)


def bind_datagrams(listener: Listener, limits: Limits, *, share_port: bool) -> socket.socket:
    """A bound UDP socket that does not block. SO_REUSEADDR stays off: two servers would share a
    port unnoticed.
    """
    bound = _new(listener, socket.SOCK_DGRAM)
    try:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            bound.setsockopt(socket.SOL_SOCKET, option, limits.datagram_buffer)
        _ask_for_details(bound, listener)
        _bind(bound, listener, share_port=share_port)
    except OSError as error:
        bound.close()
        raise start_error(listener, error) from error
    return bound


def bind_streams(listener: Listener, limits: Limits, *, share_port: bool) -> socket.socket:
    """A listening TCP socket that does not block."""
    bound = _new(listener, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(bound, listener, share_port=share_port)
        bound.listen(limits.backlog)
    except OSError as error:
        bound.close()
        raise start_error(listener, error) from error
    return bound


def stream_socket(destination: Address, local: str) -> socket.socket:
    """A TCP socket to connect to `destination`, from `local` if not "". OSError if that is no
    address of ours.
    """
    family = socket.AF_INET6 if ":" in destination[0] else socket.AF_INET
    outgoing = socket.socket(family, socket.SOCK_STREAM)
    try:
        outgoing.setblocking(False)
        if local:
            outgoing.bind((local, 0))
        prepare_stream(outgoing)
    except BaseException:
        outgoing.close()
        raise
    return outgoing


def prepare_stream(connected: socket.socket) -> None:
    """No delay for small messages; a vanished peer is noticed."""
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)


def _new(listener: Listener, kind: int) -> socket.socket:
    try:
        return socket.socket(socket.AF_INET6 if listener.ipv6 else socket.AF_INET, kind)
    except OSError as error:
        raise start_error(listener, error) from error


def _bind(bound: socket.socket, listener: Listener, *, share_port: bool) -> None:
    bound.setblocking(False)
    if listener.ipv6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if share_port:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((listener.host, listener.port))


def _ask_for_details(bound: socket.socket, listener: Listener) -> None:
    """ICMP errors in the error queue; on a wildcard the address that was hit; no path MTU
    discovery, so that routers fragment.
    """
    if listener.ipv6:
        bound.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        if listener.wildcard:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        return
    with contextlib.suppress(
        OSError
    ):  # a wish: without it large datagrams are lost where a path is narrow
        bound.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    bound.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    if listener.wildcard:
        bound.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
