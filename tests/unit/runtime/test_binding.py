"""Sockets get every option, or the operator gets one line. Loopback sockets are bound, nothing is
sent.
"""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from offhook.errors import StartError
from offhook.runtime.binding import (
    bind_datagrams,
    bind_streams,
    checked,
    prepare_stream,
    stream_socket,
)
from offhook.runtime.limits import Limits
from offhook.transport.flow import Listener
from tests.unit.runtime.loopback import listener


def test_a_host_gets_the_spelling_of_the_kernel() -> None:
    assert checked(listener("UDP", "0:0::0")).host == "::"
    assert checked(listener("UDP", "0:0::0")).wildcard


@pytest.mark.parametrize("host", ["localhost", "", "[::1]", "1.2.3", "10.0.0.1\0"])
def test_a_listener_needs_an_address(host: str) -> None:
    with pytest.raises(StartError, match="not an IP address - give an address of this machine"):
        checked(listener("UDP", host))


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_a_port_must_exist(port: int) -> None:
    with pytest.raises(StartError, match="ports go from 1 to 65535"):
        checked(Listener("internal", "UDP", "127.0.0.1", port))


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_port_in_use(transport: str) -> None:
    bind = bind_datagrams if transport == "UDP" else bind_streams
    with bind(listener(transport), Limits(), share_port=False) as first:
        taken = replace(listener(transport), port=first.getsockname()[1])
        with pytest.raises(StartError) as caught:
            bind(taken, Limits(), share_port=False)
    assert str(caught.value) == (
        f"{transport.lower()}:127.0.0.1:{taken.port}: address already in use"
        " - stop the other program or choose another port with listen"
    )


def test_a_foreign_address() -> None:
    with pytest.raises(StartError, match="not an address of this machine - correct listen"):
        bind_datagrams(listener("UDP", "192.0.2.1"), Limits(), share_port=False)


def test_a_port_may_be_shared_by_workers() -> None:
    with bind_datagrams(listener("UDP"), Limits(), share_port=True) as first:
        same = replace(listener("UDP"), port=first.getsockname()[1])
        with bind_datagrams(same, Limits(), share_port=True) as second:
            assert second.getsockname() == first.getsockname()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_both_ip_versions_share_a_port_number(transport: str) -> None:
    bind = bind_datagrams if transport == "UDP" else bind_streams
    with bind(listener(transport, "0.0.0.0"), Limits(), share_port=False) as four:
        other = replace(listener(transport, "::"), port=four.getsockname()[1])
        with bind(other, Limits(), share_port=False) as six:
            assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_large_buffers_are_asked_for() -> None:
    with bind_datagrams(
        listener("UDP"), Limits(datagram_buffer=100_000), share_port=False
    ) as bound:
        assert not bound.getblocking()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            assert bound.getsockopt(socket.SOL_SOCKET, option) >= 100_000


def test_streams_are_prepared() -> None:
    with stream_socket(("127.0.0.1", 5060), "127.0.0.5") as outgoing:
        assert not outgoing.getblocking()
        assert outgoing.getsockname()[0] == "127.0.0.5"
        prepare_stream(outgoing)
        assert outgoing.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert outgoing.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_a_stream_cannot_leave_from_a_foreign_address() -> None:
    with pytest.raises(OSError, match="assign"):
        stream_socket(("127.0.0.1", 5060), "192.0.2.1")
