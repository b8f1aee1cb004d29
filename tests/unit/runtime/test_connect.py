"""Connections of our own: shared attempts, reuse, deadlines, and the name that the peer must prove.

Loopback, each test below half a second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from offhook.engine.actions import Open
from offhook.runtime.limits import Limits
from offhook.runtime.sockets import SocketNetwork
from offhook.runtime.tls_files import ProfileTls, TlsFiles
from offhook.transport.flow import Address, Listener
from tests.interop.harness.certificates import Authority, Certificate
from tests.unit.runtime.loopback import (
    Recorder,
    Story,
    dead_port,
    listener,
    network,
    opened,
    refused,
)


def files(certificate: Certificate) -> TlsFiles:
    return TlsFiles(str(certificate.certificate), str(certificate.key), str(certificate.authority))


@asynccontextmanager
async def tls_pair(
    server: Certificate, client: TlsFiles, *, ask_client: bool = False
) -> AsyncIterator[tuple[SocketNetwork, Recorder, Recorder, Address]]:
    """A network that connects, its sink, the sink of a TLS server, and where that is."""
    there = TlsFiles(
        str(server.certificate),
        str(server.key),
        str(server.authority),
        profiles={"internal": ProfileTls(ask=ask_client)},
    )
    async with network(tls=there) as (far, far_sink), network(tls=client) as (sockets, sink):
        real = await far.listen(listener("TLS"))
        yield sockets, sink, far_sink, ("127.0.0.1", real.port)


def test_simultaneous_opens_share_one_attempt(run: Story) -> None:
    async def story() -> None:
        async with network() as (far, far_sink), network() as (sockets, sink):
            real = await far.listen(listener("TCP"))
            there = ("127.0.0.1", real.port)
            for ticket in range(5):
                sockets.open(Open(ticket, "internal", "TCP", there))
            await sink.until(lambda: len(sink.opened) == 5)
            assert len(set(sink.opened.values())) == 1
            again = await opened(sockets, sink, Open(9, "internal", "TCP", there))
            assert again is sink.opened[0]
            await far_sink.until(lambda: len(far_sink.accepted) == 1)
            assert sockets.counters.connections_opened == 1
            assert again.remote == there
            sockets.send(again, b"hello")
            await far_sink.until(lambda: bool(far_sink.received))

    run(story())


def test_via_shows_the_listener_and_else_the_connection(run: Story) -> None:
    async def story() -> None:
        async with network() as (far, _), network() as (sockets, sink):
            there = ("127.0.0.1", (await far.listen(listener("TCP"))).port)
            bare = await opened(sockets, sink, Open(1, "phone", "TCP", there))
            assert bare.sent_by() == bare.local
            assert bare.profile == "phone"
            await sockets.listen(Listener("nat", "UDP", "127.0.0.1", 0, "203.0.113.7"))
            behind = await opened(sockets, sink, Open(2, "nat", "TCP", there))
            assert behind.sent_by() == ("203.0.113.7", behind.local[1])
            real = await sockets.listen(listener("TCP", "127.0.0.3"))
            flow = await opened(sockets, sink, Open(3, "internal", "TCP", there))
            assert flow.listener is real
            assert flow.sent_by() == ("127.0.0.3", real.port)
            assert flow.local[0] == "127.0.0.3"
            assert flow.local[1] != real.port

    run(story())


@pytest.mark.parametrize("host", ["::1", "0:0:0:0:0:0:0:1"])
def test_over_ipv6(run: Story, host: str) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("TCP", "::"))
            flow = await opened(sockets, sink, Open(1, "internal", "TCP", (host, real.port)))
            await sink.until(lambda: bool(sink.accepted))
            assert flow.remote == sink.accepted[0].local == ("::1", real.port)
            assert flow.local == sink.accepted[0].remote
            assert flow.name.startswith("tcp/[::1]:")

    run(story())


def test_a_refused_connection(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            request = Open(1, "internal", "TCP", dead_port(socket.SOCK_STREAM))
            assert await refused(sockets, sink, request) == "connection refused"
            request.ticket = 2
            assert await refused(sockets, sink, request) == "connection refused"
            assert sockets.counters.connects_failed == 2

    run(story())


def test_a_connection_that_does_not_come_ends_at_its_deadline(run: Story) -> None:
    """The backlog of the far end is full: its kernel answers nothing."""

    async def story() -> None:
        with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for filling in (first, second):
                filling.setblocking(False)
                filling.connect_ex(deaf.getsockname())
            async with network(limits=Limits(connect_deadline=0.1)) as (sockets, sink):
                request = Open(1, "internal", "TCP", deaf.getsockname())
                assert await refused(sockets, sink, request) == "no connection within 0.1 s"

    run(story())


def test_too_many_connections_of_ours(run: Story) -> None:
    async def story() -> None:
        async with network() as (far, _), network(limits=Limits(connections=1)) as (sockets, sink):
            for ticket in range(2):
                real = await far.listen(listener("TCP"))
                sockets.open(Open(ticket, "internal", "TCP", ("127.0.0.1", real.port)))
            await sink.until(lambda: len(sink.opened) + len(sink.failed) == 2)
            assert sink.failed == {1: "too many connections"}
            assert sockets.counters.connections_refused == 1

    run(story())


@pytest.mark.rfc("5922", "7.3")
@pytest.mark.rfc("5923", "8.1")
def test_a_tls_connection_serves_the_names_it_proves(run: Story, certificate: Certificate) -> None:
    async def story() -> None:
        async with tls_pair(certificate, files(certificate)) as (sockets, sink, far, there):
            name = "sip.example.com"
            first = await opened(sockets, sink, Open(1, "internal", "TLS", there, "", name))
            sockets.send(first, b"REGISTER")
            await far.until(lambda: bool(far.received))
            assert far.received[0][1] == b"REGISTER"
            same = Open(2, "internal", "TLS", there, "", "SIP.example.com")
            assert await opened(sockets, sink, same) is first
            by_address = await opened(sockets, sink, Open(3, "internal", "TLS", there))
            assert by_address is first
            other = Open(4, "internal", "TLS", there, "", "other.example.com")
            why = await refused(sockets, sink, other)
            assert why == "the certificate does not name other.example.com"
            assert list(sockets.connections()) == [first]

    run(story())


def test_a_stranger_is_refused(run: Story, certificate: Certificate, stranger: Certificate) -> None:
    async def story() -> None:
        async with tls_pair(stranger, files(certificate)) as (sockets, sink, far, there):
            request = Open(1, "internal", "TLS", there, "", "sip.example.com")
            why = await refused(sockets, sink, request)
            assert why.startswith("certificate refused: ")
            assert not sockets.connections()
            assert not far.received

    run(story())


def test_tls_to_a_peer_that_speaks_something_else(run: Story, certificate: Certificate) -> None:
    async def story() -> None:
        limits = Limits(connect_deadline=0.15)
        async with (
            network() as (far, far_sink),
            network(limits=limits, tls=files(certificate)) as (sockets, sink),
        ):
            real = await far.listen(listener("TCP"))
            there = ("127.0.0.1", real.port)
            request = Open(1, "internal", "TLS", there, "", "sip.example.com")
            silent = await refused(sockets, sink, request)
            assert "handshake" in silent
            far_sink.answer = lambda flow, _: far.send(flow, b"SIP/2.0 400 Bad Request\r\n\r\n")
            request.ticket = 2
            assert (await refused(sockets, sink, request)).startswith("TLS failed: ")

    run(story())


@pytest.mark.parametrize(
    "name", ["*.example.com", "a b", "x" * 300, "\udcff", "xn--a", "xn--999999999", "-", "a..b"]
)
def test_a_name_that_cannot_be_proven(run: Story, certificate: Certificate, name: str) -> None:
    async def story() -> None:
        async with tls_pair(certificate, files(certificate)) as (sockets, sink, _, there):
            await refused(sockets, sink, Open(1, "internal", "TLS", there, "", name))
            assert not sockets.connections()

    run(story())


def test_a_client_certificate_is_shown_when_asked(
    run: Story, authority: Authority, certificate: Certificate
) -> None:
    async def story() -> None:
        own = files(authority.issue("trunk", ["trunk.example.com"], []))
        async with tls_pair(certificate, own, ask_client=True) as (sockets, sink, far, there):
            request = Open(1, "internal", "TLS", there, "", "sip.example.com")
            await opened(sockets, sink, request)
            await far.until(lambda: bool(far.accepted))

    run(story())


@pytest.mark.rfc("5923", "8.2")
def test_an_accepted_tls_connection_serves_only_what_its_client_proved(
    run: Story, authority: Authority, certificate: Certificate
) -> None:
    async def story() -> None:
        own = files(authority.issue("trunk2", ["trunk.example.com"], []))
        server = TlsFiles(
            str(certificate.certificate),
            str(certificate.key),
            str(certificate.authority),
            profiles={"internal": ProfileTls(ask=True)},
        )
        async with network(tls=server) as (far, far_sink), network(tls=own) as (sockets, sink):
            real = await far.listen(listener("TLS"))
            there = ("127.0.0.1", real.port)
            await opened(sockets, sink, Open(1, "internal", "TLS", there, "", "sip.example.com"))
            await far_sink.until(lambda: bool(far_sink.accepted))
            back = far_sink.accepted[0]
            proven = Open(1, "internal", "TLS", back.remote, "", "trunk.example.com")
            assert await opened(far, far_sink, proven) is back
            far.open(Open(2, "internal", "TLS", back.remote, "", "other.example.com"))
            assert 2 not in far_sink.opened

    run(story())


def test_stopping_ends_attempts(run: Story) -> None:
    async def story() -> None:
        with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for filling in (first, second):
                filling.setblocking(False)
                filling.connect_ex(deaf.getsockname())
            async with network() as (sockets, sink):
                sockets.open(Open(1, "internal", "TCP", deaf.getsockname()))
                await asyncio.sleep(0)
            assert not sink.opened
            assert not sink.failed

    run(story())
