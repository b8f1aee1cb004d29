"""Bindings and calls when a connection dies, a phone moves, the server restarts (RFC 5626)."""

from __future__ import annotations

import asyncio

import pytest

from offhook.testing import Nat, NatBox, Script, ScriptedPhone, ServerSettings, Step, World, run

DELAY = (0.01, 0.01)
BOB = "sip:bob@example.com"
QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
SERVER = ServerSettings()


async def talk(caller: ScriptedPhone, callee: ScriptedPhone) -> None:
    """Two calls that have to work; each side ends one."""
    for ending in ("caller", "callee"):
        await call_once(caller, callee, ending)


async def call_once(caller: ScriptedPhone, callee: ScriptedPhone, ending: str) -> None:
    """One call that has to work."""
    count = len(callee.incoming)
    call = await caller.call(callee.aor)
    assert call.status == 200, call.status
    assert len(callee.incoming) == count + 1
    await asyncio.sleep(1)
    answered = callee.incoming[-1]
    assert answered.dialog.confirmed
    side = call if ending == "caller" else answered
    assert await side.hang_up() == 200
    assert {call.dialog.ended, answered.dialog.ended} == {"us", "them"}


async def pair(world: World, transport: str) -> tuple[ScriptedPhone, ScriptedPhone]:
    """alice over UDP, bob over that transport."""
    bob = await world.registered("bob", transport=transport, script=QUICK)
    return await world.registered("alice"), bob


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_a_call_reaches_a_phone_on_its_connection(transport: str) -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, transport)
        await talk(alice, bob)
        assert len(world.server.network.connections()) == 1
        await talk(bob, alice)
        assert len(world.server.network.connections()) == 1

    run(story, delay=DELAY)


def test_a_tls_binding_goes_with_its_connection() -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, "TLS")
        assert len(world.server.bindings_of(BOB)) == 1
        bob.agent.drop_connections()
        await asyncio.sleep(0.1)
        assert world.server.bindings_of(BOB) == []
        start = world.now
        call = await alice.call("bob@example.com")
        assert call.status == 480
        assert world.now - start < 0.2

    run(story, delay=DELAY)


def test_a_tcp_binding_falls_back_to_its_contact() -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, "TCP")
        bob.agent.drop_connections()
        await asyncio.sleep(0.1)
        assert len(world.server.bindings_of(BOB)) == 1
        await talk(alice, bob)

    run(story, delay=DELAY)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_bindings_serve_after_a_restart(transport: str) -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, transport)
        await world.server.stop()
        await asyncio.sleep(1)
        await world.server.start()
        await talk(alice, bob)

    run(story, delay=DELAY)


def test_a_ringing_phone_answers_on_its_next_connection() -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, "TLS")
        bob.script = Script((Step(0.1, 180), Step(5.0, 200)))
        call = alice.dial("bob@example.com")
        await call.ringing()
        bob.agent.drop_connections()
        await asyncio.sleep(1)
        assert await bob.register() == 200
        assert await call.final() == 200
        await bob.incoming[0].hang_up()
        assert call.dialog.ended == "them"

    run(story, delay=DELAY)


def test_a_dialog_follows_a_phone_to_its_next_connection() -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, "TLS")
        call = await alice.call("bob@example.com")
        await asyncio.sleep(1)
        bob.agent.drop_connections()
        await asyncio.sleep(1)
        assert await bob.register() == 200
        assert await call.hang_up() == 200

    run(story, delay=DELAY)


def test_a_call_ends_at_once_when_the_connection_dies_before_any_response() -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, "TLS")
        bob.script = Script((), trying=False, cancel_delay=None)
        call = alice.dial("bob@example.com")
        await bob.rung()
        start = world.now
        bob.agent.drop_connections()
        await call.final()
        assert world.now - start < 1.0
        assert call.status == 480

    run(story, delay=DELAY)


def test_a_caller_that_loses_its_connection_gets_its_answer_on_a_new_one() -> None:
    """RFC 3261 18.2.2: the response goes to the sent-by."""

    async def story(world: World) -> None:
        bob = await world.registered("bob", script=Script((Step(0.1, 180), Step(2.0, 486))))
        alice = await world.registered("alice", transport="TCP")
        alice.dial("bob@example.com")
        await bob.rung()
        await asyncio.sleep(0.5)
        alice.agent.drop_connections()
        await asyncio.sleep(5)
        packets = [each for each in world.wire.packets if each.data.startswith(b"SIP/2.0 486")]
        assert ("198.51.100.2", 5060) in [each.destination for each in packets]

    run(story, delay=DELAY)


@pytest.mark.parametrize("kind", list(Nat))
def test_phones_behind_nat_boxes_call_each_other(kind: Nat) -> None:
    async def story(world: World) -> None:
        phones = []
        for number, name in enumerate(("alice", "bob")):
            world.wire.add_box(NatBox(f"home{number}", f"203.0.113.{number + 1}", kind=kind))
            # both homes use the same addresses
            phone = await world.phone(
                name, address=("10.0.0.5", 5060), realm=f"home{number}", script=QUICK
            )
            assert await phone.register() == 200
            phones.append(phone)
        await talk(phones[0], phones[1])
        await talk(phones[1], phones[0])

    run(story, delay=DELAY)


def test_a_phone_whose_address_changed_comes_back() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        box = NatBox("home", "203.0.113.1")
        world.wire.add_box(box)
        bob = await world.phone("bob", address=("10.0.0.5", 5060), realm="home", script=QUICK)
        assert await bob.register() == 200
        await talk(alice, bob)
        await asyncio.sleep(40)
        box.change_address("203.0.113.2")
        assert await bob.register() == 200
        assert len(world.server.bindings_of(BOB)) == 1  # the old one was replaced
        await talk(alice, bob)

    run(story, delay=DELAY)


def test_a_tcp_phone_behind_a_box_that_forgot_it_comes_back() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        box = NatBox("home", "203.0.113.1")
        world.wire.add_box(box)
        bob = await world.phone(
            "bob", address=("10.0.0.5", 5060), realm="home", script=QUICK, transport="TCP"
        )
        assert await bob.register() == 200
        await talk(alice, bob)
        box.forget()
        call = await alice.call("bob@example.com")
        assert call.status in (408, 480, 500)
        assert len(bob.incoming) == 2  # those that worked
        bob.agent.drop_connections()
        await asyncio.sleep(60)
        assert world.server.network.connections() == []
        assert await bob.register() == 200
        await talk(alice, bob)

    run(story, delay=DELAY)


def test_a_dead_phone_is_408_and_its_binding_expires() -> None:
    async def story(world: World) -> None:
        alice, bob = await pair(world, "UDP")
        world.wire.silence("198.51.100.1")  # bob was made first
        call = await alice.call("bob@example.com")
        assert call.status == 408
        assert bob.incoming == []
        await asyncio.sleep(3600)
        assert len(world.server.storage.bindings) == 0

    run(story, delay=DELAY)
