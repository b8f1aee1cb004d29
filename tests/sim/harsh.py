"""One random call on a wire that is worse than any: mixed transports, connections that die, NAT
boxes that forget, phones that hang or do not listen, a server that restarts.

What is promised then is less: the caller has one final status, nothing in the server fails, and
nothing is left in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from offhook.exchange import Decision, Exchange, Request
from offhook.testing import Nat, NatBox, Script, ScriptedPhone, Step, World, run

__all__ = ["play"]

LONGEST = 400.0  # seconds in which a call has its end: timer C, then 64*T1, and some more


def program(random: Random) -> Exchange | None:
    """A routing program that forks twice, or the built-in one."""
    if random.random() < 0.5:
        return None
    exchange = Exchange()
    ring, first = random.uniform(1.0, 10.0), random.choice([None, 1.0, 4.0])

    @exchange.request("INVITE")
    async def invite(request: Request) -> Decision:
        phones = await exchange.location.lookup(request.uri)
        outcome = await request.fork(phones, ring=ring, first=first, by_q=True)
        if outcome.ok:
            return outcome
        return await request.fork(await exchange.location.lookup("sip:carol@example.com"))

    return exchange


def script(random: Random) -> Script:
    """What a phone does, or does not."""
    rings = [Step(random.uniform(0.0, 2.0), random.choice([180, 183]))] * random.randint(0, 2)
    end = [Step(random.uniform(0.0, 12.0), random.choice([200, 200, 302, 404, 486, 500, 503, 600]))]
    return Script(
        [*rings, *end[: random.randint(0, 1)]],
        cancel_delay=random.choice([0.0, 0.3, None]),
        trying=random.random() < 0.8,
    )


def play(seed: int) -> int:
    """One run; returns its trace. Raises AssertionError with the seed and the ladder."""
    random = Random(seed)

    async def story(world: World) -> int:
        try:
            await Play(world, random).story()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n{world.wire.ladder()}") from error
        return world.wire.trace

    return run(
        story,
        program(random),
        seed=seed,
        loss=random.choice([0.0, 0.05, 0.2]),
        duplicate=random.choice([0.0, 0.2]),
        delay=(0.005, random.choice([0.01, 0.1, 0.8])),
    )


class Play:
    """One run: the world, its boxes, and what was done to it."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.boxes: list[NatBox] = []
        self.phones: list[ScriptedPhone] = []
        self.troubled = False  # the caller or the server was hit: the caller may never hear
        self._tasks: set[asyncio.Task[None]] = set()

    async def story(self) -> None:
        """The call and its end."""
        for name in ("bob", "bob", "carol", "alice"):
            self.phones.append(await self._phone(name))
        loop = asyncio.get_running_loop()
        random = self.random
        for trouble in random.sample(self._troubles(), random.randint(0, 2)):
            loop.call_later(random.uniform(0.0, 15.0), trouble)
        call = self.phones[-1].dial("bob@example.com")
        if random.random() < 0.4:
            loop.call_later(random.uniform(0.0, 12.0), call.cancel)
        try:
            async with asyncio.timeout(LONGEST):
                await call.final()
        except TimeoutError:
            assert self.troubled, "no final response, though nobody hindered it"
            call.cancel()  # what a user does who hears nothing any more
            await call.final()
        for dialog in list(call.dialogs.values()):
            if not dialog.ended:
                await call.hang_up(dialog)
        await asyncio.sleep(LONGEST)
        assert self.world.server.failures == []
        assert call.status >= 200

    async def _phone(self, name: str) -> ScriptedPhone:
        random = self.random
        number = len(self.phones) + 1
        realm, address = "", None
        if random.random() < 0.3:
            realm, address = f"home{number}", ("10.0.0.5", 5060)  # the same in every home
            box = NatBox(realm, f"203.0.113.{number}", kind=random.choice(list(Nat)))
            self.world.wire.add_box(box)
            self.boxes.append(box)
        phone = await self.world.phone(
            name,
            transport=random.choice(["UDP", "UDP", "UDP", "TCP", "TLS", "WS", "WSS"]),
            realm=realm,
            address=address,
            script=script(random),
        )
        await phone.register(q=random.choice(["", "0.5"]))
        return phone

    def _troubles(self) -> list[Callable[[], None]]:
        return [self._drop, self._silence, self._forget, self._restart]

    def _drop(self) -> None:
        victim = self.random.choice(self.phones)
        self.troubled |= victim is self.phones[-1]
        victim.agent.drop_connections()

    def _silence(self) -> None:
        self.troubled = True
        self.world.wire.silence(self.random.choice(self.phones).network.addresses[0])

    def _forget(self) -> None:
        self.troubled = True
        for box in self.boxes:
            box.forget()

    def _restart(self) -> None:
        self.troubled = True
        task = asyncio.get_running_loop().create_task(self._stop_and_start())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop_and_start(self) -> None:
        await self.world.server.stop()
        await asyncio.sleep(0.5)
        await self.world.server.start()
