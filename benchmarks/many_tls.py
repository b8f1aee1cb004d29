"""Many TLS connections: what idle ones keep in memory, and whether calls notice that the phones
behind them refresh their registrations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.comparison import compare, told
from benchmarks.crowd import Crowd
from benchmarks.findings import Finding, Verdict
from benchmarks.probing import Answers, probe
from benchmarks.processes import BenchmarkError, memory_bytes
from benchmarks.rounds import Pace
from benchmarks.streams import stream_server

__all__ = ["measure_idle", "measure_refreshes"]

IDLE, QUICK_IDLE = 5000, 1000
IDLE_LIMIT = 400 << 20  # bytes of the whole server with IDLE connections
REGISTRATIONS, QUICK_REGISTRATIONS = 2000, 500
REFRESH_SECONDS = 10.0  # every phone refreshes once in this time; real ones take an hour
PROBE_RATE = 50.0  # calls a second
SETTLE = 36.0  # seconds until finished transactions have gone
Progress = Callable[[str], None]


def measure_idle(
    folder: Path, server_core: int, load_core: int, *, quick: bool, progress: Progress
) -> Finding:
    """Memory of the server with many idle TLS connections; each has registered once."""
    count = QUICK_IDLE if quick else IDLE
    server, ports = stream_server(folder / "idle", server_core)
    try:
        before = memory_bytes(server.pid)
        with Crowd("tls", ports["tls"], count, core=load_core) as crowd:
            opened = memory_bytes(server.pid)
            tally = crowd.run("register", 500.0, count / 500.0)
            if tally.fault:
                raise BenchmarkError(f"idle connections: {tally.fault}")
            if not quick:
                time.sleep(SETTLE)
            after = memory_bytes(server.pid)
            if crowd.run("options", 500.0, 1.0).fault:
                raise BenchmarkError("idle connections did not stay open")
    finally:
        server.stop()
    each = (after - before) / count
    limit = IDLE_LIMIT * count / IDLE
    progress(f"{count} idle TLS connections: {after >> 20} MB, {each / 1024:.1f} kB each")
    verdict = Verdict(
        f"memory of the server with {count} idle TLS connections",
        f"{after >> 20} MB",
        f"<= {int(limit) >> 20} MB"
        if not quick
        else f"<= {int(limit) >> 20} MB + the empty server",
        after - (before if quick else 0) <= limit,
    )
    rows = [
        (name, f"{octets / (1 << 20):.1f}")
        for name, octets in (("no connection", before), ("opened", opened), ("registered", after))
    ]
    return Finding(
        f"Memory of the server (MB) with {count} idle TLS connections, {each / 1024:.1f} kB each",
        ("when", "MB"),
        rows,
        (verdict,),
        {"count": count, "before": before, "opened": opened, "after": after},
    )


def measure_refreshes(
    folder: Path, server_core: int, load_core: int, *, pace: Pace, quick: bool, progress: Progress
) -> Finding:
    """Set-up time of calls over UDP, in turns with and without refreshes of many TLS phones."""
    count = QUICK_REGISTRATIONS if quick else REGISTRATIONS
    rate = count / REFRESH_SECONDS
    server, ports = stream_server(folder / "refreshes", server_core)
    rounds: dict[str, list[Answers]] = {"quiet": [], "refreshing": []}
    seconds = max(pace.seconds, 4.0)
    try:
        with Crowd("tls", ports["tls"], count, core=load_core) as crowd:
            crowd.run("register", 500.0, count / 500.0)
            for number in range(pace.rounds + 1):
                for label, answers in rounds.items():
                    if label == "refreshing":
                        crowd.start("register", rate, seconds + 1.0)
                    found = probe(
                        "call", ports["tcp"], rate=PROBE_RATE, seconds=seconds, core=load_core
                    )
                    if label == "refreshing":
                        tally = crowd.finish(seconds + 1.0)
                        if tally.fault:
                            raise BenchmarkError(f"refreshes: {tally.fault}")
                    answers.append(found)
                    progress(f"calls round {number + 1} {label:10} {told(found)}")
    finally:
        server.stop()
    return compare(
        f"Set-up time of a call (ms) while {count} TLS registrations refresh, {rate:.0f}/s",
        rounds,
        what=f"p99 of calls while {count} TLS registrations refresh",
    )
