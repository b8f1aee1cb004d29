"""Whole calls by sips: to phones that want it, from phones that do not, in the clear (RFC 5630)."""

from __future__ import annotations

import asyncio

import pytest

from offhook.testing import Script, ScriptedPhone, Step, World, run

DELAY = (0.01, 0.01)
QUICK = Script((Step(0.1, 180), Step(0.2, 200)))


async def talk(caller: ScriptedPhone, callee: ScriptedPhone, target: str) -> None:
    """Two calls that have to work; each side ends one."""
    for ending in ("caller", "callee"):
        count = len(callee.incoming)
        call = await caller.call(target)
        assert call.status == 200, (target, call.status)
        await asyncio.sleep(1)
        answered = callee.incoming[count]
        assert answered.dialog.confirmed
        side = call if ending == "caller" else answered
        assert await side.hang_up() == 200
        assert {call.dialog.ended, answered.dialog.ended} == {"us", "them"}


@pytest.mark.rfc("5630", "5.3")
def test_a_sips_call_is_sips_on_every_hop() -> None:
    async def story(world: World) -> None:
        bob = await world.registered("sips:bob", transport="TLS", script=QUICK)
        alice = await world.registered("sips:alice", transport="TLS", script=QUICK)
        await talk(alice, bob, "sips:bob@example.com")
        await talk(bob, alice, "sips:alice@example.com")
        for phone in (alice, bob):
            assert {message.uri[:5] for message in phone.requests} == {"sips:"}
        transports = {flow.transport for flow in world.server.network.connections()}
        assert transports == {"TLS"}

    run(story, delay=DELAY)


@pytest.mark.rfc("5630", "5.3")
def test_a_sip_call_reaches_a_sips_phone_and_is_not_changed() -> None:
    async def story(world: World) -> None:
        bob = await world.registered("sips:bob", transport="TLS", script=QUICK)
        alice = await world.registered("alice", script=QUICK)
        await talk(alice, bob, "sip:bob@example.com")
        assert {message.uri[:4] for message in bob.requests if message.method == "INVITE"} == {
            "sip:"
        }

    run(story, delay=DELAY)


@pytest.mark.rfc("5630", "5.3")
@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_a_phone_with_a_sip_contact_is_not_reached_by_sips(transport: str) -> None:
    async def story(world: World) -> None:
        bob = await world.registered("bob", transport=transport, script=QUICK)
        alice = await world.registered("sips:alice", transport="TLS", script=QUICK)
        call = await alice.call("sips:bob@example.com")
        assert call.status == 480
        assert not bob.requests
        await talk(alice, bob, "sip:bob@example.com")

    run(story, delay=DELAY)


@pytest.mark.rfc("3261", "26.2.2")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_sips_in_the_clear_is_refused(transport: str) -> None:
    async def story(world: World) -> None:
        bob = await world.registered("sips:bob", transport="TLS", script=QUICK)
        alice = await world.registered("alice", transport=transport)
        call = await alice.call("sips:bob@example.com")
        assert call.status == 403
        assert await alice.send("MESSAGE", "sips:bob@example.com") == 403
        assert not bob.requests

    run(story, delay=DELAY)
