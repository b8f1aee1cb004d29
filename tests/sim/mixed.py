"""One random call after its seed: who is called, what the phones do, when the caller gives up.

Whatever happens on the wire, it has to end: the caller has one final status, every phone that rang
has stopped, and whoever answered was acknowledged and hung up.
"""

from __future__ import annotations

import asyncio
from random import Random

from offhook.exchange import Decision, Exchange, Reply, Request
from offhook.testing import OutgoingCall, Script, ScriptedPhone, Step, World, run

__all__ = ["play"]

LOSS, DUPLICATE, DELAY = 0.05, 0.05, (0.005, 0.3)
RING = 8.0
TRANSPORTS = ("UDP", "UDP", "UDP", "WS", "WSS")  # nothing is lost on the last two, only late


def program(kind: str) -> Exchange:
    """The routing program of one kind of run."""
    exchange = Exchange()

    async def serial(request: Request) -> Decision:
        outcome: Decision = Reply(480)
        for phone in await exchange.location.lookup(request.uri):
            outcome = await request.fork(phone, ring=RING)
            if outcome.ok:
                return outcome
        return outcome

    async def grouped(request: Request) -> Decision:
        phones = await exchange.location.lookup(request.uri)
        return await request.fork(phones, by_q=True, ring=RING)

    if kind == "serial":
        exchange.request("INVITE")(serial)
    elif kind == "q":
        exchange.request("INVITE")(grouped)
    return exchange


def script(random: Random) -> Script:
    """What one phone does."""
    rings = [Step(random.uniform(0.0, 1.0), 180)] * random.randint(0, 1)
    end = random.uniform(0.5, 4.0)
    status = random.choice([200, 200, 200, 486, 603, 0])
    steps = [*rings, *([Step(end, status)] if status else [])]
    if random.random() < 0.1:
        steps.append(Step(end + random.uniform(0.0, 0.2), 200, "second"))
    steps = steps if status in (0, 200) else steps[: len(rings) + 1]
    return Script(steps, cancel_delay=random.choice([0.0, 0.05, 0.5]))


def play(seed: int) -> int:
    """One run; returns its trace. Raises AssertionError with the seed and the ladder."""
    random = Random(seed)
    exchange = program(random.choice(["built in", "serial", "q"]))

    async def story(world: World) -> int:
        try:
            await _story(world, random)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n{world.wire.ladder()}") from error
        return world.wire.trace

    return run(story, exchange, seed=seed, loss=LOSS, duplicate=DUPLICATE, delay=DELAY)


async def _story(world: World, random: Random) -> None:
    alice = await world.registered("alice", transport=random.choice(TRANSPORTS))
    bobs = [
        await world.registered(
            "bob",
            transport=random.choice(TRANSPORTS),
            script=script(random),
            q=random.choice(["", "0.5"]),
        )
        for _ in range(random.randint(1, 3))
    ]
    call = alice.dial("bob@example.com")
    if random.random() < 0.4:
        await asyncio.sleep(random.uniform(0.0, 4.5))
        call.cancel()
    status = await call.final()
    if status == 200 and not call.dialog.ended:
        await asyncio.sleep(random.choice([random.uniform(0.0, 1.0), 40.0]))
        await _hang_up(call, bobs, random)
    await world.settle()
    _check(call, bobs)


async def _hang_up(call: OutgoingCall, bobs: list[ScriptedPhone], random: Random) -> None:
    remote = call.dialog.remote
    if random.random() < 0.5:
        status = await call.hang_up()
        assert status in (0, 200), f"the caller's BYE got {status}"
        return
    for bob in bobs:
        for incoming in bob.incoming:
            for dialog in incoming.dialogs.values():
                if dialog.local == remote:
                    status = await incoming.hang_up(dialog)
                    assert status in (0, 200), f"the callee's BYE got {status}"


def _check(call: OutgoingCall, bobs: list[ScriptedPhone]) -> None:
    assert call.status in (200, 408, 480, 486, 487, 603), call.status
    assert all(dialog.ended for dialog in call.dialogs.values()), "the caller holds a call"
    answered = 0
    for bob in bobs:
        assert len(bob.incoming) <= 1, f"{bob.uri} rang {len(bob.incoming)} times"
        for incoming in bob.incoming:
            assert incoming.status or not incoming.cancelled, f"{bob.uri} still rings"
            assert incoming.status, f"{bob.uri} was never told to stop"
            assert not incoming.unacknowledged, f"{bob.uri} got no ACK"
            answered += len(incoming.dialogs)
            assert all(dialog.ended for dialog in incoming.dialogs.values()), "a callee holds on"
    assert answered == len(call.dialogs), f"{answered} answered, the caller heard {call.finals}"
