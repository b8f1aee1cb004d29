"""Redirections that the exchange follows, played with phones (RFC 3261 16.7 step 4)."""

from __future__ import annotations

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import ProfileSettings, Script, ScriptedPhone, ServerSettings, Step, World, run

DELAY = (0.01, 0.01)
NAMES = ("p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7")
FOLLOWS = ServerSettings(
    profiles={"internal": ProfileSettings(authenticate=False, redirect=True)},
)


def forwards(*names: str) -> Script:
    """A phone that sends its callers on."""
    contacts = [("Contact", f"<sip:{name}@example.com>") for name in names]
    return Script((Step(0.05, 302),), headers=contacts)


async def chain(world: World, last: Script, length: int) -> list[ScriptedPhone]:
    """p0 forwards to p1, that one to p2..., and the last one does what `last` says."""
    scripts = [forwards(NAMES[number + 1]) for number in range(length - 1)] + [last]
    return [
        await world.registered(name, script=script)
        for name, script in zip(NAMES, scripts, strict=False)
    ]


def invites(world: World) -> int:
    """How many INVITEs there were on the wire."""
    return sum(packet.data.startswith(b"INVITE") for packet in world.wire.packets)


@pytest.mark.rfc("3261", "16.5")
def test_a_chain_of_five_with_a_loop_ends_in_482() -> None:
    async def story(world: World) -> None:
        phones = await chain(world, forwards("p0"), 5)
        caller = await world.phone("caller")
        call = await caller.call("p0@example.com")
        assert call.status == 482
        assert [len(phone.incoming) for phone in phones] == [1, 1, 1, 1, 1]
        assert invites(world) == 6  # one of the caller, one for each phone: no storm

    run(story, settings=FOLLOWS, delay=DELAY)


def test_a_chain_that_is_too_long_ends_in_483() -> None:
    async def story(world: World) -> None:
        await chain(world, Script((Step(0.1, 200),)), 8)
        caller = await world.phone("caller")
        assert (await caller.call("p0@example.com")).status == 483
        assert invites(world) == 7

    run(story, settings=FOLLOWS, delay=DELAY)


def test_the_end_of_a_chain_takes_the_call() -> None:
    async def story(world: World) -> None:
        phones = await chain(world, Script((Step(0.1, 180), Step(0.5, 200))), 4)
        caller = await world.phone("caller")
        call = await caller.call("p0@example.com")
        assert (call.status, call.provisionals) == (200, [180])
        assert await call.hang_up() == 200
        assert phones[3].incoming[0].dialog.ended == "them"

    run(story, settings=FOLLOWS, delay=DELAY)


def test_each_forwards_to_both_others_and_nobody_rings_twice() -> None:
    async def story(world: World) -> None:
        phones = [
            await world.registered(name, script=forwards(*[n for n in NAMES[:3] if n != name]))
            for name in NAMES[:3]
        ]
        caller = await world.phone("caller")
        assert (await caller.call("p0@example.com")).status == 482
        assert [len(phone.incoming) for phone in phones] == [1, 1, 1]

    run(story, settings=FOLLOWS, delay=DELAY)


def test_a_caller_who_gives_up_in_the_middle() -> None:
    async def story(world: World) -> None:
        phones = await chain(world, Script((Step(0.1, 180),)), 3)
        caller = await world.phone("caller")
        call = caller.dial("p0@example.com")
        await call.ringing()
        call.cancel()
        assert await call.final() == 487
        assert phones[2].incoming[0].cancelled

    run(story, settings=FOLLOWS, delay=DELAY)


@pytest.mark.parametrize("seed", range(1, 6))
def test_chains_survive_loss(seed: int) -> None:
    async def story(world: World) -> None:
        await chain(world, Script((Step(0.1, 180), Step(0.5, 200))), 4)
        caller = await world.phone("caller")
        call = await caller.call("p0@example.com")
        assert call.status == 200
        assert await call.hang_up() == 200

    run(story, settings=FOLLOWS, delay=DELAY, loss=0.05, duplicate=0.05, seed=seed)


def test_a_program_follows_by_q() -> None:
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        phones = await exchange.location.lookup(request.uri)
        return await request.fork(phones, redirect=lambda uri: uri)

    async def story(world: World) -> None:
        first = await world.registered("p1", script=Script((Step(0.1, 486),)))
        second = await world.registered("p2", script=Script((Step(0.1, 200),)))
        contacts = [
            ("Contact", "<sip:p2@example.com>;q=0.3"),
            ("Contact", "<sip:p1@example.com>;q=0.7"),
        ]
        await world.registered("p0", script=Script((Step(0.05, 300),), headers=contacts))
        caller = await world.phone("caller")
        call = await caller.call("p0@example.com")
        assert call.status == 200
        assert (len(first.incoming), len(second.incoming)) == (1, 1)
        assert await call.hang_up() == 200

    run(story, exchange, settings=FOLLOWS, delay=DELAY)
