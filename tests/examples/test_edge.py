"""The edge proxy of the documents: a phone behind it registers, calls and is called."""

from __future__ import annotations

import asyncio

import pytest

from offhook.exchange import Exchange
from offhook.testing import (
    ProfileSettings,
    Script,
    ScriptedPhone,
    ServerSettings,
    SimulatedExchange,
    Step,
    World,
    run,
)
from tests.architecture.documents import blocks

PROGRAM = next(block for block in blocks("python") if "edge = Exchange()" in block.text)
EDGE = ServerSettings(
    domains=("edge.example.net",),
    profiles={
        "phones": ProfileSettings(
            ("udp:192.0.2.11:5060", "tcp:192.0.2.11:5060"), authenticate=False, registrar=False
        )
    },
    accounts={},
)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_phone_behind_the_edge_calls_and_is_called(transport: str) -> None:
    names: dict[str, Exchange] = {}
    text = PROGRAM.text.replace("registrar.example.com", "192.0.2.1")
    exec(compile(text, PROGRAM.place, "exec"), names)

    async def story(world: World) -> None:
        edge = SimulatedExchange(world.wire, names["edge"], EDGE)
        await edge.start()
        script = Script((Step(0.1, 180), Step(0.2, 200)))
        alice = await world.registered("alice", script=script)
        bob = ScriptedPhone(
            world.wire,
            ("198.51.100.20", 5060),
            "bob@example.com",
            proxy=("192.0.2.11", 5060),
            password="bob-secret",
            transport=transport,
            script=script,
        )
        world.phones.append(bob)
        await bob.start()
        assert await bob.register() == 200
        for caller, callee in ((alice, bob), (bob, alice)):
            call = await caller.call(callee.aor)
            assert call.status == 200
            await asyncio.sleep(1)
            assert await callee.incoming[-1].hang_up() == 200
        assert edge.failures == []
        await edge.stop()

    run(story)
