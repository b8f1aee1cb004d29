"""One outside program under test: started, watched line by line, stopped by its own process id.

Every wait has a deadline. What the program printed is kept, so that a failing test can show it.
Leaves to others: which program, its configuration and what its lines mean.
"""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
OUTPUT_LINES = 20_000  # lines kept a program; a phone with traces on prints some hundreds a call
PORTS_KEPT = 1_000  # of the 3,000 that `free_port` chooses from
TAIL_LINES = 60  # lines of each program shown with a failure

_given: deque[int] = deque(maxlen=PORTS_KEPT)


class ProgramError(AssertionError):
    """A program did not do what the test needs; the message ends with what it printed last."""


class Program:
    """A running process with its output collected in the background."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        core: int | None = None,
    ) -> None:
        """Start ``command`` in ``folder``; ``core`` pins it to one processor."""
        self.name = name
        self._lines: list[str] = []
        self._changed = threading.Condition()
        words = [str(word) for word in command]
        if core is not None and core < (os.cpu_count() or 1):
            words = ["taskset", "-c", str(core), *words]
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"{name}-output", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            with self._changed:
                if len(self._lines) < OUTPUT_LINES:
                    self._lines.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        """The process id, which is the program's own: nothing else is ever signalled."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    @property
    def output(self) -> str:
        """Everything printed so far, standard output and error together."""
        with self._changed:
            return "\n".join(self._lines)

    def mark(self) -> int:
        """A position in the output: ``wait_for(..., after=mark)`` sees only later lines."""
        with self._changed:
            return len(self._lines)

    def wait_for(self, pattern: str, *, timeout: float = 10.0, after: int = 0) -> re.Match[str]:
        """The first line from ``after`` on that matches ``pattern``; fails at the deadline."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout
        seen = after
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if found := wanted.search(line):
                        return found
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if left <= 0 or not (self._reader.is_alive() or self.running):
                    break
                self._changed.wait(min(left, 0.25))
        raise self.failure(f"no line like {pattern!r} within {timeout:g} s")

    def write_line(self, line: str) -> None:
        """Type one line into the program."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self.failure("ended before it read a command") from error

    def wait(self, *, timeout: float) -> int:
        """The exit code, once the program ends by itself."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise self.failure(f"still running after {timeout:g} s") from error
        self._reader.join(2.0)
        return code

    def stop(self, *, timeout: float = 5.0) -> int:
        """Ask the program to end (SIGTERM), insist at the deadline; the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout)
        self._close()
        return self.process.returncode

    def kill(self) -> None:
        """End the program at once, as a crash does (SIGKILL)."""
        self.process.kill()
        self.process.wait(5.0)
        self._close()

    def _close(self) -> None:
        self._reader.join(2.0)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def failure(self, what: str) -> ProgramError:
        """The error to raise, with the program's state and last lines."""
        state = "running" if self.running else f"ended with {self.process.returncode}"
        tail = "\n".join(self.output.splitlines()[-TAIL_LINES:])
        return ProgramError(f"{self.name} ({state}): {what}\n--- {self.name} printed ---\n{tail}")


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    timeout: float,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return code and output; a deadline missed is a failure."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            input=stdin,
            capture_output=True,
            timeout=timeout,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        printed = error.stdout or b""
        text = printed.decode(errors="replace") if isinstance(printed, bytes) else printed
        raise ProgramError(f"{words[0]} did not end in {timeout:g} s:\n{text}") from error


def free_port() -> int:
    """A port of the loopback address that is free for UDP and for TCP at this moment.

    Chosen at random below the system's range for outgoing connections, so that no client takes it
    meanwhile; and none of the last ones, which those who asked may not have bound yet.
    """
    for _ in range(200):
        port = random.randrange(10_000, 16_000, 2)
        if port in _given:
            continue
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                datagrams.bind((LOOPBACK, port))
                stream.bind((LOOPBACK, port))
            except OSError:
                continue
            _given.append(port)
            return port
    raise AssertionError("no port is free for both UDP and TCP")


def until(condition: Callable[[], bool], *, timeout: float, what: str) -> None:
    """Poll ``condition`` until it holds; fails at the deadline saying ``what`` was awaited."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(0.05)
