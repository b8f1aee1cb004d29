"""Where the whole server spends its time under load: `offhook serve` under cProfile, SIPp outside.

`python -m benchmarks.profile_server call` prints the functions with the most time of their own. The
profiler doubles the cost of small functions: compare shares, not µs.
"""

from __future__ import annotations

import argparse
import pstats
import tempfile
from pathlib import Path

from benchmarks.offhook_server import Offhook
from benchmarks.processes import BenchmarkError, free_port
from benchmarks.rounds import prepare
from benchmarks.servers import Place
from benchmarks.sipp import write_users
from benchmarks.workloads import WORKLOADS, Bench, Level, Workload, run_round

__all__ = ["main"]

USERS = 50
RATE = 200  # items a second: a profiled server is slow
SECONDS = 10


def _load(workload: Workload, folder: Path, output: Path) -> None:
    """Run the server under load until its profile is written."""
    place = Place(folder / "server", free_port(), core=0)
    server = Offhook(place, workload.access, users=USERS, profile=output)
    try:
        users = write_users(folder / "users.csv", USERS)
        bench = Bench(server, folder / "load", 1, users, USERS)
        prepare(bench, workload)
        result = run_round(bench, workload, Level("profile", rate=RATE), RATE * SECONDS)
        print(f"{result.items} items, fault: {result.fault or 'none'}")
    finally:
        server.drain()


def main() -> int:
    """Print the profile; 1 if there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [workload.name for workload in WORKLOADS]
    parser.add_argument("workload", nargs="?", default="call", choices=names)
    parser.add_argument("--lines", type=int, default=50)
    parser.add_argument("--sort", default="tottime", choices=["tottime", "cumtime"])
    arguments = parser.parse_args()
    workload = next(item for item in WORKLOADS if item.name == arguments.workload)
    with tempfile.TemporaryDirectory(prefix="offhook-profile-") as name:
        output = Path(name) / "profile"
        try:
            _load(workload, Path(name), output)
            pstats.Stats(str(output)).sort_stats(arguments.sort).print_stats(arguments.lines)
        except (BenchmarkError, OSError) as error:
            print(f"no profile: {error}")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
