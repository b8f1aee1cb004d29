"""Run the suites that were asked for, print the report, write the JSON file."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.environment import machine, read_commit, server_build
from benchmarks.flood import measure_flood
from benchmarks.kamailio import Kamailio
from benchmarks.latency import measure_latency
from benchmarks.many_tls import measure_idle, measure_refreshes
from benchmarks.memory import measure_bindings, measure_transactions
from benchmarks.micro import measure_micro
from benchmarks.names import measure_names
from benchmarks.offhook_server import Offhook
from benchmarks.options import Options, parse_options
from benchmarks.processes import BenchmarkError, free_port
from benchmarks.report import render
from benchmarks.results import AGAIN, OURS, PEER, Results
from benchmarks.rounds import measure_level, prepare
from benchmarks.servers import Access, Place, Server
from benchmarks.sipp import write_users
from benchmarks.startup import measure_start
from benchmarks.streams import measure_streams
from benchmarks.workloads import WORKLOADS, Bench, Workload

__all__ = ["main"]

USERS = {Access.OPEN: 1000, Access.DIGEST: 50}
RESULTS = Path(__file__).resolve().parent / "results"
BINDINGS, QUICK_BINDINGS = 20000, 5000


class Session:
    """One run: its options, its folder and what it has found so far."""

    def __init__(self, options: Options, folder: Path) -> None:
        """`folder` gets the configurations, logs and statistics of all programs."""
        self._options = options
        self._folder = folder
        self._groups = 0
        self.results = Results(
            commit=read_commit(),
            machine=machine(),
            started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            options={"quick": options.quick, **dataclasses.asdict(options.pace)},
        )

    def run(self) -> None:
        """Run the suites; one that fails does not stop the others."""
        for name in self._options.only:
            try:
                self._suite(name)()
            except BenchmarkError as error:
                self.results.failures.append(f"{name}: {error}")
                _say(f"{name} could not be measured: {error}")

    def _suite(self, name: str) -> Callable[[], None]:
        suites = {
            "latency": self._latency,
            "memory": self._memory,
            "start": self._start,
            "flood": self._flood,
            "streams": self._streams,
            "idle": self._idle,
            "refreshes": self._refreshes,
            "names": self._names,
            "micro": self._micro,
        }
        return suites.get(name) or (lambda: self._levels(_workload(name)))

    @contextlib.contextmanager
    def _benches(self, access: Access, labels: Sequence[str]) -> Iterator[list[Bench]]:
        """Running servers, each with its own load ports; all are ended at the end."""
        self._groups += 1
        folder = self._folder / str(self._groups)
        folder.mkdir()
        users = USERS[access]
        users_file = write_users(folder / "users.csv", users)
        wanted = [label for label in labels if label != OURS or not self._options.alone]
        with contextlib.ExitStack() as stack:
            benches = []
            for label in wanted:
                server = self._server(label, access, folder)
                stack.callback(server.stop)
                self.results.builds.setdefault(label, server_build(server))
                core = self._options.load_core
                benches.append(Bench(server, folder / "load", core, users_file, users))
            yield benches

    def _server(self, label: str, access: Access, folder: Path) -> Server:
        place = Place(folder / label, free_port(), self._options.server_core)
        if label == OURS:
            return Offhook(place, access, users=USERS[access])
        return Kamailio(place, access, name=label)

    def _levels(self, workload: Workload) -> None:
        with self._benches(workload.access, (PEER, OURS, AGAIN)) as benches:
            for bench in benches:
                prepare(bench, workload)
            for level in workload.levels:
                result = measure_level(
                    benches, workload, level, pace=self._options.pace, progress=_say
                )
                self.results.levels.append(result)
                self._check(result.without_rounds(), f"{workload.name} {level.name}")

    def _check(self, labels: Sequence[str], what: str) -> None:
        if labels:
            self.results.failures.append(f"{what}: no round of {', '.join(labels)} counts")

    def _latency(self) -> None:
        workload = _workload("call")
        pace = self._options.pace
        with self._benches(workload.access, (PEER, OURS, AGAIN)) as benches:
            for bench in benches:
                prepare(bench, workload)
            self.results.latency = measure_latency(
                benches, workload, rounds=pace.rounds, seconds=pace.seconds + 1.0, progress=_say
            )
        for result in self.results.latency:
            silent = [label for label, answers in result.answers.items() if not answers.seconds]
            self._check(silent, f"latency at {result.rate}/s")

    def _memory(self) -> None:
        workload = _workload("call")
        count = QUICK_BINDINGS if self._options.quick else BINDINGS
        with self._benches(workload.access, (PEER, OURS)) as benches:
            for bench in benches:
                prepare(bench, workload)
                self.results.memory.append(measure_transactions(bench, workload, _say))
        with self._benches(workload.access, (PEER, OURS)) as benches:
            for bench in benches:
                result = measure_bindings(bench, self._folder, count, _say)
                self.results.memory.append(result)

    def _start(self) -> None:
        if self._options.alone:
            return
        result = measure_start(self._folder, self._options.server_core)
        self.results.start = result
        times = f"import {result.import_seconds * 1000:.0f} ms"
        _say(f"{times}, ready {result.ready_seconds * 1000:.0f} ms")

    def _flood(self) -> None:
        with self._benches(Access.OPEN, (PEER, OURS)) as benches:
            seconds = self._options.pace.seconds + 2.0
            self.results.floods = measure_flood(benches, seconds=seconds, progress=_say)

    def _streams(self) -> None:
        finding = measure_streams(*self._place(), pace=self._options.pace, progress=_say)
        self.results.findings.append(finding)

    def _idle(self) -> None:
        finding = measure_idle(*self._place(), quick=self._options.quick, progress=_say)
        self.results.findings.append(finding)

    def _refreshes(self) -> None:
        options = self._options
        finding = measure_refreshes(
            *self._place(), pace=options.pace, quick=options.quick, progress=_say
        )
        self.results.findings.append(finding)

    def _names(self) -> None:
        finding = measure_names(*self._place(), pace=self._options.pace, progress=_say)
        self.results.findings.append(finding)

    def _place(self) -> tuple[Path, int, int]:
        """The folder, the server's core and the load's."""
        return self._folder, self._options.server_core, self._options.load_core

    def _micro(self) -> None:
        self.results.micro = measure_micro(self._options.server_core, _say)


def _workload(name: str) -> Workload:
    return next(workload for workload in WORKLOADS if workload.name == name)


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """0 if everything that was asked for was measured, whatever the budgets say."""
    options = parse_options()
    folder = Path(tempfile.mkdtemp(prefix="offhook-bench-"))
    session = Session(options, folder)
    session.run()
    results = session.results
    _say("\n" + render(results))
    path = options.json or RESULTS / f"{results.commit.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    _say(f"\nresults: {path}")
    if results.failures:
        _say(f"logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
