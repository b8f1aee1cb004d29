"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rounds import Pace

__all__ = ["SUITES", "Options", "parse_options"]

SUITES = (
    "register",
    "register-digest",
    "call",
    "call-tcp",
    "latency",
    "memory",
    "start",
    "flood",
    "streams",
    "idle",
    "refreshes",
    "names",
    "micro",
)
FULL = Pace(rounds=5, seconds=6.0, drain=36.0)
QUICK = Pace(rounds=3, seconds=2.0, drain=0.0)


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure and how long. `alone` leaves offhook out: two peers, the noise alone."""

    only: tuple[str, ...]
    pace: Pace
    quick: bool
    alone: bool
    json: Path | None
    server_core: int
    load_core: int


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the arguments; wrong ones end the program with a usage message."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=SUITES, metavar="NAME", help=", ".join(SUITES)
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="rounds of each server that must count")
    parser.add_argument("--seconds", type=float, help="length of one round")
    parser.add_argument("--alone", action="store_true", help="Kamailio against itself only")
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1)
    given = parser.parse_args(arguments)
    pace = QUICK if given.quick else FULL
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds must be at least 1")
    return Options(
        only=tuple(given.only or SUITES),
        pace=Pace(given.rounds or pace.rounds, given.seconds or pace.seconds, pace.drain),
        quick=given.quick,
        alone=given.alone,
        json=given.json,
        server_core=given.server_core,
        load_core=given.load_core,
    )
