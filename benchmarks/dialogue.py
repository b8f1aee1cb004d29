"""A program of our own on the load's core that obeys lines and answers with lines."""

from __future__ import annotations

import selectors
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from benchmarks.processes import BenchmarkError

__all__ = ["Dialogue"]

ROOT = Path(__file__).resolve().parent.parent


class Dialogue:
    """Use as a context manager: the program ends with it."""

    def __init__(self, module: str, arguments: Sequence[str], core: int) -> None:
        """`module` is its name in this package."""
        self._module = module
        self._process = subprocess.Popen(
            [
                *("taskset", "-c", str(core), sys.executable, "-m", f"benchmarks.{module}"),
                *arguments,
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def tell(self, line: str) -> None:
        """Send one line."""
        try:
            _pipe(self._process.stdin).write(f"{line}\n")
            _pipe(self._process.stdin).flush()
        except BrokenPipeError as error:
            raise self._failed() from error

    def hear(self, seconds: float) -> str:
        """The next line. Raises BenchmarkError if there is none in time, or the program ended."""
        output = _pipe(self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise BenchmarkError(f"{self._module} said nothing within {seconds:.0f} s")
        line = output.readline().strip()
        if not line:
            raise self._failed()
        return line

    def close(self) -> None:
        """End the program at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            _pipe(pipe).close()

    def _failed(self) -> BenchmarkError:
        self._process.kill()
        complaint = _pipe(self._process.stderr).read()[-1500:]
        return BenchmarkError(f"{self._module} failed: {complaint}")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
