"""One connection: bytes both ways, and the reason for its end. Loopback, each test below half a
second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from offhook.runtime.limits import Limits
from offhook.runtime.sockets import SocketNetwork
from offhook.transport.flow import Flow
from tests.unit.runtime.loopback import Recorder, Story, listener, network


@asynccontextmanager
async def connection(
    limits: Limits | None = None, *, small: bool = False
) -> AsyncIterator[tuple[SocketNetwork, Recorder, Flow, socket.socket]]:
    """An accepted connection and the blocking socket of its peer."""
    async with network(limits=limits) as (sockets, sink):
        real = await sockets.listen(listener("TCP"))
        with socket.socket() as peer:
            if small:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(3)
            peer.connect(("127.0.0.1", real.port))
            await sink.until(lambda: bool(sink.accepted))
            yield sockets, sink, sink.accepted[0], peer


def test_bytes_go_both_ways(run: Story) -> None:
    async def story() -> None:
        async with connection() as (sockets, sink, flow, peer):
            peer.sendall(b"OPTIONS sip:")
            await sink.until(lambda: bool(sink.received))
            flushes = sink.flushes
            peer.sendall(b"x SIP/2.0")
            await sink.until(lambda: len(sink.received) == 2)
            assert sink.received == [(flow, b"OPTIONS sip:"), (flow, b"x SIP/2.0")]
            assert sink.flushes == flushes + 1
            sockets.send(flow, b"SIP/2.0 200 OK")
            await asyncio.sleep(0)
            assert peer.recv(100) == b"SIP/2.0 200 OK"
            assert flow.reliable
            assert flow.remote == peer.getsockname()
            assert flow.local == peer.getpeername()
            assert sockets.counters.stream_bytes_in == 21
            assert sockets.counters.stream_bytes_out == 14

    run(story())


def test_what_is_queued_leaves_before_the_end(run: Story) -> None:
    async def story() -> None:
        async with connection() as (sockets, sink, flow, peer):
            sockets.send(flow, b"x" * 100_000)
            sockets.close(flow)
            sockets.send(flow, b"too late")
            assert sockets.connections() == []
            got = await asyncio.to_thread(everything, peer)
            assert got == b"x" * 100_000
            await sink.until(lambda: flow in sink.lost)
            assert sink.lost[flow] == "closed"

    run(story())


def test_closing_is_cut_off_at_its_deadline(run: Story) -> None:
    async def story() -> None:
        limits = Limits(close_deadline=0.05, write_high_water=16 << 20)
        async with connection(limits, small=True) as (sockets, sink, flow, _):
            sockets.send(flow, b"x" * (8 << 20))  # more than the kernel takes, and nobody reads
            sockets.close(flow)
            await sink.until(lambda: flow in sink.lost)
            assert sink.lost[flow] == "closed"

    run(story())


def test_a_peer_that_does_not_read_is_closed_alone(run: Story) -> None:
    async def story() -> None:
        async with connection(small=True) as (sockets, sink, slow, peer):
            with socket.create_connection(peer.getpeername()) as other:
                await sink.until(lambda: len(sink.accepted) == 2)
                for _ in range(200):
                    sockets.send(slow, b"x" * 65_536)
                await sink.until(lambda: slow in sink.lost)
                other.sendall(b"still here")
                await sink.until(lambda: bool(sink.received))
            assert sink.lost[slow] == "the peer does not read"
            assert sockets.counters.slow_readers == 1

    run(story())


def test_the_peer_hangs_up(run: Story) -> None:
    async def story() -> None:
        async with connection() as (sockets, sink, flow, peer):
            peer.sendall(b"bye")
            peer.close()
            await sink.until(lambda: flow in sink.lost)
            assert sink.received == [(flow, b"bye")]
            assert sink.lost[flow] == "closed by the peer"
            assert sockets.connections() == []
            sockets.send(flow, b"nobody")
            sockets.close(flow)

    run(story())


def test_a_peer_that_hangs_up_without_reading_is_cut_off(run: Story) -> None:
    async def story() -> None:
        limits = Limits(close_deadline=0.05, write_high_water=16 << 20)
        async with connection(limits, small=True) as (sockets, sink, flow, peer):
            sockets.send(flow, b"x" * (8 << 20))
            peer.shutdown(socket.SHUT_WR)
            await sink.until(lambda: flow in sink.lost)
            assert sink.lost[flow] == "closed by the peer"

    run(story())


def test_the_peer_resets(run: Story) -> None:
    async def story() -> None:
        async with connection() as (_, sink, flow, peer):
            linger = (1).to_bytes(4, "little") + bytes(4)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            peer.close()
            await sink.until(lambda: flow in sink.lost)
            assert sink.lost[flow] == "connection reset by peer"

    run(story())


@pytest.mark.parametrize("size", [1, 65_536, 1_000_000])
def test_any_size_arrives_whole(run: Story, size: int) -> None:
    async def story() -> None:
        async with connection() as (_, sink, _, peer):
            sending = asyncio.to_thread(peer.sendall, b"x" * size)
            await sending
            await sink.until(lambda: sum(len(data) for _, data in sink.received) == size)

    run(story())


def everything(peer: socket.socket) -> bytes:
    chunks = []
    while chunk := peer.recv(65_536):
        chunks.append(chunk)
    return b"".join(chunks)
