"""The cyclic garbage collector of a server: rare, and blind to what was there at the start.

Calls, transactions and messages are freed by reference counts; the collector only has to find what
a program of the user leaves in cycles. At its default it walks every live transaction each 700
allocations, which at 1,000 calls a second doubles the CPU of a call.
"""

from __future__ import annotations

import gc

__all__ = ["quiet_collector"]

YOUNG = 50_000  # allocations between two looks at the young: some hundreds of calls
MIDDLE = 20  # young looks between two looks at the middle
OLD = 100  # middle looks between two looks at everything: minutes under full load


def quiet_collector() -> None:
    """Call once when the server has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
