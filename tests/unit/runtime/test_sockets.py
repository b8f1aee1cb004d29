"""The network as the driver sees it: listeners, openings that cannot be, the flush that follows,
the end.

Loopback, each test below half a second.
"""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from offhook.engine.actions import Open
from offhook.errors import StartError, UsageError
from offhook.runtime.network import Network
from offhook.runtime.sockets import SocketNetwork
from offhook.transport.flow import Address, Flow, Listener
from offhook.transport.records import Kind, Question
from tests.unit.runtime.loopback import (
    Story,
    datagram_peer,
    listener,
    network,
    opened,
    refused,
)


def test_it_is_a_network(run: Story) -> None:
    async def story() -> None:
        sockets: Network = SocketNetwork()
        assert abs(sockets.unix() - time.time()) < 5
        before = sockets.now()
        assert sockets.now() >= before
        assert sockets.now() == pytest.approx(asyncio.get_running_loop().time(), abs=1)
        await sockets.stop()

    run(story())


def test_without_a_sink_nothing_can_be_asked(run: Story) -> None:
    async def story() -> None:
        sockets = SocketNetwork()
        with pytest.raises(UsageError, match="attach a sink"):
            await sockets.listen(listener("UDP"))
        assert sockets.connections() == []
        stray = Flow(listener("TCP"), ("127.0.0.1", 1), ("127.0.0.1", 2), "x")
        sockets.send(stray, b"nobody")
        sockets.close(stray)
        await sockets.stop()

    run(story())


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_the_listener_comes_back_with_its_port(run: Story, transport: str, host: str) -> None:
    async def story() -> None:
        async with network() as (sockets, _):
            real = await sockets.listen(Listener("internal", transport, host, 0, "pbx.example"))
            assert real.port > 0
            assert (real.host, real.advertise) == (host, "pbx.example")

    run(story())


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (
            Listener("internal", "TLS", "0.0.0.0", 5061),
            "tls:0.0.0.0:5061: no certificate - set certificate and key in [tls]",
        ),
        (
            Listener("internal", "WSS", "0.0.0.0", 7443),
            "wss:0.0.0.0:7443: no certificate - set certificate and key in [tls]",
        ),
        (
            Listener("internal", "SCTP", "0.0.0.0", 5060),
            "sctp:0.0.0.0:5060: not available - use udp, tcp, tls, ws or wss",
        ),
        (
            Listener("internal", "UDP", "sip.example.com", 5060),
            "udp:sip.example.com:5060: not an IP address - give an address of this machine",
        ),
    ],
)
def test_listeners_that_cannot_be(run: Story, wanted: Listener, line: str) -> None:
    async def story() -> None:
        async with network() as (sockets, _):
            with pytest.raises(StartError) as caught:
                await sockets.listen(wanted)
            assert str(caught.value) == line

    run(story())


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
@pytest.mark.parametrize(
    ("destination", "why"),
    [
        (("127.0.0.1", 0), "port 0 is not in 1..65535"),
        (("127.0.0.1", -1), "port -1 is not in 1..65535"),
        (("127.0.0.1", 65_536), "port 65536 is not in 1..65535"),
        (("127.0.0.1", 70_000), "port 70000 is not in 1..65535"),
        (("0.0.0.0", 5060), "0.0.0.0 is not an address that can be sent to"),
        (("sip.example.com", 5060), "'sip.example.com' is not an IP address"),
        (("", 5060), "'' is not an IP address"),
        (("\udcff", 5060), "'\\udcff' is not an IP address"),
    ],
)
def test_destinations_that_cannot_be_cost_nothing(
    run: Story, transport: str, destination: Address, why: str
) -> None:
    """A destination is a peer's input: the socket that would be used still works afterwards."""

    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("UDP"))
            request = Open(1, "internal", transport, destination)
            assert await refused(sockets, sink, request) == why
            with datagram_peer() as peer:
                peer.sendto(b"alive", ("127.0.0.1", real.port))
                await sink.until(lambda: bool(sink.received))

    run(story())


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (
            Open(1, "external", "UDP", ("127.0.0.1", 9)),
            "profile external has no UDP listener for IPv4",
        ),
        (Open(1, "internal", "UDP", ("::1", 9)), "profile internal has no UDP listener for IPv6"),
        (
            Open(1, "internal", "UDP", ("127.0.0.1", 9), local="127.0.0.2"),
            "profile internal has no UDP listener on 127.0.0.2",
        ),
        (
            Open(1, "internal", "TCP", ("127.0.0.1", 9), local="localhost"),
            "'localhost' is not an IP address",
        ),
        (
            Open(1, "internal", "TCP", ("127.0.0.1", 9), local="192.0.2.1"),
            "cannot assign requested address",
        ),
    ],
)
def test_openings_without_a_socket(run: Story, request_: Open, why: str) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP"))
            assert await refused(sockets, sink, request_) == why

    run(story())


def test_a_wildcard_refuses_a_local_address_that_is_none(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP", "0.0.0.0"))
            for ticket, local in enumerate(["localhost", "::1", "\udcff", "0.0.0.0"]):
                request = Open(ticket, "internal", "UDP", ("127.0.0.1", 9), local=local)
                await refused(sockets, sink, request)

    run(story())


def test_the_socket_on_the_route_is_used(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            for host in ("127.0.0.2", "127.0.0.1", "::1"):
                await sockets.listen(listener("UDP", host))
            routed = await opened(sockets, sink, Open(1, "internal", "UDP", ("127.0.0.1", 9)))
            assert routed.local[0] == "127.0.0.1"
            asked = Open(2, "internal", "UDP", ("127.0.0.1", 9), local="127.0.0.2")
            assert (await opened(sockets, sink, asked)).local[0] == "127.0.0.2"
            six = await opened(sockets, sink, Open(3, "internal", "UDP", ("::1", 9)))
            assert six.local[0] == "::1"

    run(story())


def test_an_answer_at_once_is_flushed_in_the_next_turn(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP"))
            for ticket in range(3):
                sockets.open(Open(ticket, "internal", "UDP", ("127.0.0.1", 9)))
            sockets.resolve(3, [Question(Kind.ADDRESSES, "192.0.2.1")])
            assert len(sink.opened) == 3
            assert sink.addresses == {3: ("192.0.2.1",)}
            assert sink.flushes == 0
            await asyncio.sleep(0)
            assert sink.flushes == 1

    run(story())


def test_names_are_answered_through_the_sink(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            sockets.resolve(7, [Question(Kind.ADDRESSES, "localhost")])
            await sink.until(lambda: 7 in sink.addresses)
            assert "127.0.0.1" in sink.addresses[7]

    run(story())


def test_stopping_ends_everything(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            udp = await sockets.listen(listener("UDP"))
            tcp = await sockets.listen(listener("TCP"))
            datagrams = await opened(sockets, sink, Open(1, "internal", "UDP", ("127.0.0.1", 9)))
            with socket.create_connection(("127.0.0.1", tcp.port)) as peer:
                await sink.until(lambda: bool(sink.accepted))
                sockets.send(sink.accepted[0], b"goodbye")
                await sockets.stop()
                assert peer.recv(100) == b"goodbye"
                assert peer.recv(100) == b""
            assert list(sink.lost.values()) == ["stopped"]
            sockets.send(datagrams, b"late")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind(("127.0.0.1", udp.port))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", tcp.port))

    run(story())
