"""UDP sockets of our own: identity of flows, answers from the address that was hit, errors that
cost one datagram.

Loopback, each test far below half a second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import pytest

from offhook.engine.actions import Open
from offhook.runtime.counters import Counters, Gauges
from offhook.runtime.limits import Limits
from offhook.runtime.route_probe import RouteProbe
from offhook.runtime.udp import ConcreteSocket, DatagramSetting
from offhook.transport.flow import Listener
from tests.unit.runtime.loopback import (
    Recorder,
    Story,
    datagram_peer,
    dead_port,
    listener,
    network,
    opened,
)

PLACES = [  # what is bound, the address that is hit, the peer's address
    ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
    ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ("0.0.0.0", "127.0.0.9", "127.0.0.7"),
    ("::1", "::1", "::1"),
    ("::", "::1", "::1"),
]


@pytest.mark.rfc("3581", "4")
@pytest.mark.parametrize(("bound", "hit", "source"), PLACES)
def test_answers_leave_from_the_address_that_was_hit(
    run: Story, bound: str, hit: str, source: str
) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("UDP", bound))
            sink.answer = lambda flow, data: sockets.send(flow, b"to " + data)
            with datagram_peer(source) as peer:
                remote = peer.getsockname()[:2]
                peer.sendto(b"one", (hit, real.port))
                await sink.until(lambda: bool(sink.received))
                data, address = peer.recvfrom(100)
            flow = sink.received[0][0]
            assert (data, address[:2]) == (b"to one", (hit, real.port))
            assert flow.local == (hit, real.port)
            assert flow.remote == remote
            assert flow.listener == real
            assert not flow.reliable

    run(story())


@pytest.mark.parametrize(("bound", "hit", "source"), PLACES)
def test_one_way_is_one_flow(run: Story, bound: str, hit: str, source: str) -> None:
    """Received twice, and asked for: the same object."""

    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("UDP", bound))
            with datagram_peer(source) as peer:
                remote = peer.getsockname()[:2]
                asked = await opened(sockets, sink, Open(1, "internal", "UDP", remote, hit))
                for _ in range(2):
                    peer.sendto(b"x", (hit, real.port))
                await sink.until(lambda: len(sink.received) == 2)
            assert {flow for flow, _ in sink.received} == {asked}

    run(story())


@pytest.mark.parametrize(("bound", "hit", "source"), PLACES)
def test_the_way_beside_leaves_from_the_same_address(
    run: Story, bound: str, hit: str, source: str
) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP", bound))
            with datagram_peer(source) as peer, datagram_peer(source) as other:
                request = Open(1, "internal", "UDP", peer.getsockname()[:2], hit)
                flow = await opened(sockets, sink, request)
                beside = flow.beside(other.getsockname()[:2])
                assert beside is flow.beside(other.getsockname()[:2])
                assert beside.local == flow.local
                sockets.send(beside, b"over here")
                assert other.recv(100) == b"over here"

    run(story())


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0", "::"])
def test_a_way_that_cannot_be_is_the_way_back(run: Story, bound: str) -> None:
    """Host and port come from a Via: Python's own errors for them must not get out."""

    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP", bound))
            here, elsewhere = ("::1", "127.0.0.1") if ":" in bound else ("127.0.0.1", "::1")
            flow = await opened(sockets, sink, Open(1, "internal", "UDP", (here, 9)))
            for host in (here, elsewhere, "sip.example.com", "0.0.0.0", "::", "", "\udcff"):
                for port in (0, -1, 65_536, 70_000):
                    assert flow.beside((host, port)) is flow
            assert flow.beside((elsewhere, 9)) is flow

    run(story())


@pytest.mark.rfc("3261", "18.4")
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_a_dead_peer_is_reported_and_the_listener_still_hears(run: Story, bound: str) -> None:
    """On uvloop a socket watched directly would be deaf after the ICMP error."""

    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("UDP", bound))
            for ticket in range(3):
                request = Open(ticket, "internal", "UDP", dead_port(), "127.0.0.1")
                dead = await opened(sockets, sink, request)
                sockets.send(dead, b"anybody there?")
                await sink.until(partial(sink.unreachable.__contains__, dead))
            with datagram_peer() as peer:
                peer.sendto(b"I am", ("127.0.0.1", real.port))
                await sink.until(lambda: bool(sink.received))
            assert len(sink.unreachable) == 3
            assert sockets.counters.send_errors == 3

    run(story())


def test_the_error_of_one_datagram_does_not_cost_the_next(run: Story) -> None:
    """The kernel gives the pending ICMP error to the next send, whoever it is for."""

    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP"))
            dead = await opened(sockets, sink, Open(1, "internal", "UDP", dead_port()))
            with datagram_peer() as peer:
                alive = await opened(sockets, sink, Open(2, "internal", "UDP", peer.getsockname()))
                for number in range(10):
                    sockets.send(dead, b"lost")
                    sockets.send(alive, b"%d" % number)
                got = [peer.recv(100) for _ in range(10)]
            assert got == [b"%d" % number for number in range(10)]
            await sink.until(lambda: bool(sink.unreachable))
            assert set(sink.unreachable) == {dead}

    run(story())


def test_a_datagram_that_is_too_large_fails_alone(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            await sockets.listen(listener("UDP"))
            with datagram_peer() as peer:
                flow = await opened(sockets, sink, Open(1, "internal", "UDP", peer.getsockname()))
                sockets.send(flow, b"x" * 70_000)
                sockets.send(flow, b"small")
                assert peer.recv(100) == b"small"
            assert not sink.unreachable  # told in the next turn: the sink may be busy sending
            await sink.until(lambda: sink.unreachable == [flow])

    run(story())


def test_a_burst_is_read_in_bounded_batches_with_one_flush_each(run: Story) -> None:
    async def story() -> None:
        async with network(limits=Limits(datagram_batch=4)) as (sockets, sink):
            real = await sockets.listen(listener("UDP"))
            with datagram_peer() as peer:
                for number in range(10):
                    peer.sendto(b"%d" % number, ("127.0.0.1", real.port))
            await sink.until(lambda: len(sink.received) == 10)
            assert [data for _, data in sink.received] == [b"%d" % number for number in range(10)]
            assert sink.flushes == 3
            assert sockets.counters.datagrams_in == 10
            assert sockets.counters.datagram_bytes_in == 10

    run(story())


def test_keep_alives_and_empty_datagrams_are_passed_on(run: Story) -> None:
    async def story() -> None:
        async with network() as (sockets, sink):
            real = await sockets.listen(listener("UDP"))
            with datagram_peer() as peer:
                for data in (b"", b"\r\n\r\n", b"\0"):
                    peer.sendto(data, ("127.0.0.1", real.port))
            await sink.until(lambda: len(sink.received) == 3)
            assert [data for _, data in sink.received] == [b"", b"\r\n\r\n", b"\0"]

    run(story())


def test_flows_are_forgotten_before_they_fill_the_memory(run: Story) -> None:
    async def story() -> None:
        async with network(limits=Limits(datagram_flows=4)) as (sockets, sink):
            await sockets.listen(listener("UDP"))
            for port in range(1, 1001):
                sockets.open(Open(port, "internal", "UDP", ("127.0.0.1", port)))
            sockets.open(Open(1001, "internal", "UDP", ("127.0.0.1", 1000)))
            sockets.open(Open(1002, "internal", "UDP", ("127.0.0.1", 1)))
            assert sink.opened[1001] is sink.opened[1000]
            assert sink.opened[1002] is not sink.opened[1]

    run(story())


def test_a_fault_of_the_sink_costs_one_datagram(run: Story) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        faults: list[object] = []
        loop.set_exception_handler(lambda _, context: faults.append(context))

        async with network() as (sockets, sink):
            real = await sockets.listen(listener("UDP"))

            def fail(_: object, data: bytes) -> None:
                if data == b"bad":
                    raise RuntimeError

            sink.answer = fail
            with datagram_peer() as peer:
                for data in (b"good", b"bad", b"better"):
                    peer.sendto(data, ("127.0.0.1", real.port))
            await sink.until(lambda: len(sink.received) == 3)
        assert len(faults) == 1

    run(story())


class Stubborn(socket.socket):
    """A socket with a full send buffer until told otherwise, which can be given a datagram."""

    full = False
    old_error = False
    planted: tuple[bytes, tuple[str, int]] | None = None

    def sendto(self, *arguments: object) -> int:
        if self.old_error:
            self.old_error = False
            raise ConnectionRefusedError
        if self.full:
            raise BlockingIOError
        data, address = arguments
        assert isinstance(data, bytes)
        assert isinstance(address, tuple)
        return super().sendto(data, address)

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, tuple[str, int]]:
        if self.planted is not None:
            planted, self.planted = self.planted, None
            return planted
        return super().recvfrom(size, flags)


def stubborn(sink: Recorder, counters: Counters) -> tuple[Stubborn, ConcreteSocket]:
    bound = Stubborn(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    bound.setblocking(False)
    place = Listener("internal", "UDP", *bound.getsockname())
    setting = DatagramSetting(Limits(datagram_queue=4), counters, RouteProbe(1.0))
    return bound, ConcreteSocket(bound, place, sink, setting=setting)


def test_a_full_send_buffer_keeps_a_few_in_order(run: Story) -> None:
    async def story() -> None:
        counters = Counters()
        bound, sockets = stubborn(Recorder(), counters)
        with datagram_peer() as peer:
            flow = sockets.flow_to(peer.getsockname(), "")
            bound.full = True
            for number in range(6):
                sockets.send(flow, b"%d" % number)
            assert (counters.datagrams_out, counters.datagrams_dropped) == (0, 2)
            await turns(lambda: False, 3)  # writable for the kernel, full again at once
            bound.full = False
            await turns(lambda: counters.datagrams_out == 4, 50)
            sockets.send(flow, b"last")
            assert [peer.recv(10) for _ in range(5)] == [b"0", b"1", b"2", b"3", b"last"]
        sockets.close()

    run(story())


def test_a_buffer_that_is_full_behind_an_old_error_is_no_dead_peer(run: Story) -> None:
    async def story() -> None:
        sink, counters = Recorder(), Counters()
        bound, sockets = stubborn(sink, counters)
        with datagram_peer() as peer:
            flow = sockets.flow_to(peer.getsockname(), "")
            bound.old_error = bound.full = True
            sockets.send(flow, b"waits")
            bound.full = False
            await turns(lambda: counters.datagrams_out == 1, 50)
            assert peer.recv(10) == b"waits"
            assert (sink.unreachable, counters.send_errors) == ([], 0)
        sockets.close()

    run(story())


async def turns(condition: Callable[[], bool], most: int) -> None:
    """Let the loop turn until `condition` holds."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)


def test_a_datagram_from_port_zero_is_dropped(run: Story) -> None:
    async def story() -> None:
        sink = Recorder()
        bound, sockets = stubborn(sink, Counters())
        bound.planted = (b"spoofed", ("127.0.0.1", 0))
        with datagram_peer() as peer:
            peer.sendto(b"real", bound.getsockname())
        await sink.until(lambda: bool(sink.received))
        assert [data for _, data in sink.received] == [b"real"]
        sockets.close()

    run(story())


def test_after_closing_nothing_is_sent_and_nothing_raised(run: Story) -> None:
    async def story() -> None:
        counters = Counters()
        bound, sockets = stubborn(Recorder(), counters)
        flow = sockets.flow_to(("127.0.0.1", 9), "")
        sockets.close()
        sockets.close()
        assert bound.fileno() == -1
        sockets.send(flow, b"late")
        bound.full = True
        sockets.send(flow, b"later")
        assert counters.datagrams_out == 0

    run(story())


def test_the_kernel_tells_what_waits_and_what_it_dropped(run: Story) -> None:
    async def story() -> None:
        async with network(limits=Limits(datagram_buffer=4096)) as (sockets, sink):
            real = await sockets.listen(listener("UDP"))
            assert sockets.gauges() == Gauges()
            with datagram_peer() as peer:
                for _ in range(50):  # the loop does not turn meanwhile
                    peer.sendto(b"x" * 1000, (real.host, real.port))
                full = sockets.gauges()
                assert full.datagram_bytes_waiting >= 1000
                assert full.datagrams_lost > 0
                await sink.until(lambda: len(sink.received) + full.datagrams_lost == 50)
            left = sockets.gauges()
            assert (left.datagram_bytes_waiting, left.datagrams_lost) == (0, full.datagrams_lost)
        assert sockets.gauges() == Gauges()  # closed sockets tell nothing

    run(story())
