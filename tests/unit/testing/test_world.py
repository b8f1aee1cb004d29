"""Stories: their value, their leaks, their seed."""

from __future__ import annotations

import asyncio

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import Leak, Script, Step, Stuck, World, run


def test_a_story_has_a_value() -> None:
    async def story(world: World) -> float:
        await asyncio.sleep(3)
        return world.now

    assert run(story) == 3.0


def test_the_seed_decides_everything() -> None:
    async def story(world: World) -> int:
        alice, bob = await world.registered("alice"), await world.registered("bob")
        call = await alice.call(bob.aor)
        if call.status == 200:
            await call.hang_up()
        return world.wire.trace

    traces = [run(story, seed=seed, loss=0.1) for seed in (7, 7, 8)]
    assert traces[0] == traces[1] != traces[2]


def test_a_fault_of_the_story_names_the_seed() -> None:
    async def story(world: World) -> None:
        raise KeyError(world.seed)

    with pytest.raises(KeyError) as caught:
        run(story, seed=99)
    assert "seed 99" in caught.value.__notes__


def test_a_task_that_is_left_is_a_leak() -> None:
    tasks = []

    async def story(_world: World) -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(1e6), name="forgotten"))

    with pytest.raises(Leak, match="seed 7: task <coroutine object sleep"):
        run(story)
    run(story, leaks=False)


def test_a_fault_of_the_server_is_a_leak() -> None:
    async def story(world: World) -> None:
        world.server.failures.append(ValueError("x"))

    with pytest.raises(Leak, match="ValueError"):
        run(story)


def test_a_story_that_waits_for_nothing_is_stuck() -> None:
    async def story(world: World) -> None:
        alice = await world.phone("alice")
        await alice.rung()

    with pytest.raises(Stuck, match=r"main > story > rung \(phones\.py:\d+\)"):
        run(story)


def test_a_story_has_a_day() -> None:
    async def story(_world: World) -> None:
        await asyncio.sleep(90_000)

    with pytest.raises(Stuck, match="not done after 86400"):
        run(story)


def test_registered_insists() -> None:
    async def story(world: World) -> None:
        await world.registered("nobody@example.com")

    with pytest.raises(AssertionError, match=r"nobody@example\.com got 40"):
        run(story)


def test_a_program_of_ones_own() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(await exchange.location.lookup("sip:bob@example.com"))

    async def story(world: World) -> None:
        bob = await world.registered("bob", script=Script((Step(0.1, 486),)))
        alice = await world.registered("alice")
        assert (await alice.call("anybody@example.com")).status == 486
        assert len(bob.incoming) == 1

    run(story, exchange)
