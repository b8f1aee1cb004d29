"""What a handler costs: the built-in program, a plain function, an `async def` with its Task.

Each row is a whole MESSAGE from bytes to its 200; the first is answered right above the engine, so
that the difference to it is what the exchange and the handler take.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence

import uvloop

from benchmarks.memory_exchange import CALLER, UNIX, MemoryExchange
from benchmarks.servers import DOMAIN
from benchmarks.timing import ROUNDS, Timing, show
from offhook.auth import Bans, DigestGuard, NonceRegistry
from offhook.engine.events import Event, RequestReceived
from offhook.exchange import Exchange, Profile, Reply, Request
from offhook.exchange.dispatcher import Dispatcher
from offhook.exchange.flow_bindings import FlowBindings
from offhook.exchange.serving import Clock, Serving
from offhook.registrar import Gruus
from offhook.storage import MemoryStorage

__all__ = ["main"]

COUNT = 5000
TASK_BUDGET = 3.0  # µs


def _messages(method: str, user: str) -> Sequence[bytes]:
    text = (
        "{method} sip:{user}{domain} SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 127.0.0.1:5070;rport;branch=z9hG4bK{number}h\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:a@{domain}>;tag=f{number}\r\n"
        "To: <sip:{user}{domain}>\r\nCall-ID: {number}@127.0.0.1\r\n"
        "CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    return [
        text.format(method=method, user=user, domain=DOMAIN, number=number).encode()
        for number in range(COUNT)
    ]


def _plain(_request: Request) -> Reply:
    return Reply(200)


async def _asynchronous(_request: Request) -> Reply:
    return Reply(200)


def _dispatcher(memory: MemoryExchange, program: Exchange) -> Dispatcher:
    storage = MemoryStorage()
    guard = DigestGuard(NonceRegistry(bytes(32), not_before=UNIX))
    serving = Serving(
        engine=memory.engine,
        clock=Clock(lambda: memory.now, lambda: UNIX + memory.now),
        flush=lambda: None,
        bindings=storage.bindings,
        immediate=storage.bindings,
        flows=FlowBindings(storage.bindings),
        gruus=Gruus(bytes(32)),
        accounts=storage.accounts,
        profiles={"bench": Profile("bench", False, True, guard)},
        gateways={},
        domains=frozenset({DOMAIN}),
        default_domain=DOMAIN,
        bans=Bans(),
        random_hex=lambda: "0",
    )
    return Dispatcher(serving, program.handlers, lambda _name: None)


async def _feed(memory: MemoryExchange, messages: Sequence[bytes]) -> float:
    """Seconds for all of them, Tasks included, in portions as a drained socket gives them."""
    flow = memory.flow(CALLER)
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    for first in range(0, COUNT, 20):
        for data in messages[first : first + 20]:
            memory.receive(flow, data)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    memory.advance(memory.now)
    elapsed = time.perf_counter() - started
    gc.enable()
    answered = sum(item.data.startswith(b"SIP/2.0 200 ") for item in memory.take())
    if answered != COUNT:
        raise SystemExit(f"{answered} of {COUNT} requests were answered 200")
    return elapsed


Join = Callable[[MemoryExchange], None]


def _best(ways: Sequence[tuple[Sequence[bytes], Join]]) -> list[float]:
    """The best round of each way, in µs a message. The ways take turns, so that all see the same
    machine."""
    best = [float("inf")] * len(ways)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(ROUNDS):
            for place, (messages, join) in enumerate(ways):
                memory = MemoryExchange()
                join(memory)
                best[place] = min(best[place], runner.run(_feed(memory, messages)))
    return [seconds / COUNT * 1e6 for seconds in best]


def _directly(memory: MemoryExchange) -> None:
    def handle(event: Event) -> None:
        if isinstance(event, RequestReceived):
            memory.engine.respond(event.incoming, 200, memory.now)

    memory.handle = handle


def _program(*handlers: Callable[[Request], object]) -> Join:
    """A join that puts a program above the engine: with a handler of MESSAGE, or the built-in."""

    def join(memory: MemoryExchange) -> None:
        program = Exchange()
        for handler in handlers:
            program.request("MESSAGE")(handler)  # type: ignore[type-var]  # both kinds pass here
        memory.handle = _dispatcher(memory, program).handle

    return join


def main() -> None:
    """Print the table."""
    health = _messages("OPTIONS", "")
    text = _messages("MESSAGE", "u1@")
    health_direct, builtin, direct, plain, task = _best(
        [
            (health, _directly),
            (health, _program()),
            (text, _directly),
            (text, _program(_plain)),
            (text, _program(_asynchronous)),
        ]
    )
    rows = [
        Timing("OPTIONS answered above the engine", health_direct),
        Timing("OPTIONS by the built-in program", builtin),
        Timing("MESSAGE answered above the engine", direct),
        Timing("MESSAGE by a plain function", plain),
        Timing("MESSAGE by an async def", task),
        Timing("exchange and built-in program", builtin - health_direct),
        Timing("exchange and plain function", plain - direct),
        Timing("a Task instead of a plain function", task - plain, TASK_BUDGET),
    ]
    show("handlers", rows)


if __name__ == "__main__":
    main()
