"""A whole exchange on a virtual host."""

from __future__ import annotations

import asyncio

import pytest

from offhook.errors import NotServing, StartError, UsageError
from offhook.exchange import Exchange, Reply, Request
from offhook.testing import (
    ProfileSettings,
    ServerSettings,
    SimulatedExchange,
    Trunk,
    Wire,
    World,
    run,
    run_virtual,
)


def test_listeners_and_their_addresses() -> None:
    async def story(world: World) -> None:
        assert world.server.address() == ("192.0.2.1", 5060)
        assert world.server.address("TLS") == ("192.0.2.1", 5061)
        with pytest.raises(StartError):
            world.server.address("TCP", "other")

    run(story)


def test_bindings_expire_and_nothing_ticks_meanwhile() -> None:
    async def story(world: World) -> None:
        alice = await world.phone("alice")
        for expires in (600, 60, 120):
            assert (
                await alice.register(expires, contact=f"<sip:a@198.51.100.{expires % 200}>") == 200
            )
        counts: list[int] = []
        for _ in range(3):
            await asyncio.sleep(58.5 if not counts else 62 if len(counts) == 1 else 480)
            counts.append(len(world.server.storage.bindings))
        assert counts == [3, 1, 0]

    run(story)


def test_the_programs_hooks_run() -> None:
    told: list[str] = []
    exchange = Exchange()
    exchange.startup(lambda: told.append("up"))

    @exchange.shutdown
    async def down() -> None:
        told.append("down")

    async def story(_world: World) -> None:
        with pytest.raises(UsageError, match="bound"):
            await SimulatedExchange(Wire(), exchange).start()
        assert told == ["up"]

    run(story, exchange)
    assert told[-1] == "down"
    with pytest.raises(NotServing):
        _ = exchange.gateways


def test_a_restart_keeps_accounts_keys_and_bindings() -> None:
    async def story(world: World) -> None:
        alice = await world.registered("alice")
        await world.server.stop()
        await world.server.stop()
        assert await alice.send("OPTIONS", "example.com") == 408
        await world.server.start()
        assert len(world.server.bindings_of("sip:alice@example.com")) == 1
        assert await alice.register() == 200

    run(story)


def test_gateways_and_open_profiles() -> None:
    settings = ServerSettings(
        profiles={"lab": ProfileSettings(listen=["udp:192.0.2.1:5060"], authenticate=False)},
        gateways={"carrier": Trunk("sip:carrier.test", "lab", peers=["203.0.113.0/24"])},
    )
    exchange = Exchange()

    @exchange.request("MESSAGE")
    def message(request: Request) -> Reply:
        return Reply(200 if request.gateway is not None else 403)

    async def story(world: World) -> None:
        assert list(exchange.gateways) == ["carrier"]
        inside = await world.phone("x@elsewhere.test", address=("203.0.113.7", 5060))
        outside = await world.phone("y@elsewhere.test")
        assert await inside.send("MESSAGE", "bob@example.com") == 200
        assert await outside.send("MESSAGE", "bob@example.com") == 403

    run(story, exchange, settings=settings)


def test_leaks_are_named() -> None:
    async def main() -> None:
        server = SimulatedExchange(Wire())
        await server.start()
        assert server.leaks() == []
        server.failures.append(KeyError("x"))
        assert server.leaks() == ["server failure: KeyError('x')"]
        await server.stop()

    run_virtual(main())
