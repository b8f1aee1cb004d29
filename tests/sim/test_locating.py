"""Servers found by NAPTR and SRV (RFC 3263): silent, closed, overloaded and killed ones lead to the
next, and are avoided for a while."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import OutgoingCall, Script, ScriptedPhone, Step, World, run
from offhook.transport.records import Naptr, Srv
from offhook.transport.standing import FIRST
from tests.sim.stage import OPEN

QUICK = Script((Step(0.0, 200),))
BUSY = Script((Step(0.0, 503),))
HOSTS = {f"s{each}.test": f"198.51.100.{50 + each}" for each in range(1, 5)}
UDP = "_sip._udp.carrier.test"


class Carrier:
    """A domain with servers; `answered` are their hosts in the order of their calls."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers: dict[str, ScriptedPhone] = {}
        world.wire.names.update({name: [address] for name, address in HOSTS.items()})

    async def open(self, name: str, script: Script = QUICK, transport: str = "UDP") -> None:
        """Start one server."""
        address = (HOSTS[name], 5060)
        self.servers[name] = await self.world.phone(
            "carrier", address=address, script=script, transport=transport
        )

    def answered(self) -> dict[str, int]:
        """How many calls came to each."""
        return {name: len(server.incoming) for name, server in self.servers.items()}


def exchange_to(uri: str) -> Exchange:
    """Every call goes there."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        return await request.fork(uri)

    return exchange


async def call(alice: ScriptedPhone, world: World) -> tuple[OutgoingCall, float]:
    """One call and the seconds until its answer."""
    began = world.now
    made = alice.dial("somebody@example.com")
    await made.final()
    took = world.now - began
    if made.status == 200:
        await made.hang_up()
    return made, took


def in_series(*names: str) -> Sequence[Srv]:
    """Servers by priority."""
    return [Srv(each, 0, 5060, name) for each, name in enumerate(names)]


@pytest.mark.rfc("3263", "4.3")
def test_a_silent_server_costs_four_seconds_once() -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = in_series("s1.test", "s2.test")
        await carrier.open("s2.test")
        alice = await world.phone("alice")
        made, took = await call(alice, world)
        assert made.status == 200
        assert 4.0 < took < 4.5
        for _ in range(3):  # it is avoided now
            _, took = await call(alice, world)
            assert took < 0.5
        await asyncio.sleep(FIRST + 4.0)  # also the end of the try that was given up
        await carrier.open("s1.test")  # it came back: a call probes it, and finds it well
        await call(alice, world)
        await call(alice, world)
        assert carrier.answered() == {"s1.test": 2, "s2.test": 4}

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


def test_a_closed_port_costs_nothing() -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = [Srv(0, 0, 7999, "s1.test"), Srv(1, 0, 5060, "s2.test")]
        await carrier.open("s1.test")
        await carrier.open("s2.test")
        made, took = await call(await world.phone("alice"), world)
        assert made.status == 200
        assert took < 1.0
        assert carrier.answered() == {"s1.test": 0, "s2.test": 1}

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


@pytest.mark.rfc("3263", "4.3")
@pytest.mark.rfc("3261", "21.5.4")
def test_an_overloaded_server_leads_to_the_next_and_is_left_alone() -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = in_series("s1.test", "s2.test")
        await carrier.open("s1.test", BUSY)
        await carrier.open("s2.test")
        alice = await world.phone("alice")
        for _ in range(3):
            made, took = await call(alice, world)
            assert made.status == 200
            assert took < 1.0
        assert carrier.answered() == {"s1.test": 1, "s2.test": 3}

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


@pytest.mark.rfc("3261", "16.7")
def test_every_server_overloaded_is_500_upstream() -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = in_series("s1.test", "s2.test")
        await carrier.open("s1.test", BUSY)
        await carrier.open("s2.test", BUSY)
        alice = await world.phone("alice")
        for count in (1, 2):  # being avoided is no reason not to be tried
            made, _ = await call(alice, world)
            assert made.status == 500
            assert carrier.answered() == {"s1.test": count, "s2.test": count}

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


@pytest.mark.rfc("3263", "4.1")
def test_naptr_leads_to_tcp() -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.pointers["carrier.test"] = [
            Naptr(1, 0, "s", "SIP+D2T", "_sip._tcp.elsewhere.test"),
            Naptr(2, 0, "s", "SIP+D2U", UDP),
        ]
        world.wire.services["_sip._tcp.elsewhere.test"] = in_series("s1.test")
        world.wire.services[UDP] = in_series("s2.test")
        await carrier.open("s1.test", transport="TCP")
        await carrier.open("s2.test")
        made, _ = await call(await world.phone("alice"), world)
        assert made.status == 200
        assert carrier.answered() == {"s1.test": 1, "s2.test": 0}

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


@pytest.mark.parametrize("count", [9, 120])
def test_many_records(count: int) -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        closed = [Srv(0, each, 6000 + each, "s1.test") for each in range(1, count)]
        world.wire.services[UDP] = [*closed[:8], Srv(1, 0, 5060, "s2.test"), *closed[8:]]
        await carrier.open("s1.test")
        await carrier.open("s2.test")
        made, took = await call(await world.phone("alice"), world)
        # past the cap of tries nobody is asked any more, and the caller hears soon
        assert made.status == (200 if count == 9 else 500)
        assert took < 3.0

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


def test_weights_are_shares_of_the_calls() -> None:
    weights: Mapping[str, int] = {"s1.test": 10, "s2.test": 30, "s3.test": 60}
    count = 600

    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = [Srv(0, w, 5060, name) for name, w in weights.items()]
        for name in weights:
            await carrier.open(name)
        alice = await world.phone("alice")
        for _ in range(count):
            await call(alice, world)
        shares = Counter(carrier.answered())
        for name, weight in weights.items():
            share = weight / 100
            sigma = (count * share * (1 - share)) ** 0.5
            assert abs(shares[name] - count * share) < 3 * sigma, shares
        assert sum(shares.values()) == count

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)


def test_a_name_server_that_is_silent_about_one_name_delays_only_that_call() -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = in_series("s1.test")
        world.wire.lost_names |= {"hole.test", "_sip._udp.hole.test", "_sip._tcp.hole.test"}
        await carrier.open("s1.test")
        alice, bob = await world.phone("alice"), await world.phone("bob")
        lost = bob.dial("hole@example.com")
        made, took = await call(alice, world)
        assert made.status == 200
        assert took < 0.5
        await lost.final()
        assert lost.status == 500
        assert world.now < 8.0

    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        name = "hole" if "hole" in str(request.uri) else "carrier"
        return await request.fork(f"sip:{name}.test")

    run(story, exchange, settings=OPEN)


@pytest.mark.parametrize("seed", range(3))
def test_with_loss_every_call_finds_a_server_that_lives(seed: int) -> None:
    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = in_series("s1.test", "s2.test", "s3.test")
        for name in ("s1.test", "s2.test", "s3.test"):
            await carrier.open(name)
        alice = await world.phone("alice")
        for each in range(12):
            if each == 4:
                world.wire.silence(HOSTS["s1.test"])
            if each == 8:
                world.wire.silence(HOSTS["s2.test"])
            made, took = await call(alice, world)
            assert made.status == 200
            assert took < 14.0

    run(story, exchange_to("sip:carrier.test"), seed=seed, loss=0.05, settings=OPEN, leaks=False)


@pytest.mark.rfc("3261", "18.1.1")
def test_a_large_request_is_answered_with_loss_and_small_ones_stay_small() -> None:
    big = [("Subject", "x" * 1300)]

    async def story(world: World) -> None:
        carrier = Carrier(world)
        world.wire.services[UDP] = in_series("s1.test", "s2.test")
        await carrier.open("s2.test", transport="TCP")
        alice = await world.phone("alice", transport="TCP")
        made = alice.dial("somebody@example.com", headers=big)
        await made.final()
        assert made.status == 200
        assert world.now < 6.0
        await made.hang_up()
        to_server = [each for each in world.wire.packets if each.destination[0] == HOSTS["s2.test"]]
        assert {each.transport for each in to_server if b"INVITE " in each.data[:8]} == {"TCP"}

    run(story, exchange_to("sip:carrier.test"), settings=OPEN)
