"""Datagrams between virtual hosts: loss, copies, delay, realms, silence, records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from offhook.errors import UsageError
from offhook.testing.loop import run_virtual
from offhook.testing.nat import NatBox
from offhook.testing.stream import Stream
from offhook.testing.wire import Link, Wire
from offhook.transport.flow import Address

A, B = ("192.0.2.1", 1000), ("192.0.2.2", 2000)


class Host:
    """Keeps what arrives."""

    def __init__(self, wire: Wire, host: str, realm: str = "", *, is_open: bool = True) -> None:
        self.got: list[tuple[float, Address, bytes]] = []
        self.refused: list[Address] = []
        self._wire = wire
        self._open = is_open
        wire.attach(realm, host, self)

    def datagram(self, destination: Address, source: Address, data: bytes) -> bool:
        self.got.append((self._wire.loop.time(), source, data))
        return self._open

    def unreachable(self, source: Address, destination: Address) -> None:
        self.refused.append(destination)

    def listens(self, transport: str, destination: Address) -> bool:
        return False

    def certifies(self, name: str) -> bool:
        return True

    def accept(self, stream: Stream) -> None:
        raise AssertionError("nothing listens")


def play(
    story: Callable[[Wire, Host, Host], Awaitable[None]], *, seed: int = 1, **link: object
) -> Wire:
    """Two hosts on a wire."""

    async def main() -> Wire:
        wire = Wire(seed=seed, link=Link(**link))  # type: ignore[arg-type]  # by name
        await story(wire, Host(wire, A[0]), Host(wire, B[0]))
        return wire

    return run_virtual(main())


def test_datagrams_arrive_within_their_delay() -> None:
    async def story(wire: Wire, _a: Host, b: Host) -> None:
        for _ in range(100):
            wire.send("", A, B, b"x")
        await asyncio.sleep(1)
        assert len(b.got) == 100
        assert all(0.1 <= time <= 0.2 for time, _, _ in b.got)
        assert b.got[0][1:] == (A, b"x")

    play(story, delay=(0.1, 0.2))


@pytest.mark.parametrize(
    ("loss", "duplicate", "least", "most"), [(0.3, 0, 600, 800), (0, 0.3, 1200, 1400), (1, 0, 0, 0)]
)
def test_loss_and_copies(loss: float, duplicate: float, least: int, most: int) -> None:
    async def story(wire: Wire, _a: Host, b: Host) -> None:
        for _ in range(1000):
            wire.send("", A, B, b"x")
        await asyncio.sleep(1)
        assert least <= len(b.got) <= most
        assert len(wire.packets) == 1000

    wire = play(story, loss=loss, duplicate=duplicate)
    assert ("LOST" in wire.ladder()) is (loss > 0)


def test_a_wide_delay_reorders_and_a_constant_one_does_not() -> None:
    async def story(wire: Wire, _a: Host, b: Host) -> None:
        for number in range(50):
            wire.send("", A, B, bytes([number]))
        await asyncio.sleep(1)
        orders.append([data[0] for _, _, data in b.got])

    orders: list[list[int]] = []
    play(story, delay=(0.0, 0.5))
    play(story, delay=(0.1, 0.1))
    assert orders[0] != sorted(orders[0])
    assert orders[1] == list(range(50))


def test_a_closed_port_is_told_and_nobody_is_not() -> None:
    async def story(wire: Wire, a: Host, _b: Host) -> None:
        Host(wire, "192.0.2.3", is_open=False)
        wire.send("", A, ("192.0.2.3", 9), b"x")
        wire.send("", A, ("192.0.2.4", 9), b"x")
        await asyncio.sleep(1)
        assert a.refused == [("192.0.2.3", 9)]

    play(story)


def test_a_silent_host_neither_hears_nor_speaks() -> None:
    async def story(wire: Wire, a: Host, b: Host) -> None:
        wire.silence(B[0])
        wire.send("", A, B, b"x")
        wire.send("", B, A, b"x")
        await asyncio.sleep(1)
        assert a.got == b.got == []
        wire.wake(B[0])
        wire.send("", A, B, b"x")
        await asyncio.sleep(1)
        assert len(b.got) == 1

    play(story)


def test_links_of_their_own() -> None:
    async def story(wire: Wire, _a: Host, b: Host) -> None:
        wire.connect_pair(A[0], B[0], Link(loss=1.0))
        c = Host(wire, "192.0.2.3")
        for destination in (B, ("192.0.2.3", 1)):
            wire.send("", A, destination, b"x")
        await asyncio.sleep(1)
        assert (len(b.got), len(c.got)) == (0, 1)

    play(story)


def test_private_addresses_are_reached_inside_and_by_their_box() -> None:
    async def story(wire: Wire, a: Host, _b: Host) -> None:
        for name in ("one", "two"):
            wire.add_box(NatBox(name, f"203.0.113.{len(name)}{name == 'two':d}"))
        inner, beside = Host(wire, "10.0.0.5", "one"), Host(wire, "10.0.0.6", "one")
        other = Host(wire, "10.0.0.5", "two")  # the same address in another home
        wire.send("one", ("10.0.0.6", 1), ("10.0.0.5", 1), b"inside")
        wire.send("", A, ("10.0.0.5", 1), b"from outside")
        wire.send("two", ("10.0.0.5", 5060), A, b"out")
        await asyncio.sleep(1)
        assert [data for _, _, data in inner.got] == [b"inside"]
        assert beside.got == []
        (_, seen, data) = a.got[0]
        assert (seen[0], data) == ("203.0.113.31", b"out")
        wire.send("", A, seen, b"back")
        wire.send("", B, seen, b"stranger")
        await asyncio.sleep(1)
        assert [data for _, _, data in other.got] == [b"back"]

    play(story)


def test_addresses_are_taken_once_and_realms_must_be_there() -> None:
    async def story(wire: Wire, _a: Host, _b: Host) -> None:
        with pytest.raises(UsageError, match="taken"):
            Host(wire, A[0])
        with pytest.raises(UsageError, match="no NAT box"):
            Host(wire, "10.0.0.5", "nowhere")
        wire.detach("", A[0])
        Host(wire, A[0])

    play(story)


def test_the_trace_depends_on_the_seed_alone() -> None:
    async def story(wire: Wire, _a: Host, _b: Host) -> None:
        for size in range(20):
            wire.send("", A, B, b"x" * size)
        await asyncio.sleep(1)

    one, same, other = (play(story, seed=seed, loss=0.2).trace for seed in (1, 1, 2))
    assert one == same != other
    assert one != 0
