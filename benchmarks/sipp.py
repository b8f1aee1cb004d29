"""SIPp as the load: one process runs one scenario of ours; its statistics files tell what happened.

Our scenarios have bodies of the exact length and a fixed source port, so that one user keeps one
contact.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkError, start_pinned, stop
from benchmarks.servers import DOMAIN, PASSWORD

__all__ = ["Load", "Sipp", "Tally", "write_users"]

SCENARIOS = Path(__file__).resolve().parent / "scenarios"
MAX_RETRANSMISSIONS = 3  # a round with one is thrown away, so there is no use in waiting for more
MODES = {"UDP": "u1", "TCP": "t1"}  # one socket for all calls


@dataclass(frozen=True, slots=True)
class Load:
    """One run of a scenario. `rate` is in calls a second; 0 means a closed loop of `users` calls at
    a time.
    """

    scenario: str
    calls: int
    port: int
    server_port: int = 0  # 0: this side waits for calls
    rate: int = 0
    users: int = 0
    transport: str = "UDP"
    contact_port: int = 0  # of the bindings that REGISTER makes
    contact_transport: str = "UDP"
    users_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What SIPp counted. `sent` and `received` leave out retransmissions."""

    succeeded: int = 0
    failed: int = 0
    retransmitted: int = 0
    unexpected: int = 0
    sent: int = 0
    received: int = 0


class Sipp:
    """A running SIPp."""

    def __init__(self, load: Load, folder: Path, core: int) -> None:
        """Starts it in `folder`, which gets its files. Raises BenchmarkError if SIPp is not
        installed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._load = load
        self._started = time.monotonic()
        with (folder / "sipp.out").open("wb") as output:
            self._process = start_pinned(_command(load), core, output=output, folder=folder)

    def wait(self, seconds: float) -> bool:
        """Wait for the end; False if it had to be killed."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            return False
        return True

    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._started

    def stop(self) -> None:
        """End it without waiting for its calls."""
        stop(self._process)

    def tally(self) -> Tally:
        """The final counts. Raises BenchmarkError if SIPp wrote none."""
        prefix = f"{self._load.scenario}_{self._process.pid}"
        try:
            statistics = _last_row(self._folder / f"{prefix}_.csv")
            counts = _last_row(self._folder / f"{prefix}_counts.csv")
        except (OSError, StopIteration, IndexError) as error:
            text = (self._folder / "sipp.out").read_text(errors="replace")[-1500:]
            raise BenchmarkError(f"SIPp left no statistics ({error}):\n{text}") from error
        return Tally(
            succeeded=int(statistics["SuccessfulCall(C)"]),
            failed=int(statistics["FailedCall(C)"]),
            retransmitted=_total(counts, "Retrans"),
            unexpected=_total(counts, "Unexp") + _total(counts, "Timeout"),
            sent=_total(counts, "Sent"),
            received=_total(counts, "Recv"),
        )


def _command(load: Load) -> list[str]:
    program = shutil.which("sipp")
    if program is None:
        raise BenchmarkError("sipp is not installed (Debian package sip-tester)")
    suffix = (
        "" if load.contact_transport == "UDP" else f";transport={load.contact_transport.lower()}"
    )
    command = [program, "-sf", str(SCENARIOS / f"{load.scenario}.xml"), "-t", MODES[load.transport]]
    if load.server_port:
        command.insert(1, f"127.0.0.1:{load.server_port}")
        command += ["-users", str(load.users)] if load.users else ["-r", str(load.rate)]
    if load.users_file is not None:
        command += ["-inf", str(load.users_file)]
    command += ["-key", "domain", DOMAIN, "-key", "contact_port", str(load.contact_port)]
    command += [
        "-key",
        "contact_suffix",
        suffix,
        "-i",
        "127.0.0.1",
        "-p",
        str(load.port),
        "-m",
        str(load.calls),
    ]
    command += [
        "-nostdin",
        "-timer_resol",
        "1",
        "-max_retrans",
        str(MAX_RETRANSMISSIONS),
        "-buff_size",
        "4194304",
    ]
    return [*command, "-trace_stat", "-trace_counts", "-fd", "1", "-trace_err"]


def _last_row(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    return dict(zip(rows[0], rows[-1], strict=False))


def _total(counts: dict[str, str], ending: str) -> int:
    return sum(int(value) for name, value in counts.items() if name.endswith(f"_{ending}"))


def write_users(path: Path, count: int, *, first: int = 0) -> Path:
    """Write `count` users from u(first) on with their credentials in SIPp's form."""
    credentials = "[authentication username=u{0} password={1}]"
    rows = (
        f"u{number};{credentials.format(number, PASSWORD)}"
        for number in range(first, first + count)
    )
    path.write_text("\n".join(["SEQUENTIAL", *rows]) + "\n")
    return path
