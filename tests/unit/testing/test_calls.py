"""Both sides of a scripted call, phone to phone without an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from offhook.errors import UsageError
from offhook.testing.calls import Script, Step
from offhook.testing.loop import run_virtual
from offhook.testing.phones import ScriptedPhone
from offhook.testing.wire import Link, Wire

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
Story = Callable[[ScriptedPhone, ScriptedPhone], Awaitable[None]]


def play(story: Story, script: Script, *, loss: float = 0.0) -> None:
    """Two phones that are each other's proxy."""

    async def main() -> None:
        wire = Wire(link=Link(loss=loss, delay=(0.01, 0.01)))
        alice = ScriptedPhone(wire, A, "alice@example.com", proxy=B)
        bob = ScriptedPhone(wire, B, "bob@example.com", proxy=A, script=script)
        for phone in (alice, bob):
            await phone.start()
        await story(alice, bob)
        await asyncio.sleep(100)
        assert alice.leaks() == bob.leaks() == []

    run_virtual(main())


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_ringing_answer_and_bye(loss: float) -> None:
    async def story(alice: ScriptedPhone, bob: ScriptedPhone) -> None:
        call = alice.dial("bob@example.com")
        assert await call.ringing() in (180, 200)
        assert await call.final() == 200
        await asyncio.sleep(20)
        assert bob.incoming[0].dialog.confirmed
        assert await bob.incoming[0].hang_up() == 200
        assert call.dialog.ended == "them"
        assert await call.hang_up() == 0  # it is over

    play(story, Script((Step(0.5, 180), Step(1.0, 200))), loss=loss)


def test_a_refusal() -> None:
    async def story(alice: ScriptedPhone, _bob: ScriptedPhone) -> None:
        call = await alice.call("bob@example.com")
        assert (call.status, call.finals) == (486, [486])
        with pytest.raises(UsageError, match="not answered"):
            _ = call.dialog

    play(story, Script((Step(0.0, 486),)))


def test_nobody_answers_is_408() -> None:
    async def story(alice: ScriptedPhone, _bob: ScriptedPhone) -> None:
        assert (await alice.call("bob@example.com")).status == 408

    play(story, Script((), trying=False))


def test_cancel_waits_for_a_provisional() -> None:
    async def story(alice: ScriptedPhone, bob: ScriptedPhone) -> None:
        call = alice.dial("bob@example.com")
        call.cancel()
        call.cancel()
        assert await call.final() == 487
        assert bob.incoming[0].cancelled
        assert bob.incoming[0].status == 487
        call.cancel()

    play(story, Script((Step(2.0, 180),)))


def test_a_2xx_that_crosses_the_cancel_is_ended() -> None:
    async def story(alice: ScriptedPhone, bob: ScriptedPhone) -> None:
        call = alice.dial("bob@example.com")
        await call.ringing()
        await asyncio.sleep(0.385)
        call.cancel()
        assert await call.final() == 200
        await asyncio.sleep(1)
        assert (call.dialog.ended, bob.incoming[0].dialog.ended) == ("us", "them")

    play(story, Script((Step(0.1, 180), Step(0.49, 200))))


def test_a_cancel_that_is_never_answered_ends_in_408() -> None:
    async def story(alice: ScriptedPhone, _bob: ScriptedPhone) -> None:
        call = alice.dial("bob@example.com")
        await call.ringing()
        call.cancel()
        assert await call.final() == 408
        assert alice.network.now() > 32

    play(story, Script((Step(0.1, 180),), cancel_delay=None))


@pytest.mark.rfc("3261", "13.2.2.4")
def test_every_further_2xx_is_acknowledged_and_ended() -> None:
    async def story(alice: ScriptedPhone, bob: ScriptedPhone) -> None:
        call = await alice.call("bob@example.com")
        await asyncio.sleep(2)
        first, second = bob.incoming[0].dialogs.values()
        assert first.confirmed
        assert second.confirmed
        assert (first.ended, second.ended) == ("", "them")
        assert call.finals == [200, 200]
        await call.hang_up()

    play(story, Script((Step(0.5, 200), Step(0.6, 200, "other"), Step(0.7, 486))))


@pytest.mark.rfc("3261", "13.3.1.4")
def test_a_2xx_without_an_ack_is_repeated_and_given_up() -> None:
    async def story(alice: ScriptedPhone, bob: ScriptedPhone) -> None:
        call = alice.dial("bob@example.com")
        await asyncio.sleep(0.45)
        alice.network.wire.silence(A[0])
        await asyncio.sleep(60)
        assert bob.incoming[0].unacknowledged
        assert bob.incoming[0].dialog.ended == "us"
        assert call.status in (0, 408)
        call.cancel()
        for machine in list(alice.agent.transactions.clients.values()):
            machine.abandon(0.0)

    play(story, Script((Step(0.1, 180), Step(0.5, 200))))
