"""A STUN server on loopback addresses: answers, the other sockets, the rate of one source."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from offhook.errors import StartError
from offhook.runtime import stun_server
from offhook.runtime.stun_server import StunServer
from offhook.transport.flow import Address, Flow, Listener
from tests.unit.runtime.loopback import Story

HEAD = bytes.fromhex("000100002112a442") + b"transactions"
HOSTS = ("127.0.0.1", "127.0.0.2")


def request(change: int = 0) -> bytes:
    """A binding request, with CHANGE-REQUEST if `change` is said."""
    if not change:
        return HEAD
    return HEAD[:2] + b"\0\x08" + HEAD[4:] + struct.pack("!HHI", 3, 4, change)


def addresses(data: bytes) -> dict[int, Address]:
    """The address attributes of an answer, unmasked."""
    found: dict[int, Address] = {}
    offset = 20
    while offset < len(data):
        name, size = struct.unpack_from("!HH", data, offset)
        if size == 8:
            port, host = struct.unpack_from("!HI", data, offset + 6)
            if name == 0x20:
                port, host = port ^ 0x2112, host ^ 0x2112A442
            found[name] = (socket.inet_ntoa(struct.pack("!I", host)), port)
        offset += 4 + size
    return found


@asynccontextmanager
async def serving(*hosts: str) -> AsyncIterator[tuple[StunServer, list[Listener]]]:
    """A server at free ports of these hosts."""
    server = StunServer([Listener("stun", "UDP", host, 0) for host in hosts])
    try:
        yield server, list(await server.start())
    finally:
        await server.stop()


async def ask(
    server: Address, data: bytes, patience: float = 2.0
) -> tuple[bytes, Address, Address]:
    """The answer, where it came from, and our own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.9", 0))
        client.settimeout(patience)
        client.sendto(data, server)
        answer, source = await asyncio.to_thread(client.recvfrom, 1500)
        return answer, source, client.getsockname()


def test_one_address_answers_without_naming_another(run: Story) -> None:
    async def story() -> None:
        async with serving("127.0.0.1") as (_, (listener,)):
            place = (listener.host, listener.port)
            answer, source, own = await ask(place, request())
            assert source == place
            assert addresses(answer) == {0x20: own}
            answer, _, _ = await ask(place, request(change=6))
            assert answer[:2] == b"\x01\x11"  # it cannot

    run(story())


@pytest.mark.rfc("5780", "6.1")
@pytest.mark.parametrize(("change", "host", "port"), [(0, 0, 0), (2, 0, 1), (4, 1, 0), (6, 1, 1)])
@pytest.mark.parametrize("hit", range(4))
def test_two_addresses_answer_from_where_they_are_asked_to(
    run: Story, change: int, host: int, port: int, hit: int
) -> None:
    async def story() -> None:
        async with serving(*HOSTS) as (_, listeners):
            places = [(each.host, each.port) for each in listeners]
            ports = [places[0][1], places[1][1]]
            assert places == [(host, port) for host in HOSTS for port in ports]
            asked = (hit // 2, hit % 2)
            answer, source, own = await ask(places[hit], request(change))
            wanted = (HOSTS[asked[0] ^ host], ports[asked[1] ^ port])
            assert source == wanted
            assert addresses(answer) == {
                0x20: own,
                0x802B: wanted,
                0x802C: (HOSTS[1 - asked[0]], ports[1 - asked[1]]),
            }

    run(story())


def test_garbage_and_too_much_are_not_answered(run: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun_server, "BURST", 3.0)
    monkeypatch.setattr(stun_server, "RATE", 0.0)
    monkeypatch.setattr(stun_server, "SOURCES", 2)

    async def story() -> None:
        async with serving(*HOSTS) as (server, listeners):
            place = (listeners[0].host, listeners[0].port)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.bind(("127.0.0.9", 0))
                client.sendto(b"OPTIONS sip:x SIP/2.0\r\n\r\n", place)
                client.sendto(b"\0\x11" + HEAD[2:], place)  # an indication
            for _ in range(3):
                await ask(place, request())
            with pytest.raises(TimeoutError):
                await ask(place, request(), 0.05)
            counters = server.counters
            assert (counters.answered, counters.limited, counters.malformed) == (3, 1, 1)

    run(story())


@pytest.mark.parametrize(
    ("guest", "others"),
    [
        ("192.0.2.1", [f"198.51.100.{n}" for n in range(3)]),
        ("2001:db8::1", ["2001:db8:0:1::1", "2001:db8:0:2::1"]),
    ],
)
def test_other_sources_do_not_reset_the_limit_of_one(
    monkeypatch: pytest.MonkeyPatch, guest: str, others: list[str]
) -> None:
    monkeypatch.setattr(stun_server, "BURST", 3.0)
    monkeypatch.setattr(stun_server, "SOURCES", 2)
    listener = Listener("stun", "UDP", "127.0.0.1", 0)
    server = StunServer([listener])
    allowed = [server._allowed(host) for other in others for host in (guest, other, guest)]
    assert allowed.count(False) == len(others) * 2 - 3


def test_a_network_of_one_subscriber_has_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun_server, "BURST", 3.0)
    server = StunServer([Listener("stun", "UDP", "127.0.0.1", 0)])
    allowed = [server._allowed(f"2001:db8::{number}") for number in range(4)]
    assert allowed == [True, True, True, False]


def test_a_port_that_is_taken_is_one_line_and_leaves_nothing_open(run: Story) -> None:
    async def story() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.2", 0))
            port = taken.getsockname()[1]
            server = StunServer([Listener("stun", "UDP", host, port) for host in HOSTS])
            with pytest.raises(StartError, match=str(port)):
                await server.start()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind(("127.0.0.1", port))

    run(story())


def test_what_belongs_to_others_is_nothing(run: Story) -> None:
    async def story() -> None:
        async with serving("127.0.0.1") as (server, _):
            stranger = Flow(Listener("p", "UDP", "127.0.0.8", 1), ("127.0.0.8", 1), ("9.9.9.9", 1))
            server.receive(stranger, HEAD)
            server.send_failed(stranger)
            assert server.counters.answered == 0

    run(story())
