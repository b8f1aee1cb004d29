"""Processes pinned to a core, and what the kernel knows of them: CPU time, memory, loaded
libraries, lost datagrams.

CPU comes from `/proc/PID/task/*/schedstat` (nanoseconds); the tick counts of `/proc/PID/stat` are
too coarse for short rounds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = [
    "BenchmarkError",
    "clean_environment",
    "cpu_seconds",
    "datagrams_dropped",
    "free_port",
    "is_bound",
    "memory_bytes",
    "native_modules",
    "process_tree",
    "start_pinned",
    "stop",
    "wait_until",
]

PROC = Path("/proc")
FIRST_PORT, PORTS = 20000, 12000
BYTECODE = Path(tempfile.gettempdir()) / f"offhook-bench-bytecode-{os.getuid()}"
STOP_SECONDS = 2.0  # draining would take longer: then the process is killed


class BenchmarkError(Exception):
    """The measurement could not be made; says what to do. A missed budget is not one of these."""


def clean_environment() -> dict[str, str]:
    """Ours without what would change the server, and with compiled modules kept as an installed
    package has them: a run with PYTHONDONTWRITEBYTECODE measured the compiler."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OFFHOOK_", "PYTHON"))
    }
    return {**kept, "PYTHONPYCACHEPREFIX": str(BYTECODE)}


def start_pinned(
    command: Sequence[str],
    core: int,
    *,
    output: IO[bytes],
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command on one core, with both outputs going to `output`."""
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
    )


def stop(process: subprocess.Popen[bytes], *, seconds: float = STOP_SECONDS) -> None:
    """End a process that we started, by SIGTERM, then by force."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll every few milliseconds; raises BenchmarkError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"waited {seconds:g} s for {what}")
        time.sleep(0.005)


def process_tree(root: int) -> list[int]:
    """The process and all its descendants."""
    found = [root]
    for pid in found:
        with contextlib.suppress(OSError):
            for task in (PROC / str(pid) / "task").iterdir():
                found.extend(int(child) for child in (task / "children").read_text().split())
    return found


def cpu_seconds(root: int) -> float:
    """CPU time that all threads of the process tree have used, in seconds."""
    nanoseconds = 0
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            for task in (PROC / str(pid) / "task").iterdir():
                nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def memory_bytes(root: int) -> int:
    """Memory of the process tree in bytes: private pages, and each shared page once (proportional
    set size).
    """
    kilobytes = 0
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
    return kilobytes * 1024


def native_modules(root: int) -> list[str]:
    """Files of Python extension modules and shared libraries of wheels that the process tree has
    really mapped.
    """
    found: set[str] = set()
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            found.update(_mapped_extensions(pid))
    return sorted(found)


def _mapped_extensions(pid: int) -> Iterator[str]:
    for line in (PROC / str(pid) / "maps").read_text().splitlines():
        path = line.partition("/")[2]
        is_library = path.endswith(".so") or ".so." in path
        if is_library and ("python" in path or "site-packages" in path or "offhook" in path):
            yield "/" + path


def datagrams_dropped(ports: Sequence[int]) -> int:
    """Datagrams that the kernel threw away because the socket of one of these local UDP ports was
    full.
    """
    wanted = {f"{port:04X}" for port in ports}
    rows = (PROC / "net" / "udp").read_text().splitlines()[1:]
    fields = [row.split() for row in rows]
    return sum(int(row[-1]) for row in fields if row[1].rpartition(":")[2] in wanted)


def is_bound(port: int, transport: str) -> bool:
    """True if a socket waits on this local port."""
    table = (PROC / "net" / transport.lower()).read_text().splitlines()[1:]
    rows = [row.split() for row in table]
    listening = "07" if transport == "UDP" else "0A"
    return any(row[1].endswith(f":{port:04X}") and row[3] == listening for row in rows)


def free_port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP, below the ephemeral range.

    Each process begins somewhere else, so that two runs on one machine keep apart.
    """
    start = _handed_out[-1] + 1 if _handed_out else FIRST_PORT + os.getpid() * 61 % PORTS
    for offset in range(PORTS):
        port = FIRST_PORT + (start - FIRST_PORT + offset) % PORTS
        if port not in _handed_out and _is_free(port):
            _handed_out.append(port)
            return port
    raise BenchmarkError(f"no free port from {FIRST_PORT} to {FIRST_PORT + PORTS}")


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket() as stream,
    ):
        try:
            datagrams.bind(("127.0.0.1", port))
            stream.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_handed_out: list[int] = []
