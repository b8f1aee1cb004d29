"""Start the prober and the flooder on the load's core, and read what they print."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkError

__all__ = ["Answers", "Tool", "probe"]

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Answers:
    """Answer times in seconds, sorted, and the number of probes that got no answer."""

    seconds: tuple[float, ...]
    lost: int

    def percentile(self, share: float) -> float | None:
        """The answer time that this share (0 to 1) of the answered probes did not exceed."""
        if not self.seconds:
            return None
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def median(self) -> float | None:
        """The middle answer time."""
        return statistics.median(self.seconds) if self.seconds else None

    def joined(self, other: Answers) -> Answers:
        """Both together."""
        return Answers(tuple(sorted(self.seconds + other.seconds)), self.lost + other.lost)


class Tool:
    """One of our own programs, running on a core."""

    def __init__(self, module: str, arguments: Sequence[str], core: int) -> None:
        """`module` is its name in this package."""
        self._module = module
        command = ["taskset", "-c", str(core), sys.executable, "-m", f"benchmarks.{module}"]
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def output(self, seconds: float) -> str:
        """What it printed. Raises BenchmarkError if it failed or took longer than `seconds`."""
        try:
            printed, complaint = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            self.stop()
            raise BenchmarkError(f"{self._module} took over {seconds} s") from error
        if self._process.returncode != 0:
            raise BenchmarkError(f"{self._module} failed: {complaint[-1500:]}")
        return printed

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


def probe(kind: str, server_port: int, *, rate: float, seconds: float, core: int) -> Answers:
    """Run the prober and wait for its answers; `kind` is `options` or `call`."""
    arguments = [kind, "--server", str(server_port), "--rate", str(rate), "--seconds", str(seconds)]
    answer = json.loads(Tool("prober", arguments, core).output(seconds + 20.0))
    return Answers(tuple(sorted(answer["seconds"])), int(answer["lost"]))
