"""Spirals, loops and hop counts (RFC 3261 16.3, RFC 5393)."""

from __future__ import annotations

import pytest

from offhook.exchange import Decision, Exchange, Reply, Request
from offhook.testing import Peer, Script, Step, World, build_request, run
from tests.sim.stage import OPEN

DELAY = (0.01, 0.01)
SERVER = ("192.0.2.1", 5060)


def redirecting() -> Exchange:
    """sales rings bob by way of ourselves; round and round come back unchanged or changed."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        user = request.uri.user
        if user == "sales":
            return await request.fork("sip:bob@192.0.2.1:5060")
        if user == "loop":
            return await request.fork("sip:loop@192.0.2.1:5060")
        if user.startswith("spiral"):
            return await request.fork(f"sip:spiral{len(user)}x@192.0.2.1:5060")
        phones = await exchange.location.lookup(request.uri)
        return await request.fork(phones) if phones else Reply(480)

    return exchange


@pytest.mark.rfc("5393", "4.2")
def test_a_spiral_works() -> None:
    async def story(world: World) -> None:
        script = Script((Step(0.1, 180), Step(0.2, 200)))
        bob = await world.registered("bob", script=script)
        alice = await world.registered("alice")
        call = await alice.call("sales@example.com")
        assert call.status == 200
        assert call.provisionals == [180]
        assert len(bob.incoming) == 1
        assert bob.incoming[0].arrival.message.get_all("via")[2:]  # alice, us, us
        assert await call.hang_up() == 200
        assert bob.incoming[0].dialog.ended == "them"

    run(story, redirecting(), delay=DELAY, settings=OPEN)


def test_a_spiral_can_be_cancelled() -> None:
    async def story(world: World) -> None:
        bob = await world.registered("bob", script=Script((Step(0.1, 180),)))
        alice = await world.registered("alice")
        call = alice.dial("sales@example.com")
        await call.ringing()
        call.cancel()
        assert await call.final() == 487
        assert bob.incoming[0].cancelled

    run(story, redirecting(), delay=DELAY, settings=OPEN)


@pytest.mark.rfc("3261", "16.3")
def test_a_loop_gets_482() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        call = await alice.call("loop@192.0.2.1:5060")
        assert call.status == 482
        invites = [each for each in world.wire.packets if each.data.startswith(b"INVITE")]
        assert len(invites) <= 4

    run(story, redirecting(), delay=DELAY, settings=OPEN)


@pytest.mark.rfc("3261", "16.3")
def test_an_endless_spiral_gets_483() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        call = await alice.call("spiral@example.com")
        assert call.status in (482, 483)

    run(story, redirecting(), delay=(0.001, 0.001), settings=OPEN)


@pytest.mark.rfc("3261", "16.3")
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE"])
def test_max_forwards_0_gets_483(method: str) -> None:
    async def story(world: World) -> None:
        bob = await world.registered("bob")
        peer = await Peer.at(world.wire, "198.51.100.40")
        request = build_request(method, "sip:bob@example.com", source=peer.address)
        request = request.replace(b"Max-Forwards: 70", b"Max-Forwards: 0")
        await peer.send(request, SERVER)
        assert (await peer.next()).status == 483
        assert bob.requests == []

    run(story, delay=DELAY, settings=OPEN)
