"""Phones behind every kind of NAT, over every transport, with loss; mappings that are forgotten."""

from __future__ import annotations

import asyncio

import pytest

from offhook.exchange.ping_schedule import KeepAlivePolicy
from offhook.testing import Nat, NatBox, Script, ScriptedPhone, ServerSettings, Step, World, run

QUICK = Script((Step(0.1, 180), Step(0.3, 200)))
INNER = ("10.0.0.5", 5060)
BOB = "sip:bob@example.com"
PINGED = ServerSettings(keep_alive=KeepAlivePolicy(interval=25.0, lost=3))

each_kind = pytest.mark.parametrize("kind", list(Nat), ids=lambda kind: kind.name.lower())
each_transport = pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])


async def behind(
    world: World, name: str, box: NatBox, *, transport: str = "UDP", script: Script = QUICK
) -> ScriptedPhone:
    """A registered phone behind a box."""
    world.wire.add_box(box)
    phone = await world.phone(
        name, address=INNER, realm=box.name, transport=transport, script=script
    )
    assert await phone.register() == 200
    return phone


async def talk(caller: ScriptedPhone, callee: ScriptedPhone, *, ends: str = "caller") -> None:
    """A call that rings, is answered, acknowledged and ended by one side."""
    call = await caller.call(callee.aor)
    assert call.status == 200
    await asyncio.sleep(2)
    answered = callee.incoming[-1]
    assert answered.dialog.confirmed
    if ends == "caller":
        assert await call.hang_up() == 200
        assert answered.dialog.ended == "them"
    else:
        assert await answered.hang_up() == 200
        assert call.dialog.ended == "them"


@each_transport
@each_kind
def test_behind_every_kind_of_nat_calls_go_both_ways(kind: Nat, transport: str) -> None:
    """Against a public phone and against one behind a box of its own with the same address."""

    async def story(world: World) -> None:
        home = NatBox("home", "203.0.113.10", kind=kind)
        alice = await behind(world, "alice", home, transport=transport)
        bob = await behind(world, "bob", NatBox("work", "203.0.113.11", kind=kind))
        carol = await world.registered("carol", script=QUICK)
        for other in (bob, carol):
            for ends in ("caller", "callee"):
                await talk(alice, other, ends=ends)
                await talk(other, alice, ends=ends)

    run(story)


@each_kind
@pytest.mark.parametrize("seed", range(8))
def test_so_they_do_where_packets_are_lost(kind: Nat, seed: int) -> None:
    async def story(world: World) -> None:
        alice = await behind(world, "alice", NatBox("home", "203.0.113.10", kind=kind))
        bob = await behind(world, "bob", NatBox("work", "203.0.113.11", kind=kind))
        for _ in range(3):
            call = await alice.call(bob.aor)
            assert call.status == 200
            await asyncio.sleep(20)
            assert bob.incoming[-1].dialog.confirmed
            assert await bob.incoming[-1].hang_up() == 200

    run(story, seed=seed, loss=0.15, duplicate=0.05)


@pytest.mark.parametrize("method", ["options", "off"])
def test_a_mapping_that_is_forgotten_is_held_by_pings_alone(method: str) -> None:
    """The box forgets after 30 s: without keep-alive the phone cannot be reached any more."""

    async def story(world: World) -> int:
        alice = await world.registered("alice")
        bob = await behind(world, "bob", NatBox("home", "203.0.113.10", lifetime=30.0))
        await asyncio.sleep(1000)
        call = await alice.call(bob.aor)
        if call.status == 200:
            await call.hang_up()
        await bob.register(0)
        return call.status

    policy = KeepAlivePolicy(method, interval=25.0, lost=3)
    status = run(story, settings=ServerSettings(keep_alive=policy))
    assert status == (200 if method == "options" else 408)


@pytest.mark.parametrize("seed", range(5))
def test_loss_makes_nobody_dead(seed: int) -> None:
    async def story(world: World) -> None:
        bob = await behind(world, "bob", NatBox("home", "203.0.113.10", lifetime=30.0))
        await asyncio.sleep(3000)
        assert len(world.server.bindings_of(BOB)) == 1
        assert world.server.keep_alive.dropped == 0
        assert 115 <= world.server.keep_alive.sent <= 121
        await bob.register(0)

    run(story, seed=seed, loss=0.1, settings=PINGED)


def test_a_dead_phone_is_dropped_after_three_pings() -> None:
    async def story(world: World) -> None:
        await behind(world, "bob", NatBox("home", "203.0.113.10"))
        await asyncio.sleep(200)
        world.wire.silence(INNER[0])
        await asyncio.sleep(49)
        assert world.server.bindings_of(BOB)
        await asyncio.sleep(53)
        assert not world.server.bindings_of(BOB)
        alice = await world.registered("alice")
        assert (await alice.call("bob@example.com")).status == 480

    run(story, settings=PINGED)


def test_pings_are_spread_over_the_interval() -> None:
    async def story(world: World) -> None:
        for number in range(4):
            box = NatBox(f"home{number}", f"203.0.113.{10 + number}")
            await behind(world, ("alice", "bob", "carol", "dave")[number], box)
        await asyncio.sleep(100)
        pings = [each for each in world.wire.packets if each.data.startswith(b"OPTIONS")]
        times = sorted({round(each.time % 25.0, 2) for each in pings})
        assert len(times) >= 4
        for phone in world.phones:
            await phone.register(0)

    run(story, settings=PINGED)


@pytest.mark.parametrize("transport", ["UDP", "TCP", "TLS"])
def test_a_phone_that_moves_is_reachable_at_once(transport: str) -> None:
    """Wi-Fi to LTE: another box, another private address, another port."""

    async def story(world: World) -> None:
        alice = await world.registered("alice")
        old = await behind(world, "bob", NatBox("wifi", "203.0.113.10"), transport=transport)
        await talk(alice, old)
        world.wire.silence(INNER[0])
        world.wire.add_box(NatBox("lte", "203.0.113.20"))
        new = await world.phone(
            "bob", address=("100.64.7.7", 40_404), realm="lte", transport=transport, script=QUICK
        )
        assert await new.register() == 200
        registered = world.now
        alice.dial("bob@example.com")
        call = await new.rung()
        assert world.now - registered < 2
        await asyncio.sleep(2)
        assert call.dialog.confirmed
        assert await call.hang_up() == 200

    run(story, leaks=False)


@pytest.mark.parametrize("again", [True, False])
def test_a_call_follows_a_phone_to_its_next_address(again: bool) -> None:
    """The box gets another address in the middle of a call; the phone registers, and only then its
    peer hangs up. Without that REGISTER the BYE finds nobody."""

    async def story(world: World) -> None:
        box = NatBox("home", "203.0.113.10")
        bob = await behind(world, "bob", box)
        alice = await world.registered("alice", script=QUICK)
        call = await alice.call(bob.aor)
        await asyncio.sleep(2)
        box.change_address("203.0.113.20")
        if again:
            assert await bob.register() == 200
        assert await call.hang_up() == (200 if again else 408)
        assert bool(bob.incoming[-1].dialog.ended) is again

    run(story, leaks=again)


def test_a_mapping_that_another_phone_has_now_is_that_phones() -> None:
    """Bob's port of the box goes to carol; what is meant for her does not follow bob."""

    async def story(world: World) -> None:
        alice = await world.registered("alice", script=QUICK)
        box = NatBox("home", "203.0.113.10")
        bob = await behind(world, "bob", box)
        old = world.server.bindings_of(BOB)[0].flow
        box.change_address("203.0.113.20")
        assert await bob.register() == 200
        box.change_address("203.0.113.10")
        carol = await world.phone("carol", address=("10.0.0.6", 5060), realm="home", script=QUICK)
        box._next = int(old.rpartition(":")[2])  # the port is free again
        call = await carol.call("alice@example.com")
        assert call.status == 200
        await asyncio.sleep(1)
        assert await alice.incoming[-1].hang_up() == 200
        assert call.dialog.ended == "them"

    run(story, leaks=False)


def test_a_tcp_phone_behind_a_nat_goes_with_its_connection() -> None:
    """Its Contact is private: nobody can connect to it, and callers hear so at once."""

    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await behind(world, "bob", NatBox("home", "203.0.113.10"), transport="TCP")
        assert [each.by_flow for each in world.server.bindings_of(BOB)] == [True]
        bob.agent.drop_connections()
        await asyncio.sleep(1)
        assert world.server.bindings_of(BOB) == []
        start = world.now
        assert (await alice.call("bob@example.com")).status == 480
        assert world.now - start < 1

    run(story)
