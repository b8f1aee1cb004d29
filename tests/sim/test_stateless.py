"""Answers without a transaction, and what raw clients do at the worst instant (RFC 3261 8.2.7)."""

from __future__ import annotations

import asyncio
import sys

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import Peer, World, build_request, run
from tests.sim.stage import OPEN, RINGS, TARGET

DELAY = (0.01, 0.01)
SERVER = ("192.0.2.1", 5060)
AT = "198.51.100.40"


def cancel_of(invite: bytes) -> bytes:
    """The CANCEL of an INVITE that was built."""
    cancel = invite.replace(b"INVITE sip", b"CANCEL sip", 1)
    return cancel.replace(b"CSeq: 1 INVITE", b"CSeq: 1 CANCEL")


@pytest.mark.rfc("3261", "8.2.7")
def test_a_challenge_is_never_retransmitted() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        await peer.send(build_request("INVITE", "sip:bob@example.com", source=(AT, 5060)), SERVER)
        assert (await peer.next()).status == 407
        await asyncio.sleep(60)
        assert len(peer.received) == 1
        assert world.server.engine.transactions.counts().servers == 0

    run(story, delay=DELAY)


def test_copies_of_a_challenged_request_get_the_same_tag() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        for _ in range(2):
            data = build_request("INVITE", "sip:bob@example.com", source=(AT, 5060))
            await peer.send(data, SERVER)
        one, other = await peer.next(), await peer.next()
        assert one.core().to_tag == other.core().to_tag != ""

    run(story, delay=DELAY)


def test_a_challenge_goes_where_the_request_came_from() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        victim = await Peer.at(world.wire, "198.51.100.41")
        data = build_request("INVITE", "sip:bob@example.com", source=victim.address)
        await peer.send(data, SERVER)
        assert (await peer.next()).status == 407
        assert victim.received == []

    run(story, delay=DELAY)


@pytest.mark.rfc("3261", "8.2.2.2")
def test_a_merged_register_gets_482() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        for branch in ("z9hG4bKone", "z9hG4bKtwo"):
            data = build_request(
                "REGISTER",
                "sip:example.com",
                source=(AT, 5060),
                branch=branch,
                callee="<sip:alice@example.com>",
            )
            await peer.send(data, SERVER)
        assert [(await peer.next()).status for _ in range(2)] == [200, 482]

    run(story, delay=DELAY, settings=OPEN)


def test_a_retransmitted_register_is_answered_again() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        for _ in range(2):
            data = build_request(
                "REGISTER",
                "sip:example.com",
                source=(AT, 5060),
                callee="<sip:alice@example.com>",
            )
            await peer.send(data, SERVER)
        one, other = await peer.next(), await peer.next()
        assert one.status == other.status == 200
        assert one.to_bytes() == other.to_bytes()

    run(story, delay=DELAY, settings=OPEN)


def test_cancel_in_the_same_turn_as_the_invite() -> None:
    """On 3.11 the handler has not begun and nobody rings; later it has, and the CANCEL waits for
    the 180."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(TARGET["a"])

    async def story(world: World) -> None:
        phone = await world.phone("a", address=("198.51.100.11", 5060), script=RINGS)
        peer = await Peer.at(world.wire, AT)
        data = build_request("INVITE", "sip:x@example.com", source=(AT, 5060))
        await peer.send(data, SERVER)
        await peer.send(cancel_of(data), SERVER)
        await asyncio.sleep(2)
        found = [(each.core().cseq_method, each.status) for each in peer.received]
        assert found[0] == ("CANCEL", 200)
        assert ("INVITE", 487) in found
        assert len(phone.incoming) == (0 if sys.version_info < (3, 12) else 1)
        assert all(call.cancelled for call in phone.incoming)

    run(story, exchange, delay=DELAY, settings=OPEN)


def test_a_cancel_before_its_invite_gets_481() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        data = build_request("INVITE", "sip:x@example.com", source=(AT, 5060))
        await peer.send(cancel_of(data), SERVER)
        assert (await peer.next()).status == 481

    run(story, delay=DELAY, settings=OPEN)


def test_noise_costs_nothing() -> None:
    async def story(world: World) -> None:
        peer = await Peer.at(world.wire, AT)
        for data in (b"", b"\0\0\0\0", b"\r\n\r\n", b"x" * 3000, b"SIP/2.0 200 OK\r\n\r\n" * 9):
            await peer.send(data, SERVER)
        await peer.send(build_request("OPTIONS", "sip:example.com", source=(AT, 5060)), SERVER)
        assert (await peer.next()).status == 200
        assert world.server.failures == []

    run(story, delay=DELAY)
