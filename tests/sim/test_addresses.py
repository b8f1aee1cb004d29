"""Listeners on wildcards, on both IP versions, and behind an advertised address."""

from __future__ import annotations

import asyncio

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import (
    ProfileSettings,
    Script,
    ScriptedPhone,
    ServerSettings,
    Step,
    World,
    run,
)

QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
WILD = ServerSettings(
    profiles={"internal": ProfileSettings(listen=["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"])},
    addresses=["192.0.2.1", "192.0.2.2"],
)
BOTH = ServerSettings(
    profiles={"internal": ProfileSettings(listen=["udp:192.0.2.1:5060", "udp:[2001:db8::1]:5060"])}
)
ADVERTISED = ServerSettings(
    profiles={
        "internal": ProfileSettings(listen=["udp:192.0.2.1:5060"]),
        "external": ProfileSettings(
            listen=["udp:10.9.9.9:5080"],
            advertise="203.0.113.7",
            authenticate=False,
            registrar=False,
        ),
    }
)

# one socket for the internet and for a private peer: a machine behind a one-to-one NAT
CLOUD = ServerSettings(
    profiles={
        "internal": ProfileSettings(
            listen=["udp:10.0.0.5:5060", "tcp:10.0.0.5:5060"],
            advertise="203.0.113.7",
            advertise_to={"private": ""},
        )
    }
)


async def talk(caller: ScriptedPhone, callee: ScriptedPhone) -> None:
    """A call that both sides can end."""
    call = await caller.call(callee.aor)
    assert call.status == 200
    await asyncio.sleep(1)
    answered = callee.incoming[-1]
    assert answered.dialog.confirmed
    assert await answered.hang_up() == 200
    assert call.dialog.ended == "them"


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_wildcard_never_shows_itself(transport: str) -> None:
    async def story(world: World) -> None:
        bob = await world.registered("bob", script=QUICK, transport=transport)
        alice = await world.registered("alice")
        await talk(alice, bob)
        assert not [each for each in world.wire.packets if b"0.0.0.0" in each.data]
        own = [each for each in world.wire.packets if each.source[0].startswith("192.0.2.")]
        assert {each.source[0] for each in own} == {"192.0.2.1"}

    run(story, settings=WILD)


def test_ip_versions_call_each_other() -> None:
    async def story(world: World) -> None:
        bob = ScriptedPhone(
            world.wire,
            ("2001:db8::b", 5060),
            "bob@example.com",
            proxy=("2001:db8::1", 5060),
            password="bob-secret",
            script=QUICK,
        )
        await bob.start()
        world.phones.append(bob)
        assert await bob.register() == 200
        alice = await world.registered("alice", script=QUICK)
        await talk(alice, bob)
        await talk(bob, alice)
        assert len(bob.incoming[0].dialog.routes) == 2

    run(story, settings=BOTH)


def test_an_advertised_address_is_ours_when_it_comes_back() -> None:
    """The far side is told 203.0.113.7; what it sends there is delivered to 10.9.9.9."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(await exchange.location.lookup("sip:bob@example.com"))

    async def story(world: World) -> None:
        bob = await world.phone("bob", script=QUICK, profile="internal")
        assert await bob.register() == 200
        far = await world.phone("far@elsewhere.test", profile="external")
        call = await far.call("sip:bob@example.com")
        assert call.status == 200
        await asyncio.sleep(1)
        assert "@203.0.113.7:5080" in call.dialog.routes[0]
        assert await bob.incoming[0].hang_up() == 200
        assert call.dialog.ended == "them"

    run(story, exchange, settings=ADVERTISED, leaks=False)


@pytest.mark.parametrize("ends", ["caller", "callee"])
@pytest.mark.parametrize("inner", ["UDP", "TCP"])
@pytest.mark.parametrize("outer", ["UDP", "TCP"])
def test_each_side_sees_the_address_that_it_can_reach(outer: str, inner: str, ends: str) -> None:
    async def story(world: World) -> None:
        world.wire.add_front("203.0.113.7", "10.0.0.5")
        alice = await world.phone("alice", transport=outer, script=QUICK)  # 198.51.100.1
        bob = await world.phone("bob", transport=inner, address=("10.0.0.77", 5060), script=QUICK)
        for phone in (alice, bob):
            assert await phone.register() == 200
        for caller, callee in ((alice, bob), (bob, alice)):
            call = await caller.call(callee.aor)
            assert call.status == 200
            await asyncio.sleep(1)
            answered = callee.incoming[-1]
            assert answered.dialog.confirmed  # the ACK came
            for dialog, phone in ((call.dialog, caller), (answered.dialog, callee)):
                assert len(dialog.routes) == 2
                own = "203.0.113.7:5060" if phone is alice else "10.0.0.5:5060"
                assert f"@{own}" in dialog.routes[0]
            if ends == "caller":
                assert await call.hang_up() == 200
                assert answered.dialog.ended == "them"
            else:
                assert await answered.hang_up() == 200
                assert call.dialog.ended == "them"

    run(story, settings=CLOUD)


def test_our_advertised_address_is_us_in_a_request_uri() -> None:
    async def story(world: World) -> None:
        world.wire.add_front("203.0.113.7", "10.0.0.5")
        bob = await world.phone("bob", address=("10.0.0.77", 5060), script=QUICK)
        assert await bob.register() == 200
        alice = await world.registered("alice")
        for host in ("203.0.113.7", "10.0.0.5"):
            call = await alice.call(f"sip:bob@{host}:5060")
            assert call.status == 200
            await call.hang_up()

    run(story, settings=CLOUD)
