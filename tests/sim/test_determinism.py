"""The same seed gives the same run: twice in one process, and in two with other string hashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.sim.mixed import play

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(40, 46)
PROGRAM = f"""
import logging, structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
from tests.sim.mixed import play
print([play(seed) for seed in range({SEEDS.start}, {SEEDS.stop})])
"""


def traces(hash_seed: str) -> str:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    return done.stdout


def test_string_hashes_do_not_matter() -> None:
    one, other = traces("1"), traces("4242")
    assert one == other
    assert one == f"{[play(seed) for seed in SEEDS]}\n"


def test_another_seed_is_another_run() -> None:
    assert len({play(seed) for seed in SEEDS}) == len(SEEDS)
