"""Scripted phones against the real exchange: registering, calling, other requests."""

from __future__ import annotations

import asyncio

import pytest

from offhook.errors import UsageError
from offhook.testing import Script, Step, World, run


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_registering_and_unregistering(transport: str) -> None:
    async def story(world: World) -> None:
        alice = await world.phone("alice", transport=transport)
        assert await alice.register(q="0.5") == 200
        (binding,) = world.server.bindings_of("sip:alice@example.com")
        assert (binding.contact, binding.q) == (alice.uri, 500)
        assert alice.uri in alice.bound[0]
        assert await alice.register(0) == 200
        assert world.server.bindings_of("sip:alice@example.com") == []

    run(story)


def test_a_wrong_password_is_refused_and_not_tried_again() -> None:
    async def story(world: World) -> None:
        alice = await world.phone("alice")
        alice.change_password("wrong")
        assert await alice.register() == 401
        assert len(world.wire.packets) == 4

    run(story, delay=(0.01, 0.01))


def test_a_dead_server_is_408() -> None:
    async def story(world: World) -> None:
        alice = await world.phone("alice")
        world.wire.silence("192.0.2.1")
        assert await alice.register() == 408
        assert await alice.send("MESSAGE", "bob@example.com") == 408

    run(story)


def test_requests_outside_of_dialogs() -> None:
    async def story(world: World) -> None:
        alice, bob = await world.registered("alice"), await world.registered("bob")
        assert await alice.send("MESSAGE", "bob@example.com", headers=[("Subject", "x")]) == 200
        assert bob.requests[0].get("subject") == "x"
        with pytest.raises(UsageError, match="dial"):
            await alice.send("INVITE", "bob@example.com")

    run(story)


def test_a_request_in_a_dialog_that_is_unknown_gets_481() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await world.registered("bob", script=Script((Step(0.1, 200),)))
        call = await alice.call("bob@example.com")
        await asyncio.sleep(1)
        bob.dialogs.clear()
        assert await call.hang_up() == 481

    run(story)


def test_waiting_for_a_call() -> None:
    async def story(world: World) -> None:
        alice, bob = await world.registered("alice"), await world.registered("bob")
        alice.dial("bob@example.com")
        incoming = await bob.rung()
        assert incoming.status == 0
        await asyncio.sleep(2)
        assert await incoming.hang_up() == 200
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await bob.rung(2)

    run(story)
