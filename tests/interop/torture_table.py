"""Sends every case of a folder with a manifest to a running exchange and prints the verdicts.

``python -m tests.interop.torture_table --cases FOLDER --target HOST:PORT``: over UDP, TCP and TCP
octet by octet to one port (``--tcp-port`` when TCP has another). Exit code 0 only if every verdict
was right.

Some messages share a branch, and each is sent three ways: a message that a server would take for a
retransmission waits until the transaction before it is gone (RFC 3261 17.2, timers H and J), which
makes ten minutes of three ways; ``--way`` picks one, for an exchange of its own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.interop.harness.torture import (
    Case,
    Outcome,
    Way,
    clear_bindings,
    load_manifest,
    table,
    transaction,
    try_case,
)

STREAMS_FIRST = (Way.OCTETS, Way.TCP, Way.UDP)
HELD_SECONDS = 33.0  # 64*T1 and a second
RELEASED_SECONDS = 0.2  # timer J is zero over a stream


def try_all(
    cases: Sequence[Case], ways: Sequence[Way], targets: Mapping[str, tuple[str, int]]
) -> list[Outcome]:
    """Every case every way, streams first because they hold no finished transactions."""
    waiting = [(case, way) for way in ways for case in cases]
    free: dict[tuple[bytes, bytes], float] = {}
    outcomes = []
    while waiting:
        now = time.monotonic()
        ready = [pair for pair in waiting if free.get(transaction(pair[0].data), 0.0) <= now]
        if not ready:
            pause = min(free[transaction(case.data)] for case, _ in waiting) - now
            print(f"{len(waiting)} to go, waiting {pause:.0f} s", file=sys.stderr)
            time.sleep(max(0.0, pause))
            continue
        case, way = ready[0]
        waiting.remove((case, way))
        outcomes.append(try_case(case, way, targets[way.transport]))
        clear_bindings(case, targets["udp"])
        key = transaction(case.data)
        held = way is Way.UDP or key[1] == b"INVITE"
        free[key] = time.monotonic() + (HELD_SECONDS if held else RELEASED_SECONDS)
    return outcomes


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="torture_table", description=__doc__)
    parser.add_argument("--cases", type=Path, required=True, action="append")
    parser.add_argument("--target", required=True, metavar="HOST:PORT")
    parser.add_argument("--tcp-port", type=int, help="the TCP port, if it is another")
    parser.add_argument(
        "--challenging", action="store_true", help="the target challenges: 401 and 407 are right"
    )
    parser.add_argument(
        "--way", action="append", choices=[way.name.lower() for way in STREAMS_FIRST]
    )
    parser.add_argument("--faults", action="store_true", help="print faults only")
    options = parser.parse_args(words)
    host, _, port = options.target.rpartition(":")
    targets = {"udp": (host, int(port)), "tcp": (host, options.tcp_port or int(port))}
    ways = [way for way in STREAMS_FIRST if way.name.lower() in (options.way or way.name.lower())]
    cases = [
        case
        for folder in options.cases
        for case in load_manifest(folder, challenging=options.challenging)
    ]
    outcomes = sorted(
        try_all(cases, ways, targets), key=lambda one: (cases.index(one.case), one.way.value)
    )
    faults = [outcome for outcome in outcomes if not outcome.passed]
    print(table(faults if options.faults else outcomes))
    print(f"{len(outcomes) - len(faults)} of {len(outcomes)} right")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
