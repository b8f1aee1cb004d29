"""Do calls notice that others wait for a name server that does not answer?

The same calls to phones with unknown host names run in all rounds; in the quiet ones the name
server answers "no such name" at once, in the others it drops every question.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.comparison import compare, told
from benchmarks.dialogue import Dialogue
from benchmarks.findings import Finding
from benchmarks.probing import Answers, probe
from benchmarks.processes import BenchmarkError
from benchmarks.rounds import Pace
from benchmarks.streams import stream_server

__all__ = ["measure_names"]

CALL_RATE = 40.0  # calls to names in a second: all that begin in a round wait at the same time
PROBE_RATE = 50.0
PATIENCE = 20.0  # seconds, beyond a round, for the last of the calls that wait
QUIET, SILENT = "answering name server", "silent name server"
WORDS = {QUIET: "answer", SILENT: "silent"}


def measure_names(
    folder: Path,
    server_core: int,
    load_core: int,
    *,
    pace: Pace,
    progress: Callable[[str], None],
) -> Finding:
    """Set-up time of calls to phones at addresses, in turns."""
    rounds: dict[str, list[Answers]] = {QUIET: [], SILENT: []}
    seconds = max(pace.seconds, 4.0)
    with Dialogue("name_server", [], load_core) as names:
        place = f"127.0.0.1:{names.hear(5.0)}"
        more = f'[dns]\nservers = ["{place}"]\n'
        server, ports = stream_server(folder / "names", server_core, more=more)
        try:
            arguments = ["--server", str(ports["tcp"])]
            with Dialogue("name_caller", arguments, load_core) as caller:
                for number in range(pace.rounds + 1):
                    for label, answers in rounds.items():
                        names.tell(WORDS[label])
                        asked = int(names.hear(5.0))
                        caller.tell(f"call {CALL_RATE} {seconds + 1.0}")
                        found = probe(
                            "call", ports["tcp"], rate=PROBE_RATE, seconds=seconds, core=load_core
                        )
                        _check(label, json.loads(caller.hear(seconds + PATIENCE)))
                        names.tell(WORDS[label])
                        if int(names.hear(5.0)) == asked:
                            raise BenchmarkError("the server asked no name server")
                        answers.append(found)
                        progress(f"calls round {number + 1} {label} {told(found)}")
        finally:
            server.stop()
    return compare(
        f"Set-up time of a call (ms) while {CALL_RATE:.0f} calls a second wait for a name",
        rounds,
        what="p99 of calls while a name server is silent",
    )


def _check(label: str, told_by_caller: dict[str, object]) -> None:
    """Every call to a name must have ended, and none well."""
    finals = told_by_caller["finals"]
    assert isinstance(finals, dict)
    if told_by_caller["silent"] or any(status < "300" for status in finals):
        raise BenchmarkError(f"{label}: calls to names ended so: {told_by_caller}")
