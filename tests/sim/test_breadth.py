"""The amplification attack of RFC 5393 section 3 on several exchanges: each forks what comes to two
places at the next one, with another Request-URI each time, so that nothing is a loop."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from offhook.exchange import Decision, Exchange, Request
from offhook.proxy.breadth import MAX_BREADTH
from offhook.testing import Peer, ProfileSettings, ServerSettings, World, build_request, run
from offhook.testing.server import SimulatedExchange

HOSTS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
ATTACKER = ("198.51.100.66", 5060)
ENDED = -1


def settings(host: str) -> ServerSettings:
    listen = [f"udp:{host}:5060"]
    return ServerSettings(
        domains=[host], profiles={"p": ProfileSettings(listen=listen, authenticate=False)}
    )


def forking(following: str) -> Exchange:
    """Everything goes to two users of the next exchange."""
    exchange = Exchange()

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        user = request.uri.user
        return request.fork([f"sip:{user}{each}@{following}" for each in "ab"])

    return exchange


class Branches:
    """Counts INVITEs without a final response, by how deep they are: each depth is one cut through
    the tree."""

    def __init__(self) -> None:
        self.most: Counter[int] = Counter()
        self._open: dict[str, int] = {}

    def watch(self, world: World) -> None:
        """Read the wire from the start."""
        for packet in world.wire.packets:
            head = packet.data.partition(b"\r\n\r\n")[0].decode()
            lines = dict(line.split(": ", 1) for line in reversed(head.split("\r\n")[1:]))
            branch = lines["Via"].partition("branch=")[2].partition(";")[0]
            if head.startswith("INVITE"):
                if branch not in self._open:
                    self._sent(branch, int(lines["Max-Forwards"]))
            elif head.startswith("SIP/2.0 ") and int(head[8:11]) >= 300:
                self._open[branch] = ENDED

    def _sent(self, branch: str, hops: int) -> None:
        self._open[branch] = hops
        now = sum(each == hops for each in self._open.values())
        self.most[hops] = max(self.most[hops], now)


@pytest.mark.rfc("5393", "5.3.3")
@pytest.mark.parametrize(
    ("breadth", "most"), [("", MAX_BREADTH), ("8", 8), ("999999", MAX_BREADTH)]
)
def test_an_amplification_attack_stays_within_sixty_branches(breadth: str, most: int) -> None:
    async def story(world: World) -> None:
        others = [
            SimulatedExchange(world.wire, forking(HOSTS[(place + 1) % 3]), settings(HOSTS[place]))
            for place in (1, 2)
        ]
        for each in others:
            await each.start()
        attacker = await Peer.at(world.wire, *ATTACKER)
        headers = [("Max-Breadth", breadth)] if breadth else []
        data = build_request("INVITE", f"sip:x@{HOSTS[0]}", source=ATTACKER, headers=headers)
        await attacker.send(
            data.replace(b"Max-Forwards: 70", b"Max-Forwards: 10"), (HOSTS[0], 5060)
        )
        await asyncio.sleep(1)
        found = Branches()
        found.watch(world)
        assert max(found.most.values()) <= most
        assert found.most[2] == most  # all of it is used, where it is narrower than the tree
        await asyncio.sleep(400)
        left = [line for each in (world.server, *others) for line in each.leaks()]
        assert left == []
        for each in others:
            await each.stop()

    run(
        story,
        forking(HOSTS[1]),
        settings=settings(HOSTS[0]),
        delay=(0.01, 0.01),
    )
