"""Memory of a binding and of a proxied transaction, as growth of the server's process tree."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import BenchmarkError, memory_bytes
from benchmarks.sipp import Sipp, write_users
from benchmarks.workloads import Bench, Level, Workload, binding_load, run_round

__all__ = ["MemoryResult", "measure_bindings", "measure_transactions"]

TRANSACTION_LIFE = 40.0  # seconds; finished ones stay for 64*T1 = 32 (RFC 3261 17.2.2, RFC 6026)
TRANSACTIONS_OF_A_CALL = 2  # INVITE and BYE, each a server and a client side
REGISTER_RATE = 2000
CALL_RATE = 400
CALL_SECONDS = 10


@dataclass(frozen=True, slots=True)
class MemoryResult:
    """Growth in bytes for `count` things; `told` is how many the server itself counted."""

    server: str
    what: str
    budget: int
    count: int
    grown_bytes: int
    told: int | None = None

    @property
    def bytes_each(self) -> float:
        """Bytes of one."""
        return self.grown_bytes / self.count


def measure_bindings(
    bench: Bench, folder: Path, count: int, progress: Callable[[str], None]
) -> MemoryResult:
    """Register `count` new users and wait until only their bindings are left.

    Before that as many REGISTERs of few users, so that the room that the allocator keeps for
    transactions is there already.
    """
    _register(bench, bench.users_file, count)
    before = memory_bytes(bench.server.pid)
    _register(bench, write_users(folder / "memory-users.csv", count, first=bench.users), count)
    grown = memory_bytes(bench.server.pid) - before
    return _told(MemoryResult(bench.server.name, "binding", 2000, count, grown), progress)


def _register(bench: Bench, users: Path, count: int) -> None:
    load = replace(binding_load(bench), calls=count, rate=REGISTER_RATE, users_file=users)
    loader = Sipp(load, bench.next_folder(), bench.core)
    in_time = loader.wait(count / REGISTER_RATE + 30.0)
    if not in_time or loader.tally().succeeded != count:
        raise BenchmarkError(f"{bench.server.name}: not all of {count} REGISTERs succeeded")
    time.sleep(TRANSACTION_LIFE)


def measure_transactions(
    bench: Bench, workload: Workload, progress: Callable[[str], None]
) -> MemoryResult:
    """Run calls for less time than a finished transaction stays, and look before one goes."""
    calls = CALL_RATE * CALL_SECONDS
    before = memory_bytes(bench.server.pid)
    result = run_round(bench, workload, Level("memory", rate=CALL_RATE), calls)
    grown = memory_bytes(bench.server.pid) - before
    if result.fault:
        raise BenchmarkError(f"{bench.server.name}: calls for the memory failed: {result.fault}")
    told = bench.server.transactions()
    count = calls * TRANSACTIONS_OF_A_CALL
    return _told(
        MemoryResult(bench.server.name, "proxied transaction", 8000, count, grown, told), progress
    )


def _told(result: MemoryResult, progress: Callable[[str], None]) -> MemoryResult:
    counted = "" if result.told is None else f", the server counts {result.told}"
    figures = f"{result.bytes_each:.0f} bytes ({result.count} of them{counted})"
    progress(f"memory of a {result.what}: {result.server} {figures}")
    return result
