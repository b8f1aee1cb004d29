"""Starts the benchmarks: `python benchmarks/run.py --help`. The code is in the other modules."""

import runpy
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # so that `benchmarks` is a package
runpy.run_module("benchmarks.command", run_name="__main__", alter_sys=True)
