"""A story on the virtual wire: `run` makes loop, wire and exchange, plays it, looks for leaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from offhook.exchange import Exchange
from offhook.testing.calls import Script
from offhook.testing.loop import run_virtual
from offhook.testing.phones import ScriptedPhone
from offhook.testing.server import ServerSettings, SimulatedExchange
from offhook.testing.wire import Link, Wire
from offhook.transport.flow import Address

__all__ = ["Leak", "Story", "World", "run"]

T = TypeVar("T")
SETTLE = 300.0  # virtual seconds after a story: more than timer C and 64*T1 after it
LIMIT = 86_400.0  # virtual seconds that a story may take


class Leak(AssertionError):  # noqa: N818 - what it is, to a reader of a failed test
    """Something is left after a story and all its timers; the text says what, and the seed."""


class World:
    """What a story acts on: `wire`, `server`, and phones made as they are needed."""

    def __init__(self, wire: Wire, server: SimulatedExchange, *, seed: int) -> None:
        self.wire = wire
        self.server = server
        self.seed = seed
        self.phones: list[ScriptedPhone] = []

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.wire.loop.time()

    async def phone(
        self,
        name: str,
        *,
        transport: str = "UDP",
        address: Address | None = None,
        realm: str = "",
        profile: str = "",
        script: Script | None = None,
        certificate: Sequence[str] = (),
    ) -> ScriptedPhone:
        """A phone of an account ("alice", "alice@example.com" or, to be reached by sips too,
        "sips:alice"), its port open, unregistered. `certificate`: the names in the one that it
        shows over TLS."""
        settings = self.server.settings
        scheme, colon, user = name.rpartition(":")
        account = user if "@" in user else f"{user}@{settings.domains[0]}"
        place = address or (f"198.51.100.{len(self.phones) + 1}", 5060)
        phone = ScriptedPhone(
            self.wire,
            place,
            f"{scheme}{colon}{account}",
            proxy=self.server.address(transport, profile),
            password=settings.accounts.get(account, ""),
            transport=transport,
            realm=realm,
            script=script,
            certificate=certificate,
        )
        await phone.start()
        self.phones.append(phone)
        return phone

    async def registered(
        self, name: str, *, transport: str = "UDP", script: Script | None = None, q: str = ""
    ) -> ScriptedPhone:
        """As `phone`, and registered. Raises AssertionError if the exchange refuses."""
        phone = await self.phone(name, transport=transport, script=script)
        status = await phone.register(q=q)
        if status != 200:
            raise AssertionError(f"seed {self.seed}: {name} got {status} for its REGISTER")
        return phone

    async def settle(self, seconds: float = SETTLE) -> None:
        """Let every call end and every timer fire. Raises Leak for what is left then."""
        await asyncio.sleep(seconds)
        left = self.server.leaks()
        for phone in self.phones:
            left += phone.leaks()
        current = asyncio.current_task()
        left += sorted(
            f"task {task.get_coro()}" for task in asyncio.all_tasks() if task is not current
        )
        if left:
            raise Leak(f"seed {self.seed}: " + "; ".join(left))


Story = Callable[[World], Awaitable[T]]


def run(
    story: Story[T],
    exchange: Exchange | None = None,
    *,
    seed: int = 7,
    loss: float = 0.0,
    duplicate: float = 0.0,
    delay: tuple[float, float] = (0.005, 0.05),
    settings: ServerSettings | None = None,
    leaks: bool = True,
) -> T:
    """Play `story` against an exchange on a wire of that seed, in virtual time; returns its value.

    `loss` and `duplicate` are probabilities of datagrams, `delay` is drawn evenly in seconds. After
    the story all timers run out, and what is left then is a Leak (not with `leaks=False`). Raises
    what the story raises, with the seed as a note, and Stuck for a deadlock.
    """

    async def main() -> T:
        link = Link(loss=loss, duplicate=duplicate, delay=delay)
        wire = Wire(seed=seed, link=link)
        server = SimulatedExchange(wire, exchange, settings)
        world = World(wire, server, seed=seed)
        await server.start()
        try:
            result = await story(world)
            if leaks:
                await world.settle()
        except Exception as error:
            for failure in server.failures[:3]:
                error.add_note(f"the server failed before: {failure!r}")
            raise
        finally:
            for phone in world.phones:
                await phone.stop()
            await server.stop()
        return result

    try:
        return run_virtual(main(), limit=LIMIT)
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
