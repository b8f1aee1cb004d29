"""A stage for races: one caller, phones that follow scripts, a wire that takes 10 ms each way.

Phones are forked to by address (`TARGET["a"]`), the exchange is open, nobody registers. The INVITE
reaches the server 0.01 and a phone 0.02 virtual seconds after the caller sent it, if the handler
forks at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import (
    OutgoingCall,
    ProfileSettings,
    Script,
    ScriptedPhone,
    ServerSettings,
    Step,
    World,
    run,
)

__all__ = ["HANGS", "OPEN", "RINGS", "TARGET", "Play", "play", "rings_then"]

NAMES = ("a", "b", "c", "voicemail")
HOST = {name: f"198.51.100.{11 + number}" for number, name in enumerate(NAMES)}
TARGET = {name: f"sip:{name}@{host}:5060" for name, host in HOST.items()}
OPEN = ServerSettings(profiles={"internal": ProfileSettings(authenticate=False)})
HANGS = Script((), cancel_delay=None, trying=False)  # takes every datagram and says nothing
RINGS = Script((Step(0.1, 180),))
HOP = 0.01  # seconds

Handler = Callable[[Request], Awaitable[Decision]]


def rings_then(after: float, status: int) -> Script:
    """Rings at once and ends later."""
    return Script((Step(0.1, 180), Step(after, status)))


@dataclass
class Play:
    """What came of it."""

    world: World
    call: OutgoingCall
    phones: Mapping[str, ScriptedPhone]
    up: list[
        tuple[float, int]
    ]  # (time, status) of every response above 100 that reached the caller

    @property
    def statuses(self) -> list[int]:
        """The statuses alone, retransmissions left out."""
        found: list[int] = []
        for _, status in self.up:
            if status < 300 or status not in found:
                found.append(status)
        return found

    def sent(self, name: str) -> list[tuple[float, str]]:
        """(time, method) of the requests that left for a phone, each once."""
        first: dict[str, float] = {}
        for packet in self.world.wire.packets:
            method = packet.data.partition(b" ")[0].decode()
            if packet.destination[0] == HOST[name] and not method.startswith("SIP/"):
                first.setdefault(method, round(packet.time, 2))
        return [(time, method) for method, time in first.items()]


def play(
    handler: Handler,
    phones: Mapping[str, Script],
    *,
    cancel: float | None = None,
    wait: float = 100.0,
    settings: ServerSettings = OPEN,
) -> Play:
    """Run one call; `cancel` is when the caller gives up."""
    exchange = Exchange()
    exchange.request("INVITE")(handler)

    async def story(world: World) -> Play:
        made = {
            name: await world.phone(name, address=(HOST[name], 5060), script=script)
            for name, script in phones.items()
        }
        caller = await world.phone("alice", address=("198.51.100.1", 5060))
        call = caller.dial("somebody@example.com")
        if cancel is not None:
            await asyncio.sleep(cancel)
            call.cancel()
        await asyncio.sleep(wait)
        for dialog in call.dialogs.values():
            if not dialog.ended:
                await call.hang_up()
        return Play(world, call, made, _responses(world))

    return run(story, exchange, delay=(HOP, HOP), settings=settings)


def _responses(world: World) -> list[tuple[float, int]]:
    """What reached the caller for its INVITE."""
    found = []
    for packet in world.wire.packets:
        if packet.destination[0] == "198.51.100.1" and b" INVITE\r\n" in packet.data:
            status = int(packet.data[8:11])
            if status > 100:
                found.append((round(packet.time + HOP, 2), status))
    return found
