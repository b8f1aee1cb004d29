"""sipvicious (svmap, svwar, svcrack) as attackers, with what they print read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.interop.harness.process import Program

_ROW = re.compile(r"^\|\s*(\S[^|]*?)\s*\|\s*([^|]*?)\s*\|")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scanner found, as the rows of its table, and all that it printed."""

    rows: dict[str, str]
    output: str


def scan(folder: Path, *words: str, seconds: float) -> Scan:
    """Run a scanner in a HOME of its own; one that takes longer than ``seconds`` is ended."""
    program = Program(words[0], words, folder=folder, environment={"HOME": str(folder)})
    try:
        program.wait(timeout=seconds)
    except AssertionError:
        # A scanner that is being ignored retries for very long: what it has by now is the result.
        pass
    finally:
        program.stop()
    return Scan(_rows(program.output), program.output)


def _rows(output: str) -> dict[str, str]:
    found = [match.groups() for line in output.splitlines() if (match := _ROW.match(line))]
    return {first: second for first, second in found if first not in {"SIP Device", "Extension"}}
