"""examples/edge.py, played: calls through it leave nothing behind."""

from __future__ import annotations

import asyncio

from offhook.server.program import load_program
from offhook.testing import ProfileSettings, Script, ServerSettings, Step, World, run
from tests.architecture.rules import ROOT

EDGE = ServerSettings(profiles={"edge": ProfileSettings(authenticate=False, registrar=False)})
SERVERS = [f"192.0.2.{number}" for number in (11, 12, 13)]


def test_calls_pass_without_a_transaction() -> None:
    async def story(world: World) -> None:
        script = Script((Step(0.1, 180), Step(0.3, 200)))
        inside = [
            await world.phone(f"server{number}", address=(host, 5060), script=script)
            for number, host in enumerate(SERVERS)
        ]
        alice = await world.phone("alice@elsewhere.example")
        for user in ("bob", "bob", "carol", "dave", "erin", "frank"):
            call = await alice.call(f"{user}@example.com")
            assert (call.status, call.provisionals) == (200, [180])
            counts = world.server.engine.transactions.counts()
            assert (counts.servers, counts.clients) == (0, 0)
            assert await call.hang_up() == 200
        takers = [len(server.incoming) for server in inside]
        assert sum(takers) == 6
        assert takers.count(0) < 2  # the users are spread

    run(story, load_program(str(ROOT / "examples" / "edge.py")), settings=EDGE)


def test_a_caller_who_gives_up() -> None:
    async def story(world: World) -> None:
        inside = [
            await world.phone(
                f"server{number}", address=(host, 5060), script=Script((Step(0.1, 180),))
            )
            for number, host in enumerate(SERVERS)
        ]
        alice = await world.phone("alice@elsewhere.example")
        call = alice.dial("bob@example.com")
        await call.ringing()
        call.cancel()
        assert await call.final() == 487
        await asyncio.sleep(1)
        assert [each.cancelled for server in inside for each in server.incoming] == [True]
        counts = world.server.engine.transactions.counts()
        assert (counts.servers, counts.clients) == (0, 0)

    run(story, load_program(str(ROOT / "examples" / "edge.py")), settings=EDGE, loss=0.0)


def test_copies_pass_where_packets_are_lost() -> None:
    async def story(world: World) -> None:
        script = Script((Step(0.1, 180), Step(0.3, 200)))
        for number, host in enumerate(SERVERS):
            await world.phone(f"server{number}", address=(host, 5060), script=script)
        alice = await world.phone("alice@elsewhere.example")
        for number in range(20):
            call = await alice.call(f"user{number}@example.com")
            assert call.status == 200
            assert await call.hang_up() == 200

    run(story, load_program(str(ROOT / "examples" / "edge.py")), settings=EDGE, loss=0.1, seed=3)
