"""Pages as phones: reached by their connection and nothing else (RFC 7118, its examples of section
8 among them).
"""

from __future__ import annotations

import asyncio

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.message import parse
from offhook.testing import (
    ProfileSettings,
    Script,
    ScriptedPhone,
    ServerSettings,
    Step,
    World,
    run,
)

DELAY = (0.01, 0.01)
BOB = "sip:bob@example.com"
ALICE = "sip:alice@example.com"
QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
RINGS = Script((Step(0.1, 180),))
each_transport = pytest.mark.parametrize("transport", ["WS", "WSS"])


def first_of(world: World, start: str, *, to: str) -> str:
    """The first message with that start line which was sent to a host."""
    return next(
        packet.data.decode()
        for packet in world.wire.packets
        if packet.destination[0] == to and packet.data.decode().startswith(start)
    )


async def page_and_phone(
    world: World, transport: str, script: Script = QUICK
) -> tuple[ScriptedPhone, ScriptedPhone]:
    """alice in a page, bob over UDP."""
    alice = await world.registered("alice", transport=transport, script=script)
    return alice, await world.registered("bob", script=script)


@pytest.mark.rfc("7118", "8.1")
@each_transport
def test_registration(transport: str) -> None:
    """Section 8.1: a page registers a Contact under .invalid and is told of it."""

    async def story(world: World) -> None:
        alice = await world.registered("alice", transport=transport)
        (bound,) = world.server.bindings_of(ALICE)
        assert bound.contact == alice.uri
        assert bound.contact.endswith(".invalid;transport=ws")
        assert bound.by_flow
        assert bound.flow.startswith(f"{transport.lower()}/192.0.2.1:")
        answer = parse(first_of(world, "SIP/2.0 200", to="198.51.100.1").encode())
        via = answer.get("via") or ""
        assert via.startswith(f"SIP/2.0/{transport} {alice.agent.sent_by};branch=")
        assert "received" not in via  # 5.3
        assert "rport" not in via

    run(story, delay=DELAY)


@pytest.mark.rfc("7118", "8.2")
@pytest.mark.parametrize("ending", ["page", "phone"])
@each_transport
def test_invite_dialog_through_a_proxy(transport: str, ending: str) -> None:
    """Section 8.2: page to phone over UDP, with two Record-Routes, ACK one way and BYE either."""

    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, transport)
        call = await alice.call(BOB)
        assert call.status == 200
        await asyncio.sleep(1)
        answered = bob.incoming[0]
        assert answered.dialog.confirmed
        invite = parse(first_of(world, "INVITE", to="198.51.100.2").encode())
        outside, inside = invite.get_all("record-route")
        assert "transport" not in outside
        port = 80 if transport == "WS" else 443
        assert inside.endswith(f"@192.0.2.1:{port};transport=ws;lr>")
        assert invite.get_all("via")[1].startswith(f"SIP/2.0/{transport} {alice.agent.sent_by}")
        side = call if ending == "page" else answered
        assert await side.hang_up() == 200
        assert {call.dialog.ended, answered.dialog.ended} == {"us", "them"}
        assert len(world.server.network.connections()) == 1

    run(story, delay=DELAY)


@pytest.mark.parametrize("ending", ["page", "phone"])
@each_transport
def test_a_phone_calls_a_page(transport: str, ending: str) -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, transport)
        call = await bob.call(ALICE)
        assert call.status == 200
        await asyncio.sleep(1)
        answered = alice.incoming[0]
        assert answered.dialog.confirmed
        side = answered if ending == "page" else call
        assert await side.hang_up() == 200
        assert {call.dialog.ended, answered.dialog.ended} == {"us", "them"}

    run(story, delay=DELAY)


def test_pages_call_each_other_over_two_listeners() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice", transport="WS")
        bob = await world.registered("bob", transport="WSS", script=QUICK)
        call = await alice.call(BOB)
        await asyncio.sleep(1)
        assert await bob.incoming[0].hang_up() == 200
        assert call.dialog.ended == "them"

    run(story, delay=DELAY)


def test_a_page_that_rings_is_cancelled() -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, "WSS", RINGS)
        call = bob.dial(ALICE)
        await call.ringing()
        call.cancel()
        assert await call.final() == 487
        assert alice.incoming[0].cancelled

    run(story, delay=DELAY)


def test_a_page_cancels() -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, "WSS", RINGS)
        call = alice.dial(BOB)
        await call.ringing()
        call.cancel()
        assert await call.final() == 487
        assert bob.incoming[0].cancelled

    run(story, delay=DELAY)


@each_transport
def test_a_page_that_left_is_unreachable_at_once_and_back_when_it_registers(
    transport: str,
) -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, transport)
        alice.agent.drop_connections()
        await asyncio.sleep(0.02)
        assert world.server.bindings_of(ALICE) == []
        start = world.now
        assert (await bob.call(ALICE)).status == 480
        assert world.now - start < 0.2
        assert await alice.register() == 200
        call = await bob.call(ALICE)
        assert call.status == 200
        await call.hang_up()

    run(story, delay=DELAY)


def test_a_page_that_leaves_while_it_rings_ends_the_call() -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, "WSS", RINGS)
        call = bob.dial(ALICE)
        await call.ringing()
        start = world.now
        alice.agent.drop_connections()
        assert await call.final() == 480
        assert world.now - start < 0.2

    run(story, delay=DELAY)


def test_a_page_that_leaves_does_not_end_the_ringing_elsewhere() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice", transport="WSS", script=RINGS)
        other = await world.registered("alice", script=Script((Step(0.1, 180), Step(5.0, 200))))
        bob = await world.registered("bob")
        call = bob.dial(ALICE)
        await call.ringing()
        alice.agent.drop_connections()
        assert await call.final() == 200
        await other.incoming[0].hang_up()

    run(story, delay=DELAY)


def test_a_caller_who_cancels_while_the_page_leaves_hears_the_end() -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, "WSS", RINGS)
        call = bob.dial(ALICE)
        await call.ringing()
        alice.agent.drop_connections()
        call.cancel()
        assert await call.final() in (480, 487)

    run(story, delay=DELAY)


def test_who_hangs_up_on_a_page_that_left_hears_so_at_once() -> None:
    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, "WSS")
        call = await bob.call(ALICE)
        await asyncio.sleep(1)
        alice.agent.drop_connections()
        await asyncio.sleep(0.1)
        start = world.now
        assert await call.hang_up() == 480
        assert world.now - start < 0.2

    run(story, delay=DELAY)


@pytest.mark.parametrize(
    "uri",
    ["sip:x@198.51.100.9:5070;transport=ws", "sip:x@somewhere.invalid", "sip:x@h;transport=WSS"],
)
def test_a_uri_of_a_page_leads_nowhere_by_itself(uri: str) -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(uri)

    async def story(world: World) -> None:
        alice = await world.registered("alice")
        start = world.now
        assert (await alice.call(BOB)).status == 480
        assert world.now - start < 0.2

    run(story, exchange, delay=DELAY)


def test_a_contact_under_invalid_is_reached_by_its_connection_over_tcp_too() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await world.phone("bob", transport="TCP", script=QUICK)
        assert await bob.register(contact="<sip:bob@gateway.invalid>") == 200
        (bound,) = world.server.bindings_of(BOB)
        assert bound.by_flow
        call = await alice.call(BOB)
        assert call.status == 200
        await call.hang_up()
        bob.agent.drop_connections()
        await asyncio.sleep(0.1)
        assert (await alice.call(BOB)).status == 480

    run(story, delay=DELAY)


def test_a_page_that_closes_before_its_answer_gets_none() -> None:
    async def story(world: World) -> None:
        alice = await world.phone("alice", transport="WSS")
        request = asyncio.ensure_future(alice.register())
        await asyncio.sleep(0.075)  # the challenge is on its way
        alice.agent.drop_connections()
        assert await request in (408, 503)
        opened = [packet for packet in world.wire.packets if packet.source[0] == "192.0.2.1"]
        assert len(opened) <= 1

    run(story, delay=DELAY)


def test_unauthenticated_pages_of_an_open_exchange() -> None:
    listen = ("udp:192.0.2.1:5060", "wss:192.0.2.1:7443")
    settings = ServerSettings(
        profiles={"open": ProfileSettings(listen, authenticate=False, registrar=True)}
    )

    async def story(world: World) -> None:
        alice, bob = await page_and_phone(world, "WSS")
        for caller, callee in ((alice, BOB), (bob, ALICE)):
            call = await caller.call(callee)
            assert call.status == 200
            await call.hang_up()

    run(story, delay=DELAY, settings=settings)
