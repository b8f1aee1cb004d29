"""How late the loop is."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from offhook.server.loop_lag import BOUNDS, PERIOD, LoopLag
from offhook.testing.loop import run_virtual


def test_delays_are_counted_by_their_bounds() -> None:
    lag = LoopLag()
    for late in (-0.5, 0.0, 0.001, 0.002, 0.1, 6.0):
        lag.add(late)
    counted = dict(zip((*BOUNDS, None), lag.counts, strict=True))
    assert {bound: count for bound, count in counted.items() if count} == {
        0.001: 3,
        0.005: 1,
        0.1: 1,
        None: 1,
    }
    assert round(lag.seconds, 6) == 6.103


def test_a_loop_in_time_is_never_late() -> None:
    async def story() -> LoopLag:
        lag = LoopLag()
        watching = asyncio.create_task(lag.watch())
        await asyncio.sleep(10 * PERIOD + PERIOD / 2)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        return lag

    lag = run_virtual(story())
    assert lag.counts[0] == 10
    assert sum(lag.counts) == 10
