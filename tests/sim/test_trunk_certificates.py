"""Trunks that are known by their certificates, in whole calls."""

from __future__ import annotations

import asyncio

import pytest

from offhook.testing import Script, ServerSettings, Step, Trunk, World, run

QUICK = Script((Step(0.1, 180), Step(0.2, 200)))
SETTINGS = ServerSettings(
    gateways={"carrier": Trunk("sips:carrier.test", "internal", names=("carrier.test",))}
)


@pytest.mark.rfc("5922", "7.4")
@pytest.mark.parametrize(
    ("transport", "names", "status"),
    [
        ("TLS", ("carrier.test",), 200),
        ("TLS", ("other.test", "carrier.test"), 200),
        ("TLS", ("other.test",), 407),
        ("TLS", (), 407),
        ("TCP", ("carrier.test",), 407),  # nothing is proven there
    ],
)
def test_who_proves_to_be_the_gateway_is_not_challenged(
    transport: str, names: tuple[str, ...], status: int
) -> None:
    async def story(world: World) -> None:
        bob = await world.registered("bob", script=QUICK)
        trunk = await world.phone("4711@carrier.test", transport=transport, certificate=names)
        call = await trunk.call("bob@example.com")
        assert call.status == status
        assert bool(bob.incoming) is (status == 200)
        if status == 200:
            await asyncio.sleep(1)
            assert await bob.incoming[0].hang_up() == 200
            assert call.dialog.ended == "them"

    run(story, settings=SETTINGS, delay=(0.01, 0.01))
