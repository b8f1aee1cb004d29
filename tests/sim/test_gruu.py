"""Dialogs with phones that have come back over another connection, with a GRUU and without (RFC
5627 6.1, RFC 5626 7)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest

from offhook.testing import Script, ScriptedPhone, Step, World, run

DELAY = (0.01, 0.01)
QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
INSTANCE = "<urn:uuid:00000000-0000-1000-8000-000000000001>"


@dataclass
class Talk:
    """A call from alice to bob that stands."""

    alice: ScriptedPhone
    bob: ScriptedPhone

    async def begin(self) -> None:
        """Let alice call bob."""
        self.call = await self.alice.call("bob@example.com")
        assert self.call.status == 200, self.call.status
        await asyncio.sleep(1)
        self.answered = self.bob.incoming[-1]
        assert self.answered.dialog.confirmed

    async def come_back(self, who: ScriptedPhone) -> None:
        """The connections of a phone end, and it registers over another."""
        who.agent.drop_connections()
        await asyncio.sleep(1)
        assert await who.register() == 200

    async def end(self, who: str) -> None:
        """One side hangs up and the other hears it."""
        side = self.call if who == "alice" else self.answered
        assert await side.hang_up() == 200
        assert {self.call.dialog.ended, self.answered.dialog.ended} == {"us", "them"}


ends = pytest.mark.parametrize(
    ("lost", "ending"), [("bob", "alice"), ("alice", "bob"), ("both", "alice"), ("both", "bob")]
)


@ends
@pytest.mark.parametrize("transport", ["TLS", "TCP"])
def test_a_dialog_follows_its_phones_without_gruu(lost: str, ending: str, transport: str) -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice", transport=transport, script=QUICK)
        bob = await world.registered("bob", transport=transport, script=QUICK)
        talk = Talk(alice, bob)
        await talk.begin()
        for phone in (alice, bob):
            if lost in (phone.aor.partition(":")[2].partition("@")[0], "both"):
                await talk.come_back(phone)
        await talk.end(ending)

    run(story, delay=DELAY)


async def take_gruu(phone: ScriptedPhone, *, temporary: bool) -> None:
    """Register with an instance, and use the GRUU in dialogs from then on."""
    phone.contact = f'<{phone.uri}>;+sip.instance="{INSTANCE}"'
    assert await phone.register(headers=[("Supported", "gruu")]) == 200
    kind = "temp" if temporary else "pub"
    found = re.search(rf'{kind}-gruu="([^"]+)"', phone.bound[0])
    assert found is not None
    phone.contact = f"<{found[1]}>"


@pytest.mark.rfc("5627", "6.1")
@pytest.mark.parametrize("temporary", [True, False])
@pytest.mark.parametrize("ending", ["alice", "bob"])
@pytest.mark.parametrize("transport", ["TLS", "UDP"])
def test_a_dialog_to_a_gruu_goes_on_over_the_next_flow(
    transport: str, ending: str, temporary: bool
) -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await world.phone("bob", transport=transport, script=QUICK)
        await take_gruu(bob, temporary=temporary)
        await world.registered("bob", script=Script((Step(0.1, 180),)))  # rings only
        talk = Talk(alice, bob)
        await talk.begin()
        bob.agent.drop_connections()
        await asyncio.sleep(1)
        contact = f'<{bob.uri}>;+sip.instance="{INSTANCE}"'
        assert await bob.register(contact=contact, headers=[("Supported", "gruu")]) == 200
        await talk.end(ending)

    run(story, delay=DELAY)


def test_another_phone_of_the_same_user_does_not_inherit_a_dialog() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        bob = await world.phone("bob", transport="TLS", script=QUICK)
        bob.contact = f'{bob.contact};+sip.instance="{INSTANCE}"'
        assert await bob.register() == 200
        talk = Talk(alice, bob)
        await talk.begin()
        bob.agent.drop_connections()
        await asyncio.sleep(1)
        other = await world.registered("bob", transport="TLS", script=QUICK)
        assert await talk.call.hang_up() == 480
        assert [each.method for each in other.requests] == []

    run(story, delay=DELAY)
