"""The book of connections: limits, the one that serves a destination, the silent ones.

Loopback, each test below half a second.
"""

from __future__ import annotations

import socket

import pytest

from offhook.engine.actions import Open
from offhook.runtime.connections import Connections, server_name
from offhook.runtime.counters import Counters
from offhook.runtime.limits import Limits
from tests.unit.runtime.loopback import Recorder, Story, listener, network, opened


def test_limits_for_all_and_for_one_source(run: Story) -> None:
    async def story() -> None:
        counters = Counters()
        book = Connections(Recorder(), Limits(connections=3, connections_per_host=2), counters)
        assert [book.admit("10.0.0.1") for _ in range(3)] == [True, True, False]
        assert [book.admit("10.0.0.2") for _ in range(2)] == [True, False]
        assert counters.connections_refused == 2
        book.release("10.0.0.1")
        assert book.admit("10.0.0.2")
        assert not book.admit("10.0.0.1")

    run(story())


@pytest.mark.rfc("3261", "18")
def test_an_accepted_connection_serves_its_far_end(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("TCP"))
            with socket.create_connection(("127.0.0.1", real.port)) as peer:
                await sink.until(lambda: bool(sink.accepted))
                flow = sink.accepted[0]
                there = peer.getsockname()
                assert await opened(sockets, sink, Open(1, "internal", "TCP", there)) is flow
                same = Open(2, "internal", "TCP", there, local="127.0.0.1")
                assert await opened(sockets, sink, same) is flow
                for ticket, other in enumerate(
                    [
                        Open(0, "external", "TCP", there),
                        Open(0, "internal", "TLS", there),
                        Open(0, "internal", "TCP", there, local="127.0.0.2"),
                    ],
                    start=3,
                ):
                    other.ticket = ticket
                    sockets.open(other)
                    assert ticket not in sink.opened
                sockets.close(flow)
                sockets.open(Open(9, "internal", "TCP", there))
                assert 9 not in sink.opened

    run(story())


async def connection_ids() -> set[str]:
    """The ids of two connections of one network's life."""
    async with network() as (sockets, sink):
        there = ("127.0.0.1", (await sockets.listen(listener("TCP"))).port)
        with socket.create_connection(there), socket.create_connection(there):
            await sink.until(lambda: len(sink.accepted) == 2)
        return {flow.connection for flow in sink.accepted}


def test_ids_are_unique_over_restarts(run: Story) -> None:
    async def story() -> None:
        names = await connection_ids() | await connection_ids()
        assert len(names) == 4
        assert all(name.isalnum() for name in names)

    run(story())


def test_a_connection_that_earns_no_answer_is_closed(run: Story) -> None:
    """One that is answered lives on."""

    async def story() -> None:
        limits = Limits(first_answer_deadline=0.08)
        async with network(limits=limits) as (sockets, sink):
            real = await sockets.listen(listener("TCP"))
            with (
                socket.create_connection(("127.0.0.1", real.port)) as mute,
                socket.create_connection(("127.0.0.1", real.port)) as served,
            ):
                await sink.until(lambda: len(sink.accepted) == 2)
                flows = {flow.remote: flow for flow in sink.accepted}
                mute.sendall(b"OPTI")
                sockets.send(flows[served.getsockname()], b"SIP/2.0 200 OK")
                await sink.until(lambda: bool(sink.lost))
                assert sink.lost == {flows[mute.getsockname()]: "no message within 0 s"}
                assert sockets.connections() == [flows[served.getsockname()]]
                assert sockets.counters.silent_closed == 1

    run(story())


def test_a_silent_connection_is_closed(run: Story) -> None:
    """Also one that we made and answered on: only what comes from the peer shows that it lives."""

    async def story() -> None:
        async with network() as (far, far_sink):
            real = await far.listen(listener("TCP"))
            async with network(limits=Limits(idle_deadline=0.08)) as (sockets, sink):
                flow = await opened(
                    sockets, sink, Open(1, "internal", "TCP", ("127.0.0.1", real.port))
                )
                sockets.send(flow, b"\r\n\r\n")
                await sink.until(lambda: flow in sink.lost)
                assert sink.lost[flow] == "silent for 0 s"
            await far_sink.until(lambda: bool(far_sink.lost))

    run(story())


def test_the_address_is_proven_where_no_name_is_given() -> None:
    assert server_name(Open(1, "internal", "TLS", ("192.0.2.1", 5061))) == "192.0.2.1"
    named = Open(1, "internal", "TLS", ("192.0.2.1", 5061), server_name="example.com")
    assert server_name(named) == "example.com"
