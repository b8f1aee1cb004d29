"""Sends every case of a folder with a manifest to a running exchange and prints the verdicts.

``python -m tests.interop.torture_table --cases FOLDER --target HOST:PORT``: over UDP, TCP and TCP
octet by octet to one port (``--tcp-port`` when TCP has another). Exit code 0 only if every verdict
was right.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.interop.harness.torture import Way, load_manifest, table, try_case


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="torture_table", description=__doc__)
    parser.add_argument("--cases", type=Path, required=True, action="append")
    parser.add_argument("--target", required=True, metavar="HOST:PORT")
    parser.add_argument("--tcp-port", type=int, help="the TCP port, if it is another")
    parser.add_argument(
        "--challenging", action="store_true", help="the target challenges: 401 and 407 are right"
    )
    parser.add_argument("--faults", action="store_true", help="print faults only")
    options = parser.parse_args(words)
    host, _, port = options.target.rpartition(":")
    targets = {"udp": (host, int(port)), "tcp": (host, options.tcp_port or int(port))}
    outcomes = [
        try_case(case, way, targets[way.transport])
        for folder in options.cases
        for case in load_manifest(folder, challenging=options.challenging)
        for way in Way
    ]
    faults = [outcome for outcome in outcomes if not outcome.passed]
    print(table(faults if options.faults else outcomes))
    print(f"{len(outcomes) - len(faults)} of {len(outcomes)} right")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
