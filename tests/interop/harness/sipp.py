"""SIPp 3.6 as caller, answerer and registrant, with its statistics read back from its files.

The scenarios are our own (they keep the route set) or SIPp's stock ones. Server and SIPp run on
different processors, so that they do not slow each other.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.harness.process import LOOPBACK, Program, free_port

SCENARIOS = Path(__file__).parents[1] / "scenarios"
SERVER_CORE = 0
SIPP_CORE = 1
SOCKET_BUFFER = 4_194_304  # the default overflows at some hundred calls a second
TRANSPORT_FLAGS = {"udp": "u1", "tcp": "t1"}


@dataclass(frozen=True, slots=True)
class Result:
    """What SIPp counted."""

    created: int
    successful: int
    failed: int
    retransmissions: int
    unexpected: int


@dataclass(frozen=True, slots=True)
class Load:
    """How many calls, how fast, and to whom."""

    calls: int = 1
    rate: int = 10
    service: str = "service"
    keys: Mapping[str, str] = field(default_factory=dict)


class Sipp:
    """One running SIPp; ``stock`` scenarios are named ``uac`` and ``uas``."""

    def __init__(
        self,
        folder: Path,
        scenario: str,
        load: Load,
        *,
        target: tuple[str, int] | None = None,
        transport: str = "udp",
    ) -> None:
        """Start; a ``target`` makes a caller, none an answerer that ends after ``load.calls``."""
        self.port = free_port()
        self._folder = folder / f"sipp-{scenario}-{self.port}"
        self._folder.mkdir(parents=True)
        known = (SCENARIOS / f"{scenario}.xml").exists()
        source = ["-sf", str(SCENARIOS / f"{scenario}.xml")] if known else ["-sn", scenario]
        command = ["sipp", *source, "-i", LOOPBACK, "-mi", LOOPBACK, "-p", str(self.port)]
        command += ["-t", TRANSPORT_FLAGS[transport], "-m", str(load.calls), "-nostdin"]
        command += ["-buff_size", str(SOCKET_BUFFER), "-mp", str(free_port() + 10_000)]
        command += ["-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_err"]
        command += ["-error_file", "errors.log", "-trace_counts", "-skip_rlimit"]
        command += self._words(load, target)
        self.program = Program(f"sipp {scenario}", command, folder=self._folder, core=SIPP_CORE)

    def _words(self, load: Load, target: tuple[str, int] | None) -> Sequence[str]:
        words = [word for key, value in load.keys.items() for word in ("-key", key, value)]
        if target is None:
            return words
        rate = ["-r", str(load.rate), "-s", load.service]
        return [*words, *rate, f"{target[0]}:{target[1]}"]

    def finish(self, *, timeout: float) -> Result:
        """Wait until all calls have ended and read the counts."""
        self.program.wait(timeout=timeout)
        self.program.stop()
        return self.result()

    def stop(self) -> None:
        """End it."""
        self.program.stop()

    def result(self) -> Result:
        """The cumulative counts that it wrote last."""
        last = _last_row(self._folder / "stat.csv")
        counts = _last_row(next(iter(self._folder.glob("*_counts.csv"))))
        return Result(
            created=int(last["TotalCallCreated"]),
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=_total(counts, "_Retrans"),
            unexpected=_total(counts, "_Unexp"),
        )

    def explain(self) -> str:
        """What SIPp complained about, for the message of a failed assertion."""
        errors = self._folder / "errors.log"
        text = errors.read_text(errors="replace") if errors.exists() else ""
        return f"{self.program.name}: {self.result()}\n{text[:4000]}"


def _last_row(path: Path) -> dict[str, str]:
    with path.open(newline="") as source:
        rows = list(csv.DictReader(source, delimiter=";"))
    assert rows, f"{path} has no rows"
    return rows[-1]


def _total(counts: Mapping[str, str], ending: str) -> int:
    return sum(int(value) for name, value in counts.items() if name and name.endswith(ending))
