"""What one REGISTER costs in a tight loop, and with a pause before each: warm and cold code.

Between two messages of a real server other code runs and the processor forgets ours. This is why a
REGISTER from the network costs twice what it costs here, at any low rate, and why the cost of an
item falls as the rate rises. CPU time of the thread, so that the pause itself does not count.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence

from benchmarks.memory_exchange import CALLEE, MemoryExchange
from benchmarks.micro_engine import register_request
from benchmarks.timing import Timing, show

__all__ = ["main"]

PAUSES = ((0.0, 4000), (0.0003, 2000), (0.002, 500), (0.0, 4000))  # seconds, messages


def _measure(exchange: MemoryExchange, messages: Sequence[bytes], pause: float) -> float:
    """µs of CPU for one message."""
    flow = exchange.flow(CALLEE)
    clock = time.thread_time_ns
    used = 0
    for data in messages:
        if pause:
            time.sleep(pause)
        before = clock()
        exchange.receive(flow, data)
        used += clock() - before
    return used / len(messages) / 1000


def main() -> int:
    """Print the table."""
    exchange = MemoryExchange()
    timings = []
    made = 0
    gc.disable()
    for pause, count in PAUSES:
        numbers = range(made, made + count)
        messages = [register_request(each, 1) for each in numbers]
        made += count
        name = (
            f"REGISTER, {pause * 1000:g} ms before each" if pause else "REGISTER, one after another"
        )
        timings.append(Timing(name, _measure(exchange, messages, pause)))
    show("cold and warm", timings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
